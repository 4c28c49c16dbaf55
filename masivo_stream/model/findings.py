"""Findings: what is wrong with an export as a whole, although each of its lines may be right.

`validate --json` prints them as `checks`.
"""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.earlier_runs import EarlierRun
from masivo_stream.model.reason import Reason


class CheckName(enum.StrEnum):
    """What is checked over all files of a run."""

    BALANCE_MISMATCH = "balance_mismatch"
    NO_BALANCE = "no_balance"
    NO_TRANSACTIONS = "no_transactions"
    UNKNOWN_CUSTOMER = "unknown_customer"
    CUSTOMER_DELETED = "customer_deleted"
    CUSTOMER_NOT_MIGRATED = "customer_not_migrated"
    DUPLICATE_ID = "duplicate_id"
    DUPLICATE_EMAIL = "duplicate_email"
    EMAIL_CASE = "email_case"
    SPLIT_TRANSACTIONS = "split_transactions"
    DUPLICATE_EVENT = "duplicate_event"
    DUPLICATE_PURCHASE = "duplicate_purchase"
    EVENT_SENT_BEFORE = "event_sent_before"
    PURCHASE_SENT_BEFORE = "purchase_sent_before"
    MISSPELLED_FIELD = "misspelled_field"
    UNKNOWN_FIELD = "unknown_field"
    FUTURE_DATE = "future_date"
    BEFORE_1970 = "before_1970"
    BEFORE_REGISTRATION = "before_registration"
    DATES_SWAPPED = "dates_swapped"
    BIRTH_DATE = "birth_date"
    DISCOUNT_ABOVE_VALUE = "discount_above_value"
    ORDER_SUM = "order_sum"
    NEGATIVE_ORDER = "negative_order"
    EVENT_TYPE = "event_type"
    REPEATED_REWARD = "repeated_reward"
    NEGATIVE_BALANCE = "negative_balance"
    EMAIL_FORM = "email_form"
    EMPTY_NAME = "empty_name"
    GARBLED_NAME = "garbled_name"
    PADDED_ID = "padded_id"


