import asyncio
import gzip
import os
import threading
import zlib
from contextlib import aclosing

import msgspec
import pytest
import zstandard
from core.made import as_bytes, decoder, events

from masivo_stream.core.reading.prover import is_built
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.workers.pool import cores
from masivo_stream.flow.pipeline.read_exports import MOST_LINES, WORTH_WORKERS, Helpers, share_work, validate_sources
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import count_lines, one_by_one
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import START
from masivo_stream.model.results import Blank, Entry, Position
from masivo_stream.model.settings import Settings, SourceSettings, UploadSettings


async def test_a_block_of_very_short_lines_is_taken_in_pieces(tmp_path):
    """However short the lines of a block are, the other tasks have their turn after some hundred of them."""
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"\n" * 3000 + as_bytes(events()) + b"\n" + b"x\n" * 2000)
    blocks = validate_sources(
        [Source(find_inputs([str(path)])[0])], decoder(Kind.EVENTS), block_bytes=1 << 20, max_line_bytes=4096
    )
    async with aclosing(blocks) as blocks:
        found = [validated async for validated in blocks]
    results = [result for validated in found for result in one_by_one(validated.found)]
    assert max(count_lines(validated.found) for validated in found) <= MOST_LINES
    assert [result.line for result in results] == list(range(1, 5002))
    assert sum(isinstance(result, Blank) for result in results) == 3000
    assert [result.offset for result in results if isinstance(result, Entry)] == [3000]
    assert sum(validated.bytes_read for validated in found) == found[-1].place.offset == path.stat().st_size


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("pure_python", [False, True])
def test_others_share_the_work_if_validation_is_most_of_it(limited, pure_python):
    """Not if the extension proves lines, nor if a limit paces the requests; a person may decide otherwise."""
    settings = Settings(source=SourceSettings(pure_python=pure_python))
    worth = not limited and (pure_python or not is_built())
    assert share_work(settings, limited=limited) == Helpers(workers=cores() if worth else 1, thread=not limited)
    asked = msgspec.structs.replace(settings, upload=UploadSettings(workers=3))
    assert share_work(asked, limited=limited).workers == 3


async def validate(path, *, start=START, known=(0, 0), block_bytes=1 << 20):
    """Return the results of lines, the last position and checksum, and what ended it; a thread makes no difference."""
    found = await validate_once(path, start, known, block_bytes, WORTH_WORKERS)
    beside = await validate_once(path, start, known, block_bytes, 0)
    assert (*beside[:3], str(beside[3])) == (*found[:3], str(found[3]))
    return found


async def validate_once(path, start, known, block_bytes, worth):
    """Return the same; a thread proves the lines of exports with `worth` bytes."""
    source = Source(find_inputs([str(path)])[0], start=start, known=known)
    lines, place, crc, failure = [], None, None, None
    kept = {"block_bytes": block_bytes, "max_line_bytes": 4096, "helpers": Helpers(worth=worth)}
    blocks = validate_sources([source], decoder(Kind.EVENTS), **kept)
    try:
        async with aclosing(blocks) as blocks:
            async for validated in blocks:
                lines += [(type(result), result.line) for result in one_by_one(validated.found)]
                place, crc = validated.place, validated.crc
    except InputError as error:
        failure = error
    return lines, place, crc, failure


@pytest.mark.parametrize("block_bytes", [1, 7, 500, 1 << 20])
async def test_a_thread_proves_the_same(tmp_path, block_bytes):
    """Good, faulty, blank and long lines, in blocks of any size: the same results, positions and checksums."""
    lines = [GOOD, b"", GOOD + b"\r", b'{"id":"x"}', b"\xef\xbb\xbf" + GOOD, b"x" * 5000, GOOD, GOOD]
    path = tmp_path / "export"
    path.write_bytes(b"\n".join(lines * (3 if block_bytes > 1 else 1)) + b"\n")
    found, place, crc, failure = await validate(path, block_bytes=block_bytes)
    assert failure is None
    assert [number for _, number in found] == list(range(1, place.line))
    assert (place.offset, crc) == (path.stat().st_size, zlib.crc32(path.read_bytes()))


