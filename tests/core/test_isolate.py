from core.made import entry
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.isolate import Isolation
from masivo_stream.model.record import Entry

ENTRIES = [entry(line=number) for number in range(60)]


class Oracle:
    """A server that refuses any batch with a culprit, and remembers what it took."""

    def __init__(self, culprits: set[int]) -> None:
        self.culprits, self.accepted, self.requests = culprits, [], 0

    def takes(self, batch: list[Entry]) -> bool:
        assert batch
        self.requests += 1
        if self.culprits.intersection(each.line for each in batch):
            return False
        self.accepted += [each.line for each in batch]
        return True


def halvings(count: int) -> int:
    """Return ⌈log2 count⌉."""
    return (count - 1).bit_length()


@given(st.sets(st.integers(0, 59), max_size=59), st.integers(0, 60), st.integers(1, 20))
def test_exactly_the_culprits_are_found(culprits, count, most):
    """Driven until nothing is left, it finds each culprit, everything else arrives once, at the stated cost."""
    waiting, oracle = ENTRIES[:count], Oracle(culprits)
    found, bound = [], 0
    while waiting:
        batch, waiting = waiting[:most], waiting[most:]
        bound += 1
        if oracle.takes(batch):
            continue
        bound += halvings(len(batch)) + (len(batch) > 1)
        isolation = Isolation(batch)
        while not isolation.done:
            isolation.settle(accepted=oracle.takes(isolation.part))
        found.append(isolation.culprit.line)
        waiting = [*isolation.rest, *waiting]
    assert sorted(found) == sorted(culprits.intersection(range(count)))
    assert sorted(oracle.accepted) == sorted(set(range(count)) - culprits)
    assert oracle.requests <= bound


@given(st.integers(1, 60), st.data())
def test_every_entry_has_one_place(count, data):
    """At any time an entry is accepted, among the suspects, or in the rest, and the order of the batch is kept."""
    isolation, accepted = Isolation(ENTRIES[:count]), []
    requests = 0
    while not isolation.done:
        part, taken = isolation.part, data.draw(st.booleans())
        assert part == isolation.suspects[: len(part)]
        assert part
        assert len(part) < len(isolation.suspects) or len(part) == 1
        isolation.settle(accepted=taken)
        requests += 1
        accepted += part if taken else []
        places = sorted([*accepted, *isolation.suspects, *isolation.rest], key=lambda each: each.line)
        assert places == ENTRIES[:count]
        assert isolation.rest == sorted(isolation.rest, key=lambda each: each.line)
    assert isolation.suspects == ([] if isolation.culprit is None else [isolation.culprit])
    assert requests <= halvings(count) + 1


def test_a_refusal_that_was_about_no_record_makes_no_culprit():
    """Where every part is accepted after all, nobody is blamed: not even the last one, which is sent alone."""
    isolation = Isolation(ENTRIES[:8])
    sizes = []
    while not isolation.done:
        sizes.append(len(isolation.part))
        isolation.settle(accepted=True)
    assert (isolation.culprit, isolation.rest, sizes) == (None, [], [4, 2, 1, 1])
