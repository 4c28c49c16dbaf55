"""Totals by day are compared: what was sent, and nothing else, with what the account lists."""

import json
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import pytest
from flow.migration import Migration

from masivo_stream.flow import read_account
from masivo_stream.flow.commands.verify_totals import verify_totals
from masivo_stream.flow.readback.totals_choice import TotalsChoice
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.sample_programme import CASHBACK, POINTS
from masivo_stream.sandbox import SandboxOptions, parse_days, parse_faults, running
from masivo_stream.sandbox.fault_injection import FaultInjector

pytestmark = pytest.mark.slow


class Shop(Migration):
    """A migration of written transactions, and the account's own table of them."""

    @property
    def account(self):
        return self.sandbox._services[0].store._db

    def write(self, *customers):
        """Write customers with these transactions: day, reward and amount of each."""
        people, booked = [], []
        for number, transactions in enumerate(customers):
            made = [each if isinstance(each, dict) else book(*each) for each in transactions]
            person = {"id": f"c{number}", "name": "Ana", "email": f"c{number}@example.com"}
            balance = [{"reward_id": each["reward_id"], "amount": each["amount"]} for each in made]
            people.append({**person, "registration_date": "2020-01-01T00:00:00Z", "balance": balance})
            booked.append({"id": f"c{number}", "transactions": made})
        for kind, records in ((Kind.CUSTOMERS, people), (Kind.TRANSACTIONS, booked)):
            self.path(kind).write_text("".join(json.dumps(record) + "\n" for record in records))

    async def totals(self, flags=None, **choice):
        return await verify_totals(self.settings_with(**(flags or {})), self.credentials, choice=TotalsChoice(**choice))

    async def settle(self):
        """Wait until everything shows."""
        for _ in range(20):
            if (await self.totals()).exit_code == 0:
                return
            await anyio.sleep(0.2)
        raise AssertionError("the totals are never equal")

    def fail(self, *faults):
        """Let the sandbox make these faults from now on, and no others."""
        self.sandbox._services[0].injector = FaultInjector(parse_faults(faults), random.Random(1))

    def requests(self):
        return self.sandbox.ledger().requests


def book(day, amount, reward=POINTS, **more):
    issued = day if "T" in day else f"{day}T12:00:00Z"
    kind = "ACCUMULATION" if amount > 0 else "REDEMPTION"
    return {"reward_id": reward, "type": kind, "amount": amount, "issued_at": issued, **more}


@pytest.fixture
def shop(tmp_path):
    """Return a function that opens a migration to a sandbox of these faults."""

    @asynccontextmanager
    async def opened(*faults, days="+00:00"):
        options = SandboxOptions(visible_after=0.05, faults=parse_faults(faults), days=parse_days(days))
        async with running(options) as sandbox:
            yield Shop(tmp_path, sandbox)

    return opened


async def test_equal_totals_of_every_day_are_confirmed(shop):
    async with shop() as run:
        run.generate(80, rate=0.1, skipped=0.1)
        summary = await run.migrate()
        await run.settle()
        found = await run.totals()
        days = found.days
        assert (found.exit_code, found.findings, found.message, found.hint) == (0, (), "", "")
        assert days.transactions == days.compared_transactions == summary.kinds["transactions"].items_accepted
        assert days.equal == days.compared == days.chosen == days.days > 50
        assert days.requests == days.requests_needed == days.days
        assert found.rewards
        assert all(each.exported == each.account for each in found.rewards)
        assert found.not_compared["dead"] == summary.kinds["transactions"].items_dead
        assert sum(each.exported.count for each in found.rewards) == days.transactions


TWO_DAYS = ([("2024-01-30", 10), ("2024-01-31", -4)], [("2024-01-30", 2.5, CASHBACK)], [("2024-01-30", 7)])


def lose(db):
    db.execute("DELETE FROM transactions WHERE amount = '7'")


def double(db, where="amount = '7'"):
    columns = "customer, native, reward_id, brand_id, type, amount, body, issued_at, visible_at"
    db.execute(f"INSERT INTO transactions ({columns}) SELECT {columns} FROM transactions WHERE {where}")  # noqa: S608