MEANINGS: dict[CheckName, str] = {
    CheckName.BALANCE_MISMATCH: "a customer's transactions of a reward do not add up to the balance: correct the"
    " balance, or the transactions",
    CheckName.NO_BALANCE: "a customer has transactions that do not add up to zero, and no balance: add the balance; if"
    " the account takes such transactions, --skip-checks no_balance",
    CheckName.NO_TRANSACTIONS: "a customer has a balance and no transactions: check that the export did not leave them"
    " out",
    CheckName.UNKNOWN_CUSTOMER: "the customer is in no customers export: add the customer, or leave the record out; if"
    " the account has these customers already, --skip-checks unknown_customer",
    CheckName.CUSTOMER_DELETED: "the customer is deleted: the record is skipped with the customer",
    CheckName.CUSTOMER_NOT_MIGRATED: "the customer is a dead letter: correct the customer first",
    CheckName.DUPLICATE_ID: "an earlier record has this id: keep one record for this customer",
    CheckName.DUPLICATE_EMAIL: "an earlier customer has this email: correct one of the two customers",
    CheckName.EMAIL_CASE: "an earlier customer has this email in other case: correct one of them if both are one"
    " mailbox",
    CheckName.SPLIT_TRANSACTIONS: "an earlier line has transactions of this customer: put all of them on one line",
    CheckName.DUPLICATE_EVENT: "the same event came before: leave the later one out",
    CheckName.DUPLICATE_PURCHASE: "another event of this customer has the same purchase_id, and each counts: if they"
    " are one purchase, leave one out, or --duplicate-purchase reject",
    CheckName.EVENT_SENT_BEFORE: "an earlier run sent the same event to this account: leave it out",
    CheckName.PURCHASE_SENT_BEFORE: "an earlier run sent an event of this customer with the same purchase_id: leave it"
    " out if they are one purchase, with --duplicate-purchase reject",
    CheckName.MISSPELLED_FIELD: "the API does not know this field, but one of nearly the same name: correct the"
    " spelling, or what it holds will not arrive",
    CheckName.UNKNOWN_FIELD: "the API does not know this field, and what it holds will not arrive: leave it out, or put"
    " what it holds into metadata",
    CheckName.FUTURE_DATE: "the date is more than a day in the future: correct it; if it is right, check the clock of"
    " this machine",
    CheckName.BEFORE_1970: "the date is before 1970, or on its first day, as programs write it if no date is known:"
    " correct it",
    CheckName.BEFORE_REGISTRATION: "it happened more than a day before the customer registered: correct the date, or"
    " registration_date",
    CheckName.DATES_SWAPPED: "the later of two dates is more than a day before the earlier one: correct them, or leave"
    " the date out",
    CheckName.BIRTH_DATE: "the date of birth is in the future, or before 1901 as programs write it if no date is"
    " known: correct it, or leave dob out",
    CheckName.DISCOUNT_ABOVE_VALUE: "the discounted value is above the value: correct the two, which may be swapped",
    CheckName.ORDER_SUM: "the order's value is not the sum of its products: look for missing products, and for cents"
    " in place of whole units",
    CheckName.NEGATIVE_ORDER: "an order's value is negative: leave returns out, or mark the event as reversed",
    CheckName.EVENT_TYPE: "the type is nearly PURCHASE, and only events of exactly this type count for metrics and"
    " tier: correct the spelling",
    CheckName.REPEATED_REWARD: "two lines of a balance differ in nothing but the amount: make one line of them, or"
    " leave one out if the export wrote it twice",
    CheckName.NEGATIVE_BALANCE: "a balance is below zero: correct it, and look for a redemption that is counted twice",
    CheckName.EMAIL_FORM: "the email cannot be one: it needs one @ with text on both sides, and no blanks",
    CheckName.EMPTY_NAME: "the name is empty, or a word for nothing such as null: write the customer's name",
    CheckName.GARBLED_NAME: "the name looks as if it was read in another encoding: export it as UTF-8",
    CheckName.PADDED_ID: "the id begins or ends with a blank, and is another id without it: remove the blank"
    " everywhere",
}
"""What each finding means, and what to do about it."""

PLAUSIBILITY = frozenset(list(CheckName)[list(CheckName).index(CheckName.MISSPELLED_FIELD) :])
"""What the API may take, although it is probably wrong."""

Severity = Literal["error", "warning"]

_WARNINGS = frozenset(
    {
        CheckName.NO_TRANSACTIONS,
        CheckName.CUSTOMER_DELETED,
        CheckName.EMAIL_CASE,
        *PLAUSIBILITY,
    }
)


def severity(check: CheckName, duplicate_purchase: str) -> Severity:
    """Return how severe a finding is: an error if the API would refuse the record, or if it is a dead letter.

    `duplicate_purchase` is the setting of that name: it decides about events that came before.
    """
    if check in {CheckName.DUPLICATE_EVENT, CheckName.EVENT_SENT_BEFORE}:
        return "error" if duplicate_purchase in {"auto", "reject"} else "warning"
    if check in {CheckName.DUPLICATE_PURCHASE, CheckName.PURCHASE_SENT_BEFORE}:
        return "error" if duplicate_purchase == "reject" else "warning"
    return "warning" if check in _WARNINGS else "error"


def unit_of(check: CheckName) -> str:
    """Return what the number of a check's findings counts."""
    if check in OF_PURCHASES:
        return "events"
    if check in _OF_REWARDS:
        return "rewards of customers"
    return "records"


class LinePlace(Struct, frozen=True, order=True):
    """Where a line is: in the input numbered `source`, counted over all kinds in the order in which they are read."""

    source: int
    line: int
    offset: int
    length: int


