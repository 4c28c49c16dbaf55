import json
import resource
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox import made
from sandbox.fake_clock import START

from masivo_stream.model.contract import PURCHASE
from masivo_stream.sandbox import SandboxLedger
from masivo_stream.sandbox.parsed_batch import CustomerEvents, EventEntry, Events
from masivo_stream.sandbox.sandbox_ledger import Applied, _flat, _nested
from masivo_stream.sandbox.store import Store

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)


@given(st.lists(st.lists(st.tuples(names, names), min_size=1, max_size=3), max_size=4))
def test_every_event_is_counted_under_its_own_name(batches):
    """For any ids and purchases, the ledger counts each one as often as it was applied."""
    store, expected = Store(":memory:"), {}
    for pairs in batches:
        store.enqueue(events(*pairs), START)
        for customer, purchase in pairs:
            counts = expected.setdefault(customer, {})
            counts[purchase] = counts.get(purchase, 0) + 1
    assert store.ledger.read(START).events == expected
    store.close()


def events(*pairs: tuple[str, str]) -> Events:
    return Events(
        tuple(
            CustomerEvents(
                id=customer,
                events=(EventEntry(type=PURCHASE, purchase_id=purchase, spend=1, issued=made.DATE, issued_at=0.0),),
            )
            for customer, purchase in pairs
        )
    )


@given(st.dictionaries(names, st.dictionaries(names, st.integers(1, 9), min_size=1), max_size=5), st.integers(1, 4))
def test_pages_form_one_document(wanted, size):
    """Wherever a page ends, also within a customer, the pieces are the same JSON."""
    rows = [(customer, purchase, n) for customer, counts in wanted.items() for purchase, n in counts.items()]
    pages = [rows[start : start + size] for start in range(0, len(rows), size)]
    assert json.loads(b"{" + b"".join(_nested(iter(pages))) + b"}") == wanted
    flat = {customer: sum(counts.values()) for customer, counts in wanted.items()}
    pages = [[(customer, "", n)] for customer, n in flat.items()]
    assert json.loads(b"{" + b"".join(_flat(iter(pages))) + b"}") == flat


def test_the_ledger_may_have_several_pages():
    """More rows than one page holds are all in the ledger."""
    store = Store(":memory:")
    pairs = [(f"c{n % 7}", f"p{n}") for n in range(5001)]
    store.enqueue(events(*pairs), START)
    assert sum(len(counts) for counts in store.ledger.read(START).events.values()) == 5001
    store.close()


async def test_the_ledger_is_served_over_http(start, clock):
    """The same document as in the process; `kind` leaves out the other kinds."""
    client = await start()
    await client.migrated(made.customer("c", balance=made.balance(5)))
    await client.events(made.events("c", "p"))
    await client.transactions(made.transactions("c", 2, 3))
    await client.customers(made.customer("c", name="Other"))
    clock.advance(2)
    await client.customers(made.customer("queued"))
    url = client.sandbox.origin + "/__sandbox/ledger"
    assert (await client.fetch("GET", url)).json == {
        "queue": 1,
        "requests": {
            "auth": {"200": 1},
            "customers": {"201": 2, "422": 1},
            "events": {"201": 1},
            "transactions": {"201": 1},
        },
        "customers": {"c": 1},
        "events": {"c": {"p": 1}},
        "transactions": {"c": 2},
        "reverted": {"customers": {}, "events": {}, "transactions": {}},
    }
    some = (await client.fetch("GET", url + "?kind=events&kind=customers")).json
    assert set(some) == {"queue", "requests", "customers", "events", "reverted"}
    assert (await client.fetch("GET", url + "?kind=event")).status == 422
    assert client.ledger() == SandboxLedger(
        customers={"c": 1},
        events={"c": {"p": 1}},
        transactions={"c": 2},
        reverted=Applied(),
        requests={
            "auth": {"200": 1},
            "customers": {"201": 2, "422": 1},
            "events": {"201": 1},
            "transactions": {"201": 1},
        },
        queue=1,
    )


@pytest.mark.slow
def test_a_large_ledger_comes_in_small_pieces():
    """With 200,000 ids, no piece takes 100 ms of CPU time or holds more than a page."""
    store = Store(":memory:")
    for start in range(0, 200_000, 1000):
        store.enqueue(events(*((f"customer-{n}", "p") for n in range(start, start + 1000))), START)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest, size, last = 0.0, 0, time.thread_time()
    for piece in store.ledger.pieces(START):
        now = time.thread_time()
        longest, last = max(longest, now - last), now
        size = max(size, len(piece))
    assert longest < 0.1
    assert size < 200_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    store.close()
