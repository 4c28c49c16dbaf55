"""The migration: the kinds in their order, a wait between them, an ordered end, a summary that closes."""

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, closing

import anyio
import msgspec

from masivo_stream.core.classify import classify
from masivo_stream.core.pace import Pacer
from masivo_stream.core.pack import Packer
from masivo_stream.core.retry import FIRST_THROTTLE_WAIT, Health, RetryPolicy
from masivo_stream.core.tally import Tally
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.config import is_loopback
from masivo_stream.edges.deadletter import DeadLetterFile, InDoubtFile
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.source import STDIN, Input, find_inputs
from masivo_stream.edges.statedir import StateDir, own_state_dir
from masivo_stream.flow.account import Account
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.gate import Gate
from masivo_stream.flow.judge import Source, make_decoder
from masivo_stream.flow.missing import Missing
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.phase import Phase
from masivo_stream.flow.resume import begin_at, match_sources, reread
from masivo_stream.flow.sender import ApiSender, open_sender
from masivo_stream.flow.signals import obey_signals
from masivo_stream.flow.upload import Delivery
from masivo_stream.flow.visible import look_for, wait_until_visible
from masivo_stream.model.attempt import Answer
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, SANDBOX_API_KEY, Kind
from masivo_stream.model.errors import (
    ConfigurationError,
    DeniedError,
    ExitCode,
    Interrupted,
    MasivoStreamError,
    StorageError,
)
from masivo_stream.model.outcome import Stop, Throttled
from masivo_stream.model.progress import Resume
from masivo_stream.model.record import Entry
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
        ConfigurationError: the state directory cannot be used, or its run reads exports that are not named.
        InputError: an export does not exist. One that turns out unreadable on the way is told in the summary.
        StorageError: the state directory cannot be written at the start.
    """
    patterns = {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    _check(settings, credentials, inputs)
    clock = clock or SystemClock()
    with own_state_dir(settings.state.state_dir) as state, closing(open_journal(state.journal, clock.wall)) as journal:
        sources = {
            kind: await match_sources(journal, kind, found) for kind, found in _with_known(journal, inputs).items()
        }
        async with open_sender(settings.api, credentials, clock) as sender:
            run = _Run(
                settings, sources, state, journal, sender, Observers([observer] if observer else []), clock, chance
            )
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
        sources: Mapping[Kind, list[Source]],
        state: StateDir,
        journal: Journal,
        sender: ApiSender,
        observer: Observer,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._settings, self._sources, self._state, self._journal = settings, sources, state, journal
        self._sender, self._observer, self._clock, self._chance = sender, observer, clock, chance
        self._brake = Brake(clock, drain_time=settings.upload.drain_time)
        self._migration_gate = Gate(Pacer(settings.limits.limit), clock)
        self._general_gate = Gate(Pacer(settings.limits.general_limit), clock)
        self._reader = _PacedReader(sender, self._general_gate)
        self._health = Health()
        self._max_body_bytes = settings.upload.max_body_bytes
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
        kinds = list(self._sources)
        for kind, following in zip(kinds, [*kinds[1:], None], strict=True):
            resume = self._journal.resume(kind)
            with ExitStack() as files:
                phase = self._phases[kind] = await self._open_phase(kind, resume, files)
                await phase.run()
            self._max_body_bytes = phase.target_bytes
            if phase.input_error is not None:
                raise phase.input_error
            if following is not None and (phase.account.last_accepted or not resume.visible):
                await self._wait_until_visible(kind, phase)

    async def _wait_until_visible(self, kind: Kind, phase: Phase) -> None:
        accepted, accepted_at = list(phase.account.last_accepted), phase.account.accepted_at
        if not accepted and (last := self._journal.last_accepted(kind)) is not None:
            references, accepted_at = last
            accepted = await reread(self._sources[kind], kind, references, self._settings.source.block_bytes)
        if accepted:
            await wait_until_visible(
                kind,
                accepted,
                accepted_at=accepted_at,
                reader=self._reader,
                clock=self._clock,
                settings=self._settings.visible,
                observer=self._observer,
            )
        await self._journal.mark_visible(kind)

    def _packer(self, kind: Kind) -> Packer:
        """Return a packer that makes use of what a 413 taught an earlier kind."""
        upload = self._settings.upload
        packer = Packer(CONTRACTS[kind], max_body_bytes=upload.max_body_bytes, open_batches=upload.open_batches)
        packer.shrink(self._max_body_bytes)
        return packer

    async def _look_for(self, batch: Batch) -> bool:
        customers = (entry.customer for entry in batch.entries)
        return await look_for(customers, reader=self._reader, clock=self._clock, settings=self._settings.visible)

    async def _entries_of(self, kind: Kind, batch: str) -> list[Entry]:
        references = self._journal.references(batch)
        return await reread(self._sources[kind], kind, references, self._settings.source.block_bytes)

    async def _open_phase(self, kind: Kind, resume: Resume, files: ExitStack) -> Phase:
        tally = Tally(CONTRACTS[kind], resume.figures)
        dead_letters = DeadLetterFile(self._state, kind, self._clock.wall, length=resume.letters_bytes)
        files.callback(dead_letters.close)
        doubts = InDoubtFile(self._state, kind, batches=self._journal.in_doubt(kind))
        delivery = Delivery(
            kind,
            sender=self._sender,
            gates=(self._migration_gate, self._general_gate),
            policy=_policy(self._settings),
            brake=self._brake,
            clock=self._clock,
            chance=self._chance,
            health=self._health,
            tally=tally,
            observer=self._observer,
        )
        for batch in self._journal.in_doubt(kind):
            if batch not in doubts.listed:  # the process before died between the note and the list
                doubts.add(batch, await self._entries_of(kind, batch))
        missing = (
            Missing() if kind is Kind.CUSTOMERS else Missing(self._journal.missing_customers(), self._journal.salt())
        )
        packer = self._packer(kind)
        account = Account(
            kind,
            resume=resume,
            missing=missing,
            salt=self._journal.salt(),
            journal=self._journal,
            packer=packer,
            tally=tally,
            dead_letters=dead_letters,
            doubts=doubts,
            clock=self._clock,
            remember_accepted=self._settings.visible.visible_probes,
        )
        for batch in resume.doubtful:
            await account.doubt(batch, await self._entries_of(kind, batch))
        return Phase(
            begin_at(self._sources[kind], resume),
            account=account,
            decoder=make_decoder(kind, self._settings),
            packer=packer,
            delivery=delivery,
            look_for=self._look_for,
            brake=self._brake,
            clock=self._clock,
            observer=self._observer,
            uploaders=self._settings.upload.uploaders,
            hand_off=self._settings.upload.hand_off,
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
        )

    def summary(self, failure: MasivoStreamError | None = None) -> Summary:
        """Tell what became of every record read; `failure` is what went wrong after the work."""
        kinds = {kind.value: phase.account.figures() for kind, phase in self._phases.items()}
        closes = all(figures.closes for figures in kinds.values())
        if not isinstance(self._brake.cause, StorageError):  # a journal that could not be written is behind
            closes = closes and all(self._agrees(Kind(kind), figures) for kind, figures in kinds.items())
        return conclude(kinds, self._brake.cause or failure, closes=closes)

    def _agrees(self, kind: Kind, figures: KindSummary) -> bool:
        """Tell whether the journal's batches, counted anew, say the same as the figures."""
        counted = self._journal.recount(kind)
        return (counted.get("accepted", 0), counted.get("in_doubt", 0)) == (
            figures.items_accepted,
            figures.items_in_doubt,
        )