def change(db):
    db.execute(
        "UPDATE transactions SET amount = '8', body = CAST(replace(body, ': 7,', ': 8,') AS BLOB) WHERE amount = '7'"
    )


def move(db):
    db.execute(
        "UPDATE transactions SET issued_at = issued_at + 86400,"
        " body = CAST(replace(body, '2024-01-30', '2024-01-31') AS BLOB) WHERE amount = '7'"
    )


@pytest.mark.parametrize(
    ("fault", "points"),
    [
        (lose, {"2024-01-30": ((2, 17, 0), (1, 10, 0))}),
        (double, {"2024-01-30": ((2, 17, 0), (3, 24, 0))}),
        (change, {"2024-01-30": ((2, 17, 0), (2, 18, 0))}),
        (move, {"2024-01-30": ((2, 17, 0), (1, 10, 0)), "2024-01-31": ((1, 0, -4), (2, 7, -4))}),
    ],
)
async def test_a_day_that_differs_is_named_with_both_sums(shop, fault, points):
    async with shop() as run:
        run.write(*TWO_DAYS)
        await run.migrate()
        await run.settle()
        fault(run.account)
        found = await run.totals()
        assert found.exit_code == 3
        assert {each.day: (sums(each.exported), sums(each.account)) for each in found.findings} == points
        assert {each.reward for each in found.findings} == {POINTS}
        assert found.days.equal == 2 - len(points)
        assert "verify --all" in found.hint
        told = repr(found)
        assert "c0" not in told
        assert "Ana" not in told


def sums(each):
    return each.count, int(each.earned), int(each.spent)


async def test_transactions_of_others_are_counted_separately(shop):
    """By the time at which it was created, though it is on the same day and of the same reward."""
    async with shop() as run:
        run.write(*TWO_DAYS)
        await run.migrate()
        await run.settle()
        other = book("2024-01-30", 100)
        later = datetime(2030, 1, 1, tzinfo=UTC).timestamp()
        add(run.account, other, created=1.6e9)
        found = await run.totals()
        assert (found.exit_code, found.others, found.days.equal, found.findings) == (0, 1, 2, ())
        lose(run.account)
        found = await run.totals()
        (finding,) = found.findings
        assert (sums(finding.account), sums(finding.others)) == ((1, 10, 0), (1, 100, 0))
        add(run.account, other, created=later)  # it does not show yet
        assert (await run.totals()).others == 1


def add(db, transaction, *, created):
    """Add a transaction to the account."""
    issued = datetime.fromisoformat(transaction["issued_at"]).timestamp()
    values = ("c0", 1, transaction["reward_id"], transaction.get("brand_id"), transaction["type"])
    db.execute(
        "INSERT INTO transactions (customer, native, reward_id, brand_id, type, amount, body, issued_at, visible_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, str(transaction["amount"]), json.dumps(transaction).encode(), issued, created),
    )


async def test_only_one_reward_or_brand_is_compared(shop):
    """Both sides leave out the others; an id is the same in upper case."""
    async with shop() as run:
        brands = [book("2024-01-30", 3, brand_id="b1"), book("2024-01-30", 4, brand_id="b2")]
        run.write([("2024-01-30", 1, CASHBACK), *brands], [("2024-01-31", 2)])
        await run.migrate()
        found = await run.totals(reward=CASHBACK.upper())
        assert (found.exit_code, found.days.transactions, found.days.equal) == (0, 1, 1)
        found = await run.totals(brand="b2")
        assert (found.exit_code, [sums(each.account) for each in found.rewards]) == (0, [(1, 4, 0)])
        with pytest.raises(ConfigurationError, match="no accepted transaction has this reward and this brand"):
            await run.totals(reward=POINTS, brand="b3")


