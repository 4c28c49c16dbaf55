"""Each fault as a client sees it on the socket."""

import asyncio
import contextlib

import aiohttp
import pytest
from sandbox import made
from sandbox.client import Client

from masivo_stream.sandbox import parse_limits

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"


async def exchange(client: Client, path: str = "/customers/migrate", body: bytes | None = None) -> tuple[bytes, str]:
    """Send one request over a bare socket; return the received bytes and how the connection ended."""
    token = await client.token()
    content = made.body(made.customer("c")) if body is None else body
    reader, writer = await asyncio.open_connection(client.sandbox.host, client.sandbox.port)
    head = HEAD.format(path="/api/storefront/v1" + path, token=token)
    writer.write(f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content)
    received, end = b"", "closed"
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionResetError:
        end = "reset"
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()
    return received, end


async def applied(client: Client) -> bool:
    """Return whether the customer `c` takes effect, now or after the queue's delay."""
    client.clock.advance(1000)
    return client.ledger().customers == {"c": 1}


@pytest.mark.parametrize("said", ["no", "yes"])
@pytest.mark.parametrize("code", [400, 401, 403, 408, 409, 500, 502, 503, 504, 599])
async def test_a_status_fault_answers_with_its_status(start, code, said):
    """The status is answered in the API's form; the request takes effect or not, as `applied` says."""
    client = await start(f"status={code},applied={said}")
    reply = await client.customers(made.customer("c"))
    assert (reply.status, set(reply.json)) == (code, {"error", "details"})
    assert client.ledger().requests["customers"] == {str(code): 1}
    assert await applied(client) == (said == "yes")


async def test_a_204_has_no_body(start):
    """A 204 has no body, although the sandbox has one for other statuses."""
    client = await start("status=204,applied=yes")
    reply = await client.customers(made.customer("c"))
    assert (reply.status, reply.text) == (204, "")
    assert await applied(client)


@pytest.mark.parametrize("text", ["abc", "", "-1", "1e9", "Sun, 15 Jun 2025 15:07:00 GMT", "7.5"])
async def test_a_throttle_fault_answers_429(start, text):
    """A 429 with any Retry-After, and no effect."""
    date = text.replace(",", "")  # a spec's comma separates
    client = await start(f"throttle,retry_after={date}")
    reply = await client.customers(made.customer("c"))
    assert (reply.status, reply.headers["Retry-After"]) == (429, date)
    assert not await applied(client)


@pytest.mark.parametrize(("when", "takes_effect"), [("before", False), ("after", True)])
async def test_a_reset_fault_cuts_the_connection(start, when, takes_effect):
    """The peer sees RST and no byte of an answer."""
    client = await start(f"reset,when={when}")
    assert await exchange(client) == (b"", "reset")
    assert client.ledger().requests["customers"] == {"reset": 1}
    assert await applied(client) == takes_effect


