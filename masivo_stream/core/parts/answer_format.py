"""The answer of a part: what a file of it holds, byte by byte.

    8 bytes   MAGIC
    4 bytes   the length of the header
    header    msgpack of `AnswerHeader`: what the answer is of, and where everything is in the body
    body      columns of lines, notes, and what the checks of single lines found: each compressed by itself
    4 bytes   CRC-32 of everything before
    4 bytes   END

Nothing in it is of a record, except what people see of totals and findings anyway: ids of rewards with their sums, and
names of fields that the API does not know. Hashes of customers, emails and purchases are pseudonyms.
"""

import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
import zstandard
from msgspec import Struct

from masivo_stream.core.checks.collect import PackedFaults
from masivo_stream.core.checks.note_format import WORDS, where
from masivo_stream.core.checks.totals import PackedTotals
from masivo_stream.core.checks.unknown_fields import PackedUnknown
from masivo_stream.core.parts.line_columns import PackedColumns
from masivo_stream.core.parts.planes import from_planes, to_planes

FORMAT = 1
MAGIC, END = b"masivo\0p", b"end\n"
PREFIX = struct.Struct("<8sI")
SUFFIX = struct.Struct("<I4s")
_LEVEL = 3
_WORD_BYTES = 8
_NOTES_AT_ONCE = 32_768


class Damage(Exception):  # noqa: N818 - control flow that the reader translates, not an error of the error tree
    """An answer is incomplete or was changed."""


class AnswerAbout(Struct, frozen=True, array_like=True):
    """What an answer is of."""

    export: bytes
    """A digest of the inputs."""
    settings: bytes
    """A digest of the settings on which it depends, and of versions."""
    part: int
    parts: int
    partitions: int
    """Into how many partitions its notes are divided."""


class Frame(Struct, frozen=True, array_like=True):
    """Something compressed in the body of an answer."""

    offset: int
    length: int


class LinesFrame(Frame, frozen=True, array_like=True):
    """The columns of lines."""

    lines: int
    again: int
    """How many of them have to be validated again."""


class NotesFrame(Frame, frozen=True, array_like=True):
    """The notes of partitions that follow one another."""

    first: int
    """The first partition."""
    counts: tuple[int, ...]
    """How many notes each partition has."""


class AnsweredLines(Struct, frozen=True, array_like=True):
    """The lines of one input that belong to a part."""

    source: int
    begin: int
    """The offset of the first one in the plain text."""
    end: int
    lines: int
    crc: int
    """CRC-32 of their bytes."""
    frames: tuple[LinesFrame, ...]


class AnswerHeader(Struct, frozen=True, array_like=True):
    """What an answer is of, and where everything is in its body."""

    format: int
    about: AnswerAbout
    stretches: tuple[AnsweredLines, ...]
    notes: tuple[NotesFrame, ...]
    checks: Frame
    body: int
    """The length of the body."""


class LatestDate(Struct, frozen=True, array_like=True):
    """The latest date in a few lines that follow one another, if it may be in the future."""

    source: int
    line: int
    begin: int
    end: int
    moment: int
    """Microseconds since 1970."""


class PartChecks(Struct, frozen=True, array_like=True):
    """What the checks of single lines found in a part, and control totals of each input in it."""

    totals: dict[int, PackedTotals]
    faults: PackedFaults
    unknown: list[PackedUnknown]
    dates: list[LatestDate]


