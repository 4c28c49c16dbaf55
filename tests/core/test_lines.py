from itertools import pairwise

import pytest
from core.made import decoder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.lines import KEPT_OF_LONG_LINES, LineSplitter, is_complete, lines_of, portions
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import Line, LineRun

BOM = b"\xef\xbb\xbf"
PIECES = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        b"bcd",
        b'{"x":1}',
        "\u2028".encode(),
        "\x85".encode(),
        b"\x0b\x0c",
        b"\x00",
        BOM,
        BOM[:2],
    ]
)
SOURCES = st.lists(PIECES, max_size=30).map(b"".join) | st.lists(PIECES, max_size=30).map(b"".join).map(BOM.__add__)
PROVE = decoder(Kind.EVENTS).prove_text
"""None if there is no extension."""
CAPS = st.integers(0, 12) | st.just(1 << 20)


def reference(data: bytes, *, cap: int = 1 << 20) -> list[Line]:
    """Split whole data the simple way, by looking for one newline after the other."""
    lines, start = [], 0
    while start < len(data):
        end = data.find(b"\n", start)
        stop = len(data) if end < 0 else end
        body = data[start:stop].removesuffix(b"\r")
        begin, start = start, stop + 1
        while body.startswith(BOM):
            begin, body = begin + len(BOM), body[len(BOM) :]
        if end < 0 and not body and begin == len(data):
            break
        kept = body if len(body) <= cap else body[: min(cap, KEPT_OF_LONG_LINES)]
        lines.append(Line(len(lines) + 1, begin, kept, len(body)))
    return lines


def split(blocks, *, cap: int = 1 << 20, number: int = 1, offset: int = 0) -> list[Line]:
    """Feed the blocks to a new splitter, and flush it. One that lets its lines be proved finds the same."""
    blocks = list(blocks)
    splitter = LineSplitter(max_line_bytes=cap, number=number, offset=offset)
    found = [*(line for block in blocks for line in splitter.feed(block)), *splitter.flush()]
    if PROVE is not None:
        proving = LineSplitter(max_line_bytes=cap, number=number, offset=offset, prove=(PROVE, 3))
        pieces = [piece for block in blocks for piece in proving.cut(block)]
        assert all(len(piece.bodies) <= 3 for piece in pieces if isinstance(piece, LineRun) and piece.proof)
        assert [*lines_of(pieces), *proving.flush()] == found
        assert (proving.number, proving.offset) == (splitter.number, splitter.offset)
    return found


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut data into blocks of these sizes, the rest in one."""
    blocks = []
    for size in sizes:
        blocks.append(data[:size])
        data = data[size:]
    return [*blocks, data]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(SOURCES, st.lists(st.integers(0, 9), max_size=30), CAPS)
@example(BOM[:2], [1], 5)
@example(BOM + b"\n", [1, 1, 1], 5)
@example(b"0123456789\r\n", [9, 2], 4)
@example(b"x" * 1100 + b"\r\n", [1101], 1100)
def test_blocks_of_any_size_give_the_same_lines(data, sizes, cap):
    """However the bytes are cut into blocks, lines and positions are the same."""
    expected = reference(data, cap=cap)
    assert split([data], cap=cap) == expected
    assert split(cut(data, sizes), cap=cap) == expected
    assert split([data[index : index + 1] for index in range(len(data))], cap=cap) == expected


@pytest.mark.slow
@given(SOURCES, st.integers(1, 20), CAPS)
def test_lines_within_the_cap_are_in_one_run(data, size, cap):
    """A run's lines are within the cap and cut from its text; as many as follow one another are in it."""
    splitter = LineSplitter(max_line_bytes=cap)
    for block in (data[start : start + size] for start in range(0, len(data), size)):
        runs = [piece for piece in splitter.cut(block) if isinstance(piece, LineRun)]
        for run in runs:
            assert run.bodies
            assert all(len(body) <= cap and body in run.text for body in run.bodies)
        for before, after in pairwise(runs):
            assert after.number > before.number + len(before.bodies)


@given(SOURCES, st.integers(1, 4), CAPS)
def test_portions_of_a_line_run_hold_the_same_lines(data, most, cap):
    """The same number of lines in each but the last, none lost, none moved; a part's text holds its bodies."""
    splitter = LineSplitter(max_line_bytes=cap)
    pieces = splitter.cut(data)
    taken = list(portions(pieces, most))
    assert [line for portion in taken for line in lines_of(portion)] == list(lines_of(pieces))
    sizes = [len(list(lines_of(portion))) for portion in taken]
    assert all(size == most for size in sizes[:-1])
    assert all(0 < size <= most for size in sizes)
    runs = [piece for portion in taken for piece in portion if isinstance(piece, LineRun)]
    assert all(body in run.text for run in runs for body in run.bodies)


