"""Read the marks by which an export says that a customer is deleted, or an event reversed.

Marked customers and events are not migrated. A mark means yes, no, or neither. A mark that means neither is a fault and
is not guessed: to skip a live customer loses a person, to send a deleted one counts points that belong to no person.
*Decision:* the vendor's pages name the rule (guides/migrate-customers) but not the fields, so these are the spellings
that exports of shops and databases use:

* yes: true, 1, a date, and the words `DELETED`, `REVERSED`, `true`, `yes`, `y`, `t`, `1`, in any case;
* no: absent, null, false, 0, a date of zeros (`0000-00-00`, as MySQL writes "never"), the empty text, and the words
  `ACTIVE`, `false`, `no`, `n`, `f`, `0`, in any case;
* neither: everything else, dates in the years 0001 and 9999 included: some programs mean "never" by them.

A record that is read for its marks, or for its customer's id alone, is decoded without its schema, as plain values.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeGuard

import msgspec
from msgspec import Raw, Struct

from masivo_stream.core.nesting import check_nesting
from masivo_stream.model.schemas import Timestamp

CUSTOMER_MARKS = ("deleted_at", "deleted", "status")
EVENT_MARKS = ("reversed_at", "status")
"""The fields of a customer and of an event that are marks. They belong to the export, not to the API."""

EXPECTED = 'true, false, null, a date, or one of the words "DELETED", "REVERSED" and "ACTIVE"'
"""The values that a mark may have, for messages."""

_YES = frozenset({"deleted", "reversed", "true", "yes", "y", "t", "1"})
_NO = frozenset({"", "active", "false", "no", "n", "f", "0"})
_ZERO_DATE = re.compile(r"0000-00-00(?:[T ][0:.]*(?:Z|[+-]00:?00)?)?", re.IGNORECASE)
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)? ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.IGNORECASE,
)
_NEVER = ("0001", "9999")

WRONG_BYTE = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as Python decodes it (PEP 383)."""

_decode_pairs = json.JSONDecoder(object_pairs_hook=tuple, parse_int=float).decode


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


@lru_cache(maxsize=1024)  # an export repeats the same few marks on most of its lines
def read_raw_mark(raw: bytes) -> bool | None:
    """Return what the JSON text of a mark says, as `read_mark` does."""
    try:
        return read_mark(msgspec.json.decode(raw))
    except (ValueError, RecursionError):
        return None


def is_deleted(customer: dict[str, Any]) -> bool:
    """Return whether the export marks a customer as deleted."""
    return any(read_mark(customer.get(name)) for name in CUSTOMER_MARKS)


def reversed_indexes(events: Iterable[object]) -> tuple[int, ...]:
    """Return the indexes of the events that the export marks as reversed."""
    return tuple(index for index, event in enumerate(events) if isinstance(event, dict) and _is_reversed(event))


def unclear_marks(value: dict[str, Any], names: Iterable[str]) -> list[str]:
    """Return which of the marks `names` of a customer or an event mean neither yes nor no."""
    return [name for name in names if read_mark(value.get(name)) is None]


def _is_reversed(event: dict[str, Any]) -> bool:
    return any(read_mark(event.get(name)) for name in EVENT_MARKS)


def _read_text(text: str) -> bool | None:
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO or _ZERO_DATE.fullmatch(text):
        return False
    date = _DATE.fullmatch(text)
    return True if date and _exists(date["day"], date["time"] or "00:00") else None


def _exists(day: str, time: str) -> bool:
    """Return whether a day and time exist, in a year in which something can have happened."""
    if day.startswith(_NEVER):
        return False
    seconds = "" if time.count(":") == 2 else ":00"  # noqa: PLR2004 - between hours, minutes and seconds
    try:
        msgspec.convert(f"{day}T{time}{seconds}Z", Timestamp)
    except msgspec.ValidationError:
        return False
    return True


_check_syntax = msgspec.json.Decoder(Raw).decode


# A record without its schema.


class _CustomerOnly(Struct, gc=False):
    id: str


_read_customer = msgspec.json.Decoder(_CustomerOnly).decode


def decode_plain(body: bytes) -> object:
    """Decode a line as `json.loads` does; a number that is out of range becomes an infinity.

    Raises:
        UnicodeDecodeError: the line is not UTF-8.
        msgspec.DecodeError: the line is not JSON; the message names the byte and quotes nothing.
        RecursionError: the value is nested too deeply.
    """
    body.decode()
    check_nesting(body)
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        # Some number is out of range. The standard library reads it as infinity, so that `schema_faults` can name its
        # field. But that library also takes NaN and lone surrogates, so msgspec checks the syntax of the line first.
        _check_syntax(body)
        return json.loads(body, parse_int=float)  # `int` refuses numbers of thousands of digits


def find_customer(body: bytes) -> str | None:
    """Return the customer's id of any line, None if it cannot be read."""
    try:
        return customer_of(body)
    except (ValueError, RecursionError):
        return None


def customer_of(body: bytes) -> str:
    """Return the customer's id of a record that is known to be valid."""
    return _read_customer(body).id


def possible_ids(body: bytes) -> tuple[str, ...]:
    """Return each different id that any line may give its customer: several if `id` occurs twice, none if unreadable.

    Bytes that are not UTF-8 do no harm elsewhere; an id with such a byte is left out.
    """
    return tuple(dict.fromkeys(value for value in _values_of_id(body) if _is_text(value)))


def certain_id(body: bytes) -> str | None:
    """Return the customer's id of any line if all programs read the same one, None otherwise."""
    first, *more = _values_of_id(body) or [None]
    return first if _is_text(first) and all(each == first for each in more) else None


def _values_of_id(body: bytes) -> list[object]:
    """Return the values of all fields of this name that a line has itself; a byte that is not UTF-8 is a surrogate."""
    try:
        check_nesting(body)
        record = _decode_pairs(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return []
    return [value for name, value in record if name == "id"] if isinstance(record, tuple) else []


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and not WRONG_BYTE.search(value)
