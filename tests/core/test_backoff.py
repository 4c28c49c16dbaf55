import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.backoff import (
    MOST_DOUBTS,
    MOST_FOREIGN_ANSWERS,
    MOST_UNCLEAR_ANSWERS,
    AttemptHistory,
    Decision,
    Halt,
    Health,
    Hold,
    Refresh,
    Retry,
    RetryPolicy,
    Settle,
    backoff,
    decide,
)
from masivo_stream.model.attempt import (
    Accepted,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.errors import ExitCode

POLICY = RetryPolicy(first_delay=1.0, longest_delay=60.0, outage_limit=3600.0, longest_hold=900.0)
PAGE = InDoubt("a web page", foreign=True)
UNCLEAR = InDoubt("status 207 instead of 201, with a JSON object", unclear=True)

chances = st.floats(0, 1, exclude_max=True)
waits = st.none() | st.floats(0, 1e12)
outcomes = st.one_of(
    st.just(Accepted()),
    st.just(Refused(422, "no")),
    st.just(TooLarge("no")),
    st.builds(Throttled, waits),
    st.just(Unauthorized()),
    st.just(Unreachable("refused")),
    st.builds(InDoubt, st.just("500"), waits, st.booleans()),
    st.builds(Stop, st.just(ExitCode.DENIED), st.just("why"), st.just("hint"), st.booleans()),
)


def after(
    outcome: Outcome,
    history: AttemptHistory | None = None,
    health: Health | None = None,
    *,
    repeatable: bool = False,
    now: float = 0.0,
    chance: float = 0.0,
) -> Decision:
    known = (history or AttemptHistory(), health or Health())
    return decide(outcome, *known, POLICY, repeatable=repeatable, now=now, chance=chance)


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6), st.integers(1, 10**6), chances)
def test_the_backoff_never_exceeds_its_cap(first, longest, failures, chance):
    """However often it failed, the delay is no longer than the cap, and never negative."""
    policy = RetryPolicy(first_delay=first, longest_delay=longest, outage_limit=1.0, longest_hold=1.0)
    assert 0.0 <= backoff(policy, failures, chance) <= longest