@given(SOURCES, st.integers(1, 9))
def test_resume_from_any_line_gives_the_tail(data, size):
    """Started at the number and offset of any line, on the bytes from there, it gives that line and the rest."""
    lines = split([data])
    for index, line in enumerate(lines):
        rest = data[line.offset :]
        blocks = [rest[start : start + size] for start in range(0, len(rest), size)]
        assert split(blocks, number=line.number, offset=line.offset) == lines[index:]


def test_a_line_ends_only_at_a_newline():
    """A carriage return, a vertical tab and a line separator inside a line do not end it; CRLF does."""
    inside = b"a\rb\x0bc\x0c" + "\u2028\u2029\x85".encode()
    assert [line.body for line in split([inside + b"\r\n" + inside])] == [inside, inside]


def test_a_byte_order_mark_at_the_beginning_of_a_line_is_dropped():
    """Joined files have marks further down as well: such a line starts behind it; elsewhere it belongs to the line."""
    assert split([BOM + b"a\n" + BOM * 2 + b"b" + BOM + b"\n"]) == [
        Line(1, 3, b"a", 1),
        Line(2, 11, b"b" + BOM, 4),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' {"id": "a"} ',
        b'{"id":"\xff"}',
        b"12",
        b"[" * 5000 + b"]" * 5000,
        b'[{"a":"}]\\""}]',
        b"",
        b" \t",
        b'{"id":"a"}\r',
    ],
)
def test_a_value_with_its_end_is_complete(body):
    """Whatever else is wrong with it; a blank line is complete, too."""
    (line,) = split([body]) or [Line(1, 0, b"", 0)]
    assert is_complete(line)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"id":"a"',
        b'{"id":"\xc3',
        b'{"id":"a"} {',
        b'{"id":"a"}}',
        b"[" * 5000 + b"]" * 4999,
        b"[" * 5000 + b'"',
        b"tru",
        b"\0",
        BOM[:2],
    ],
)
def test_a_value_without_its_end_is_incomplete(body):
    """Cut anywhere, also within a character."""
    (line,) = split([body])
    assert not is_complete(line)


def test_a_line_beyond_the_cap_may_be_complete_or_not():
    """Only its beginning is kept."""
    (line,) = split([b'{"id":"a"}'], cap=5)
    assert not is_complete(line)


def test_a_file_shorter_than_a_byte_order_mark_is_a_line():
    """Bytes that only begin like a mark are content."""
    assert split([BOM[:1], BOM[1:2]]) == [Line(1, 0, BOM[:2], 2)]


def test_a_long_line_is_counted_but_not_kept():
    """Beyond the cap a line keeps its beginning and its exact length, and what is held meanwhile stays small."""
    cap, block, blocks = 4096, b"x" * 1000, 500
    splitter = LineSplitter(max_line_bytes=cap)
    most = 0
    for _ in range(blocks):
        assert splitter.feed(block) == []
        most = max(most, sum(map(len, splitter._tail)))
    length = len(block) * blocks
    assert splitter.feed(b"y\r\nz\n") == [
        Line(1, 0, b"x" * KEPT_OF_LONG_LINES, length + 1),
        Line(2, length + 3, b"z", 1),
    ]
    assert most <= cap + 1 + len(block)


def test_a_newline_that_comes_later_belongs_to_the_line_before():
    """A source that ended without newline was appended to: the lines after it have the numbers they would have had."""
    for end, start in ((b"\n", 3), (b"\r\n", 3), (b"", 3)):
        splitter = LineSplitter(max_line_bytes=100, number=2, offset=start, unfinished=True)
        lines = splitter.feed(end + b"new\n")
        assert [(line.number, line.offset, line.body) for line in lines] == [(2, start + len(end), b"new")]


@given(SOURCES, st.lists(st.integers(0, 9), max_size=30))
@example(b"\r\na\n", [1])
@example(b"\ra\n", [1])
def test_what_comes_later_is_cut_the_same_in_blocks_of_any_size(data, sizes):
    """Also if a block ends within the newline that was missing."""
    found = []
    for blocks in ([data], cut(data, sizes)):
        splitter = LineSplitter(max_line_bytes=1 << 20, number=2, offset=3, unfinished=True)
        lines = [line for block in blocks for line in splitter.feed(block)] + splitter.flush()
        found.append((lines, splitter.number, splitter.offset))
    assert found[0] == found[1]
