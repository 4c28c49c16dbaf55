"""Read a record without its schema: decode it as plain values, or read its customer's id alone."""

import json

import msgspec
from msgspec import Raw, Struct

_check_syntax = msgspec.json.Decoder(Raw).decode


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
