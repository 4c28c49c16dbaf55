"""The error budget in a run: it stops in an orderly way, and a larger budget goes on from there.

The world is that of `test_crash`, with a real journal and virtual time: five dead letters (one of customers, three of
events of which the API refuses one, one of transactions), and transactions in doubt.
"""

import pytest
from fakes import REFUSED, PipelineUnderTest, Remembering, event, record, write_export
from flow.test_crash import correct, make_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters
from msgspec import UNSET

from masivo_stream.core.accounting.error_budget import FLOOR, ErrorBudget, KindCount
from masivo_stream.flow.pipeline.budget_watch import BudgetWatch
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import BudgetError, ExitCode
from masivo_stream.model.max_dead import OverBudget, parse_max_deads
from masivo_stream.model.notices import RunStarted

EVERYTHING = 5


def live(world, budget, life=None, work=None):
    world.flags["max_dead"] = budget
    return world.live(life or Life(), work)


def is_stop(summary):
    """Return whether a summary is that of a run that was stopped by its budget; check that it says so."""
    if summary.over_budget is UNSET:
        return False
    assert (summary.outcome, summary.exit_code, summary.closes) == ("stopped", ExitCode.OUTAGE, True)
    assert "max_dead allows" in summary.message
    assert "larger --max-dead" in summary.hint
    return True


def requests(summary):
    return [figures.requests for figures in summary.kinds.values()]


def test_a_budget_of_zero_stops_at_the_first_dead_letter(tmp_path):
    """It is a customer, in the first block that is read: nothing was sent yet."""
    world, valid, dead = make_world(tmp_path)
    summary = live(world, "0")
    assert is_stop(summary)
    assert summary.over_budget == OverBudget(allowed="0", dead=1, read=256, reasons={"wrong_type": 1})
    assert summary.message == "1 dead letter in all, and max_dead allows 0: 1 wrong_type"
    assert (world.applied, summary.kinds[Kind.CUSTOMERS].pending) == ({}, 255)
    assert [letter["line"] for letter in world.dead_letters(Kind.CUSTOMERS)] == [201]
    assert not is_stop(live(world, "none"))
    world.check(live(world, "none"), valid, dead)


def test_every_budget_is_kept_and_the_next_one_continues(tmp_path):
    """From one budget to the next: each run ends with one dead letter too many, the last one with all of them."""
    world, valid, dead = make_world(tmp_path)
    for budget in range(EVERYTHING):
        summary = live(world, str(budget))
        assert is_stop(summary), budget
        assert budget < summary.over_budget.dead <= EVERYTHING
        before = dict(world.applied)
        again = live(world, str(budget))
        assert is_stop(again)
        assert (again.over_budget, requests(again)) == (summary.over_budget, requests(summary))
        assert world.applied == before  # the same budget sends nothing more
    world.check(live(world, str(EVERYTHING)), valid, dead)


@pytest.mark.parametrize(
    ("budget", "kind", "count"),
    [("customers=0", Kind.CUSTOMERS, 1), ("9,events=2", Kind.EVENTS, 3), ("transactions=0", Kind.TRANSACTIONS, 1)],
)
def test_a_budget_of_one_kind_counts_only_that_kind(tmp_path, budget, kind, count):
    """The kinds before it are migrated; those of the API count like those that are found here."""
    world, valid, dead = make_world(tmp_path)
    summary = live(world, budget)
    assert is_stop(summary)
    assert (summary.over_budget.kind, summary.over_budget.dead) == (kind, count)
    order = list(Kind)
    assert {key[0] for key in world.applied} <= set(order[: order.index(kind) + 1])
    assert {key[0] for key in world.applied} >= set(order[: order.index(kind)])
    world.check(live(world, "none"), valid, dead)


def test_a_percentage_is_exact_when_everything_is_read(tmp_path):
    """One of 401 customers is less than 0.3 %, three of 62 events are more."""
    world, valid, dead = make_world(tmp_path)
    summary = live(world, "customers=0.2%")
    assert is_stop(summary)
    assert summary.over_budget == OverBudget(
        kind="customers", allowed="0.2%", dead=1, read=401, reasons={"wrong_type": 1}
    )
    summary = live(world, "customers=0.3%,events=3%")
    assert is_stop(summary)
    assert summary.over_budget.kind == Kind.EVENTS
    world.check(live(world, "5%"), valid, dead)


