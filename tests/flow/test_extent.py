"""How much text there is, and how much is before a position."""

import gzip

from masivo_stream.edges.export.source import find_inputs
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.model.results import Position


def sources(tmp_path, *names):
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 100)
    return [Source(found, n) for n, found in enumerate(find_inputs(str(tmp_path / name) for name in names))]


def test_the_extent_includes_all_earlier_files(tmp_path):
    """All of the earlier files, and the part of this one."""
    extent = Extent(sources(tmp_path, "a", "b", "c"))
    assert (extent.size, extent.before(Position(1, 3, 40)), extent.before(Position(0, 1, 0))) == (300, 140, 0)


def test_appended_bytes_count_once(tmp_path):
    """A file of 60 bytes, then another, then the 40 bytes that were added to the first."""
    first, second = sources(tmp_path, "a", "b")
    extent = Extent([first, second, Source(first.input, 2, begin=Position(2, 5, 60))])
    assert (extent.size, extent.before(Position(1, 1, 10)), extent.before(Position(2, 6, 70))) == (200, 70, 170)


def test_the_extent_of_a_compressed_file_is_unknown(tmp_path):
    """Its text is longer than the file, whatever its name is. A plain file may be called `.gz`."""
    (tmp_path / "c").write_bytes(gzip.compress(b"x" * 100))
    packed = Source(find_inputs([str(tmp_path / "c")])[0], 1)
    assert Extent([*sources(tmp_path, "a"), packed]).size == 0
    assert Extent(sources(tmp_path, "a", "b.gz")).size == 200
