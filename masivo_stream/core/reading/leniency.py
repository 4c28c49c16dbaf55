r"""Find what msgspec's typed decoder accepts although the schema means something else, or refuses although it is valid.

It accepts dates in neighbouring formats: `+0000` as an offset, a space or `t` in place of the `T`, `z` in place of `Z`.
Escaped ASCII characters may hide such a date (`\u0074`) or a second spelling of a field's name (`\u0069d` for `id`)
from a search for the plain bytes, so they count as lenient as well.

It refuses one valid moment: it rounds the seventh digit of 9999-12-31T23:59:59.9999999 up, to a year that no date has.
.NET writes exactly these seven nines for its last moment.

All checks search the bytes, so that they cost little on valid lines. They may suspect a line that is valid, but never
miss one that is not: the strict decoder then decides.
"""

import re
from collections.abc import Callable

_LENIENT_DATE = re.compile(rb'"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[^T"]|T[^"Z]*(?:[+-][0-9]{4}|z)")')
_MAYBE_LENIENT_DATE = re.compile(rb"(?s)-..(?:T........(?:[+-]..[0-9]|z|\.[0-9]*(?:z|[+-]..[0-9]))| ..:|t..:)")
"""The day of the month and what follows it, for whole blocks. The pattern begins with a byte that is rare. It relies on
msgspec having taken the text for a date and checks only what tells the formats apart: in a block without such dates it
costs a fifth of `_LENIENT_DATE`. Eight dots and two literals cost two thirds of `.{8}` and `[ t]`."""

_ASCII_ESCAPE = re.compile(rb"\\u00[0-7]")
_PAST_THE_END = re.compile(rb"(?<=9999-12-31T23:59:59\.999999)[0-9]+(?=[Z+-])")


def may_be_lenient(block: bytes) -> bool:
    """Return whether a line of `block` that msgspec accepts may hold something it is lenient about."""
    return _MAYBE_LENIENT_DATE.search(block) is not None or (b"\\" in block and _ASCII_ESCAPE.search(block) is not None)


def is_lenient(line: bytes) -> bool:
    """Return whether `line` may hold something that msgspec is lenient about."""
    return _LENIENT_DATE.search(line) is not None or (b"\\u00" in line and _ASCII_ESCAPE.search(line) is not None)


def cut_last_moment(line: bytes) -> bytes:
    """Return `line` without the digits that msgspec would round up beyond the year 9999."""
    return _PAST_THE_END.sub(b"", line)


def accepts_when_cut(decode: Callable[[bytes], object], line: bytes) -> bool:
    """Return whether `decode` refuses `line` only for those digits."""
    cut = cut_last_moment(line)
    try:
        return cut != line and decode(cut) is not None
    except (ValueError, RecursionError):
        return False
