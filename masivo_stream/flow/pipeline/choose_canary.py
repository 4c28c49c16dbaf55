"""Choose a run's canary: one customer with its events and its transactions, near the beginning of the exports.

Only the first input of each kind is looked at, and of this the first `MOST_BYTES`: so it takes a moment, however large
the exports are. The best customer has a record of every kind, and a balance that is the sum of the transactions. The
records are valid, whole, and the only ones of the customer among those looked at.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal

from msgspec import Struct

from masivo_stream.core.reading.hold_back import FindHeld
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.edges.export.source import is_file
from masivo_stream.flow.identity.sent_purchases import SentByRuns
from masivo_stream.flow.pipeline.read_exports import make_decoder, validate_sources
from masivo_stream.flow.readback.account_data import (
    count_purchases,
    read_exported_customer,
    read_exported_transactions,
)
from masivo_stream.flow.sources import Source
from masivo_stream.model.canary import CanaryPlace
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import ValidatedBlock, one_by_one
from masivo_stream.model.errors import InputError
from masivo_stream.model.results import Blank, Entry, LineResult
from masivo_stream.model.settings import Settings

MOST_BYTES = 4 * 1024 * 1024
"""Plain bytes of each kind in which the canary is looked for: some ten thousand customers."""

_MOST_COMPARED = 1000
"""Customers whose balance is compared with their transactions before one is taken whose sums differ."""


class FoundRecord(Struct, frozen=True):
    """A record, and the block of lines that holds it."""

    entry: Entry
    block: ValidatedBlock


HeldOfKind = Callable[[Kind], FindHeld | None]
"""Returns the function that finds what is held back of a kind; None if nothing is."""


def nothing_held(_kind: Kind) -> None:
    """Hold nothing back."""


async def choose_canary(
    sources: Mapping[Kind, Sequence[Source]],
    settings: Settings,
    held: HeldOfKind = nothing_held,
    sent: SentByRuns | None = None,
) -> list[CanaryPlace]:
    """Return the places of the records to send first, at most one of each kind, in the order of the kinds.

    What is `held` back because of a finding is not fit, nor are events whose purchase other runs have `sent`.
    Empty if no record is fit: no record is valid and whole, or the exports come from pipes, which are not read twice.
    """
    found: dict[Kind, dict[str, Entry]] = {}
    for kind, of_kind in sources.items():
        if of_kind and is_readable(of_kind[0]):
            found[kind] = await _read_fit(kind, of_kind[0], settings, held(kind), sent)
    if sources.get(Kind.CUSTOMERS) and not found.get(Kind.CUSTOMERS):
        return []  # events and transactions need their customer, and the run has not sent it yet
    return [CanaryPlace(kind, entry.source, entry.line) for kind, entry in _choose(found).items()]


def is_readable(source: Source) -> bool:
    """Return whether an input can be looked at before it is read: it is a file, and no copy of a retry."""
    return not source.is_copy and is_file(source.input)


async def find_record(
    place: CanaryPlace, sources: Sequence[Source], settings: Settings, held: HeldOfKind = nothing_held
) -> FoundRecord | None:
    """Return the record at a place; None if it is not there, or not valid by these settings."""
    source = next((each for each in sources if each.number == place.source), None)
    if source is None:
        return None
    async with aclosing(_blocks(place.kind, source, settings, held(place.kind), None)) as blocks:
        async for block in blocks:
            if place.line < block.place.line:
                lines = (result for result in one_by_one(block.found) if result.line == place.line)
                entry = next((result for result in lines if isinstance(result, Entry)), None)
                return None if entry is None else FoundRecord(entry, block)
    return None


async def _read_fit(
    kind: Kind, source: Source, settings: Settings, held: FindHeld | None, sent: SentByRuns | None
) -> dict[str, Entry]:
    """Return the records that are fit, by customer, in the order of the export."""
    fit: dict[str, Entry] = {}
    lines: Counter[str] = Counter()
    bytes_read = 0
    try:
        async with aclosing(_blocks(kind, source, settings, held, sent)) as blocks:
            async for block in blocks:
                for result in one_by_one(block.found):
                    if (customer := _customer(result)) is not None:
                        lines[customer] += 1
                    if isinstance(result, Entry) and _is_fit(kind, result, settings):
                        fit.setdefault(result.customer, result)
                bytes_read += block.bytes_read
                if bytes_read >= MOST_BYTES:
                    break
    except InputError:  # it ends within a line: what came before is fit, and the run says the rest
        pass
    return {customer: entry for customer, entry in fit.items() if lines[customer] == 1}


async def _blocks(
    kind: Kind, source: Source, settings: Settings, held: FindHeld | None, sent: SentByRuns | None
) -> AsyncGenerator[ValidatedBlock, None]:
    validation = settings.validation
    sorter = LineSorter(validation.duplicate_purchase, held)
    blocks = validate_sources(
        [source],
        make_decoder(kind, settings, thorough=True, sent=sent if kind is Kind.EVENTS else None),
        block_bytes=settings.source.block_bytes,
        max_line_bytes=validation.max_line_bytes,
    )
    async with aclosing(blocks) as validated:
        async for block in validated:
            lines = sorter.sort(block.found, None)
            divided = {(part.source, part.line) for _, part in lines.dead_letters if part}
            if divided:  # of these lines, some events are dead letters
                kept = [each for each in one_by_one(lines.results) if (source.number, each.line) not in divided]
                yield ValidatedBlock(kept, block.bytes_read, block.place, block.crc)
            else:
                yield ValidatedBlock(lines.results, block.bytes_read, block.place, block.crc)


def _customer(result: LineResult) -> str | None:
    return None if isinstance(result, Blank) else result.customer


def _is_fit(kind: Kind, entry: Entry, settings: Settings) -> bool:
    """Return whether a record can be read back for certain, alone in a request; events need a purchase for that."""
    return (
        is_plain(entry.customer)
        and entry.whole
        and entry.indexes is None
        and not (entry.skipped_items or entry.same or entry.alike or entry.sent)
        and entry.items <= CONTRACTS[kind].max_items
        and 2 * len(entry.body) <= settings.upload.max_body_bytes
        and (kind is not Kind.EVENTS or count_purchases(entry.body) > 0)
    )


def _choose(found: Mapping[Kind, Mapping[str, Entry]]) -> dict[Kind, Entry]:
    """Return the records of the best customer; the first one, if several are as good."""
    best: tuple[int, int] = (0, 0)
    chosen: dict[Kind, Entry] = {}
    for compared, customer in enumerate(_most_kinds(found)):
        records = {kind: of_kind[customer] for kind, of_kind in found.items() if customer in of_kind}
        worth = (len(records), _worth(records))
        if worth > best:
            best, chosen = worth, records
        if best[1] == _BALANCED or compared == _MOST_COMPARED:
            break
    return chosen


def _most_kinds(found: Mapping[Kind, Mapping[str, Entry]]) -> Iterator[str]:
    """Yield customers, those with records of more kinds first; if there is a customers export, none but its own."""
    first = next((of_kind for of_kind in found.values() if of_kind), {})
    for kinds in range(len(found), 0, -1):
        for customer in first:
            if sum(customer in of_kind for of_kind in found.values()) == kinds:
                yield customer


_BALANCED, _UNLIKE, _WITHOUT = 2, 1, 0


def _worth(records: Mapping[Kind, Entry]) -> int:
    """Return how good a customer's records are to compare: a balance, and transactions that add up to it."""
    if Kind.CUSTOMERS not in records:
        return _BALANCED if Kind.TRANSACTIONS in records else _WITHOUT
    balance: dict[str, Decimal] = {}
    for line in read_exported_customer(records[Kind.CUSTOMERS].body).balance:
        balance[line.reward_id.lower()] = balance.get(line.reward_id.lower(), Decimal()) + line.amount
    if not any(balance.values()):
        return _WITHOUT
    if Kind.TRANSACTIONS not in records:
        return _BALANCED
    for booked in read_exported_transactions(records[Kind.TRANSACTIONS].body):
        reward = booked.reward_id.lower()
        balance[reward] = balance.get(reward, Decimal()) - booked.amount
    return _UNLIKE if any(abs(left) > Decimal("1e-6") for left in balance.values()) else _BALANCED
