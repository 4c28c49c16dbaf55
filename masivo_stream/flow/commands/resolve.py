"""Resolve: show what is known of the batches in doubt, and carry out a person's decision about each.

Accepted: the batch arrived, by evidence. Discarded: it is given up, and its records become dead letters. Sent again:
the same bytes in the same request; if that is refused, or in doubt once more, the batch stays in doubt. Every batch
that is to be sent again is read back before anything is decided or sent: if one must not be sent, nothing is done.
Every decision is journalled with time, person and reason. Nothing is done here that was not asked for, batch by batch.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime

import msgspec
from msgspec import Struct

from masivo_stream.core.sending.backoff import Halt, Settle
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.identity.account_binding import Confirmations, name_person
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.outcome import agrees, summarise_kinds
from masivo_stream.flow.pipeline.deliver import Delivery, halt_error, make_backoff
from masivo_stream.flow.pipeline.in_doubt import InDoubtKind, Resend, open_in_doubt_kind
from masivo_stream.flow.readback.evidence import find_evidence
from masivo_stream.flow.reporting.run_report import leave_report, read_report, revise
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Session, open_session
from masivo_stream.flow.stop import StopControl, work_under
from masivo_stream.flow.work_progress import WorkMeter
from masivo_stream.model.attempt import Accepted
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.progress import Doubt
from masivo_stream.model.resolution import InDoubtBatch, Resolution, Verdict
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind
from masivo_stream.model.summary import KindSummary, Summary

ALL = "all"
SHORTEST_ID = 4
"""A batch may be named by the first characters of its id, at least this many."""

_OPERATION = "resolve batches in doubt"


class Decisions(Struct, frozen=True, kw_only=True):
    """Decisions about batches in doubt. A batch is named by its id, the beginning of its id, or `all`."""

    accept: tuple[str, ...] = ()
    discard: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()
    reason: str = ""


async def resolve(
    settings: Settings,
    credentials: Credentials,
    decisions: Decisions | None = None,
    *,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool = False,
    runtime: Runtime | None = None,
) -> Resolution:
    """Carry out decisions, then read back evidence of what is still in doubt.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        decisions: what becomes of which batches; nothing is decided without them.
        confirmations: what a person confirms: that two accounts are one, or where an export is now.
        observer: receives a notice of everything that happens.
        handle_signals: stop in an orderly way on SIGINT and SIGTERM. Only in the main thread.
        runtime: the clock, chance and reporting; the defaults are right for a program.

    Raises:
        ConfigurationError: there is no run; the state directory is a copy, or older than what was sent from it; a
            batch is not in doubt; or a batch that is to be sent again is in the account already.
        InputError: an export is missing, or is not what it was.
        StorageError: the state directory cannot be written.
    """
    decisions = decisions or Decisions()
    async with open_session(
        settings,
        credentials,
        needed_by=_OPERATION,
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        with ExitStack() as files:
            before = read_report(session.state, summarise_kinds(session.journal.read))
            once = session.guard_sends()
            if decisions.accept or decisions.discard or decisions.resend:
                await once.check_place(by_hand=True)
            kinds = await open_in_doubt(session, files)
            await session.connect(source.input.path for kind in kinds for source in kind.sources if not source.is_copy)
            work = ResolveWork(session, kinds)
            chosen = work.choose(decisions)
            await work_under(
                work.stop, lambda: work.go(chosen), observer=session.observer, handle_signals=handle_signals
            )
            found = _make_resolution(session.journal, work, chosen)
            _revise_report(session, before, found)
        if work.stop.cause is not None:
            session.proxies.explain(work.stop.cause)
            raise work.stop.cause
    return found


def _revise_report(session: Session, before: Summary | None, found: Resolution) -> None:
    """Write the run's report again with the figures that the decisions have changed."""
    revised = revise(before, found.kinds, closes=found.closes)
    if revised is not None:
        leave_report(session.journal, session.state, revised, session.runtime.reporting, session.clock)


