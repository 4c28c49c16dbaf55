"""Control totals of several files add up to those of one file with all records; rewards have the catalogue's names."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.checks.name_rewards import name_rewards
from masivo_stream.core.checks.sum_totals import sum_by_kind, sum_by_reward_over_all
from masivo_stream.core.checks.totals import TotalsOfFile
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import CheckResult, ExportChecks, ExportFinding, RewardBalance, RewardSums
from masivo_stream.model.references import CatalogueReward

moments = st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn
entries = st.lists(
    st.tuples(
        st.sampled_from(Kind),
        st.sampled_from("ab"),
        st.sampled_from(["r1", "r2"]),
        st.integers(-(10**9), 10**9),
        moments,
    ),
    max_size=20,
)


def feed(totals, reward, number, moment):
    totals.records += 1
    totals.items += 2
    totals.span(moment, moment)
    if totals.kind is Kind.EVENTS:
        totals.orders += 2
        totals.value += number
        totals.discounted += number // 2
    else:
        totals.amount(reward, number)


@given(entries)
def test_files_add_up_to_their_kind(found):
    """Records, items, orders, money, rewards, and the dates of both ends."""
    files, whole = {}, {}
    for kind, file, reward, number, moment in found:
        for totals in (
            files.setdefault((kind, file), TotalsOfFile(kind, file)),
            whole.setdefault(kind, TotalsOfFile(kind, "all")),
        ):
            feed(totals, reward, number, moment)
    summed = {each.kind: each for each in sum_by_kind([each.totals() for each in files.values()])}
    assert summed.keys() == {kind.value for kind in whole}
    for kind, each in whole.items():
        expected = each.totals()
        kept = summed[kind]
        names = ("records", "items", "orders", "value", "discounted_value", "rewards", "first", "last")
        assert {name: getattr(kept, name) for name in names} == {name: getattr(expected, name) for name in names}
        assert kept.files == len({file for of_kind, file in files if of_kind is kind})


def test_transactions_and_balances_are_side_by_side():
    """What is not in one of them is nothing there; a kind without an export is not known."""
    customers, transactions = TotalsOfFile(Kind.CUSTOMERS, "c"), TotalsOfFile(Kind.TRANSACTIONS, "t")
    customers.amount("r1", 5_000_000)
    transactions.amount("r1", 7_500_000)
    transactions.amount("r1", -2_000_000)
    transactions.amount("r2", -1)
    both = sum_by_reward_over_all([customers.totals(), transactions.totals()])
    assert both == (
        RewardBalance(reward="r1", earned=Decimal("7.5"), spent=Decimal(-2), left=Decimal("5.5"), balances=Decimal(5)),
        RewardBalance(
            reward="r2",
            earned=Decimal(0),
            spent=Decimal("-0.000001"),
            left=Decimal("-0.000001"),
            balances=Decimal(0),
        ),
    )
    assert sum_by_reward_over_all([customers.totals()]) == (RewardBalance(reward="r1", balances=Decimal(5)),)
    assert [each.balances for each in sum_by_reward_over_all([transactions.totals()])] == [None, None]
    assert sum_by_reward_over_all([]) == sum_by_kind([]) == ()


def test_rewards_have_the_names_of_the_catalogue():
    """In findings and in all totals, whatever the case of an id; one that is not there has no name."""
    totals = TotalsOfFile(Kind.TRANSACTIONS, "t")
    totals.amount("r1", 1)
    totals.amount("r2", 1)
    files = (totals.totals(),)
    sums = RewardSums(reward="r1", balance=Decimal(0), transactions=Decimal(1), difference=Decimal(1))
    places = (
        ExportFinding(file="t", line=1, offset=0, sums=sums),
        ExportFinding(file="t", line=2, offset=0),
        ExportFinding(file="t", line=3, offset=0, sums=RewardSums(**{**_fields(sums), "reward": "r2"})),
    )
    result = CheckResult(check="balance_mismatch", severity="error", count=3, meaning="", first=places)
    checks = ExportChecks(
        results=(result,), totals=files, by_kind=sum_by_kind(files), rewards=sum_by_reward_over_all(files)
    )
    named = name_rewards(checks, [CatalogueReward(id="R1", name="Puntos"), CatalogueReward(id="r2")])
    found = named.results[0].first
    assert [each.sums.name if each.sums else None for each in found] == ["Puntos", None, ""]
    for rewards in (named.totals[0].rewards, named.by_kind[0].rewards, named.rewards):
        assert [each.name for each in rewards] == ["Puntos", ""]
    assert name_rewards(checks, []) == checks


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
