"""Each export is named once and is an export: this is checked before anything is sent or noted."""

import gzip
import json
import os
import time
from itertools import product

import pytest
import zstandard

from masivo_stream.edges.export.source import find_inputs
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError

BOM = b"\xef\xbb\xbf"


def lines(count, start=0):
    return b"".join(
        json.dumps({"id": f"c-{number}", "name": "A" * 60}).encode() + b"\n" for number in range(start, start + count)
    )


async def look(*events, customers=()):
    named = {Kind.CUSTOMERS: find_inputs(map(str, customers)), Kind.EVENTS: find_inputs(map(str, events))}
    await inspect_exports(named)


COPIES = {
    "a copy": lambda text: text,
    "gzip": gzip.compress,
    "zstandard": zstandard.compress,
    "gzip in members": lambda text: gzip.compress(text[:100]) + gzip.compress(text[100:]),
    "a mark": lambda text: BOM + text,
    "Windows": lambda text: text.replace(b"\n", b"\r\n"),
    "no last newline": lambda text: text[:-1],
    "more newlines": lambda text: text + b"\n\n",
    "all of it": lambda text: gzip.compress(BOM + text.replace(b"\n", b"\r\n")[:-2]),
}


@pytest.mark.parametrize(("name", "count"), [*product(COPIES, [1, 3, 1000]), ("gzip", 20_000), ("Windows", 20_000)])
async def test_a_copy_is_refused_by_name(tmp_path, name, count):
    """However it is compressed, and whatever its line ends are. Both are named."""
    (tmp_path / "events-1.ndjson").write_bytes(lines(count))
    (tmp_path / "events-2.ndjson").write_bytes(COPIES[name](lines(count)))
    (tmp_path / "events-3.ndjson").write_bytes(lines(5, start=10**6))
    with pytest.raises(ConfigurationError) as caught:
        await look(tmp_path / "events-*.ndjson")
    first, second = tmp_path / "events-1.ndjson", tmp_path / "events-2.ndjson"
    assert str(caught.value) == f"{second} holds the same records as {first}"


@pytest.mark.parametrize(
    ("short", "count", "torn"),
    [(1, 3, 0), (1, 3, 1), *product([3], [4], [0, 1, 30]), (50, 5000, 30), (5000, 5001, 0), (15_000, 20_000, 30)],
)
async def test_an_older_copy_is_refused(tmp_path, short, count, torn):
    """Whatever its name and size are, even if it was cut in the middle of a line."""
    text = lines(count)
    (tmp_path / "b.ndjson").write_bytes(lines(short)[: -torn or None])
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(text))
    with pytest.raises(ConfigurationError, match=r"a\.ndjson\.gz begins with all records of .*b\.ndjson"):
        await look(tmp_path / "*.ndjson*")


async def test_one_file_is_one_export_under_any_name(tmp_path, monkeypatch):
    """A hard link, a symbolic link, another spelling, another kind. The same name twice is one input."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ndjson").write_bytes(lines(2))
    os.link("a.ndjson", "hard.ndjson")
    (tmp_path / "soft.ndjson").symlink_to("a.ndjson")
    for other in ("hard.ndjson", "soft.ndjson", "./a.ndjson", f"{tmp_path}/a.ndjson", f"../{tmp_path.name}/a.ndjson"):
        with pytest.raises(ConfigurationError) as caught:
            await look("a.ndjson", other)
        assert str(caught.value) == f"{other} is the same file as a.ndjson"
        with pytest.raises(ConfigurationError) as caught:
            await look("a.ndjson", customers=[other])
        assert str(caught.value) == f"a.ndjson is the same file as {other}, for customers and for events"
    with pytest.raises(ConfigurationError, match=r"^a\.ndjson is named twice, for customers and for events$"):
        await look("a.ndjson", customers=["a.ndjson"])
    await look("a.ndjson", "a.ndjson", "a*.ndjson")


async def test_a_copy_for_another_kind_is_refused(tmp_path):
    """All its lines would be dead letters there, or worse."""
    (tmp_path / "a.ndjson").write_bytes(lines(3))
    (tmp_path / "b.ndjson").write_bytes(lines(3))
    with pytest.raises(ConfigurationError, match=r"holds the same records as .*, for customers and for events"):
        await look(tmp_path / "b.ndjson", customers=[tmp_path / "a.ndjson"])


async def test_exports_that_only_begin_alike_are_accepted(tmp_path):
    """The same first lines, the same first megabyte, blank lines, or half a line."""
    for name, text in {
        "a": lines(20_000),
        "b": lines(19_999) + lines(1, start=10**6),
        "c": lines(15_000) + lines(5_000, start=10**6),
        "d": lines(1) + lines(3, start=10**6),
        "e": b"",
        "f": b"",
        "g": b"\n\n",
        "h": b"\r\n",
        "i": b'{"id":"c-',
        "j": gzip.compress(b""),
    }.items():
        (tmp_path / name).write_bytes(text)
    await look(tmp_path / "?")


async def test_thousands_of_parts_are_inspected_quickly(tmp_path):
    """Only the first lines of each are read. Only those that begin alike are read to the end."""
    for number in range(2000):
        (tmp_path / f"part-{number:04}.ndjson").write_bytes(lines(2, start=10 * number))

    begun = time.process_time()  # not the time that other programs take
    await look(tmp_path / "*.ndjson")
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("name", ["x.gz", "x.zst", "x.ndjson.GZ"])
async def test_an_empty_compressed_file_is_truncated(tmp_path, name):
    """Even an empty export takes some bytes when it is compressed."""
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="the compressed file is empty"):
        await look(tmp_path / name)


async def test_a_file_that_is_not_an_export_is_refused_with_a_remedy(tmp_path):
    """It is refused by its true name, even if it was compressed afterwards."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(gzip.compress(lines(3).decode().encode("utf-16")))
    with pytest.raises(InputError) as caught:
        await look(path)
    assert str(caught.value) == "the export is encoded in UTF-16, not in UTF-8, inside gzip"
    assert caught.value.place == str(path)
    assert caught.value.hint == (
        f"gzip -dc < {path} | iconv -f UTF-16 -t UTF-8 > {path}.ndjson; then name {path}.ndjson instead"
    )


async def test_exports_with_a_long_first_line_are_compared_further(tmp_path):
    """A record of hundreds of kilobytes, or a line that is bad for that long."""
    (tmp_path / "a").write_bytes(json.dumps({"id": "a", "name": "A" * 300_000}).encode() + b"\n" + lines(2))
    (tmp_path / "b").write_bytes(b"[" + b"0," * 100_000 + b"0]\n" + lines(2, start=5))
    await look(tmp_path / "?")
