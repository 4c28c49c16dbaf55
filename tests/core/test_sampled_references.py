"""References beside a dry run: exact for a small export; of a large one a fair part, with true places."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading import sampled_references
from masivo_stream.core.reading.references import ReferenceCollector
from masivo_stream.core.reading.sampled_references import SampledReferences
from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.results import Blank


def run_of(count, line, reward="r", file="t"):
    body = {"id": "c", "transactions": [{"reward_id": reward, "amount": 1}]}
    bodies = [msgspec.json.encode(body)] * count
    return EntryRun(
        file=file,
        source=1,
        line=line,
        bodies=bodies,
        offsets=list(range(count)),
        customers=["c"] * count,
        items=[1] * count,
    )


@pytest.fixture
def few(monkeypatch):
    """Only ten lines of a kind are all looked at."""
    monkeypatch.setattr(sampled_references, "ALL_UP_TO", 10)


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from("abc")), max_size=10))
def test_a_small_export_is_looked_at_completely(runs):
    """The same as without a sample."""
    sampled, whole, line = SampledReferences(), ReferenceCollector(), 1
    for count, reward in runs:
        found = [run_of(count, line, reward)]
        sampled.add(Kind.TRANSACTIONS, found)
        whole.add(Kind.TRANSACTIONS, found)
        line += count
    assert sampled.result() == whole.result()
    assert sampled.looked_at == sampled.lines == sum(count for count, _ in runs)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("size", [1, 7, 16, 1000, 80_000])
def test_one_line_in_eight_of_a_large_export_is_looked_at(size):
    """However its lines come: what was looked at is counted, and the places are right."""
    sampled, lines = SampledReferences(), 80_000
    for line in range(1, lines + 1, size):
        count = min(size, lines + 1 - line)
        sampled.add(Kind.TRANSACTIONS, [run_of(count, line), Blank(1)] if line == 1 else [run_of(count, line)])
    used = sampled.result().by_sort[ReferenceSort.REWARD]
    assert sampled.lines == lines
    assert used.uses == sampled.looked_at
    assert abs(sampled.looked_at - lines / 8) < lines * 0.01
    (first,) = used.listed
    assert (first.file, first.line) == ("t", 1)


@pytest.mark.usefixtures("few")
def test_each_kind_begins_with_lines_that_are_all_looked_at():
    """And what is looked at does not depend on how lines come together."""
    whole, parts = SampledReferences(), SampledReferences()
    for kind in (Kind.TRANSACTIONS, Kind.EVENTS):
        if kind is Kind.TRANSACTIONS:
            whole.add(kind, [run_of(500, 1)])
            parts.add(kind, [run_of(1, line) for line in range(1, 501)])
    assert whole.looked_at == parts.looked_at > 10
    assert whole.result() == parts.result()


@pytest.mark.usefixtures("few")
def test_an_export_with_a_rhythm_is_seen():
    """A reward on every 128th line only, as a stretch of fixed distance would never or always meet it."""
    for phase in (0, 1, 64, 127):
        sampled = SampledReferences()
        for line in range(1, 40_001):
            sampled.add(Kind.TRANSACTIONS, [run_of(1, line, "rare" if line % 128 == phase else "r")])
        counts = {each.id: each.uses for each in sampled.result().by_sort[ReferenceSort.REWARD].listed}
        assert 10 < counts["rare"] < 90


@pytest.mark.usefixtures("few")
def test_places_are_those_of_the_lines():
    """Each line names a reward of its own, and the place of each is right."""
    sampled = SampledReferences()
    bodies = [run_of(1, line, f"r{line}").bodies[0] for line in range(1, 1001)]
    whole = msgspec.structs.replace(run_of(1000, 1), bodies=bodies)
    sampled.add(Kind.TRANSACTIONS, [whole])
    listed = sampled.result().by_sort[ReferenceSort.REWARD].listed
    assert len(listed) == sampled.looked_at > 50
    assert all(each.id == f"r{each.line}" for each in listed)
