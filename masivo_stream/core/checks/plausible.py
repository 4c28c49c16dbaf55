"""Look at what a valid record says: dates, amounts, names that the API may take, and that are probably wrong.

Decisions:

* A date is in the future if it is more than a day after now, and one date is before another one if it is more than a
  day before it. So neither the time zone of an export nor a clock that is a little wrong matters.
* The first day of 1970 counts as before 1970: 0 seconds since 1970 is what programs write if there is no date.
* The documents say "total or subtotal" of an order and of a product, and their example agrees with neither. So an order
  is right if its value is the sum of its products' values, or of amount times value, with or without shipping, and off
  by at most 1 % or 0.01 for each product. Only purchases are compared, since only they count for metrics and tier.
* Points that expire at different times are different lines of a balance. So a reward is repeated only if two lines
  differ in nothing but the amount.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from msgspec import UNSET

from masivo_stream.core.checks.lean_records import (
    LeanBalance,
    LeanCustomer,
    LeanEvent,
    LeanEvents,
    LeanOrder,
    LeanRecord,
    LeanShipping,
    LeanTransactions,
)
from masivo_stream.model.findings import CheckName
from masivo_stream.model.moments import after, utc
from masivo_stream.model.schemas import Timestamp

Doubt = tuple[CheckName, str]
"""What is implausible, and the path of its field."""

DAY_SECONDS = 86_400
"""By how much dates may differ before they count."""

EARLIEST = utc(DAY_SECONDS)
_EPOCH_YEAR = 1970
FIRST_BIRTH_YEAR = 1901
"""1900-01-01 is what SQL Server and spreadsheets write if there is no date."""

_SUM_SHARE, _SUM_OF_PRODUCT = 0.01, 0.01

_ORDER = "events[].order"
PURCHASE = "PURCHASE"
_MOST_TYPES = 1000
"""Types of events that are remembered; an account may have 50 types of its own."""
_ALIKE = 0.86

_WORDS = ("null", "(null)", "none", "nil", "undefined", "nan", "n/a", "#n/a", "-", "--", ".", "?")
NOTHING = frozenset({"", *_WORDS, *(f"{word} {word}" for word in _WORDS)})
"""Words for nothing as programs write them, also in place of first and last name."""

_WINDOWS_1252 = "".join(bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xC0))
_GARBLED = re.compile(f"\ufffd|[ÂÃ][\u0080-\u00bf{_WINDOWS_1252}]|\\w\\?\\w")
"""UTF-8 read as Latin-1 or Windows-1252 (`SofÃ­a`), and what could not be written (`Sof?a`)."""


def is_much_before(one: Timestamp, other: Timestamp) -> bool:
    """Return whether `one` is more than a day before `other`."""
    return one < other and (other - one).total_seconds() > DAY_SECONDS


class Plausibility:
    """Look at records, one by one."""

    def __init__(self, now: Timestamp) -> None:
        """Take dates that are more than a day after `now` for dates in the future."""
        self._latest = after(now, DAY_SECONDS)
        self._year = now.year
        """A date of an earlier year is not in the future, whatever its time zone: a number is compared faster."""
        self._near: dict[str, bool] = {}
        self._doubts: list[Doubt] = []

    def take(self) -> list[Doubt]:
        """Return what was implausible in the record looked at last, each thing once."""
        if not self._doubts:
            return self._doubts
        doubts, self._doubts = list(dict.fromkeys(self._doubts)), []
        return doubts

    def look(self, record: LeanRecord) -> tuple[Timestamp, Timestamp]:
        """Look at a record; return its earliest and its latest date.

        For a customer, this is the date of the registration, for others the dates when the items were issued.
        """
        if record.id != record.id.strip():
            self._doubts.append((CheckName.PADDED_ID, "id"))
        if isinstance(record, LeanEvents):
            self._look_at_events(record)
            dates = [event.issued_at for event in record.events]
            first, last, field = min(dates), max(dates), "events[].issued_at"
        elif isinstance(record, LeanTransactions):
            self._look_at_resolved(record)
            dates = [each.issued_at for each in record.transactions]
            first, last, field = min(dates), max(dates), "transactions[].issued_at"
        else:
            self._look_at_customer(record)
            first = last = record.registration_date
            field = "registration_date"
        if first.year <= _EPOCH_YEAR or last.year >= self._year:
            self._look_at_dates(field, first, last)
        return first, last

    def _look_at_customer(self, customer: LeanCustomer) -> None:
        doubts, name, email, birth = self._doubts, customer.name, customer.email, customer.dob
        if name.strip().lower() in NOTHING:
            doubts.append((CheckName.EMPTY_NAME, "name"))
        elif ("?" in name or "Ã" in name or "Â" in name or "\ufffd" in name) and _GARBLED.search(name):
            doubts.append((CheckName.GARBLED_NAME, "name"))
        if email.count("@") != 1 or email[0] == "@" or email[-1] == "@" or " " in email or not email.isprintable():
            doubts.append((CheckName.EMAIL_FORM, "email"))
        if birth is not None and (birth.year < FIRST_BIRTH_YEAR or birth > self._latest):
            doubts.append((CheckName.BIRTH_DATE, "dob"))
        if customer.balance:
            self._look_at_balance(customer.balance)

    def _look_at_balance(self, balance: list[LeanBalance]) -> None:
        for each in balance:
            if each.amount < 0:
                self._doubts.append((CheckName.NEGATIVE_BALANCE, "balance[].amount"))
            if (issued := each.issued_at) is not None:
                if issued.year <= _EPOCH_YEAR or issued.year >= self._year:
                    self._look_at_dates("balance[].issued_at", issued, issued)
                if each.expiration_date is not None and is_much_before(each.expiration_date, issued):
                    self._doubts.append((CheckName.DATES_SWAPPED, "balance[].expiration_date"))
        if len(balance) > 1 and _is_repeated(balance):
            self._doubts.append((CheckName.REPEATED_REWARD, "balance[].reward_id"))

    def _look_at_resolved(self, record: LeanTransactions) -> None:
        for each in record.transactions:
            resolved = each.resolved_at
            if resolved is not None and (not _EPOCH_YEAR < resolved.year < self._year or resolved < each.issued_at):
                self._look_at_both("transactions[].resolved_at", each.issued_at, resolved)

    def _look_at_events(self, record: LeanEvents) -> None:
        for event in record.events:
            order, resolved = event.order, event.resolved_at
            value, paid = order.value, order.discounted_value
            if value < 0 or (paid is not UNSET and not 0 <= paid <= value):
                self._doubts.extend(_doubt_prices(order))
            total = 0.0
            for product in order.products:
                total += product.amount * product.value
                if product.discounted_value > product.value >= 0:
                    self._doubts.append((CheckName.DISCOUNT_ABOVE_VALUE, f"{_ORDER}.products[].discounted_value"))
            if total != value and event.type == PURCHASE and not _adds_up(order):
                self._doubts.append((CheckName.ORDER_SUM, f"{_ORDER}.value"))
            if (shipping := order.shipping) is not None and _is_above(shipping):
                self._doubts.append((CheckName.DISCOUNT_ABOVE_VALUE, f"{_ORDER}.shipping.discounted_value"))
            if resolved is not None and (not _EPOCH_YEAR < resolved.year < self._year or resolved < event.issued_at):
                self._look_at_both("events[].resolved_at", event.issued_at, resolved)
            if event.type != PURCHASE and self._is_nearly_purchase(event):
                self._doubts.append((CheckName.EVENT_TYPE, "events[].type"))

    def _look_at_both(self, field: str, issued: Timestamp, resolved: Timestamp) -> None:
        self._look_at_dates(field, resolved, resolved)
        if is_much_before(resolved, issued):
            self._doubts.append((CheckName.DATES_SWAPPED, field))

    def _look_at_dates(self, field: str, first: Timestamp, last: Timestamp) -> None:
        if first < EARLIEST:
            self._doubts.append((CheckName.BEFORE_1970, field))
        if last > self._latest:
            self._doubts.append((CheckName.FUTURE_DATE, field))

    def _is_nearly_purchase(self, event: LeanEvent) -> bool:
        known = self._near.get(event.type)
        if known is None:
            known = _is_nearly_purchase(event.type)
            if len(self._near) < _MOST_TYPES:
                self._near[event.type] = known
        return known


class TimelessPlausibility(Plausibility):
    """Looks at records without knowing when now is: no date is in the future, and the latest one is remembered.

    Whoever knows the time compares it with the latest date, and looks again at the records if it is later.
    """

    def __init__(self) -> None:
        """Remember no date yet."""
        super().__init__(utc(float("inf")))
        self._year = 0  # so that every date is looked at
        self._latest_seen: Timestamp | None = None

    def take_latest(self) -> Timestamp | None:
        """Return the latest date since the last call that may be in the future, None if no date was seen."""
        latest, self._latest_seen = self._latest_seen, None
        return latest

    def _look_at_customer(self, customer: LeanCustomer) -> None:
        super()._look_at_customer(customer)
        if customer.dob is not None:
            self._see(customer.dob)

    def _look_at_dates(self, field: str, first: Timestamp, last: Timestamp) -> None:
        super()._look_at_dates(field, first, last)
        self._see(last)

    def _see(self, date: Timestamp) -> None:
        if self._latest_seen is None or date > self._latest_seen:
            self._latest_seen = date


def latest_allowed(now: Timestamp) -> Timestamp:
    """Return the moment after which a date is in the future."""
    return after(now, DAY_SECONDS)


def _doubt_prices(order: LeanOrder) -> Iterator[Doubt]:
    if order.value < 0:
        yield CheckName.NEGATIVE_ORDER, f"{_ORDER}.value"
    if order.discounted_value is UNSET:
        return
    if order.discounted_value < 0:
        yield CheckName.NEGATIVE_ORDER, f"{_ORDER}.discounted_value"
    elif order.discounted_value > order.value >= 0:
        yield CheckName.DISCOUNT_ABOVE_VALUE, f"{_ORDER}.discounted_value"


def _is_above(shipping: LeanShipping) -> bool:
    return shipping.value is not UNSET and shipping.discounted_value > shipping.value >= 0


def _adds_up(order: LeanOrder) -> bool:
    """Return whether an order's value is the sum of its products in one of the ways that the documents allow."""
    value = order.value
    allowed = max(_SUM_SHARE * abs(value), _SUM_OF_PRODUCT * len(order.products))
    shipping = (order.shipping is not None and order.shipping.value) or 0.0
    for total in (
        sum([product.amount * product.value for product in order.products]),
        sum([product.value for product in order.products]),
    ):
        if abs(total - value) <= allowed or abs(total + shipping - value) <= allowed:
            return True
    return False


def _is_repeated(balance: list[LeanBalance]) -> bool:
    """Return whether two lines of a balance differ in nothing but the amount."""
    if len({each.reward_id.lower() for each in balance}) == len(balance):
        return False
    seen = {
        (
            each.reward_id.lower(),
            each.issued_at,
            each.expiration_date,
            *map(bytes, (each.brand_id, each.channel_id, each.store_id, each.funded_by)),
        )
        for each in balance
    }
    return len(seen) < len(balance)


def _is_nearly_purchase(type_: str) -> bool:
    """Return whether a type that is not PURCHASE is meant to be it: `Purchase`, `PURCHASES`, `PURCHACE`."""
    plain = "".join(filter(str.isalpha, type_)).upper()
    if plain in (PURCHASE, PURCHASE + "S"):
        return True
    longer = plain.startswith(PURCHASE) or plain.endswith(PURCHASE)  # REPURCHASE, PURCHASE_REFUND: other types
    return not longer and SequenceMatcher(None, plain, PURCHASE).ratio() >= _ALIKE
