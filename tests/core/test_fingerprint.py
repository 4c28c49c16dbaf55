from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.fingerprint import Fingerprint, Normaliser

BOM = b"\xef\xbb\xbf"
TEXTS = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r", BOM, BOM[:2], b" "]), max_size=30).map(b"".join)


def normalised(data, size):
    normaliser = Normaliser()
    text = b"".join(normaliser.feed(data[start : start + size]) for start in range(0, len(data), size))
    return text + normaliser.finish()


@given(TEXTS, st.integers(1, 40))
def test_byte_order_marks_and_line_ends_do_not_count(data, size):
    """However the bytes are cut: no mark at the start, CR LF as LF, no newline at the end."""
    assert normalised(data, size) == data.removeprefix(BOM).replace(b"\r\n", b"\n").rstrip(b"\n")


@given(TEXTS, st.lists(st.integers(0, 40), max_size=5), st.integers(1, 9))
def test_a_beginning_has_the_fingerprint_of_its_text(text, lengths, size):
    """A mark at a length is the fingerprint of the text of that length; beyond the end there is no mark."""
    mark = Fingerprint(lengths)
    for start in range(0, len(text), size):
        mark.feed(text[start : start + size])
    mark.feed(b"")
    for length in lengths:
        short = Fingerprint()
        short.feed(text[:length])
        assert mark.marks.get(length) == (short.digest() if length <= len(text) else None)
    whole = Fingerprint()
    whole.feed(text)
    assert (mark.length, mark.digest()) == (len(text), whole.digest())
