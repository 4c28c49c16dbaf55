"""Retry: send the dead letters of a run again. The same run as a migration's, with dead letters as an input."""

from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.flow.identity.account_binding import Confirmations
from masivo_stream.flow.migration import find_known, send_pending
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.find_sources import check_rereadable
from masivo_stream.flow.reporting.publish import check_publishing
from masivo_stream.flow.retry_copies import take_dead_letters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import open_session
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary


async def retry(
    settings: Settings,
    credentials: Credentials,
    *,
    confirmations: Confirmations | None = None,
    observer: Observer | None = None,
    handle_signals: bool = False,
    runtime: Runtime | None = None,
) -> Summary:
    """Send the dead letters of a run again, as they are in their files now, and go on with what else is pending.

    A dead letter leaves its file when it is tried. A record that is rejected again is written there again, with its
    history. An unchanged record that we rejected ourselves is validated again without a request. The
    exports are found at the paths that the run knows, or beside the state directory if that was moved with them. The
    arguments and the result are those of `migrate`.

    Raises:
        ConfigurationError: there is no run, or its state directory cannot be used.
        InputError: an export of the run is missing or has changed; or a line of a dead-letter file is not one.
        StorageError: the state directory cannot be written at the start.
    """
    read_policy(settings.validation)
    check_publishing(settings)
    async with open_session(
        settings,
        credentials,
        needed_by="retry dead letters",
        confirmations=confirmations,
        observer=observer,
        runtime=runtime,
    ) as session:
        for kind in Kind:
            check_rereadable(session.journal, kind)
        exports = await find_known(session)
        if not session.binding.confirmations.again:  # else the run checks it below, and notes the confirmation once
            await session.guard_sends().check_place(by_hand=False)
        await take_dead_letters(session.state, session.journal, session.observer)
        return await send_pending(session, exports, handle_signals=handle_signals, reporting=session.runtime.reporting)
