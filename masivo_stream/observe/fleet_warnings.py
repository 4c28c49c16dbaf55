"""Write the warnings of a fleet on a terminal: one line for each cause, whatever the number of accounts that have it.

The first account that a cause is over for gets its line at once. Others of the same cause follow in one line: once none
of them has it any more, and a second after the line before.
"""

from collections.abc import Callable

from msgspec import Struct, UnsetType
from msgspec.structs import replace

from masivo_stream.core.redact import printable
from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fleet import AccountResult
from masivo_stream.model.notices import Notice
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import RunWarning
from masivo_stream.observe.fleet_lines import name_accounts
from masivo_stream.observe.summary_table import describe_end
from masivo_stream.observe.warning_counts import WarningCounts, closing_line

TOGETHER = 1.0
"""Seconds between two lines about one cause."""

_SIGNALS = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)


class _Over(Struct):
    warning: RunWarning
    names: list[str]


class FleetWarnings:
    """Receives notices by account, and writes to a terminal."""

    def __init__(self, write: Callable[[str], object], clock: Clock | None = None) -> None:
        """Write lines by `write`, which must not fail."""
        self._write, self._clock = write, clock or SystemClock()
        self._counts: dict[str, WarningCounts] = {}
        self._over: dict[tuple[str, str], _Over] = {}
        self._written: dict[tuple[str, str], float] = {}

    def feed(self, name: str, notice: Notice) -> None:
        """Take in a notice about an account; about the fleet itself if the name is empty."""
        now = self._clock.wall().timestamp()
        counts = self._counts.setdefault(name, WarningCounts())
        counts.feed(notice, now)
        for warning in counts.take():
            self._take(name, warning)
        self._flush(now)

    def ended(self, result: AccountResult) -> None:
        """Write how an account has ended, if a person should know. After a signal the person knows."""
        if result.exit_code == ExitCode.COMPLETE or result.exit_code in _SIGNALS:
            return
        if not isinstance(result.failure, UnsetType):
            text = result.failure.message
        else:
            text = "" if isinstance(result.summary, UnsetType) else describe_end(result.summary)
        now = self._clock.wall().timestamp()
        self._take(result.name, RunWarning(first_at=now, at=now, event="ended", text=printable(text)))
        self._flush(now)

    def _take(self, name: str, warning: RunWarning) -> None:
        over = self._over.setdefault((warning.event, warning.text), _Over(warning, []))
        over.names.append(name)
        over.warning = replace(
            warning,
            first_at=min(warning.first_at, over.warning.first_at),
            at=max(warning.at, over.warning.at),
            times=max(warning.times, over.warning.times),
        )

    def close(self) -> None:
        """Write what is left."""
        self._written.clear()
        for key in list(self._over):
            self._write_line(key, self._clock.wall().timestamp())

    def _flush(self, now: float) -> None:
        for key in list(self._over):
            if now - self._written.get(key, -TOGETHER) < TOGETHER:
                continue
            if key in self._written and self._lasts(key):
                continue
            self._write_line(key, now)
        for key, written in list(self._written.items()):
            if now - written >= TOGETHER and not self._lasts(key):
                del self._written[key]

    def _lasts(self, key: tuple[str, str]) -> bool:
        """Return whether an account still has this cause."""
        return any(
            (warning.event, warning.text) == key for counts in self._counts.values() for warning in counts.lasting
        )

    def _write_line(self, key: tuple[str, str], now: float) -> None:
        over = self._over.pop(key)
        self._written[key] = now
        names = [name for name in dict.fromkeys(over.names) if name]
        text = f"{name_accounts(names)}: {over.warning.text}" if names else over.warning.text
        self._write(f"{closing_line(replace(over.warning, text=text))}\n")
