"""Entries of one customer that meet in a batch of events; the other laws of the filler are in `test_pack`."""

import json
from collections import Counter
from collections.abc import Iterable

import msgspec
import pytest
from core.made import as_bytes, entry, in_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.packing.pack import Packer
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Contract, Kind
from masivo_stream.model.entries import Packable, one_by_one
from masivo_stream.model.results import Entry

ROOMY = 1 << 20

tags = st.sampled_from([None, 1, 2])
pads = st.lists(st.integers(0, 60), min_size=1, max_size=6)
records = st.lists(st.tuples(st.sampled_from("abc"), tags, pads), max_size=30)


def terms(max_records: int, max_items: int) -> Contract:
    return msgspec.structs.replace(CONTRACTS[Kind.EVENTS], max_records=max_records, max_items=max_items)


def made(line: int, customer: str, tag: int | None = None, pads: Iterable[int] = (0,)) -> Entry:
    """Make an entry of events: `tag` is another field of its record, each event is named by line and number."""
    items = [{"n": f"{line}.{number}", "pad": "x" * pad} for number, pad in enumerate(pads)]
    record = {"id": customer, "events": items} if tag is None else {"id": customer, "tag": tag, "events": items}
    body = as_bytes(record)
    plain = entry(Kind.EVENTS, line=line, items=len(items))
    return msgspec.structs.replace(plain, customer=customer, body=body, length=len(body))


def pack(packer: Packer, entries: Iterable[Packable]) -> list[Batch]:
    return [*packer.feed(entries).batches, *packer.flush()]


def customers_with_tags(batch: Batch) -> list[tuple[str, int | None]]:
    """Return customer and tag of each record in a body."""
    return [(each["id"], each.get("tag")) for each in json.loads(batch.body)["customers"]]


def items(bodies: Iterable[bytes]) -> Counter[tuple[str, int | None, str, int]]:
    """Count items by customer, tag, name and length, as the records hold them."""
    return Counter(
        (each["id"], each.get("tag"), item["n"], len(item["pad"]))
        for each in map(json.loads, bodies)
        for item in each["events"]
    )


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5), st.integers(1, 8), st.integers(160, 500), st.integers(1, 3), records)
def test_a_customer_occurs_once_in_a_body(max_records, max_items, max_body_bytes, look_ahead, given_records):
    """Whichever entries meet: no id twice in a body, no limit exceeded, every item once, with its customer and tag."""
    fed = [made(line, *record) for line, record in enumerate(given_records, start=1)]
    contract = terms(max_records, max_items)
    packer = Packer(contract, max_body_bytes=max_body_bytes, look_ahead=look_ahead)
    batches = []
    for each in fed:
        batches += packer.feed(in_runs([each])).batches
        assert sum(waiting.items for waiting in one_by_one(packer.pending())) <= (1 + look_ahead) * max_items
        assert packer.low() == min((waiting.place for waiting in packer.pending()), default=None)
    batches += packer.flush()
    for batch in batches:
        ids = [customer for customer, _ in customers_with_tags(batch)]
        assert len(set(ids)) == len(ids) <= max_records
        assert 0 < batch.items == sum(each.items for each in batch.entries) <= max_items
        assert len(batch.body) <= max_body_bytes
    sent = [msgspec.json.encode(each) for batch in batches for each in json.loads(batch.body)["customers"]]
    assert items(sent) == items(each.body for each in fed)
    assert items(each.body for batch in batches for each in batch.entries) == items(each.body for each in fed)


@settings(deadline=None)
@given(st.integers(1, 8), records, st.integers(0, 30))
def test_the_same_entries_give_the_same_batches(max_items, given_records, cut):
    """What is held back depends on the entries and their order alone."""
    fed = [made(line, *record) for line, record in enumerate(given_records, start=1)]
    whole, pieces, runs = (Packer(terms(9, max_items), max_body_bytes=400, look_ahead=1) for _ in range(3))
    parted = [*pieces.feed(fed[:cut]).batches, *pieces.feed(fed[cut:]).batches, *pieces.flush()]
    assert pack(whole, fed) == parted == pack(runs, [*in_runs(fed[:cut]), *in_runs(fed[cut:])])


