"""Alterations that leave good records valid and make them implausible: for each kind what is altered, and where.

None of them has more than one finding, and sums still agree.
"""

from collections.abc import Callable, Mapping
from typing import Any

from masivo_stream.generate.export_dates import DAY, REFERENCE, ZONES, rfc3339
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import CheckName

Fields = dict[str, Any]
"""A decoded record."""

Alteration = tuple[str, Callable[[Fields], None]]
"""The path of the field in which something must be found (empty: nothing is found in this kind), and the alteration."""

_LATER_THAN_ALL = rfc3339(REFERENCE + 2 * DAY, ZONES[0])
_FUTURE, _PAST = "2999-12-31T00:00:00Z", "2001-01-01T00:00:00Z"


def _event(fields: Fields) -> Fields:
    """Return the first event that is not reversed: a purchase."""
    event: Fields = next(each for each in fields["events"] if not {"reversed_at", "status"} & each.keys())
    return event


def _order(fields: Fields) -> Fields:
    order: Fields = _event(fields)["order"]
    return order


def _set(name: str, value: object) -> Callable[[Fields], None]:
    def alter(fields: Fields) -> None:
        fields[name] = value

    return alter


def _set_in_event(name: str, value: object) -> Callable[[Fields], None]:
    def alter(fields: Fields) -> None:
        _event(fields)[name] = value

    return alter


def _set_in_transaction(name: str, value: object) -> Callable[[Fields], None]:
    def alter(fields: Fields) -> None:
        fields["transactions"][-1][name] = value

    return alter


def _pad_id(fields: Fields) -> None:
    fields["id"] += " "


def _break_email(fields: Fields) -> None:
    fields["email"] = fields["email"].replace("@", ".")


def _raise_discounted(fields: Fields) -> None:
    _order(fields)["discounted_value"] = _order(fields)["value"] + 1


def _count_cents(fields: Fields) -> None:
    _order(fields)["value"] *= 100


def _negate(fields: Fields) -> None:
    order = _order(fields)
    order["value"], order["discounted_value"] = -order["value"], 0
    for product in order["products"]:
        product["value"] = -product["value"]


def _swap_dates(fields: Fields) -> None:
    fields["balance"][0] |= {"issued_at": _PAST, "expiration_date": "2000-01-01T00:00:00Z"}


def _repeat_reward(fields: Fields) -> None:
    fields["balance"].append({**fields["balance"][0], "amount": 0})


def _overdraw(fields: Fields) -> None:
    first = fields["balance"][0]
    fields["balance"].append({**first, "amount": -1, "expiration_date": _LATER_THAN_ALL})
    first["amount"] += 1


def _nothing(_fields: Fields) -> None:
    pass


DOUBTS: dict[str, tuple[CheckName, Mapping[Kind, Alteration]]] = {
    "misspelled_fields": (
        CheckName.MISSPELLED_FIELD,
        {
            Kind.CUSTOMERS: ("contry", _set("contry", "CO")),
            Kind.EVENTS: ("events[].order.shiping", lambda fields: _order(fields).update(shiping={"value": 1})),
            Kind.TRANSACTIONS: ("transactions[].detials", _set_in_transaction("detials", "gift")),
        },
    ),
    "unknown_fields": (
        CheckName.UNKNOWN_FIELD,
        {
            Kind.CUSTOMERS: ("loyalty_level", _set("loyalty_level", 3)),
            Kind.EVENTS: ("events[].cashier", _set_in_event("cashier", {"name": "Ana"})),
        },
    ),
    "future_dates": (
        CheckName.FUTURE_DATE,
        {
            Kind.EVENTS: ("events[].resolved_at", _set_in_event("resolved_at", _FUTURE)),
            Kind.TRANSACTIONS: ("transactions[].issued_at", _set_in_transaction("issued_at", _FUTURE)),
        },
    ),
    "before_1970": (
        CheckName.BEFORE_1970,
        {Kind.CUSTOMERS: ("registration_date", _set("registration_date", "1970-01-01T00:00:00Z"))},
    ),
    "before_registration": (
        CheckName.BEFORE_REGISTRATION,
        {
            Kind.CUSTOMERS: ("", _set("registration_date", _LATER_THAN_ALL)),
            Kind.EVENTS: ("events[].issued_at", _nothing),
            Kind.TRANSACTIONS: ("transactions[].issued_at", _nothing),
        },
    ),
    "dates_swapped": (
        CheckName.DATES_SWAPPED,
        {
            Kind.CUSTOMERS: ("balance[].expiration_date", _swap_dates),
            Kind.EVENTS: ("events[].resolved_at", _set_in_event("resolved_at", _PAST)),
            Kind.TRANSACTIONS: ("transactions[].resolved_at", _set_in_transaction("resolved_at", _PAST)),
        },
    ),
    "birth_dates": (CheckName.BIRTH_DATE, {Kind.CUSTOMERS: ("dob", _set("dob", "1900-01-01T00:00:00Z"))}),
    "discounts": (
        CheckName.DISCOUNT_ABOVE_VALUE,
        {Kind.EVENTS: ("events[].order.discounted_value", _raise_discounted)},
    ),
    "order_sums": (CheckName.ORDER_SUM, {Kind.EVENTS: ("events[].order.value", _count_cents)}),
    "negative_orders": (CheckName.NEGATIVE_ORDER, {Kind.EVENTS: ("events[].order.value", _negate)}),
    "event_types": (CheckName.EVENT_TYPE, {Kind.EVENTS: ("events[].type", _set_in_event("type", "Purchase"))}),
    "repeated_rewards": (CheckName.REPEATED_REWARD, {Kind.CUSTOMERS: ("balance[].reward_id", _repeat_reward)}),
    "negative_balances": (CheckName.NEGATIVE_BALANCE, {Kind.CUSTOMERS: ("balance[].amount", _overdraw)}),
    "emails": (CheckName.EMAIL_FORM, {Kind.CUSTOMERS: ("email", _break_email)}),
    "empty_names": (CheckName.EMPTY_NAME, {Kind.CUSTOMERS: ("name", _set("name", "null"))}),
    "garbled_names": (CheckName.GARBLED_NAME, {Kind.CUSTOMERS: ("name", _set("name", "SofÃ\xada PeÃ±a"))}),
    "padded_ids": (CheckName.PADDED_ID, dict.fromkeys(Kind, ("id", _pad_id))),
}
"""By the name under which it is planted: what finds it, and what is altered in each kind."""
