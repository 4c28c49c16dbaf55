"""Whether the API answers, by the latest notices: while it does not, no end of the run is promised."""

from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import BatchSent, BatchWaits, KindEnded, Notice, ObjectAwaited, Progressed

_ANSWERS = ("accepted", "refused", "too large", "throttled", "token not taken")
"""How the outcome of a request begins that the API has answered, whatever it said."""

API = "no finishing time while the API does not answer"
STORAGE = "no finishing time while object storage does not answer"


class OutageWatch:
    """Feed it notices. Moments are seconds of the monotonic clock."""

    def __init__(self) -> None:
        """Begin without an outage."""
        self.what = ""
        """That no end is promised, and why; empty while everything answers."""
        self.since = 0.0
        self._ended = 0.0
        self._throttled: set[tuple[Kind, str]] = set()
        """Batches that wait because of a 429."""
        self._read = -1

    def seconds(self, now: float) -> float:
        """Return for how long there was an outage until now, all outages together."""
        return self._ended + (now - self.since if self.what else 0.0)

    def feed(self, notice: Notice, now: float) -> None:
        """Take in a notice that comes at `now`."""
        match notice:
            case BatchSent(kind=kind, batch=batch, outcome=outcome):
                self._throttled.discard((kind, batch))
                if outcome == "throttled":
                    self._throttled.add((kind, batch))
                if outcome.startswith(_ANSWERS):
                    self._end(API, now)
                else:
                    self._begin(API, now)
            case BatchWaits(kind=kind, batch=batch) if (kind, batch) not in self._throttled:
                self._begin(API, now)
            case ObjectAwaited():
                self._begin(STORAGE, now)
            case Progressed(bytes_read=read) | KindEnded(bytes_read=read):
                if read != self._read:
                    self._read = read
                    self._end(STORAGE, now)
            case _:
                pass

    def _begin(self, what: str, now: float) -> None:
        if not self.what:
            self.what, self.since = what, now

    def _end(self, what: str, now: float) -> None:
        if self.what == what:
            self._ended += now - self.since
            self.what = ""
