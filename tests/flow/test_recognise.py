"""The exports that a run knows are recognised by their text. Other traits count only if nothing was read."""

import gzip
import os
import zlib

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.edges.export.identity import take_identity
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.flow.identity.known_exports import (
    KnownExport,
    Moved,
    Recogniser,
    find_again,
    prove,
    read_moved,
    real_path,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError

LINES = b"".join(b'{"id":"%d"}\n' % number for number in range(50_000))
HALF = len(LINES) // 2
NOT_MOVED = Moved(())


def known(path, read=HALF, content=LINES):
    return KnownExport(str(path), real_path(str(path)), take_identity(str(path)), read, zlib.crc32(content[:read]))


def write(path, content):
    """Write so that the time of change differs, however coarse the clock is."""
    path.write_bytes(content)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.ndjson"
    path.write_bytes(LINES)
    return path


async def look(path, before, *, full=False):
    (found,) = find_inputs([str(path)])
    return await prove(found, before, full=full)


@pytest.mark.parametrize(
    ("content", "grown"),
    [
        (LINES, True),
        (LINES + b'{"id":"new"}\n', True),
        (LINES[:HALF], False),
        (LINES[:-9] + b"X" * 9, True),
        (gzip.compress(LINES), True),
        (gzip.compress(LINES, 1) + gzip.compress(b"more"), True),
        (zstandard.compress(LINES[:HALF]), False),
        (gzip.compress(LINES)[:-100], True),
    ],
)
async def test_the_text_proves_an_export(export, content, grown):
    """It may be rewritten, appended to, cut or changed after what was read, or compressed.

    Whether text follows is known.
    """
    before = known(export)
    write(export, content)
    proof = await look(export, before)
    assert proof is not None
    assert proof.grown is grown
    assert proof.identity == take_identity(str(export))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("at", [0, 1000, HALF - 1])
async def test_one_changed_byte_prevents_the_proof(export, at, pack):
    """Anywhere, also between the sampled blocks."""
    before = known(export)
    write(export, pack(LINES[:at] + b"~" + LINES[at + 1 :]))
    assert await look(export, before) is None


@pytest.mark.parametrize("content", [LINES[: HALF - 1], b"", gzip.compress(LINES)[:300], LINES.replace(b"\n", b"\r\n")])
async def test_a_shorter_file_or_other_line_ends_prevent_the_proof(export, content):
    """Cut, emptied, cut while compressed, or written by another system."""
    before = known(export)
    write(export, content)
    assert await look(export, before) is None


async def test_an_unchanged_file_is_not_read(export):
    """Size, time of change and samples are unchanged, so its checksum does not matter, except in a full check."""
    before = known(export, content=bytes(len(LINES)))
    assert await look(export, before) is not None
    assert await look(export, before, full=True) is None


async def test_a_change_that_hides_its_time_is_found_by_samples(export):
    """Size and time are as before: the sampled blocks still reveal a rewritten file."""
    before = known(export)
    times = export.stat().st_mtime_ns
    export.write_bytes(bytes(reversed(LINES)))
    os.utime(export, ns=(times, times))
    assert await look(export, before) is None


async def test_a_pipe_can_be_continued_only_as_a_file(tmp_path, export):
    """Unless nothing of it was read."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("-", str(pipe)):
        before = KnownExport(path, "", take_identity(path), HALF, zlib.crc32(LINES[:HALF]))
        assert await look(path, before) is None
        assert await look(export, before) is not None
        assert await look(path, KnownExport(path, "", take_identity(path), 0, 0)) is not None


async def among(exports, *paths, moved=NOT_MOVED):
    found = await Recogniser(Kind.EVENTS, exports, moved, full=False).among(find_inputs(map(str, paths)))
    return {name: each.input.path for name, each in found.items()}


contents = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n"]), max_size=3).map(b"".join)
PACKS = [bytes, gzip.compress, zstandard.compress]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(contents, contents), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    packs=st.lists(st.sampled_from(PACKS), min_size=4, max_size=4),
)
async def test_any_exchange_of_paths_is_recognised_or_asked_about(tmp_path_factory, texts, order, packs):
    """Whatever was read, grown or moved: no file is taken for an export whose text it does not have."""
    folder = tmp_path_factory.mktemp("exports")
    exports = []
    for number, (read, _) in enumerate(texts):
        (folder / str(number)).write_bytes(read)
        exports.append(known(folder / str(number), len(read), read))
    places = list(range(len(texts)))
    order.shuffle(places)
    for (read, grown), place, pack in zip(texts, places, packs, strict=False):
        write(folder / str(place), pack(read + grown))
    try:
        found = await among(exports, *(folder / str(place) for place in sorted(places)))
    except (ConfigurationError, InputError):
        return
    assert len(set(found.values())) == len(texts)
    for export in exports:
        proof = await look(found[export.name], export)
        assert proof is not None


async def test_a_read_export_is_matched_before_an_unread_one(tmp_path):
    """They have swapped paths. The export of which nothing was read may be any file, the other one may not."""
    read, unread = tmp_path / "read", tmp_path / "unread"
    read.write_bytes(b"a\nb\n")
    unread.write_bytes(b"c\nd\n")
    exports = [known(unread, 0, b""), known(read, 2, b"a\nb\n")]
    read.rename(tmp_path / "x")
    unread.rename(read)
    (tmp_path / "x").rename(unread)
    assert await among(exports, read, unread) == {str(read): str(unread), str(unread): str(read)}


async def test_the_longest_match_is_preferred(tmp_path):
    """What was read of one is the beginning of what was read of another: each finds its own."""
    for name, text in (("a", b"x\ny\n"), ("b", b"x\nz\n")):
        (tmp_path / name).write_bytes(text)
    exports = [known(tmp_path / "a", 2, b"x\n"), known(tmp_path / "b", 4, b"x\nz\n")]
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "d")
    found = await among(exports, tmp_path / "d", tmp_path / "c")
    assert found == {str(tmp_path / "a"): str(tmp_path / "c"), str(tmp_path / "b"): str(tmp_path / "d")}


async def test_a_flag_counts_only_if_the_text_agrees(tmp_path, export):
    """By name or by path; what was read is proven in both cases."""
    before = known(export)
    other = tmp_path / "other"
    other.write_bytes(LINES[::-1])
    export.rename(tmp_path / "moved")
    for old in (before.name, f"{tmp_path}/./export.ndjson"):
        assert await among([before], tmp_path / "moved", moved=read_moved([f"{old}={tmp_path}/moved"]))
        with pytest.raises(InputError, match="is not the one the last run read"):
            await among([before], other, moved=read_moved([f"{old}={other}"]))
    with pytest.raises(ConfigurationError, match="is not among the named exports"):
        await among([before], other, moved=read_moved([f"{export}={tmp_path}/moved"]))


@pytest.mark.parametrize("word", ["", "a", "=b", "a="])
def test_a_malformed_flag_is_reported(word):
    """It needs an old and a new path, with an equals sign in between."""
    with pytest.raises(ConfigurationError, match="does not name an old and a new path"):
        read_moved([word])


@pytest.mark.parametrize("read", [0, HALF])
async def test_an_export_is_found_beside_the_state_directory_it_was_moved_with(tmp_path, export, read):
    """It is found by its path relative to that, if its content proves it. The flag comes first."""
    before = known(export, read)
    (tmp_path / "new").mkdir()
    export.rename(tmp_path / "new" / export.name)
    places = (f"{tmp_path}/state", f"{tmp_path}/new/state")
    found = await find_again(before, moved=NOT_MOVED, state_dirs=places, full=False, patience=Patience())
    assert (found.input.path, found.input.name) == (f"{tmp_path}/new/export.ndjson", str(export))
    for dirs in (("", places[1]), (places[0], places[0])):
        with pytest.raises(InputError, match="is not where it was"):
            await find_again(before, moved=NOT_MOVED, state_dirs=dirs, full=False, patience=Patience())
        word = read_moved([f"{export}={tmp_path}/new/export.ndjson"])
        assert await find_again(before, moved=word, state_dirs=dirs, full=False, patience=Patience())
    write(tmp_path / "new" / export.name, b"~" + LINES[1:])
    with pytest.raises(InputError, match="is not the one the last run read"):
        await find_again(before, moved=NOT_MOVED, state_dirs=places, full=False, patience=Patience())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", f"it had {len(LINES)} bytes and is empty now"),
        (LINES[:1000], f"{HALF} bytes of it were read, but now it has only 1000"),
        (b"~" + LINES[1:], f"something changed in its first {HALF} bytes, which were already processed, near byte 0"),
        (gzip.compress(b"~" + LINES[1:]), f"something changed in the first {HALF} bytes of its text"),
    ],
)
async def test_a_change_is_reported_with_its_place(export, content, what):
    """If that is known."""
    before = known(export)
    write(export, content)
    with pytest.raises(InputError) as caught:
        await among([before], export)
    assert str(caught.value) == f"the export is not the one the last run read: {what}"
    assert caught.value.place == str(export)


async def test_a_person_chooses_between_two_matching_files(tmp_path):
    """Both are named, each with the flag that chooses it."""
    for name, text in (("old", b"x\n"), ("a", b"x\ny\n"), ("b", b"x\nz\n")):
        (tmp_path / name).write_bytes(text)
    before = known(tmp_path / "old", 2, b"x\n")
    (tmp_path / "old").unlink()
    with pytest.raises(ConfigurationError, match="more than one file begins with the part that was read") as caught:
        await among([before], tmp_path / "a", tmp_path / "b")
    words = [f"--moved {before.name}={tmp_path}/{name}" for name in "ab"]
    assert caught.value.hint == f"add {words[0]} or {words[1]}"


async def test_an_emptied_export_is_refused(tmp_path):
    """That also holds if nothing of it was read. One that was always empty is still an export."""
    for name, text in (("full", b"x\n"), ("empty", b"")):
        (tmp_path / name).write_bytes(text)
    exports = [known(tmp_path / "full", 0, b""), known(tmp_path / "empty", 0, b"")]
    (tmp_path / "full").write_bytes(b"")
    with pytest.raises(InputError, match="it had 2 bytes and is empty now"):
        await among(exports, tmp_path / "full", tmp_path / "empty")
    (tmp_path / "full").write_bytes(b"x\n")
    assert await among(exports, tmp_path / "full", tmp_path / "empty")
