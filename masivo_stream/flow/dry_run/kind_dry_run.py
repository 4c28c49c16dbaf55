"""A rehearsal: one kind, judged, held back and packed exactly as a run would on its first day, and nothing sent."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, aclosing
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.workers.pool import cores
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.flow.pipeline.ports import SkippedSink
from masivo_stream.flow.pipeline.read import Source, is_much, make_decoder, validate_sources
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import Entries, LineResults, Packable, one_by_one, opened
from masivo_stream.model.errors import InputError
from masivo_stream.model.plan import DeadReason
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.results import Entry, Rejected, reject_entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.skipped import SkipExample, SkippedPlace, skip_examples
from masivo_stream.model.summary import KindSummary


class DryRunLetters(Protocol):
    """Where a dry run's dead letters go."""

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write them down."""
        ...


OpenLetters = Callable[[Kind, ExitStack], DryRunLetters]
"""Open the place where one kind's dead letters go; what is to be closed afterwards goes onto the stack."""

OpenSkips = Callable[[Kind, ExitStack], SkippedSink]
"""Likewise the list of one kind's skipped records."""


class UnmigratedCustomers(Struct, frozen=True):
    """Records whose customer is not in the customers export; where the first of them stands."""

    records: int
    file: str
    line: int


class DuplicateCounts(Struct, frozen=True):
    """Events that would be sent although their purchase came before; file and line of the first ones."""

    events: int
    places: tuple[tuple[str, int], ...]


class KindDryRunResult(Struct, frozen=True, kw_only=True):
    """What a rehearsal found."""

    figures: KindSummary
    """Nothing accepted; what would be sent is pending."""
    requests: int
    limited_by_bytes: int
    """Requests that `max_body_bytes` keeps from being full."""
    roomy_body_bytes: int
    """So large a body would let every request be full, as far as these records tell; 0 where all fit."""
    dead_letters: list[DeadReason]
    strangers: UnmigratedCustomers | None
    skipped: list[SkipExample]
    repeated: DuplicateCounts | None


