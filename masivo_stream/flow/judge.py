"""Source → lines → decode: the first half of the journey, shared by validate, plan and migrate."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from functools import partial

import anyio.lowlevel
from msgspec import Struct

from masivo_stream.core.decode import Decoder
from masivo_stream.core.letters import judge_letters
from masivo_stream.core.lines import LineSplitter
from masivo_stream.core.prefix import Prefix
from masivo_stream.edges.source import Input, Truncated, is_plain_file, read_blocks
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import START
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Judgement, Line, Place, Rejected
from masivo_stream.model.settings import Settings

_MANY_LINES = 8192
_PORTION = 1 << 14
_LETTER_FACTOR = 2
"""A letter's line holds its record in base64 (a third more), and its history."""


class Judged(Struct, frozen=True):
    """What became of the lines of one block."""

    judgements: Sequence[Judgement]
    bytes_read: int
    place: Place
    """The place after them."""
    crc: int
    """CRC-32 of the source's plain bytes before that place."""


class Source(Struct, frozen=True):
    """An input and where to begin in it."""

    input: Input
    number: int = 0
    start: Place = START
    unfinished: bool = False
    """The line before `start` was the source's last one, and had no newline."""
    known: tuple[int, int] = (0, 0)
    """So many bytes of it are known to have this CRC-32: the frontier of an earlier process."""
    letters: bool = False
    """A retry's own copy of dead letters."""
    begin: Place = START
    """Its first line: not the file's where this is what a file has grown by."""

    @property
    def name(self) -> str:
        """What its entries call it: a copy in the state directory by its bare name, however that was spelled."""
        return self.input.name.rpartition("/")[2] if self.letters else self.input.name


def make_decoder(kind: Kind, settings: Settings) -> Decoder:
    """Return the decoder the settings ask for."""
    validation = settings.validation
    return Decoder(
        kind,
        max_line_bytes=validation.max_line_bytes,
        remember_ids=validation.remember_ids,
        reject_unknown_fields=validation.unknown_fields == "reject",
        discounted_value_optional=validation.discounted_value == "optional",
    )


async def judge_sources(
    sources: Iterable[Source], decoder: Decoder, *, block_bytes: int, max_line_bytes: int
) -> AsyncGenerator[Judged, None]:
    """Yield what becomes of each line of the sources, a block at a time.

    A compressed file that ends in the middle gives its complete lines; the torn one is rejected.

    Raises:
        InputError: an input cannot be read, or ended in the middle. What came before it was yielded.
    """
    for source in sources:
        async with aclosing(_judge_source(source, decoder, block_bytes, max_line_bytes)) as judged_blocks:
            async for judged in judged_blocks:
                yield judged


async def _judge_source(
    source: Source, decoder: Decoder, block_bytes: int, max_line_bytes: int
) -> AsyncGenerator[Judged, None]:
    name, offset = source.name, source.start.offset
    judge = partial(judge_letters, decoder) if source.letters else decoder.judge_all
    lines = LineSplitter(
        max_line_bytes=_LETTER_FACTOR * max_line_bytes if source.letters else max_line_bytes,
        number=source.start.line,
        offset=offset,
        unfinished=source.unfinished,
    )
    prefix = Prefix(offset=source.known[0], crc=source.known[1])
    try:
        async with aclosing(read_blocks(source.input, block_bytes=block_bytes, start=offset)) as blocks:
            async for block in blocks:
                for portion in _portions(block):
                    prefix.feed(offset, portion)
                    offset += len(portion)
                    judgements = judge(lines.cut(portion), name, source.number)
                    yield Judged(judgements, len(portion), Place(source.number, lines.number, lines.offset), prefix.crc)
                    # A block in the page cache comes without waiting: let the others have their turn.
                    await anyio.lowlevel.checkpoint()
    except Truncated as error:
        torn = [_torn(line, name) for line in lines.flush()]
        yield Judged(torn, 0, Place(source.number, lines.number, lines.offset), prefix.crc)
        raise InputError(
            "the compressed file ends in the middle",
            operation="read the export",
            place=name,
            hint="copy or export it again; its complete lines have been dealt with",
        ) from error
    if offset < source.input.size and is_plain_file(source.input):
        torn = [_torn(line, name) for line in lines.flush()]
        yield Judged(torn, 0, Place(source.number, lines.number, lines.offset), prefix.crc)
        raise InputError(
            f"the export had {source.input.size} bytes at the start, and ends after {offset}",
            operation="read the export",
            place=name,
            hint="somebody cut it while it was read: restore it, then start again",
        )
    prefix.finish()
    last = judge(lines.flush(), name, source.number)
    yield Judged(last, 0, Place(source.number, lines.number, lines.offset), prefix.crc)


def _portions(block: bytes) -> Sequence[bytes]:
    """Cut a block of very many lines: each is some hundred bytes here, however short, and takes its time."""
    if block.count(b"\n") <= _MANY_LINES:
        return (block,)
    return [block[start : start + _PORTION] for start in range(0, len(block), _PORTION)]


def _torn(line: Line, file: str) -> Rejected:
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=Reason.TRUNCATED_INPUT,
        field="",
        message="the export ends within this line",
        raw=line.body,
    )
