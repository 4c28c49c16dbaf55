"""What `migrate` and `retry` share: find the inputs of a run, send what is pending, and make the summary."""

from collections.abc import Mapping, Sequence
from contextlib import closing

import msgspec
from msgspec import Struct

from masivo_stream.edges.export.source import Input
from masivo_stream.flow.checks.before_sending import ChecksBeforeSending, OpenAnswers
from masivo_stream.flow.identity.known_exports import RecognisedExports
from masivo_stream.flow.look_up import notify_of_waits, patience_of
from masivo_stream.flow.pipeline.find_sources import find_exports, list_sources, note_sources, recognise_exports
from masivo_stream.flow.pipeline.run import Run
from masivo_stream.flow.readback.sample import read_back_samples
from masivo_stream.flow.reporting.publish import publish_results
from masivo_stream.flow.reporting.run_report import gather_facts, leave_report
from masivo_stream.flow.runtime import Reporting
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Source
from masivo_stream.flow.stop import SharedSignals
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.notices import RunEnded
from masivo_stream.model.summary import Summary


class MatchedExports(Struct, frozen=True):
    """The exports of one kind: those that the run knows, and those that are new to it."""

    known: RecognisedExports
    new: Sequence[Input] = ()

    @property
    def paths(self) -> set[str]:
        """The paths of all of them."""
        return {*(each.input.path for each in self.known.values()), *(each.path for each in self.new)}


Matched = Mapping[Kind, MatchedExports]


async def match_inputs(session: Session, inputs: Mapping[Kind, Sequence[Input]]) -> Matched:
    """Return which of the named inputs the run knows, and which are new. Nothing is noted.

    Raises:
        ConfigurationError: an export that the run knows is not named, or two inputs could be meant.
        InputError: the part of an export that was read has changed.
    """
    return {
        kind: MatchedExports(
            *await recognise_exports(
                session.journal.read, kind, inputs.get(kind, []), moved=session.moved, full=_reads_all(session)
            )
        )
        for kind in Kind
    }


async def find_known(session: Session) -> Matched:
    """Find the exports that the run knows without their being named.

    Raises:
        InputError: an export is not found, or is not what it was.
    """
    return {
        kind: MatchedExports(
            await find_exports(
                session.journal.read,
                kind,
                state_dir=session.state.path,
                patience=patience_of(session.settings.retry),
                moved=session.moved,
                full=_reads_all(session),
            )
        )
        for kind in Kind
    }


async def note_places(session: Session, matched: Matched) -> None:
    """Note the present paths of the exports that the run knows: the next step finds them by these."""
    path = session.state.path
    known = {
        kind: (await list_sources(session.journal.read, kind, found.known, state_dir=path, grown=False), found.known)
        for kind, found in matched.items()
    }
    await note_sources(session.journal, known, path)


async def send_pending(
    session: Session,
    matched: Matched,
    *,
    handle_signals: bool | SharedSignals,
    reporting: Reporting,
    failure: MasivoStreamError | None = None,
    canary: bool = False,
    answers: OpenAnswers | None = None,
) -> Summary:
    """Send what is pending of all exports and retried dead letters; return the summary.

    `failure` happened before; it is reported at the end, unless something worse happens. With a `canary`, a run that
    has not begun sends one record of each kind first. `answers` opens those of parts of the exports.
    """
    journal, path = session.journal, session.state.path
    sources = await _list_all_sources(session, matched)
    notify_of_waits((each.input for found in sources.values() for each in found), session.observer)
    journal.describe(gather_facts(session.settings, reporting.invocation, session.clock.wall()))
    once = session.guard_sends()
    await session.connect(path for each in matched.values() for path in each.paths)
    checked = await once.check({kind: found for kind, found in sources.items() if found}, session.client)
    checks = ChecksBeforeSending(session, checked)  # before the sources are noted: it looks at what was known
    if answers is not None:
        await checks.take_up(answers)
    # Only now: a start that is refused leaves a directory that does not ask for these exports the next time.
    await note_sources(journal, {kind: (found, matched[kind].known) for kind, found in sources.items()}, path)
    run = Run(session, checked, checks, canary=canary)
    with closing(checks):
        await run.go(handle_signals=handle_signals)
    session.proxies.explain(run.cause)
    summary = await _read_samples_back(session, run, run.summary(failure), handle_signals=handle_signals)
    warnings = (*once.warnings, *checks.warnings, *session.guard_purchases().warnings)
    summary = msgspec.structs.replace(summary, warnings=warnings)
    summary = leave_report(journal, session.state, summary, reporting, session.clock)
    summary = await publish_results(session.settings, path, journal.read.facts().invocation, summary)
    session.observer.notify(RunEnded(summary=summary))
    return summary


async def _list_all_sources(session: Session, matched: Matched) -> dict[Kind, list[Source]]:
    """Return the inputs of every kind in reading order."""
    return {
        kind: await list_sources(
            session.journal.read,
            kind,
            found.known,
            found.new,
            state_dir=session.state.path,
            full=_reads_all(session),
        )
        for kind, found in matched.items()
    }


async def _read_samples_back(
    session: Session, run: Run, summary: Summary, *, handle_signals: bool | SharedSignals
) -> Summary:
    """Read some of the accepted records back, and add what is seen to the summary."""
    samples = run.samples()
    if not samples:
        return summary
    seen = await read_back_samples(
        samples,
        settings=session.settings,
        journal=session.journal.read,
        reader=session.reader,
        clock=session.clock,
        observer=session.observer,
        handle_signals=handle_signals,
    )
    return msgspec.structs.replace(summary, verified=seen)


def _reads_all(session: Session) -> bool:
    """Return whether every byte that was read of an export is compared again."""
    return session.settings.source.check_export == "full"