async def test_a_reset_may_come_in_the_middle_of_the_body(start):
    """The head of the 201 is complete, its body is not."""
    client = await start("reset,when=mid")
    received, end = await exchange(client)
    assert received.startswith(b"HTTP/1.1 201 ")
    assert received.endswith(b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
    assert end == "closed"
    assert await applied(client)


async def test_a_reset_may_come_in_the_status_line(start):
    """The status cannot be read."""
    client = await start("reset,when=status")
    assert await exchange(client) == (b"HTTP/1.1 20", "closed")
    assert await applied(client)


@pytest.mark.parametrize("said", ["no", "yes"])
async def test_a_hang_fault_sends_no_byte(start, clock, said):
    """No byte for the given time, then a cut connection."""
    client = await start(f"hang=30,applied={said}")
    pending = asyncio.ensure_future(exchange(client))
    assert await clock.wait_for_sleeper() == 30
    assert not pending.done()
    clock.advance(30)
    assert await pending == (b"", "reset")
    assert await applied(client) == (said == "yes")


async def test_an_endless_hang_does_not_delay_the_end(start, clock):
    """A sandbox with a hanging request still stops."""
    client = await start("hang")
    pending = asyncio.ensure_future(exchange(client))
    await clock.wait_for_sleeper()
    pending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pending


async def test_a_request_may_be_delayed_on_arrival(start, clock):
    """The whole request is late: limits, token and rules see it after the delay."""
    client = await start("delay=3,where=arrival")
    pending = asyncio.ensure_future(client.customers(made.customer("c")))
    assert await clock.wait_for_sleeper() == 3
    assert (client.ledger().queue, client.ledger().requests) == (0, {"auth": {"200": 1}})
    clock.advance(3)
    assert (await pending).status == 201
    clock.advance(1.9)
    assert client.ledger().customers == {}


async def test_an_answer_may_be_delayed(start, clock):
    """The effect is visible before the answer."""
    client = await start("delay=3,jitter=2,where=answer")
    pending = asyncio.ensure_future(client.customers(made.customer("c")))
    assert 3 <= await clock.wait_for_sleeper() < 5
    assert client.ledger().queue == 1
    clock.advance(5)
    assert (await pending).status == 201


async def test_a_drip_fault_sends_the_answer_in_pieces(start, clock):
    """The answer comes in pieces over the given time, and is complete at the end."""
    client = await start("drip=50")
    pending = asyncio.ensure_future(exchange(client))
    drops = 0
    while not pending.done():
        waiter = asyncio.ensure_future(clock.wait_for_sleeper())
        await asyncio.wait({waiter, pending}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        if not pending.done():
            clock.advance(1)
            drops += 1
    received, end = await pending
    assert drops > 20
    assert received.startswith(b"HTTP/1.1 201 ")
    assert received.endswith(b"\r\n\r\n{}")
    assert end == "closed"


async def test_a_garbage_fault_is_not_http(start):
    """The answer is not HTTP, and a client reports that."""
    client = await start("garbage")
    received, _ = await exchange(client)
    assert received
    assert not received.startswith(b"HTTP")
    with pytest.raises(aiohttp.ClientError):
        await client.customers(made.customer("c"))
    assert not await applied(client)


async def test_an_html_fault_answers_with_a_page(start):
    """A portal's page with status 200, and no effect."""
    client = await start("html")
    reply = await client.customers(made.customer("c"))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html")
    assert not await applied(client)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_fault_names_another_origin(start, code):
    """To another origin, with the same path."""
    client = await start(f"redirect={code},to=http://elsewhere.test:81")
    reply = await client.customers(made.customer("c"))
    assert reply.status == code
    assert reply.headers["Location"] == "http://elsewhere.test:81/api/storefront/v1/customers/migrate"
    assert not await applied(client)


async def test_an_empty_fault_has_no_body(start):
    """A 201 without a body."""
    client = await start("empty")
    reply = await client.customers(made.customer("c"))
    assert (reply.status, reply.text) == (201, "")
    assert await applied(client)


async def test_a_vague_fault_names_no_place(start):
    """A 422 that names neither index nor field."""
    client = await start("vague")
    for entry in (made.customer("c", email=5), made.customer("c", status="DELETED")):
        reply = await client.customers(made.customer("b"), entry)
        assert (reply.status, reply.details) == (422, "Invalid customer entry")
    reply = await client.events(made.events("unknown", "p"))
    assert reply.details == "Invalid customer entry"


async def test_a_partial_fault_applies_half_a_batch(start):
    """A 422 although the first half took effect."""
    client = await start("partial,at=1")
    reply = await client.customers(made.customer("c"), made.customer("d"))
    assert reply.status == 422
    assert await applied(client)


async def test_a_lose_fault_loses_the_first_customers(start):
    """A 201, although the first customers of the request take no effect."""
    client = await start("lose=2,at=1")
    await client.migrated(made.customer("a"), made.customer("b"), made.customer("c"))
    assert client.ledger().customers == {"c": 1}


async def test_a_spoil_fault_changes_amounts(start, clock):
    """A 201, although the amounts of the first customer are off by one."""
    client = await start("spoil,on=customers,at=1", "spoil,on=transactions,at=1")
    await client.migrated(made.customer("a", balance=made.balance(5, 2)), made.customer("b", balance=made.balance(5)))
    wallets = [(await client.call("GET", f"/customers/{id_}")).json["data"]["wallet"] for id_ in "ab"]
    assert [wallet["totals"][0]["total"] for wallet in wallets] == [8, 5]
    assert (await client.transactions(made.transactions("b", 2, 3))).status == 201
    clock.advance(2)
    read = await client.call("GET", "/customers/b/transactions?year=2025")
    assert [booked["amount"] for booked in read.json["data"]] == [4, 3]


async def test_a_late_fault_takes_effect_late(start, clock):
    """The effect comes later than usual, after all requests that were sent in the meantime."""
    client = await start("late=60,at=1")
    await client.customers(made.customer("c"))
    await client.customers(made.customer("d"))
    clock.advance(61.9)
    assert client.ledger().customers == {"d": 1}
    clock.advance(0.1)
    assert client.ledger().customers == {"c": 1, "d": 1}


async def test_a_late_customer_may_be_migrated_twice(start, clock):
    """A second migration is accepted while the first is queued, and shows in the ledger as a duplicate."""
    client = await start("late-duplicate")
    await client.migrated(made.customer("c", balance=made.balance(5)))
    for _ in range(2):
        assert (await client.transactions(made.transactions("c", 5))).status == 201
    clock.advance(2)
    assert client.ledger().transactions == {"c": 2}
    assert (await client.transactions(made.transactions("c", 5))).status == 422


async def test_a_badtoken_fault_returns_no_token_once(start):
    """The token call answers 200 without a token, once."""
    client = await start("badtoken,times=1")
    headers = {"x-api-key": client.sandbox.api_key}
    replies = [await client.fetch("GET", client.sandbox.url + "/auth/authorize", headers=headers) for _ in "12"]
    assert [(reply.status, set(reply.json)) for reply in replies] == [(200, set()), (200, {"data"})]


async def test_faults_apply_to_their_target_only(start):
    """`on=` selects the calls: here the reads."""
    client = await start("status=500,on=read")
    assert (await client.customers(made.customer("c"))).status == 201
    assert (await client.call("GET", "/customers/c")).status == 500


async def test_faulty_answers_have_the_quota_headers(start):
    """A 503 of a migration call has the headers of the account's limits, like any other answer."""
    client = await start("status=503", limits=parse_limits("5/h"))
    assert (await client.customers(made.customer("c"))).headers["X-RateLimit-Remaining"] == "4"
