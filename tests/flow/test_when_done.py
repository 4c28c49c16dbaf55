"""The proof of the finishing time: runs of about two hours' quota, in virtual time, watched from the first second.

The end that is said first is within a tenth of the truth, and it never moves by more than a tenth without a reason.
"""

import random
from functools import partial

import anyio
import pytest
from fakes import NO_CONNECTION, REFUSED, event, record, transaction
from virtual_time import run_virtually
from when_done import EPOCH, LOOK_AROUND, Runs

from masivo_stream.core.pacing.moved_end import BEGUN, OVER, SLOW
from masivo_stream.model.contract import Kind

C, E, T = Kind
TENTH = 0.1
REWARD = transaction()["reward_id"]
SMALL = {"max_body_bytes": 4096}
"""Requests of few records, so that a short export takes many."""


def three_kinds(runs, *, packed=False, count=400):
    """Customers, events that one request cannot hold all of, transactions that add up to the balances."""

    def balance(number):
        return {"balance": [{"reward_id": REWARD, "amount": 4 * (1 + number % 4)}]}

    runs.export(C, [record(C, number, **balance(number)) for number in range(count)], packed=packed)
    runs.export(E, [{"id": f"c{n}", "events": [event(f"{n}"), event(f"{n}b")]} for n in range(count)], packed=packed)
    each = ([transaction() for _ in range(1 + number % 4)] for number in range(count))
    runs.export(T, [{"id": f"c{n}", "transactions": found} for n, found in enumerate(each)], packed=packed)


def badly_packed(runs):
    """No two customers' transactions fit into one request."""
    balance = {"balance": [{"reward_id": REWARD, "amount": 4 * 601}]}
    runs.export(C, [record(C, number, **balance) for number in range(40)])
    runs.export(T, [{"id": f"c{n}", "transactions": [transaction() for _ in range(601)]} for n in range(40)])


def check(watches, *, first=TENTH):
    """Check what was said: at the first moment, and at every later one against what was said last with a reason."""
    begun, end = watches[0].said[0][0], watches[-1].said[-1][0]
    whole = end - begun
    for watch in watches:
        opening = next(shown for _, shown in watch.said if shown.ends_at is not None)
        assert opening.now - (watch.said[0][0] + EPOCH) < 1.0  # from the first second
        assert abs(opening.ends_at - EPOCH - end) <= first * whole
        said = opening.ends_at
        for _, shown in watch.said:
            if shown.ends_at is None:
                assert shown.no_end or shown.requests_left == 0 or shown.wait.what in {"drain", "done"}
                continue
            if shown.moved is not None:
                said = shown.moved.now
            assert abs(shown.ends_at - said) <= TENTH * max(whole, said - begun - EPOCH) + 30.0
    return whole


@pytest.mark.parametrize(
    ("limit", "make", "flags", "planned", "stops"),
    [
        ("1/90s", three_kinds, SMALL, False, None),
        ("1/90s", three_kinds, SMALL, True, 3000),
        ("1/90s", lambda runs: three_kinds(runs, packed=True), SMALL | {"skip_checks": "all"}, False, None),
        ("1/5s,30/h", three_kinds, SMALL, False, 2000),
        ("30/h", three_kinds, SMALL, False, None),
        ("1/150s", badly_packed, {}, False, None),
        ("1/150s", badly_packed, {}, True, None),
    ],
    ids=[
        "kinds",
        "planned, restarted",
        "packed, unchecked",
        "two windows, restarted",
        "hour",
        "unfit",
        "unfit, planned",
    ],
)
def test_the_end_that_is_said_first_is_true(tmp_path, limit, make, flags, planned, stops):
    """And nothing moves it without a reason, with a plan and without, also after a restart."""
    runs = Runs(tmp_path, limit=limit, **flags)
    make(runs)
    if planned:
        assert runs.plan().requests
    if stops is not None:
        _, summary = runs.live(stop_after=stops)
        assert summary.outcome == "interrupted"
    _, summary = runs.live()
    assert summary.outcome == "complete"
    whole = check(runs.watches)
    assert 1.2 * 3600 < whole < 3.5 * 3600
    if planned and make is three_kinds:
        assert abs(runs.watches[0].said[3][1].ends_at - EPOCH - runs.watches[-1].said[-1][0]) < 0.03 * whole


def test_dead_letters_move_the_end_with_a_reason(tmp_path):
    """Refused requests are taken apart: nothing says before how many bad records there are."""
    bad = {f"c{number}" for number in range(0, 400, 29)}

    def answer(kind, customers, _body, _number):
        return REFUSED if kind is C and any(each["id"] in bad for each in customers) else None

    runs = Runs(tmp_path, limit="1/90s", answer=answer, **SMALL)
    three_kinds(runs)
    watch, summary = runs.live()
    assert summary.outcome == "dead_letters"
    check([watch], first=0.6)
    reasons = {shown.moved.why for _, shown in watch.said if shown.moved}
    assert "refused requests are sent again in parts, to find the bad records" in reasons