class KindDryRun:
    """Run it once, then ask what it found."""

    def __init__(self, kind: Kind, settings: Settings, clock: Clock, roster: ExpectedCustomers | None) -> None:
        """Fill `roster` with customers, or hold back what belongs to those it lacks; None where it is not known."""
        self._contract, self._settings, self._clock, self._roster = CONTRACTS[kind], settings, clock, roster
        self._most_bytes = settings.upload.max_body_bytes
        self._packer = Packer(self._contract, max_body_bytes=self._most_bytes, look_ahead=settings.upload.look_ahead)
        self._tally = Tally(self._contract)
        self._began = clock.now()
        self._records = self._items = 0
        self._requests = self._limited_by_bytes = self._roomy_bytes = 0
        self._first: dict[Reason, Rejected] = {}
        self._migrated_elsewhere: UnmigratedCustomers | None = None
        self._left_out = LineSorter(settings.validation.duplicate_purchase)
        self._skipped: dict[str, SkippedPlace] = {}
        self._in_part = 0
        """Records of which a part would be a dead letter, and the rest sent."""

    async def run(self, inputs: list[Input], letters: DryRunLetters, skips: SkippedSink) -> InputError | None:
        """Go through the inputs; returns what ended them early."""
        failure = None
        sources = [Source(source) for source in inputs]
        blocks = validate_sources(
            sources,
            make_decoder(self._contract.kind, self._settings, thorough=not is_much(sources)),
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
            workers=self._settings.upload.workers or cores(),
        )
        try:
            async with aclosing(blocks) as judged_blocks:
                async for validated in judged_blocks:
                    self._sort(validated.found, letters, skips)
        except InputError as error:
            failure = error
        self._count(self._packer.flush(), last=True)
        if self._roster is not None and self._contract.kind is Kind.CUSTOMERS:
            self._roster.close(complete=failure is None)
        return failure

    def found(self) -> KindDryRunResult:
        """Return what there was."""
        seconds = self._clock.now() - self._began
        whole = self._records - self._in_part
        figures = self._tally.summary_with_pending(records=whole, items=self._items, seconds=seconds)
        figures = msgspec.structs.replace(figures, dead=figures.dead + self._in_part)
        noted = self._tally.figures(seconds=seconds)
        return KindDryRunResult(
            figures=figures,
            requests=self._requests,
            limited_by_bytes=self._limited_by_bytes,
            roomy_body_bytes=self._roomy_bytes,
            dead_letters=[_explain(self._first[Reason(name)], count) for name, count in figures.reasons.items()],
            strangers=self._migrated_elsewhere,
            skipped=skip_examples(self._contract.kind, figures.skip_reasons, self._skipped),
            repeated=DuplicateCounts(noted.alike, noted.alike_at) if noted.alike else None,
        )

    def _sort(self, found: Sequence[LineResults], letters: DryRunLetters, skips: SkippedSink) -> None:
        """Count what becomes of a block, after what is rejected and skipped is written down."""
        roster = self._roster
        others = roster is not None and self._contract.kind is not Kind.CUSTOMERS
        known = self._left_out.sort(found, roster.why if roster is not None and others else None)
        skips.append(known.skipped)
        skips.count()
        for place in known.skipped:
            self._skipped.setdefault(place.reason, place)
        self._to_dead_letter([letter for letter, _ in known.dead_letters], letters)
        for fate in known.found:
            self._tally.validated(fate)
        self._tally.repeated(known.duplicates)
        self._in_part += len({part.place for _, part in known.dead_letters if part is not None})
        for letter, part in known.dead_letters:
            if part is not None:
                self._tally.settled([part], RecordOutcome.DEAD, letter.reason)
        if roster is not None and others:
            self._count_migrated_elsewhere(known.to_pack, roster)
        elif roster is not None:
            roster.skip(known.found)
        self._pack(known.to_pack, letters)

    def _count_migrated_elsewhere(self, entries: Iterable[Packable], roster: ExpectedCustomers) -> None:
        for each in opened(entries, roster.is_migrated_elsewhere):
            if isinstance(each, Entry) and roster.is_migrated_elsewhere(each.customer):
                known = self._migrated_elsewhere or UnmigratedCustomers(0, each.file, each.line)
                self._migrated_elsewhere = UnmigratedCustomers(known.records + 1, known.file, known.line)

    def _to_dead_letter(self, rejected: list[Rejected], letters: DryRunLetters) -> None:
        if not rejected:
            return
        letters.append(rejected)
        for letter in rejected:
            self._first.setdefault(letter.reason, letter)
        if self._roster is not None and self._contract.kind is Kind.CUSTOMERS:
            self._roster.to_dead_letter(rejected)

    def _pack(self, entries: Sequence[Packable], letters: DryRunLetters) -> None:
        packed = self._packer.feed(entries)
        self._count(packed.batches)
        too_large = []
        for large in packed.oversized:
            message = f"does not fit a request of {large.max_body_bytes} bytes"
            letter = reject_entry(large.entry, Reason.TOO_LARGE, message, items=large.items)
            self._tally.settled([large.entry], RecordOutcome.DEAD, letter.reason)
            too_large.append(letter)
        self._to_dead_letter(too_large, letters)
        if packed.oversized:
            dead = {large.entry.place for large in packed.oversized}
            entries = [entry for entry in one_by_one(entries) if entry.place not in dead]
        sent = Entries(entries)
        self._records += len(sent)
        self._items += sent.items
        if self._roster is not None and self._contract.kind is Kind.CUSTOMERS:
            self._roster.send(sent.customers)

    def _count(self, batches: Iterable[Batch], *, last: bool = False) -> None:
        for batch in batches:
            self._requests += 1
            if self._short_of_bytes(batch, last=last):
                self._limited_by_bytes += 1
                full = len(batch.body) * self._contract.max_items // batch.items
                self._roomy_bytes = max(self._roomy_bytes, full)

    def _short_of_bytes(self, batch: Batch, *, last: bool) -> bool:
        """Tell whether it was for its bytes that a batch took no more.

        Where entries can be split, or are one item each, only that or its end closes a batch before it is full. Where
        they stay whole it may also be that none fitted; then one more of its own kind decides.
        """
        if batch.items >= self._contract.max_items or len(batch.entries) >= self._contract.max_records:
            return False
        if self._contract.splittable or self._contract.item_field is None:
            return not last
        return len(batch.body) + len(batch.body) // len(batch.entries) > self._most_bytes


def _explain(first: Rejected, records: int) -> DeadReason:
    return DeadReason(
        reason=first.reason,
        records=records,
        file=first.file,
        line=first.line,
        offset=first.offset,
        field=first.field,
        message=first.message,
        remedy=REMEDIES[first.reason],
    )
