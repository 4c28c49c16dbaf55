"""What the comparison of totals by day shows: `verify --totals --json` prints it.

It holds days, ids of rewards, counts and sums, and no value of a record.
"""

import enum
from decimal import Decimal

from msgspec import Struct


class DayState(enum.StrEnum):
    """What shows of a reward on a day."""

    EQUAL = "equal"
    """Count, earned and spent are those of the exports."""
    DIFFERENT = "different"
    IN_DOUBT = "in_doubt"
    """The account has more, and no more than the transactions in doubt would add."""
    NOT_YET = "not_yet"
    """The account has less, but the last transactions were accepted so recently that some may be in the queue."""
    UNREAD = "unread"
    """The API gave no legible answer for the day."""


class DaySums(Struct, frozen=True, kw_only=True):
    """How many transactions, and the exact sums of their amounts."""

    count: int = 0
    earned: Decimal = Decimal(0)
    """The sum of the positive amounts."""
    spent: Decimal = Decimal(0)
    """The sum of the negative amounts."""


class DayFinding(Struct, frozen=True, kw_only=True):
    """A reward of a day that is not equal, or a day that could not be read."""

    day: str
    """Such as `2024-01-30`."""
    reward: str = ""
    """Empty for a day that could not be read."""
    state: DayState
    exported: DaySums = DaySums()
    """What the run has sent, and the API has accepted."""
    account: DaySums = DaySums()
    """What the account lists, without `others`."""
    others: DaySums = DaySums()
    """Transactions that were created outside of the time in which the run sent its own."""
    in_doubt: DaySums = DaySums()
    """Transactions of the run that may or may not have arrived."""
    why: str = ""
    """Why the day could not be read."""


class RewardCompared(Struct, frozen=True, kw_only=True):
    """A reward over all days that were compared."""

    reward: str
    exported: DaySums
    account: DaySums


class DaysCompared(Struct, frozen=True, kw_only=True):
    """How many days there are, and what shows of them."""

    zone: str
    """The time zone of the days, such as `+00:00`."""
    days: int = 0
    """Days on which the run has transactions."""
    first: str = ""
    last: str = ""
    transactions: int = 0
    """Transactions of these days."""
    chosen: int = 0
    """Days that were to be compared: all, or a sample that fits into `most_requests`."""
    requests_needed: int = 0
    """Requests for the chosen days, as counted before the first one."""
    most_requests: int | None = None
    compared: int = 0
    compared_transactions: int = 0
    """Transactions of the run on the days that were compared."""
    equal: int = 0
    different: int = 0
    in_doubt: int = 0
    not_yet: int = 0
    unread: int = 0
    read_before: int = 0
    """Days of these that an earlier, interrupted command has read."""
    requests: int = 0
    """Requests that this command has sent for the days."""


class TotalsVerification(Struct, frozen=True, kw_only=True):
    """The result of `verify --totals`."""

    schema: int = 1
    exit_code: int
    days: DaysCompared
    reward: str = ""
    """The only reward that was compared; empty for all."""
    brand: str = ""
    """The only brand that was compared; empty for all."""
    rewards: tuple[RewardCompared, ...] = ()
    """By id, over the compared days."""
    others: int = 0
    """Transactions of these days that are not the run's, by the time at which they were created."""
    not_compared: dict[str, int] = {}
    """Transactions of the exports that the run has not delivered for certain: `dead`, `skipped`, `in_doubt`,
    `pending`."""
    findings: tuple[DayFinding, ...] = ()
    """The first ones, by day."""
    findings_left_out: int = 0
    left_out: tuple[str, ...] = ()
    """Exports that cannot be read again because they came from a pipe: their transactions are not among the totals."""
    message: str = ""
    """Why it ended early, or why it proves nothing; empty if neither."""
    hint: str = ""
