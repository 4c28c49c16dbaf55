"""Read as much of an export as shows whether an account has it: its head, and more only if heads agree."""

from contextlib import AsyncExitStack, aclosing

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.heads import (
    HEAD_BYTES,
    Agreement,
    ExportComparison,
    ExportHead,
    TrailFollower,
    compare,
    take_head,
)
from masivo_stream.edges.export.source import STDIN, Input, begin_stream, is_file, plain_head, read_blocks
from masivo_stream.edges.shared_dir.sent_exports import SentExport
from masivo_stream.model.errors import InputError

_BLOCK = 1 << 20


async def read_export_head(source: Input) -> tuple[Input, ExportHead | None]:
    """Return an input and its head; None if it cannot be inspected without being read.

    The first bytes of standard input are taken, and stay with the input.
    """
    if source.path == STDIN:
        try:
            source = await begin_stream(source, HEAD_BYTES)
        except OSError:
            return source, None
        return source, take_head(plain_head(source), ended=False)
    if not is_file(source):
        return source, None
    content = bytearray()
    try:
        async with aclosing(read_blocks(source, block_bytes=HEAD_BYTES)) as blocks:
            async for block in blocks:
                content += block
                if len(content) >= HEAD_BYTES:
                    return source, take_head(bytes(content[:HEAD_BYTES]), ended=False)
    except Truncated:
        return source, take_head(bytes(content), ended=False)
    except InputError:  # reported when it is read
        return source, None
    return source, take_head(bytes(content), ended=True)


async def pursue(source: Input, head: ExportHead, found: SentExport) -> tuple[Agreement, int]:
    """Return what an export has in common with one that was sent, and up to which byte at least."""
    agreement = compare(head, found.head)
    if agreement.relation != "open" or source.path == STDIN:
        return agreement, 0
    pursuit, known = TrailFollower(found.trail, found.head), found.trail[-1][0] if found.trail else 0
    try:
        async with aclosing(read_blocks(source, block_bytes=_BLOCK)) as blocks:
            async for block in blocks:
                pursuit.feed(block)
                if pursuit.done and pursuit.length > known:
                    break
    except (InputError, Truncated):
        pass  # reported when it is read; what was seen of it counts
    if pursuit.same and not pursuit.done and (differs := await differ_after(source, found.path)) is not None:
        return Agreement(agreement.lines, "overlapping"), differs
    longer = 0 < known < pursuit.length
    return Agreement(agreement.lines, "same" if pursuit.same else "overlapping", longer=longer), pursuit.agreed


async def differ_after(source: Input, known: str) -> int | None:
    """Return after how many bytes a shorter export differs from one that was sent; None if it cannot be known.

    It ends between two checksums, so only the other export can show it, if it is still there.
    """
    twins = ExportComparison()
    try:
        async with AsyncExitStack() as files:
            pair = [
                await files.enter_async_context(aclosing(read_blocks(Input(path, 0), block_bytes=_BLOCK)))
                for path in (source.path, known)
            ]
            while not twins.differ:
                which = twins.lags
                if (block := await anext(pair[which], None)) is None:
                    break
                twins.feed(which, block)
    except (InputError, Truncated):
        return None
    return twins.agreed if twins.differ else None
