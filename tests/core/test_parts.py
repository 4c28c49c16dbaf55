"""Parts: each line belongs to one of them, columns say what decoding says, and an answer is whole or refused."""

import zlib
from array import array

import pytest
from core.adversarial import ROWS
from core.made import as_bytes, event, events, valid
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.note_format import WORDS, SharedHash, where
from masivo_stream.core.parts.answer_format import (
    PREFIX,
    SUFFIX,
    AnswerAbout,
    AnswerWriter,
    Damage,
    PartChecks,
    check_end,
    read_checks,
    read_columns,
    read_header,
    read_notes,
    read_prefix,
)
from masivo_stream.core.parts.divide import divide
from masivo_stream.core.parts.join_crcs import join_crcs
from masivo_stream.core.parts.line_columns import ColumnReader, ColumnWriter
from masivo_stream.core.parts.planes import from_planes, to_planes
from masivo_stream.core.reading.lines import LineSplitter, aligned, lines_of
from masivo_stream.core.reading.remote import RemoteDecoder, interleave
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.parts import PartInput

CAP = 4096
BODIES = {kind: [body for row, body, _ in ROWS if row is kind and b"\n" not in body] for kind in Kind}
for some_kind in Kind:
    BODIES[some_kind] += [
        as_bytes(valid(some_kind) | {"id": name, "email": f"{name}@x.y"}) for name in ("a", "aa", "é")
    ]
    BODIES[some_kind].append(as_bytes(valid(some_kind)).replace(b'"c"', rb'"\u0063"'))
BODIES[Kind.EVENTS].append(as_bytes(events(event(), event(order=event()["order"] | {"purchase_id": "ev"}), id="q")))


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans())), st.integers(1, 40))
def test_every_byte_is_in_one_part(inputs, parts):
    """In reading order, whatever the number of parts; a compressed input is in one of them as a whole."""
    named = [PartInput(Kind.EVENTS, "", size, packed, b"") for size, packed in inputs]
    found = [each for part in range(1, parts + 1) for each in divide(named, part, parts)]
    at = dict.fromkeys(range(len(named)), 0)
    for stretch in found:
        each = named[stretch.source]
        assert (stretch.end is None) == each.compressed
        assert stretch.start == at[stretch.source]
        at[stretch.source] = each.size if stretch.end is None else stretch.end
        assert at[stretch.source] > stretch.start
    assert [at[source] for source in at] == [each.size for each in named]
    assert [stretch.source for stretch in found] == sorted(stretch.source for stretch in found)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(list(Kind)))
def test_columns_give_what_decoding_gives(data, kind):
    """Whatever the lines are, and however they are cut: with the lines that are validated again, nothing is missing."""
    drawn = data.draw(st.lists(st.sampled_from(BODIES[kind]), max_size=14))
    pieces = LineSplitter(max_line_bytes=CAP).cut(b"".join(body + b"\n" for body in drawn))
    bodies = [line.body for line in lines_of(pieces)]
    rules = Rules(kind=kind, max_line_bytes=CAP, sign_events=kind is Kind.EVENTS)
    writer, decoder = ColumnWriter(), RemoteDecoder(rules)
    for piece in pieces:
        writer.add(*decoder.validate([piece], ""))
    packed = writer.take()
    assert packed.lines == len(bodies)
    reader, start = ColumnReader(packed), 0
    skipped = data.draw(st.integers(0, len(bodies)))
    reader.skip(skipped)
    bodies = bodies[skipped:]
    while start < len(bodies):
        some = bodies[start : start + data.draw(st.integers(1, len(bodies)))]
        alone, others = reader.read(some)
        own = decoder.results(b"\n".join([some[index] for index in alone])) if alone else None
        found = others if own is None else interleave(others, alone, own)
        assert found == decoder.results(b"\n".join(some))
        start += len(some)
    assert reader.left == 0


@given(st.lists(st.integers(0, (1 << 32) - 1)))
def test_numbers_come_back_from_planes(numbers):
    """As they were."""
    content = array("I", numbers).tobytes()
    assert from_planes(to_planes(content, 4), 4) == content


