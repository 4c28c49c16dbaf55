r"""Read the marks by which an export says that a customer is deleted, or an event reversed.

A mark answers yes, no, or neither. What is neither must not be guessed: to skip a live customer loses a person, to
send a deleted one counts points that nobody has. *Decision:* the vendor's pages name the rule
(guides/migrate-customers), not the fields, so these are the spellings that exports of shops and databases use:

* yes: true, 1, a date, and the words `DELETED`, `REVERSED`, `true`, `yes`, `y`, `t`, `1`, in any case;
* no: absent, null, false, 0, a date of zeros (`0000-00-00`, as MySQL writes "never"), the empty text, and the words
  `ACTIVE`, `false`, `no`, `n`, `f`, `0`, in any case;
* neither: everything else. The years 0001 and 9999 are among it: some programs mean "never" by them.
"""

import re
from functools import lru_cache

import msgspec

from masivo_stream.model.schemas import Timestamp

EXPECTED = 'true, false, null, a date, or one of the words "DELETED", "REVERSED" and "ACTIVE"'
"""What a mark may be, for messages."""

_YES = frozenset({"deleted", "reversed", "true", "yes", "y", "t", "1"})
_NO = frozenset({"", "active", "false", "no", "n", "f", "0"})
_ZERO_DATE = re.compile(r"0000-00-00(?:[T ][0:.]*(?:Z|[+-]00:?00)?)?", re.IGNORECASE)
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)? ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.IGNORECASE,
)
_NEVER = ("0001", "9999")


def read_mark(value: object) -> bool | None:
    """Return what a mark says: True for yes, False for no, None for neither."""
    match value:
        case None:
            return False
        case bool():
            return value
        case int() | float() if value in (0, 1):
            return bool(value)
        case str():
            return _read_text(value.strip())
        case _:
            return None


@lru_cache(maxsize=1024)
def read_raw_mark(raw: bytes) -> bool | None:
    """Return what the JSON text of a mark says, as `read_mark` does. Most marks of an export are the same few."""
    try:
        return read_mark(msgspec.json.decode(raw))
    except (ValueError, RecursionError):
        return None


def _read_text(text: str) -> bool | None:
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO or _ZERO_DATE.fullmatch(text):
        return False
    date = _DATE.fullmatch(text)
    return True if date and _exists(date["day"], date["time"] or "00:00") else None


def _exists(day: str, time: str) -> bool:
    """Tell whether there is such a day and time, and whether it is one at which something can have happened."""
    if day.startswith(_NEVER):
        return False
    try:
        msgspec.convert(f"{day}T{time if time.count(':') == 2 else f'{time}:00'}Z", Timestamp)  # noqa: PLR2004
    except msgspec.ValidationError:
        return False
    return True
