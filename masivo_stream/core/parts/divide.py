"""Divide exports into parts of about the same size, by their bytes as stored.

Part i of N of a total of S bytes begins at byte S·(i-1)/N of all inputs, one after the other. A line belongs to the
part in which its first byte is. A compressed input cannot be read from the middle, so all of it belongs to the part in
which its own first byte is.

Law: whatever N is, each line belongs to exactly one part, and the parts hold the lines in reading order.
"""

from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from masivo_stream.model.parts import PartInput


class Stretch(Struct, frozen=True):
    """A stretch of an input that belongs to a part: the lines whose first byte is in it."""

    source: int
    """The number of the input."""
    start: int
    end: int | None
    """None for a compressed input: all of it."""


def divide(inputs: Sequence[PartInput], part: int, parts: int) -> list[Stretch]:
    """Return the stretches of part `part`, from 1 to `parts`, in reading order."""
    ends = list(accumulate(each.size for each in inputs))
    total = ends[-1] if ends else 0
    low, high = total * (part - 1) // parts, total * part // parts
    found: list[Stretch] = []
    for source, (each, end) in enumerate(zip(inputs, ends, strict=True)):
        begin = end - each.size
        if each.compressed:
            if each.size and low <= begin < high:
                found.append(Stretch(source, 0, None))
        elif max(low, begin) < min(high, end):
            found.append(Stretch(source, max(low, begin) - begin, min(high, end) - begin))
    return found