class AnswerWriter:
    """Put an answer together: stretch by stretch, then the notes, then the checks."""

    def __init__(self, about: AnswerAbout) -> None:
        """Begin an answer."""
        self._about = about
        self._body: list[bytes] = []
        self._length = 0
        self._stretches: list[AnsweredLines] = []
        self._frames: list[LinesFrame] = []
        self._notes: list[NotesFrame] = []
        self._compress = zstandard.ZstdCompressor(level=_LEVEL).compress

    def add_columns(self, packed: PackedColumns) -> None:
        """Add columns of the stretch that is under way."""
        self._frames.append(LinesFrame(*self._add(msgspec.msgpack.encode(packed)), packed.lines, packed.again))

    def end_stretch(self, source: int, begin: int, end: int, crc: int) -> None:
        """End the stretch whose columns were added."""
        lines = sum(frame.lines for frame in self._frames)
        self._stretches.append(AnsweredLines(source, begin, end, lines, crc, tuple(self._frames)))
        self._frames = []

    def add_notes(self, partitions: Iterable["array[int]"]) -> None:
        """Add the notes of all partitions, from the first one on."""
        first, counts, waiting = 0, list[int](), array("q")
        for number, words in enumerate(partitions):
            counts.append(len(words) // WORDS)
            waiting.extend(words)
            if len(waiting) >= _NOTES_AT_ONCE * WORDS:
                self._add_notes(first, counts, waiting)
                first, counts, waiting = number + 1, [], array("q")
        self._add_notes(first, counts, waiting)

    def _add_notes(self, first: int, counts: list[int], words: "array[int]") -> None:
        if words:
            columns = (to_planes(words[column::WORDS].tobytes(), _WORD_BYTES) for column in range(WORDS))
            self._notes.append(NotesFrame(*self._add(b"".join(columns)), first, tuple(counts)))

    def finish(self, checks: PartChecks) -> bytes:
        """Return the content of the file."""
        frame = Frame(*self._add(msgspec.msgpack.encode(checks)))
        header = msgspec.msgpack.encode(
            AnswerHeader(FORMAT, self._about, tuple(self._stretches), tuple(self._notes), frame, self._length)
        )
        pieces = [PREFIX.pack(MAGIC, len(header)), header, *self._body]
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        return b"".join((*pieces, SUFFIX.pack(crc, END)))

    def _add(self, content: bytes) -> tuple[int, int]:
        compressed = self._compress(content)
        self._body.append(compressed)
        begin, self._length = self._length, self._length + len(compressed)
        return begin, len(compressed)


_AnyStruct = TypeVar("_AnyStruct", bound=Struct)


def read_prefix(content: bytes) -> int:
    """Return the length of the header from the first bytes of an answer.

    Raises:
        Damage: it is no answer.
    """
    if len(content) < PREFIX.size:
        raise Damage
    magic, length = PREFIX.unpack_from(content)
    if magic != MAGIC:
        raise Damage
    return int(length)


def read_header(content: bytes) -> AnswerHeader:
    """Return the header of an answer.

    Raises:
        Damage: it is something else, or has another format.
    """
    return _decode(content, AnswerHeader)


def check_end(content: bytes, crc: int) -> None:
    """Check the last bytes of an answer; `crc` is the CRC-32 of all bytes before them.

    Raises:
        Damage: it is incomplete, or was changed.
    """
    if len(content) != SUFFIX.size or SUFFIX.unpack(content) != (crc, END):
        raise Damage


def read_columns(content: bytes) -> PackedColumns:
    """Return columns of lines from their frame.

    Raises:
        Damage: the frame was changed.
    """
    return _decode(_unpack(content), PackedColumns)


def read_checks(content: bytes) -> PartChecks:
    """Return what the checks of single lines found, from its frame.

    Raises:
        Damage: the frame was changed.
    """
    return _decode(_unpack(content), PartChecks)


def read_notes(
    frame: NotesFrame, content: bytes, lines_before: Mapping[int, int]
) -> Iterator[tuple[int, "array[int]"]]:
    """Yield the notes of each partition in a frame, with the partition's number.

    `lines_before` are the lines before the part of each input that is in it: the part counts its own.

    Raises:
        Damage: the frame was changed.
    """
    planes, count = _unpack(content), sum(frame.counts)
    if len(planes) != count * WORDS * _WORD_BYTES:
        raise Damage
    size = count * _WORD_BYTES
    words = array("q", bytes(size * WORDS))
    for column in range(WORDS):
        numbers = array("q")
        numbers.frombytes(from_planes(planes[column * size : (column + 1) * size], _WORD_BYTES))
        words[column::WORDS] = numbers
    begin = 0
    for partition, notes in enumerate(frame.counts, frame.first):
        end = begin + notes * WORDS
        if notes:
            yield partition, _move_lines(words[begin:end], lines_before)
        begin = end


_WHERE = 3
"""The column of source and line."""


def _move_lines(words: "array[int]", lines_before: Mapping[int, int]) -> "array[int]":
    """Count the lines of notes in reading order from the beginning of their inputs.

    One addition of two long integers adds to all numbers at once: none of them reaches its highest bit.
    """
    wheres = words[_WHERE::WORDS]
    for source, lines in lines_before.items():
        if lines:
            begin, end = bisect_left(wheres, where(source, 0)), bisect_left(wheres, where(source + 1, 0))
            numbers = int.from_bytes(wheres[begin:end].tobytes(), "little")
            more = int.from_bytes(lines.to_bytes(_WORD_BYTES, "little") * (end - begin), "little")
            moved = array("q")
            moved.frombytes((numbers + more).to_bytes((end - begin) * _WORD_BYTES, "little"))
            wheres[begin:end] = moved
    words[_WHERE::WORDS] = wheres
    return words


def _unpack(content: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError as error:
        raise Damage from error


def _decode(content: bytes, kind: type[_AnyStruct]) -> _AnyStruct:
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise Damage from error
