"""Read what an answer's headers say about the quota: `Retry-After` and `X-RateLimit-Limit/Remaining/Reset`.

The vendor documents whole seconds (resources/resource-limits). Other forms that gateways send are read as well:

* `Retry-After` as a date (RFC 9110 10.2.3). It is compared with the answer's own `Date`, not with this machine's clock.
* `X-RateLimit-Reset` as seconds with a fraction, or as a moment since 1970 in seconds or milliseconds (large numbers);
  a moment, too, is compared with the answer's `Date`.
* `X-RateLimit-Limit` followed by a policy, such as `1000, 1000;w=3600`: its first number counts.

Only plain ASCII digits are a number (`str.isdigit` accepts the digits of other scripts, too). A header that cannot be
read is ignored: headers are untrusted, and a wrong guess would cost slots or a 429.
"""

import re
from email.utils import parsedate_to_datetime

from msgspec import Struct

from masivo_stream.model.attempt import Answer

_FIRST_MOMENT = 1e9
"""A number of seconds from this on is a moment since 1970: as a wait it would be thirty years."""

_FIRST_MOMENT_IN_MILLISECONDS = 1e12
"""The same in milliseconds; as seconds it would be in thirty thousand years."""

_LEADING_NUMBER = re.compile(r"\s*([0-9]{1,12})\s*(?:[,;]|\Z)", re.ASCII)
_SECONDS = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*\Z", re.ASCII)


class RateHeaders(Struct, frozen=True, kw_only=True):
    """What the server says is left of one of its windows; None for what it does not say."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    """Seconds from the answer's arrival until the oldest request leaves the window, usually rounded up."""


def read_rate_headers(answer: Answer) -> RateHeaders:
    """Return what the `X-RateLimit` headers of `answer` say."""
    return RateHeaders(
        limit=_leading_number(answer.limit),
        remaining=_leading_number(answer.remaining),
        reset=_reset(answer.reset, answer.date),
    )


def wait_asked_for(answer: Answer) -> float | None:
    """Return the seconds that a 429 or 503 asks to wait; None if it does not say so in a form that can be read.

    Of `Retry-After` and `X-RateLimit-Reset` the longer one counts.
    """
    waits = (_after(answer.retry_after, answer.date), _reset(answer.reset, answer.date))
    return max((wait for wait in waits if wait is not None), default=None)


def _leading_number(text: str | None) -> int | None:
    found = _LEADING_NUMBER.match(text or "")
    return int(found[1]) if found else None


def _after(text: str | None, date: str | None) -> float | None:
    if text is None:
        return None
    whole = text.strip()
    if whole.isascii() and whole.isdigit():
        return float(whole) if len(whole) <= 12 else None  # noqa: PLR2004 - longer ones are not a number of seconds
    until, now = _moment(text), _moment(date)
    return None if until is None or now is None else max(0.0, until - now)


def _reset(text: str | None, date: str | None) -> float | None:
    found = _SECONDS.match(text or "")
    if found is None:
        return None
    seconds = float(found[1])
    if seconds >= _FIRST_MOMENT_IN_MILLISECONDS:
        seconds /= 1000
    if seconds < _FIRST_MOMENT:
        return seconds
    now = _moment(date)
    return None if now is None else max(0.0, seconds - now)


def _moment(text: str | None) -> float | None:
    """Return the seconds since 1970 of an HTTP date with a zone; None for anything else."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError):
        return None
