"""Each fault on the wire: what the client reports, whether a byte may have left, and what `classify` makes of it."""

import asyncio
import errno
import gzip
import socket
from contextlib import closing

import aiohttp
import pytest
from edges.raw_server import Peer, answer, answering, serving

from masivo_stream.core.sending.classify import classify
from masivo_stream.edges import api
from masivo_stream.model.attempt import (
    Accepted,
    Cause,
    Failure,
    InDoubt,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode

BODY = b'{"customers":[' + b" " * 200_000 + b"]}"
HTML = b"<html>Welcome to the hotel</html>"


async def test_a_refused_connection_sent_nothing(connect):
    """Bound but not listening: safe to send again."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        client = await connect(f"http://127.0.0.1:{taken.getsockname()[1]}")
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
    assert attempt == Failure(cause=Cause.REFUSED, sent=False)
    assert classify(attempt) == Unreachable("connection refused")


@pytest.mark.slow
async def test_a_connection_that_is_not_accepted_sent_nothing(connect):
    """The server's queue is full, the handshake of TCP does not end."""
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for caller in waiting:
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        client = await connect(f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.2)
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
        for caller in waiting:
            caller.close()
    assert attempt == Failure(cause=Cause.CONNECT_TIMEOUT, sent=False)
    assert classify(attempt) == Unreachable("connecting took too long")


async def test_a_host_that_does_not_exist_was_sent_nothing(connect):
    """RFC 6761 6.4: no resolver knows a name under `invalid`."""
    client = await connect("http://masivo.invalid")
    attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
    assert attempt == Failure(cause=Cause.RESOLVE, sent=False)
    assert classify(attempt) == Unreachable("host name not resolved")


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN])
def test_no_route_has_its_own_cause(number):
    """The operating system's error number distinguishes it from a refusal."""
    error = aiohttp.ClientConnectorError(None, OSError(number, "no way"))
    assert api._cause(error) == Cause.UNROUTABLE


async def reset_at_once(peer: Peer) -> None:
    await peer.read_some(1)
    await peer.reset()


async def reset_in_the_body(peer: Peer) -> None:
    await peer.read_head()
    await peer.read_some(1000)
    await peer.reset()


async def reset_after_the_body(peer: Peer) -> None:
    await peer.read_request()
    await peer.reset()


async def end_after_the_body(peer: Peer) -> None:
    await peer.read_request()


async def end_without_reading(_peer: Peer) -> None:
    await asyncio.sleep(0)


def then_reset(data: bytes):
    async def play(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(data)
        await asyncio.sleep(0.02)  # a RST overtakes what the client has not read yet
        await peer.reset()

    return play


@pytest.mark.parametrize(
    ("play", "cause"),
    [
        pytest.param(reset_at_once, Cause.RESET, id="reset after the first byte"),
        pytest.param(reset_in_the_body, Cause.RESET, id="reset in the body"),
        pytest.param(reset_after_the_body, Cause.RESET, id="reset after the body"),
        pytest.param(end_after_the_body, Cause.RESET, id="closed after the body"),
        pytest.param(end_without_reading, Cause.RESET, id="closed without reading"),
        pytest.param(answering(b"HTTP/1.1 20"), Cause.RESET, id="cut status line"),
        pytest.param(answering(b"HTTP/1.1 201 Created\r\nContent-Le"), Cause.RESET, id="cut head"),
        pytest.param(then_reset(b"HTTP/1.1 201 Created\r\n"), Cause.RESET, id="reset in the head"),
        pytest.param(answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Cause.PROTOCOL, id="garbage"),
        pytest.param(answering(b"HTTP/1.1 abc Created\r\n\r\n"), Cause.PROTOCOL, id="garbage status"),
        pytest.param(answering(b"HTTP/1.1 2010 Created\r\n\r\n"), Cause.PROTOCOL, id="status of four digits"),
        pytest.param(answering(b"\x00\x01\x02\x03\r\n\r\n"), Cause.PROTOCOL, id="binary"),
        pytest.param(
            answering(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"),
            Cause.PROTOCOL,
            id="garbage chunk together with the head",
        ),
        pytest.param(
            answering(b"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n"), Cause.PROTOCOL, id="negative length"
        ),
        pytest.param(
            answering(b"HTTP/1.1 201 Created\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"), Cause.PROTOCOL, id="huge header"
        ),
    ],
)
async def test_a_connection_lost_before_a_status_leaves_doubt(connect, play, cause):
    """Once a byte may have left and no status line came, the outcome is not known; the client asks once and says so."""
    async with serving(play) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
        assert len(server.peers) == 1
    assert attempt == Failure(cause=cause, sent=True)
    assert isinstance(classify(attempt), InDoubt)


@pytest.mark.parametrize("play", [reset_at_once, reset_in_the_body, end_without_reading])
async def test_a_large_body_that_is_cut_off_leaves_doubt(connect, play):
    """More than the socket buffers hold: the writer is cut off, and that is the same doubt."""
    async with serving(play) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.EVENTS, b"x" * 8_000_000, "the-token")
    assert attempt == Failure(cause=Cause.RESET, sent=True)


@pytest.mark.parametrize("call", ["authorize", "read_customer", "revert"])
@pytest.mark.parametrize("play", [end_without_reading, reset_at_once])
async def test_a_lost_call_is_not_repeated_by_the_client(connect, call, play):
    """Not even GET and DELETE: attempts are counted and paced elsewhere."""
    arguments = ("a", "b") if call == "revert" else ("a",)
    async with serving(play) as server:
        client = await connect(server.url)
        reply = await getattr(client, call)(*arguments, *([] if call == "authorize" else ["the-token"]))
        assert len(server.peers) == 1
    assert reply.attempt == Failure(cause=Cause.RESET, sent=True)


async def hang_unread(peer: Peer) -> None:
    await peer.read_head()
    await asyncio.sleep(60)


async def hang(peer: Peer) -> None:
    await peer.read_request()
    await peer.hang()


async def drip_the_head(peer: Peer) -> None:
    await peer.read_request()
    for byte in b"HTTP/1.1 201 Created\r\n" + b"X: y\r\n" * 1000:
        await peer.send(bytes([byte]))
        await asyncio.sleep(0.02)


async def continue_forever(peer: Peer) -> None:
    await peer.read_request()
    while True:
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 8_000_000])
@pytest.mark.parametrize("play", [hang_unread, hang, drip_the_head, continue_forever])
async def test_no_answer_in_time_leaves_doubt(connect, play, size):
    """Silence, dripping and endless preliminaries all end at the request's total time."""
    async with serving(play) as server:
        client = await connect(server.url, request_timeout=0.25)
        async with asyncio.timeout(50):
            attempt = await client.migrate(Kind.EVENTS, b"x" * size, "the-token")
    assert attempt == Failure(cause=Cause.TIMEOUT, sent=True)
    assert classify(attempt) == InDoubt("no answer in time")


