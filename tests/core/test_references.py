"""What lines name by id, counted: exact against a naive count, in bounded memory, with the first place of each."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.references import LONGEST_ID, ReferenceCollector
from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.results import Blank, Entry

REWARDS = (
    "5F0C2D1E-8a43-4b6f-9d27-0a1b3c5d7e90",
    "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90",
    "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21",
)
REWARD = REWARDS[1]
NAMES = ("a", "b", "c", "A")

names = st.sampled_from(NAMES)
placed = st.fixed_dictionaries(
    {}, optional={"brand_id": names | st.none(), "channel_id": names, "store_id": names | st.none()}
)
amounts = st.builds(lambda place, reward: {**place, "reward_id": reward}, placed, st.sampled_from(REWARDS))
periods = st.fixed_dictionaries({}, optional={"tier_id": st.sampled_from(REWARDS) | st.none()})
customers = st.fixed_dictionaries(
    {"id": names},
    optional={
        "balance": st.lists(amounts, max_size=3),
        "metrics": st.fixed_dictionaries({}, optional={"lifetime": periods, "this_semester": periods}),
    },
)
redeeming = st.fixed_dictionaries(
    {}, optional={"redeem": st.lists(st.fixed_dictionaries({}, optional={"id": st.sampled_from(REWARDS)}), max_size=2)}
)
orders = st.builds(
    lambda place, redeem, products, shipping: {**place, **redeem, "products": products, **shipping},
    st.fixed_dictionaries({}, optional={"channel_id": names, "store_id": names}),
    redeeming,
    st.lists(redeeming, min_size=1, max_size=2),
    st.fixed_dictionaries({}, optional={"shipping": redeeming}),
)
events = st.builds(lambda place, type_, order: {**place, "type": type_, "order": order}, placed, names, orders)
RECORDS = {
    Kind.CUSTOMERS: customers,
    Kind.EVENTS: st.fixed_dictionaries({"id": names, "events": st.lists(events, min_size=1, max_size=3)}),
    Kind.TRANSACTIONS: st.fixed_dictionaries({"id": names, "transactions": st.lists(amounts, min_size=1, max_size=3)}),
}

FIELDS = {
    "reward_id": ReferenceSort.REWARD,
    "tier_id": ReferenceSort.TIER,
    "brand_id": ReferenceSort.BRAND,
    "store_id": ReferenceSort.STORE,
    "channel_id": ReferenceSort.CHANNEL,
    "type": ReferenceSort.EVENT_TYPE,
}


def naive(value):
    """Yield sort and id of everything that a record names."""
    if isinstance(value, dict):
        for field, part in value.items():
            if field in FIELDS and part is not None:
                yield FIELDS[field], part
            elif field == "redeem":
                yield from ((ReferenceSort.REWARD, each["id"]) for each in part if "id" in each)
            else:
                yield from naive(part)
    elif isinstance(value, list):
        for part in value:
            yield from naive(part)


def run_of(records, file="f", line=1):
    bodies = [json.dumps(each).encode() for each in records]
    return EntryRun(
        file=file, source=0, line=line, bodies=bodies, offsets=[0] * len(bodies), customers=[""] * len(bodies),
        items=[1] * len(bodies),
    )  # fmt: skip


def key(sort, id_):
    return (sort, id_.lower() if sort in {ReferenceSort.REWARD, ReferenceSort.TIER} else id_)


@given(
    blocks=st.lists(
        st.sampled_from(Kind).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(RECORDS[kind], max_size=4))),
        max_size=4,
    ),
    most=st.integers(0, 5),
)
def test_every_use_is_counted_with_its_first_place(blocks, most):
    """As a naive walk counts, however often the counts are folded; the order is that of the first places."""
    collector, line = ReferenceCollector(most_combinations=most), 1
    uses, first = Counter(), {}
    for kind, records in blocks:
        for number, each in enumerate(records, line):
            for named in naive(each):
                uses[key(*named)] += 1
                first.setdefault(key(*named), (f"{kind}", number))
        collector.add(kind, [run_of(records, kind.value, line), Blank(line=9)] if records else [])
        line += len(records)
    found = collector.result().by_sort
    assert {key(sort, each.id): each.uses for sort, ids in found.items() for each in ids.listed} == uses
    assert {key(sort, each.id): (each.file, each.line) for sort, ids in found.items() for each in ids.listed} == first
    for ids in found.values():
        assert (ids.distinct, ids.complete, ids.uses) == (len(ids.listed), True, sum(each.uses for each in ids.listed))


@pytest.mark.parametrize("most_combinations", [0, 4096])
def test_a_full_list_is_reported(most_combinations):
    """Ids beyond the largest number are counted as uses; those listed are still counted."""
    collector = ReferenceCollector(most_distinct=2, most_combinations=most_combinations)
    records = [{"transactions": [{"reward_id": REWARDS[0], "brand_id": name}]} for name in ("x", "y", "z", "x", "w")]
    collector.add(Kind.TRANSACTIONS, [run_of(records)])
    brands = collector.result().by_sort[ReferenceSort.BRAND]
    assert [(each.id, each.uses) for each in brands.listed] == [("x", 2), ("y", 1)]
    assert (brands.distinct, brands.complete, brands.uses) == (3, False, 5)


def test_a_long_id_is_shortened():
    """Two long ids with one beginning are two."""
    collector, long = ReferenceCollector(), "é" * 5000
    collector.add(
        Kind.TRANSACTIONS, [run_of([{"transactions": [{"brand_id": long + end} for end in ("1", "2", "1")]}])]
    )
    brands = collector.result().by_sort[ReferenceSort.BRAND]
    assert [each.uses for each in brands.listed] == [2, 1]
    assert all(len(each.id) < 2 * LONGEST_ID for each in brands.listed)


def test_a_part_of_a_record_counts_as_it_is_sent():
    """Without the events that are left out, at the place of its line."""
    body = json.dumps({"events": [{"type": "VISIT"}]}).encode()
    entry = Entry(file="f", line=7, offset=0, length=9, body=body, customer="c", items=1, record_items=1, indexes=(1,))
    collector = ReferenceCollector()
    collector.add(Kind.EVENTS, [entry])
    (used,) = collector.result().by_sort[ReferenceSort.EVENT_TYPE].listed
    assert (used.id, used.uses, used.file, used.line) == ("VISIT", 1, "f", 7)


def test_rewards_are_listed_with_their_brands():
    """Of balances and transactions, whatever the case of the reward."""
    amounts = [
        {"reward_id": REWARD, "brand_id": "a"},
        {"reward_id": REWARD},
        {"reward_id": REWARD.upper(), "brand_id": "a"},
    ]
    collector = ReferenceCollector()
    collector.add(Kind.CUSTOMERS, [run_of([{"balance": amounts[:2]}])])
    collector.add(
        Kind.TRANSACTIONS, [run_of([{"transactions": [*amounts[1:], {"reward_id": REWARD, "brand_id": "b"}]}])]
    )
    found = collector.result().rewards_of_brands
    assert [(each.brand_id, each.uses, each.line) for each in found] == [("a", 2, 1), ("b", 1, 1)]
    assert {each.reward_id for each in found} == {REWARD}
