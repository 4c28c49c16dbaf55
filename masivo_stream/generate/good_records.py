"""The good records of an export. In each kind, record k belongs to customer k, in whatever order kinds are generated.

So the kinds are consistent: the ids are the same, each customer's balance is the sum of the transactions, and each
accumulation belongs to a purchase among the events.
"""

from collections.abc import Iterator

from msgspec import Struct

from masivo_stream.generate.customer_history import make_history
from masivo_stream.generate.customers import customer_json
from masivo_stream.generate.events import events_json, events_json_with_reversed
from masivo_stream.generate.export_dates import REFERENCE, rfc3339
from masivo_stream.generate.seeded_random import DrawStream, draws, pick
from masivo_stream.generate.transactions import transactions_json
from masivo_stream.model.contract import Kind


class Record(Struct, frozen=True, gc=False):
    """One record, the number of its items to migrate, and of what is to be skipped."""

    body: bytes
    items: int
    skipped: int = 0


def records(kind: Kind, *, count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` good records of a kind, without newlines. The same seed gives the same bytes."""
    for number in range(count):
        yield record(kind, seed=seed, number=number).body


def record(
    kind: Kind, *, seed: int, number: int, stream: DrawStream = DrawStream.CUSTOMER, reversed_share: float = 0.0
) -> Record:
    """Return record `number` of a kind. Of an events record's events, `reversed_share` are reversed."""
    draw = draws(stream, seed, number)
    past = make_history(draw, stream, number)
    match kind:
        case Kind.CUSTOMERS:
            return Record(customer_json(past, draw).encode(), 1)
        case Kind.EVENTS if reversed_share:
            text, extra = events_json_with_reversed(past, draw, seed=seed, number=number, share=reversed_share)
            return Record(text.encode(), len(past.visits), extra)
        case Kind.EVENTS:
            return Record(events_json(past, draw).encode(), len(past.visits))
        case Kind.TRANSACTIONS:
            text, items = transactions_json(past, draw)
            return Record(text.encode(), items)


def deleted_customer(*, seed: int, number: int) -> Record:
    """Return a customer who is in no other kind, marked as deleted in one of the ways of real exports."""
    draw = draws(DrawStream.DELETED, seed, number)
    past = make_history(draw, DrawStream.DELETED, number)
    marks = (',"deleted":true', ',"status":"DELETED"', f',"deleted_at":"{rfc3339(REFERENCE, past.zone)}"')
    return Record(customer_json(past, draw, mark=pick(draw, marks)).encode(), 0, 1)
