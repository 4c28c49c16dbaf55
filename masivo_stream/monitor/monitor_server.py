"""Serve the monitor in the run's own event loop, so that an answer shows that the loop is alive.

The number of connections is limited, and a new one closes the oldest. So a client that holds many open can use up
neither the file descriptors of the migration nor the answers to health probes.
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
from masivo_stream.monitor.fleet_endpoints import FleetEndpoints
from masivo_stream.monitor.request_metrics import RequestMetrics

MOST_CONNECTIONS = 32
SHUTDOWN_SECONDS = 1.0
"""Time for answers under way when the run ends."""

_DISCARDED = logging.Logger(__name__)  # noqa: LOG001 - not registered, so no handler of the program gets it
"""Takes aiohttp's messages about malformed requests, which quote the request."""
_DISCARDED.addHandler(logging.NullHandler())


async def run_monitored(
    address: Address,
    work: Callable[[Observer], Awaitable[Summary]],
    *,
    source: SnapshotSource,
    observers: list[Observer],
) -> Summary:
    """Do `work`, and answer at `address` until it ends. The observers get the notices of both.

    Raises:
        ConfigurationError: the server cannot listen on the address; `work` has not begun.
    """
    requests = RequestMetrics()
    everyone = Observers([*observers, requests])
    answers = Endpoints(source, requests, everyone, address)
    async with serving(address, answers) as listening:
        everyone.notify(MonitorListens(url=f"http://{listening}/", exposed=not address.loopback))
        return await work(everyone)


@asynccontextmanager
async def serving(address: Address, answers: Endpoints | FleetEndpoints) -> AsyncIterator[Address]:
    """Serve while the context lasts; yield the address with the port that is used.

    Raises:
        ConfigurationError: the server cannot listen on the address.
    """
    server = web.Server(answers.answer, access_log=None, logger=_DISCARDED)
    try:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(partial(_admit, server), address.host, address.port)
    except OSError as error:
        raise ConfigurationError(
            f"the monitor cannot listen on {address}: {error.strerror or error}",
            operation="start the monitor",
            place=f"--monitor {address}",
            hint="another program may be using that port: choose another one (0 takes a free port); nothing was"
            " started",
        ) from error
    try:
        yield Address(address.host, listener.sockets[0].getsockname()[1])
    finally:
        with anyio.CancelScope(shield=True):
            listener.close()
            answers.end()
            await server.shutdown(SHUTDOWN_SECONDS)


def _admit(server: web.Server) -> RequestHandler:
    opened = [connection for connection in server.connections if connection.transport is not None]
    if len(opened) >= MOST_CONNECTIONS:
        opened[0].force_close()
    return server()