def test_the_backoff_doubles_up_to_its_cap_and_spreads_over_its_range():
    """Full jitter: anything from nothing to the doubled delay."""
    assert [backoff(POLICY, failures, 0.0) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(POLICY, 4, 0.75) == 2.0


@given(outcomes, st.booleans(), chances, st.integers(0, 2000))
def test_a_second_attempt_waits_as_long_as_the_server_asks(outcome, repeatable, chance, failures):
    """After a 429 the full wait counts, after other answers up to the longest hold; a longer one stops the run."""
    decision = after(outcome, AttemptHistory(failures=failures), repeatable=repeatable, chance=chance)
    match outcome, decision:
        case Throttled(after=float(asked)), Retry(after=waited):
            assert waited == asked <= POLICY.longest_hold
        case Throttled(after=float(asked)), _:
            assert asked > POLICY.longest_hold
            assert isinstance(decision, Halt)
        case InDoubt(after=float(asked)), Retry(after=waited):
            assert waited >= min(asked, POLICY.longest_hold)
            assert waited <= max(POLICY.longest_delay, min(asked, POLICY.longest_hold))
        case _, Retry(after=waited):
            assert 0.0 <= waited <= POLICY.longest_delay


@pytest.mark.parametrize(("asked", "waited"), [(None, 1.0), (0.5, 1.0), (30.0, 30.0), (1e9, 900.0)])
def test_the_wait_that_a_failure_asks_for_counts_up_to_the_longest_hold(asked, waited):
    """The wait that a 503 asks for counts if it is longer than the backoff, but it is capped."""
    assert after(InDoubt("503", asked), repeatable=True).after == waited


@given(outcomes, chances)
def test_each_outcome_leads_to_its_decision(outcome, chance):
    """Nothing is sent again without a person that was settled, or that may have been applied and would count twice."""
    for repeatable in (False, True):
        decision = after(outcome, repeatable=repeatable, chance=chance)
        match outcome:
            case Accepted() | Refused() | TooLarge():
                assert decision == Settle(outcome)
            case InDoubt(why=why) if not repeatable:
                assert isinstance(decision, Hold)
                assert decision.why == why
            case Stop():
                assert decision == Halt(outcome.exit_code, "why", "hint", in_doubt=outcome.in_doubt)
            case Unauthorized():
                assert decision == Refresh()
            case _:
                assert isinstance(decision, Retry | Halt)


def outages(step: float, outcome: Outcome, *, repeatable: bool) -> tuple[float, Decision]:
    """Fail once every `step` seconds; return when it ended, and how."""
    history, now = AttemptHistory(), 1000.0
    while isinstance(decision := after(outcome, history, repeatable=repeatable, now=now), Retry):
        now += step
    return now - 1000.0, decision


@pytest.mark.parametrize("outcome", [Unreachable("connection refused"), InDoubt("500")])
def test_an_outage_ends_the_run_at_its_limit(outcome):
    """Failures lead to further attempts until the first failure at the limit; its message says how long and why."""
    ended, decision = outages(7.0, outcome, repeatable=True)
    assert POLICY.outage_limit <= ended < POLICY.outage_limit + 7.0
    assert decision.exit_code is ExitCode.OUTAGE
    assert decision.why == f"no answer for {ended:.0f} s: {outcome.why}"


def test_a_wait_that_the_server_asks_for_is_not_an_outage():
    """A 429 is an answer: an hour of waiting because of it does not count as an hour without an answer."""
    history = AttemptHistory()
    after(Unreachable("reset"), history, now=0.0)
    after(Throttled(900.0), history, now=3000.0)
    assert isinstance(after(Unreachable("reset"), history, now=3900.0), Retry)


def test_throttled_requests_are_not_failures():
    """However many 429s there were, the delay after the next failure is the first one."""
    history = AttemptHistory()
    for count in range(1, 100):
        assert isinstance(after(Throttled(5.0), history, now=count * 5.0), Retry)
    assert after(Unreachable("reset"), history, now=1e4).after == POLICY.first_delay


@pytest.mark.parametrize("asked", [0.0, 1.0, None])
def test_endless_429s_end_the_run(asked):
    """A server that answers 429 for ever, with a short wait or none, is not asked for ever, nor ever faster."""
    history, now, waits = AttemptHistory(), 0.0, []
    while isinstance(decision := after(Throttled(asked), history, now=now), Retry):
        waits.append(decision.after)
        now += decision.after
    assert (decision.exit_code, now > POLICY.longest_hold) == (ExitCode.OUTAGE, True)
    assert waits[1:] == sorted(waits[1:])
    assert len(waits) < 30


@pytest.mark.parametrize("asked", [None, 30.0])
def test_the_run_pauses_after_a_batch_in_doubt(asked):
    """The next batch might come into doubt as well; if batch after batch does, the run stops."""
    health = Health()
    decisions = [after(InDoubt("503", asked), health=health) for _ in range(MOST_DOUBTS)]
    assert [decision.after for decision in decisions[:-1]] == [max(2.0**n, asked or 0) for n in range(MOST_DOUBTS - 1)]
    assert (decisions[-1].exit_code, decisions[-1].in_doubt) == (ExitCode.OUTAGE, True)


def test_batches_in_doubt_far_apart_do_not_stop_the_run():
    """As soon as the API has answered, the count starts again."""
    health = Health()
    for _ in range(3 * MOST_DOUBTS):
        assert isinstance(after(InDoubt("500"), health=health), Hold)
        after(Accepted(), health=health)


def test_a_refusal_after_an_unanswered_attempt_is_final_here():
    """It may only mean that the records are there; finding that out is the task of the ledger of unanswered batches."""
    history = AttemptHistory()
    after(InDoubt("500"), history, repeatable=True)
    assert after(Refused(409, "exists"), history, repeatable=True) == Settle(Refused(409, "exists"))


def test_the_wait_doubles_after_each_429_without_retry_after():
    """Doubled from one window's length to a minute, on and on."""
    history = AttemptHistory()
    waits = [after(Throttled(None), history).after for _ in range(2000)]
    assert waits[:6] == [5, 10, 20, 40, 60, 60]
    assert waits[-1] == 60


@given(st.lists(st.sampled_from([Unreachable("reset"), Throttled(1.0), InDoubt("500")]), min_size=1, max_size=3))
def test_a_fresh_token_is_requested_once(between):
    """A second 401 in a row stops the run; after any other outcome a 401 is an expiry of its own."""
    history = AttemptHistory()
    assert after(Unauthorized(), history) == Refresh()
    for outcome in between:
        after(outcome, history, repeatable=True)
    assert after(Unauthorized(), history) == Refresh()
    halt = after(Unauthorized(), history)
    assert isinstance(halt, Halt)
    assert (halt.exit_code, halt.in_doubt) == (ExitCode.DENIED, False)


@pytest.mark.parametrize("repeatable", [False, True])
def test_consecutive_web_pages_stop_the_run(repeatable):
    """Something else than the API is answering; the batch may have gone through it nevertheless."""
    health = Health()
    decisions = [after(PAGE, health=health, repeatable=repeatable) for _ in range(MOST_FOREIGN_ANSWERS)]
    assert not any(isinstance(decision, Halt) for decision in decisions[:-1])
    assert isinstance(decisions[-1], Halt)
    assert (decisions[-1].exit_code, decisions[-1].in_doubt) == (ExitCode.DENIED, True)


@pytest.mark.parametrize("answer", [Accepted(), Refused(422, "no"), TooLarge("no"), Throttled(1.0), Unauthorized()])
def test_web_pages_far_apart_do_not_stop_the_run(answer):
    """As soon as the API itself has answered, the count starts again."""
    health = Health()
    for _ in range(10):
        assert not isinstance(after(PAGE, health=health), Halt)
        after(answer, health=health)


@pytest.mark.parametrize("repeatable", [False, True])
def test_undocumented_successes_stop_the_run(repeatable):
    """If sending again is harmless, a few attempts are made, not an hour's worth; otherwise each batch is in doubt."""
    health, history = Health(), AttemptHistory()
    decisions = [after(UNCLEAR, history, health, repeatable=repeatable) for _ in range(MOST_UNCLEAR_ANSWERS)]
    assert {type(decision) for decision in decisions[:-1]} == {Retry if repeatable else Hold}
    assert (decisions[-1].exit_code, decisions[-1].in_doubt) == (ExitCode.DENIED, True)
    assert UNCLEAR.why in decisions[-1].why


@pytest.mark.parametrize("answer", [Refused(403, "page", foreign=True), Throttled(1.0, "page"), Unauthorized("page")])
def test_web_pages_of_other_statuses_still_count_as_consecutive(answer):
    """These are not answers of the API either."""
    health = Health()
    for _ in range(MOST_FOREIGN_ANSWERS - 1):
        after(PAGE, health=health)
        after(answer, health=health)
    assert isinstance(after(PAGE, health=health), Halt)


def test_a_401_page_does_not_blame_the_key():
    """It gets one fresh token, as an API may answer in plain text; after that its message remains."""
    history = AttemptHistory()
    assert after(Unauthorized("401 from a proxy"), history) == Refresh()
    halt = after(Unauthorized("401 from a proxy"), history)
    assert halt.why == "401 from a proxy"
    assert "key" not in halt.hint


def test_web_pages_with_lost_connections_between_them_still_count_as_consecutive():
    """Web pages with lost connections in between are still in a row."""
    health = Health()
    for _ in range(MOST_FOREIGN_ANSWERS - 1):
        after(PAGE, health=health)
        after(Unreachable("reset"), health=health)
    assert isinstance(after(PAGE, health=health), Halt)
