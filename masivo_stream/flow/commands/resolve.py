"""Resolve: what is known of the batches in doubt, and a person's decision about each.

Accepted: it arrived, by evidence. Discarded: it is given up, its records become dead letters. Sent again: the same
bytes in the same request; refused, or in doubt once more, it stays in doubt. All that is to be sent again is looked at
before anything is decided or sent: where one batch must not be, none is. Every decision is journalled with time, person
and reason. Nothing here is done without being asked for, batch by batch.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime

import msgspec
from msgspec import Struct

from masivo_stream.core.sending.backoff import Halt, Settle
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import open_client
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations, name_person
from masivo_stream.flow.identity.known_exports import NOT_MOVED, Moved, read_moved
from masivo_stream.flow.identity.send_once import open_send_once
from masivo_stream.flow.limiters import open_limiters
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.outcome import agrees, stand
from masivo_stream.flow.pipeline.deliver import Delivery, halt_error, make_backoff
from masivo_stream.flow.pipeline.in_doubt import InDoubtKind, Resend, open_in_doubt_kind
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.readback.evidence import find_evidence
from masivo_stream.flow.reporting.run_report import Reporting, leave_report, read_report, revise
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Connection, Session, check_key, open_known_run
from masivo_stream.flow.signals import work_under
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.outcome import Accepted
from masivo_stream.model.progress import Doubt
from masivo_stream.model.resolution import InDoubtBatch, Resolution, Verdict
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind
from masivo_stream.model.summary import KindSummary

ALL = "all"
SHORTEST_ID = 4
"""A batch may be named by the beginning of its id."""

_OPERATION = "resolve what is in doubt"


class Decisions(Struct, frozen=True, kw_only=True):
    """Batches by what is to become of them: ids, their beginnings, or `all`."""

    accept: tuple[str, ...] = ()
    discard: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()
    reason: str = ""


async def resolve(
    settings: Settings,
    *,
    credentials: Credentials,
    decisions: Decisions | None = None,
    moved: Iterable[str] = (),
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    reporting: Reporting | None = None,
    said: Confirmations | None = None,
) -> Resolution:
    """Carry out decisions, then look at what is in doubt still.

    `moved`: exports that lie elsewhere now, each as `OLD=NEW`.

    Raises:
        ConfigurationError: there is no run, or it is to be decided about in a copy of the state directory, or in one
            that is older than what was sent from it; a batch is not in doubt, or one to be sent again is there already.
        InputError: an export is not there, or not what it was.
        StorageError: the state directory cannot be written.
    """
    check_key(settings, credentials)
    clock, told = clock or SystemClock(), Observers([observer] if observer else [])
    with ExitStack() as files:
        belonging = AccountBinding(settings, credentials, clock, said)
        state, journal = files.enter_context(open_known_run(settings, clock, _OPERATION, belonging))
        report = read_report(state, stand(journal.read))
        once = files.enter_context(open_send_once(settings, journal, belonging, state.path, told, clock))
        if decisions is not None and (decisions.accept or decisions.discard or decisions.resend):
            await once.check_place(by_hand=True)
        runtime = Runtime(clock=clock, chance=chance)
        session = Session(settings, state, journal, binding=belonging, observer=told, runtime=runtime)
        session.send_once = once
        kinds = await open_in_doubt(session, files, read_moved(moved))
        exports = [source.input.path for kind in kinds for source in kind.sources if not source.letters]
        proxies = Proxies(settings.api, told)
        limiters = files.enter_context(open_limiters(settings, credentials, exports, told, clock))
        async with open_client(
            settings.api, credentials, clock, limiters, admit=belonging.admit, note=proxies.note
        ) as sender:
            await belonging.prove(sender)
            session.connection = Connection(sender, limiters)
            work = ResolveWork(session, kinds)
            chosen = work.choose(decisions or Decisions())
            await work_under(work.stop, lambda: work.go(chosen), observer=told, handle_signals=handle_signals)
        found = _conclude(journal, work, chosen)
        revised = revise(report, found.kinds, closes=found.closes)
        if revised is not None:
            leave_report(journal, state, revised, reporting or Reporting(), clock)
        if work.stop.cause is not None:
            proxies.explain(work.stop.cause)
            raise work.stop.cause
    return found


def _conclude(journal: Journal, work: "ResolveWork", chosen: "Chosen") -> Resolution:
    kinds = stand(journal.read)
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


async def open_in_doubt(session: Session, files: ExitStack, moved: Moved = NOT_MOVED) -> list[InDoubtKind]:
    """Open every kind that can be in doubt."""
    return [
        await open_in_doubt_kind(session, kind, files, moved=moved)
        for kind in Kind
        if not CONTRACTS[kind].repeatable and session.journal.read.figures(kind) is not None
    ]


def _exit_code(kinds: dict[str, KindSummary], *, in_doubt: bool, closes: bool) -> ExitCode:
    """Name what is left; what is pending is not this command's business."""
    if not closes:
        return ExitCode.BUG
    if in_doubt:
        return ExitCode.IN_DOUBT
    return ExitCode.DEAD_LETTERS if any(figures.dead for figures in kinds.values()) else ExitCode.COMPLETE


