import msgspec
import pytest
from core.made import entry, in_runs
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.batch import body_groups, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import Entries, count_lines, lay_out, one_by_one
from masivo_stream.model.progress import Reference, refer
from masivo_stream.model.results import Blank, Line, LineRun


@st.composite
def lines(draw):
    """Make entries of lines of two files in reading order: some lines are missing, some are parts of a record."""
    made, line = [], 0
    for _ in range(draw(st.integers(1, 12))):
        line += draw(st.sampled_from([1, 1, 1, 2]))
        plain = entry(Kind.EVENTS, items=draw(st.integers(1, 3)), line=line, file=draw(st.sampled_from("ffffg")))
        part = msgspec.structs.replace(plain, record_items=9, indexes=tuple(range(plain.items)))
        made.append(draw(st.sampled_from([plain, plain, plain, part])))
    return made


@given(lines())
def test_a_line_run_equals_its_entries(made):
    """In runs or one by one: the same entries, counts, positions and references."""
    runs, singles = Entries(in_runs(made)), Entries(made)
    assert list(runs) == list(one_by_one(in_runs(made))) == made
    assert runs == singles == tuple(made)
    assert hash(runs) == hash(singles)
    assert [runs.copy(index) for index in range(len(runs))] == made
    for facts in ("items", "customers", "low", "high"):
        assert getattr(runs, facts) == getattr(singles, facts)
    assert len(runs) == len(singles) == count_lines(runs.parts) == len(made)
    assert b",".join(runs.joined()) == b",".join(singles.joined()) == b",".join(each.body for each in made)
    references = [tuple(reference) for part in runs.parts for reference in refer(part)]
    fields = Reference.__struct_fields__
    assert references == [tuple(getattr(each, field) for field in fields) for each in made]


@given(lines(), st.sampled_from(Kind))
def test_a_batch_of_line_runs_equals_a_batch_of_their_entries(made, kind):
    """Same id, same body, same positions in it."""
    runs, singles = make_batch(kind, in_runs(made)), make_batch(kind, made)
    assert runs == singles
    assert body_groups(kind, runs.entries) == body_groups(kind, made)


@given(lines())
def test_an_entry_of_a_batch_stays_the_same_object(made):
    """Isolation tells entries apart by identity, so going through them twice must not make them twice."""
    entries = Entries(in_runs(made))
    assert all(before is after for before, after in zip(entries, list(entries), strict=True))
    assert entries[0] is next(iter(entries))
    assert all(some is one for some, one in zip(entries[1:], list(entries)[1:], strict=True))


def test_an_index_beyond_the_last_entry_is_an_error():
    with pytest.raises(IndexError):
        Entries(in_runs([entry(), entry(line=2)])).copy(2)


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_lines_that_are_not_entries_are_between_the_line_runs(plain):
    """Every line has its result, in order, whichever of them are entries."""
    made = [entry(line=number) for number in range(1, len(plain) + 1)]
    run = LineRun(1, [each.body for each in made], [each.offset for each in made], b"")
    odd = {index: Blank(index + 1) for index, whole in enumerate(plain) if not whole}
    kept = [each for each, whole in zip(made, plain, strict=True) if whole]
    found = list(lay_out(run, odd, [each.customer for each in kept], [each.items for each in kept], file="f", source=0))
    assert list(one_by_one(found)) == [
        each if whole else Blank(each.line) for each, whole in zip(made, plain, strict=True)
    ]
    assert found == in_runs(one_by_one(found))


def test_a_line_run_knows_its_lines():
    assert list(LineRun(4, [b"ab", b""], [10, 14], b"")) == [Line(4, 10, b"ab", 2), Line(5, 14, b"", 0)]
