"""Stretches of exports: whole lines, from all over a plain file, and how much text a compressed one holds."""

import gzip
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.export.sample import STRETCH, sample_text
from masivo_stream.edges.export.source import find_inputs


def text_of(lines, longest=200, seed=1):
    chance = random.Random(seed)
    texts = (chance.randbytes(chance.randrange(longest)).hex().encode() for _ in range(lines))
    return b"".join(b"%07d %s\n" % each for each in enumerate(texts))


def sample(tmp_path, content, name="a.ndjson", places=8):
    (tmp_path / name).write_bytes(content)
    (found,) = find_inputs([str(tmp_path / name)])
    return sample_text(found, places)


@given(st.integers(0, 6000), st.sampled_from([10, 300]), st.integers(2, 9))
def test_stretches_are_whole_lines_of_the_file(tmp_path_factory, lines, longest, places):
    """Of a small file all of them; the size is that of the file."""
    text = text_of(lines, longest)
    found = sample(tmp_path_factory.mktemp("x"), text, places=places)
    own = set(text.splitlines(keepends=True))
    assert all(line in own for stretch in found.stretches for line in stretch.splitlines(keepends=True))
    assert (found.size, found.spread) == (len(text), True)
    assert len(text) > places * STRETCH or b"".join(found.stretches) == text
    assert not text or any(found.stretches)


def test_lines_that_are_longer_than_a_stretch_are_found(tmp_path):
    """A customer may have thousands of transactions."""
    text = b"".join(b"x" * 100_000 + b"\n" for _ in range(40))
    found = sample(tmp_path, text)
    assert {line for stretch in found.stretches for line in stretch.splitlines()} == {b"x" * 100_000}


def zstd(text, **options):
    return zstandard.ZstdCompressor(**options).compress(text)


@pytest.mark.parametrize(
    ("pack", "name", "within"),
    [
        (gzip.compress, "a.ndjson.gz", 0.0),
        (zstd, "a.ndjson.zst", 0.0),
        (lambda text: zstd(text, write_content_size=False), "a.ndjson.zst", 0.1),
        (lambda text: gzip.compress(text[: len(text) // 2]) + gzip.compress(text[len(text) // 2 :]), "a.gz", 0.1),
        (lambda text: text and gzip.compress(text)[:-4] + b"\xff\xff\xff\x00", "a.gz", 0.1),
    ],
)
@pytest.mark.parametrize("lines", [50, 30_000])
def test_the_text_of_a_compressed_export_is_measured(tmp_path, pack, name, within, lines):
    """Exactly if the file says it, else about; what a file claims of one of its parts is not believed."""
    text = text_of(lines)
    found = sample(tmp_path, pack(text), name=name)
    assert found.size == pytest.approx(len(text), rel=within)
    (stretch,) = found.stretches
    assert text.startswith(stretch)
    assert stretch.endswith(b"\n")


def test_a_damaged_file_says_nothing(tmp_path):
    """The run reports it when it reads it."""
    found = sample(tmp_path, b"\x1f\x8b" + b"\xff" * 100_000, name="a.gz")
    assert (found.stretches, found.size) == ((b"",), 0)