class RewardSums(Struct, frozen=True, kw_only=True):
    """What does not agree for one reward of a customer, as exact decimal numbers."""

    reward: str
    name: str = ""
    """Of the reward, if a catalogue was given that has it."""
    balance: Decimal
    transactions: Decimal
    difference: Decimal
    """The sum of the transactions minus the balance."""


class ExportFault(Struct, frozen=True):
    """One thing that is wrong."""

    check: CheckName
    place: LinePlace
    """The line concerned; of two lines that do not agree, the later one."""
    others: tuple[LinePlace, ...] = ()
    """The other lines: the first of two that are alike; for a balance, the customer's and further transactions."""
    sums: RewardSums | None = None
    item: int | None = None
    """The event in its record that came before; None if the whole record is concerned."""
    holds_first: bool = False
    """Whether the first one of two lines is held back, too: neither can be sent without the other."""
    field: str = ""
    """The path of the field, such as `events[].issued_at`, if the check looks at fields."""


class HeldLine(Struct, frozen=True, gc=False, kw_only=True, order=True):
    """A line that is not sent as it is, because of a finding. `message` quotes nothing of a record but reward ids."""

    line: int
    check: CheckName
    item: int | None = None
    """The event in its record; None for the whole record."""
    message: str


HELD_AS: dict[CheckName, Reason] = {
    CheckName.DUPLICATE_ID: Reason.DUPLICATE_ID,
    CheckName.DUPLICATE_EMAIL: Reason.DUPLICATE_EMAIL,
    CheckName.SPLIT_TRANSACTIONS: Reason.SPLIT_TRANSACTIONS,
    CheckName.BALANCE_MISMATCH: Reason.BALANCE_MISMATCH,
    CheckName.NO_BALANCE: Reason.NO_BALANCE,
    CheckName.UNKNOWN_CUSTOMER: Reason.UNKNOWN_CUSTOMER,
}
"""Findings that hold a whole line back, and the reason of its dead letter. Of several, the first one here counts: a
balance can be compared again only when all transactions are on one line."""

HELD_ITEMS = frozenset({CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE})
"""Findings that concern one event of a record; the setting `duplicate_purchase` decides about it."""


OF_PURCHASES = frozenset(
    {
        CheckName.DUPLICATE_EVENT,
        CheckName.DUPLICATE_PURCHASE,
        CheckName.EVENT_SENT_BEFORE,
        CheckName.PURCHASE_SENT_BEFORE,
    }
)
"""Findings about which the setting `duplicate_purchase` decides, and no other."""

_OF_REWARDS = frozenset({CheckName.BALANCE_MISMATCH, CheckName.NO_BALANCE, CheckName.NO_TRANSACTIONS})
"""Findings of which a customer has one for each reward."""

ALWAYS_MADE = frozenset(
    {
        CheckName.DUPLICATE_ID,
        CheckName.DUPLICATE_EMAIL,
        CheckName.SPLIT_TRANSACTIONS,
        CheckName.CUSTOMER_NOT_MIGRATED,
        *OF_PURCHASES,
    }
)
"""Checks that cannot be left out by name. An id or an email that is twice in a request makes the API refuse it; of
transactions on two lines it takes one line, and never the other; the customer of a dead letter is not there."""


class FieldCount(Struct):
    """How often a check found something in a field, and where it is first."""

    field: str
    records: int
    first: LinePlace
    nearest: str = ""
    """The path of a known field of this name, or nearly."""


class RowOrigin(Struct, frozen=True):
    """What a line of an export was made from, if it was prepared from tables."""

    file: str
    line: int
    """Of the first row."""
    rows: int
    """How many rows are in it."""


class FoundLine(Struct, frozen=True, kw_only=True):
    """A line of an export, for people."""

    file: str
    line: int
    offset: int
    origin: RowOrigin | UnsetType = UNSET


