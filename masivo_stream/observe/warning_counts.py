"""Count warnings while they repeat: one line for each cause, from the first time to the last.

Moments are seconds of any clock; lines need Unix seconds. The machine has no clock: each notice comes with its moment.
"""

from msgspec import Struct
from msgspec.structs import replace

from masivo_stream.model.moments import rough_duration
from masivo_stream.model.notices import BatchSent, Notice, RunEnded, Stopping
from masivo_stream.model.snapshot import RunWarning
from masivo_stream.observe.end_lines import local
from masivo_stream.observe.warning_sentences import API, Warned, warning_of

QUIET = 30.0
"""Seconds after which a cause that does not repeat is over, from the moment at which it would be tried again."""

_ANSWERED = ("accepted", "refused", "too large")


class _Lasting(Struct, frozen=True):
    warned: Warned
    warning: RunWarning


class WarningCounts:
    """Feed it notices; ask what lasts, and take what is over."""

    def __init__(self) -> None:
        """Begin without a warning."""
        self._open: dict[tuple[str, ...], _Lasting] = {}
        self._over: list[RunWarning] = []

    @property
    def lasting(self) -> tuple[RunWarning, ...]:
        """What lasts, the latest one last."""
        return tuple(each.warning for each in self._open.values())

    def take(self) -> list[RunWarning]:
        """Return what is over since the last call."""
        over, self._over = self._over, []
        return over

    def feed(self, notice: Notice, at: float) -> None:
        """Take in a notice."""
        self._close(notice, at)
        warned = warning_of(notice)
        if warned is None:
            return
        before = self._open.pop(warned.cause, None)
        again_at = None if warned.again is None else at + warned.again
        warning = RunWarning(first_at=at, at=at, event=warned.cause[0], text=warned.text, again_at=again_at)
        if before is not None:
            warning = _repeated(before.warning, warning)
        if warned.lasts:
            self._open[warned.cause] = _Lasting(warned, warning)
        else:
            self._over.append(warning)

    def _close(self, notice: Notice, at: float) -> None:
        """Close what is over by a notice, or by its moment."""
        ends = isinstance(notice, RunEnded | Stopping)
        answers = isinstance(notice, BatchSent) and notice.outcome.startswith(_ANSWERED)
        of = f"{API} {notice.kind}" if answers and isinstance(notice, BatchSent) else None
        for cause, each in list(self._open.items()):
            late = at > (each.warning.again_at or each.warning.at) + QUIET
            if ends or late or (of is not None and each.warned.of == of):
                del self._open[cause]
                self._over.append(replace(each.warning, again_at=None))


def _repeated(before: RunWarning, latest: RunWarning) -> RunWarning:
    """Return a warning that came again. Several uploaders that meet the same at once meet it one time."""
    if before.again_at is not None and latest.again_at is not None and latest.at < before.again_at:
        return replace(before, again_at=min(before.again_at, latest.again_at))
    return replace(latest, first_at=before.first_at, times=before.times + 1)


def counted(warning: RunWarning) -> str:
    """Return the sentence of a warning, with how many times it came if that is more than once."""
    return f"{warning.text}, {warning.times:,} times" if warning.times > 1 else warning.text


def warning_line(warning: RunWarning, now: float) -> str:
    """Return a warning that lasts, as a line in local time: when it is tried again, and how many times it came."""
    again = "" if warning.again_at is None else f", again in {rough_duration(max(0.0, warning.again_at - now))}"
    times = f", {ordinal(warning.times)} time" if warning.times > 1 else ""
    return f"{_clock(warning.at)} {warning.text}{again}{times}"


def closing_line(warning: RunWarning) -> str:
    """Return a warning that is over as a line in local time: from when until when, and how many times it came."""
    until = f" until {local(warning.at):%H:%M:%S}" if warning.times > 1 else ""
    return f"{_clock(warning.first_at)} {counted(warning)}{until}"


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th` …, `11th`."""
    teens = number // 10 % 10 == 1
    return f"{number:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _clock(moment: float) -> str:
    return f"{local(moment):%H:%M:%S %Z}"
