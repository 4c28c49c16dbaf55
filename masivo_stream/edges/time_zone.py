"""Time zones by their IANA names, and the zone of this machine.

The standard library knows only the present offset of the machine from UTC, and nothing of its summer time. So the
machine's zone is found by its name, as other programs find it: `TZ`, then `/etc/localtime`.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.model.hours import stretch_at

UNNAMED = "the zone of this machine"
_LOCALTIME = Path("/etc/localtime")
_MARK = "zoneinfo/"


def find_zone(name: str) -> tuple[str, tzinfo]:
    """Return the name and the zone of an IANA name that the settings have; of the machine for an empty one."""
    return (name, ZoneInfo(name)) if name not in ("", UNNAMED) else find_machine_zone()


def find_machine_zone(environment: Mapping[str, str] = os.environ, localtime: Path = _LOCALTIME) -> tuple[str, tzinfo]:
    """Return the name and the zone of this machine's clocks."""
    for name in (environment.get("TZ", "").removeprefix(":"), _name_behind(localtime)):
        with suppress(ValueError, OSError, KeyError):  # `TZ` may hold anything
            if name:
                return name, ZoneInfo(name)
    with suppress(ValueError, OSError), localtime.open("rb") as file:
        return UNNAMED, ZoneInfo.from_file(file)
    return UNNAMED, timezone(timedelta(seconds=-time.timezone))


def _name_behind(localtime: Path) -> str:
    """Return the name of the zone whose file a link names; empty if it is no such link."""
    with suppress(OSError):
        return str(localtime.resolve(strict=True)).rpartition(_MARK)[2] if localtime.is_symlink() else ""
    return ""


def timetable_of(zone: tzinfo, unix: Callable[[], float]) -> Timetable:
    """Return what knows when hours hold on the clocks of a zone.

    `unix` returns what has to be added to a moment of the caller's clock to make it Unix seconds.
    """
    return Timetable(lambda hours, moment: stretch_at(hours, zone, moment), unix)
