"""A record without its schema: decoded as plain values, what its own marks say, and whose it is."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from masivo_stream.core.reading.marks import read_mark

_SYNTAX = msgspec.json.Decoder(Raw)


def decode_plain(body: bytes) -> object:
    """Decode without a type.

    Raises:
        UnicodeDecodeError: not UTF-8.
        msgspec.DecodeError: not JSON.
        RecursionError: nested too deeply.
    """
    body.decode()
    decode = msgspec.json.decode
    try:
        return decode(body)
    except msgspec.ValidationError:
        # A number out of range somewhere. The standard library gives infinity, so that `explain` can say where. It is
        # laxer in all else (NaN, lone surrogates), so msgspec looks at the rest of the line first.
        _SYNTAX.decode(body)
        return json.loads(body, parse_int=float)  # `int` would refuse thousands of digits


CUSTOMER_MARKS = ("deleted_at", "deleted", "status")
EVENT_MARKS = ("reversed_at", "status")
"""The fields that are the export's own: they mark what is not to be migrated."""


def is_deleted(value: dict[str, Any]) -> bool:
    """Return whether the export marks a customer as deleted."""
    return any(read_mark(value.get(name)) for name in CUSTOMER_MARKS)


def reversed_indexes(events: Iterable[object]) -> tuple[int, ...]:
    """Return which of a record's events the export marks as reversed."""
    return tuple(index for index, event in enumerate(events) if isinstance(event, dict) and _is_reversed(event))


def _is_reversed(event: dict[str, Any]) -> bool:
    return any(read_mark(event.get(name)) for name in EVENT_MARKS)


def unclear_marks(value: dict[str, Any], names: Iterable[str]) -> list[str]:
    """Return which marks say neither yes nor no."""
    return [name for name in names if read_mark(value.get(name)) is None]


class _Named(Struct, gc=False):
    id: str


def find_customer(body: bytes) -> str | None:
    """Return the customer's id of any line, None where it cannot be read."""
    try:
        return customer_of(body)
    except (ValueError, RecursionError):
        return None


def customer_of(body: bytes) -> str:
    """Return the customer's id of a record that was judged valid before."""
    return msgspec.json.decode(body, type=_Named).id
