import pytest

from masivo_stream.core.classify import classify
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.outcome import (
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

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


def verdict(outcome: Outcome) -> str:
    """Name the outcome, for stops with the exit code and whether the batch is in doubt."""
    name = type(outcome).__name__
    match outcome:
        case Stop(exit_code=code, in_doubt=in_doubt):
            return f"{name} {code.name}{' in doubt' if in_doubt else ''}"
        case InDoubt(foreign=True):
            return f"{name} foreign"
        case _:
            return name


def expected(status: int) -> str:
    """Give the verdict of a status code by the fault matrix, written down as ranges with their exceptions."""
    by_code = {
        401: "Unauthorized",
        408: "InDoubt",
        411: "Stop BUG",
        413: "TooLarge",
        425: "Unreachable",
        429: "Throttled",
        431: "Stop BUG",
        302: "Stop DENIED in doubt",
        303: "Stop DENIED in doubt",
    }
    if status in {400, 409, 422}:
        return "Refused"
    if status == 501:
        return "Stop DENIED"
    return by_code.get(status, ("InDoubt", "Accepted", "Stop DENIED", "Stop DENIED", "InDoubt")[status // 100 - 1])


ALL = range(100, 600)


def verdicts(**rest: object) -> dict[int, str]:
    return {status: verdict(classify(Answer(status=status, **rest))) for status in ALL}


def test_every_status_has_its_verdict():
    """Total over all status codes, whatever the rest of the answer says, save that a web page is no acceptance."""
    table = {status: expected(status) for status in ALL}
    assert verdicts() == table
    assert verdicts(complete=False, error="e", details="d", retry_after="7", date=DATE) == table
    assert verdicts(html=True) == table | dict.fromkeys(range(200, 300), "InDoubt foreign")


@pytest.mark.parametrize("cause", Cause)
def test_every_failure_has_its_verdict(cause):
    """Where no byte has left nothing was applied; otherwise one cannot know. Two causes need a person."""
    person = cause in {Cause.CERTIFICATE, Cause.PROXY_AUTH}
    assert verdict(classify(Failure(cause=cause, sent=False))) == ("Stop DENIED" if person else "Unreachable")
    assert verdict(classify(Failure(cause=cause, sent=True))) == ("Stop DENIED" if person else "InDoubt")


MATRIX = [
    ("connection refused", Failure(cause=Cause.REFUSED, sent=False), Unreachable("connection refused")),
    ("reset before the body", Failure(cause=Cause.RESET, sent=False), Unreachable("connection lost")),
    ("reset while or after sending", Failure(cause=Cause.RESET, sent=True), InDoubt("connection lost")),
    ("no answer in time", Failure(cause=Cause.TIMEOUT, sent=True), InDoubt("no answer in time")),
    ("a cut status line", Failure(cause=Cause.PROTOCOL, sent=True), InDoubt("answer is not HTTP")),
    ("given up in flight", Failure(cause=Cause.CUT_SHORT, sent=True), InDoubt("given up while in flight")),
    ("201", Answer(status=201, date=DATE), Accepted("", DATE)),
    ("201, its body cut", Answer(status=201, complete=False, date=DATE), Accepted("the answer's body was cut", DATE)),
    ("another 2xx", Answer(status=204), Accepted("status 204 instead of 201", None)),
    (
        "422",
        Answer(status=422, error="Bad", details="customers[3]"),
        Refused(422, "Bad: customers[3]", "Bad", "customers[3]"),
    ),
    ("400 without words", Answer(status=400), Refused(400, "status 400")),
    ("409", Answer(status=409, details="exists"), Refused(409, "exists", "", "exists")),
    ("401", Answer(status=401, error="expired", retry_after="5"), Unauthorized()),
    ("413", Answer(status=413, error="too big"), TooLarge("too big")),
    ("429 with a wait", Answer(status=429, retry_after="7"), Throttled(7.0)),
    ("429 without", Answer(status=429), Throttled(None)),
    ("425", Answer(status=425), Unreachable("425: asked to come again")),
    ("500", Answer(status=500, retry_after="7"), InDoubt("status 500")),
    ("502", Answer(status=502), InDoubt("status 502")),
    ("503", Answer(status=503), InDoubt("status 503", None)),
    ("503 with a wait is no proof", Answer(status=503, retry_after="7"), InDoubt("status 503", 7.0)),
]


@pytest.mark.parametrize(("attempt", "outcome"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_the_fault_matrix(attempt, outcome):
    """What each fault of a connection or an answer comes to, with what is told about it."""
    assert classify(attempt) == outcome


@pytest.mark.parametrize("status", [301, 307, 403, 404, 407, 411])
def test_a_stop_says_what_to_do(status):
    """The sentence names the status, the hint what to change."""
    outcome = classify(Answer(status=status))
    assert isinstance(outcome, Stop)
    assert outcome.why.startswith(f"{status}:")
    assert outcome.hint


@pytest.mark.parametrize("status", [301, 403, 404, 402])
def test_a_stop_does_not_quote_the_server(status):
    """What stops a run is told in logs and reports, where a server's words might put personal data."""
    assert "Ana" not in str(classify(Answer(status=status, error="Not Found", details="Ana is not found")))


@pytest.mark.parametrize("error", ["timeout", "429", "try again", "duplicate", "503 Service Unavailable"])
@pytest.mark.parametrize("status", [201, 400, 422, 500])
def test_the_words_never_decide(status, error):
    """Text that looks like another fault changes nothing."""
    assert verdict(classify(Answer(status=status, error=error, details=error))) == expected(status)
