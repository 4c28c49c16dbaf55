import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import msgspec
import pytest
from core.made import entry, in_runs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from masivo_stream.core.packing.pack import Oversized, Packed, Packer, lower_bound
from masivo_stream.core.packing.size_packer import PackedSizes, SizePacker
from masivo_stream.core.packing.waiting import BatchSize
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS, Contract, Kind
from masivo_stream.model.entries import Packable, one_by_one
from masivo_stream.model.results import Entry
from masivo_stream.model.slicing import slice_record

FIELDS = {Kind.EVENTS: "events", Kind.TRANSACTIONS: "transactions"}
ROOMY = 1 << 20

kinds = st.sampled_from(list(Kind))
sizes = st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=6), max_size=30)
chunks = st.lists(st.integers(0, 6), max_size=30)


def contract(kind: Kind, *, max_records: int, max_items: int) -> Contract:
    return msgspec.structs.replace(CONTRACTS[kind], max_records=max_records, max_items=max_items)


contracts = st.builds(contract, kinds, max_records=st.integers(1, 5), max_items=st.integers(1, 8))


def entries_of(kind: Kind, pads: list[list[int]]) -> list[Entry]:
    """Make one entry for each list of item lengths; customers have one item each."""
    items = [lengths if kind in FIELDS else lengths[:1] for lengths in pads]
    return [
        entry(kind, items=len(lengths), line=number, pads=tuple(lengths))
        for number, lengths in enumerate(items, start=1)
    ]


def split(entries: list[Entry], counts: list[int]) -> list[list[Entry]]:
    pieces = []
    for count in counts:
        pieces.append(entries[:count])
        entries = entries[count:]
    return [*pieces, entries]


def pack(packer: Packer, pieces: Iterable[list[Packable]]) -> Packed:
    """Feed all pieces, and flush."""
    whole = Packed([], [])
    for piece in pieces:
        packed = packer.feed(piece)
        whole.batches.extend(packed.batches)
        whole.oversized.extend(packed.oversized)
    whole.batches.extend(packer.flush())
    return whole


def items_of(entries: Iterable[Entry], kind: Kind) -> Counter[tuple[str, int]]:
    """Count (customer, item) by the content of the bodies."""
    found: Counter[tuple[str, int]] = Counter()
    for each in entries:
        record = json.loads(each.body)
        members = [item["n"] for item in record[FIELDS[kind]]] if kind in FIELDS else [0]
        assert len(members) == each.items
        assert each.indexes is None or list(each.indexes) == members
        found.update((record["id"], member) for member in members)
    return found


def entries_in(batches: Iterable[Batch]) -> list[Entry]:
    return [each for batch in batches for each in batch.entries]


def assert_little_waits(packer: Packer, terms: Contract, max_body_bytes: int, look_ahead: int) -> None:
    """No more waits than the buffer: one batch, or `look_ahead` batches and four bodies' worth of bytes."""
    waiting = list(one_by_one(packer.pending()))
    batches = 1 if terms.splittable or terms.item_field is None else look_ahead
    assert sum(each.items for each in waiting) <= batches * terms.max_items
    assert len(waiting) <= batches * terms.max_records
    assert sum(len(each.body) for each in waiting) <= min(batches, 4) * max_body_bytes
    assert packer.low() == min((each.place for each in waiting), default=None)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(contracts, st.integers(80, 500), st.integers(1, 4), sizes, chunks)
