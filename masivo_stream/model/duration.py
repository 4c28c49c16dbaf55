"""Write durations for people."""

import math


def duration(seconds: float) -> str:
    """Return a duration for people: `0.42 s`, `3 min 20 s`, `13 h 53 min`, `2 days 4 h`."""
    if round(seconds, 2) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s"
    if not math.isfinite(seconds):
        return "for ever"
    days, rest = divmod(round(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def rough_duration(seconds: float) -> str:
    """Write how long something still takes, for people who watch a countdown: `3.2 s`, else as `duration` does."""
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else duration(seconds)  # noqa: PLR2004 - a minute
