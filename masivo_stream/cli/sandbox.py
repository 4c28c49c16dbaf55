"""`masivo-stream sandbox`."""

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from masivo_stream.cli.options import Switch
from masivo_stream.model.contract import SANDBOX_API_KEY, TOKEN_LIFETIME_SECONDS
from masivo_stream.model.errors import ConfigurationError, MasivoStreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LAST_PORT = 65535
"""TCP's last port."""


@Parameter(name="*")
@dataclass(kw_only=True)
class ListenFlags:
    """Where the sandbox listens."""

    host: str = "127.0.0.1"
    "Address to listen on."
    port: int = 0
    "Port to listen on; 0 means any free port."
    port_file: str = ""
    "File to write the port to, once it listens."
    allow_remote: Annotated[bool, Switch] = False
    "Allow an address other than loopback, for other machines."


@Parameter(name="*")
@dataclass(kw_only=True)
class SandboxAccountFlags:
    """The account that the sandbox emulates."""

    store: str = ":memory:"
    "SQLite file that keeps the account. Default: in memory."
    limits: str = "prod"
    'none, dev, prod, or windows such as "1/5s,1000/h".'
    visible_after: float = 2.0
    "Seconds from the 201 until its records can be read back."
    token_lifetime: float = TOKEN_LIFETIME_SECONDS
    "Seconds a token lives."
    discounted_value: Literal["required", "optional"] = "required"
    "Whether every order must have discounted_value: required or optional."
    days: str = "+00:00"
    "By which days transactions are listed: those of a time zone such as -05:00, or created: by the day of creation."
    refusals: Literal["whole", "partial"] = "whole"
    "Whether a refused request is refused as a whole, or its good entries take effect: whole or partial."
    same_purchase: Literal["counts", "ignored"] = "counts"
    "What an event does whose purchase_id its customer has already: counts or ignored."
    email_case: Literal["counts", "ignored"] = "counts"
    "Whether emails are distinguished by upper and lower case: counts or ignored."
    api_key: str = SANDBOX_API_KEY
    "The key that the sandbox accepts; change it to try what a new key does."
    accounts: int = 1
    "Accounts in this process, each with a key of its own, which are printed. /__sandbox/ledger?account=N shows one."


@Parameter(name="*")
@dataclass(kw_only=True)
class FaultFlags:
    """The faults that the sandbox injects."""

    fault: Annotated[list[str] | None, Parameter(negative="")] = None
    'Fault to inject, repeatable, such as "status=503,applied=yes,rate=0.1,on=events"; all are listed below.'
    seed: int = 0
    "Seed for the chance of faults."


def sandbox(
    *,
    listen: ListenFlags | None = None,
    account: SandboxAccountFlags | None = None,
    faults: FaultFlags | None = None,
) -> int:
    """Serve an emulation of the API on this machine, until Ctrl-C.

    GET /__sandbox/ledger shows how often each id was applied; /__sandbox/openapi.json describes all calls.

    Example: `masivo-stream sandbox --port 8080 --limits none`
    """
    import anyio

    from masivo_stream.sandbox import Sandbox, SandboxOptions, parse_days, parse_faults, parse_limits, serve

    listen, account, faults = listen or ListenFlags(), account or SandboxAccountFlags(), faults or FaultFlags()

    def ready(served: Sandbox) -> None:
        sys.stderr.write(
            f"sandbox at {served.url}\n"
            f"  MASIVO_API_KEY={served.api_key} masivo-stream migrate --base-url {served.url} ...\n"
        )
        for number, key in enumerate(served.api_keys[1:], start=2):
            sys.stderr.write(f"  account {number}: MASIVO_API_KEY={key}\n")
        sys.stderr.flush()

    if not 0 <= listen.port <= _LAST_PORT or account.visible_after < 0 or account.token_lifetime <= 0:
        raise ConfigurationError(
            "a number is out of range",
            operation="start the sandbox",
            hint="use --port from 0 to 65535, --visible-after of 0 or more, and --token-lifetime above 0",
        )
    try:
        options = SandboxOptions(
            host=listen.host,
            port=listen.port,
            port_file=listen.port_file,
            store=account.store,
            limits=parse_limits(account.limits),
            visible_after=account.visible_after,
            token_lifetime=account.token_lifetime,
            discounted_value=account.discounted_value,
            days=parse_days(account.days),
            faults=parse_faults(faults.fault or []),
            refusals=account.refusals,
            same_purchase=account.same_purchase,
            email_case=account.email_case,
            seed=faults.seed,
            api_key=account.api_key,
            accounts=account.accounts,
            allow_remote=listen.allow_remote,
        )
        anyio.run(partial(_until_signal, partial(serve, options, ready)))
    except ValueError as error:
        raise ConfigurationError(
            str(error), operation="start the sandbox", hint="see masivo-stream sandbox --help"
        ) from error
    return 0


async def _until_signal(serve: "Callable[[], Awaitable[None]]") -> None:
    """Serve until SIGINT or SIGTERM: both are the usual end of a server.

    Raises:
        MasivoStreamError: the sandbox could not be started.
    """
    import signal

    import anyio

    failures: list[MasivoStreamError] = []

    async def work() -> None:
        try:
            await serve()
        except MasivoStreamError as error:  # kept, because a task group would wrap it
            failures.append(error)
        tasks.cancel_scope.cancel()

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            async for _ in signals:
                tasks.cancel_scope.cancel()
    for failure in failures:
        raise failure