class _PacedReader:
    """Read back under the general limiter, and keep to what the API answers."""

    def __init__(self, sender: ApiSender, gate: Gate) -> None:
        self._sender, self._gate = sender, gate

    async def read_customer(self, customer: str) -> Reply:
        """Read one customer.

        Raises:
            DeniedError: the API does not let us read.
        """
        async with self._gate.departure() as departure:
            reply = await self._sender.read_customer(customer)
            departure.left()
        if isinstance(reply.attempt, Answer) and reply.attempt.status != _NOT_FOUND:
            match classify(reply.attempt):
                case Throttled(after):
                    self._gate.hold(after or FIRST_THROTTLE_WAIT)
                case Stop(why=why):
                    raise DeniedError(
                        f"customers cannot be read back: {why}",
                        operation="read a customer back",
                        hint="check the API key's permissions",
                    )
                case _:
                    pass
        return reply


_NOT_FOUND = 404


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
        hint = "in-doubt.<kind>.ndjson in the state directory lists them; look them up in the account"
    elif any(figures.dead for figures in kinds.values()):
        outcome, code = "dead_letters", ExitCode.DEAD_LETTERS
        hint = "dead-letter.<kind>.ndjson in the state directory holds them, with what is wrong"
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


def check_inputs(inputs: Mapping[Kind, list[Input]]) -> None:
    """Check that there is something to read, and standard input at most once.

    Raises:
        ConfigurationError: it is not so.
    """
    if not inputs:
        raise ConfigurationError(
            "there is nothing to read",
            operation="read the command",
            hint="name exports with --customers, --events or --transactions",
        )
    if sum(source.path == STDIN for found in inputs.values() for source in found) > 1:
        raise ConfigurationError(
            "standard input is named twice", operation="read the command", hint="only one export can come that way"
        )


def _check(settings: Settings, credentials: Credentials, inputs: Mapping[Kind, list[Input]]) -> None:
    check_inputs(inputs)
    key = credentials.api_key
    if key is not None and key.reveal() == SANDBOX_API_KEY and not is_loopback(settings.api.base_url):
        raise ConfigurationError(
            "the sandbox's key opens no account elsewhere",
            operation="read the secrets",
            place="MASIVO_API_KEY",
            hint="set the account's own key",
        )


def _with_known(journal: Journal, inputs: Mapping[Kind, list[Input]]) -> dict[Kind, list[Input]]:
    """Return the inputs by kind, in the kinds' order.

    Raises:
        ConfigurationError: the journal knows an input that is not named any more.
    """
    for kind in Kind:
        named = {source.name for source in inputs.get(kind, [])}
        for known in journal.sources(kind):
            if known.name not in named:
                raise ConfigurationError(
                    f"the run in this state directory also reads {known.name}",
                    operation="resume",
                    place=f"--{kind}",
                    hint="name the same exports again, or choose another --state-dir for another migration",
                )
    return {kind: inputs[kind] for kind in Kind if kind in inputs}
