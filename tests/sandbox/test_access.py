"""Keys, tokens, rate limits and host names: which requests are refused before their body is read."""

import gzip

import pytest
from sandbox import made

from masivo_stream.model.contract import MAX_BODY_BYTES
from masivo_stream.sandbox import parse_limits


async def test_a_key_is_exchanged_for_a_token(start):
    """The token call works under the base path and at the root, with the fake key."""
    client = await start()
    headers = {"x-api-key": client.sandbox.api_key}
    for url in (client.sandbox.url, client.sandbox.origin):
        reply = await client.fetch("GET", url + "/auth/authorize", headers=headers)
        assert reply.status == 200
        assert reply.json["data"].count(".") == 2


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "wrong"}, {"Authorization": "Bearer x"}])
async def test_a_call_without_a_key_gets_no_token(start, headers):
    """A missing or wrong key is a 401 in the API's form."""
    client = await start()
    reply = await client.fetch("GET", client.sandbox.url + "/auth/authorize", headers=headers)
    assert (reply.status, set(reply.json)) == (401, {"error", "details"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/customers/migrate"),
        ("POST", "/customers/migrate/events"),
        ("POST", "/customers/migrate/transactions"),
        ("DELETE", "/customers/migrate"),
        ("GET", "/customers/c"),
        ("GET", "/customers/c/transactions"),
    ],
)
async def test_every_call_needs_a_token(start, method, path):
    """Without a token, with a wrong one, or with the key in its place: 401, and no effect."""
    client = await start(limits=parse_limits("1/h"))
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"x-api-key": client.sandbox.api_key}):
        reply = await client.fetch(method, client.sandbox.url + path, json={"customers": []}, headers=headers)
        assert reply.status == 401
        assert "X-RateLimit-Limit" not in reply.headers


async def test_a_token_expires(start, clock):
    """A token is refused after its lifetime; a new one is accepted."""
    client = await start(token_lifetime=10.0)
    await client.call("GET", "/customers/c")
    clock.advance(9.9)
    assert (await client.call("GET", "/customers/c")).status == 404
    clock.advance(0.2)
    assert (await client.call("GET", "/customers/c")).status == 401
    fresh = await client.token()
    assert (await client.call("GET", "/customers/c", Authorization=f"bearer {fresh}")).status == 404


async def test_migration_calls_share_their_windows(start, clock):
    """Customers, events, transactions and the revert count together; 201 and 422 count, 429 does not."""
    client = await start(limits=parse_limits("1/5s,3/m"))
    first = await client.customers(made.customer("c"))
    assert (first.status, first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == (201, "1", "0")
    assert first.headers["X-RateLimit-Reset"] == "5"
    clock.advance(0.5)
    for call in (client.customers(made.customer("d")), client.events(made.events("c", "p")), client.revert()):
        reply = await call
        assert (reply.status, reply.headers["Retry-After"], set(reply.json)) == (429, "5", {"error", "details"})
        assert reply.headers["X-RateLimit-Remaining"] == "0"
    clock.advance(5)
    assert (await client.events(made.events("x", "p"))).status == 422
    clock.advance(5)
    assert (await client.transactions(made.transactions("x", 1))).status == 422
    clock.advance(5)
    full = await client.revert()
    assert (full.status, full.headers["Retry-After"], full.headers["X-RateLimit-Limit"]) == (429, "45", "3")
    clock.advance(45)
    assert (await client.revert()).status == 200


async def test_reads_have_their_own_limit(start):
    """The general windows count every call, including tokens and migrations; without them reads have no limit."""
    client = await start(limits=parse_limits("1/h"))
    for _ in range(3):
        reply = await client.call("GET", "/customers/c")
        assert (reply.status, "X-RateLimit-Limit" in reply.headers) == (404, False)
    limited = await start(limits=parse_limits("dev"))
    statuses = [(await limited.call("GET", "/customers/c")).status for _ in range(1000)]
    assert statuses == [404] * 999 + [429]
    assert (await limited.customers(made.customer("c"))).status == 429


async def test_a_refusal_of_one_limiter_costs_nothing_in_the_other(start):
    """A throttled migration does not count against the general windows."""
    client = await start(limits=parse_limits("dev"))
    await client.customers(made.customer("c"))
    for _ in range(5):
        assert (await client.customers(made.customer("c"))).status == 429
    reply = await client.call("GET", "/customers/c")
    assert reply.headers["X-RateLimit-Remaining"] == "997"  # a token, a migration, a read


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "", "[", "[::1", "169.254.169.254"]
)
async def test_other_names_are_refused(start, host):
    """A web page whose name resolves to loopback (DNS rebinding) gets no answer, on any path."""
    client = await start()
    for path in ("/__sandbox/ledger", "/__sandbox/health", "/openapi.json", "/nowhere"):
        reply = await client.fetch("GET", client.sandbox.origin + path, headers={"Host": host})
        assert reply.status == 403
        assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1", "[::1]:9"])
