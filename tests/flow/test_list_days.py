"""All pages of a day are read, however the API cuts them, and never without end."""

from masivo_stream.core.accounting.day_totals import DayFilter
from masivo_stream.flow.read_account import Unreadable
from masivo_stream.flow.readback.list_days import DayLister, ListedRow, Shifts, _Page, date_of, is_askable
from masivo_stream.model.moments import DAY, HOUR, SECOND

JANUARY = 19_723  # 2024-01-01


def row(number, **more):
    said = {"issued_at": "2024-01-01T10:00:00Z", "created_at": 50.0, **more}
    return ListedRow(id=f"t{number}", reward_id="R", amount=2.0, **said)


class Reader:
    """Gives these pages, and notes what was asked for."""

    def __init__(self, *pages):
        self.pages, self.asked, self.requests = list(pages), [], 0

    async def get(self, path, _schema, *, strict):
        self.requests += 1
        self.asked.append(path)
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        return page if isinstance(page, Unreadable) else _Page(page)


def lister(reader, *, most=None, **counted):
    return DayLister(reader, DayFilter(**counted), (0, 100 * SECOND), most)


async def test_a_day_is_asked_for_by_its_date_and_filters():
    reader = Reader([row(1)])
    found = await lister(reader, reward="r&x", brand="b 1").list(JANUARY, 0)
    assert reader.asked == ["/transactions?date=01-01-2024&reward_id=r%26x&brand_id=b+1"]
    assert (found.rows, found.rewards) == (0, {})  # the API ignores the filter; the row does not count
    assert date_of(-719_162).isoformat() == "0001-01-01"
    assert (is_askable(-719_162), is_askable(-719_163), is_askable(2_932_896), is_askable(2_932_897)) == (
        True,
        False,
        True,
        False,
    )
    await lister(reader).list(-719_162, 0)
    assert reader.asked[-1] == "/transactions?date=01-01-0001"


async def test_short_pages_are_followed_as_long_as_something_is_missing():
    """An API that gives less than a thousand at a time loses nothing."""
    pages = [row(1), row(2)], [row(3), row(4)], [row(5)], []
    reader = Reader(*pages)
    found = await lister(reader).list(JANUARY, 5)
    assert (found.rows, len(reader.asked)) == (5, 3)
    assert reader.asked[1:] == ["/transactions?date=01-01-2024&cursor=t2", "/transactions?date=01-01-2024&cursor=t4"]
    assert found.rewards["r"].own.earned == 10
    reader = Reader(*pages)
    assert ((await lister(reader).list(JANUARY, 6)).rows, len(reader.asked)) == (5, 4)


async def test_an_api_that_ignores_the_cursor_ends():
    """A short page that comes again is the end; a full one may be followed by others."""
    reader = Reader([row(1)])
    assert ((await lister(reader).list(JANUARY, 5)).rows, len(reader.asked)) == (1, 2)
    reader = Reader([row(number) for number in range(1000)])
    found = await lister(reader).list(JANUARY, 5000)
    assert found == Unreadable("the API gives the same page for every cursor")
    assert len(reader.asked) == 2


async def test_no_request_is_made_beyond_the_maximum():
    reader = Reader([row(number) for number in range(1000)], [row(number) for number in range(1000, 2000)])
    one = lister(reader, most=1)
    assert await one.list(JANUARY, 3000) is None
    assert (one.is_spent, one.requests) == (True, 1)
    assert await one.list(JANUARY, 1) is None
    assert reader.requests == 1
    assert await lister(Reader(Unreadable("no"))).list(JANUARY, 1) == Unreadable("no")


async def test_rows_are_sorted_by_their_creation_and_dates_are_read():
    """A row without a time of creation is the run's; a date that cannot be read says nothing."""
    rows = [
        row(1, created_at=None),
        row(2, created_at=101.0),
        row(3, issued_at="2023-12-31T23:00:00Z"),
        row(4, issued_at="soon"),
        row(5, issued_at="2024-01-01T23:59:59Z"),
    ]
    found = await lister(Reader(rows)).list(JANUARY, 5)
    assert (found.rewards["r"].own.count, found.rewards["r"].others.count, found.rows) == (4, 1, 5)
    assert found.shifts == Shifts(-HOUR, DAY - SECOND)
    assert found.shifts.is_elsewhere
    assert not Shifts(0, DAY - 1).is_elsewhere
    assert Shifts(0, DAY).is_elsewhere
    here = await lister(Reader(rows), zone=HOUR).list(JANUARY, 5)
    assert here.shifts == Shifts(0, DAY + HOUR - SECOND)
    assert (await lister(Reader([row(1, issued_at=None)])).list(JANUARY, 1)).shifts is None
