"""Balances and ledgers that do not agree: whatever the policy, what is written adds up, and the figures close."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.checks.amounts import in_units
from masivo_stream.model.schemas import TransactionsRecord, make_reader
from masivo_stream.prepare.mapping.frame import Policies
from masivo_stream.prepare.settling.points import MOST_TRANSACTIONS, PointsMapping, RewardIds, settle_points
from masivo_stream.prepare.settling.remarks import Action, Why
from masivo_stream.prepare.settling.rows import BalanceRow, LedgerRow
from masivo_stream.prepare.settling.written_records import WrittenTransactions, encode

POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
CASHBACK = "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21"
REWARDS = RewardIds({"points": POINTS, "cashback": CASHBACK, POINTS: POINTS})
REGISTERED = "2020-01-01T00:00:00Z"
MILLION = 1_000_000

amounts = st.one_of(
    st.integers(-50, 50).map(lambda number: number * MILLION), st.integers(-(10**17), 10**17), st.none()
)
rewards = st.sampled_from(["points", "cashback", POINTS, "unheard of", None])
dates = st.sampled_from(
    [None, "2019-05-05T10:00:00Z", "2021-01-01T00:00:00Z", "2021-01-01T00:00:00.5Z", "2022-02-02T02:02:02Z"]
)
words = st.sampled_from([None, "bonus", "expired", "gone", "?"])
balance_rows = st.builds(BalanceRow, st.just("c"), st.integers(1, 9), rewards, amounts)
ledger_rows = st.builds(
    LedgerRow, st.just("c"), st.integers(10, 99), rewards, amounts, dates, words,
    fault=st.sampled_from([None, None, None, "bad_date"]),
)  # fmt: skip
policies = st.builds(
    Policies,
    ledger_differs=st.sampled_from(["correct", "trust_ledger", "trust_balance", "leave_out"]),
    too_many_transactions=st.sampled_from(["merge", "leave_out"]),
)
types = st.sampled_from([{}, {"expired": "EXPIRATION", "gone": "left_out", "*": "by_sign"}, {"bonus": "TRANSFER"}])


def millionths(written):
    """Return an amount of a record in millionths, by its digits."""
    digits = msgspec.json.decode(encode(written), type=Decimal)
    return int(digits * MILLION)


def total(remarks, table, action, name="points"):
    found = [each for each in remarks if each.table == table and each.action == action]
    return len(found) if name == "rows" else sum(getattr(each, name) for each in found)


@given(st.lists(balance_rows, max_size=6), st.lists(ledger_rows, max_size=12), policies, types)
def test_figures_close_and_sums_agree(balances, ledger, chosen, words):
    """What came and was added is what was written, left out and merged: in rows and points. Sums agree by reward."""
    settled = settle_points(balances, ledger, REGISTERED, PointsMapping(REWARDS, words, chosen))
    for table, rows, written in (
        ("balances", balances, settled.balances),
        ("transactions", ledger, settled.transactions),
    ):
        came = sum(row.amount or 0 for row in rows)
        went = sum(millionths(each.amount) for each in written)
        remarks = settled.remarks
        assert came + total(remarks, table, Action.ADDED) == (
            went + total(remarks, table, Action.LEFT_OUT) + total(remarks, table, Action.MERGED)
        )
        assert len(rows) + total(remarks, table, Action.ADDED, "rows") == (
            len(written) + total(remarks, table, Action.LEFT_OUT, "rows") + total(remarks, table, Action.MERGED, "rows")
        )
    sums = {}
    for each in settled.balances:
        sums.setdefault(each.reward_id, [0, 0])[0] += millionths(each.amount)
    for each in settled.transactions:
        sums.setdefault(each.reward_id, [0, 0])[1] += millionths(each.amount)
    if chosen.ledger_differs != "leave_out" and chosen.too_many_transactions != "leave_out":
        assert all(balance == earned for balance, earned in sums.values())


@given(
    st.lists(balance_rows, max_size=6),
    st.lists(ledger_rows, max_size=8),
    policies,
    types,
    st.sampled_from([None, "2020-01-01T00:00:00Z"]),
)
def test_figures_close_if_balances_are_not_written(balances, ledger, chosen, words, registered):
    """Whatever the rows: no balance is written, and every row is accounted for. Sums are those of the balances."""
    settled = settle_points(balances, ledger, registered, PointsMapping(REWARDS, words, chosen, writes_balances=False))
    assert settled.balances == []
    for table, rows, written in (("balances", balances, []), ("transactions", ledger, settled.transactions)):
        for name in ("rows", "points"):
            came = len(rows) if name == "rows" else sum(row.amount or 0 for row in rows)
            went = len(written) if name == "rows" else sum(millionths(each.amount) for each in written)
            assert came + total(settled.remarks, table, Action.ADDED, name) == went + sum(
                total(settled.remarks, table, action, name) for action in (Action.LEFT_OUT, Action.MERGED)
            )
    assert total(settled.remarks, "balances", Action.ADDED, "rows") == 0
    if chosen.ledger_differs in {"correct", "trust_balance"} and chosen.too_many_transactions == "merge":
        sums = dict.fromkeys((POINTS, CASHBACK), 0)
        for each in settled.transactions:
            sums[each.reward_id] += millionths(each.amount)
        for reward, earned in sums.items():
            of_reward = {  # a row that says the same as another one counts once
                row.amount for row in balances if row.amount is not None and REWARDS.find(row.reward) == reward
            }
            undated = registered is None and not any(_is_usable(row, reward, words) for row in ledger)
            assert not of_reward or earned == (0 if undated else sum(of_reward))


def _is_usable(row, reward, words):
    meaning = words.get(row.type or "", words.get("*")) if words else "by_sign"
    usable = row.fault is None and row.amount and row.issued_at and meaning not in {None, "left_out"}
    return bool(usable) and REWARDS.find(row.reward) == reward


@given(st.lists(balance_rows, max_size=6), st.lists(ledger_rows, min_size=1, max_size=12), policies, types)
def test_what_is_written_is_valid(balances, ledger, chosen, words):
    """Each type fits its sign, and entries are in the order of their dates."""
    settled = settle_points(balances, ledger, REGISTERED, PointsMapping(REWARDS, words, chosen))
    if settled.transactions:
        make_reader(TransactionsRecord)(encode(WrittenTransactions("c", settled.transactions)))
    moments = [each.issued_at.removesuffix("Z") for each in settled.transactions]
    assert moments == sorted(moments)


def entries(count, amount=MILLION, reward="points"):
    return [
        LedgerRow("c", 100 + number, reward, amount, f"2020-01-{1 + number % 28:02}T{number % 24:02}:00:00Z")
        for number in range(count)
    ]


@given(st.integers(900, 1300), st.integers(0, 300), st.integers(0, 300))
def test_the_oldest_are_merged_by_reward_and_sign(earned, spent, cashback):
    """Never more than a request takes, and no more are merged than has to be; each sum by reward and sign is kept."""
    ledger = [*entries(earned), *entries(spent, -MILLION), *entries(cashback, 2 * MILLION, "cashback")]
    settled = settle_points([], ledger, REGISTERED, PointsMapping(REWARDS, {}, Policies()))
    written = settled.transactions
    assert len(written) == min(len(ledger), MOST_TRANSACTIONS)
    for reward, sign, expected in ((POINTS, 1, earned), (POINTS, -1, -spent), (CASHBACK, 1, 2 * cashback)):
        assert sum(each.amount for each in written if each.reward_id == reward and each.amount * sign > 0) == expected
    assert len({(each.reward_id, each.type) for each in written if each.details}) == sum(
        1 for each in written if each.details
    )


def test_what_is_missing_comes_first_and_what_is_too_much_goes_last():
    """An entry that corrects never makes a balance run lower on the way."""
    for balance, place, kind in ((10, 0, "ACCUMULATION"), (-10, -1, "REDEMPTION")):
        rows = [BalanceRow("c", 1, "points", balance * MILLION)]
        ledger = [
            LedgerRow("c", 2, "points", 5 * MILLION, "2021-01-01T00:00:00Z"),
            LedgerRow("c", 3, "points", -MILLION, "2022-01-01T00:00:00Z"),
        ]
        written = settle_points(rows, ledger, REGISTERED, PointsMapping(REWARDS, {}, Policies())).transactions
        assert (written[place].type, written[place].amount) == (kind, balance - 4)
        assert sum(each.amount for each in written) == balance


@pytest.mark.parametrize(
    ("policy", "balance", "ledger", "reasons"),
    [
        ("correct", 10, [4, 6], {(Action.ADDED, Why.LEDGER_DIFFERS)}),
        ("trust_ledger", 4, [4], {(Action.LEFT_OUT, Why.LEDGER_DIFFERS), (Action.ADDED, Why.LEDGER_DIFFERS)}),
        ("trust_balance", 10, [10], {(Action.LEFT_OUT, Why.LEDGER_DIFFERS), (Action.ADDED, Why.LEDGER_DIFFERS)}),
        ("leave_out", 10, [], {(Action.LEFT_OUT, Why.LEDGER_DIFFERS)}),
    ],
)
def test_a_ledger_that_differs(policy, balance, ledger, reasons):
    """A balance of 10, and one entry of 4."""
    rows, entry = (
        [BalanceRow("c", 1, "points", 10 * MILLION)],
        LedgerRow("c", 2, "points", 4 * MILLION, "2021-01-01T00:00:00Z"),
    )
    settled = settle_points(rows, [entry], REGISTERED, PointsMapping(REWARDS, {}, Policies(ledger_differs=policy)))
    assert [each.amount for each in settled.balances] == [balance]
    assert sorted(each.amount for each in settled.transactions) == sorted(ledger)
    assert {(each.action, each.why) for each in settled.remarks} == reasons


def test_a_balance_that_is_there_twice_counts_once():
    """Exports overlap, and a reward may have its name or its id. Parts of a balance that differ are all written."""
    for ledger in ([], [LedgerRow("c", 9, "points", 5 * MILLION, "2021-01-01T00:00:00Z")]):
        rows = [
            BalanceRow("c", 1, "points", 5 * MILLION),
            BalanceRow("c", 2, POINTS, 5 * MILLION),
            BalanceRow("c", 3, "points", 5 * MILLION, "2027-01-01T00:00:00Z"),
            BalanceRow("c", 4, "points", 5 * MILLION, brand_id="b"),
            BalanceRow("c", 5, "points", 7 * MILLION),
            BalanceRow("c", 6, "cashback", 5 * MILLION),
            BalanceRow("c", 7, "points", None),
            BalanceRow("c", 8, "points", 5 * MILLION, fault="bad_date"),
        ]
        settled = settle_points(rows, ledger, REGISTERED, PointsMapping(REWARDS, {}, Policies()))
        assert sorted(each.amount for each in settled.balances) == [5, 5, 5, 5, 7]
        assert sum(each.amount for each in settled.transactions) == 27
        noted = {(each.place, each.action, each.why) for each in settled.remarks if each.table == "balances"}
        assert noted == {
            (2, Action.LEFT_OUT, Why.SAME_ROW_TWICE),
            (5, Action.GUESSED, Why.BALANCE_TWICE),
            (7, Action.LEFT_OUT, Why.MISSING_AMOUNT),
            (8, Action.LEFT_OUT, Why.BAD_DATE),
        }


def test_a_balance_without_its_transactions_is_listed():
    """`leave_out` adds no entry, so the balance has none."""
    settled = settle_points(
        [BalanceRow("c", 1, "points", MILLION)],
        [],
        REGISTERED,
        PointsMapping(REWARDS, {}, Policies(ledger_differs="leave_out")),
    )
    assert ([each.amount for each in settled.balances], settled.transactions) == ([1], [])
    assert [(each.place, each.action, each.why) for each in settled.remarks] == [
        (1, Action.GUESSED, Why.LEDGER_DIFFERS)
    ]


def test_a_balance_alone_is_opened():
    """Without a ledger, one entry per reward makes the balance; a balance of 0 needs none."""
    rows = [BalanceRow("c", 1, "points", 12_500_000), BalanceRow("c", 2, "cashback", 0)]
    settled = settle_points(rows, [], REGISTERED, PointsMapping(REWARDS, {}, Policies()))
    (entry,) = settled.transactions
    assert (entry.amount, entry.issued_at, entry.type) == (12.5, REGISTERED, "ACCUMULATION")
    assert str(in_units(12_500_000)) == "12.5"
