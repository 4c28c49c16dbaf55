"""What is left of an account's quota, as this machine knows it: read from the quota file, nothing is changed."""

from collections.abc import Iterable

from masivo_stream.core.pacing.schedule import ScheduledScope
from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.shared_dir.quota import QuotaUse, read_quota
from masivo_stream.edges.time_zone import find_zone, timetable_of
from masivo_stream.flow.rate_limit import find_account, quota_path
from masivo_stream.model.errors import StorageError
from masivo_stream.model.plan import QuotaLeft, WindowLeft
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings
from masivo_stream.model.window import Window

Windows = tuple[Window, ...]

SCOPES = ("migration", "general")
"""What the quota file calls the scopes of `limit` and of `general_limit`."""


def read_account_quota(
    settings: Settings, credentials: Credentials | None, clock: Clock
) -> tuple[QuotaUse | None, str]:
    """Return what is used of the quota (None if not known), and why it cannot be read (empty if it can)."""
    if credentials is None:
        return None, ""
    try:
        return read_quota(quota_path(*find_account(settings, credentials)), clock) or QuotaUse(), ""
    except (OSError, StorageError) as error:
        return None, str(error)


def timetable_from_now(settings: Settings, clock: Clock) -> tuple[str, Timetable]:
    """Return the time zone of the hours of limits, and what knows when they hold; time counts from now."""
    name, zone = find_zone(settings.limits.time_zone)
    begin = clock.wall().timestamp()
    return name, timetable_of(zone, lambda: begin)


def has_hours(windows: Iterable[Window]) -> bool:
    """Return whether some of these windows hold only in hours of the day."""
    return any(window.hours is not None for window in windows)


def scopes_left(scopes: tuple[Windows, Windows], use: QuotaUse | None, now: float) -> list[ScheduledScope]:
    """Return the scopes with what is used of them; time counts from now."""
    use = use or QuotaUse()
    return [
        ScheduledScope(windows, _since(use.departures.get(name, ()), now), use.held_until.get(name, now) - now)
        for name, windows in zip(SCOPES, scopes, strict=True)
    ]


def _since(moments: Iterable[float], now: float) -> list[float]:
    return [min(0.0, moment - now) for moment in moments]


def quota_left(
    scopes: tuple[Windows, Windows], left: list[ScheduledScope], timetable: Timetable, *, known: bool, unreadable: str
) -> QuotaLeft:
    """Return how much of each configured window is used."""
    return QuotaLeft(
        known=known,
        unreadable=unreadable,
        windows=[
            WindowLeft(
                scope=name,
                window=str(window),
                used=len(timetable.counted(window, (each for each in scope.departures if each > -window.seconds))),
            )
            for name, windows, scope in zip(SCOPES, scopes, left, strict=True)
            for window in windows
        ],
        held_seconds=max([0.0, *(scope.held_until for scope in left if scope.windows)]),
    )