async def test_full_pages_are_followed_to_their_end(shop):
    """A page of exactly a thousand may be followed by another one, and doubles on the last page are found."""
    async with shop() as run:
        run.write(*([("2024-01-30", 1)] * 500 for _ in range(4)))
        await run.migrate()
        await run.settle()
        found = await run.totals()
        assert (found.days.requests, found.days.requests_needed, found.days.equal) == (3, 3, 1)
        double(run.account, "seq = 1")
        found = await run.totals()
        assert (found.exit_code, sums(found.findings[0].account)) == (3, (2001, 2001, 0))


async def test_requests_are_bounded_and_days_drawn_by_the_seed(shop):
    """Not one more than allowed, also if the account has more than was sent; the same command goes on with the rest."""
    async with shop() as run:
        run.write([(f"2024-01-{day:02}", 1) for day in range(1, 21)])
        await run.migrate()
        await run.settle()
        before = reads(run)
        found = await run.totals(most_requests=5)
        assert (found.exit_code, found.days.chosen, found.days.compared, reads(run) - before) == (0, 5, 5, 5)
        assert found.days == (await run.totals(most_requests=5)).days
        for number in range(3000):
            add(run.account, book("2024-01-20", 1, details=str(number)), created=1.6e9)
        found = await run.totals(most_requests=20)
        assert (found.exit_code, found.days.requests) == (6, 20)
        assert found.message == (
            "1 of 20 days were not asked: the account lists more than was sent, and 20 requests were allowed"
        )
        assert "goes on with the days that are left" in found.hint
        again = await run.totals(most_requests=20)
        assert (again.days.read_before, again.days.compared) == (found.days.compared, 20)


def reads(run):
    return sum(count for outcome, count in run.requests().get("read", {}).items())


async def test_an_interrupted_comparison_continues(shop, monkeypatch):
    """What was read is not read again, not even if the last note is half a line; after that all is asked again."""
    monkeypatch.setattr(read_account, "PAUSES", (0.01,))
    async with shop() as run:
        run.write([(f"2024-01-{day:02}", 1) for day in range(1, 21)])
        await run.migrate()
        await run.settle()
        run.fail(*(f"status=500,on=read,at={number}" for number in range(8, 14)))
        found = await run.totals()
        assert (found.exit_code, found.days.unread) == (6, 3)
        assert "500" in found.message
        noted = run.folder / "state" / "listed-days.ndjson"
        assert noted.stat().st_mode & 0o777 == 0o600
        with noted.open("ab") as file:
            file.write(b'\n{"day": 19')
        run.fail()
        found = await run.totals()
        assert (found.exit_code, found.days.equal, found.days.read_before, found.days.requests) == (0, 20, 7, 13)
        assert not noted.exists()


@pytest.mark.parametrize("zone", ["-05:00", "+05:45"])
async def test_the_time_zone_of_the_account_is_found(shop, zone):
    """The rows say when they were issued: the message names the zone whose days these are, and it is right."""
    async with shop(days=zone) as run:
        hours = [f"{hour:02}:{minute}:00Z" for hour in range(24) for minute in (10, 20, 30, 50)]
        moments = [f"2024-01-{day:02}T{hour}" for day in range(2, 8) for hour in hours]
        run.write([(moment, 1) for moment in moments])
        await run.migrate()
        found = await run.totals()
        assert (found.exit_code, found.findings, found.hint) == (6, (), f"compare with --day-zone {zone}")
        found = await run.totals(zone=zone)
        assert (found.exit_code, found.days.equal, found.days.zone) == (0, 7, zone)


async def test_the_time_zone_is_found_if_few_hours_of_each_day_have_transactions(shop):
    """Three days leave several zones possible: so further days are read, until one zone is left."""
    async with shop(days="-05:00") as run:
        early = [f"2024-01-{day:02}T{hour}Z" for day in range(2, 9) for hour in ("02:50:19", "14:50:19")]
        late = [f"2024-01-{day:02}T{hour}Z" for day in range(9, 16) for hour in ("04:50:19", "05:10:19")]
        run.write([(moment, 12) for moment in (*early, *late)])
        await run.migrate()
        await anyio.sleep(0.4)  # until all show: days that do not yet are read once more, however many
        found = await run.totals()
        assert (found.exit_code, found.findings, found.hint) == (6, (), "compare with --day-zone -05:00")
        assert (await run.totals(zone="-05:00")).exit_code == 0


