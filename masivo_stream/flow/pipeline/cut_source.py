"""Read a source and cut it into blocks of lines: in order, each with the position and the checksum behind it.

A large source is cut, and its lines are proved, in a thread beside the loop: that is a third of the work on an export,
and nearly all of it is done without Python's global lock.
"""

import asyncio
import shlex
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from itertools import zip_longest

from msgspec import Struct

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.fingerprint import Prefix
from masivo_stream.core.reading.formats import Compression
from masivo_stream.core.reading.lines import LineSplitter, ProveText, blank_out, is_complete, portions
from masivo_stream.edges.export.source import Input, compression_at, is_file, is_plain_file, read_blocks
from masivo_stream.flow.identity.known_exports import FROM_A_PIPE
from masivo_stream.flow.pipeline.begin_ahead import begin_ahead
from masivo_stream.flow.sources import Source
from masivo_stream.model.errors import InputError
from masivo_stream.model.results import Line, LineRun, Position

_DEAD_LETTER_FACTOR = 2
"""The line of a dead letter holds its record in base64 (a third more), and its history."""

_AHEAD = 1
"""Blocks that the thread has, beyond the one that the loop waits for. Two are no faster, and take 2 MB more."""


class LineBlock(Struct, frozen=True):
    """The lines of one block, cut apart and not yet validated."""

    source: Source
    pieces: Sequence[LineRun | Line]
    bytes_read: int
    place: Position
    crc: int


class Beside(Struct, frozen=True):
    """A thread that cuts and proves."""

    thread: ThreadPoolExecutor
    prove: ProveText

    def begin(self, cut: Callable[[bytes], list[LineBlock]], block: bytes) -> "asyncio.Future[list[LineBlock]]":
        """Begin to cut a block, after all blocks before it."""
        return asyncio.get_running_loop().run_in_executor(self.thread, cut, block)


@contextmanager
def prove_beside(prove: ProveText) -> Iterator[Beside]:
    """Have a thread that cuts lines, and proves them by `prove`, while the context lasts."""
    thread = ThreadPoolExecutor(1, "prove")
    try:
        yield Beside(thread, prove)
    finally:
        thread.shutdown(cancel_futures=True)


class _Cutter:
    """Cuts the blocks of a source, each after the one before it, in any thread."""

    def __init__(self, source: Source, max_line_bytes: int, most_lines: int, prove: ProveText | None) -> None:
        self._source, self._most_lines = source, most_lines
        self.offset = source.start.offset
        """How far blocks were cut."""
        self._peek = source.start.line > 1
        """Did the line before end with a newline? If not, what follows belongs to it."""
        self._max_line_bytes = _DEAD_LETTER_FACTOR * max_line_bytes if source.is_copy else max_line_bytes
        self._prove = None if prove is None else (prove, most_lines)
        self._lines = self._split(unfinished=False)
        self._prefix = Prefix(offset=source.known[0], crc=source.known[1])

    @property
    def start(self) -> int:
        """Where to begin to read."""
        return self.offset - self._peek

    @property
    def place(self) -> str:
        """The file, the number of the line that is not complete, and the offset at which it begins."""
        return f"{self._source.input.shown_path}:{self._lines.number}, byte {self._lines.offset}"

    def cut(self, read: bytes) -> list[LineBlock]:
        """Return the lines that end in a block."""
        found, end = read, self._source.end
        if self._peek:
            self._lines, self._peek = self._split(unfinished=read[:1] != b"\n"), False
            found = read[1:]
        begin, block = self.offset, found if end is None else found[: end - self.offset]
        pieces = [*portions(self._lines.cut(block), self._most_lines)] or [[]]
        made = []
        for portion, following in zip_longest(pieces, pieces[1:]):
            first = following[0] if following else None
            behind = begin + len(block) if first is None else first.offset
            self._prefix.feed(self.offset, block[self.offset - begin : behind - begin])
            made.append(self._block(portion, behind - self.offset, first))
            self.offset = behind
        return made

    def finish(self) -> LineBlock | None:
        """Return the last line if it has no newline, or a block of no lines; None if the line is not complete."""
        last = self._lines.flush()
        if not all(map(is_complete, last)):
            return None
        self._prefix.finish()
        return self._block(last, 0)

    def _split(self, *, unfinished: bool) -> LineSplitter:
        return LineSplitter(
            max_line_bytes=self._max_line_bytes,
            number=self._source.start.line,
            offset=self._source.start.offset,
            unfinished=unfinished,
            prove=self._prove,
        )

    def _block(
        self, pieces: Sequence[LineRun | Line], bytes_read: int, following: LineRun | Line | None = None
    ) -> LineBlock:
        after = following or self._lines
        end = min(after.offset, self._prefix.offset)  # the checksum does not reach past a mark without a line
        if self._source.settled:
            pieces = list(blank_out(pieces, self._source.settled))
        place = Position(self._source.number, after.number, end)
        return LineBlock(self._source, pieces, bytes_read, place, self._prefix.crc)


