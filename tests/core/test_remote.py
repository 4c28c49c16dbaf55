import pytest
from core.adversarial import ROWS
from core.made import as_bytes, decoder, valid
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, ask
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one

CAP = 4096
BODIES = {
    kind: [
        *(body for row_kind, body, _ in ROWS if row_kind is kind and b"\n" not in body),
        as_bytes(valid(kind)),
        *(as_bytes(valid(kind) | {"id": who, "email": who}) for who in ("other", "another", "yet another")),
        b"x" * (CAP + 1),
    ]
    for kind in Kind
}


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(list(Kind)), st.booleans(), st.integers(1, 3))
def test_workers_give_the_results_of_a_single_decoder(data, kind, strict, count):
    """Whatever the lines, and however many workers answer in turns: the results are those of one decoder."""
    lines = data.draw(st.lists(st.sampled_from(BODIES[kind]), max_size=14))
    export = b"".join(line + data.draw(st.sampled_from([b"\n", b"\r\n"])) for line in lines)
    rules = {"max_line_bytes": CAP, "reject_unknown_fields": strict}
    expected = decoder(kind, **rules).validate_all(LineSplitter(max_line_bytes=CAP).feed(export), "f", 2)
    own = decoder(kind, **rules)
    workers, reader = [RemoteDecoder(own.rules) for _ in range(count)], AnswerReader(own)
    splitter, found = LineSplitter(max_line_bytes=CAP), []
    size = data.draw(st.integers(1, len(export) + 1))
    for turn, start in enumerate(range(0, len(export), size)):
        pieces = splitter.cut(export[start : start + size])
        question = ask(pieces, max_line_bytes=CAP)
        answer = workers[turn % count].answer(question) if question is not None else None
        found += reader.read(answer, pieces, "f", 2)
    assert list(one_by_one(found)) == list(one_by_one(expected))


def test_lines_that_are_too_long_are_not_sent_to_workers():
    """Only the length of a line beyond the cap is checked, so its bytes go nowhere."""
    pieces = LineSplitter(max_line_bytes=CAP).cut(b"x" * (CAP + 1) + b"\n")
    assert ask(pieces, max_line_bytes=CAP) is None


def test_an_empty_line_is_a_line():
    """A question about one empty line is not a question about no line."""
    own = decoder(Kind.EVENTS)
    pieces = LineSplitter(max_line_bytes=CAP).cut(b"\n")
    question = ask(pieces, max_line_bytes=CAP)
    assert question == b""
    assert AnswerReader(own).read(RemoteDecoder(own.rules).answer(question), pieces, "f", 0) == own.validate_all(
        pieces, "f"
    )


def test_a_faulty_rest_of_a_line_does_not_shift_later_lines():
    """The rest of a line from the block before, faulty: those after it keep their own customers."""
    own = decoder(Kind.EVENTS)
    splitter = LineSplitter(max_line_bytes=CAP)
    assert splitter.cut(b"{") == []
    pieces = splitter.cut(b"\n" + b"".join(as_bytes(valid(Kind.EVENTS) | {"id": who}) + b"\n" for who in "abc"))
    question = ask(pieces, max_line_bytes=CAP)
    found = list(one_by_one(AnswerReader(own).read(RemoteDecoder(own.rules).answer(question), pieces, "f", 0)))
    assert found == list(one_by_one(own.validate_all(pieces, "f")))
    assert [each.customer for each in found] == [None, "a", "b", "c"]
