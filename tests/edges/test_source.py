"""Reading exports: whatever the compression, the bytes that were packed come out; damage is reported, never ignored."""

import asyncio
import gzip
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import anyio
import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import masivo_stream
from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.edges.export.source import STDIN, Input, _file_blocks, find_inputs, read_blocks, read_head
from masivo_stream.model.errors import InputError

ROOT = Path(masivo_stream.__file__).parent.parent
LINES = b'{"id":"c-%d","name":"Ana"}\n' * 2000
SMALL = 4096
NAMES = {"plain": "export.ndjson", "gzip": "export.ndjson.gz", "zstandard": "export.ndjson.zst"}
PACK = {"plain": bytes, "gzip": gzip.compress, "zstandard": zstandard.compress}


async def pieces(path, block_bytes=SMALL):
    return [piece async for piece in read_blocks(Input(str(path), 0), block_bytes=block_bytes)]


async def content(path, block_bytes=SMALL):
    return b"".join(await pieces(path, block_bytes))


async def until_the_end(path, block_bytes):
    """Return the bytes, and the name of what ended them."""
    read = []
    try:
        async for piece in read_blocks(Input(str(path), 0), block_bytes=block_bytes):
            read.append(piece)  # noqa: PERF401 - what came before the exception counts
    except (Truncated, InputError) as error:
        return b"".join(read), type(error)
    return b"".join(read), None


anything = st.lists(
    st.one_of(
        st.binary(max_size=2000),
        st.builds(lambda byte, count: bytes([byte]) * count, st.integers(0, 255), st.integers(0, 200_000)),
    ),
    max_size=4,
)
block_sizes = st.sampled_from([1, 2, 7, 255, 256, 257, 1000, 65_536]) | st.integers(1, 5000)
in_files = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@pytest.mark.parametrize("compression", NAMES)
@in_files
@given(parts=anything, block_bytes=block_sizes)
@example(parts=[b"\0" * 300, b"\0"], block_bytes=1)
async def test_any_bytes_in_any_blocks_are_read_unchanged(tmp_path, compression, parts, block_bytes):
    """Several members or frames one after the other are one export; nothing comes out larger than a block."""
    parts = [part[: block_bytes * 500] for part in parts]  # a hop to a thread each: byte by byte, but not for ever
    file = tmp_path / NAMES[compression]
    file.write_bytes(b"".join(PACK[compression](part) for part in [*parts, b""]))
    found = await pieces(file, block_bytes)
    assert b"".join(found) == b"".join(parts)
    assert all(0 < len(piece) <= block_bytes for piece in found)


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["gzip", "zstandard"])
@in_files
@given(data=st.data(), block_bytes=block_sizes)
async def test_a_truncated_export_is_reported_after_its_last_bytes(tmp_path, compression, data, block_bytes):
    """Wherever it is cut: a beginning of the content, then `Truncated`; the blocks' size does not matter."""
    whole = b"".join(b'{"id":"%d"}\n' % (number * 7919) for number in range(300)) + b"\n" * 10_000
    packed = PACK[compression](whole)
    cut = data.draw(st.integers(1, len(packed) - 1))
    file = tmp_path / NAMES[compression]
    file.write_bytes(packed[:cut])
    read, end = await until_the_end(file, block_bytes)
    assert end is Truncated
    assert whole.startswith(read)
    assert read == (await until_the_end(file, 1 << 20))[0]


@pytest.mark.parametrize("compression", NAMES)
async def test_an_empty_export_holds_nothing(tmp_path, compression):
    """Packed or not, no bytes and no error."""
    file = tmp_path / NAMES[compression]
    file.write_bytes(PACK[compression](b""))
    assert await pieces(file) == []


@pytest.mark.parametrize("compression", NAMES)
async def test_a_file_of_no_bytes_holds_nothing(tmp_path, compression):
    """If its name says that it is compressed, even an empty export takes some bytes: so it is cut off."""
    file = tmp_path / NAMES[compression]
    file.touch()
    if compression == "plain":
        assert await pieces(file) == []
    else:
        with pytest.raises(Truncated):
            await pieces(file)


