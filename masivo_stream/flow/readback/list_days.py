"""Read what the account lists for a day: all pages of it, summed up by reward.

No page of the vendor says what a day is: in which time zone, and by which of a transaction's dates. So the dates of the
rows are looked at, too (`Shifts`).
"""

from datetime import date

from msgspec import Struct

from masivo_stream.core.accounting.day_totals import DayFilter, RewardListed, RunningSums
from masivo_stream.flow.read_account import AccountReader, Unreadable
from masivo_stream.flow.readback.account_data import WrittenDate
from masivo_stream.model import contract
from masivo_stream.model.day_totals import DaySums
from masivo_stream.model.moments import DAY, Moment, read_moment

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def is_askable(day: int) -> bool:
    """Return whether a day has a date: the API can be asked for the years 1 to 9999."""
    return date.min.toordinal() <= day + _EPOCH_ORDINAL <= date.max.toordinal()


def date_of(day: int) -> date:
    """Return the date of a day, by its number."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


class ListedRow(Struct, kw_only=True):
    """The fields of a row that count."""

    id: str
    reward_id: str
    amount: float
    brand_id: str | None = None
    issued_at: WrittenDate = None
    created_at: WrittenDate = None


class _Page(Struct):
    data: list[ListedRow]


class Shifts(Struct, frozen=True):
    """How long after the beginning of its day a row was issued, in microseconds: the least and the most."""

    least: Moment = 0
    most: Moment = 0

    @property
    def is_elsewhere(self) -> bool:
        """Whether a row was issued on another day than the one it is listed for."""
        return self.least < 0 or self.most >= DAY

    def with_row(self, *shifts: Moment) -> "Shifts":
        """Return both ends with more rows."""
        return Shifts(min(self.least, *shifts), max(self.most, *shifts))


class ListedDay(Struct, frozen=True, kw_only=True):
    """What the account lists for a day."""

    rewards: dict[str, RewardListed] = {}
    shifts: Shifts | None = None
    """None if no row says when it was issued."""
    rows: int = 0


class DayLister:
    """Lists one day after the other."""

    def __init__(
        self, reader: AccountReader, counted: DayFilter, between: tuple[Moment, Moment], most_requests: int | None
    ) -> None:
        """Read through `reader`. The run's own transactions were created `between` two moments.

        No further request is sent after `most_requests`.
        """
        self._reader, self._filter, self._between, self._most = reader, counted, between, most_requests

    @property
    def requests(self) -> int:
        """Requests that were sent."""
        return self._reader.requests

    @property
    def is_spent(self) -> bool:
        """Whether no more requests may be sent."""
        return self._most is not None and self.requests >= self._most

    async def list(self, day: int, expected: int) -> ListedDay | Unreadable | None:
        """Return what is listed for a day; None if that takes more requests than there may be.

        A page that is not full is the last one. If less than `expected` has come by then, one more page is asked for,
        because an API may give less at a time than its page says.

        Raises:
            DeniedError: the token is refused.
        """
        found, cursor = _Listing(self._filter, self._between, day), ""
        while not self.is_spent:
            page = await self._reader.get(self._path(day, cursor), _Page, strict=False)
            if isinstance(page, Unreadable):
                return page
            fresh = found.add(page.data)
            if len(page.data) < contract.MOST_TRANSACTIONS_LISTED:
                if not fresh or found.rows >= expected:
                    return found.result()
            elif not fresh:
                return Unreadable("the API gives the same page for every cursor")
            cursor = page.data[-1].id
        return None

    def _path(self, day: int, cursor: str) -> str:
        asked = date_of(day)
        written = f"{asked.day:02}-{asked.month:02}-{asked.year:04}"
        return contract.transactions_path(written, cursor, reward_id=self._filter.reward, brand_id=self._filter.brand)


class _Listing:
    """Sums up the rows of one day."""

    def __init__(self, counted: DayFilter, between: tuple[Moment, Moment], day: int) -> None:
        self._filter, self._between, self._begin = counted, between, counted.begin(day)
        self._own: dict[str, RunningSums] = {}
        self._others: dict[str, RunningSums] = {}
        self._page: set[str] = set()
        """The ids of the page before."""
        self._shifts: Shifts | None = None
        self.rows = 0

    def add(self, rows: list[ListedRow]) -> bool:
        """Add a page; return whether it has rows that the page before had not."""
        fresh = [row for row in rows if row.id not in self._page]
        self._page = {row.id for row in rows}
        for row in fresh:
            if self._filter.takes(row.reward_id, row.brand_id):
                self._count(row)
        return bool(fresh)

    def result(self) -> ListedDay:
        """Return what was added."""
        nothing = DaySums()
        return ListedDay(
            rewards={
                reward: RewardListed(
                    own=self._own[reward].sums() if reward in self._own else nothing,
                    others=self._others[reward].sums() if reward in self._others else nothing,
                )
                for reward in sorted({*self._own, *self._others})
            },
            shifts=self._shifts,
            rows=self.rows,
        )

    def _count(self, row: ListedRow) -> None:
        created, issued = read_moment(row.created_at), read_moment(row.issued_at)
        is_own = created is None or self._between[0] <= created <= self._between[1]
        (self._own if is_own else self._others).setdefault(row.reward_id.lower(), RunningSums()).add(row.amount)
        self.rows += 1
        if issued is not None:
            shift = issued - self._begin
            self._shifts = Shifts(shift, shift) if self._shifts is None else self._shifts.with_row(shift)
