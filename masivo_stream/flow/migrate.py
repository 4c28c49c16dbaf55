"""The migration: the kinds in their order, a wait between them, an ordered end, a summary that closes."""

import os
import random
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

import anyio
import msgspec

from masivo_stream.core.pace import Pacer
from masivo_stream.core.pack import Packer
from masivo_stream.core.retry import RetryPolicy
from masivo_stream.core.tally import Tally
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.config import is_loopback
from masivo_stream.edges.deadletter import DeadLetterFile, InDoubtFile
from masivo_stream.edges.journal import MemoryJournal
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.source import Input, find_inputs
from masivo_stream.edges.statedir import StateDir, own_state_dir
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.gate import Gate
from masivo_stream.flow.judge import make_decoder
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.phase import Phase
from masivo_stream.flow.sender import ApiSender, open_sender
from masivo_stream.flow.signals import obey_signals
from masivo_stream.flow.upload import Delivery
from masivo_stream.flow.visible import wait_until_visible
from masivo_stream.model.contract import CONTRACTS, SANDBOX_API_KEY, Kind
from masivo_stream.model.errors import (
    ConfigurationError,
    ExitCode,
    Interrupted,
    MasivoStreamError,
    StorageError,
)
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import KindSummary, OutcomeName, Summary

REPORT = "report.json"