def test_each_entry_is_sent_once_within_the_limits(terms, max_body_bytes, look_ahead, pads, counts):
    """No batch is empty or over a limit; after each step little waits, and what came is out, waiting or oversized."""
    fed = entries_of(terms.kind, pads)
    packer = Packer(terms, max_body_bytes=max_body_bytes, look_ahead=look_ahead)
    batches, oversized, came = [], [], []
    for piece in [*split(fed, counts), None]:
        packed = Packed(packer.flush(), []) if piece is None else packer.feed(in_runs(piece))
        came += piece or []
        batches += packed.batches
        oversized += packed.oversized
        assert_little_waits(packer, terms, max_body_bytes, look_ahead)
        where = [*entries_in(batches), *one_by_one(packer.pending()), *(large.entry for large in oversized)]
        assert items_of(where, terms.kind) == items_of(came, terms.kind)
    assert packer.pending() == []
    for batch in batches:
        assert 0 < len(batch.entries) <= terms.max_records
        assert 0 < batch.items == sum(each.items for each in batch.entries) <= terms.max_items
        assert len(batch.body) <= max_body_bytes
        assert json.loads(batch.body) == {"customers": [json.loads(each.body) for each in batch.entries]}


@settings(deadline=None)
@given(contracts, st.integers(80, 500), sizes)
def test_only_an_entry_too_large_for_any_request_is_oversized(terms, max_body_bytes, pads):
    """An entry is oversized if it fits no request alone, whole or, where it may be split, item by item."""
    fed = entries_of(terms.kind, pads)
    packed = pack(Packer(terms, max_body_bytes=max_body_bytes, look_ahead=3), [fed])
    oversized = {large.entry.line: large for large in packed.oversized}
    assert len(oversized) == len(packed.oversized)
    for each in fed:
        pieces = [each.body]
        if terms.splittable:
            sliced = slice_record(each.body, FIELDS[terms.kind])
            pieces = [sliced.compose([index]) for index in range(each.items)]
        large = [
            index
            for index, body in enumerate(pieces)
            if len(make_batch(terms.kind, [each]).body) - len(each.body) + len(body) > max_body_bytes
        ]
        countless = not terms.splittable and each.items > terms.max_items
        assert (each.line in oversized) == (bool(large) or countless)
        if terms.splittable and each.items > 1 and large:
            assert oversized[each.line].items == tuple(large)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5), st.integers(1, 8), st.integers(100, 500), sizes)
def test_events_fill_each_batch_except_the_last(max_records, max_items, max_body_bytes, pads):
    """A record that may be split fills a batch: in items, in records, or so that no further item fits."""
    terms = contract(Kind.EVENTS, max_records=max_records, max_items=max_items)
    batches = pack(Packer(terms, max_body_bytes=max_body_bytes, look_ahead=1), [entries_of(Kind.EVENTS, pads)]).batches
    for batch, after in pairwise(batches):
        following = slice_record(after.entries[0].body, "events").compose([0])
        assert (
            batch.items == max_items
            or len(batch.entries) == max_records
            or len(batch.body) + 1 + len(following) > max_body_bytes
        )


@settings(deadline=None)
@given(st.sampled_from([Kind.CUSTOMERS, Kind.EVENTS]), st.integers(1, 8), sizes)
def test_requests_reach_the_lower_bound(kind, max_items, pads):
    """If records and bytes do not bind, customers and events take exactly ⌈items / limit⌉ requests."""
    fed = entries_of(kind, pads)
    terms = contract(kind, max_records=max_items, max_items=max_items)
    batches = pack(Packer(terms, max_body_bytes=ROOMY, look_ahead=1), [fed]).batches
    assert len(batches) == lower_bound(terms, records=0, items=sum(each.items for each in fed))