class Chosen(Struct, frozen=True, kw_only=True):
    """Decisions about batches that are in doubt indeed."""

    accept: tuple[Doubt, ...]
    discard: tuple[Doubt, ...]
    resend: tuple[Doubt, ...]
    reason: str


class ResolveWork:
    """The decisions carried out, under the brake."""

    def __init__(self, session: Session, kinds: list[InDoubtKind]) -> None:
        """Decide about `kinds`, in a session that is connected."""
        self._session, self._kinds = session, {kind.kind: kind for kind in kinds}
        self.stop = StopControl(session.clock, drain_time=session.settings.upload.drain_time)
        self._backoff = make_backoff(session.settings, session.runtime.chance)
        self.arrived: list[str] = []
        self.left: list[InDoubtBatch] = []

    def choose(self, decisions: Decisions) -> Chosen:
        """Find the batches that decisions are about.

        Raises:
            ConfigurationError: a name stands for no batch in doubt, or for several; or a batch is named twice.
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
                "a batch is named for two decisions", operation=_OPERATION, hint="decide one thing of a batch"
            )
        return chosen

    def _find(self, names: Iterable[str]) -> Iterable[Doubt]:
        doubts = [doubt for kind in self._kinds.values() for doubt in kind.doubts()]
        chosen: dict[str, Doubt] = {}
        for name in names:
            found = [doubt for doubt in doubts if name == ALL or _names(name, doubt.batch)]
            if not found or (len(found) > 1 and name != ALL):
                raise ConfigurationError(
                    f"{'no batch' if not found else 'more than one batch'} in doubt is named {name}",
                    operation=_OPERATION,
                    place=name,
                    hint="masivo-stream resolve without a decision lists them",
                )
            chosen.update((doubt.batch, doubt) for doubt in found)
        return chosen.values()

    async def go(self, chosen: Chosen) -> None:
        """Make sure that all of it may be done, carry out what was chosen, then look at what is left."""
        await self._make_sure(chosen)
        decision = Note(NoteKind.RESEND, chosen.reason or "no reason given", name_person())
        for doubt in chosen.accept:
            kind = self._kinds[doubt.kind]
            entries = await kind.batches.read_as_far_as_known(doubt.batch)
            accept = msgspec.structs.replace(decision, kind=NoteKind.ACCEPT, batch=doubt.batch)
            await kind.recorder.decide(entries, accept, arrived=True)
        for doubt in chosen.discard:
            kind = self._kinds[doubt.kind]
            entries = await kind.batches.read(doubt.batch)
            discard = msgspec.structs.replace(decision, kind=NoteKind.DISCARD, batch=doubt.batch)
            await kind.recorder.decide(entries, discard, arrived=False)
        for doubt in chosen.resend:
            await self._resend(doubt, msgspec.structs.replace(decision, batch=doubt.batch))
        for kind in self._kinds.values():
            self.left.extend([await self._look(doubt) for doubt in kind.doubts()])

    async def _make_sure(self, chosen: Chosen) -> None:
        """Look at every batch before the first one is decided: a refusal leaves all of them as they were.

        Raises:
            ConfigurationError: one that is to be sent again is there.
            InputError: the bytes of one cannot be had again.
        """
        for doubt in chosen.discard:
            await self._kinds[doubt.kind].batches.read(doubt.batch)
        for doubt in chosen.resend:
            await self._kinds[doubt.kind].again(doubt.batch)  # composed anew when it is sent: there may be many
            await self._refuse_what_is_there(doubt)

    async def _refuse_what_is_there(self, doubt: Doubt) -> None:
        """Look at a batch that is to be sent again.

        Raises:
            ConfigurationError: it is seen to be there.
        """
        evidence = (await self._look(doubt)).evidence
        if evidence.verdict in {Verdict.PRESENT, Verdict.PARTLY}:
            raise ConfigurationError(
                f"{evidence.found} of {evidence.looked_at} records looked at are there: it would double them",
                operation="send a batch again",
                place=f"batch {doubt.batch} of {doubt.kind}",
                hint="--accept it, if all of its records are there; else --discard it, mend `raw` of those that are"
                " not there (one space more will do), and masivo-stream retry",
            )

    async def _resend(self, doubt: Doubt, note: Note) -> None:
        """Send a batch again that was not seen to be there.

        Raises:
            InputError: its bytes cannot be had again.
            MasivoStreamError: the API says no, or does not answer: nothing else is sent.
        """
        kind = self._kinds[doubt.kind]
        batch = await kind.again(doubt.batch)
        await kind.take_note(note)
        delivery = Delivery(
            self._session.client,
            self._session.limiters.kinds[doubt.kind],
            Resend(kind.recorder, batch.entries, note),
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

    async def _look(self, doubt: Doubt) -> InDoubtBatch:
        entries = await self._kinds[doubt.kind].batches.read_as_far_as_known(doubt.batch)
        evidence = await find_evidence(
            doubt.kind,
            entries,
            sent_at=datetime.fromisoformat(doubt.sent_at),
            reader=self._session.reader,
            clock=self._session.clock,
            settings=self._session.settings.visible,
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