@given(st.lists(st.binary(max_size=400), max_size=6))
def test_the_crc_of_pieces_is_that_of_the_whole(pieces):
    """Also of pieces without bytes."""
    joined = 0
    for piece in pieces:
        joined = join_crcs(joined, zlib.crc32(piece), len(piece))
    assert joined == zlib.crc32(b"".join(pieces))


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 200), st.integers(1, 7))
def test_portions_end_at_the_same_lines_however_blocks_are_cut(lengths, block, most):
    """So an answer does not depend on how much is read at once."""
    text = b"".join(b"x" * length + b"\n" for length in lengths)
    splitter, found = LineSplitter(max_line_bytes=20), []
    for start in range(0, len(text), block):
        for portion in aligned(splitter.cut(text[start : start + block]), most):
            lines = [line.number for line in lines_of(portion)]
            assert len({(number - 1) // most for number in lines}) == 1
            found += lines
    assert found == list(range(1, len(lengths) + 1))


def test_a_shared_hash_is_the_same_on_all_machines():
    """Of one export: another one has other hashes, and a pair is no text."""
    one = SharedHash(b"export")
    assert one("c-1") == 427_961_434_567_168_646 == SharedHash(b"export")("c-1") != SharedHash(b"other")("c-1")
    assert len({one("ab"), one(("a", "b")), one(("", "ab")), one(("ab", ""))}) == 4
    assert 0 < one.number("reward") < 1 << 54


ABOUT = AnswerAbout(b"export", b"settings", 2, 3, 2)
NOTES = [
    array("q", [1, 2, 3, where(0, 1), 5, 6, -7, 8, -9, where(1, 4), 11, 12]),
    array("q", [9, 9, 9, where(1, 1), 9, 9]),
]


def answer():
    decoder, writer, columns = (
        RemoteDecoder(Rules(kind=Kind.EVENTS, max_line_bytes=CAP)),
        AnswerWriter(ABOUT),
        ColumnWriter(),
    )
    pieces = LineSplitter(max_line_bytes=CAP).cut(b"".join(body + b"\n" for body in BODIES[Kind.EVENTS]))
    columns.add(*decoder.validate(pieces, ""))
    writer.add_columns(columns.take())
    writer.end_stretch(0, 10, 90, 7)
    writer.add_notes(NOTES)
    return writer.finish(PartChecks({}, Collector(3).pack(), [], []))


def read(content):
    """Read an answer as its reader does; return its parts."""
    length = read_prefix(content[: PREFIX.size])
    header = read_header(content[PREFIX.size : PREFIX.size + length])
    body = content[PREFIX.size + length : -SUFFIX.size]
    if len(body) != header.body:
        raise Damage
    check_end(content[-SUFFIX.size :], zlib.crc32(content[: -SUFFIX.size]))

    def frame(found):
        return body[found.offset : found.offset + found.length]

    notes = [each for found in header.notes for each in read_notes(found, frame(found), {0: 0, 1: 1 << 35})]
    columns = [read_columns(frame(found)) for stretch in header.stretches for found in stretch.frames]
    return header, columns, notes, read_checks(frame(header.checks))


def test_an_answer_comes_back_as_it_was_written():
    """What it is of, its lines, its notes with the lines counted on, and its checks."""
    header, columns, notes, checks = read(answer())
    assert header.about == ABOUT
    (lines,) = header.stretches
    assert (lines.begin, lines.end, lines.lines, lines.crc) == (10, 90, len(BODIES[Kind.EVENTS]), 7)
    assert 0 < columns[0].again < columns[0].lines == lines.lines
    assert [partition for partition, _ in notes] == [0, 1]
    moved = [*NOTES[0][:WORDS], *NOTES[0][WORDS : WORDS + 3], where(1, 4 + (1 << 35)), 11, 12]
    assert list(notes[0][1]) == moved
    assert notes[1][1][3] == where(1, 1 + (1 << 35))
    assert checks.totals == {}


@settings(max_examples=60)
@given(st.data())
def test_an_answer_that_is_not_whole_is_refused(data):
    """Whatever byte is changed, and wherever it is cut off."""
    content = bytearray(answer())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Damage):
        read(bytes(content))
