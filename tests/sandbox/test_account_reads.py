"""What the sandbox answers about the whole account: rewards, tiers, and the transactions of a day."""

from datetime import UTC, datetime

import msgspec
import pytest
from sandbox import made

from masivo_stream.generate.export import write
from masivo_stream.model import contract
from masivo_stream.model.contract import Kind
from masivo_stream.model.sample_programme import POINTS, REWARDS, TIERS
from masivo_stream.sandbox import parse_days, parse_limits


async def test_rewards_can_be_listed_in_parts_and_by_type(start):
    """All of them without a query; `from` counts from 0, and `to` is left out."""
    client = await start()
    data = (await client.call("GET", "/rewards")).json["data"]
    assert [(each["id"], each["brand_id"], each["name"]) for each in data] == [(r.id, None, r.name) for r in REWARDS]

    async def ids(query):
        return [each["id"] for each in (await client.call("GET", f"/rewards?{query}")).json["data"]]

    both = [each.id for each in REWARDS]
    assert await ids("from=0&to=1000") == both
    assert await ids("from=0&to=1") + await ids("from=1&to=2") == both
    assert await ids("from=2&to=1000") == []
    assert await ids("type=POINTS&brand_id=b") == [POINTS]
    for wrong in ("from=-1", "to=x", "from=", "type=points"):
        assert (await client.call("GET", f"/rewards?{wrong}")).status == 422


async def test_tiers_are_listed_from_the_lowest(start):
    """With id, name, status and level."""
    client = await start()
    data = (await client.call("GET", "/tiers")).json["data"]
    assert [(each["id"], each["level"], each["status"]) for each in data] == [
        (tier.id, level, "ACTIVE") for level, tier in enumerate(TIERS, 1)
    ]


@pytest.mark.parametrize("kind", Kind)
def test_a_generated_export_names_only_what_the_account_has(kind, tmp_path):
    """Every UUID in it is a reward or a tier of the sandbox."""
    path = tmp_path / "export"
    with path.open("wb") as stream:
        write(stream, None, kind=kind, count=300, seed=3)
    known = {each.id for each in (*REWARDS, *TIERS)}

    def named(value):
        if isinstance(value, dict):
            yield from (value[name] for name in ("reward_id", "tier_id") if name in value)
            yield from (redeemed["id"] for redeemed in value.get("redeem", ()) if "id" in redeemed)
            value = list(value.values())
        for part in value if isinstance(value, list) else ():
            yield from named(part)

    found = {each for line in path.read_bytes().splitlines() for each in named(msgspec.json.decode(line))}
    assert found
    assert found <= known


async def test_transactions_are_listed_by_day(start, clock):
    """By `issued_at` in UTC, once they are visible, without their customer."""
    client = await start()
    days = ("2025-01-01T23:59:59Z", "2025-01-02T00:00:00Z", "2025-01-02T23:59:59+00:00", "2025-01-02T22:00:00-03:00")
    for number, day in enumerate(days):
        await client.migrated(made.customer(f"c{number}", balance=made.balance(5)))
        event = {"event": {"type": "VISIT"}} if number == 1 else {"event": {"type": 5}} if number == 2 else {}
        booked = made.transaction(5, issued_at=day, reward_id=made.REWARD, brand_id=f"b{number}", **event)
        await client.transactions({"id": f"c{number}", "transactions": [booked]})
    assert (await client.call("GET", "/transactions?date=02-01-2025&brand_id=b3")).json == {"data": []}
    clock.advance(2)
    rows = (await client.call("GET", "/transactions?date=02-01-2025")).json["data"]
    assert [(row["brand_id"], row["amount"], row["event_type"]) for row in rows] == [
        ("b1", 5, "VISIT"),
        ("b2", 5, None),
    ]
    assert "c1" not in str(rows)
    second = await client.call("GET", f"/transactions?date=02-01-2025&cursor={rows[0]['id']}")
    assert second.json["data"] == rows[1:]
    for wrong in (
        "",
        "date=2025-01-02",
        "date=31-02-2025",
        f"date=02-01-2025&cursor={made.REWARD}",
        "date=02-01-2025&cursor=x",
    ):
        assert (await client.call("GET", f"/transactions?{wrong}")).status == 422


async def test_a_page_holds_a_thousand_rows(start, clock):
    """The rest follows after the last id."""
    client = await start()
    amounts = [1] * 600
    for customer in ("a", "b"):
        await client.migrated(made.customer(customer, balance=made.balance(600)))
        assert (await client.transactions(made.transactions(customer, *amounts))).status == 201
    clock.advance(2)
    day = "/transactions?date=07-05-2025"
    first = (await client.call("GET", day)).json["data"]
    rest = (await client.call("GET", f"{day}&cursor={first[-1]['id']}")).json["data"]
    assert (len(first), len(rest)) == (contract.MOST_TRANSACTIONS_LISTED, 200)
    assert len({row["id"] for row in first + rest}) == 1200


async def test_the_reads_count_in_the_general_limit(start):
    """Not in that of migrations; without a token they are refused."""
    client = await start(limits=parse_limits("dev"))
    reply = await client.call("GET", "/tiers")
    assert (reply.status, reply.headers[contract.LIMIT_HEADER], reply.headers[contract.REMAINING_HEADER]) == (
        200,
        "1000",
        "998",
    )
    for path in ("/rewards", "/tiers", "/transactions?date=01-01-2025"):
        assert (await client.fetch("GET", client.sandbox.url + path)).status == 401


@pytest.mark.parametrize(
    ("days", "date"),
    [("-03:00", "01-01-2025"), ("+14:00", "02-01-2025"), ("created", "01-03-2025"), ("Z", "02-01-2025")],
)
async def test_other_days_can_be_tried(start, clock, days, date):
    """Those of another time zone, or by creation; the amount is listed on one day only."""
    client = await start(days=parse_days(days))
    await client.migrated(made.customer("c", balance=made.balance(5)))
    booked = made.transaction(5, issued_at="2025-01-02T02:00:00Z")
    assert (await client.transactions({"id": "c", "transactions": [booked]})).status == 201
    clock.advance(2)
    if days == "created":
        date = datetime.fromtimestamp(clock.wall(), UTC).strftime("%d-%m-%Y")
    listed = {
        day: (await client.call("GET", f"/transactions?date={day}")).json["data"]
        for day in {date, "01-01-2025", "02-01-2025", "03-01-2025"}
    }
    assert {day: len(rows) for day, rows in listed.items()} == dict.fromkeys(listed, 0) | {date: 1}


@pytest.mark.parametrize("wrong", ["", "5", "yesterday", "+25:00"])
def test_invalid_days_are_refused(wrong):
    """A zone or the word."""
    with pytest.raises(ValueError, match="expected a time zone"):
        parse_days(wrong)