@settings(deadline=None)
@given(contracts, st.integers(80, 500), st.integers(1, 4), sizes, chunks)
def test_a_record_that_may_not_be_split_is_sent_whole(terms, max_body_bytes, look_ahead, pads, counts):
    """Customers and transactions are sent as the very entries that came; only events are split."""
    assume(not terms.splittable)
    fed = entries_of(terms.kind, pads)
    packer = Packer(terms, max_body_bytes=max_body_bytes, look_ahead=look_ahead)
    packed = pack(packer, split(fed, counts))
    where = [*entries_in(packed.batches), *(large.entry for large in packed.oversized)]
    assert sorted(where, key=lambda each: each.line) == fed


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(contracts, st.integers(80, 500), st.integers(1, 4), sizes, chunks)
def test_the_same_entries_give_the_same_batches(terms, max_body_bytes, look_ahead, pads, counts):
    """Batches and their ids depend only on the entries and their order, not on how they are cut into calls."""
    fed = entries_of(terms.kind, pads)
    whole, pieces, runs = (
        pack(Packer(terms, max_body_bytes=max_body_bytes, look_ahead=look_ahead), given)
        for given in ([fed], split(fed, counts), [in_runs(piece) for piece in split(fed, counts)])
    )
    assert whole == pieces == runs
    assert len({batch.id for batch in whole.batches}) == len(whole.batches)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    contracts,
    st.integers(200, 500),
    st.integers(1, 4),
    sizes,
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 400))),
)
def test_a_shrunk_packer_loses_nothing(terms, max_body_bytes, look_ahead, pads, shrinks):
    """Asked again and again for smaller bodies, it returns what no longer fits, and everything is still sent."""
    fed = rest = entries_of(terms.kind, pads)
    packer = Packer(terms, max_body_bytes=max_body_bytes, look_ahead=look_ahead)
    batches, oversized, target = [], [], max_body_bytes
    for count, smaller in shrinks:
        packed = packer.feed(in_runs(rest[:count]))
        rest = rest[count:]
        batches += packed.batches
        oversized += packed.oversized
        waiting = items_of(one_by_one(packer.pending()), terms.kind)
        back = list(one_by_one(packer.shrink(smaller)))
        target = min(target, smaller)
        assert packer.target_bytes == target
        assert items_of([*one_by_one(packer.pending()), *back], terms.kind) == waiting
        rest = [*back, *rest]
    last = pack(packer, [rest])
    where = [*entries_in([*batches, *last.batches]), *(large.entry for large in [*oversized, *last.oversized])]
    assert items_of(where, terms.kind) == items_of(fed, terms.kind)
    for batch in last.batches:
        alone = len(batch.entries) == 1 and (batch.items == 1 or not terms.splittable)
        assert len(batch.body) <= (max_body_bytes if alone else target)


@settings(deadline=None)
@given(contracts, st.integers(80, 500), st.integers(1, 4), sizes, chunks)
def test_a_dry_run_counts_the_same_batches(terms, max_body_bytes, look_ahead, pads, counts):
    """What each batch holds, call by call, and what no request can carry."""
    assume(terms.stays_whole)
    packer, counter = (
        make(terms, max_body_bytes=max_body_bytes, look_ahead=look_ahead) for make in (Packer, SizePacker)
    )
    for piece in [*split(entries_of(terms.kind, pads), counts), None]:
        packed = Packed(packer.flush(), []) if piece is None else packer.feed(in_runs(piece))
        counted = PackedSizes(counter.flush(), []) if piece is None else counter.feed(in_runs(piece))
        assert counted.batches == [BatchSize(each.items, each.records, each.size) for each in packed.batches]
        assert counted.oversized == packed.oversized


def test_a_part_knows_its_record():
    """A part knows which items of the record it has, by the record's own indexes, and its customer."""
    whole = msgspec.structs.replace(entry(Kind.EVENTS, items=3, line=4), indexes=(1, 5, 8), skipped_items=6)
    packer = Packer(contract(Kind.EVENTS, max_records=5, max_items=2), max_body_bytes=ROOMY, look_ahead=1)
    first, second = entries_in([*packer.feed([whole]).batches, *packer.flush()])
    assert (first.indexes, second.indexes) == ((1, 5), (8,))
    for part in (first, second):
        assert (part.line, part.offset, part.customer) == (whole.line, whole.offset, whole.customer)
        assert (part.record_items, part.skipped_items) == (3, 6)


def test_an_oversized_item_is_named_by_its_number_in_the_record():
    """Of a record whose reversed events were left out, the item too large is named as the export numbers it."""
    whole = msgspec.structs.replace(entry(Kind.EVENTS, items=3, pads=(0, 900, 0)), indexes=(1, 5, 8))
    packer = Packer(CONTRACTS[Kind.EVENTS], max_body_bytes=500, look_ahead=1)
    assert packer.feed([whole]) == Packed([], [Oversized(whole, (5,), 500)])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("room", "expected"), [(0, [4]), (-1, [3, 1])])
