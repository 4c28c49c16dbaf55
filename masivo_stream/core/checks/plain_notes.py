"""The notes of lines that were looked at and not doubted (`quick_look`), in reading order."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from msgspec import Struct

from masivo_stream.core.checks.note_format import CONTENT_BITS, REWARD_SHIFT, Tag
from masivo_stream.core.checks.quick_look import LookedPart
from masivo_stream.model.contract import Kind

# As plain numbers: there are many notes, and a member of an enumeration takes longer to look up and to write.
_CUSTOMER, _BARE, _MORE_BALANCE = Tag.CUSTOMER.value, Tag.CUSTOMER_BARE.value, Tag.MORE_BALANCE.value
_TRANSACTIONS, _MORE_TRANSACTIONS = Tag.TRANSACTIONS.value, Tag.MORE_TRANSACTIONS.value
_EVENTS, _PURCHASE, _EMAIL = Tag.EVENTS.value, Tag.PURCHASE.value, Tag.EMAIL.value

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
    for customer, email, count, (line, offset, length) in columns:
        key = hashed(customer)
        if count <= 0:
            yield key, _BARE if count else _CUSTOMER, 0, line, offset, length
        tag = _CUSTOMER
        for reward, value in islice(sums, max(0, count)):
            yield key, tag | number(reward) << REWARD_SHIFT, value, line, offset, length
            tag = _MORE_BALANCE
        yield hashed(email.lower()), _EMAIL, hashed(email), line, offset, length


def _of_transactions(
    lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int], number: Callable[[int], int]
) -> Iterator[Note]:
    part = lines.part
    sums = zip(part.sum_rewards, part.sums, strict=True)
    for customer, count, (line, offset, length) in zip(lines.customers, part.sum_counts, lines.places, strict=True):
        key, tag = hashed(customer), _TRANSACTIONS
        for reward, value in islice(sums, count):
            yield key, tag | number(reward) << REWARD_SHIFT, value, line, offset, length
            tag = _MORE_TRANSACTIONS


def _of_events(lines: PlainLines, hashed: Callable[[str | tuple[str, str]], int]) -> Iterator[Note]:
    part = lines.part
    signs = zip(part.purchases, part.contents, strict=True)
    for customer, items, (line, offset, length) in zip(lines.customers, lines.items, lines.places, strict=True):
        yield hashed(customer), _EVENTS, 0, line, offset, length
        for index, (purchase, content) in enumerate(islice(signs, items)):
            yield hashed((customer, purchase)), _PURCHASE, index << CONTENT_BITS | content, line, offset, length
