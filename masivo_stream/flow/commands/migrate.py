"""The migration: exports in, a summary that closes out. `retry` is the same run, with dead letters as an input."""

import random
from collections.abc import Callable, Iterable

import msgspec

from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.client import open_client
from masivo_stream.flow.dead_letters import take_dead_letters
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations
from masivo_stream.flow.identity.inspect_exports import look_at_exports
from masivo_stream.flow.identity.known_exports import Moved, RecognisedExports, read_moved
from masivo_stream.flow.identity.send_once import open_send_once
from masivo_stream.flow.limiters import open_limiters
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.only_missing import ONLY_MISSING, OTHERS_STAYED, TakenBackFinder, check_there
from masivo_stream.flow.pipeline.read import Source
from masivo_stream.flow.pipeline.resume import check_rereadable, find_exports, lay_out, note_sources, recognise_exports
from masivo_stream.flow.pipeline.run import Run
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.readback.paced_reader import PacedReader
from masivo_stream.flow.readback.sample import read_back_samples
from masivo_stream.flow.reporting.facts import gather
from masivo_stream.flow.reporting.run_report import Reporting, leave_report
from masivo_stream.flow.revert_state import check_taken_back
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Connection, Session, check_inputs, check_key, open_known_run, open_run
from masivo_stream.flow.signals import work_under
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.notices import RunEnded
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary


