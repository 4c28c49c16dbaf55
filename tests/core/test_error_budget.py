"""The error budget: it stops no run within it, a larger one stops later, and a restart changes nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.error_budget import FLOOR, ErrorBudget, KindCount, count_reasons, describe_excess
from masivo_stream.model.contract import Kind
from masivo_stream.model.max_dead import OverBudget, parse_max_dead, parse_max_deads

REASONS = ("missing_field", "wrong_type", "refused", "duplicate_id")

counts = st.builds(
    KindCount,
    read=st.integers(0, 50_000),
    reasons=st.dictionaries(st.sampled_from(REASONS), st.integers(1, 400), max_size=4),
    read_all=st.booleans(),
)
by_kind = st.dictionaries(st.sampled_from(Kind), counts, min_size=1)
numbers = st.integers(0, 1500)
steps = st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 3000), st.integers(0, 30)), max_size=25)


def first_stop(budgets, history, restarts=frozenset()):
    """Return at which of these steps a run stops; it begins a new process before each step of `restarts`."""
    known = {kind: KindCount() for kind in Kind}
    budget = ErrorBudget(budgets, known)
    for number, (kind, read, dead) in enumerate(history):
        if number in restarts:
            budget = ErrorBudget(budgets, known)
            if budget.exceeded() is not None:
                return number - 1  # the process before was stopped there
        before = known[kind]
        reasons = {"refused": before.dead + dead} if before.dead + dead else {}
        known[kind] = KindCount(read=before.read + read + dead, reasons=reasons)
        if budget.count(kind, known[kind]) is not None:
            return number
    return None


@given(by_kind)
def test_no_number_of_dead_letters_is_too_large_without_a_budget(counted):
    """Off is the default."""
    budget = ErrorBudget((), counted)
    assert not budget
    assert budget.exceeded() is None


@given(numbers, by_kind)
def test_a_number_limits_all_kinds_together(most, counted):
    """As many as allowed are no reason to stop; one more is."""
    over = ErrorBudget(parse_max_deads(str(most)), counted).exceeded()
    dead = sum(each.dead for each in counted.values())
    assert (over is not None) == (dead > most)
    if over is not None:
        assert (over.kind, over.dead, sum(over.reasons.values()), over.allowed) == ("", dead, dead, str(most))


@given(st.sampled_from(Kind), numbers, by_kind)
def test_a_number_of_one_kind_limits_that_kind_alone(kind, most, counted):
    """Whatever the others do."""
    over = ErrorBudget(parse_max_deads(f"{kind}={most}"), counted).exceeded()
    assert (over is not None) == (kind in counted and counted[kind].dead > most)


@given(st.decimals(0, 100, places=2), counts)
def test_a_percentage_is_of_the_records_that_were_read(share, counted):
    """When all is read, exactly; before, never more is asked than the same share of FLOOR records."""
    over = ErrorBudget(parse_max_deads(f"{share}%"), {Kind.EVENTS: counted}).exceeded()
    records = counted.read if counted.read_all else max(FLOOR, counted.read)
    assert (over is not None) == (counted.dead > share * records / 100)
    if counted.dead * 100 <= share * counted.read:  # within the budget
        assert over is None


def test_a_few_bad_records_at_the_start_do_not_stop_a_large_export():
    """The first line is bad, and a hundredth of all lines may be."""
    budget = ErrorBudget(parse_max_deads("1%"), {Kind.CUSTOMERS: KindCount()})
    reasons = {"wrong_type": FLOOR // 100}
    assert budget.count(Kind.CUSTOMERS, KindCount(read=FLOOR // 100, reasons=reasons)) is None
    assert budget.count(Kind.CUSTOMERS, KindCount(read=FLOOR // 100, reasons=reasons, read_all=True)) is not None
    reasons = {"wrong_type": FLOOR // 100 + 1}
    assert budget.count(Kind.CUSTOMERS, KindCount(read=FLOOR // 2, reasons=reasons)) is not None


def test_unread_kinds_do_not_count_for_a_percentage():
    """All customers are read, no event: a percentage of both together is one of FLOOR records."""
    customers = KindCount(read=100, reasons={"wrong_type": 50}, read_all=True)
    known = {Kind.CUSTOMERS: customers, Kind.EVENTS: KindCount()}
    assert ErrorBudget(parse_max_deads("1%"), known).exceeded() is None
    known[Kind.EVENTS] = KindCount(read=100, read_all=True)
    assert ErrorBudget(parse_max_deads("1%"), known).exceeded() is not None


@given(st.lists(numbers, min_size=2, max_size=2), st.booleans(), steps)
def test_a_larger_budget_never_stops_earlier(pair, percent, history):
    """And goes on where the smaller one has stopped, if it stops at all."""
    small, large = ((parse_max_dead(f"{Decimal(each) / 100}%" if percent else str(each)),) for each in sorted(pair))
    stops, later = first_stop(small, history), first_stop(large, history)
    assert later is None or (stops is not None and stops <= later)


@given(st.lists(numbers.map(str), min_size=1, max_size=3), steps)
def test_another_budget_never_stops_later(several, history):
    """Each of them counts."""
    budgets = parse_max_deads(",".join(several))
    fewer, all_of_them = first_stop(budgets[1:], history), first_stop(budgets, history)
    assert fewer is None or (all_of_them is not None and all_of_them <= fewer)


@given(
    st.lists(numbers.map(str) | st.integers(0, 400).map("0.{:03}%".format), min_size=1, max_size=3),
    steps,
    st.sets(st.integers(0, 25)),
)
def test_restarts_change_nothing(several, history, restarts):
    """Dead letters of earlier processes count: the run stops at the same step however often it is started."""
    budgets = parse_max_deads(",".join(several))
    assert first_stop(budgets, history, restarts) == first_stop(budgets, history)


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 3000)), max_size=25))
def test_an_export_without_dead_letters_never_stops(reads):
    """An export without a fault keeps the smallest budget."""
    assert first_stop(parse_max_deads("0,0%,events=0"), [(kind, read, 0) for kind, read in reads]) is None


@given(st.sampled_from(Kind), st.sampled_from(["0", "0%"]))
def test_a_budget_of_zero_stops_at_the_first_dead_letter(kind, text):
    """The smallest there is."""
    assert first_stop(parse_max_deads(text), [(kind, 5000, 0), (kind, 10, 1)]) == 1


def test_decided_and_retried_dead_letters_do_not_count():
    """Given up, taken back, or in the hands of a retry."""
    reasons = {"refused": 5, "discarded": 100, "taken_back": 100, "wrong_type": 2}
    assert count_reasons(reasons, {"refused": 3, "wrong_type": 2}) == {"refused": 2}


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        (
            OverBudget(kind="events", allowed="0", dead=1, read=9, reasons={"refused": 1}),
            "1 dead letter of events, and max_dead allows 0: 1 refused",
        ),
        (
            OverBudget(allowed="0.5%", dead=1201, read=40_000, reasons={"a": 1000, "b": 120, "c": 80, "d": 1}),
            (
                "1,201 dead letters in all among 40,000 records read, and max_dead allows 0.5%: 1,000 a, 120 b, 80 c,"
                " 1 for other reasons"
            ),
        ),
    ],
)
def test_the_message_has_counts_and_the_largest_reasons(over, sentence):
    """A percentage is nothing without what it is of."""
    assert describe_excess(over) == sentence
