"""Sandboxes on loopback that end with their test, on a clock that the test moves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
from sandbox.client import Client
from sandbox.fake_clock import FakeClock

from masivo_stream.sandbox import SandboxOptions, parse_faults, running

Start = Callable[..., Awaitable[Client]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def start(clock: FakeClock) -> AsyncIterator[Start]:
    """Start sandboxes on loopback with the given options; they end with the test."""
    async with AsyncExitStack() as stack:

        async def start(*faults: str, **options: object) -> Client:
            wanted = SandboxOptions(faults=parse_faults(faults), visible_after=Client.visible_after, **options)
            sandbox = await stack.enter_async_context(running(wanted, clock))
            connector = aiohttp.TCPConnector(force_close=True)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            return Client(sandbox, session, clock)

        yield start
