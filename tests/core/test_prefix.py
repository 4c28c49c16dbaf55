import zlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.fingerprint import Prefix

texts = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"d" * 9]), max_size=40).map(b"".join)


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(point % (len(data) + 1) for point in points)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(texts, st.lists(st.integers(0, 400), max_size=10))
def test_the_prefix_ends_with_the_last_complete_line_for_any_blocks(data, points):
    """Offset and CRC are those of everything up to the last newline; at the end, of everything."""
    prefix, start = Prefix(), 0
    for block in cut(data, points):
        prefix.feed(start, block)
        start += len(block)
        lines = data[: data[:start].rfind(b"\n") + 1]
        assert (prefix.offset, prefix.crc) == (len(lines), zlib.crc32(lines))
    prefix.finish()
    assert (prefix.offset, prefix.crc) == (len(data), zlib.crc32(data))


@given(texts, st.integers(0, 400), st.integers(0, 400), st.lists(st.integers(0, 400), max_size=10))
def test_bytes_fed_again_do_not_count_twice(data, known, begin, points):
    """Continued from what is known, and fed from somewhere before it, it has the same result."""
    known = min(known, len(data))
    start = min(begin, known)
    prefix = Prefix(offset=known, crc=zlib.crc32(data[:known]))
    for block in cut(data[start:], points):
        prefix.feed(start, block)
        start += len(block)
    prefix.finish()
    assert (prefix.offset, prefix.crc) == (len(data), zlib.crc32(data))
