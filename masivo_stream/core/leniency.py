r"""Find what msgspec takes and the API's documents do not know (measured with msgspec 0.19 to 0.22).

It decodes dates in formats next to RFC 3339's, `2023-11-07 05:31:56+0000`: a space or `t` for the `T`, a lower-case
`z`, an offset without its colon. Any of it may hide behind a `\u00..` escape of an ASCII character.

Both functions may suspect too much, never too little: a suspect goes to a judge that is slower, and right. One asks a
line, the other a whole block of them, for the price of looking is what a fast judge is made of.
"""

import re
from collections.abc import Callable

_LENIENT_DATE = re.compile(rb'"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[^T"]|T[^"Z]*(?:[+-][0-9]{4}|z)")')
_MAYBE_LENIENT_DATE = re.compile(rb"(?s)-..(?:T........(?:[+-]..[0-9]|z|\.[0-9]*(?:z|[+-]..[0-9]))| ..:|t..:)")
"""The day of the month and what follows. It begins with a byte that is rare, and asks of what msgspec has taken for a
date only what tells the formats apart: a fifth of the other one's price where there is none. Eight dots and two
literals cost two thirds of `.{8}` and `[ t]`."""
_ASCII_ESCAPE = re.compile(rb"\\u00[0-7]")

_PAST_THE_END = re.compile(rb"(?<=9999-12-31T23:59:59\.999999)[0-9]+(?=[Z+-])")
"""Digits that msgspec rounds up, to a year that no date has: .NET writes seven nines for the last moment there is."""


def cut_last_moment(line: bytes) -> bytes:
    """Return the line without the digits that would round the last moment of the year 9999 up."""
    return _PAST_THE_END.sub(b"", line)


def takes_cut(decode: Callable[[bytes], object], line: bytes) -> bool:
    """Tell whether a decoder refuses the line only for those digits."""
    cut = cut_last_moment(line)
    try:
        return cut != line and decode(cut) is not None
    except (ValueError, RecursionError):
        return False


def may_be_lenient(block: bytes) -> bool:
    """Tell whether a line of the block that msgspec takes may hold something it is lenient about."""
    return _MAYBE_LENIENT_DATE.search(block) is not None or (b"\\" in block and _ASCII_ESCAPE.search(block) is not None)


def is_lenient(line: bytes) -> bool:
    """Tell whether the line may hold something msgspec is lenient about."""
    return _LENIENT_DATE.search(line) is not None or (b"\\u00" in line and _ASCII_ESCAPE.search(line) is not None)
