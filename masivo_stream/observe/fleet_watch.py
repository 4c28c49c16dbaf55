"""Watch the runs of a fleet: a snapshot of each, and log lines that name their account."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from msgspec import UnsetType
from msgspec.structs import replace

from masivo_stream import __version__
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.memory import resident_bytes
from masivo_stream.model.fleet import AccountResult
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot, describe_account, describe_fleet
from masivo_stream.model.notices import Notice
from masivo_stream.model.ports import Clock
from masivo_stream.observe.fleet_warnings import FleetWarnings
from masivo_stream.observe.log_observer import LogObserver, LogSink
from masivo_stream.observe.snapshot_builder import SnapshotBuilder

FLEET_EVENTS = ("account_failed", "account_warned")
"""The names of log events that are about no notice, but about the result of an account."""


class NoticeReceiver(Protocol):
    """Receives notices (`flow.observer.Observer`)."""

    def notify(self, notice: Notice) -> None:
        """Receive a notice. Must neither raise nor wait."""
        ...


class _Receivers:
    """Several receivers as one. One that fails must not end a migration."""

    def __init__(self, receivers: Iterable[NoticeReceiver]) -> None:
        self._receivers = tuple(receivers)

    def notify(self, notice: Notice) -> None:
        for receiver in self._receivers:
            with suppress(Exception):
                receiver.notify(notice)


class AccountWatch:
    """Watches one account."""

    def __init__(self, name: str, clock: Clock) -> None:
        """Nothing has happened yet."""
        self.name = name
        self.builder = SnapshotBuilder(clock, resident=lambda: 0)
        self.begun = False
        self.result: AccountResult | None = None

    def row(self) -> AccountRow:
        """Return what is shown of the account."""
        result = self.result
        failure = result.failure.message if result is not None and not isinstance(result.failure, UnsetType) else ""
        run = self.builder.snapshot() if self.begun else None
        return describe_account(
            self.name,
            run,
            exit_code=None if result is None else result.exit_code,
            failure=failure,
            message="" if result is None or isinstance(result.summary, UnsetType) else result.summary.message,
            command="" if result is None else first_command(result),
        )


def first_command(result: AccountResult) -> str:
    """Return the command that an account needs first; empty if it needs no command."""
    if not isinstance(result.failure, UnsetType):
        return result.failure.command
    steps = () if isinstance(result.summary, UnsetType) else result.summary.next_steps
    return next((step.command for step in steps if step.command), "")


class _OfAccount:
    """Passes the notices of one account on to the warnings of the fleet."""

    def __init__(self, name: str, warnings: FleetWarnings) -> None:
        self._name, self._warnings = name, warnings

    def notify(self, notice: Notice) -> None:
        self._warnings.feed(self._name, notice)


class FleetRuns:
    """Watches all runs of a fleet."""

    def __init__(
        self, names: Iterable[str], log: LogSink, *, warnings: FleetWarnings | None = None, clock: Clock | None = None
    ) -> None:
        """Write log lines to `log`, and warnings as sentences to `warnings`."""
        self._clock, self._log, self._warnings = clock or SystemClock(), log, warnings
        self._further: dict[str, list[NoticeReceiver]] = {}
        self.own_log = _Receivers([LogObserver(log), *self._sentences("")])
        """Logs notices that are about no account."""
        self._began = self._clock.now()
        self.accounts = {name: AccountWatch(name, self._clock) for name in names}

    def add(self, name: str, observer: NoticeReceiver) -> None:
        """Let a further observer receive the notices of an account; before its run begins."""
        self._further.setdefault(name, []).append(observer)

    def observer_of(self, name: str) -> NoticeReceiver:
        """Return what receives the notices of an account's run."""
        watch = self.accounts[name]
        watch.begun = True
        return _Receivers([watch.builder, self.log_of(name), *self._further.get(name, [])])

    def log_of(self, name: str) -> NoticeReceiver:
        """Return what logs the notices of an account, and warns of them, without changing what is shown of it."""
        log = LogObserver(_NamedLog(self._log, name), self.accounts[name].builder.snapshot)
        return _Receivers([log, *self._sentences(name)])

    def _sentences(self, name: str) -> list[NoticeReceiver]:
        return [] if self._warnings is None else [_OfAccount(name, self._warnings)]

    def ended(self, result: AccountResult) -> None:
        """Receive the result of an account."""
        self.accounts[result.name].result = result
        if self._warnings is not None:
            self._warnings.ended(result)
        if not isinstance(result.failure, UnsetType):
            failure = result.failure
            self._log.warning(
                "account_failed",
                account_name=result.name,
                exit_code=result.exit_code,
                why=failure.message,
                where=failure.place,
                hint=failure.hint,
            )
        for warning in () if isinstance(result.summary, UnsetType) else result.summary.warnings:
            self._log.warning("account_warned", account_name=result.name, warning=warning)

    def snapshot(self) -> FleetSnapshot:
        """Return the snapshot of the fleet at this moment."""
        now = self._clock.now()
        shift = self._clock.wall().timestamp() - now
        rows = tuple(watch.row() for watch in self.accounts.values())
        fleet = describe_fleet(rows, version=__version__, began=self._began + shift, now=now + shift)
        return replace(fleet, resident=resident_bytes())


class _NamedLog:
    """A log whose lines name an account."""

    def __init__(self, log: LogSink, name: str) -> None:
        self._log, self._name = log, name

    def debug(self, event: str, **fields: object) -> None:
        self._log.debug(event, account_name=self._name, **fields)

    def info(self, event: str, **fields: object) -> None:
        self._log.info(event, account_name=self._name, **fields)

    def warning(self, event: str, **fields: object) -> None:
        self._log.warning(event, account_name=self._name, **fields)
