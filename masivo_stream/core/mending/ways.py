"""Which corrections fit a cause: the flags of `mend` that a person tries first."""

from masivo_stream.core.mending.field_path import parse_path, types_at
from masivo_stream.core.mending.letter import Key
from masivo_stream.core.mending.new_values import takes_dates, takes_words
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason

_SET, _MAP, _TABLE, _GIVE_UP = "--set VALUE", "--map OLD=NEW", "--csv corrections.csv", '--give-up "why"'
_USUAL = (_SET, _MAP, _TABLE, _GIVE_UP)
_OF_FEW_VALUES = (_MAP, _SET, _TABLE, _GIVE_UP)
_OF_DATES = ("--zone Z", _SET, _TABLE, _GIVE_UP)
_ONE_BY_ONE = (_TABLE, _GIVE_UP)

_UNIQUE = frozenset({"id", "email", "purchase_id"})
"""Names of fields that have another value in each record: the same value for all is no correction."""

BY_HAND = frozenset(
    {Reason.INVALID_JSON, Reason.INVALID_UTF8, Reason.TOO_DEEP, Reason.TOO_LONG, Reason.TRUNCATED_INPUT}
)
"""Reasons of lines that cannot be read as a record: they have no field that could be corrected."""

_BY_REASON: dict[str, tuple[str, ...]] = {
    Reason.WRONG_TYPE: ("--convert", _SET, _MAP, _TABLE, _GIVE_UP),
    Reason.MISSING_FIELD: (_SET, "--copy FIELD", _TABLE, _GIVE_UP),
    Reason.UNKNOWN_FIELD: ("--rename NAME", "--remove", _GIVE_UP),
    Reason.DUPLICATE_FIELD: (_SET, _TABLE, _GIVE_UP),
    Reason.DUPLICATE_ID: _ONE_BY_ONE,
    Reason.DUPLICATE_EMAIL: _ONE_BY_ONE,
    Reason.DUPLICATE_EVENT: (_GIVE_UP, _TABLE),
    Reason.SENT_BEFORE: (_GIVE_UP, _TABLE),
    Reason.BALANCE_MISMATCH: _ONE_BY_ONE,
    Reason.NO_BALANCE: _ONE_BY_ONE,
    Reason.NO_ITEMS: (_GIVE_UP,),
    Reason.TOO_MANY_ITEMS: (_GIVE_UP,),
    Reason.SPLIT_TRANSACTIONS: (_GIVE_UP,),
    Reason.UNKNOWN_CUSTOMER: (_GIVE_UP,),
    Reason.CUSTOMER_NOT_MIGRATED: (_GIVE_UP,),
}

EXAMPLES: dict[Kind, str] = {
    Kind.CUSTOMERS: "registration_date",
    Kind.EVENTS: "events[].brand_id",
    Kind.TRANSACTIONS: "transactions[].issued_at",
}
"""A path of a field of each kind, for hints."""


def ways_of(key: Key, schema: object) -> tuple[str, ...]:
    """Return the flags that fit a cause, the likeliest first; `schema` is the type of a record."""
    reason, field, _ = key
    if reason in BY_HAND:
        return (_GIVE_UP,)
    ways = _BY_REASON.get(reason, _USUAL if field else _ONE_BY_ONE)
    path = parse_path(field)
    if not path:
        return ways
    if path[-1] in _UNIQUE:
        return tuple(way for way in ways if way not in {_SET, _MAP})
    types = types_at(schema, path) if reason in {Reason.INVALID_VALUE, Reason.WRONG_TYPE} else []
    if takes_words(types):
        return _OF_FEW_VALUES
    if takes_dates(types):  # no time zone makes a date of a number or of null
        return _OF_DATES if reason == Reason.INVALID_VALUE else (_SET, _TABLE, _GIVE_UP)
    return ways