def _make_resolution(journal: Journal, work: "ResolveWork", chosen: "Chosen") -> Resolution:
    kinds = summarise_kinds(journal.read)
    closes = all(figures.closes and agrees(journal.read, Kind(kind), figures) for kind, figures in kinds.items())
    return Resolution(
        exit_code=_exit_code(kinds, in_doubt=bool(work.left), closes=closes),
        accepted=tuple(doubt.batch for doubt in chosen.accept),
        discarded=tuple(doubt.batch for doubt in chosen.discard),
        resent=tuple(work.arrived),
        in_doubt=tuple(work.left),
        kinds=kinds,
        closes=closes,
    )


async def open_in_doubt(session: Session, files: ExitStack) -> list[InDoubtKind]:
    """Open every kind that can be in doubt; `files` closes what is opened."""
    return [
        await open_in_doubt_kind(session, kind, files)
        for kind in Kind
        if not CONTRACTS[kind].repeatable and session.journal.read.figures(kind) is not None
    ]


def _exit_code(kinds: dict[str, KindSummary], *, in_doubt: bool, closes: bool) -> ExitCode:
    """Return the code for what is left. Pending records do not count: they are not the business of this command."""
    if not closes:
        return ExitCode.BUG
    if in_doubt:
        return ExitCode.IN_DOUBT
    return ExitCode.DEAD_LETTERS if any(figures.dead for figures in kinds.values()) else ExitCode.COMPLETE


class Chosen(Struct, frozen=True, kw_only=True):
    """Decisions about batches that were found to be in doubt."""

    accept: tuple[Doubt, ...]
    discard: tuple[Doubt, ...]
    resend: tuple[Doubt, ...]
    reason: str


