import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.classify import classify
from masivo_stream.model.attempt import (
    Accepted,
    Answer,
    Body,
    Cause,
    Failure,
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


def in_words(outcome: Outcome) -> str:
    """Return the name of the outcome; for a stop with the exit code and whether the batch is in doubt."""
    name = type(outcome).__name__
    match outcome:
        case Stop(exit_code=code, in_doubt=in_doubt):
            return f"{name} {code.name}{' in doubt' if in_doubt else ''}"
        case InDoubt(foreign=True) | Refused(foreign=True):
            return f"{name} foreign"
        case InDoubt(unclear=True):
            return f"{name} unclear"
        case _:
            return name


FOREIGN = {Body.PAGE, Body.TEXT}


def expected(status: int, body: Body = Body.EMPTY) -> str:
    """Return the outcome by the fault matrix, written down as ranges with their exceptions."""
    if 200 <= status < 300 and status != 201:
        if body in FOREIGN:
            return "InDoubt foreign"
        return "Accepted" if status in {200, 202, 204} and body in {Body.EMPTY, Body.OBJECT} else "InDoubt unclear"
    if body in FOREIGN and status in {400, 403, 406, 409, 418, 422, 451}:
        return "Refused foreign"
    if body in FOREIGN and status in {411, 431}:
        return "Stop DENIED"
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
    if status in {521, 523, 525, 526}:
        return "Unreachable"
    return by_code.get(status, ("InDoubt", "Accepted", "Stop DENIED", "Stop DENIED", "InDoubt")[status // 100 - 1])


ALL = range(100, 600)


def outcomes_by_status(**rest: object) -> dict[int, str]:
    return {status: in_words(classify(Answer(status=status, **rest))) for status in ALL}


@pytest.mark.parametrize("body", Body)
def test_every_status_has_its_outcome(body):
    """Total over all status codes and kinds of body, whatever the rest of the answer says."""
    table = {status: expected(status, body) for status in ALL}
    assert outcomes_by_status(body=body) == table
    rest = {"complete": False, "error": "e", "details": "d", "retry_after": "7", "date": DATE}
    assert outcomes_by_status(body=body, server="nginx", trace="CF-Ray: 1", **rest) == table


NAMED = {"server": "cloudflare", "trace": "CF-Ray: 8f1-MAD"}
WHO = "(Server: cloudflare, CF-Ray: 8f1-MAD), not from the API"


@pytest.mark.parametrize("body", sorted(FOREIGN))
@pytest.mark.parametrize("status", [status for status in ALL if status >= 400 and status != 407])
def test_an_answer_of_another_server_is_called_foreign(status, body):
    """Its status and who has answered are named; neither key nor record nor its own text is."""
    told = str(classify(Answer(status=status, body=body, error="Ana", details="Ana", **NAMED)))
    assert f"{status} from a firewall or proxy {WHO}" in told
    assert "key" not in told.lower()
    assert "Ana" not in told
    assert "MASIVO" not in told


@given(st.sampled_from(ALL), st.sampled_from(Body), st.booleans())
def test_only_a_documented_success_is_accepted_without_remark(status, body, complete):
    """201 with any body; answers close to it are accepted with a remark, all others are not."""
    outcome = classify(Answer(status=status, body=body, complete=complete))
    if isinstance(outcome, Accepted):
        assert status in {200, 201, 202, 204}
        assert outcome.remark or (status == 201 and complete)
    else:
        assert status != 201


def test_only_the_api_itself_blames_the_key():
    """By a 403 in the API's form, or without a body."""
    blaming = {
        (status, body)
        for status in ALL
        for body in Body
        if isinstance(outcome := classify(Answer(status=status, body=body)), Stop) and "API key" in outcome.hint
    }
    api = {Body.EMPTY, Body.OBJECT, Body.ERRORS, Body.JSON}
    assert blaming == {(403, body) for body in api | {Body.UNREAD}}
    unread = classify(Answer(status=403, body=Body.UNREAD))
    assert "firewall" in unread.why
    assert "proxy" in unread.hint


@pytest.mark.parametrize("cause", Cause)
def test_every_failure_has_its_outcome(cause):
    """If no byte has left, nothing was applied; otherwise it cannot be known. Two causes need a person."""
    person = cause in {Cause.CERTIFICATE, Cause.PROXY_AUTH}
    assert in_words(classify(Failure(cause=cause, sent=False))) == ("Stop DENIED" if person else "Unreachable")
    assert in_words(classify(Failure(cause=cause, sent=True))) == ("Stop DENIED" if person else "InDoubt")


INSTEAD = " instead of 201, with"
MATRIX = [
    ("connection refused", Failure(cause=Cause.REFUSED, sent=False), Unreachable("connection refused")),
    ("reset before the body", Failure(cause=Cause.RESET, sent=False), Unreachable("connection lost")),
    ("reset while or after sending", Failure(cause=Cause.RESET, sent=True), InDoubt("connection lost")),
    ("no answer in time", Failure(cause=Cause.TIMEOUT, sent=True), InDoubt("no answer in time")),
    ("a cut status line", Failure(cause=Cause.PROTOCOL, sent=True), InDoubt("answer is not HTTP")),
    ("given up in flight", Failure(cause=Cause.CUT_SHORT, sent=True), InDoubt("given up while in flight")),
    ("201", Answer(status=201, date=DATE), Accepted("", DATE)),
    (
        "201, its body cut",
        Answer(status=201, complete=False, date=DATE),
        Accepted("the body of the answer was cut off", DATE),
    ),
    ("201 with a page", Answer(status=201, body=Body.PAGE), Accepted("status 201 with a web page")),
    ("204", Answer(status=204), Accepted("status 204 instead of 201", None)),
    ("200 with an object", Answer(status=200, body=Body.OBJECT), Accepted("status 200 instead of 201", None)),
    (
        "200 with errors",
        Answer(status=200, body=Body.ERRORS),
        InDoubt("status 200 instead of 201, with a JSON object that reports errors", unclear=True),
    ),
    ("207", Answer(status=207, body=Body.OBJECT), InDoubt(f"status 207{INSTEAD} a JSON object", unclear=True)),
    ("200, cut", Answer(status=200, body=Body.UNREAD), InDoubt(f"status 200{INSTEAD} {Body.UNREAD}", unclear=True)),
    (
        "a login page",
        Answer(status=200, body=Body.PAGE),
        InDoubt("200 from a firewall, proxy or login page, not from the API", foreign=True),
    ),
    (
        "a firewall's 403",
        Answer(status=403, body=Body.PAGE, **NAMED),
        Refused(403, f"403 from a firewall or proxy {WHO}", foreign=True),
    ),
    (
        "a page of 429",
        Answer(status=429, body=Body.PAGE),
        Throttled(None, "429 from a firewall or proxy, not from the API"),
    ),
    (
        "a page of 401",
        Answer(status=401, body=Body.PAGE),
        Unauthorized("401 from a firewall or proxy, not from the API"),
    ),
    ("a page of 413", Answer(status=413, body=Body.PAGE), TooLarge("413 from a firewall or proxy, not from the API")),
    (
        "the origin is down",
        Answer(status=521, body=Body.PAGE, server="cloudflare"),
        Unreachable("521 from a firewall or proxy (Server: cloudflare), not from the API"),
    ),
    (
        "the origin was late",
        Answer(status=524, body=Body.PAGE),
        InDoubt("524 from a firewall or proxy, not from the API"),
    ),
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
    ("425", Answer(status=425), Unreachable("425: the server answers that it is too early")),
    ("500", Answer(status=500, retry_after="7"), InDoubt("status 500")),
    ("502", Answer(status=502), InDoubt("status 502")),
    ("503", Answer(status=503), InDoubt("status 503", None)),
    ("503 with a wait is no proof", Answer(status=503, retry_after="7"), InDoubt("status 503", 7.0)),
]


@pytest.mark.parametrize(("attempt", "outcome"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_each_fault_has_the_outcome_of_the_matrix(attempt, outcome):
    """Return the outcome of each fault of a connection or an answer, with its message."""
    assert classify(attempt) == outcome


@pytest.mark.parametrize("status", [301, 307, 403, 404, 407, 411])
def test_a_stop_has_a_hint(status):
    """The message names the status, the hint says what to change."""
    outcome = classify(Answer(status=status))
    assert isinstance(outcome, Stop)
    assert outcome.why.startswith(f"{status}:")
    assert outcome.hint


@pytest.mark.parametrize("status", [301, 403, 404, 402])
def test_a_stop_does_not_quote_the_server(status):
    """Logs and reports say what stops a run, and a server's words might put personal data there."""
    assert "Ana" not in str(classify(Answer(status=status, error="Not Found", details="Ana is not found")))


@pytest.mark.parametrize("error", ["timeout", "429", "try again", "duplicate", "503 Service Unavailable"])
@pytest.mark.parametrize("status", [201, 400, 422, 500])
def test_the_text_of_an_answer_never_decides(status, error):
    """Text that looks like another fault changes nothing."""
    assert in_words(classify(Answer(status=status, error=error, details=error))) == expected(status)