@pytest.mark.parametrize("zeros", [1, 511, 10_000])
async def test_zeros_after_a_gzip_member_are_padding(tmp_path, zeros):
    """Tapes and block devices leave them; `gzip` ignores them, too. A member may follow."""
    file = tmp_path / "export.gz"
    file.write_bytes(gzip.compress(b"one\n") + b"\0" * zeros + gzip.compress(b"two\n") + b"\0" * zeros)
    assert await content(file, 256) == b"one\ntwo\n"


async def test_skippable_zstandard_frames_are_skipped(tmp_path):
    """RFC 8878 3.1.2; pzstd writes one before each frame."""
    skippable = (0x184D2A50).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"abcd"
    file = tmp_path / "export.zst"
    file.write_bytes(skippable + zstandard.compress(b"one\n") + skippable + zstandard.compress(b"two\n") + skippable)
    assert await content(file) == b"one\ntwo\n"


@pytest.mark.parametrize("compression", ["gzip", "zstandard"])
@pytest.mark.parametrize("garbage", [b"x" * 100, b"\x1f\x8b\x08", b"{}\n" * 100])
async def test_garbage_after_the_end_is_reported(tmp_path, compression, garbage):
    """It may be the rest of a damaged export: what came before is handed on, then it is an error."""
    file = tmp_path / NAMES[compression]
    file.write_bytes(PACK[compression](LINES) + garbage)
    read, end = await until_the_end(file, SMALL)
    assert (read, end in (InputError, Truncated)) == (LINES, True)


def checked(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@pytest.mark.parametrize(("name", "pack"), [("x.gz", gzip.compress), ("x.zst", checked)])
@pytest.mark.parametrize("where", [0.0, 0.5, 0.99])
async def test_a_damaged_export_is_reported(tmp_path, name, pack, where):
    """A flipped byte at the start, in the middle or in the checksum: an error with the place, never silence."""
    packed = bytearray(pack(os.urandom(5000)))
    packed[int(where * len(packed))] ^= 0xFF
    file = tmp_path / name
    file.write_bytes(packed)
    with pytest.raises(InputError, match="the compressed file is damaged") as caught:
        await content(file)
    assert caught.value.place == str(file)


@pytest.mark.parametrize("compression", NAMES)
@pytest.mark.parametrize("name", NAMES.values())
async def test_content_shows_the_compression_under_any_name(tmp_path, name, compression):
    """A plain file may be called `.gz`, and a compressed one may not."""
    file = tmp_path / name
    file.write_bytes(PACK[compression](LINES))
    assert await content(file) == LINES
    head = read_head(Input(str(file), 0), 1000)
    assert (head.compression.value, head.plain, head.ended) == (
        "zstd" if compression == "zstandard" else compression,
        LINES[:1000],
        False,
    )
    head = read_head(Input(str(file), 0), len(LINES))
    assert (head.plain, head.ended, head.empty) == (LINES, True, False)


@pytest.mark.parametrize("name", ["X.GZ", "x.Gz", "x.zstd", "x.ZST"])
async def test_a_name_in_capitals_shows_the_compression_too(tmp_path, name):
    """An export whose name is in capitals is compressed, too."""
    file = tmp_path / name
    file.write_bytes((gzip.compress if name.lower().endswith("gz") else zstandard.compress)(LINES))
    assert await content(file) == LINES


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["gzip", "zstandard"])
async def test_a_decompression_bomb_is_read_in_blocks(tmp_path, compression):
    """A hundred megabytes from a small file: no piece larger than a block, memory far below the content."""
    file = tmp_path / NAMES[compression]
    file.write_bytes(PACK[compression](b"0" * 100_000_000))
    total = largest = 0
    tracemalloc.start()
    try:
        async for piece in read_blocks(Input(str(file), 0), block_bytes=65_536):
            total += len(piece)
            largest = max(largest, len(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (total, largest) == (100_000_000, 65_536)
    assert peak < 25_000_000


async def test_a_zstandard_frame_that_needs_too_much_memory_is_refused(tmp_path):
    """A window beyond 128 MiB is an error, not an allocation."""
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    file = tmp_path / "export.zst"
    file.write_bytes(packer.compress(LINES) + packer.flush())
    with pytest.raises(InputError):
        await content(file)


# Finding exports.


def test_names_and_globs_give_inputs_in_order(tmp_path):
    """Names as given, the matches of a glob sorted; sizes as stored."""
    for name, size in (("b.ndjson", 2), ("a.ndjson", 1), ("z.txt", 3)):
        (tmp_path / name).write_bytes(b"x" * size)
    found = find_inputs([str(tmp_path / "z.txt"), str(tmp_path / "*.ndjson")])
    assert [(Path(source.path).name, source.size) for source in found] == [
        ("z.txt", 3),
        ("a.ndjson", 1),
        ("b.ndjson", 2),
    ]


def test_a_name_given_twice_is_one_input(tmp_path):
    """By name and by glob; another spelling or a link is refused (`flow.identity.inspect_exports`)."""
    file = tmp_path / "a.ndjson"
    file.write_bytes(b"{}\n")
    assert find_inputs([str(file), str(tmp_path / "*.ndjson"), str(file)]) == [Input(str(file), 3)]


def test_a_double_star_matches_in_folders(tmp_path):
    """As in a shell with globstar."""
    (tmp_path / "2024" / "05").mkdir(parents=True)
    (tmp_path / "2024" / "05" / "a.ndjson").touch()
    found = find_inputs([f"{tmp_path}/**/*.ndjson"])
    assert [source.path for source in found] == [f"{tmp_path}/2024/05/a.ndjson"]


@pytest.mark.parametrize("name", ["a[1].ndjson", "what?.ndjson", "*.ndjson"])
def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path, name):
    """What exists by exactly that name is meant."""
    (tmp_path / name).touch()
    (tmp_path / "other.ndjson").touch()
    assert [source.path for source in find_inputs([str(tmp_path / name)])] == [str(tmp_path / name)]


def test_standard_input_has_a_name_of_its_own():
    """`-`, of unknown size."""
    assert find_inputs([STDIN]) == [Input("-", 0)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.ndjson", "the export cannot be read: No such file or directory"),
        ("missing-*.ndjson", "no file matches the pattern"),
        ("", "the export cannot be read: No such file or directory"),
        (".", "the export is a directory"),
        ("a\0b", "the export cannot be read: not a file name"),
        ("x" * 5000, "the export cannot be read: File name too long"),
        ("x" * 5000 + "*", "no file matches the pattern"),
        ("dangling.ndjson", "the export cannot be read: No such file or directory"),
    ],
    ids=["missing", "no match", "empty", "directory", "NUL", "too long", "too long a pattern", "dangling"],
)
def test_a_missing_export_is_reported(tmp_path, name, message):
    """Before anything is sent, with the name as it was given."""
    (tmp_path / "dangling.ndjson").symlink_to(tmp_path / "nowhere")
    given_name = f"{tmp_path}/{name}" if name else ""
    with pytest.raises(InputError) as caught:
        find_inputs([given_name])
    assert (str(caught.value), caught.value.place) == (message, given_name)


