"""What one request carries: where key and token go, which bytes leave, over which connection."""

import gzip
import json
import zlib

import pytest
import zstandard
from edges.raw_server import Peer, answer, answering, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.edges.api import MOST_ANSWER_BYTES, MOST_NAME, MOST_READ_BYTES, MOST_WORDS, Reply
from masivo_stream.model.attempt import Answer, Body, Cause, Failure
from masivo_stream.model.contract import Kind

CREATED = answering(answer())


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.CUSTOMERS, "/v1/customers/migrate"),
        (Kind.EVENTS, "/v1/customers/migrate/events"),
        (Kind.TRANSACTIONS, "/v1/customers/migrate/transactions"),
    ],
)
async def test_a_batch_goes_to_its_kinds_path(connect, kind, path):
    """POST to the documented path under the base URL, a slash at its end or not."""
    async with serving(CREATED) as server:
        for base in (server.url + "/v1", server.url + "/v1/"):
            client = await connect(base)
            assert await client.migrate(kind, b"{}", "the-token") == Answer(status=201, body=Body.OBJECT)
        assert [peer.request_line for peer in server.peers] == [f"POST {path} HTTP/1.1"] * 2


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_048_577, 5_000_000])
async def test_a_body_arrives_byte_for_byte(connect, size):
    """Whatever its size and its bytes, with a length and no transfer coding; large ones without a warning."""
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    async with serving(CREATED) as server:
        client = await connect(server.url)
        assert await client.migrate(Kind.EVENTS, body, "the-token") == Answer(status=201, body=Body.OBJECT)
        assert server.only.body == body
        assert server.only.header("content-length") == str(size)
        assert server.only.header("transfer-encoding") is None
        assert server.only.header("content-encoding") is None
        assert server.only.header("expect") is None


async def test_a_batch_carries_the_token_and_no_key(connect):
    """`Authorization` with the token it is given, JSON in and out, nothing compressed."""
    async with serving(CREATED) as server:
        client = await connect(server.url)
        await client.migrate(Kind.CUSTOMERS, b"{}", "first")
        await client.migrate(Kind.CUSTOMERS, b"{}", "second")
    assert [peer.header("authorization") for peer in server.peers] == ["Bearer first", "Bearer second"]
    for peer in server.peers:
        assert peer.header("x-api-key") is None
        assert peer.header("content-type") == "application/json"
        assert peer.header("accept") == "application/json"
        assert peer.header("accept-encoding") == "identity"