class ExportFinding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, for people. It quotes reward ids and sums, and nothing else of a record."""

    file: str
    line: int
    offset: int
    others: tuple[FoundLine, ...] = ()
    sums: RewardSums | None = None
    field: str = ""
    sent: EarlierRun | None = None
    """The earlier run that sent the purchase."""
    origin: RowOrigin | UnsetType = UNSET


class FoundField(Struct, frozen=True, kw_only=True):
    """How often a check found something in a field, for people."""

    field: str
    records: int
    file: str
    line: int
    offset: int
    nearest: str = ""
    """For an unknown field, the path of a known field of this name, or nearly."""
    origin: RowOrigin | UnsetType = UNSET


class CheckResult(Struct, frozen=True, kw_only=True):
    """What one check found."""

    check: CheckName
    severity: Severity
    count: int
    unit: str = "records"
    """What `count` counts. A dead letter is always one record, or some events of one."""
    meaning: str
    first: tuple[ExportFinding, ...]
    """The first ones in reading order."""
    fields: tuple[FoundField, ...] = ()
    """If the check looks at fields: each one in which something was found, with its first place; the most often found
    one first."""


class RewardTotals(Struct, frozen=True, kw_only=True):
    """Sums of one reward in one file or kind, as exact decimal numbers."""

    reward: str
    name: str = ""
    """Of the reward, if a catalogue was given that has it."""
    earned: Decimal = Decimal(0)
    """Transactions that add."""
    spent: Decimal = Decimal(0)
    """Transactions that take: not positive."""
    left: Decimal = Decimal(0)
    """Earned and spent together; in a customers export, the balances."""


class FileTotals(Struct, frozen=True, kw_only=True):
    """The control totals of one file: of every record that is right by itself.

    Records that a finding holds back count, and copies as often as they are there. Dead letters that are wrong by
    themselves do not, nor do records that are marked as deleted or reversed.
    """

    kind: str
    file: str
    records: int
    items: int
    orders: int = 0
    """Events with an order value."""
    value: Decimal = Decimal(0)
    """The sum of the orders' values."""
    discounted_value: Decimal = Decimal(0)
    rewards: tuple[RewardTotals, ...] = ()
    first: datetime | None = None
    """The earliest date: of registration, or of the items' `issued_at`."""
    last: datetime | None = None


class KindTotals(Struct, frozen=True, kw_only=True):
    """The control totals of all files of a kind."""

    kind: str
    files: int
    records: int
    items: int
    orders: int = 0
    value: Decimal = Decimal(0)
    discounted_value: Decimal = Decimal(0)
    rewards: tuple[RewardTotals, ...] = ()
    first: datetime | None = None
    last: datetime | None = None


class RewardBalance(Struct, frozen=True, kw_only=True):
    """A reward over all files: what the transactions come to, and what the customers' balances come to."""

    reward: str
    name: str = ""
    earned: Decimal | None = None
    """Of all transactions; None if no transactions export is named, as for the next two."""
    spent: Decimal | None = None
    left: Decimal | None = None
    balances: Decimal | None = None
    """Of all customers; None if no customers export is named."""


class ExportChecks(Struct, frozen=True, kw_only=True):
    """What the checks over all files found, and the control totals."""

    results: tuple[CheckResult, ...] = ()
    totals: tuple[FileTotals, ...] = ()
    """By file."""
    by_kind: tuple[KindTotals, ...] = ()
    rewards: tuple[RewardBalance, ...] = ()
    """By id, over all files."""
    skipped: tuple[CheckName, ...] = ()
    """Checks that were not made because the command said so."""
    customers: int = 0
    """Without a customers export, how many different customers the other exports name; else 0."""
    unfinished: bool = False
    """An export could not be read to its end, so nothing was checked over all files."""

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(each.count for each in self.results if each.severity == "error")

    @property
    def holds_back(self) -> bool:
        """Whether a finding holds something back."""
        held = HELD_AS.keys() | HELD_ITEMS
        return any(each.check in held for each in self.results if each.severity == "error")
