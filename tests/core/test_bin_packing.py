import random

import msgspec
import pytest
from core.made import entry, in_runs
from core.simple_packer import SimplePacker
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.packing.bin_packing import MOST_BODIES, OLDEST, BinPacker
from masivo_stream.core.packing.pack import Packer, lower_bound
from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Contract, Kind
from masivo_stream.model.entries import EntryRun, one_by_one
from masivo_stream.model.results import Entry

ROOMY = 1 << 20
TERMS = CONTRACTS[Kind.TRANSACTIONS]
MODEL = entry(Kind.TRANSACTIONS)


def terms(*, max_records: int = 99, max_items: int = 10) -> Contract:
    return msgspec.structs.replace(TERMS, max_records=max_records, max_items=max_items)


def sized(sizes: list[int]) -> list[Entry]:
    """Make entries with these numbers of items, all with the same short body."""
    return [msgspec.structs.replace(MODEL, line=line, items=size) for line, size in enumerate(sizes, start=1)]


def feed(buffer: BinPacker, entries: list[Entry]) -> list[Batch]:
    batches: list[Batch] = []
    for each in entries:
        buffer.feed(each, batches)
    return batches


def shapes(batches: list[Batch]) -> list[list[int]]:
    return [[each.items for each in batch.entries] for batch in batches]


def first_fit_decreasing(sizes: list[int]) -> int:
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        index = next((number for number, room in enumerate(rooms) if room >= size), None)
        if index is None:
            rooms.append(TERMS.max_items - size)
        else:
            rooms[index] -= size
    return len(rooms)


def draw(kind: str, count: int) -> list[int]:
    chance = random.Random(kind)
    sizes: list[int] = []
    while len(sizes) < count:
        spread = chance.expovariate(1 / 30) if kind == "geometric" else 300 * 2.718 ** chance.gauss(0, 0.7)
        if kind == "geometric" or 100 <= spread <= 900:
            sizes.append(min(1000, 1 + int(spread)))
    return sizes


def test_the_heaviest_entry_leaves_with_those_that_fill_its_batch():
    """One batch leaves when the buffer is over its bound: 9 and 1 before 5 and 5 before the rest."""
    buffer = BinPacker(terms(), target_bytes=ROOMY, look_ahead=2)
    assert shapes(feed(buffer, sized([5, 1, 4, 9]))) == []
    assert shapes(feed(buffer, sized([5]))) == [[1, 9]]
    assert shapes(buffer.flush()) == [[5, 5], [4]]


@settings(deadline=None)
@given(st.lists(st.integers(1, 10), max_size=60), st.integers(1, 3), st.integers(1, 12))
def test_no_entry_waits_for_ever(sizes, look_ahead, max_records):
    """Whatever the order of sizes, no entry waits for more than the stated number of batches."""
    buffer = BinPacker(terms(max_records=max_records), target_bytes=ROOMY, look_ahead=look_ahead)
    came: dict[int, int] = {}
    batches: list[Batch] = []
    for each in sized([1, *[9, 10] * 60, *sizes, *[10] * 60]):
        came[each.line] = len(batches)
        buffer.feed(each, batches)
        oldest = max((len(batches) - came[waiting.line] for waiting in buffer.pending()), default=0)
        assert oldest <= OLDEST * look_ahead


def test_a_light_entry_leaves_after_a_bounded_wait():
    """It would fill no batch that the heavy ones begin, and begins one itself."""
    buffer = BinPacker(terms(), target_bytes=ROOMY, look_ahead=1)
    batches = feed(buffer, sized([1, *[10] * 8]))
    assert [1] in shapes(batches)
    assert buffer.low() == buffer.pending()[0].place


def test_a_returned_entry_holds_the_checkpoint_again():
    """An entry from a line read long ago holds the checkpoint, and leaves in its turn."""
    buffer = BinPacker(terms(), target_bytes=ROOMY, look_ahead=1)
    fed = sized([3, 3, 4])
    assert feed(buffer, [fed[2], fed[0], fed[1]]) == []
    assert (buffer.low(), buffer.pending()) == (fed[0].place, fed)
    assert shapes(buffer.flush()) == [[3, 3, 4]]
    assert buffer.low() is None