class ResolveWork:
    """The decisions of one command, carried out until they are done or stopped."""

    def __init__(self, session: Session, kinds: Iterable[InDoubtKind]) -> None:
        """Decide about batches of these kinds."""
        self._session, self._kinds = session, {each.kind: each for each in kinds}
        self._settings = session.settings
        self.stop = StopControl(session.clock, drain_time=session.settings.upload.drain_time)
        self._backoff = make_backoff(session.settings, session.runtime.chance)
        self.arrived: list[str] = []
        self.left: list[InDoubtBatch] = []

    def choose(self, decisions: Decisions) -> Chosen:
        """Find the batches that decisions are about.

        Raises:
            ConfigurationError: a name fits no batch in doubt, or several; or a batch is named for two decisions.
        """
        chosen = Chosen(
            accept=tuple(self._find(decisions.accept)),
            discard=tuple(self._find(decisions.discard)),
            resend=tuple(self._find(decisions.resend)),
            reason=decisions.reason,
        )
        named = [doubt.batch for doubt in (*chosen.accept, *chosen.discard, *chosen.resend)]
        if len(named) > len(set(named)):
            raise ConfigurationError(
                "a batch is named for two decisions", operation=_OPERATION, hint="name each batch for one decision only"
            )
        return chosen

    def _find(self, names: Iterable[str]) -> Iterable[Doubt]:
        doubts = [doubt for in_doubt_kind in self._kinds.values() for doubt in in_doubt_kind.doubts()]
        chosen: dict[str, Doubt] = {}
        for name in names:
            found = [doubt for doubt in doubts if name == ALL or _names(name, doubt.batch)]
            if not found or (len(found) > 1 and name != ALL):
                raise ConfigurationError(
                    f"{'no batch' if not found else 'more than one batch'} in doubt is named {name}",
                    operation=_OPERATION,
                    place=name,
                    hint="masivo-stream resolve without a decision lists the batches in doubt",
                )
            chosen.update((doubt.batch, doubt) for doubt in found)
        return chosen.values()

    async def go(self, chosen: Chosen) -> None:
        """Check that everything may be done, carry out the decisions, then find evidence of what is left."""
        await self._check_all(chosen)
        decision = Note(NoteKind.RESEND, chosen.reason or "no reason given", name_person())
        for doubt in chosen.accept:
            in_doubt_kind = self._kinds[doubt.kind]
            entries = await in_doubt_kind.batches.read_if_possible(doubt.batch)
            accept = msgspec.structs.replace(decision, kind=NoteKind.ACCEPT, batch=doubt.batch)
            await in_doubt_kind.recorder.decide(entries, accept, arrived=True)
        for doubt in chosen.discard:
            in_doubt_kind = self._kinds[doubt.kind]
            entries = await in_doubt_kind.batches.read(doubt.batch)
            discard = msgspec.structs.replace(decision, kind=NoteKind.DISCARD, batch=doubt.batch)
            await in_doubt_kind.recorder.decide(entries, discard, arrived=False)
        for doubt in chosen.resend:
            await self._resend(doubt, msgspec.structs.replace(decision, batch=doubt.batch))
        doubts = [doubt for in_doubt_kind in self._kinds.values() for doubt in in_doubt_kind.doubts()]
        session = self._session
        meter = WorkMeter(
            "reading back what is in doubt", len(doubts), "parts", observer=session.observer, clock=session.clock
        )
        for doubt in doubts:
            meter.add(0)
            self.left.append(await self._find_evidence(doubt))
            meter.add(1)

    async def _check_all(self, chosen: Chosen) -> None:
        """Check every batch before the first one is decided: a refusal leaves all of them as they were.

        Raises:
            ConfigurationError: a batch that is to be sent again is in the account.
            InputError: the bytes of a batch cannot be read again.
        """
        for doubt in chosen.discard:
            await self._kinds[doubt.kind].batches.read(doubt.batch)
        for doubt in chosen.resend:
            await self._kinds[doubt.kind].again(
                doubt.batch
            )  # not kept, but composed again when it is sent: there may be many
            await self._check_not_there(doubt)

    async def _check_not_there(self, doubt: Doubt) -> None:
        """Check that no record of a batch is seen in the account.

        Raises:
            ConfigurationError: some are.
        """
        evidence = (await self._find_evidence(doubt)).evidence
        if evidence.verdict in {Verdict.PRESENT, Verdict.PARTLY}:
            raise ConfigurationError(
                f"{evidence.found} of {evidence.looked_at} records read back are in the account: sending the batch"
                " again would double them",
                operation="send a batch again",
                place=f"batch {doubt.batch} of {doubt.kind}",
                hint="--accept it if all of its records are there; otherwise --discard it, change `raw` of the records"
                " that are not there (adding a space is enough), then start masivo-stream retry",
            )

    async def _resend(self, doubt: Doubt, note: Note) -> None:
        """Send a batch again that was not seen in the account.

        Raises:
            InputError: its bytes cannot be read again.
            MasivoStreamError: the API refuses, or does not answer: nothing else is sent.
        """
        in_doubt_kind = self._kinds[doubt.kind]
        batch = await in_doubt_kind.again(doubt.batch)
        await in_doubt_kind.take_note(note)
        delivery = Delivery(
            self._session.client,
            self._session.limiters.kinds[doubt.kind],
            Resend(in_doubt_kind.recorder, batch.entries, note),
            backoff=self._backoff,
            stop=self.stop,
            observer=self._session.observer,
            in_flight=1,
        )
        decision = await delivery.deliver(batch)
        if isinstance(decision, Settle) and isinstance(decision.outcome, Accepted):
            self.arrived.append(doubt.batch)
        if isinstance(decision, Halt):
            raise halt_error(decision, f"batch {doubt.batch} of {doubt.kind}")

    async def _find_evidence(self, doubt: Doubt) -> InDoubtBatch:
        entries = await self._kinds[doubt.kind].batches.read_if_possible(doubt.batch)
        evidence = await find_evidence(
            doubt.kind,
            entries,
            sent_at=datetime.fromisoformat(doubt.sent_at),
            reader=self._session.reader,
            clock=self._session.clock,
            settings=self._settings.visible,
        )
        return InDoubtBatch(**msgspec.structs.asdict(doubt), evidence=evidence, places=_places(entries))


def _names(name: str, batch: str) -> bool:
    return name == batch or (len(name) >= SHORTEST_ID and batch.startswith(name))


def _places(entries: Iterable[Entry]) -> tuple[tuple[str, int, int], ...]:
    found: dict[str, list[int]] = {}
    for entry in entries:
        file, line = entry.record
        found.setdefault(file, []).append(line)
    return tuple((file, min(lines), max(lines)) for file, lines in found.items())
