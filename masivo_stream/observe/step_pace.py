"""How fast a step of work goes, in words and figures. What is done with them is for a line (`work_line`) or a log."""

from collections.abc import Callable
from functools import partial

from masivo_stream.core.redact import printable
from masivo_stream.model.moments import rough_duration
from masivo_stream.model.notices import WorkProgressed

_LEAST_SHARE, _LEAST_SECONDS = 0.01, 1.0
"""A step that has come less far says nothing about the time that is left."""

_KILO, _MINUTE = 1000.0, 60


class StepPace:
    """How fast a step goes, from its first notice on: what was done before that took no time here."""

    def __init__(self, first: WorkProgressed, now: float) -> None:
        """Begin with the first notice of a step."""
        self._first, self._latest, self._began = first, first, now

    def is_of(self, notice: WorkProgressed) -> bool:
        """Return whether a notice goes on from the latest one. The words of a step may change on the way."""
        latest = self._latest
        return (notice.of, notice.unit) == (latest.of, latest.unit) and notice.done >= latest.done

    def go_on(self, notice: WorkProgressed) -> "StepPace":
        """Take in a later notice of the step."""
        self._latest = notice
        return self

    def describe(self, now: float) -> str:
        """Return the line: step, share, rate, and about how much time is left."""
        latest, spent, done = self._latest, now - self._began, self._done
        words = [printable(latest.step)]
        if latest.of:
            share = min(latest.done / latest.of, 1.0)
            words.append(f"{min(99, int(100 * share)):2d} %")
        if latest.hindered:
            words.append(printable(latest.hindered))
        elif spent >= _LEAST_SECONDS and done and (rate := _RATES[latest.unit]) is not None:
            words.append(rate(done / spent))
        if (left := self.left(now)) is not None:
            words.append(f"about {_rough(left)} left")
        return "  ".join(words)

    @property
    def _done(self) -> int:
        return self._latest.done - self._first.done

    def left(self, now: float) -> float | None:
        """Return about how many seconds of work are left; None if that is not known yet, or no more."""
        latest, spent, done = self._latest, now - self._began, self._done
        if latest.hindered or spent < _LEAST_SECONDS or not done or not latest.of or done < _LEAST_SHARE * latest.of:
            return None
        return max(0.0, latest.of - latest.done) * spent / done


def _rough(seconds: float) -> str:
    return f"{seconds:.0f} s" if round(seconds) < _MINUTE else rough_duration(seconds)


def _bytes_a_second(rate: float) -> str:
    for unit in ("kB", "MB"):
        rate /= _KILO
        if rate < _KILO:
            return f"{rate:,.0f} {unit}/s"
    return f"{rate / _KILO:,.1f} GB/s"


def _a_minute(rate: float, unit: str) -> str:
    return f"{60 * rate:,.0f} {unit} a minute"


_RATES: dict[str, Callable[[float], str] | None] = {
    "bytes": _bytes_a_second,
    "records": partial(_a_minute, unit="records"),
    "requests": partial(_a_minute, unit="requests"),
    "parts": None,
}
