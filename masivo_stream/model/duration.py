"""Durations as people write them."""

from datetime import timedelta


def duration(seconds: float) -> str:
    """Write a duration for people: `0.42 s`, `3 min 20 s`, `13 h 53 min`, `2 days 4 h`."""
    if round(seconds, 2) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, rest = divmod(rest, 60)
    if whole.days:
        return f"{whole.days} day{'s' if whole.days > 1 else ''} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def rough_duration(seconds: float) -> str:
    """Write how long something still takes, for people who watch it pass: `3.2 s`, else as `duration` does."""
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else duration(seconds)  # noqa: PLR2004 - a minute
