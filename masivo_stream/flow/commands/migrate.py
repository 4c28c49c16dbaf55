"""Migrate: exports in, a summary that accounts for every record out."""

import msgspec

from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.edges.files.catalogue_file import read_catalogue, remember_names
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.flow.exports import Exports, OnlyMissing, check_inputs
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.flow.levers import wait_while_paused
from masivo_stream.flow.look_up import read_small
from masivo_stream.flow.migration import find_known, match_inputs, note_places, send_pending
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.only_missing import ONLY_MISSING, OTHERS_STAYED, TakenBackFinder, check_run_exists
from masivo_stream.flow.parts.spread_parts import answers_opener
from masivo_stream.flow.reporting.publish import check_publishing
from masivo_stream.flow.revert_state import check_taken_back
from masivo_stream.flow.runtime import Reporting, Runtime
from masivo_stream.flow.session import Session, open_session
from masivo_stream.flow.stop import SharedSignals, work_under
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary


async def migrate(
    settings: Settings,
    credentials: Credentials,
    exports: Exports | OnlyMissing,
    *,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool | SharedSignals = False,
    runtime: Runtime | None = None,
) -> Summary:
    """Migrate exports, and report the outcome of every record.

    Args:
        settings: see `load_settings`.
        credentials: see `load_credentials`.
        exports: what to read; `OnlyMissing` sends again exactly what a revert took back of the run.
        confirmations: what a person confirms: that two accounts are one, that an export is to be sent again, or where
            an export is now.
        observer: receives a notice of everything that happens.
        handle_signals: stop in an orderly way on SIGINT and SIGTERM, only in the main thread; or what several runs
            of this process share for that.
        runtime: the clock, chance and reporting; the defaults are right for a program.

    Returns:
        The summary. A run that stopped early returns it, too: its outcome, message and exit code say why.

    Raises:
        ConfigurationError: answers of parts are missing, the state directory cannot be used or belongs to another
            account, its run reads exports that are not named, an export is named twice, the account already has one of
            them from elsewhere, or a file is no catalogue; with `OnlyMissing`, nothing was taken back, or it cannot be
            known what was.
        InputError: an export does not exist, is no export, or is not what was read of it. One that turns out to be
            unreadable on the way is reported in the summary.
        StorageError: the state directory cannot be written at the start.
        OutageError: customers cannot be read back (only with `OnlyMissing`; likewise `DeniedError`, `Interrupted`).
    """
    read_policy(settings)
    catalogue = (runtime or Runtime()).reporting.catalogue
    has = read_catalogue(shown_url(catalogue), read_small(catalogue)) if catalogue else None
    missing = exports if isinstance(exports, OnlyMissing) else None
    named = exports.exports if isinstance(exports, OnlyMissing) else exports
    check_publishing(settings, (*named.customers, *named.events, *named.transactions))
    inputs = named.find(settings.retry)
    if inputs or missing is None:
        check_inputs(inputs)
        await inspect_exports(inputs)
    if missing is not None:
        check_run_exists(settings)
    async with open_session(
        settings,
        credentials,
        keep_reverted=missing is not None,
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        await wait_while_paused(session, handle_signals if isinstance(handle_signals, SharedSignals) else None)
        matched = await match_inputs(session, inputs) if inputs else await find_known(session)
        reporting, failure = session.runtime.reporting, None
        if missing is not None:
            await note_places(session, matched)
            await session.connect(path for found in matched.values() for path in found.paths)
            failure = await _find_taken_back(session, missing, handle_signals=handle_signals)
        if has is not None:
            remember_names(session.state, has)
        if missing is not None and failure is not None:
            reporting = _with_flags_of(missing, reporting)
        return await send_pending(
            session,
            matched,
            handle_signals=handle_signals,
            reporting=reporting,
            failure=failure,
            canary=settings.verify.canary and missing is None,
            answers=answers_opener(named, settings, session.observer, session.clock),
        )


async def _find_taken_back(
    session: Session, missing: OnlyMissing, *, handle_signals: bool | SharedSignals
) -> MasivoStreamError | None:
    """Make an input of what reverts took back; return what to report of customers that could not be read back."""
    reverts = check_taken_back(session.journal, session.settings.state.state_dir)
    if not reverts.done:
        return None  # an earlier process has made it one
    finder = TakenBackFinder(session, reverts, others_stayed=missing.others_stayed)
    await work_under(finder.stop, finder.go, observer=session.observer, handle_signals=handle_signals)
    if finder.stop.cause is not None:
        session.proxies.explain(finder.stop.cause)
        raise finder.stop.cause
    return finder.left


def _with_flags_of(missing: OnlyMissing, reporting: Reporting) -> Reporting:
    """Let the report name this command with its flags: some customers have to be read back once more."""
    invocation = reporting.invocation
    if invocation.again:
        flags = (ONLY_MISSING, OTHERS_STAYED) if missing.others_stayed else (ONLY_MISSING,)
        invocation = msgspec.structs.replace(invocation, again=(*invocation.again, *flags))
    return msgspec.structs.replace(reporting, invocation=invocation)
