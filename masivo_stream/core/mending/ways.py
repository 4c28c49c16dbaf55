"""Which corrections fit a cause: the flags of `mend` that a person tries first."""

from masivo_stream.core.mending.field_path import parse_path, types_at
from masivo_stream.core.mending.letter import Key
from masivo_stream.core.mending.new_values import takes_dates
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason

_SET, _MAP, _TABLE, _GIVE_UP = "--set VALUE", "--map OLD=NEW", "--csv corrections.csv", '--give-up "why"'
_USUAL = (_SET, _MAP, _TABLE, _GIVE_UP)

BY_HAND = frozenset(
    {Reason.INVALID_JSON, Reason.INVALID_UTF8, Reason.TOO_DEEP, Reason.TOO_LONG, Reason.TRUNCATED_INPUT}
)
"""Reasons of lines that cannot be read as a record: they have no field that could be corrected."""

_BY_REASON: dict[str, tuple[str, ...]] = {
    Reason.WRONG_TYPE: ("--convert", _SET, _MAP, _TABLE, _GIVE_UP),
    Reason.MISSING_FIELD: (_SET, "--copy FIELD", _TABLE, _GIVE_UP),
    Reason.UNKNOWN_FIELD: ("--rename NAME", "--remove", _GIVE_UP),
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
    if not field:
        return _TABLE, _GIVE_UP
    path = parse_path(field)
    if reason in {Reason.INVALID_VALUE, Reason.WRONG_TYPE} and path is not None and takes_dates(types_at(schema, path)):
        return "--zone Z", _SET, _TABLE, _GIVE_UP
    return _BY_REASON.get(reason, _USUAL)