CREATED_HEAD = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n"
CHUNKED_HEAD = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"


async def drip_the_body(peer: Peer) -> None:
    await peer.read_request()
    await peer.send(CREATED_HEAD)
    for _ in range(90):
        await peer.send(b"x")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(answering(CREATED_HEAD), id="cut before the body"),
        pytest.param(answering(CREATED_HEAD + b"{"), id="cut body"),
        pytest.param(then_reset(CREATED_HEAD + b"{"), id="reset in the body"),
        pytest.param(answering(CHUNKED_HEAD + b"5\r\nab"), id="cut chunk"),
        pytest.param(drip_the_body, id="dripping body", marks=pytest.mark.slow),
    ],
)
async def test_a_201_counts_although_its_body_is_broken(connect, play):
    """The status is the contract, and it has come; the remark says what was unusual."""
    async with serving(play) as server:
        client = await connect(server.url, request_timeout=0.3)
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
    assert (attempt.status, attempt.complete) == (201, False)
    assert classify(attempt) == Accepted("the body of the answer was cut off")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer(body=b""), id="empty"),
        pytest.param(answer(body=b"{}"), id="object"),
        pytest.param(answer(body=b"enqueued", Content_Type="text/plain"), id="text"),
        pytest.param(b"HTTP/1.1 201 Created\r\n\r\n", id="no length"),
        pytest.param(b"HTTP/1.0 201 Created\r\n\r\n{}", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), id="100 first"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + answer(), id="102 and 103 first"),
        pytest.param(CHUNKED_HEAD + b"2\r\n{}\r\n0\r\n\r\n", id="chunked"),
        pytest.param(answer(Content_Encoding="gzip", body=b"no gzip"), id="falsely compressed"),
    ],
)
async def test_a_201_in_any_legal_form_is_accepted_without_remark(connect, data):
    """Whatever legal form the answer has; the documents promise no body."""
    async with serving(answering(data)) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
    assert (attempt.status, attempt.complete, classify(attempt)) == (201, True, Accepted())


async def test_the_first_of_two_answers_counts(connect):
    """The second one never becomes the answer to the next request."""
    two = answer() + answer("422 Unprocessable Entity")
    async with serving(answering(two)) as server:
        client = await connect(server.url)
        for _ in range(2):
            attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
            assert (attempt.status, classify(attempt)) == (201, Accepted())
        assert len(server.peers) == 2