async def test_an_export_that_was_deleted_is_reported(tmp_path):
    """Found, then deleted."""
    with pytest.raises(InputError, match="No such file or directory"):
        await content(tmp_path / "gone.ndjson")


async def test_a_directory_cannot_be_read(tmp_path):
    """Even if it was named as an input."""
    with pytest.raises(InputError, match="cannot be read"):
        await content(tmp_path)


async def test_an_export_without_permission_is_reported(tmp_path):
    """With the system's word for it."""
    file = tmp_path / "secret.ndjson"
    file.touch(mode=0o000)
    if os.access(file, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(InputError, match="Permission denied"):
        await content(file)


def test_a_name_that_is_not_utf_8_can_be_written_down(tmp_path):
    """Positions and files are UTF-8; the path itself keeps its bytes."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.ndjson"
    Path(os.fsdecode(path)).touch()
    (source,) = find_inputs([os.fsdecode(path)])
    assert os.fsencode(source.path) == path
    assert source.name == f"{tmp_path}/caf\\udce9.ndjson"


# Pipes.


async def test_a_named_pipe_is_read_to_its_end(tmp_path):
    """Also where its writer comes late, pauses, and writes more than the pipe holds."""
    pipe = tmp_path / "pipe.ndjson"
    os.mkfifo(pipe)
    assert find_inputs([str(pipe)]) == [Input(str(pipe), 0)]

    async def write() -> None:
        await asyncio.sleep(0.02)
        stream = await asyncio.to_thread(pipe.open, "wb", buffering=0)
        await asyncio.to_thread(stream.write, LINES[:10])
        await asyncio.sleep(0.02)
        await asyncio.to_thread(stream.write, LINES[10:])
        stream.close()

    async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
        read = tasks.create_task(content(pipe))
        tasks.create_task(write())
    assert read.result() == LINES


async def test_waiting_for_a_pipe_can_be_cancelled(tmp_path):
    """A stop signal must not wait for who never writes."""
    pipe = tmp_path / "pipe.ndjson"
    os.mkfifo(pipe)
    read = asyncio.create_task(content(pipe))
    await asyncio.sleep(0.02)
    read.cancel()
    async with asyncio.timeout(100):
        with pytest.raises(asyncio.CancelledError):
            await read


async def test_reading_a_file_is_not_cancelled_in_the_middle(tmp_path):
    """The thread would go on reading from a descriptor that is closed, or another file's by then.

    A file on a disk is never slow; a pipe in its place is.
    """
    readable, writable = os.pipe()
    read = []
    try:
        async with anyio.create_task_group() as tasks:

            async def read_one():
                read.append(await anext(_file_blocks(readable, 4)))

            tasks.start_soon(read_one)
            tasks.start_soon(write_late, writable)
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
    finally:
        os.close(writable)
    assert read == [b"late"]
    os.close(readable)


async def write_late(pipe):
    with anyio.CancelScope(shield=True):
        await anyio.sleep(0.1)
        os.write(pipe, b"late")


READ_STDIN = """
import asyncio, sys
from masivo_stream.edges.export.source import Input, read_blocks
from masivo_stream.model.errors import InputError

async def main():
    async for block in read_blocks(Input("-", 0), block_bytes=4096):
        sys.stdout.buffer.write(block)

try:
    asyncio.run(main())
except InputError as error:
    sys.exit(str(error))
"""


def read_stdin(**arguments):
    command = [sys.executable, "-c", READ_STDIN]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("blocking", [True, False])
def test_standard_input_may_be_a_pipe(blocking):
    """Slow, in pieces, or left non-blocking by whoever started us (an empty read there is no end)."""
    reading, writing = os.pipe()
    os.set_blocking(reading, blocking)
    with read_stdin(stdin=reading) as process:
        os.close(reading)
        with open(writing, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
            stream.writelines(LINES[start : start + 20_000] for start in range(0, len(LINES), 20_000))
        output, errors = process.communicate(timeout=300)
    assert (output, errors, process.returncode) == (LINES, b"", 0)


@pytest.mark.slow
def test_standard_input_may_be_a_file(tmp_path):
    """Redirected with `<`."""
    file = tmp_path / "export.ndjson"
    file.write_bytes(LINES)
    with file.open("rb") as stream, read_stdin(stdin=stream) as process:
        output, errors = process.communicate(timeout=300)
    assert (output, errors, process.returncode) == (LINES, b"", 0)


@pytest.mark.slow
def test_standard_input_may_be_empty():
    """`/dev/null` is an export of no lines."""
    with read_stdin(stdin=subprocess.DEVNULL) as process:
        output, errors = process.communicate(timeout=300)
    assert (output, errors, process.returncode) == (b"", b"", 0)


@pytest.mark.slow
def test_a_closed_standard_input_is_reported():
    """`<&-` is a mistake to correct, not a bug."""
    command = 'exec "$0" -c "$1" <&-'
    arguments = ["/bin/sh", "-c", command, sys.executable, READ_STDIN]
    done = subprocess.run(arguments, capture_output=True, cwd=ROOT, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"the export cannot be read: ")


@pytest.mark.slow
async def test_bytes_held_back_by_the_decompressor_are_not_lost_at_a_cut(tmp_path):
    """The unpacker holds some back when its output is full; at a cut they still belong to the export."""
    file = tmp_path / "export.gz"
    packed = gzip.compress(b"".join(b'{"id":"%d"}\n' % (number * 7919) for number in range(300)))
    for cut in range(60, 100):
        file.write_bytes(packed[:cut])
        found = {await until_the_end(file, block_bytes) for block_bytes in (7, 10, 1000)}
        assert len(found) == 1
