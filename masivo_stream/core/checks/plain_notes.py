"""The notes of lines that were looked at and not doubted (`quick_look`), in reading order."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Struct

from masivo_stream.core.checks.note_format import REWARD_SHIFT, Tag, event_value
from masivo_stream.core.checks.quick_look import LookedPart
from masivo_stream.model.contract import Kind

Note = tuple[int, int, int, int, int, int]
"""Hash, tag, value, and the place of the line: see `note_format`."""


class PlainLines(Struct, frozen=True, kw_only=True):
    """Lines that follow one another, and what was noted of them."""

    customers: list[str]
    items: list[int]
    places: Iterable[tuple[int, int, int]]
    """The last three numbers of their notes."""
    part: LookedPart


def notes_of(
    kind: Kind, lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int], number: Callable[[int], int]
) -> Iterator[Note]:
    """Yield the notes of lines. `number` returns that of a reward, by its index among those of `Looked`."""
    match kind:
        case Kind.CUSTOMERS:
            return _of_customers(lines, hashed, number)
        case Kind.EVENTS:
            return _of_events(lines, hashed)
        case Kind.TRANSACTIONS:
            return _of_transactions(lines, hashed, number)


def _of_customers(
    lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int], number: Callable[[int], int]
) -> Iterator[Note]:
    part = lines.part
    sums = zip(part.sum_rewards, part.sums, strict=True)
    columns = zip(lines.customers, part.emails, part.sum_counts, lines.places, strict=True)
    for customer, email, count, place in columns:
        key = hashed(customer)
        if count < 0:
            yield key, Tag.CUSTOMER_BARE, 0, *place
        elif count == 0:
            yield key, Tag.CUSTOMER, 0, *place
        tag = Tag.CUSTOMER
        for reward, value in islice(sums, max(0, count)):
            yield key, tag | number(reward) << REWARD_SHIFT, value, *place
            tag = Tag.MORE_BALANCE
        yield hashed(email.lower()), Tag.EMAIL, hashed(email), *place


def _of_transactions(
    lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int], number: Callable[[int], int]
) -> Iterator[Note]:
    part = lines.part
    sums = zip(part.sum_rewards, part.sums, strict=True)
    for customer, count, place in zip(lines.customers, part.sum_counts, lines.places, strict=True):
        key, tag = hashed(customer), Tag.TRANSACTIONS
        for reward, value in islice(sums, count):
            yield key, tag | number(reward) << REWARD_SHIFT, value, *place
            tag = Tag.MORE_TRANSACTIONS


def _of_events(lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int]) -> Iterator[Note]:
    part = lines.part
    signs = zip(part.purchases, part.contents, strict=True)
    for customer, items, place in zip(lines.customers, lines.items, lines.places, strict=True):
        yield hashed(customer), Tag.EVENTS, 0, *place
        for index, (purchase, content) in enumerate(islice(signs, items)):
            yield hashed((customer, purchase)), Tag.PURCHASE, event_value(index, content), *place