async def test_names_of_this_machine_are_served(start, host):
    """With any port."""
    client = await start()
    reply = await client.fetch("GET", client.sandbox.origin + "/__sandbox/health", headers={"Host": host})
    assert reply.status == 200


async def test_remote_names_are_served_if_allowed(start):
    """With `allow_remote`, other names are served."""
    client = await start(allow_remote=True)
    reply = await client.fetch("GET", client.sandbox.origin + "/__sandbox/health", headers={"Host": "box.lan"})
    assert reply.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/storefront/v1/customers", 404),
        ("GET", "/api/storefront/v1/customers/", 404),
        ("POST", "/api/storefront/v1/customers/c", 405),
        ("PUT", "/api/storefront/v1/customers/migrate", 405),
        ("DELETE", "/api/storefront/v1/customers/migrate/events", 405),
        ("POST", "/__sandbox/ledger", 405),
    ],
)
async def test_unknown_paths_and_methods_are_answered_in_json(start, method, path, status):
    """404 and 405 have the API's form."""
    client = await start()
    reply = await client.fetch(method, client.sandbox.origin + path)
    assert (reply.status, set(reply.json)) == (status, {"error", "details"})
    assert reply.headers["Content-Type"] == "application/json"


async def test_large_bodies_are_refused(start):
    """A body of exactly the limit reaches the rules; one byte more is a 413, announced or not."""
    client = await start(max_body_bytes=2000)

    async def chunks(size: int):
        for _ in range(size // 100):
            yield b" " * 100
        yield b" " * (size % 100)

    assert (await client.call("POST", "/customers/migrate", b" " * 2000)).status == 422
    assert (await client.call("POST", "/customers/migrate", b" " * 2001)).status == 413
    assert (await client.call("POST", "/customers/migrate", chunks(2000))).status == 422
    reply = await client.call("POST", "/customers/migrate", chunks(2001))
    assert (reply.status, set(reply.json)) == (413, {"error", "details"})


async def test_a_compressed_body_counts_by_its_decompressed_size(start):
    """A compressed body counts by its decompressed size."""
    client = await start()
    bomb = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    assert len(bomb) < 10_000
    reply = await client.call("POST", "/customers/migrate", bomb, **{"Content-Encoding": "gzip"})
    assert reply.status == 413


async def test_a_broken_transfer_is_the_clients_fault(start):
    """A body that is not compressed as announced is a 4xx, not an error of the server."""
    client = await start()
    for coding in ("gzip", "deflate"):
        reply = await client.call("POST", "/customers/migrate", b"not compressed", **{"Content-Encoding": coding})
        assert reply.status in (400, 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_only_json_bodies_are_accepted(start, kind):
    """A body that a web page can send without a preflight request is refused, also on the paths beside the API."""
    client = await start()
    await client.migrated(made.customer("c"))
    reply = await client.call("POST", "/customers/migrate", made.body(made.customer("d")), **{"Content-Type": kind})
    assert reply.status == 415
    url = client.sandbox.origin + "/__sandbox/customers/c/transactions"
    assert (await client.fetch("POST", url, data=b"{}", headers={"Content-Type": kind})).status == 415


async def test_a_large_batch_is_validated_in_a_thread(start):
    """A full batch of a thousand customers is accepted as a whole."""
    client = await start()
    await client.migrated(*(made.customer(f"c{n}", metadata={"note": "x" * 500}) for n in range(1000)))
    assert len(client.ledger().customers) == 1000


async def test_arrivals_are_stamped_before_the_body_is_read(start, clock):
    """The list of requests shows time, call and outcome of each request, but no customer and no content."""
    client = await start()
    clock.advance(5)
    await client.migrated(made.customer("secret-id"))
    await client.call("GET", "/customers/secret-id")
    reply = await client.fetch("GET", client.sandbox.origin + "/__sandbox/requests")
    size = len(made.body(made.customer("secret-id")))
    assert reply.json["requests"] == [
        {"method": "GET", "path": "/auth/authorize", "outcome": "200", "arrival": 5.0, "bytes": None},
        {"method": "POST", "path": "/customers/migrate", "outcome": "201", "arrival": 5.0, "bytes": size},
        {"method": "GET", "path": "/customers/{id}", "outcome": "200", "arrival": 7.0, "bytes": None},
    ]
