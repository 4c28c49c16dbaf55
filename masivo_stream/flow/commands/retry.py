"""Retry: send the dead letters of a run again. The same run as a migration's, with dead letters as an input."""

from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.flow.levers import wait_while_paused
from masivo_stream.flow.mending.letter_file import Watched
from masivo_stream.flow.mending.survey import survey
from masivo_stream.flow.migration import find_known, send_pending
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.find_sources import check_rereadable
from masivo_stream.flow.reporting.publish import check_publishing
from masivo_stream.flow.retry_copies import take_dead_letters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Session, open_session
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import RetryPlanned
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary


async def retry(
    settings: Settings,
    credentials: Credentials,
    *,
    unchanged: bool = False,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool = False,
    runtime: Runtime | None = None,
) -> Summary:
    """Send the dead letters of a run again, as they are in their files now, and go on with what else is pending.

    A dead letter leaves its file when it is tried. A record that is rejected again is written there again, with its
    history. An unchanged record that we rejected ourselves is validated again without a request. What the checks over
    all files found of it remains, unless `unchanged` is true, or its customer was unknown and customers were accepted
    since. The exports are found at the paths that the run knows, or beside the state directory if that was moved with
    them. The arguments and the result are those of `migrate`.

    Raises:
        ConfigurationError: there is no run, it has not begun to read, or its state directory cannot be used.
        InputError: an export of the run is missing or has changed; or a line of a dead-letter file is not one.
        StorageError: the state directory cannot be written at the start.
    """
    read_policy(settings)
    check_publishing(settings)
    async with open_session(
        settings,
        credentials,
        needed_by="retry dead letters",
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        await wait_while_paused(session)
        _check_begun(session)
        for kind in Kind:
            check_rereadable(session.journal, kind)
        exports = await find_known(session)
        if not session.binding.confirmations.again:  # else the run checks it below, and notes the confirmation once
            await session.guard_sends().check_place(by_hand=False)
        watched = Watched(session.observer, session.runtime.clock)
        planned = survey(session.state, session.journal.read, settings.validation, watched, unchanged=unchanged)
        for name, counts in planned.kinds.items():
            session.observer.notify(RetryPlanned(kind=Kind(name), counts=counts))
        await take_dead_letters(session.state, session.journal, session.observer, unchanged=unchanged)
        return await send_pending(session, exports, handle_signals=handle_signals, reporting=session.runtime.reporting)


def _check_begun(session: Session) -> None:
    """Check that the run knows an export. A start that was refused leaves a run that knows none."""
    if not any(session.journal.read.sources(kind) for kind in Kind):
        raise ConfigurationError(
            "the run in this state directory has not begun: there is nothing to retry",
            operation="retry dead letters",
            place=session.settings.state.state_dir,
            hint="name the --state-dir of the migration that has dead letters, or start masivo-stream migrate",
        )