async def test_a_reward_or_brand_that_nothing_has_is_a_wrong_argument(shop):
    """A misspelled one must not look like a good end; if nothing was accepted, there is nothing to say about it."""
    async with shop() as run:
        run.write(*TWO_DAYS)
        await run.migrate()
        for choice, place in (
            ({"reward": "xx"}, "--reward xx"),
            ({"brand": "b"}, "--brand b"),
            ({"reward": POINTS, "brand": "b"}, f"--reward {POINTS} --brand b"),
        ):
            with pytest.raises(ConfigurationError, match="no accepted transaction has this") as caught:
                await run.totals(**choice)
            assert caught.value.place == place
            assert caught.value.exit_code == 2


async def test_days_by_creation_cannot_be_compared(shop):
    """If the account lists transactions by the day of the migration, that is said, and no day is called different."""
    async with shop(days="created") as run:
        run.write(*TWO_DAYS)
        await run.migrate()
        await anyio.sleep(0.4)
        found = await run.totals()
        assert (found.exit_code, found.findings) == (6, ())
        assert "by the day on which it created them" in found.message


async def test_a_surplus_may_come_from_batches_in_doubt(shop):
    """A day that has more, but no more than what is in doubt, is not called different."""
    async with shop("hang=0.05,applied=yes,on=transactions,at=2") as run:
        run.write(*([("2024-01-30", number + 1)] * 600 for number in range(3)))
        summary = await run.migrate(uploaders=1, request_timeout=2)
        assert summary.kinds["transactions"].items_in_doubt == 600
        found = await run.totals()
        assert (found.exit_code, found.days.in_doubt, found.not_compared) == (0, 1, {"in_doubt": 600})
        (finding,) = found.findings
        assert (finding.exported.count, finding.account.count, finding.in_doubt.count) == (1200, 1800, 600)
        assert "resolve" in found.hint


@pytest.mark.parametrize("wait", [0, 0.3])
async def test_recently_accepted_transactions_are_waited_for(shop, wait):
    """It is waited for, and is not called lost before `visible_timeout`."""
    async with shop("lose=1,on=transactions") as run:
        run.write(*TWO_DAYS)
        await run.migrate()
        await anyio.sleep(wait)
        flags = {"events_settle": 0.1, "visible_timeout": 60}
        found = await run.totals(flags)
        assert (found.exit_code, found.days.not_yet) == (6, 2)
        assert found.hint.startswith("start the same command again later")
        add(run.account, book("2024-01-30", 10), created=datetime.now(UTC).timestamp())
        add(run.account, book("2024-01-31", -4), created=datetime.now(UTC).timestamp())
        found = await run.totals(flags)
        assert (found.exit_code, found.days.equal) == (0, 2)


@pytest.mark.parametrize(("status", "code"), [(403, 7), (404, 7), (500, 6)])
async def test_a_key_without_the_right_to_list_is_reported(shop, monkeypatch, status, code):
    """After the first answer that will not change, or after three days without a legible one."""
    monkeypatch.setattr(read_account, "PAUSES", (0.01,))
    async with shop() as run:
        run.write(*TWO_DAYS, [("2024-02-01", 1)], [("2024-02-02", 1)])
        await run.migrate()
        run.fail(f"status={status},on=read")
        found = await run.totals()
        assert (found.exit_code, found.days.compared) == (code, 0)
        assert f"transactions cannot be listed: the API answered {status}" in found.message
        assert found.days.unread == (3 if status == 500 else 1)
        assert found.hint


async def test_a_run_with_nothing_to_compare_is_reported(shop):
    async with shop() as run:
        run.generate(5, kinds=[Kind.CUSTOMERS])
        await run.migrate()
        found = await run.totals()
        assert (found.exit_code, found.days.days, found.days.requests) == (0, 0, 0)