async def test_the_key_goes_with_the_token_call_only(connect):
    """`x-api-key` and no token there, the token and no key on every other call."""
    async with serving(CREATED) as server:
        client = await connect(server.url + "/v1")
        await client.authorize("the-key")
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
        await client.read_customer("c", "the-token")
        await client.revert("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "the-token")
    assert [(peer.header("x-api-key"), peer.header("authorization")) for peer in server.peers] == [
        ("the-key", None),
        *[(None, "Bearer the-token")] * 3,
    ]
    assert server.peers[0].request_line == "GET /v1/auth/authorize HTTP/1.1"
    assert b"the-key" not in b"".join(peer.head + peer.body for peer in server.peers[1:])


async def test_the_token_call_may_go_to_another_address(connect):
    """With `auth_url` the key goes to that address and the token to the other."""
    async with serving(CREATED) as data, serving(CREATED) as auth:
        client = await connect(data.url, auth_url=auth.url + "/token?no=1")
        await client.authorize("the-key")
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert auth.only.request_line == "GET /token?no=1 HTTP/1.1"
    assert auth.only.header("authorization") is None
    assert data.only.header("x-api-key") is None


async def test_an_answer_to_the_token_call_has_its_body(connect):
    """The body of a read call is handed on as it came."""
    async with serving(answering(answer("200 OK", b'{"data":"t"}'))) as server:
        client = await connect(server.url)
        assert await client.authorize("k") == Reply(Answer(status=200, body=Body.OBJECT), b'{"data":"t"}')


async def test_a_revert_names_its_period(connect):
    """DELETE with both dates, as JSON."""
    async with serving(answering(answer("200 OK"))) as server:
        client = await connect(server.url)
        reply = await client.revert("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "the-token")
    assert reply.attempt == Answer(status=200, body=Body.OBJECT)
    assert server.only.request_line == "DELETE /customers/migrate HTTP/1.1"
    assert server.only.body == b'{"start_date":"2025-01-01T00:00:00Z","end_date":"2026-01-01T00:00:00Z"}'
    assert server.only.header("content-type") == "application/json"


@pytest.mark.parametrize(
    ("customer", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("ñ", "%C3%B1"),
        ("%", "%25"),
        ("%2F", "%252F"),
        ("?x", "%3Fx"),
        ("a#b", "a%23b"),
        ("a b", "a%20b"),
        ("a+b&c=d", "a%2Bb%26c%3Dd"),
        ("..", ".."),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("\0", "%00"),
        ("🦊", "%F0%9F%A6%8A"),
    ],
)
async def test_a_customer_id_arrives_as_one_path_segment(connect, customer, segment):
    """Percent-encoded once, never normalised, never a second line."""
    async with serving(CREATED) as server:
        client = await connect(server.url + "/v1")
        await client.read_customer(customer, "the-token")
    assert server.only.request_line == f"GET /v1/customers/{segment} HTTP/1.1"
    assert server.only.header("x-evil") is None


async def test_every_request_has_its_own_connection(connect):
    """Even if the server would keep it: a reused one races the server's idle timeout."""
    async with serving(answering(answer(Connection="keep-alive"))) as server:
        client = await connect(server.url)
        for _ in range(3):
            await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert len(server.peers) == 3
    assert {peer.header("connection") for peer in server.peers} == {"close"}


async def test_a_connection_is_reused_without_rate_limits(connect):
    """One connection carries several requests, one after the other."""

    async def play(peer: Peer) -> None:
        for _ in range(3):
            await peer.read_request()
            await peer.send(answer())

    async with serving(play) as server:
        client = await connect(server.url, reuse=True)
        for _ in range(3):
            assert await client.migrate(Kind.CUSTOMERS, b"{}", "the-token") == Answer(status=201, body=Body.OBJECT)
    assert server.only.header("connection") is None


async def test_cookies_are_not_kept(connect):
    """A cookie set by one answer is not sent with the next request."""
    async with serving(answering(answer(Set_Cookie="session=1; Path=/"))) as server:
        client = await connect(server.url)
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert [peer.header("cookie") for peer in server.peers] == [None, None]


async def test_configured_headers_are_added(connect):
    """To every call, beside our own; one of ours by that name is replaced, whatever its case."""
    async with serving(CREATED) as server:
        client = await connect(server.url, headers={"x-account-id": "42", "user-agent": "mine"})
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
        await client.authorize("k")
    assert [peer.header("x-account-id") for peer in server.peers] == ["42", "42"]
    assert [peer.header("user-agent") for peer in server.peers] == ["mine", "mine"]


async def test_a_departure_is_reported_once_when_bytes_leave(connect):
    """The limiter counts from there; a request that never connected has not departed."""
    departures: list[str] = []
    async with serving(CREATED) as server:
        client = await connect(server.url)
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token", lambda: departures.append("left"))
    assert departures == ["left"]
    client = await connect(server.url)  # no process listens there any more
    attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token", lambda: departures.append("left"))
    assert (departures, attempt) == (["left"], Failure(cause=Cause.REFUSED, sent=False))


async def test_the_headers_of_an_answer_are_returned(connect):
    """Limits and dates as text: `core.pacing.rate_headers` reads them."""
    headers = {
        "Retry_After": "7",
        "X_RateLimit_Limit": "1000",
        "X_RateLimit_Reset": "8",
        "X_RateLimit_Remaining": "0",
        "Date": "Mon, 01 Jan 2024 00:00:00 GMT",
    }
    async with serving(answering(answer("429 Too Many Requests", **headers))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert attempt == Answer(
        status=429,
        body=Body.OBJECT,
        retry_after="7",
        limit="1000",
        remaining="0",
        reset="8",
        date="Mon, 01 Jan 2024 00:00:00 GMT",
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"Unprocessable","details":"customers[3].email"}', ("Unprocessable", "customers[3].email")),
        (b'{"error":"e","details":"d","status":422,"more":{"x":[1]}}', ("e", "d")),
        (b'{"error":"e"}', ("e", "")),
        (b'{"error":"e","details":null}', ("e", "")),
        (b'{"error":"e","details":[{"path": "x"}]}', ("e", '[{"path":"x"}]')),
        (b'{"error":{"code":7},"details":"d"}', ('{"code":7}', "d")),
        (b'["error"]', ("", '["error"]')),
        (b'"no such programme"', ("no such programme", "")),
        (b"null", ("", "")),
        (b"not JSON", ("", "")),
        (b'{"error":"e"', ("", "")),
        (b"", ("", "")),
        (b"\xff\xfe", ("", "")),
        (b'{"error":"\xff"}', ("\ufffd", "")),
        (b'{"error":"\\ud800"}', ("?", "")),
        (b'{"error":"e","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", ("", "")),
        (b'{"error":"' + b"e" * 5000 + b'","details":"' + b"d" * 5000 + b'"}', ("e" * MOST_WORDS, "d" * MOST_WORDS)),
        (b'{"error":"' + b"e" * 200_000 + b'"}', ("", "")),
    ],
)
async def test_the_message_of_a_refusal_is_kept_up_to_its_cap(connect, body, words):
    """Capped, and never a reason to fail: a refusal is a refusal whatever its text."""
    async with serving(answering(answer("422 Unprocessable Entity", body))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert (attempt.status, (attempt.error, attempt.details)) == (422, words)


async def test_every_field_that_a_refusal_names_is_kept(connect):
    """Also those behind the cap of its message."""
    errors = {f"customers.0.devices.{number}.device_token": ["is " + "x" * 90] for number in range(30)}
    body = json.dumps({"message": "The given data was invalid.", "errors": errors}).encode()
    async with serving(answering(answer("422 Unprocessable", body=body))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert len(attempt.details) == MOST_WORDS
    assert [(fault.index, fault.path) for fault in attempt.faults] == [
        (0, ("devices", number, "device_token")) for number in range(30)
    ]


async def test_the_message_of_a_success_is_not_kept(connect):
    """That its body reports errors is known, and nothing of what it says."""
    async with serving(answering(answer(body=b'{"error":"no","details":"no"}'))) as server:
        client = await connect(server.url)
        assert await client.migrate(Kind.CUSTOMERS, b"{}", "the-token") == Answer(status=201, body=Body.ERRORS)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300))
async def test_no_body_of_a_refusal_breaks_the_client(connect, body):
    """Any bytes give an answer with its status."""
    async with serving(answering(answer("422 Unprocessable Entity", body))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert (attempt.status, attempt.complete) == (422, True)


@pytest.mark.parametrize("beyond", [0, 1])
async def test_an_answer_is_read_up_to_a_cap(connect, beyond):
    """What fits is complete; a byte more, and the rest stays unread."""
    async with serving(answering(answer("200 OK", b"x" * (MOST_ANSWER_BYTES + beyond)))) as server:
        client = await connect(server.url)
        reply = await client.revert("a", "b", "the-token")
    assert (len(reply.body), reply.attempt.complete) == (MOST_ANSWER_BYTES, not beyond)


@pytest.mark.slow
async def test_a_read_back_has_a_larger_cap(connect):
    """A customer with very many transactions comes whole; beyond the cap it is cut."""
    async with serving(answering(answer("200 OK", b"x" * (MOST_READ_BYTES + 1)))) as server:
        client = await connect(server.url)
        reply = await client.read_customer("c", "the-token")
    assert (len(reply.body), reply.attempt.complete) == (MOST_READ_BYTES, False)


async def test_an_endless_answer_is_abandoned(connect):
    """The client takes its cap and goes; the server cannot keep it."""
    sent = 0

    async def play(peer: Peer) -> None:
        nonlocal sent
        await peer.read_request()
        await peer.send(b"HTTP/1.1 201 Created\r\n\r\n")
        while True:
            await peer.send(b"x" * 65_536)
            sent += 65_536

    async with serving(play) as server:
        client = await connect(server.url)
        assert await client.migrate(Kind.CUSTOMERS, b"{}", "the-token") == Answer(
            status=201, body=Body.UNREAD, complete=False
        )
    assert sent < 100 * MOST_ANSWER_BYTES


PACKED = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("zstd", zstandard.compress),
    ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    ("identity", bytes),
]


@pytest.mark.parametrize(("coding", "pack"), PACKED, ids=[coding for coding, _ in PACKED])
async def test_a_compressed_answer_is_unpacked(connect, coding, pack):
    """Gateways compress although they were not asked to: token, read-back and refusal are read as any other answer."""
    told = b'{"data":"t"}'
    async with serving(answering(answer("200 OK", pack(told), Content_Encoding=coding))) as server:
        client = await connect(server.url)
        for call in (client.authorize("k"), client.read_customer("c", "the-token")):
            assert await call == Reply(Answer(status=200, body=Body.OBJECT), told)
    refusal = b'{"error":"e","details":"customers[3]"}'
    async with serving(answering(answer("422 No", pack(refusal), Content_Encoding=coding))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert attempt == Answer(status=422, body=Body.ERRORS, error="e", details="customers[3]")


@pytest.fixture(scope="module")
def bomb():
    return gzip.compress(b"0" * 50_000_000)


@pytest.mark.parametrize("status", [200, 201, 403, 422])
async def test_a_decompression_bomb_is_cut_at_the_cap(connect, status, bomb):
    """A body that unpacks to more than its cap is cut there; the status counts."""
    async with serving(answering(answer(f"{status} Bomb", bomb, Content_Encoding="gzip"))) as server:
        client = await connect(server.url)
        reply = await client.revert("a", "b", "the-token")
    assert (reply.attempt, len(reply.body)) == (
        Answer(status=status, body=Body.UNREAD, complete=False),
        MOST_ANSWER_BYTES,
    )


@pytest.mark.parametrize("coding", ["br", "compress", "br, gzip"])
async def test_a_body_with_an_unknown_coding_is_not_read(connect, coding):
    """Its bytes are not taken for a page or a text."""
    async with serving(answering(answer("403 No", b"\x0b\x02\x80", Content_Encoding=coding))) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert attempt == Answer(status=403, body=Body.UNREAD)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-32"])
async def test_json_may_begin_with_a_byte_order_mark(connect, mark):
    """As servers on Windows write it: what is handed on is plain UTF-8."""
    told = json.dumps({"data": "ñ"}, ensure_ascii=False)
    async with serving(answering(answer("200 OK", told.encode(mark)))) as server:
        client = await connect(server.url)
        assert await client.authorize("k") == Reply(Answer(status=200, body=Body.OBJECT), told.encode())


@pytest.mark.parametrize(
    ("headers", "server_name", "trace"),
    [
        ({}, "", ""),
        ({"Server": "cloudflare", "CF-Ray": "8f1-MAD"}, "cloudflare", "CF-Ray: 8f1-MAD"),
        ({"cf-ray": "8f1", "X-Request-Id": "r"}, "", "CF-Ray: 8f1"),
        ({"X-Request-Id": "r", "X-Amz-Cf-Id": "a"}, "", "X-Amz-Cf-Id: a"),
        ({"x-request-id": "r"}, "", "X-Request-Id: r"),
        ({"Server": "x" * 500}, "x" * MOST_NAME, ""),
        ({"Server": "a\x1b[31mb\x9bc"}, "a\\u001b[31mb\\udc9bc", ""),
    ],
)
async def test_the_headers_show_which_server_answered(connect, headers, server_name, trace):
    """Capped, and harmless on a terminal."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    raw = "\r\n".join(["HTTP/1.1 403 Forbidden", "Content-Length: 4", *lines, "", "<p>a"]).encode("latin-1")
    async with serving(answering(raw)) as server:
        client = await connect(server.url)
        attempt = await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
    assert attempt == Answer(status=403, body=Body.PAGE, server=server_name, trace=trace)


@pytest.mark.parametrize("variables", [("http_proxy", "no_proxy"), ("HTTP_PROXY", "NO_PROXY"), ("ALL_PROXY", "x")])
async def test_the_environments_proxies_are_not_used(connect, monkeypatch, variables):
    """Only the setting names a proxy; a variable of the machine must not divert the data."""
    proxy, exempt = variables
    async with serving(CREATED) as server, serving(CREATED) as other_server:
        monkeypatch.setenv(proxy, other_server.url)
        monkeypatch.setenv(exempt, "")
        client = await connect(server.url)
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
        await client.authorize("k")
    assert (len(server.peers), other_server.peers) == (2, [])


async def test_netrc_is_not_used(connect, monkeypatch, tmp_path):
    """A password in `~/.netrc` must not take the place of the token, nor go along with the key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login l password p\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(CREATED) as server:
        client = await connect(server.url)
        await client.migrate(Kind.CUSTOMERS, b"{}", "the-token")
        await client.authorize("k")
    assert [peer.header("authorization") for peer in server.peers] == ["Bearer the-token", None]


async def test_a_configured_proxy_is_used(connect):
    """A plain request goes to the proxy with its full address."""
    async with serving(CREATED) as server, serving(CREATED) as proxy:
        client = await connect(server.url, proxy=proxy.url)
        assert await client.migrate(Kind.CUSTOMERS, b"{}", "the-token") == Answer(status=201, body=Body.OBJECT)
    assert server.peers == []
    assert proxy.only.request_line == f"POST {server.url}/customers/migrate HTTP/1.1"