async def migrate(
    settings: Settings,
    *,
    credentials: Credentials,
    customers: Iterable[str] = (),
    events: Iterable[str] = (),
    transactions: Iterable[str] = (),
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> Summary:
    """Migrate exports, and tell what became of every record.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        customers: files, globs, or `-` for standard input; likewise `events` and `transactions`.
        events: as `customers`.
        transactions: as `customers`.
        observer: is told what happens.
        handle_signals: stop in order on SIGINT and SIGTERM. Only in the main thread.
        clock: where time comes from.
        chance: numbers in [0, 1) for the jitter of retries.

    Returns:
        The summary; a run that stopped early is told there, too, not raised.

    Raises:
        ConfigurationError: the state directory cannot be used, or holds a run already.
        InputError: an export does not exist. One that turns out unreadable on the way is told in the summary.
        StorageError: the state directory cannot be written at the start.
    """
    patterns = {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    _check(settings, credentials, inputs)
    clock = clock or SystemClock()
    with own_state_dir(settings.state.state_dir) as state:
        _begin(state, inputs, clock)
        async with open_sender(settings.api, credentials, clock) as sender:
            run = _Run(settings, inputs, state, sender, Observers([observer] if observer else []), clock, chance)
            await run.go(handle_signals=handle_signals)
            summary = run.summary()
        try:
            state.write(REPORT, msgspec.json.format(msgspec.json.encode(summary)))
        except StorageError as error:  # the run is over: what became of it is told all the same
            summary = run.summary(error)
    return summary


class _Run:
    """One migration under way."""

    def __init__(
        self,
        settings: Settings,
        inputs: Mapping[Kind, list[Input]],
        state: StateDir,
        sender: ApiSender,
        observer: Observer,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._settings, self._inputs, self._state = settings, inputs, state
        self._sender, self._observer, self._clock, self._chance = sender, observer, clock, chance
        self._brake = Brake(clock, drain_time=settings.upload.drain_time)
        self._journal = MemoryJournal()
        self._migration_gate = Gate(Pacer(settings.limits.limit), clock)
        self._general_gate = Gate(Pacer(settings.limits.general_limit), clock)
        self._phases: dict[Kind, Phase] = {}

    async def go(self, *, handle_signals: bool) -> None:
        """Work until done or stopped. What was in flight has landed, or its drain time is over."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._brake.drain)
            if handle_signals:
                beside.start_soon(obey_signals, self._brake, self._observer)
            with self._brake.work:
                try:
                    await self._migrate_all()
                except MasivoStreamError as error:
                    self._brake.pull(error)
            beside.cancel_scope.cancel()

    async def _migrate_all(self) -> None:
        kinds = list(self._inputs)
        for kind, following in zip(kinds, [*kinds[1:], None], strict=True):
            with ExitStack() as files:
                phase = self._phases[kind] = self._open_phase(kind, files)
                await phase.run()
            if phase.input_error is not None:
                raise phase.input_error
            if following is not None and phase.last_accepted:
                await wait_until_visible(
                    kind,
                    phase.last_accepted,
                    accepted_at=phase.accepted_at,
                    reader=_PacedReader(self._sender, self._general_gate),
                    clock=self._clock,
                    settings=self._settings.visible,
                    observer=self._observer,
                )

    def _open_phase(self, kind: Kind, files: ExitStack) -> Phase:
        upload, contract = self._settings.upload, CONTRACTS[kind]
        tally = Tally(contract)
        dead_letters = DeadLetterFile(self._state, kind, self._clock.wall)
        files.callback(dead_letters.close)
        delivery = Delivery(
            kind,
            sender=self._sender,
            journal=self._journal,
            gates=(self._migration_gate, self._general_gate),
            policy=_policy(self._settings),
            brake=self._brake,
            clock=self._clock,
            chance=self._chance,
            tally=tally,
            observer=self._observer,
        )
        return Phase(
            kind,
            self._inputs[kind],
            decoder=make_decoder(kind, self._settings),
            packer=Packer(contract, max_body_bytes=upload.max_body_bytes, open_batches=upload.open_batches),
            delivery=delivery,
            tally=tally,
            dead_letters=dead_letters,
            doubts=InDoubtFile(self._state, kind),
            brake=self._brake,
            clock=self._clock,
            observer=self._observer,
            uploaders=upload.uploaders,
            hand_off=upload.hand_off,
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
            remember_accepted=self._settings.visible.visible_probes,
        )

    def summary(self, failure: MasivoStreamError | None = None) -> Summary:
        """Tell what became of every record read; `failure` is what went wrong after the work."""
        kinds = {kind.value: phase.figures() for kind, phase in self._phases.items()}
        closes = all(figures.closes for figures in kinds.values())
        return conclude(kinds, self._brake.cause or failure, closes=closes)


class _PacedReader:
    """Read back under the general limiter."""

    def __init__(self, sender: ApiSender, gate: Gate) -> None:
        self._sender, self._gate = sender, gate

    async def read_customer(self, customer: str) -> Reply | None:
        async with self._gate.departure() as departure:
            reply = await self._sender.read_customer(customer)
            departure.left()
        return reply


def conclude(kinds: dict[str, KindSummary], cause: MasivoStreamError | None, *, closes: bool) -> Summary:
    """Name the outcome: what stopped the run first, else the worst that is left behind."""
    outcome: OutcomeName
    message, hint = (str(cause), cause.hint) if cause else ("", "")
    if not closes:
        outcome, code = "stopped", ExitCode.BUG
        message = "the figures do not close: please report this, and keep the state directory"
    elif isinstance(cause, Interrupted):
        outcome, code = "interrupted", cause.exit_code
    elif cause is not None:
        outcome, code = "stopped", cause.exit_code
    elif any(figures.in_doubt for figures in kinds.values()):
        outcome, code = "in_doubt", ExitCode.IN_DOUBT
    elif any(figures.dead for figures in kinds.values()):
        outcome, code = "dead_letters", ExitCode.DEAD_LETTERS
    else:
        outcome, code = "complete", ExitCode.COMPLETE
    return Summary(outcome=outcome, exit_code=int(code), kinds=kinds, closes=closes, message=message, hint=hint)


def _policy(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        first_delay=settings.retry.first_delay,
        longest_delay=settings.retry.longest_delay,
        outage_limit=settings.retry.outage_limit,
        longest_hold=settings.limits.longest_hold,
    )


def _check(settings: Settings, credentials: Credentials, inputs: Mapping[Kind, list[Input]]) -> None:
    if not inputs:
        raise ConfigurationError(
            "there is nothing to migrate",
            operation="read the command",
            hint="name exports with --customers, --events or --transactions",
        )
    if sum(source.path == "-" for found in inputs.values() for source in found) > 1:
        raise ConfigurationError(
            "standard input is named twice",
            operation="read the command",
            hint="only one export can come that way",
        )
    key = credentials.api_key
    if key is not None and key.reveal() == SANDBOX_API_KEY and not is_loopback(settings.api.base_url):
        raise ConfigurationError(
            "the sandbox's key opens no account elsewhere",
            operation="read the secrets",
            place="MASIVO_API_KEY",
            hint="set the account's own key",
        )


def _begin(state: StateDir, inputs: Mapping[Kind, list[Input]], clock: Clock) -> None:
    if state.holds_run:
        raise ConfigurationError(
            "the state directory holds a run already, and sending its records again would double them",
            operation="open the state directory",
            place=str(state.path),
            hint="see `masivo-stream status`; for another export choose another --state-dir",
        )
    description = {
        "schema": 1,
        "started_at": clock.wall(),
        "process": os.getpid(),
        "host": socket.gethostname(),
        "inputs": {kind: [source.name for source in found] for kind, found in inputs.items()},
    }
    state.mark_run(msgspec.json.format(msgspec.json.encode(description)))
