"""Which bytes of an object to read at once: large ranges one after the other, and small places put together."""

from collections.abc import Iterator, Sequence

RANGE_BYTES = 8 * 1024 * 1024
"""Bytes of one read. Large enough that the time until the first byte does not matter, small enough to end soon: a read
that stays open as long as records are sent from it, at one request in five seconds, is cut off sooner or later."""

LEAST_RANGE_BYTES = 512 * 1024
"""Where halving ends: a slow network delivers as much before the time for a read is over."""

GAP_BYTES = 1024 * 1024
"""Bytes between two places that are read, too, instead of reading twice: they take about as long as an answer."""


def ranges(start: int, end: int, *, first: int, step: int = RANGE_BYTES) -> Iterator[tuple[int, int]]:
    """Yield the ranges, as first byte and the byte after the last, that cover `start` to `end` in order.

    The first one has `first` bytes: who only wants to see how an export begins reads no more than that.
    """
    length = first
    while start < end:
        yield start, min(end, start + length)
        start, length = start + length, step


def halve(step: int) -> int:
    """Return the length to try after a range of `step` bytes has failed."""
    return max(LEAST_RANGE_BYTES, step // 2)


def put_together(
    spans: Sequence[tuple[int, int]], *, gap: int = GAP_BYTES, most: int = RANGE_BYTES
) -> list[tuple[int, int, list[int]]]:
    """Put ascending spans (offset, length) together into ranges: first byte, the byte after the last, and which spans.

    Spans are together if at most `gap` bytes are between them and their range has at most `most` bytes; a longer span
    has a range of its own.
    """
    found: list[tuple[int, int, list[int]]] = []
    for number, (offset, length) in enumerate(spans):
        end = offset + length
        if found:
            first, last, numbers = found[-1]
            if offset - last <= gap and max(last, end) - first <= most:
                found[-1] = (first, max(last, end), [*numbers, number])
                continue
        found.append((offset, end, [number]))
    return found
