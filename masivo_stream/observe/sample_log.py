"""What was seen of a few records at the end of a run, as a log event: one line, where anything was looked at."""

from msgspec import UnsetType

from masivo_stream.model.notices import Notice, RunEnded
from masivo_stream.observe.log import LogSink

EVENT = "sample_read_back"
"""The event's name."""


class SampleLog:
    """Write one line when a run has ended."""

    def __init__(self, logger: LogSink) -> None:
        """Write to `logger`."""
        self._log = logger

    def notify(self, notice: Notice) -> None:
        """Write it, as a warning where not all is confirmed."""
        if not isinstance(notice, RunEnded) or isinstance(notice.summary.verified, UnsetType):
            return
        seen = notice.summary.verified
        write = self._log.info if seen.confirmed == seen.looked_at and not seen.message else self._log.warning
        names = ("missing", "different", "not_yet", "unread", "requests")
        counts = {name: sum(getattr(counted, name) for counted in seen.kinds.values()) for name in names}
        more = {"why": seen.message} if seen.message else {}
        write(EVENT, looked_at=seen.looked_at, confirmed=seen.confirmed, **counts, **more)
