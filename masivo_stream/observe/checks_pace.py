"""How long the checks over all files take, by how far they are. Nothing is sent before they end."""

from masivo_stream.model.notices import ChecksEnded, ChecksStarted, Notice, WorkProgressed

_LEAST_SHARE, _LEAST_SECONDS = 0.01, 0.5
"""A step that has come less far says nothing about the time that it needs."""


class ChecksPace:
    """Feed it notices. Moments are of the monotonic clock."""

    def __init__(self) -> None:
        """Begin without checks."""
        self._began: float | None = None
        self._took = 0.0
        self._step = WorkProgressed(step="", done=0, of=0, unit="bytes")
        self._first, self._at = (0.0, 0), 0.0
        """When the present step began, and how far it was then; and when its last notice came."""

    def feed(self, notice: Notice, now: float) -> None:
        """Take in a notice that comes at `now`."""
        match notice:
            case ChecksStarted():
                self._began = now
            case ChecksEnded():
                self._took, self._began = self.seconds(now), None
            case WorkProgressed(step=step, done=done) if self._began is not None:
                if step != self._step.step:
                    self._first = now, done
                self._step, self._at = notice, now
            case _:
                pass

    def left(self, now: float) -> float:
        """Return for how many seconds the present step goes on; 0.0 if that is not known, or nothing is checked."""
        began, first = self._first
        done, seconds = self._step.done - first, self._at - began
        if self._began is None or seconds < _LEAST_SECONDS or done < _LEAST_SHARE * self._step.of:
            return 0.0
        return max(0.0, self._at + seconds * (self._step.of - self._step.done) / done - now)

    def seconds(self, now: float) -> float:
        """Return how long the checks take in all: what they took until now, and what is left of them."""
        return self._took if self._began is None else self._took + now - self._began + self.left(now)