async def cut_source(
    source: Source, block_bytes: int, max_line_bytes: int, most_lines: int, beside: Beside | None = None
) -> AsyncGenerator[LineBlock, None]:
    """Yield the lines of a source, block by block, not validated; those of a whole export are proved `beside`.

    Then some blocks are read ahead: a pipe whose writer pauses would hold back what it has written.

    Raises:
        InputError: as `validate_sources` does.
    """
    if source.end is not None or source.is_copy:
        beside = None
    cutter = _Cutter(source, max_line_bytes, most_lines, None if beside is None else beside.prove)
    try:
        async with (
            aclosing(read_blocks(source.input, block_bytes=block_bytes, start=cutter.start)) as blocks,
            aclosing(_cut_in_order(blocks, cutter, beside)) as cuts,
        ):
            async for cut in cuts:
                for each in cut:
                    yield each
                if cutter.offset == source.end:
                    break
    except Truncated as error:
        raise InputError(
            "the compressed file is cut off",
            operation="read the export",
            place=cutter.place,
            hint="copy the file or export again, then start the same command again",
        ) from error
    size = source.input.size if source.end is None else source.end
    if cutter.offset < size and is_plain_file(source.input):
        raise InputError(
            f"the export had {size} bytes at the start, but now ends after {cutter.offset}",
            operation="read the export",
            place=cutter.place,
            hint="the file was shortened while it was being read: restore it, then start the same command again",
        )
    place = cutter.place
    last = cutter.finish()
    if last is None:
        raise InputError(
            "the export ends within a line",
            operation="read the export",
            place=place,
            hint=_finish_line(source.input),
        )
    yield last


async def _cut_in_order(
    blocks: AsyncGenerator[bytes, None], cutter: _Cutter, beside: Beside | None
) -> AsyncGenerator[list[LineBlock], None]:
    """Yield the lines of each block: cut here, or beside this while the next blocks are read."""
    if beside is None:
        async for block in blocks:
            yield cutter.cut(block)
        return
    begun = begin_ahead(blocks, lambda block: beside.begin(cutter.cut, block), _AHEAD)
    async with aclosing(begun):
        async for cut in begun:
            yield await cut


_END_LINE = {
    Compression.PLAIN: "printf '\\n' >> {}",
    Compression.GZIP: "printf '\\n' | gzip >> {}",
    Compression.ZSTANDARD: "printf '\\n' | zstd >> {}",
}


def _finish_line(found: Input) -> str:
    """Return how to complete the last line."""
    if not is_file(found):
        return f"its complete lines were already processed; {FROM_A_PIPE.format(found.name)}"
    if found.stored is not None:
        return (
            "an object cannot be added to: when the export is finished, write it to a further object, and name that one"
            " instead, or end the last line with a newline there; the part that was already read is recognised"
        )
    end = _END_LINE[compression_at(found)].format(shlex.quote(found.path))
    return (
        "start the same command again when the export is finished; if the line will never be finished, end it with a"
        f" newline, and it is validated as it is: {end}"
    )