async def migrate(
    settings: Settings,
    *,
    credentials: Credentials,
    customers: Iterable[str] = (),
    events: Iterable[str] = (),
    transactions: Iterable[str] = (),
    moved: Iterable[str] = (),
    only_missing: bool = False,
    others_stayed: bool = False,
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    reporting: Reporting | None = None,
    said: Confirmations | None = None,
) -> Summary:
    """Migrate exports, and tell what became of every record.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        customers: files, globs, or `-` for standard input; likewise `events` and `transactions`.
        events: as `customers`.
        transactions: as `customers`.
        moved: exports that are called otherwise now, each as `OLD=NEW`; only where their content does not tell.
        only_missing: after a revert of a part of the run, find out what it took back, and send exactly that once more,
            with whatever else is pending. Exports the run knows need no name then.
        others_stayed: with it, a person's word that of the customers whom another run migrated those who are there
            were not taken back.
        observer: is told what happens.
        handle_signals: stop in order on SIGINT and SIGTERM. Only in the main thread.
        clock: where time comes from.
        chance: numbers in [0, 1) for the jitter of retries.
        reporting: who makes the report's page, and which commands it names.
        said: what a person says explicitly: that two accounts are one, that an export is to be sent again.

    Returns:
        The summary; a run that stopped early is told there, too, not raised.

    Raises:
        ConfigurationError: the state directory cannot be used or belongs to another account, its run reads exports that
            are not named, an export is named twice, or the account has got one of them from elsewhere; with
            `only_missing`, nothing of it was taken back, or nobody can tell what was.
        InputError: an export does not exist, is no export, or is not what was read of it. One that turns out unreadable
            on the way is told in the summary.
        StorageError: the state directory cannot be written at the start.
        OutageError: customers cannot be read back (only with `only_missing`, likewise `DeniedError`, `Interrupted`).
    """
    patterns = {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    if inputs or not only_missing:
        check_inputs(inputs)
        await look_at_exports(inputs)
    check_key(settings, credentials)
    clock, reporting, left = clock or SystemClock(), reporting or Reporting(), None
    belonging = AccountBinding(settings, credentials, clock, said)
    if only_missing:
        check_there(settings)
    with open_run(settings, clock, belonging, reverted=only_missing) as (state, journal):
        full, words = settings.source.check_export == "full", read_moved(moved)
        if inputs:
            matched = {
                kind: await recognise_exports(journal.read, kind, inputs.get(kind, []), moved=words, full=full)
                for kind in Kind
            }
        else:
            matched = {kind: (found, []) for kind, found in (await _find(settings, state, journal, words)).items()}
        exports = {kind: known for kind, (known, _) in matched.items()}
        if only_missing:
            await _note_places(journal, state, exports)
            told = Observers([observer] if observer else [])
            left = await _make_up(
                settings,
                credentials,
                state,
                journal,
                told,
                clock,
                belonging,
                others_stayed=others_stayed,
                handle_signals=handle_signals,
            )
        if left is not None:
            flags = (ONLY_MISSING, OTHERS_STAYED) if others_stayed else (ONLY_MISSING,)
            again = (*reporting.invocation.again, *flags) if reporting.invocation.again else ()
            invocation = msgspec.structs.replace(reporting.invocation, again=again)
            reporting = msgspec.structs.replace(reporting, invocation=invocation)
        sources = {
            kind: await lay_out(journal.read, kind, known, new, state_dir=state.path, full=full)
            for kind, (known, new) in matched.items()
        }
        return await _go(
            settings,
            credentials,
            sources,
            exports,
            belonging=belonging,
            state=state,
            journal=journal,
            observer=observer,
            handle_signals=handle_signals,
            clock=clock,
            chance=chance,
            reporting=reporting,
            left=left,
        )


async def _make_up(
    settings: Settings,
    credentials: Credentials,
    state: StateDir,
    journal: Journal,
    told: Observers,
    clock: Clock,
    belonging: AccountBinding,
    *,
    others_stayed: bool,
    handle_signals: bool,
) -> MasivoStreamError | None:
    """Make an input of what reverts took back; return what is to be said of customers who could not be read back."""
    standing = check_taken_back(journal, settings.state.state_dir)
    if not standing.done:
        return None  # it is one already
    with open_limiters(settings, credentials, [], told, clock) as limiters:
        async with open_client(settings.api, credentials, clock, limiters, admit=belonging.admit) as sender:
            await belonging.prove(sender)
            reader = PacedReader(sender, limiters.general)
            work = TakenBackFinder(settings, state, journal, standing, reader, clock, told, others_stayed=others_stayed)
            await work_under(work.stop, work.go, observer=told, handle_signals=handle_signals)
    if work.stop.cause is not None:
        raise work.stop.cause
    return work.left


async def retry(
    settings: Settings,
    *,
    credentials: Credentials,
    moved: Iterable[str] = (),
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    reporting: Reporting | None = None,
    said: Confirmations | None = None,
) -> Summary:
    """Send the dead letters of a run again, as they stand in their files now, and go on with what else is pending.

    A letter leaves its file when it is tried; what dies again is written there anew, with its history. Records that are
    as they were are judged again without a request, where it is us who rejected them. The exports are found where
    the run knows them, or beside the state directory where that was moved with them. The other arguments, and what it
    returns, are those of `migrate`.

    Raises:
        ConfigurationError: there is no run, or its state directory cannot be used.
        InputError: an export of the run is not there, or not what it was; or a line of a dead-letter file is none.
        StorageError: the state directory cannot be written at the start.
    """
    check_key(settings, credentials)
    clock = clock or SystemClock()
    belonging = AccountBinding(settings, credentials, clock, said)
    with open_known_run(settings, clock, "retry dead letters", belonging) as (state, journal):
        for kind in Kind:
            check_rereadable(journal, kind)
        exports = await _find(settings, state, journal, read_moved(moved))
        told = Observers([observer] if observer else [])
        if not belonging.said.again:  # else the run asks below, and notes the person's word once
            with open_send_once(settings, journal, belonging, state.path, told, clock) as once:
                await once.check_place(by_hand=False)
        await take_dead_letters(state, journal, told)
        full = settings.source.check_export == "full"
        sources = {
            kind: await lay_out(journal.read, kind, known, state_dir=state.path, full=full)
            for kind, known in exports.items()
        }
        return await _go(
            settings,
            credentials,
            sources,
            exports,
            belonging=belonging,
            state=state,
            journal=journal,
            observer=observer,
            handle_signals=handle_signals,
            clock=clock,
            chance=chance,
            reporting=reporting or Reporting(),
        )


async def _find(settings: Settings, state: StateDir, journal: Journal, moved: Moved) -> dict[Kind, RecognisedExports]:
    """Find the exports that a run knows, without them being named."""
    full = settings.source.check_export == "full"
    return {kind: await find_exports(journal.read, kind, state_dir=state.path, moved=moved, full=full) for kind in Kind}


async def _note_places(journal: Journal, state: StateDir, exports: dict[Kind, RecognisedExports]) -> None:
    """Note where the exports lie that the run knows: what is done next finds them by that."""
    known = {
        kind: (await lay_out(journal.read, kind, found, state_dir=state.path, grown=False), found)
        for kind, found in exports.items()
    }
    await note_sources(journal, known, state.path)


async def _go(
    settings: Settings,
    credentials: Credentials,
    matched: dict[Kind, list[Source]],
    exports: dict[Kind, RecognisedExports],
    *,
    belonging: AccountBinding,
    state: StateDir,
    journal: Journal,
    observer: Observer | None,
    handle_signals: bool,
    clock: Clock,
    chance: Callable[[], float],
    reporting: Reporting,
    left: MasivoStreamError | None = None,
) -> Summary:
    """Go through all sources; `left` is told at the end, where nothing worse comes."""
    sources = {kind: found for kind, found in matched.items() if found}
    journal.describe(gather(settings, reporting.invocation, clock.wall()))
    told = Observers([observer] if observer else [])
    files = [source.input.path for found in sources.values() for source in found if not source.letters]
    proxies = Proxies(settings.api, told)
    with (
        open_limiters(settings, credentials, files, told, clock) as limiters,
        open_send_once(settings, journal, belonging, state.path, told, clock) as once,
    ):
        async with open_client(
            settings.api, credentials, clock, limiters, admit=belonging.admit, note=proxies.note
        ) as sender:
            await belonging.prove(sender)
            sources = await once.check(sources, sender)
            # Only now: a start that is refused leaves a directory that nothing has to be named for again.
            await note_sources(journal, {kind: (found, exports[kind]) for kind, found in matched.items()}, state.path)
            runtime = Runtime(clock=clock, chance=chance)
            session = Session(settings, state, journal, binding=belonging, observer=told, runtime=runtime)
            session.connection, session.send_once = Connection(sender, limiters), once
            run = Run(session, sources)
            await run.go(handle_signals=handle_signals)
            proxies.explain(run.cause)
            summary = run.summary(left)
            if samples := run.samples():
                seen = await read_back_samples(
                    samples,
                    settings=settings,
                    journal=journal.read,
                    reader=PacedReader(sender, limiters.general),
                    clock=clock,
                    observer=told,
                    handle_signals=handle_signals,
                )
                summary = msgspec.structs.replace(summary, verified=seen)
        summary = msgspec.structs.replace(summary, warnings=tuple(once.warnings))
        summary = leave_report(journal, state, summary, reporting, clock)
        told.notify(RunEnded(summary=summary))
    return summary
