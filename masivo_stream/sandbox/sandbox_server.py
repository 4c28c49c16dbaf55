"""Run a sandbox: as a context for demos and tests, or until cancelled for the command."""

import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from aiohttp import web
from aiohttp.http import HttpProcessingError

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.sandbox.app import BASE_PATH, SERVICES, build_app
from masivo_stream.sandbox.sandbox_clock import SandboxClock, SandboxSystemClock
from masivo_stream.sandbox.sandbox_ledger import SandboxLedger
from masivo_stream.sandbox.sandbox_options import SandboxOptions
from masivo_stream.sandbox.service import Service

_SHUTDOWN_SECONDS = 0.5  # for answers under way when it stops; a fault that hangs would last for an hour


class Sandbox:
    """A sandbox that listens."""

    def __init__(self, services: tuple[Service, ...], host: str, port: int) -> None:
        self._services = services
        self.host = host
        self.port = port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of the API, for `base_url`."""
        return self.origin + BASE_PATH

    @property
    def api_key(self) -> str:
        """The key that the token call accepts; with several accounts, that of the first one."""
        return self.api_keys[0]

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys of all accounts."""
        return tuple(service.options.api_key for service in self._services)

    def ledger(self, account: int = 1) -> SandboxLedger:
        """Return how often each record took effect up to now in an account; they are numbered from 1."""
        service = self._services[account - 1]
        return service.store.ledger.read(service.clock.wall())


def _is_no_client_error(record: logging.LogRecord) -> bool:
    """Keep errors of clients out of the log: they quote the request, which holds personal data."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, web.RequestPayloadError | HttpProcessingError | OSError)


@asynccontextmanager
async def running(options: SandboxOptions, clock: SandboxClock | None = None) -> AsyncIterator[Sandbox]:
    """Serve a sandbox while the context lasts; `clock` replaces the machine's.

    Raises:
        ConfigurationError: the store cannot be used, or the server cannot listen on the address.
    """
    app = build_app(options, clock or SandboxSystemClock())
    logger = logging.getLogger(__name__)
    logger.addFilter(_is_no_client_error)
    runner = web.AppRunner(
        app,
        logger=logger,
        access_log=None,  # paths hold customer ids
        keepalive_timeout=options.keepalive_timeout,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        yield Sandbox(app[SERVICES], options.host, await _listen(runner, options))
    finally:
        with anyio.CancelScope(shield=True):
            await runner.cleanup()


async def _listen(runner: web.AppRunner, options: SandboxOptions) -> int:
    try:
        await web.TCPSite(runner, options.host, options.port).start()
    except OSError as error:
        raise ConfigurationError(
            f"the sandbox cannot listen on {options.host} port {options.port}: {error.strerror or error}",
            operation="start the sandbox",
            place=f"{options.host}:{options.port}",
            hint="choose another --port (0 takes a free port)",
        ) from error
    return int(runner.addresses[0][1])


async def serve(options: SandboxOptions, ready: Callable[[Sandbox], None] = lambda _: None) -> None:
    """Serve a sandbox until cancelled; `ready` is called once it listens and the port file is written.

    Raises:
        ConfigurationError: as `running`, or the port file cannot be written.
    """
    path = Path(options.port_file) if options.port_file else None
    if path is not None:
        _remove_port(path)
    async with running(options) as sandbox:
        if path is not None:
            _publish_port(path, sandbox.port)
        try:
            ready(sandbox)
            await anyio.sleep_forever()
        finally:
            if path is not None:
                _remove_port(path, sandbox.port)


def _remove_port(path: Path, port: int | None = None) -> None:
    """Remove the file of an earlier sandbox, or our own: who waits for the next one must not find a port of before."""
    with suppress(OSError, ValueError):
        if path.is_file() and (port is None or int(path.read_text(encoding="ascii")) == port):
            path.unlink()


def _publish_port(path: Path, port: int) -> None:
    try:
        _write_port(path, port)
    except OSError as error:
        raise ConfigurationError(
            f"the port file cannot be written: {error.strerror or error}",
            operation="start the sandbox",
            place=str(path),
            hint="name a file in a directory that exists and is yours",
        ) from error


def _write_port(path: Path, port: int) -> None:
    """Write the file in one step, so that a process that waits for it never reads half a number."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{port}\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