@settings(deadline=None)
@given(st.integers(1, 8), st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6)), max_size=40))
def test_repeated_customers_cost_no_request(max_items, shapes):
    """With equal other fields there are ⌈items / limit⌉ requests, as if no customer came twice."""
    fed = [made(line, customer, pads=[0] * count) for line, (customer, count) in enumerate(shapes, start=1)]
    batches = pack(Packer(terms(max_items, max_items), max_body_bytes=ROOMY, look_ahead=1), fed)
    assert len(batches) == -(-sum(each.items for each in fed) // max_items)


def test_one_event_per_line_reaches_the_lower_bound():
    """Thousands of lines of one customer: full batches in which the customer occurs once."""
    batches = pack(
        Packer(CONTRACTS[Kind.EVENTS], max_body_bytes=ROOMY, look_ahead=1), [made(line, "a") for line in range(2500)]
    )
    assert [batch.items for batch in batches] == [1000, 1000, 500]
    assert [customers_with_tags(batch) for batch in batches] == [[("a", None)]] * 3


def test_a_second_frame_waits_for_the_next_batch():
    """If other fields differ, the entries are kept apart, and other customers fill the batch."""
    fed = [made(1, "a", 1), made(2, "a", 2), made(3, "b"), made(4, "a", 2), made(5, "c"), made(6, "d")]
    batches = pack(Packer(terms(9, 3), max_body_bytes=ROOMY, look_ahead=1), fed)
    assert [customers_with_tags(batch) for batch in batches] == [
        [("a", 1), ("b", None), ("c", None)],
        [("a", 2), ("d", None)],
    ]


@pytest.mark.parametrize("hand_in", [list, in_runs])
def test_a_line_run_ends_at_the_second_record_of_a_customer(hand_in):
    """Line by line or as a run: the second record of one customer, which differs, waits for the next batch."""
    fed = [made(1, "a"), made(2, "b", 1), made(3, "c"), made(4, "b", 2), made(5, "d")]
    batches = pack(Packer(terms(9, 9), max_body_bytes=ROOMY, look_ahead=1), hand_in(fed))
    assert [customers_with_tags(batch) for batch in batches] == [
        [("a", None), ("b", 1), ("c", None), ("d", None)],
        [("b", 2)],
    ]


def test_too_many_waiting_entries_close_the_batch():
    """At most `look_ahead` batches' worth waits for the open one to fill up."""
    packer = Packer(terms(9, 4), max_body_bytes=ROOMY, look_ahead=1)
    assert packer.feed([made(1, "a", 1), *(made(line, "a", 2) for line in range(2, 6))]).batches == []
    assert packer.low() == packer.pending()[0].place
    leaves = packer.feed([made(6, "a", 2)]).batches
    assert [customers_with_tags(batch) for batch in leaves] == [[("a", 1)], [("a", 2)]]
    assert [batch.items for batch in leaves] == [1, 4]
    assert [each.line for each in packer.pending()] == [6]


def test_customers_with_different_frames_share_batches():
    """Ten lines per customer, no two alike: other customers' lines fill each batch, within the look-ahead."""
    fed = [made(line, f"c{line // 10}", line) for line in range(600)]
    batches = pack(Packer(terms(30, 30), max_body_bytes=ROOMY, look_ahead=16), fed)
    assert len(batches) <= 1.2 * len(fed) / 30


def test_joined_items_fill_a_body_to_the_last_byte():
    """A record that joins its customer costs its items and commas, and no frame."""
    fed = [made(1, "a"), made(2, "a", pads=[0, 0])]
    size = len(pack(Packer(terms(9, 9), max_body_bytes=ROOMY, look_ahead=1), fed)[0].body)
    for room, expected in ((0, [3]), (-1, [2, 1])):
        batches = pack(Packer(terms(9, 9), max_body_bytes=size + room, look_ahead=1), fed)
        assert [batch.items for batch in batches] == expected


def test_a_shrunk_filler_returns_what_it_held():
    """What waits for the next batch is handed back with the open one, in order."""
    packer = Packer(terms(9, 9), max_body_bytes=ROOMY, look_ahead=1)
    fed = [made(1, "a", 1), made(2, "a", 2), made(3, "b")]
    packer.feed(fed)
    back = packer.shrink(60)
    assert sorted(each.line for each in back) == [1, 2, 3]
    assert packer.pending() == []


class Counted(list):
    """Counts how many of its elements were asked for."""

    asked = 0

    def __getitem__(self, index):
        found = super().__getitem__(index)
        self.asked += len(found) if isinstance(index, slice) else 1
        return found


@pytest.mark.parametrize("apart", [1, 2, 3, 100])
def test_each_line_is_examined_a_bounded_number_of_times(apart):
    """Customers with two lines each, next to each other or not: the work is linear in the lines, not quadratic."""
    fed = [made(line, f"c{line // (2 * apart)}.{line % apart}") for line in range(2000)]
    (run,) = in_runs(fed)
    columns = {name: Counted(getattr(run, name)) for name in ("bodies", "customers", "items")}
    packer = Packer(CONTRACTS[Kind.EVENTS], max_body_bytes=ROOMY, look_ahead=1)
    batches = pack(packer, [msgspec.structs.replace(run, **columns)])
    assert sum(batch.items for batch in batches) == len(fed)
    assert max(column.asked for column in columns.values()) < 5 * len(fed)
