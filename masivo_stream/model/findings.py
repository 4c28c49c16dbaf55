"""Findings: what is wrong with an export as a whole, although each of its lines may be right.

`validate --json` prints them as `checks`.
"""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

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


MEANINGS: dict[CheckName, str] = {
    CheckName.BALANCE_MISMATCH: "a customer's transactions of a reward do not add up to the balance: correct the"
    " balance, or the transactions",
    CheckName.NO_BALANCE: "a customer has transactions and no balance: check that the export did not leave it out",
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
    CheckName.DUPLICATE_PURCHASE: "another event of this customer has the same purchase_id: leave one out if they are"
    " one purchase",
}
"""What each finding means, and what to do about it."""

Severity = Literal["error", "warning"]

_WARNINGS = frozenset(
    {
        CheckName.NO_BALANCE,
        CheckName.NO_TRANSACTIONS,
        CheckName.CUSTOMER_DELETED,
        CheckName.EMAIL_CASE,
    }
)


def severity(check: CheckName, duplicate_purchase: str) -> Severity:
    """Return how severe a finding is: an error if the API would refuse the record, or if it is a dead letter.

    `duplicate_purchase` is the setting of that name: it decides about events that came before.
    """
    if check is CheckName.DUPLICATE_EVENT:
        return "error" if duplicate_purchase in {"auto", "reject"} else "warning"
    if check is CheckName.DUPLICATE_PURCHASE:
        return "error" if duplicate_purchase == "reject" else "warning"
    return "warning" if check in _WARNINGS else "error"


class LinePlace(Struct, frozen=True, order=True):
    """Where a line is: in the input numbered `source`, counted over all kinds in the order in which they are read."""

    source: int
    line: int
    offset: int
    length: int


class RewardSums(Struct, frozen=True, kw_only=True):
    """What does not agree for one reward of a customer, as exact decimal numbers."""

    reward: str
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
    CheckName.UNKNOWN_CUSTOMER: Reason.UNKNOWN_CUSTOMER,
}
"""Findings that hold a whole line back, and the reason of its dead letter. Of several, the first one here counts: a
balance can be compared again only when all transactions are on one line."""

HELD_ITEMS = frozenset({CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE})
"""Findings that concern one event of a record; the setting `duplicate_purchase` decides about it."""


class FoundLine(Struct, frozen=True, kw_only=True):
    """A line of an export, for people."""

    file: str
    line: int
    offset: int


class ExportFinding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, for people. It quotes reward ids and sums, and nothing else of a record."""

    file: str
    line: int
    offset: int
    others: tuple[FoundLine, ...] = ()
    sums: RewardSums | None = None


class CheckResult(Struct, frozen=True, kw_only=True):
    """What one check found."""

    check: CheckName
    severity: Severity
    count: int
    meaning: str
    first: tuple[ExportFinding, ...]
    """The first ones in reading order."""


class RewardTotals(Struct, frozen=True, kw_only=True):
    """RewardSums of one reward in one file, as exact decimal numbers."""

    reward: str
    earned: Decimal = Decimal(0)
    """Transactions that add."""
    spent: Decimal = Decimal(0)
    """Transactions that take: not positive."""
    left: Decimal = Decimal(0)
    """Earned and spent together; in a customers export, the balances."""


class FileTotals(Struct, frozen=True, kw_only=True):
    """The control totals of one file: of its records that can be sent."""

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


class ExportChecks(Struct, frozen=True, kw_only=True):
    """What the checks over all files found, and the control totals."""

    results: tuple[CheckResult, ...] = ()
    totals: tuple[FileTotals, ...] = ()
    skipped: tuple[CheckName, ...] = ()
    """Checks that were not made because the command said so."""
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
