"""The proof of the finishing time: runs of about two hours' quota, in virtual time, watched from the first second.

The end that is said first is within a tenth of the truth, and it never moves by more than a tenth without a reason.
"""

import pytest
from fakes import NO_CONNECTION, REFUSED, event, record, transaction
from when_done import EPOCH, Runs

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