def test_a_body_may_be_exactly_as_large_as_the_limit(kind, room, expected):
    """Four entries and the commas between them fit to the last byte."""
    fed = [entry(kind, line=line) for line in range(1, 5)]
    packer = Packer(CONTRACTS[kind], max_body_bytes=len(make_batch(kind, fed).body) + room, look_ahead=1)
    assert [len(batch.entries) for batch in pack(packer, [fed]).batches] == expected


@pytest.mark.parametrize(("room", "expected"), [(0, [3, 3]), (-1, [2, 2, 2])])
def test_a_part_may_be_exactly_as_large_as_the_limit(room, expected):
    """A record is split after the last item that fits, with the frame and the commas that every part has."""
    whole = entry(Kind.EVENTS, items=6)
    part = msgspec.structs.replace(whole, body=slice_record(whole.body, "events").compose([0, 1, 2]))
    packer = Packer(
        CONTRACTS[Kind.EVENTS], max_body_bytes=len(make_batch(Kind.EVENTS, [part]).body) + room, look_ahead=1
    )
    assert [batch.items for batch in pack(packer, [[whole]]).batches] == expected


@pytest.mark.parametrize(("room", "expected"), [(0, [(1, 1), (1,)]), (-1, [(1,), (2,)])])
def test_an_open_batch_is_filled_up_to_the_last_byte(room, expected):
    """If an entry does not fit as a whole, as many of its items as fit join the open batch."""
    first, second = entry(Kind.EVENTS, line=1), entry(Kind.EVENTS, items=2, line=2)
    one = msgspec.structs.replace(second, body=slice_record(second.body, "events").compose([0]))
    size = len(make_batch(Kind.EVENTS, [first, one]).body) + room
    packer = Packer(CONTRACTS[Kind.EVENTS], max_body_bytes=size, look_ahead=1)
    batches = pack(packer, [[first, second]]).batches
    assert [tuple(each.items for each in batch.entries) for batch in batches] == expected


@pytest.mark.parametrize(
    ("records", "items", "expected"), [(0, 0, 0), (1, 1, 1), (1000, 1000, 1), (10, 1001, 2), (2001, 10, 3)]
)
def test_the_lower_bound_is_that_of_the_tighter_limit(records, items, expected):
    """Whichever of the two limits binds more."""
    assert lower_bound(CONTRACTS[Kind.EVENTS], records=records, items=items) == expected


@pytest.mark.parametrize("spare", range(8))
def test_a_record_that_is_not_split_keeps_its_spaces(spare):
    """Whatever room the batch before it has: without its white space the record might just fit there."""
    first = entry(Kind.EVENTS, items=1, line=1, pads=(0,))
    second = msgspec.structs.replace(first, line=2, body=first.body.replace(b"{", b"{  ", 1).replace(b":", b" :", 1))
    most = len(make_batch(Kind.EVENTS, [first, second]).body) - spare
    packer = Packer(CONTRACTS[Kind.EVENTS], max_body_bytes=most, look_ahead=1)
    batches = [*packer.feed([first, second]).batches, *packer.flush()]
    assert [found.body for batch in batches for found in batch.entries] == [first.body, second.body]


@pytest.mark.parametrize("hand_in", [list, in_runs])
def test_duplicates_beyond_memory_count_towards_the_limit_of_records(hand_in):
    """Beyond what is remembered a duplicate is not noticed; it still counts towards the limit of records."""
    terms = contract(Kind.CUSTOMERS, max_records=2, max_items=9)
    again = [msgspec.structs.replace(entry(line=line), customer="c") for line in range(1, 6)]
    packed = pack(Packer(terms, max_body_bytes=ROOMY, look_ahead=1), [hand_in(again)])
    assert [len(batch.entries) for batch in packed.batches] == [2, 2, 1]
