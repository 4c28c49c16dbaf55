"""A pause in words: since when, by whom, and how it ends."""

from datetime import datetime

from masivo_stream.model.moments import utc


def describe_pause(since: float, by: str) -> str:
    """Return a phrase such as `paused since 30 Nov 12:46 CET by ana@shop`; `since` in Unix seconds."""
    who = f" by {by}" if by else ""
    return f"paused since {_local(since):%d %b %H:%M %Z}{who}"


def _local(moment: float) -> datetime:
    date = utc(moment)
    try:
        return date.astimezone()
    except (OverflowError, ValueError):
        return date