def test_bytes_are_the_weight_if_they_are_the_tighter_limit():
    """Few items, large bodies: each batch is as full as a body may be."""
    fed = [entry(Kind.TRANSACTIONS, line=line, pads=(length,)) for line, length in enumerate([600, 300, 350, 50] * 9)]
    batches = feed(buffer := BinPacker(TERMS, target_bytes=1600, look_ahead=9), fed)
    batches += buffer.flush()
    total = sum(len(each.body) + 1 for each in fed)
    assert len(batches) == -(-total // 1600)
    assert all(len(batch.body) <= 1600 for batch in batches)


def test_room_left_by_rounding_is_filled():
    """Bytes are weighed in whole units, rounded up; what fits to the last byte still travels together."""
    fed = [entry(Kind.TRANSACTIONS, line=line) for line in range(100, 107)]
    size = sum(len(each.body) + 1 for each in fed) - 1
    buffer = BinPacker(terms(max_items=7), target_bytes=size + len(b'{"customers":[]}'), look_ahead=1)
    assert feed(buffer, fed) == []
    assert [len(batch.entries) for batch in buffer.flush()] == [7]


def test_the_bytes_that_wait_are_bounded():
    """The buffer holds four bodies' worth of bytes at most."""
    buffer = BinPacker(TERMS, target_bytes=400, look_ahead=99)
    for line in range(100):
        buffer.feed(entry(Kind.TRANSACTIONS, line=line, pads=(100,)), [])
        assert sum(len(each.body) for each in buffer.pending()) <= MOST_BODIES * 400


def test_the_bytes_of_entries_that_left_are_not_kept():
    """Heavy ones pass a light one that waits; nothing of them stays here."""
    buffer = BinPacker(terms(), target_bytes=ROOMY, look_ahead=4)
    feed(buffer, sized([1, *[10] * 12]))
    assert sum(map(bool, buffer._waiting._bodies)) == len(buffer.pending())
    assert sum(isinstance(each, Entry) for each in buffer._waiting._origins) == len(buffer.pending())


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count", "over"), [("geometric", 6000, 1.0), ("heavy-tailed", 800, 1.003)])
def test_the_number_of_requests_is_near_the_lower_bound(kind, count, over):
    """Many small records reach the lower bound; heavy ones stay by first fit decreasing, which sees the whole file."""
    sizes = draw(kind, count)
    buffer = BinPacker(TERMS, target_bytes=ROOMY, look_ahead=16)
    requests = len([*feed(buffer, sized(sizes)), *buffer.flush()])
    bound = lower_bound(TERMS, records=count, items=sum(sizes))
    assert requests <= over * (bound if kind == "geometric" else first_fit_decreasing(sizes))


@settings(deadline=None)
@given(st.lists(st.integers(1, 10), min_size=1, max_size=60), st.lists(st.integers(1, 9)), st.sets(st.integers(0, 59)))
@example([1] * 40, [], set())  # their bytes are too many before their items are
def test_lines_that_come_together_are_packed_as_if_one_by_one(sizes, cuts, back):
    """Also if some come back in between: the same batches, and the same entries wait."""
    fed = [entry(Kind.TRANSACTIONS, items=size, line=line, pads=(12 * size,)) for line, size in enumerate(sizes)]
    alone, together = (BinPacker(terms(), target_bytes=400, look_ahead=2) for _ in range(2))
    for cut in [*cuts, len(fed)]:
        piece, fed = fed[:cut], fed[cut:]
        batches: list[Batch] = []
        for each in in_runs(piece):
            if isinstance(each, EntryRun):
                together.feed_run(Sums(each), batches)
            else:
                together.feed(each, batches)
        assert feed(alone, piece) == batches
        returned = [each for batch in batches for each in batch.entries if each.line in back]
        assert feed(alone, returned) == feed(together, returned)
        assert list(one_by_one(alone.pending())) == list(one_by_one(together.pending()))
        assert alone.low() == together.low()
    assert alone.flush() == together.flush()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10), st.sampled_from([0, 0, 0, 30, 90])), max_size=60),
    st.integers(1, 3),
    st.integers(2, 12),
    st.integers(310, 900),
    st.booleans(),
)
def test_it_packs_as_the_simple_model(shapes, look_ahead, max_records, target_bytes, shuffled):
    """Whichever limit binds, and whether they come in order or not: the same batches in the same order."""
    fed = [entry(Kind.TRANSACTIONS, items=size, line=line, pads=(pad,)) for line, (size, pad) in enumerate(shapes)]
    if shuffled:
        random.Random(len(fed)).shuffle(fed)
    limits = terms(max_records=max_records)
    packer = Packer(limits, max_body_bytes=target_bytes, look_ahead=look_ahead)
    batches = [*packer.feed(in_runs(fed)).batches, *packer.flush()]
    assert [[*batch.entries] for batch in batches] == SimplePacker(limits, target_bytes, look_ahead).pack(fed)
