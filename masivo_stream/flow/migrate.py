"""The migration: exports in, a summary that closes out. `retry` is the same run, with dead letters as an input."""

import random
from collections.abc import Callable, Iterable, Mapping

import msgspec

from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.source import Input, find_inputs
from masivo_stream.edges.statedir import StateDir
from masivo_stream.flow.belonging import Belonging, Said
from masivo_stream.flow.facts import gather
from masivo_stream.flow.judge import Source
from masivo_stream.flow.letters import take_letters
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.once import open_once
from masivo_stream.flow.only_missing import OnlyMissing, check_there
from masivo_stream.flow.opening import check_inputs, check_key, open_account, open_known_run, open_run
from masivo_stream.flow.proxies import Proxies
from masivo_stream.flow.reader import PacedReader
from masivo_stream.flow.report import Reporting, leave_report
from masivo_stream.flow.resume import check_rereadable, known_inputs, match_sources
from masivo_stream.flow.reverted import check_taken_back
from masivo_stream.flow.run import Run
from masivo_stream.flow.sample import look_at_samples
from masivo_stream.flow.sender import open_sender
from masivo_stream.flow.signals import work_under
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, MasivoStreamError
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
    only_missing: bool = False,
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    reporting: Reporting | None = None,
    said: Said | None = None,
) -> Summary:
    """Migrate exports, and tell what became of every record.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        customers: files, globs, or `-` for standard input; likewise `events` and `transactions`.
        events: as `customers`.
        transactions: as `customers`.
        only_missing: after a revert of a part of the run, find out what it took back, and send exactly that once more,
            with whatever else is pending. Exports the run knows need no name then.
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
            are not named, or the account has got one of them from elsewhere; with `only_missing`, nothing of it was
            taken back.
        InputError: an export does not exist. One that turns out unreadable on the way is told in the summary.
        StorageError: the state directory cannot be written at the start.
        OutageError: customers cannot be read back (only with `only_missing`, likewise `DeniedError`, `Interrupted`).
    """
    patterns = {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    if inputs or not only_missing:
        check_inputs(inputs)
    check_key(settings, credentials)
    clock, reporting, left = clock or SystemClock(), reporting or Reporting(), None
    belonging = Belonging(settings, credentials, clock, said)
    if only_missing:
        check_there(settings)
    with open_run(settings, clock, belonging, reverted=only_missing) as (state, journal):
        inputs = _with_known(journal, inputs) if inputs else {kind: known_inputs(journal, kind) for kind in Kind}
        if only_missing:
            told = Observers([observer] if observer else [])
            left = await _make_up(
                settings, credentials, state, journal, told, clock, belonging, handle_signals=handle_signals
            )
        if left is not None:
            again = (*reporting.invocation.again, "--only-missing") if reporting.invocation.again else ()
            invocation = msgspec.structs.replace(reporting.invocation, again=again)
            reporting = msgspec.structs.replace(reporting, invocation=invocation)
        sources = await _match(settings, state, journal, inputs)
        return await _go(
            settings,
            credentials,
            sources,
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
    belonging: Belonging,
    *,
    handle_signals: bool,
) -> MasivoStreamError | None:
    """Make an input of what reverts took back; return what is to be said of customers who could not be read back."""
    standing = check_taken_back(journal, settings.state.state_dir)
    if not standing.done:
        return None  # it is one already
    with open_account(settings, credentials, [], told, clock) as gates:
        async with open_sender(settings.api, credentials, clock, gates, admit=belonging.admit) as sender:
            await belonging.prove(sender)
            reader = PacedReader(sender, gates.general)
            work = OnlyMissing(settings, state, journal, standing, reader, clock, told)
            await work_under(work.brake, work.go, observer=told, handle_signals=handle_signals)
    if work.brake.cause is not None:
        raise work.brake.cause
    return work.left


async def retry(
    settings: Settings,
    *,
    credentials: Credentials,
    observer: Observer | None = None,
    handle_signals: bool = False,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    reporting: Reporting | None = None,
    said: Said | None = None,
) -> Summary:
    """Send the dead letters of a run again, as they stand in their files now, and go on with what else is pending.

    A letter leaves its file when it is tried; what dies again is written there anew, with its history. Records that are
    as they were are judged again without a request, where it is us who rejected them. The exports are found by the
    names under which the run knows them. The other arguments, and what it returns, are those of `migrate`.

    Raises:
        ConfigurationError: there is no run, or its state directory cannot be used.
        InputError: an export of the run is not there, or not what it was; or a line of a dead-letter file is none.
        StorageError: the state directory cannot be written at the start.
    """
    check_key(settings, credentials)
    clock = clock or SystemClock()
    belonging = Belonging(settings, credentials, clock, said)
    with open_known_run(settings, clock, "retry dead letters", belonging) as (state, journal):
        for kind in Kind:
            check_rereadable(journal, kind)
        inputs = {kind: known_inputs(journal, kind) for kind in Kind}
        await take_letters(state, journal, Observers([observer] if observer else []))
        sources = await _match(settings, state, journal, inputs)
        return await _go(
            settings,
            credentials,
            sources,
            belonging=belonging,
            state=state,
            journal=journal,
            observer=observer,
            handle_signals=handle_signals,
            clock=clock,
            chance=chance,
            reporting=reporting or Reporting(),
        )


async def _match(
    settings: Settings, state: StateDir, journal: Journal, inputs: Mapping[Kind, list[Input]]
) -> dict[Kind, list[Source]]:
    full = settings.source.check_export == "full"
    matched = {
        kind: await match_sources(journal, kind, found, state_dir=state.path, full=full)
        for kind, found in inputs.items()
    }
    return {kind: sources for kind, sources in matched.items() if sources}


async def _go(
    settings: Settings,
    credentials: Credentials,
    sources: dict[Kind, list[Source]],
    *,
    belonging: Belonging,
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
    journal.describe(gather(settings, reporting.invocation, clock.wall()))
    told = Observers([observer] if observer else [])
    exports = [source.input.path for found in sources.values() for source in found if not source.letters]
    proxies = Proxies(settings.api, told)
    with (
        open_account(settings, credentials, exports, told, clock) as gates,
        open_once(settings, journal, belonging, state.path, told, clock) as once,
    ):
        async with open_sender(
            settings.api, credentials, clock, gates, admit=belonging.admit, note=proxies.note
        ) as sender:
            await belonging.prove(sender)
            sources = await once.check(sources, sender)
            run = Run(settings, sources, state, journal, sender, gates, told, clock, chance, noting=once.noting)
            await run.go(handle_signals=handle_signals)
            proxies.explain(run.cause)
            summary = run.summary(left)
            if samples := run.samples():
                seen = await look_at_samples(
                    samples,
                    settings=settings,
                    journal=journal,
                    reader=PacedReader(sender, gates.general),
                    clock=clock,
                    observer=told,
                    handle_signals=handle_signals,
                )
                summary = msgspec.structs.replace(summary, verified=seen)
        summary = msgspec.structs.replace(summary, warnings=tuple(once.warnings))
        summary = leave_report(journal, state, summary, reporting, clock)
        told.notify(RunEnded(summary=summary))
    return summary


def _with_known(journal: Journal, inputs: Mapping[Kind, list[Input]]) -> dict[Kind, list[Input]]:
    """Return the inputs by kind, in the kinds' order.

    Raises:
        ConfigurationError: the journal knows an input that is not named any more.
    """
    for kind in Kind:
        named = {source.name for source in inputs.get(kind, [])}
        for known in journal.sources(kind):
            if known.name not in named and not known.letters:
                raise ConfigurationError(
                    f"the run in this state directory also reads {known.name}",
                    operation="resume",
                    place=f"--{kind}",
                    hint="name the same exports again, or choose another --state-dir for another migration",
                )
    return {kind: inputs.get(kind, []) for kind in Kind}