def small_blocks(path):
    """Validate events in small blocks; a thread may help, however little there is to read."""
    kept = {"block_bytes": 4096, "max_line_bytes": 4096, "helpers": Helpers(worth=0)}
    return validate_sources([Source(find_inputs([str(path)])[0])], decoder(Kind.EVENTS), **kept)


@pytest.mark.skipif(not is_built(), reason="there is no extension that proves lines")
async def test_the_thread_ends_with_its_reader(tmp_path):
    """Also if the rest is not wanted, while it has work."""
    path = tmp_path / "export"
    path.write_bytes((GOOD + b"\n") * 5000)
    async with aclosing(small_blocks(path)) as blocks:
        assert count_lines((await anext(blocks)).found) > 0
        assert "prove_0" in {thread.name for thread in threading.enumerate()}
    assert "prove_0" not in {thread.name for thread in threading.enumerate()}


async def test_a_slow_pipe_is_not_read_ahead(tmp_path):
    """What has come is validated, whenever more comes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with aclosing(small_blocks(pipe)) as blocks:
        first = asyncio.ensure_future(anext(blocks))
        writer = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
        os.write(writer, GOOD + b"\n")
        assert count_lines((await asyncio.wait_for(first, 20)).found) == 1
        os.close(writer)


GOOD = as_bytes(events())


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("torn", [GOOD[:1], GOOD[:-1], b"\xc3", b"\0", b"12 {"])
async def test_half_a_line_is_held_back(tmp_path, pack, mark, end, count, torn):
    """Position and checksum stay before it, so that what was read is the beginning of the complete export."""
    path = tmp_path / "export"
    begun = mark + (GOOD + end) * count
    path.write_bytes(pack(begun + torn))
    lines, place, crc, failure = await validate(path)
    assert [number for _, number in lines] == list(range(1, count + 1))
    assert str(failure) == "the export ends within a line"
    assert failure.place == f"{path}:{count + 1}, byte {len(begun)}"
    dealt_with = len(begun) if count else 0
    assert (place, crc) == (Position(0, count + 1, dealt_with), zlib.crc32(begun[:dealt_with]))
    whole = begun + GOOD
    path.write_bytes(pack(whole))
    lines, place, crc, failure = await validate(path, start=place, known=(dealt_with, crc))
    assert (lines, failure) == ([(Entry, count + 1)], None)
    assert (place, crc) == (Position(0, count + 2, len(whole)), zlib.crc32(whole))
    path.write_bytes(pack(whole + b"\n" + GOOD + b"\n"))
    lines, _, _, failure = await validate(path, start=place, known=(len(whole), crc))
    assert (lines, failure) == ([(Entry, count + 2)], None)


@pytest.mark.parametrize("tail", [b"", b" \t", b"\xef\xbb\xbf", b'{"id":"\xff"}', GOOD, GOOD + b"\r"])
async def test_a_complete_last_line_needs_no_newline(tmp_path, tail):
    """So does one that cannot be sent: it is processed as anywhere else."""
    path = tmp_path / "export"
    path.write_bytes(GOOD + b"\n" + tail)
    _, place, crc, failure = await validate(path)
    assert failure is None
    assert (place.offset, crc) == (path.stat().st_size, zlib.crc32(path.read_bytes()))


async def test_a_line_beyond_the_cap_is_held_back_until_its_end(tmp_path):
    """Only its beginning is kept."""
    path = tmp_path / "export"
    path.write_bytes(b'{"id":"' + b"x" * 5000 + b'"}')
    assert (await validate(path))[1].offset == 0
    assert str((await validate(path))[3]) == "the export ends within a line"
