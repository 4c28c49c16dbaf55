"""Source → lines → decode: the first half of the journey, shared by validate, plan and migrate."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import anyio.lowlevel
from msgspec import Struct

from masivo_stream.core.decode import Decoder
from masivo_stream.core.lines import LineSplitter
from masivo_stream.edges.source import Input, Truncated, read_blocks
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Judgement, Line, Rejected
from masivo_stream.model.settings import Settings


class Judged(Struct, frozen=True):
    """What became of the lines of one block."""

    judgements: list[Judgement]
    bytes_read: int


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


async def judge_inputs(
    inputs: Iterable[Input], decoder: Decoder, *, block_bytes: int, max_line_bytes: int
) -> AsyncGenerator[Judged, None]:
    """Yield what becomes of each line of the inputs, a block at a time.

    A compressed file that ends in the middle gives its complete lines; the torn one is rejected.

    Raises:
        InputError: an input cannot be read, or ended in the middle. What came before it was yielded.
    """
    for source in inputs:
        lines = LineSplitter(max_line_bytes=max_line_bytes)
        try:
            async with aclosing(read_blocks(source, block_bytes=block_bytes)) as blocks:
                async for block in blocks:
                    yield Judged([decoder.judge(line, source.name) for line in lines.feed(block)], len(block))
                    # A block in the page cache comes without waiting: let the others have their turn.
                    await anyio.lowlevel.checkpoint()
        except Truncated as error:
            yield Judged([_torn(line, source.name) for line in lines.flush()], 0)
            raise InputError(
                "the compressed file ends in the middle",
                operation="read the export",
                place=source.name,
                hint="copy or export it again; its complete lines have been dealt with",
            ) from error
        yield Judged([decoder.judge(line, source.name) for line in lines.flush()], 0)


def _torn(line: Line, file: str) -> Rejected:
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=Reason.TRUNCATED_INPUT,
        field="",
        message="the compressed file ends within this line",
        raw=line.body,
    )
