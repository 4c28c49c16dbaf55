"""Which days and transactions `verify --totals` compares."""

from datetime import datetime, timedelta

from msgspec import Struct

from masivo_stream.core.accounting.day_totals import DayFilter
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.moments import Moment

MOST_REQUESTS = 200
"""Requests of one comparison, unless more are allowed: a fifth of what a development account has in a day."""

_MICROSECOND = timedelta(microseconds=1)
_MINUTE: Moment = 60_000_000


class TotalsChoice(Struct, frozen=True, kw_only=True):
    """Which totals to compare."""

    most_requests: int | None = MOST_REQUESTS
    """Days are chosen at random so that they need no more requests; None for all days."""
    seed: int = 1
    """The same seed chooses the same days."""
    zone: str = "+00:00"
    """The time zone of the account's days, such as `-05:00`."""
    reward: str = ""
    """Compare this reward only."""
    brand: str = ""
    """Compare this brand only."""

    def counted(self) -> DayFilter:
        """Return which transactions count.

        Raises:
            ConfigurationError: there is no such zone, or no request is allowed.
        """
        if self.most_requests is not None and self.most_requests < 1:
            raise ConfigurationError(
                "at least one request is needed",
                operation="read the command",
                place=f"--most-requests {self.most_requests}",
                hint="allow 1 or more, or say --all",
            )
        try:
            zone = datetime.fromisoformat(f"2000-01-01T00:00:00{self.zone}").utcoffset()
        except ValueError:
            zone = None
        if zone is None:
            raise ConfigurationError(
                "this is no time zone",
                operation="read the command",
                place=f"--day-zone {self.zone}",
                hint="write it as +00:00 or -05:00",
            )
        return DayFilter(zone=zone // _MICROSECOND, reward=self.reward, brand=self.brand)


ALL_THAT_FIT = TotalsChoice()


def describe_zone(zone: Moment) -> str:
    """Return a time zone as `+00:00`."""
    hours, minutes = divmod(abs(zone) // _MINUTE, 60)
    return f"{'-' if zone < 0 else '+'}{hours:02}:{minutes:02}"
