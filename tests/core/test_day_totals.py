"""Totals by day are what a plain count gives, in whatever order; of too many days, a fair sample is kept."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.day_totals import (
    DatedTransaction,
    DayFilter,
    DayTotals,
    RewardListed,
    compare_day,
    compare_reward,
    decode_transactions,
    requests_of_day,
    together,
    worst,
)
from masivo_stream.model.day_totals import DayState, DaySums
from masivo_stream.model.moments import HOUR

NONE = DaySums()
amounts = st.sampled_from([1.0, -1.0, 0.1, 0.2, 0.30000000000000004, 1e-9, 12345678901.25, -3e300, 3e300, 2.0**60])
zones = st.sampled_from([-12, -5, 0, 1, 14])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.integers(-719_160, 2_932_890).map(
    lambda days: EPOCH + timedelta(days=days, seconds=days % 86_400)
) | st.integers(-30, 30).map(lambda hours: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
transactions = st.lists(
    st.builds(
        DatedTransaction,
        reward_id=st.sampled_from(["r1", "R1", "r2"]),
        amount=amounts,
        issued_at=moments.map(datetime.isoformat),
        brand_id=st.sampled_from([None, "b"]),
    ),
    max_size=20,
)


def exact(sums):
    return sums.count, Fraction(sums.earned), Fraction(sums.spent)


@given(transactions, zones, st.sampled_from(["", "r1"]), st.sampled_from(["", "b"]), st.booleans())
def test_totals_are_those_of_a_plain_count(booked, hours, reward, brand, in_doubt):
    """Amounts by the digits of their doubles, days by the calendar of the zone, whatever the year."""
    counted = DayFilter(zone=hours * HOUR, reward=reward, brand=brand)
    totals = DayTotals(counted, seed=1)
    (totals.add_in_doubt if in_doubt else totals.add)(booked)
    naive = defaultdict(lambda: [0, Fraction(0), Fraction(0)])
    zone = timezone(timedelta(hours=hours))
    for each in booked:
        if (not reward or each.reward_id.lower() == reward) and (not brand or each.brand_id == brand):
            day = datetime.fromisoformat(each.issued_at).astimezone(zone).date().toordinal() - EPOCH.toordinal()
            kept = naive[day, each.reward_id.lower()]
            kept[0] += 1
            kept[1 + (each.amount < 0)] += Fraction(repr(each.amount))
    of_day = totals.in_doubt if in_doubt else totals.sent
    days = {day for day, _ in naive}
    found = {(day, name): exact(sums) for day in days for name, sums in of_day(day).items()}
    assert found == {key: tuple(kept) for key, kept in naive.items()}
    if not in_doubt:
        assert totals.days == Counter(day for (day, _), kept in naive.items() for _ in range(kept[0]))
        assert totals.choose(None) == sorted(days)


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(2, 40), st.integers(0, 5))
def test_the_days_of_the_lowest_ranks_are_kept(days, most, seed):
    """Whatever their order: what is kept is complete, and every day is counted."""

    def fed(order, room):
        totals = DayTotals(DayFilter(), seed, room)
        begin = datetime(2024, 1, 1, tzinfo=UTC)
        for day in order:
            totals.add([DatedTransaction("r", 1.0, (begin + timedelta(days=day)).isoformat())])
        return totals

    few, many = fed(days, most), fed(days, 10_000)
    kept = few.choose(None)
    assert few.days == many.days
    assert len(kept) <= most
    assert all(few.sent(day) == many.sent(day) for day in kept)
    everything = sorted(many.choose(None), key=many._rank)
    assert kept == sorted(everything[: len(kept)])
    assert len(kept) >= min(len(everything), 1)


@given(st.lists(st.integers(1, 3500), max_size=12), st.integers(1, 12), st.integers(0, 3))
def test_chosen_days_need_no_more_requests_than_allowed(counts, most, seed):
    """One for each thousand, and one more that may be needed after a full page; days are in their order."""
    totals = DayTotals(DayFilter(), seed)
    for day, count in enumerate(counts):
        totals.add(
            [DatedTransaction("r", 1.0, (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day)).isoformat())] * count
        )
    chosen = totals.choose(most)
    assert chosen == sorted(chosen)
    assert sum(requests_of_day(totals.days[day]) for day in chosen) <= most
    assert [requests_of_day(count) for count in (0, 1, 999, 1000, 1999, 2000)] == [1, 1, 1, 2, 2, 3]
    left = most - sum(requests_of_day(totals.days[day]) for day in chosen)
    assert all(requests_of_day(totals.days[day]) > left for day in {*totals.days} - {*chosen})


def test_a_day_with_more_rewards_than_fit_is_kept():
    """There is nothing else to drop."""
    totals = DayTotals(DayFilter(), 1, 10)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    totals.add(DatedTransaction(f"r{number}", 1.0, moment.isoformat()) for number in range(100))
    assert len(totals.sent(totals.choose(None)[0])) == 100


def of(count, earned=0, spent=0):
    return DaySums(count=count, earned=Decimal(earned), spent=Decimal(spent))


def state(sent, own=NONE, others=NONE, in_doubt=NONE, *, settled=True):
    return compare_reward(sent, RewardListed(own=own, others=others), in_doubt, settled=settled)


def test_every_rule_about_a_reward_holds():
    """Every case of the rules, and that the sums shown are those that were compared."""
    sent = of(3, 10, -2)
    assert state(sent, sent) == (DayState.EQUAL, sent, NONE)
    assert state(sent, NONE, sent) == (DayState.EQUAL, sent, NONE)  # the account keeps no time of creation
    assert state(sent, of(2, 10), of(1, 0, -2))[0] is DayState.EQUAL
    assert state(sent, sent, of(1, 5)) == (DayState.EQUAL, sent, of(1, 5))
    assert state(NONE, NONE, of(1, 5)) == (DayState.EQUAL, NONE, of(1, 5))
    assert state(sent) == (DayState.DIFFERENT, NONE, NONE)
    assert state(sent, of(2, 10)) == (DayState.DIFFERENT, of(2, 10), NONE)
    assert state(sent, of(2, 10), settled=False)[0] is DayState.NOT_YET
    assert state(sent, of(4, 10, -2), settled=False)[0] is DayState.DIFFERENT
    assert state(sent, of(3, 11, -2), settled=False)[0] is DayState.DIFFERENT
    assert state(sent, of(3, 9, -2), settled=False)[0] is DayState.DIFFERENT  # as many are there: no other one comes
    # Of three that are there, one may be in doubt, and one that was sent may not show yet.
    assert state(sent, of(3, 9, -2), settled=False, in_doubt=of(1, 4))[0] is DayState.NOT_YET
    assert state(sent, of(3, 10, -1), settled=False)[0] is DayState.DIFFERENT
    assert state(sent, of(3, 11, -3), in_doubt=of(1, 2, -1))[0] is DayState.DIFFERENT
    assert state(sent, of(3, 10, -3))[0] is DayState.DIFFERENT
    assert state(sent, NONE, of(4, 12, -2)) == (DayState.DIFFERENT, of(4, 12, -2), NONE)
    assert state(sent, of(4, 12, -2), in_doubt=of(1, 2))[0] is DayState.IN_DOUBT
    assert state(sent, of(4, 13, -2), in_doubt=of(1, 2))[0] is DayState.DIFFERENT
    assert state(sent, of(5, 12, -2), in_doubt=of(1, 2))[0] is DayState.DIFFERENT
    assert state(sent, of(4, 10, -3), in_doubt=of(1, 2))[0] is DayState.DIFFERENT
    assert state(sent, of(2, 10), in_doubt=of(9, 99))[0] is DayState.DIFFERENT


def test_a_day_has_the_result_of_its_worst_reward():
    """A reward that was not sent and is listed counts, too."""
    found = compare_day({"a": of(1, 1)}, {"b": RewardListed(own=of(1, 1))}, {}, settled=False)
    assert {reward: each[0] for reward, each in found.items()} == {"a": DayState.NOT_YET, "b": DayState.DIFFERENT}
    assert worst(each[0] for each in found.values()) is DayState.DIFFERENT
    assert worst([]) is DayState.EQUAL
    assert worst([DayState.EQUAL, DayState.IN_DOUBT]) is DayState.IN_DOUBT
    assert worst([DayState.NOT_YET, DayState.IN_DOUBT]) is DayState.NOT_YET


def test_sums_are_added_exactly():
    """0.1 and 0.2 are 0.3, and not what doubles give."""
    assert together(of(1, "0.1"), of(1, "0.2")) == of(2, "0.3")
    record = {"id": "c", "transactions": [{"reward_id": "r", "amount": 1, "issued_at": "2024-01-01T00:00:00Z", "x": 1}]}
    (read,) = decode_transactions(msgspec.json.encode(record)).transactions
    assert (read.reward_id, read.amount, read.brand_id) == ("r", 1.0, None)


def test_the_last_moment_of_a_day_is_of_that_day():
    """SQL Server writes seven digits; the seventh is cut, not rounded up into the next day."""
    day = DatedTransaction("r1", 1.0, "2024-03-01T23:59:59.9999999Z").moment
    assert datetime.fromtimestamp(day // 1_000_000, UTC).day == 1
