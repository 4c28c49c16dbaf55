"""Lines that stay in the text that they were cut from.

An object for each line would cost more than most of what is done with the line. So a line is made only if it is asked
for, and what is asked of many lines at once, their sizes and all of them joined, is asked of the text.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload

_LEAST_SHARE = 4
"""Some of the lines keep the whole text alive. If they are less than a quarter of it, they are copied instead."""


class TextLines(Sequence[bytes]):
    """Lines without their newlines."""

    __slots__ = ("_begin", "_text", "offsets")

    def __init__(self, text: bytes, offsets: Sequence[int], begin: int) -> None:
        """Take the lines of `text` that begin at all `offsets` but the last one, where the last of the lines ends.

        Each ends with a newline, and the next one follows it. `begin` is the offset of the first byte of the text.
        """
        self._text, self.offsets, self._begin = text, offsets, begin

    @property
    def sizes(self) -> list[int]:
        """The bytes of each line, its newline included."""
        return [behind - begin for begin, behind in pairwise(self.offsets)]

    def joined(self) -> bytes:
        """Return all lines with a comma between them. There is at least one."""
        return self._all().replace(b"\n", b",")

    def in_text(self) -> tuple[bytes, Sequence[int], int]:
        """Return what these lines were made of."""
        return self._text, self.offsets, self._begin

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines."""
        return iter(self._all().split(b"\n") if len(self) else ())

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        """Return a line, or lines that follow one another."""
        if isinstance(index, slice):
            return self._some(*index.indices(len(self)))
        place = range(len(self))[index]
        return self._text[self.offsets[place] - self._begin : self.offsets[place + 1] - self._begin - 1]

    def __eq__(self, other: object) -> bool:
        """Return whether `other` holds equal lines in the same order."""
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        """Hash the lines."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """Describe them without their content."""
        return f"<{len(self)} lines>"

    def _all(self) -> bytes:
        return self._text[self.offsets[0] - self._begin : self.offsets[-1] - self._begin - 1]

    def _some(self, start: int, stop: int, step: int) -> Sequence[bytes]:
        if step != 1 or stop <= start:
            return [self[index] for index in range(start, stop, step)]
        some = TextLines(self._text, self.offsets[start : stop + 1], self._begin)
        little = _LEAST_SHARE * (some.offsets[-1] - some.offsets[0]) < len(self._text)
        return list(some) if little else some


def sizes_of(lines: Sequence[bytes]) -> list[int]:
    """Return the bytes of each line and of the newline, or comma, that comes after it."""
    return lines.sizes if isinstance(lines, TextLines) else [len(line) + 1 for line in lines]


def join_lines(lines: Sequence[bytes]) -> bytes:
    """Return lines with a comma between them. There is at least one."""
    return lines.joined() if isinstance(lines, TextLines) else b",".join(lines)
