"""Several processes validate as one does: same results in the same order, at the same positions, for any export."""

import gzip
import os
import random
import resource
import signal
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from core.adversarial import ROWS
from core.made import as_bytes, customer, decoder, event, events, transaction, transactions

from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.workers.shared_memory import SharedMemory
from masivo_stream.flow.pipeline.read_exports import Helpers, validate_sources
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one
from masivo_stream.model.errors import InputError, WorkerError
from masivo_stream.model.results import Position

pytestmark = pytest.mark.slow

CAP = 4096
BLOCK = 4000


def make(kind: Kind, number: int) -> bytes:
    """Return a record of one of 150 customers: some come again."""
    who = f"c{number % 150}"
    match kind:
        case Kind.CUSTOMERS:
            return as_bytes(customer(id=who, email=f"e{number % 170}@example.test", name="ñ"))
        case Kind.EVENTS:
            marks = {"reversed_at": "2024-01-01T00:00:00Z"} if number % 7 == 0 else {}
            return as_bytes(events(event(**marks), event(), id=who))
        case Kind.TRANSACTIONS:
            return as_bytes(transactions(transaction(), id=who))


def adversarial(kind: Kind, end: bytes = b"\n") -> bytes:
    """Return an export of everything that careless validation gets wrong, among good, blank and very long lines."""
    chance = random.Random(1)
    lines = [body for row_kind, body, _ in ROWS if row_kind is kind and b"\n" not in body]
    lines += [make(kind, number) for number in range(300)]
    lines += [b"", b"  ", b"x" * (CAP - 1), b"x" * (CAP + 1), b'{"id":"' + b"y" * 3 * CAP + b'"}'] * 3
    chance.shuffle(lines)
    return end.join(lines) + end


def exports(kind: Kind) -> dict[str, bytes]:
    whole = adversarial(kind)
    return {
        "lines.ndjson": whole,
        "crlf.ndjson": adversarial(kind, b"\r\n"),
        "mark.ndjson": b"\xef\xbb\xbf" + whole,
        "no-end.ndjson": whole + make(kind, 1000),
        "packed.ndjson.gz": gzip.compress(whole),
        "torn.ndjson.gz": gzip.compress(whole)[:-40],
        "none.ndjson": b"",
    }


async def validate(sources: list[Source], kind: Kind, workers: int) -> tuple[list[object], list[object], str]:
    """Return results, positions with checksums, and the message of what ended it."""
    results, places, failure = [], [], ""
    blocks = validate_sources(
        sources,
        decoder(kind, max_line_bytes=CAP),
        block_bytes=BLOCK,
        max_line_bytes=CAP,
        helpers=Helpers(workers=workers, worth=0),
    )
    try:
        async with aclosing(blocks) as blocks:
            async for validated in blocks:
                results.extend(one_by_one(validated.found))
                places.append((validated.place, validated.bytes_read, validated.crc))
    except InputError as error:
        failure = str(error)
    return results, places, failure


@pytest.mark.parametrize("kind", list(Kind))
async def test_any_number_of_workers_gives_the_same_results(tmp_path, kind):
    """One process, two and three give the same results, over several files, with duplicates from one to the other."""
    for name, content in exports(kind).items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in sorted(exports(kind)) if name != "torn.ndjson.gz"]
    for chosen in (paths, [*paths, str(tmp_path / "torn.ndjson.gz")]):
        sources = [Source(found, number) for number, found in enumerate(find_inputs(chosen))]
        expected = await validate(sources, kind, 1)
        assert [await validate(sources, kind, workers) for workers in (2, 3)] == [expected] * 2
        assert bool(expected[2]) == (chosen is not paths)


async def test_reading_may_begin_anywhere(tmp_path):
    """Started at a line in the middle, workers give what one process gives from there."""
    path = tmp_path / "lines.ndjson"
    path.write_bytes(adversarial(Kind.EVENTS))
    found = find_inputs([str(path)])[0]
    lines = path.read_bytes().split(b"\n")
    start = Position(0, 200, sum(len(line) + 1 for line in lines[:199]))
    source = Source(found, start=start, known=(start.offset, 77))
    expected = await validate([source], Kind.EVENTS, 1)
    assert await validate([source], Kind.EVENTS, 2) == expected


async def test_sockets_replace_shared_memory_if_it_is_forbidden(tmp_path):
    """A system may forbid it, for example by the limit on open files."""
    path = tmp_path / "lines.ndjson"
    path.write_bytes(adversarial(Kind.EVENTS))
    sources = [Source(find_inputs([str(path)])[0])]
    expected = await validate(sources, Kind.EVENTS, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # no file may be larger: a memfd is one
    try:
        with pytest.raises(OSError, match="too large"):
            SharedMemory(1, 8192)
        assert await validate(sources, Kind.EVENTS, 2) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def children() -> list[int]:
    """Return the processes this one has started."""
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]


async def test_a_lost_worker_ends_the_reading(tmp_path):
    """A killed worker ends the reading with an error of its own, and leaves no process behind."""
    path = tmp_path / "lines.ndjson"
    path.write_bytes(b"".join(make(Kind.EVENTS, number) + b"\n" for number in range(3000)))
    before = set(children())
    blocks = validate_sources(
        [Source(find_inputs([str(path)])[0])],
        decoder(Kind.EVENTS),
        block_bytes=BLOCK,
        max_line_bytes=CAP,
        helpers=Helpers(workers=3, worth=0),
    )
    async with aclosing(blocks) as blocks:
        await anext(blocks)
        workers = set(children()) - before
        assert len(workers) == 2
        os.kill(min(workers), signal.SIGKILL)
        with pytest.raises(WorkerError):
            async for _ in blocks:
                pass
    assert set(children()) & workers == set()


async def test_a_reader_that_stops_early_leaves_no_worker(tmp_path):
    """Closed in the middle, or cancelled, the workers are gone afterwards."""
    path = tmp_path / "lines.ndjson"
    path.write_bytes(adversarial(Kind.EVENTS))
    before = set(children())
    sources = [Source(find_inputs([str(path)])[0])]
    with anyio.CancelScope() as scope:
        blocks = validate_sources(
            sources, decoder(Kind.EVENTS), block_bytes=BLOCK, max_line_bytes=CAP, helpers=Helpers(workers=2, worth=0)
        )
        async with aclosing(blocks) as blocks:
            async for _ in blocks:
                scope.cancel()
    assert set(children()) == before


async def test_a_small_export_starts_no_worker(tmp_path):
    """What takes a moment is validated in this process. How much a pipe holds is not known."""
    path = tmp_path / "lines.ndjson"
    path.write_bytes(make(Kind.EVENTS, 1) + b"\n")
    before = set(children())
    blocks = validate_sources(
        [Source(find_inputs([str(path)])[0])],
        decoder(Kind.EVENTS),
        block_bytes=BLOCK,
        max_line_bytes=CAP,
        helpers=Helpers(workers=2),
    )
    async with aclosing(blocks) as blocks:
        async for _ in blocks:
            assert set(children()) == before
