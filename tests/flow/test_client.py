"""Every call leaves through a rate limiter: token calls, read-backs and reverts as well as batches."""

import base64
import json
from contextlib import asynccontextmanager
from itertools import pairwise

import anyio
import pytest

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.token import Tokens
from masivo_stream.flow.client import Client, pass_through
from masivo_stream.flow.rate_limit import LimitScope, RateLimiter, RateLimiters, make_limiters
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.window import Window


class FakeClient:
    """Answers reads as a test says; knows when each call came."""

    def __init__(self, clock, *statuses):
        self.clock, self.statuses = clock, list(statuses)
        self.calls = []

    async def read_customer(self, customer, token):
        self.calls.append(("read", self.clock.now()))
        return Reply(Answer(status=self.statuses.pop(0) if self.statuses else 200))

    async def revert(self, start, end, token):
        self.calls.append(("revert", self.clock.now()))
        return Reply(Answer(status=200))


def sender_of(clock, client, *windows):
    general = LimitScope("general", Pacer(windows))
    limiter = RateLimiter([general], clock)
    limiters = RateLimiters(dict.fromkeys(Kind, limiter), limiter, limiter)

    async def call():
        client.calls.append(("token", clock.now()))
        claims = base64.urlsafe_b64encode(json.dumps({"iat": 0, "exp": 3600}).encode()).decode().rstrip("=")
        return Answer(status=200), json.dumps({"data": f"h.{claims}.s"}).encode()

    async def authorize():
        reply = await pass_through(limiter, lambda: _reply(call))
        return reply.attempt, reply.body

    return Client(client, Tokens(ready=None, call=authorize, now=clock.now), limiters), limiter


@asynccontextmanager
async def passing(clock):
    """Let time pass whenever all wait."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        yield
        tasks.cancel_scope.cancel()


async def _reply(call):
    attempt, body = await call()
    return Reply(attempt, body)


async def test_tokens_reads_and_reverts_use_the_quota_of_the_account():
    """With one request every ten seconds, each call waits for its slot, whatever it is for."""
    clock = FakeClock()
    client = FakeClient(clock)
    sender, _ = sender_of(clock, client, Window(1, 10.0))
    async with passing(clock):
        await sender.read_customer("c1")
        await sender.revert("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
    moments = [moment for _, moment in client.calls]
    assert [what for what, _ in client.calls] == ["token", "read", "revert"]
    assert all(later - earlier >= 10.0 for earlier, later in pairwise(moments))


async def test_a_call_with_a_fresh_token_waits_for_a_slot_of_its_own():
    """The first call was answered with 401."""
    clock = FakeClock()
    client = FakeClient(clock, 401)
    sender, _ = sender_of(clock, client, Window(1, 10.0))
    async with passing(clock):
        assert (await sender.read_customer("c1")).attempt.status == 200
    assert [what for what, _ in client.calls] == ["token", "read", "token", "read"]
    assert client.calls[-1][1] >= 1030.0


@pytest.mark.parametrize(("failure", "slots"), [(Failure(cause=Cause.REFUSED, sent=False), 0), (None, 1)])
async def test_a_call_without_a_connection_uses_no_slot(failure, slots):
    """Only if there was no connection. A call that was answered, or cut off, has used a slot."""
    clock = FakeClock()
    limiter = RateLimiter([LimitScope("general", Pacer([Window(1, 10.0)]))], clock)

    async def call():
        if failure is None:
            raise TimeoutError
        return Reply(failure)

    if failure is None:
        with pytest.raises(TimeoutError):
            await pass_through(limiter, call)
    else:
        await pass_through(limiter, call)
    assert limiter.scopes[0].pacer.snapshot(clock.now()).windows[0].used == slots


@pytest.mark.parametrize(("scope", "limiters"), [("account", 1), ("endpoint", 3)])
def test_windows_count_all_migration_endpoints_or_each(scope, limiters):
    """As the setting says. What counts for the whole account is the same in every scope."""
    made = make_limiters(load_settings(flags={"scope": scope, "general_limit": "1000/d"}), FakeClock())
    assert len({id(limiter) for limiter in made.kinds.values()}) == limiters
    assert (made.revert in made.kinds.values()) == (scope == "account")
    assert {limiter.scopes[-1] for limiter in (*made.kinds.values(), made.revert, made.general)} == {
        made.general.scopes[0]
    }
    names = {limiter.scopes[0].lane.scope for limiter in (*made.kinds.values(), made.revert)}
    assert len(names) == (1 if scope == "account" else len(Kind) + 1)