def stopped(exit_code: ExitCode, *, in_doubt: bool = False):
    return lambda outcome: isinstance(outcome, Stop) and (outcome.exit_code, outcome.in_doubt) == (exit_code, in_doubt)


def is_a(kind: type):
    return lambda outcome: isinstance(outcome, kind)


PAGE_201, ERRORS_201 = "status 201 with a web page", "status 201 with a JSON object that reports errors"
FORBIDDEN = Refused(
    403, "403 from a firewall or proxy (Server: cloudflare, CF-Ray: 8f1-MAD), not from the API", foreign=True
)

ROWS = [
    (answer("200 OK"), lambda outcome: outcome == Accepted("status 200 instead of 201")),
    (answer("202 Accepted"), lambda outcome: outcome == Accepted("status 202 instead of 201")),
    (b"HTTP/1.1 204 No Content\r\n\r\n", lambda outcome: outcome == Accepted("status 204 instead of 201")),
    (answer("200 OK", HTML, Content_Type="text/html"), lambda outcome: outcome.foreign),
    (answer("200 OK", HTML), lambda outcome: outcome.foreign),
    (answer("200 OK", HTML, Content_Type="application/json"), lambda outcome: outcome.foreign),
    (answer("200 OK", b"Please sign in", Content_Type="text/plain"), lambda outcome: outcome.foreign),
    (answer("200 OK", b"\xef\xbb\xbf{}", Content_Type="text/html"), is_a(Accepted)),
    (answer("200 OK", gzip.compress(HTML), Content_Encoding="gzip"), lambda outcome: outcome.foreign),
    (answer("201 Created", HTML, Content_Type="Text/HTML"), lambda outcome: outcome == Accepted(PAGE_201)),
    (answer("201 Created", b'{"error":"no"}'), lambda outcome: outcome == Accepted(ERRORS_201)),
    (answer("207 Multi-Status", b'{"results":[{"index":0,"status":422}]}'), lambda outcome: outcome.unclear),
    (answer("207 Multi-Status"), lambda outcome: outcome.unclear),
    (answer("200 OK", b'{"error":"no"}'), lambda outcome: outcome.unclear),
    (answer("202 Accepted", b'{"errors":[{"index":0}]}'), lambda outcome: outcome.unclear),
    (answer("200 OK", gzip.compress(b'{"results":[]}'), Content_Encoding="gzip"), lambda outcome: outcome.unclear),
    (answer("200 OK", b"[]"), lambda outcome: outcome.unclear),
    (answer("200 OK", b"{", Content_Type="application/json"), lambda outcome: outcome.unclear),
    (answer("403 Forbidden", HTML, Server="cloudflare", CF_Ray="8f1-MAD"), lambda outcome: outcome == FORBIDDEN),
    (answer("400 Bad Request", HTML, Content_Type="text/plain"), lambda outcome: outcome.foreign),
    (answer("521 Down", HTML, Server="cloudflare"), is_a(Unreachable)),
    (answer("522 Late", HTML, Server="cloudflare"), is_a(InDoubt)),
    (answer("422 ", b'[{"path":"customers[3].email"}]'), lambda outcome: "customers[3]" in outcome.details),
    (answer("422 ", b'{"message":"no"}'), lambda outcome: outcome == Refused(422, "no", "no")),
    (
        answer("400 Bad Request", b'{"error":"e","details":"d"}'),
        lambda outcome: outcome == Refused(400, "e: d", "e", "d"),
    ),
    (answer("401 Unauthorized"), is_a(Unauthorized)),
    (answer("403 Forbidden"), stopped(ExitCode.DENIED)),
    (answer("404 Not Found", HTML, Content_Type="text/html"), stopped(ExitCode.DENIED)),
    (answer("405 Method Not Allowed"), stopped(ExitCode.DENIED)),
    (answer("407 Proxy Authentication Required"), stopped(ExitCode.DENIED)),
    (answer("408 Request Timeout"), is_a(InDoubt)),
    (answer("409 Conflict"), is_a(Refused)),
    (answer("411 Length Required"), stopped(ExitCode.BUG)),
    (answer("413 Content Too Large"), is_a(TooLarge)),
    (answer("415 Unsupported Media Type"), stopped(ExitCode.DENIED)),
    (answer("422 ", b'{"error":"e","details":"d"}'), lambda outcome: outcome == Refused(422, "e: d", "e", "d")),
    (answer("422 Unprocessable Entity", b""), lambda outcome: outcome == Refused(422, "status 422")),
    (answer("425 Too Early"), is_a(Unreachable)),
    (answer("429 Too Many Requests", Retry_After="5"), lambda outcome: outcome == Throttled(5.0)),
    (answer("429 Too Many Requests", X_RateLimit_Reset="9"), lambda outcome: outcome == Throttled(9.0)),
    (answer("429 Too Many Requests"), lambda outcome: outcome == Throttled(None)),
    (
        answer(
            "429 Too Many Requests",
            Retry_After="Mon, 01 Jan 2024 00:01:00 GMT",
            Date="Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        lambda outcome: outcome == Throttled(60.0),
    ),
    *[
        (answer("429 Too Many Requests", Retry_After=text), lambda outcome: outcome == Throttled(None))
        for text in ("-1", "1.5", "abc", "\u0663", "")
    ],
    (answer("500 Internal Server Error"), is_a(InDoubt)),
    (answer("502 Bad Gateway", HTML, Content_Type="text/html"), is_a(InDoubt)),
    (answer("503 Service Unavailable", Retry_After="3"), lambda outcome: outcome == InDoubt("status 503", 3.0)),
    (answer("504 Gateway Timeout"), is_a(InDoubt)),
    (answer("599 Odd"), is_a(InDoubt)),
    (answer("101 Switching Protocols"), is_a(InDoubt)),
]


@pytest.mark.parametrize(("data", "fits"), ROWS, ids=[data[9:60].split(b"\r")[0].decode() for data, _ in ROWS])
async def test_a_status_has_its_outcome(connect, data, fits):
    """From the bytes of the answer to the outcome, with nothing sent twice."""
    async with serving(answering(data)) as server:
        client = await connect(server.url)
        outcome = classify(await client.migrate(Kind.EVENTS, BODY, "the-token"))
        assert len(server.peers) == 1
    assert fits(outcome), outcome


@pytest.mark.parametrize("status", ["201 Created", "413 Content Too Large", "429 Too Many Requests"])
async def test_an_answer_counts_before_the_body_is_read(connect, status):
    """A gateway may refuse by the head alone and read no more; the client neither hangs nor forgets the status."""

    async def play(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(answer(status))
        await asyncio.sleep(60)

    async with serving(play) as server:
        client = await connect(server.url)
        async with asyncio.timeout(50):
            attempt = await client.migrate(Kind.EVENTS, b"x" * 20_000_000, "the-token")
    assert attempt.status == int(status[:3])


@pytest.mark.parametrize("call", ["migrate", "authorize", "read_customer", "revert"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(connect, status, call):
    """The other server receives nothing: no key, no token, no personal data, no connection."""
    arguments = {"migrate": (Kind.EVENTS, BODY), "revert": ("a", "b")}.get(call, ("secret",))
    async with serving(answering(answer("201 Created"))) as other:
        moved = answer(f"{status} Moved", Location=other.url + "/", URI=other.url)
        async with serving(answering(moved)) as server:
            client = await connect(server.url)
            reply = await getattr(client, call)(*arguments, *([] if call == "authorize" else ["the-token"]))
            assert len(server.peers) == 1
        assert other.peers == []
    attempt = reply if call == "migrate" else reply.attempt
    assert attempt.status == status
    assert stopped(ExitCode.DENIED, in_doubt=status in (302, 303))(classify(attempt))


@pytest.mark.parametrize(
    ("status", "cause"),
    [("407 Proxy Authentication Required", Cause.PROXY_AUTH), ("502 Bad Gateway", Cause.PROXY)],
)
async def test_a_proxy_that_refuses_the_tunnel_was_sent_nothing(connect, status, cause):
    """It saw a CONNECT with the host's name, no token and no body."""
    async with serving(answering(answer(status))) as proxy:
        client = await connect("https://127.0.0.1:1/v1", proxy=proxy.url)
        attempt = await client.migrate(Kind.EVENTS, BODY, "the-token")
        assert proxy.only.request_line == "CONNECT 127.0.0.1:1 HTTP/1.1"
        assert proxy.only.header("authorization") is None
    assert attempt == Failure(cause=cause, sent=False)
    assert isinstance(classify(attempt), Stop if cause is Cause.PROXY_AUTH else Unreachable)


async def test_a_proxy_that_cannot_be_reached_was_sent_nothing(connect):
    """No connection to the proxy: safe to send again."""
    async with serving(hang) as gone:
        pass
    client = await connect("https://127.0.0.1:1/v1", proxy=gone.url)
    assert await client.migrate(Kind.EVENTS, BODY, "the-token") == Failure(cause=Cause.NO_PROXY, sent=False)


async def test_a_cancelled_call_closes_its_connection(connect):
    """Cut short from outside, the request ends there and then, and the cancellation is not swallowed."""
    left = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.read_request()
        arrived.set()
        await peer.hang()
        left.set()

    arrived = asyncio.Event()
    async with serving(play) as server:
        client = await connect(server.url)
        call = asyncio.create_task(client.migrate(Kind.EVENTS, BODY, "the-token"))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(50):
            await left.wait()
