"""Several accounts in one sandbox: each has its own key, tokens, content, limits and file."""

import aiohttp
import pytest
from sandbox import made
from sandbox.client import Client

from masivo_stream.model.contract import SANDBOX_API_KEY, is_sandbox_key, sandbox_key
from masivo_stream.sandbox import SandboxOptions, parse_limits, running


async def token(client, key):
    reply = await client.fetch("GET", client.sandbox.url + "/auth/authorize", headers={"x-api-key": key})
    return reply.json["data"] if reply.status == 200 else None


async def send(client, bearer, customer):
    return await client.fetch(
        "POST",
        client.sandbox.url + "/customers/migrate",
        json={"customers": [made.customer(customer)]},
        headers={"Authorization": f"Bearer {bearer}"},
    )


def test_keys_are_public_and_distinct():
    """The first account has the key that every sandbox has; no other is close to it by chance."""
    keys = [sandbox_key(number) for number in range(1, 1001)]
    assert keys[0] == SANDBOX_API_KEY
    assert len(set(keys)) == 1000
    assert all(map(is_sandbox_key, keys))
    assert not is_sandbox_key("11111111-2222-4333-8444-555555555555")


async def test_each_account_has_its_own_content_and_limits(start, clock):
    """A token opens the account of its key; a full window of one does not refuse a request to another."""
    client = await start(accounts=3, limits=parse_limits("1/h"))
    tokens = [await token(client, key) for key in client.sandbox.api_keys]
    for number, bearer in enumerate(tokens[:2], 1):
        assert (await send(client, bearer, f"c{number}")).status == 201
        assert (await send(client, bearer, "again")).status == 429
    clock.advance(10)
    assert [set(client.sandbox.ledger(number).customers) for number in (1, 2, 3)] == [{"c1"}, {"c2"}, set()]
    origin = client.sandbox.origin
    for number in (1, 2, 3):
        reply = await client.fetch("GET", f"{origin}/__sandbox/requests?account={number}")
        assert len(reply.json["requests"]) == (3 if number < 3 else 1)  # with the token call
    assert (await client.fetch("GET", f"{origin}/__sandbox/ledger")).json["customers"] == {"c1": 1}
    assert (await client.fetch("GET", f"{origin}/__sandbox/ledger?account=2")).json["customers"] == {"c2": 1}


async def test_an_unknown_key_or_account_is_refused(start):
    """A key of no account gets no token; a page of no account is not found."""
    client = await start(accounts=2)
    assert await token(client, sandbox_key(3)) is None
    assert (await send(client, "x.y.z", "c")).status == 401
    for number in ("0", "3", "x", "-1", ""):
        assert (await client.fetch("GET", f"{client.sandbox.origin}/__sandbox/ledger?account={number}")).status == 404


async def test_each_account_has_its_own_file(clock, tmp_path):
    """It is kept when the process ends."""
    options = SandboxOptions(accounts=2, store=str(tmp_path / "store.db"))
    for times in (1, 2):
        async with running(options, clock) as sandbox, aiohttp.ClientSession() as session:
            client = Client(sandbox, session, clock)
            assert (await send(client, await token(client, sandbox_key(2)), "c2")).status == 201
            clock.advance(10)
            assert [sandbox.ledger(number).customers for number in (1, 2)] == [{}, {"c2": times}]
    assert {path.name for path in tmp_path.iterdir()} >= {"store.db", "store.db.2"}


@pytest.mark.parametrize("accounts", [0, 1001, -1])
def test_there_are_one_to_a_thousand_accounts(accounts):
    """The error says so."""
    with pytest.raises(ValueError, match="1 to 1000"):
        SandboxOptions(accounts=accounts)