def test_the_run_stops_while_the_api_refuses(tmp_path):
    """The culprits of isolation count one by one; what is in flight lands, and the rest is pending."""
    bad = {f"c{number}" for number in range(50, 400, 50)}
    world = World(tmp_path, lambda _kind, entries, *_: _refuse(entries, bad), limit="none")
    world.export(Kind.CUSTOMERS, [record(Kind.CUSTOMERS, number) for number in range(400)])
    summary = live(world, "2")
    assert is_stop(summary)
    figures = summary.kinds[Kind.CUSTOMERS]
    assert summary.over_budget.reasons == {"refused": figures.dead}
    assert figures.dead == len(world.dead_letters(Kind.CUSTOMERS)) >= 3
    assert figures.pending > 0
    world.observer = Remembering()
    again = live(world, "2")  # though part of a refused batch waits to be sent
    assert (is_stop(again), requests(again), again.over_budget) == (True, requests(summary), summary.over_budget)
    assert [type(notice) for notice in world.observer.notices] == [RunStarted]
    summary = live(world, "7")
    assert (summary.outcome, summary.kinds[Kind.CUSTOMERS].dead) == ("dead_letters", 7)
    assert {customer for _, customer, _ in world.applied} == {f"c{number}" for number in range(400)} - bad


def _refuse(entries, bad):
    return REFUSED if any(entry["id"] in bad for entry in entries) else None


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["0", "2", "events=1", "customers=0.2%"])
@pytest.mark.parametrize("part", range(3))
def test_the_budget_survives_a_death_at_every_operation_around_the_stop(tmp_path, part, budget):
    """The next life of the same budget stops; a larger budget ends complete, nothing lost or doubled."""
    dies_at, died = part + 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, valid, dead = make_world(path)
        died = live(world, budget, Life(dies_at)) is None
        assert is_stop(live(world, budget)) or world.doubts(Kind.EVENTS)  # the answer that said no was lost
        world.check(live(world, "none"), valid, dead)
        dies_at += 3
    assert dies_at > 3


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=st.lists(st.tuples(st.integers(0, 4).map(str), st.integers(1, 60)), max_size=5))
def test_any_budgets_and_deaths_lead_to_the_same_end(tmp_path_factory, lives):
    """Lives with any budgets, some of which die, come to the same end as one without a budget."""
    world, valid, dead = make_world(tmp_path_factory.mktemp("world"))
    for budget, dies_at in lives:
        live(world, budget, Life(dies_at))
    world.check(live(world, "none"), valid, dead)


def test_a_retry_counts_records_that_are_rejected_again(tmp_path):
    """Dead letters in its hands do not stop it before they are read: all of them may be correct by now."""
    world, *_ = make_world(tmp_path)
    live(world, "none")
    assert is_stop(live(world, "1"))
    correct(world)
    summary = live(world, "1", work=retry_dead_letters)
    assert (summary.outcome, sum(each.dead for each in summary.kinds.values())) == ("in_doubt", 1)


def test_a_retry_without_corrections_exceeds_the_budget_again(tmp_path):
    """All of them are rejected as before."""
    world, *_ = make_world(tmp_path)
    live(world, "none")
    summary = live(world, "events=2", work=retry_dead_letters)
    assert is_stop(summary)
    assert summary.over_budget.dead == 3


def test_a_retry_that_died_is_counted_by_the_next_process(tmp_path):
    """Dead letters that it has taken and not read are no excess yet."""
    world, *_ = make_world(tmp_path)
    live(world, "none")
    correct(world)

    async def taking_and_dying(*arguments):
        await retry_dead_letters(*arguments)
        raise SystemExit

    with pytest.raises(SystemExit):
        live(world, "1", work=taking_and_dying)
    summary = live(world, "1")
    assert (summary.outcome, sum(each.dead for each in summary.kinds.values())) == ("in_doubt", 1)


async def test_a_percentage_stops_a_large_export_on_its_way(tmp_path):
    """More bad records than the share of FLOOR allows: it need not be read to its end, nor sent."""
    good = [{"id": f"c{number}", "events": [event(number)]} for number in range(2000)]
    path = write_export(tmp_path / "in", [*[{"id": number} for number in range(FLOOR // 100 + 1)], *good])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], block_bytes=4096)
    budget = ErrorBudget(parse_max_deads("1%"), {Kind.EVENTS: KindCount()})
    pipeline.recorder._budget = BudgetWatch(budget, pipeline.stop)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, BudgetError)
    assert figures.closes
    assert figures.read < 300
    assert pipeline.api.requests == []
