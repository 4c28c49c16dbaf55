"""Serve the monitor in the run's own event loop: what it answers shows that the loop is alive.

Connections are few, and a new one closes the oldest: whoever holds many open takes neither the migration's file
descriptors nor a probe's answer.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import anyio
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import MonitorListens
from masivo_stream.model.summary import Summary
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.endpoints import Endpoints, SnapshotSource
from masivo_stream.monitor.request_metrics import RequestMetrics

MOST_CONNECTIONS = 32
LAST_WORDS = 1.0
"""Seconds for answers under way when the run ends."""

_UNHEARD = logging.Logger(__name__)  # noqa: LOG001 - registered nowhere, so that nobody hears it
"""For aiohttp's words on malformed requests: they quote them."""
_UNHEARD.addHandler(logging.NullHandler())


async def run_monitored(
    address: Address,
    work: Callable[[Observer], Awaitable[Summary]],
    *,
    source: SnapshotSource,
    observers: list[Observer],
) -> Summary:
    """Do `work`, and answer at `address` as long as it lasts. The observers are told what happens.

    Raises:
        ConfigurationError: the address cannot be listened on; `work` has not begun.
    """
    requests = RequestMetrics()
    told = Observers([*observers, requests])
    answers = Endpoints(source, requests, told, address)
    async with serving(address, answers) as listening:
        told.notify(MonitorListens(url=f"http://{listening}/", exposed=not address.loopback))
        return await work(told)


@asynccontextmanager
async def serving(address: Address, answers: Endpoints) -> AsyncIterator[Address]:
    """Serve while the context lasts; gives the address with the port that was taken.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    server = web.Server(answers.answer, access_log=None, logger=_UNHEARD)
    try:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(partial(_admit, server), address.host, address.port)
    except OSError as error:
        raise ConfigurationError(
            f"the monitor cannot listen on {address}: {error.strerror or error}",
            operation="start the monitor",
            place=f"--monitor {address}",
            hint="another program may have that port: choose another, 0 takes a free one; nothing was begun",
        ) from error
    try:
        yield Address(address.host, listener.sockets[0].getsockname()[1])
    finally:
        with anyio.CancelScope(shield=True):
            listener.close()
            answers.end()
            await server.shutdown(LAST_WORDS)


def _admit(server: web.Server) -> RequestHandler:
    opened = [connection for connection in server.connections if connection.transport is not None]
    if len(opened) >= MOST_CONNECTIONS:
        opened[0].force_close()
    return server()
