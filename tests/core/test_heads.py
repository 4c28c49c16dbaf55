"""An export is recognised by its content, whatever other programs do to a file without changing a record."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.fingerprint import (
    MOST_STEPS,
    ExportComparison,
    TrailFollower,
    add_step,
    compare,
    take_head,
)

BOM = b"\xef\xbb\xbf"
LINES = st.lists(st.binary(min_size=1, max_size=9).map(lambda line: b"x" + line.translate(None, b"\r\n")), min_size=1)


def written(lines, *, bom, crlf, last):
    end = b"\r\n" if crlf else b"\n"
    return (BOM if bom else b"") + end.join(lines) + (end if last else b"")


FORMS = st.fixed_dictionaries({"bom": st.booleans(), "crlf": st.booleans(), "last": st.booleans()})


def blocks(content, sizes):
    at = 0
    for size in sizes:
        yield content[at : at + size]
        at += size
    yield content[at:]


@given(LINES, FORMS, FORMS)
def test_the_same_lines_have_the_same_head(lines, one, other):
    """A byte order mark, the ends of lines and the last line feed do not count."""
    heads = [take_head(written(lines, **form), ended=True) for form in (one, other)]
    assert heads[0].digests == heads[1].digests
    assert compare(*heads).relation == "same"


@given(LINES, LINES, LINES)
def test_heads_are_compared_by_their_lines(common, one, other):
    """Equal, longer and shorter exports are the same; those that begin alike and then differ overlap; others differ."""
    new, known = (take_head(b"\n".join([*common, *rest]) + b"\n", ended=True) for rest in (one, other))
    expected = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    found = compare(new, known)
    if expected is None:
        assert (found.relation, found.longer) == ("same", len(one) > len(other))
    else:
        assert (found.relation, found.lines) == ("overlapping", len(common) + expected)
    assert compare(take_head(b"other\n", ended=True), known).relation == "different"


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", BOM, BOM + b"\n  \n", b" \t "])
def test_an_empty_export_agrees_with_nothing(content):
    """Nothing of it could be sent twice."""
    empty = take_head(content, ended=True)
    assert empty.digests == ()
    assert compare(empty, empty).relation == "different"


def test_the_rest_decides_if_both_heads_are_full():
    """The heads alone do not decide."""
    head = take_head(b"a\nb\nc", ended=False)
    assert len(head.digests) == 2
    assert compare(head, head).relation == "open"
    assert compare(take_head(b"a\nb\n", ended=True), head).relation == "same"


def test_a_line_longer_than_a_head_is_compared_as_it_is():
    """It has no end to be known by."""
    one, other = (take_head(b"x" * 100 + tail, ended=False) for tail in (b"a", b"b"))
    assert compare(one, one).relation == "open"
    assert compare(one, other).relation == "different"


@given(LINES, FORMS, FORMS, st.lists(st.integers(1, 7)), st.data())
def test_a_trail_is_followed_through_another_form(lines, one, other, sizes, data):
    """Whatever the blocks; and a change before its end is noticed."""
    known, content = written(lines, **one | {"last": True}), written(lines, **other | {"last": True})
    ends = [at + 1 for at, byte in enumerate(known) if byte == 10]
    trail = [(end, zlib.crc32(known[:end])) for end in ends]
    head = take_head(known, ended=True)
    if head.ends == "mixed":
        return
    pursuit = TrailFollower(trail, head)
    for block in blocks(content, sizes):
        pursuit.feed(block)
    assert (pursuit.same, pursuit.done, pursuit.agreed) == (True, True, len(known))
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = [*lines[:at], lines[at] + b"!", *lines[at + 1 :]]
    pursuit = TrailFollower(trail, head)
    pursuit.feed(written(changed, **other | {"last": True}))
    assert not pursuit.same
    assert pursuit.agreed == (ends[at - 1] if at else 0)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3000))
def test_a_trail_has_few_steps_and_keeps_its_last(lengths):
    """The last step proves most."""
    trail, length = (), 0
    for each in lengths:
        length += each
        trail = add_step(trail, (length, length))
    assert len(trail) <= MOST_STEPS
    assert trail[-1] == (length, length)
    assert list(trail) == sorted(trail)
    assert add_step(trail, (length, 0)) == trail


@given(LINES, FORMS, FORMS, st.lists(st.integers(1, 7)), st.lists(st.integers(1, 7)), st.binary(max_size=3))
def test_two_exports_differ_at_their_first_different_line(lines, one, other, sizes, others, tail):
    """Compared block by block."""
    contents = [written(lines, **one | {"last": True}) + tail, written(lines, **other | {"last": True})]
    twins, pieces = ExportComparison(), [iter(blocks(contents[0], sizes)), iter(blocks(contents[1], others))]
    for _ in range(10_000):
        which = twins.lags
        block = next(pieces[which], None)
        if block is None:
            break
        twins.feed(which, block)
    assert not twins.differ
    twins = ExportComparison()
    twins.feed(0, b"aaXa")
    twins.feed(1, b"aaYa")
    assert (twins.differ, twins.agreed) == (True, 2)