def test_during_an_outage_no_end_is_promised(tmp_path):
    """After it the end is later, and that has a reason."""
    away = (1000.0, 3400.0)
    runs = Runs(tmp_path, limit="1/90s", **SMALL)

    def answer(*_):
        return NO_CONNECTION if away[0] <= runs.watches[-1].said[-1][0] <= away[1] else None

    runs.answer = answer
    three_kinds(runs)
    watch, summary = runs.live()
    assert summary.outcome == "complete"
    during = [shown for moment, shown in watch.said if away[0] + 100 < moment < away[1]]
    assert during
    assert {(shown.ends_at, shown.no_end) for shown in during} == {
        (None, "no finishing time while the API does not answer")
    }
    check([watch], first=0.4)
    assert "there was no answer for a while" in {shown.moved.why for _, shown in watch.said if shown.moved}


def test_slow_answers_move_the_end_with_their_reason(tmp_path):
    """Nothing is known of them at first. The next process knows, and says the true end from the first second."""
    chance = random.Random(1)
    runs = Runs(tmp_path, limit="1/30s", latency=lambda: chance.uniform(0.5, 15.0), **SMALL)
    three_kinds(runs, count=300)
    watch, _ = runs.live(stop_after=1200)
    assert {shown.moved.why for _, shown in watch.said if shown.moved} == {SLOW}
    again, summary = runs.live()
    assert summary.outcome == "complete"
    first = next(shown for _, shown in again.said if shown.ends_at is not None)
    begun, end = again.said[0][0], again.said[-1][0]
    assert abs(first.ends_at - EPOCH - end) <= TENTH * (end - begun)


def beside(path, begins, *, counts=(100, 100), stops=None, **flags):
    """Run two at once on one account; the second begins later. Return what each was seen to say."""
    chance = random.Random(0)
    fixed = SMALL | {"quota": path / "quota.db", "latency": lambda: chance.uniform(0.01, 0.03)}
    both = [Runs(path / name, **(fixed | flags)) for name in ("first", "second")]
    for runs, count in zip(both, counts, strict=True):
        three_kinds(runs, count=count)
    watches = [runs.watch() for runs in both]
    for watch in watches:
        watch.every = 5.0
    watches[1].stop_after = stops

    async def go():
        async with anyio.create_task_group() as tasks:
            for runs, watch, after in zip(both, watches, (0.0, begins), strict=True):
                tasks.start_soon(partial(runs.join, watch, after=after))

    run_virtually(go)
    return watches


def said_after(watch, moment):
    """Return what was said next after a moment, and when the run ended."""
    return next(shown for at, shown in watch.said if at > moment and shown.ends_at is not None), watch.said[-1][0]


def departures(watch):
    """Return when requests left, about."""
    sent = [(moment, sum(phase.figures.requests for phase in shown.phases)) for moment, shown in watch.said]
    return [moment for (moment, number), (_, before) in zip(sent[1:], sent, strict=False) if number > before]


@pytest.mark.parametrize(
    ("begins", "counts", "flags"),
    [
        (1500.0, (100, 100), {"limit": "1/180s"}),
        (900.0, (150, 30), {"limit": "1/180s"}),
        (900.0, (100, 100), {"limit": "1/180s", "scope": "endpoint"}),
    ],
    ids=["later", "a short one", "by kind"],
)
def test_two_runs_on_one_account_know_of_each_other(tmp_path, begins, counts, flags):
    """They take turns. Both say the true end as soon as both are at work; that of the first has moved, and says why."""
    first, second = beside(tmp_path, begins, counts=counts, **flags)
    at = begins + 2 * LOOK_AROUND
    for watch in (first, second):
        assert watch.summary.outcome == "complete"
        shown, end = said_after(watch, at)
        assert shown.other_runs == 1
        assert abs(shown.ends_at - EPOCH - end) <= TENTH * (end - watch.said[0][0]) + 30.0
    moved = next(shown.moved for _, shown in first.said if shown.moved)
    assert (moved.why, begins <= moved.at - EPOCH <= at + 180.0) == (BEGUN, True)
    if "scope" not in flags:
        until = min(watch.said[-1][0] for watch in (first, second))
        turns = sorted((moment, n) for n, watch in enumerate((first, second)) for moment in departures(watch))
        both = "".join(str(number) for moment, number in turns if at < moment < until)
        assert len(both) > 5 or begins < 1000.0
        assert not {"000", "111"} & {both[place : place + 3] for place in range(len(both))}


def test_a_run_that_is_alone_again_says_so(tmp_path):
    """The other one was stopped: the end is earlier than was said."""
    first, second = beside(tmp_path, 0.5, stops=2000.0, limit="1/180s")
    assert second.summary.outcome == "interrupted"
    moves = [shown.moved for _, shown in first.said if shown.moved and shown.moved.at > EPOCH + 2000]
    assert (moves[-1].why, moves[-1].now < moves[-1].was) == (OVER, True)
    shown, end = said_after(first, 2000.0 + 2 * LOOK_AROUND)
    assert shown.other_runs == 0
    assert abs(shown.ends_at - EPOCH - end) <= TENTH * end
