r"""Split a stream of blocks into lines at byte 0x0A, and nowhere else.

`bytes.splitlines` and text mode will not do: both also split at `\r`, and text mode at U+2028 and others, which are
legal inside a JSON string (RFC 8259, section 7). One carriage return before the newline belongs to the terminator.

A byte order mark at the beginning of any line belongs to no record: files that were joined have one inside.

Laws: the lines and their positions do not depend on how the bytes are cut into blocks; a splitter that starts at a
returned position returns the rest of the lines.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import accumulate
from typing import Any

import msgspec

from masivo_stream.model.results import Line, LineRun

_BOM = b"\xef\xbb\xbf"
"""The byte order mark that some programs write before UTF-8; no part of the text (RFC 8259, section 8.1)."""

KEPT_OF_LONG_LINES = 1024
"""Bytes kept of a line beyond the cap: enough to recognise the line, whatever its length."""


ProveText = Callable[[bytes, int, int, int, int], list[LineRun]]
"""Cuts the text behind a byte at each newline, and proves the lines: see `prover.prove_text`."""


class LineSplitter:
    """Feed blocks, get the lines they complete. `flush` returns the last line if it has no newline."""

    def __init__(
        self,
        *,
        max_line_bytes: int,
        number: int = 1,
        offset: int = 0,
        unfinished: bool = False,
        prove: tuple[ProveText, int] | None = None,
    ) -> None:
        """Start at line `number` and byte `offset`: 1 and 0, or the position of a line returned earlier.

        `unfinished`: the line before was the last one and had no newline. If the file has grown since, the newline that
        comes first belongs to that line. `prove` cuts and proves usual lines, with at most that number of lines in a
        run. Lines and positions are the same.
        """
        self._unfinished = unfinished
        self._cap = max_line_bytes
        self._kept = min(KEPT_OF_LONG_LINES, max_line_bytes)
        self._number = number
        self._offset = offset
        self._prove = prove
        self._tail: list[bytes] = []
        self._tail_length = 0

    @property
    def number(self) -> int:
        """The number of the first line not yet returned."""
        return self._number

    @property
    def offset(self) -> int:
        """The offset of the first line not yet returned."""
        return self._offset

    def feed(self, block: bytes) -> list[Line]:
        """Return the lines that end in `block`."""
        return list(lines_of(self.cut(block)))

    def cut(self, block: bytes) -> list[LineRun | Line]:
        """Return the lines that end in `block`; consecutive lines within the cap come as one `LineRun`.

        If they are proved, as several, none of which has more lines than are asked for.
        """
        if self._unfinished and block:
            block = self._without_terminator(b"".join((*self._tail, block)))
        pieces: list[LineRun | Line] = []
        begin, behind = 0, block.rfind(b"\n") + 1
        if behind and self._tail_length:
            begin = block.index(b"\n") + 1
            pieces.append(self._finish(block[: begin - 1]))
        if begin < behind:
            pieces.extend(self._lines_between(block, begin, behind))
        self._keep(block[behind:])
        return pieces

    def _lines_between(self, block: bytes, begin: int, behind: int) -> list[LineRun | Line]:
        """Return the lines that begin at `begin` and end before `behind`."""
        # The usual block has no carriage returns, no marks and no line beyond the cap.
        usual = b"\r" not in block and not _has_mark(block) and len(block) <= self._cap
        if usual and self._prove is not None:
            prove, most = self._prove
            runs = prove(block, begin, self._number, self._offset, most)
            self._number = runs[-1].number + len(runs[-1].bodies)
            self._offset += behind - begin
            return [*runs]
        parts = block[begin : behind - 1].split(b"\n")
        offsets = list(accumulate([len(part) + 1 for part in parts], initial=self._offset))
        run = LineRun(self._number, parts, offsets[:-1], block)
        pieces = [run] if usual else list(self._look_at_each(parts, offsets, block))
        self._number += len(parts)
        self._offset = offsets[-1]
        return [*pieces]

    def _look_at_each(self, parts: Iterable[bytes], offsets: Iterable[int], block: bytes) -> Iterator[LineRun | Line]:
        """Yield lines some of which end in a carriage return, begin with a byte order mark, or are beyond the cap."""
        first, bodies, begins = self._number, list[bytes](), list[int]()
        for number, (part, offset) in enumerate(zip(parts, offsets, strict=False), self._number):
            body, begin = _without_marks(part.removesuffix(b"\r"), offset)
            if len(body) <= self._cap:
                bodies.append(body)
                begins.append(begin)
                continue
            if bodies:
                yield LineRun(first, bodies, begins, block)
            yield Line(number, begin, body[: self._kept], len(body))
            first, bodies, begins = number + 1, [], []
        if bodies:
            yield LineRun(first, bodies, begins, block)

    def flush(self) -> list[Line]:
        """Return the last line of the source if it has no newline, otherwise nothing."""
        if not self._tail_length:
            return []
        line = self._finish(b"")
        self._offset -= 1  # there was no newline to count
        return [line]

    def _without_terminator(self, block: bytes) -> bytes:
        """Drop the newline that was missing when the line before was read; its carriage return may come before it."""
        self._unfinished = block == b"\r"
        self._tail, self._tail_length = [], 0
        terminator = next((end for end in (b"\n", b"\r\n") if block.startswith(end)), b"")
        self._offset += len(terminator)
        return block[len(terminator) :]

    def _keep(self, rest: bytes) -> None:
        """Keep the unfinished line; beyond the cap only its beginning and its last byte (is it a carriage return?)."""
        if not rest:
            return
        begins = self._tail_length < len(_BOM)  # the end of a block may cut a mark in two
        self._tail.append(rest)
        self._tail_length += len(rest)
        if begins:
            held, self._offset = _without_marks(b"".join(self._tail), self._offset)
            self._tail, self._tail_length = [held], len(held)
        if self._tail_length > max(self._cap + 1, len(_BOM)):
            held = b"".join(self._tail)
            self._tail = [held[: self._kept], held[-1:]]

    def _finish(self, part: bytes) -> Line:
        whole, begin = _without_marks(b"".join((*self._tail, part)), self._offset)
        length = self._tail_length + len(part) - (begin - self._offset)
        terminator = whole.endswith(b"\r")
        body = whole[:-1] if terminator else whole
        visible = length - terminator
        line = Line(self._number, begin, body if visible <= self._cap else body[: self._kept], visible)
        self._offset = begin + length + 1
        self._number += 1
        self._tail, self._tail_length = [], 0
        return line


def _has_mark(block: bytes) -> bool:
    # Most texts do not even have the mark's first byte, and a search for one byte is ten times faster than for three.
    return _BOM[:1] in block and _BOM in block


def _without_marks(body: bytes, offset: int) -> tuple[bytes, int]:
    """Return a line without the byte order marks it begins with, and the offset where it begins then."""
    while body.startswith(_BOM):
        body, offset = body[len(_BOM) :], offset + len(_BOM)
    return body, offset


def is_complete(line: Line) -> bool:
    """Return whether a line without a newline is complete, not cut in the middle: one JSON value, or blank.

    Bytes that are not UTF-8 do not matter: they are inside a string, and the string has its end. A line beyond the cap
    counts as incomplete, since its end is not kept.
    """
    if line.length > len(line.body):
        return False
    text = line.body.decode("utf-8", "replace").encode()
    if not text.strip():
        return True
    try:
        msgspec.json.decode(text, type=Any)
    except RecursionError:  # too deep to decode: count the brackets outside of strings
        bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)
        opened, closed = bare.count(b"{") + bare.count(b"["), bare.count(b"}") + bare.count(b"]")
        return opened == closed and b'"' not in bare
    except ValueError:
        return False
    return True


def portions(pieces: Iterable[LineRun | Line], most: int) -> Iterator[list[LineRun | Line]]:
    """Yield the lines in portions of `most` lines each; the last one may have fewer.

    Lines that are proved stay together, so a portion with them may have other sizes.
    """
    portion: list[LineRun | Line] = []
    room = most
    for piece in pieces:
        parts: Iterable[LineRun | Line] = (piece,)
        if isinstance(piece, LineRun) and piece.proof is None and len(piece.bodies) > room:
            parts = _parts(piece, room, most)
        for part in parts:
            portion.append(part)
            room -= len(part.bodies) if isinstance(part, LineRun) else 1
            if room <= 0:
                yield portion
                portion, room = [], most
    if portion:
        yield portion


def aligned(pieces: Iterable[LineRun | Line], most: int) -> Iterator[list[LineRun | Line]]:
    """Yield the lines in portions, each of which ends where its last line's number is a multiple of `most`.

    The last portion may end before. So portions do not depend on how the lines were cut into blocks.
    """
    portion: list[LineRun | Line] = []
    for piece in pieces:
        room = most - (piece.number - 1) % most
        for part in _parts(piece, room, most) if isinstance(piece, LineRun) else (piece,):
            portion.append(part)
            last = part.number + len(part.bodies) - 1 if isinstance(part, LineRun) else part.number
            if last % most == 0:
                yield portion
                portion = []
    if portion:
        yield portion


def _parts(run: LineRun, first: int, most: int) -> Iterator[LineRun]:
    """Yield a run in parts of at most `most` lines, the first one of `first`. All parts share the whole text."""
    start, end = 0, first
    while start < len(run.bodies):
        yield LineRun(run.number + start, run.bodies[start:end], run.offsets[start:end], run.text)
        start, end = end, end + most


def blank_out(pieces: Iterable[LineRun | Line], numbers: Container[int]) -> Iterator[LineRun | Line]:
    """Yield the same lines, but those with these numbers without their bytes, so that validation finds them blank."""
    for piece in pieces:
        if isinstance(piece, LineRun):
            bodies = [b"" if number in numbers else body for number, body in enumerate(piece.bodies, piece.number)]
            yield LineRun(piece.number, bodies, piece.offsets, piece.text)
        else:
            yield Line(piece.number, piece.offset, b"", 0) if piece.number in numbers else piece


def lines_of(pieces: Iterable[LineRun | Line]) -> Iterator[Line]:
    """Yield the lines of all pieces one by one."""
    for piece in pieces:
        if isinstance(piece, LineRun):
            yield from piece
        else:
            yield piece
