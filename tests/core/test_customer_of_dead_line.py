"""Whose line a dead letter is: certain, possible, or unknown. What belongs to that customer waits."""

import pytest
from core.made import as_bytes, customer, decoder
from core.made import validate as validate_line

from masivo_stream.core.reading.marks import possible_ids
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, ask
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import LineRun, Rejected

HEAD = b'{"id":"c-1",'
REST = as_bytes(customer(email=5)).partition(b",")[2]
DEEP = b'"note":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b","
"""Deeper than any Python reads: 3.13 reads ten thousand levels."""

LINES = [
    # The customer is certain.
    (HEAD + b'"nick":"Jos\xe9",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"note":"\xff\xfe",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"\xe9":1,' + REST, "c-1", ("c-1",)),
    (HEAD + b'"note":"\xe9","other":{"id":"c-2"},' + REST, "c-1", ("c-1",)),
    (HEAD + b'"note":"\xe9","id":"c-1",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"id":"c-1",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"\\u0069d":"c-1",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"id":"c-\\u0031",' + REST, "c-1", ("c-1",)),
    (HEAD + b'"note":{"id":"c-2"},' + REST, "c-1", ("c-1",)),
    (HEAD + b'"deleted":"perhaps",' + REST, "c-1", ("c-1",)),
    # It may be one of these.
    (HEAD + b'"id":"c-2",' + REST, None, ("c-1", "c-2")),
    (HEAD + b'"id":7,' + REST, None, ("c-1",)),
    (HEAD + b'"id":["c-1"],' + REST, None, ("c-1",)),
    (HEAD + b'"note":"\xe9","id":"c-2",' + REST, None, ("c-1", "c-2")),
    (HEAD + b'"id":"c-1\xe9",' + REST, None, ("c-1",)),
    # It cannot be read.
    (b'{"id":"c-\xe9",' + REST, None, ()),
    (b'{"id":7,' + REST, None, ()),
    (b'{"id":["c-1"],"id":7,' + REST, None, ()),
    (b"{" + REST, None, ()),
    (HEAD + REST[:-1], None, ()),
    (HEAD + DEEP + REST, None, ()),
    (b"[" + HEAD + REST + b"]", None, ()),
]


def validate_elsewhere(lines):
    """Return the results of lines that another process validates."""
    run = LineRun(1, lines, [0] * len(lines), b"\n".join(lines))
    rules = Rules(kind=Kind.CUSTOMERS, max_line_bytes=1 << 24, thorough=True)
    answer = RemoteDecoder(rules).answer(ask([run], max_line_bytes=1 << 24))
    return AnswerReader(decoder(Kind.CUSTOMERS)).read(answer, [run], "f", 0)


@pytest.mark.parametrize(("line", "certain", "possible"), LINES)
def test_the_customer_of_a_dead_line(line, certain, possible):
    """Wrong bytes elsewhere, and the same id twice, leave no doubt; two ids do."""
    result = validate_line(Kind.CUSTOMERS, line)
    assert (type(result), result.customer) == (Rejected, certain)
    assert possible_ids(line) == possible
    (remote,) = validate_elsewhere([line])
    assert remote.customer == certain


@pytest.mark.parametrize("broken", [HEAD + b'"nick":"\xe9",' + REST, HEAD + b'"id":"c-1",' + REST])
def test_a_customer_with_a_good_line_before_arrives(broken):
    """So the broken line takes nothing along, and names its duplicate."""
    good = as_bytes(customer(id="c-1"))
    run = LineRun(1, [good, broken], [0, 0], good + b"\n" + broken)
    _, here = decoder(Kind.CUSTOMERS).validate_all([run], "customers", 0)
    _, there = validate_elsewhere([good, broken])
    for result in (here, there):
        assert result.customer is None
        assert result.faults[-1].reason == "duplicate_id"
