"""A dry run of one kind: its lines are validated, sorted and packed as on a run's first day, and nothing is sent."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, aclosing
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.core.accounting.error_budget import ErrorBudget, KindCount, count_reasons
from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.fault_groups import FaultGrouper
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.packing.size_packer import SizePacker
from masivo_stream.core.packing.waiting import BatchSize
from masivo_stream.core.reading.hold_back import FindHeld
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.edges.export.source import Input
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.flow.dry_run.sent_before import SentFindings
from masivo_stream.flow.pipeline.read_exports import LineAnswers, is_much, make_decoder, share_work, validate_sources
from masivo_stream.flow.protocols import SkippedSink
from masivo_stream.flow.reporting.group_faults import add_rejected
from masivo_stream.flow.sources import number_sources
from masivo_stream.model.batch import Batch
from masivo_stream.model.canary import CanaryPlace
from masivo_stream.model.contract import CONTRACTS, Contract, Kind
from masivo_stream.model.entries import Entries, EntryColumns, EntryRun, LineResults, Packable, one_by_one
from masivo_stream.model.errors import InputError
from masivo_stream.model.examples import SkipExample, SkippedPlace, skip_examples
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.plan import DeadReason, PlannedCanary
from masivo_stream.model.ports import Clock
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.results import Rejected, reject_entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import KindSummary


class DryRunDeadLetters(Protocol):
    """Where a dry run's dead letters go."""

    def append(self, dead_letters: Iterable[Rejected]) -> None:
        """Write dead letters."""
        ...


OpenDeadLetters = Callable[[Kind, ExitStack], DryRunDeadLetters]
"""Opens the place for one kind's dead letters; what has to be closed afterwards goes onto the stack."""

OpenSkipped = Callable[[Kind, ExitStack], SkippedSink]
"""Opens the list of one kind's skipped records, in the same way."""

Watch = Callable[[Kind, Sequence[LineResults]], Awaitable[None]]
"""Sees the results of the lines of a kind."""


class UnlistedCustomers(Struct, frozen=True):
    """Records of customers that are not in the customers export, and the position of the first record."""

    records: int
    file: str
    line: int


class DuplicatePurchases(Struct, frozen=True):
    """Events that would be sent although their purchase came before; file and line of the first ones."""

    events: int
    places: tuple[tuple[str, int], ...]


class KindDryRunResult(Struct, frozen=True, kw_only=True):
    """What the dry run of a kind found."""

    figures: KindSummary
    """Nothing is accepted; records that would be sent are pending."""
    requests: int
    limited_by_bytes: int
    """Requests that `max_body_bytes` keeps from being full."""
    roomy_body_bytes: int
    """A body of this size would let every request be full, estimated from these records; 0 if all are full."""
    dead_letters: list[DeadReason]
    groups: FaultGroups
    unlisted: UnlistedCustomers | None
    skipped: list[SkipExample]
    duplicates: DuplicatePurchases | None
    sent_before: DuplicatePurchases | None
    """Likewise, of events whose purchase an earlier run sent to the account."""
    over: OverBudget | None
    """The first time that the error budget was exceeded, at the point where a migration would stop."""
    canary: PlannedCanary | None = None
    """The record that is sent before all others; its request is counted."""


class KindDryRun:
    """Run it once, then take its result."""

    def __init__(
        self,
        kind: Kind,
        settings: Settings,
        clock: Clock,
        expected: ExpectedCustomers | None,
        budget: ErrorBudget,
        held: FindHeld | None = None,
        sent: SentFindings | None = None,
    ) -> None:
        """Make a dry run of a kind; `budget` is that of all kinds, `held` returns what findings hold back.

        `expected`: for customers, what to fill; for other kinds, whose records to hold back. None if no customers
        export is named. `sent`: what earlier runs have sent to the account, and where that is found.
        """
        self._sent = sent
        self._contract, self._settings, self._clock = CONTRACTS[kind], settings, clock
        self._to_fill = expected if kind is Kind.CUSTOMERS else None
        self._expected = None if kind is Kind.CUSTOMERS else expected
        upload = settings.upload
        packer = SizePacker if self._contract.stays_whole else Packer
        self._packer = packer(self._contract, max_body_bytes=upload.max_body_bytes, look_ahead=upload.look_ahead)
        self._sorter = LineSorter(settings.validation.duplicate_purchase, held)
        self._checked = held is not None
        self._tally = Tally(self._contract)
        self._requests = _RequestCount(self._contract, upload.max_body_bytes)
        self._began = clock.now()
        self._records = self._items = 0
        self._in_part = 0
        """Records of which a part would be a dead letter, and the rest sent."""
        self._first_dead: dict[Reason, Rejected] = {}
        self._groups = FaultGrouper(kind)
        self._first_skipped: dict[str, SkippedPlace] = {}
        self._unlisted: UnlistedCustomers | None = None
        self._budget = budget
        self._over: OverBudget | None = None
        self._canary: CanaryPlace | None = None
        self._ahead: PlannedCanary | None = None

    async def run(
        self,
        inputs: Sequence[Input],
        dead_letters: DryRunDeadLetters,
        skipped: SkippedSink,
        watch: Watch | None = None,
        canary: CanaryPlace | None = None,
        answers: LineAnswers | None = None,
    ) -> InputError | None:
        """Read the inputs to their end; return the error that ended the reading early, if there was one.

        `watch` is given the results of all lines, before they are sorted. The record of a `canary` is sent before all
        others, in a request of its own. `answers` are what other machines found in the lines.
        """
        failure = None
        self._canary, sources = canary, number_sources(inputs)
        blocks = validate_sources(
            sources,
            make_decoder(
                self._contract.kind,
                self._settings,
                thorough=not is_much(sources),
                sent=None if self._sent is None else self._sent.sent,
                checked=self._checked,
            ),
            block_bytes=self._settings.source.block_bytes,
            max_line_bytes=self._settings.validation.max_line_bytes,
            helpers=share_work(self._settings),
            answers=answers,
        )
        try:
            async with aclosing(blocks) as validated_blocks:
                async for validated in validated_blocks:
                    if watch is not None:
                        await watch(self._contract.kind, validated.found)
                    if self._sent is not None:
                        self._sent.look(validated.found)
                    self._sort(validated.found, dead_letters, skipped)
                    self._show_budget()
        except InputError as error:
            failure = error
        self._requests.add(self._packer.flush(), last=True)
        self._show_budget(read_all=failure is None)
        if self._to_fill is not None:
            self._to_fill.close(complete=failure is None)
        return failure

    def result(self) -> KindDryRunResult:
        """Return what was found."""
        seconds = self._clock.now() - self._began
        whole = self._records - self._in_part
        figures = self._tally.summary_with_pending(records=whole, items=self._items, seconds=seconds)
        figures = msgspec.structs.replace(figures, dead=figures.dead + self._in_part)
        counted = self._tally.figures(seconds=seconds)
        return KindDryRunResult(
            figures=figures,
            requests=self._requests.requests,
            limited_by_bytes=self._requests.limited_by_bytes,
            roomy_body_bytes=self._requests.roomy_body_bytes,
            dead_letters=[_explain(self._first_dead[Reason(name)], count) for name, count in figures.reasons.items()],
            groups=self._groups.result(),
            unlisted=self._unlisted,
            skipped=skip_examples(self._contract.kind, figures.skip_reasons, self._first_skipped),
            duplicates=DuplicatePurchases(counted.alike, counted.alike_at) if counted.alike else None,
            sent_before=DuplicatePurchases(counted.sent_before, counted.sent_before_at)
            if counted.sent_before
            else None,
            over=self._over,
            canary=self._ahead,
        )

    def _show_budget(self, *, read_all: bool = False) -> None:
        """Let the budget see the dead letters when a migration lets it see them: block by block, and at the end."""
        if self._budget:
            reasons = count_reasons(self._tally.reasons, {})
            counted = KindCount(read=self._tally.records_read, reasons=reasons, read_all=read_all)
            over = self._budget.count(self._contract.kind, counted)
            self._over = self._over or over

    def _sort(self, found: Sequence[LineResults], dead_letters: DryRunDeadLetters, skipped: SkippedSink) -> None:
        """Sort a block's lines: list the skipped ones, write the dead letters, count all of them, pack the others."""
        lines = self._sorter.sort(found, self._expected.why if self._expected is not None else None)
        skipped.append(lines.skipped)
        skipped.count()
        for place in lines.skipped:
            self._first_skipped.setdefault(place.reason, place)
        self._to_dead_letter([dead_letter for dead_letter, _ in lines.dead_letters], dead_letters)
        for result in lines.results:
            self._tally.validated(result)
        self._tally.duplicated(lines.duplicates)
        self._tally.sent_before(lines.sent_before)
        parts = [(dead_letter, part) for dead_letter, part in lines.dead_letters if part is not None]
        self._in_part += len({part.place for _, part in parts})
        for dead_letter, part in parts:
            self._tally.settled([part], RecordOutcome.DEAD, dead_letter.reason)
        if self._expected is not None:
            self._count_unlisted(lines.to_pack, self._expected)
        if self._to_fill is not None:
            self._to_fill.skip(lines.results)
        self._pack(lines.to_pack, dead_letters)

    def _count_unlisted(self, entries: Iterable[Packable], expected: ExpectedCustomers) -> None:
        for each in entries:
            columns = (each.customers, each.lines) if isinstance(each, EntryColumns) else ([each.customer], [each.line])
            for index in expected.unlisted(columns[0]):
                known = self._unlisted or UnlistedCustomers(0, each.file, columns[1][index])
                self._unlisted = UnlistedCustomers(known.records + 1, known.file, known.line)

    def _to_dead_letter(self, rejected: list[Rejected], dead_letters: DryRunDeadLetters) -> None:
        if not rejected:
            return
        dead_letters.append(rejected)
        add_rejected(self._groups, rejected)
        for dead_letter in rejected:
            self._first_dead.setdefault(dead_letter.reason, dead_letter)
        if self._to_fill is not None:
            self._to_fill.to_dead_letter(rejected)

    def _pack(self, entries: Sequence[Packable], dead_letters: DryRunDeadLetters) -> None:
        packed = self._packer.feed(self._send_ahead(entries))
        self._requests.add(packed.batches)
        too_large = []
        for large in packed.oversized:
            dead_letter = reject_entry(large.entry, Reason.TOO_LARGE, large.message, items=large.items)
            self._tally.settled([large.entry], RecordOutcome.DEAD, dead_letter.reason)
            too_large.append(dead_letter)
        self._to_dead_letter(too_large, dead_letters)
        if packed.oversized:
            dead = {large.entry.place for large in packed.oversized}
            entries = [entry for entry in one_by_one(entries) if entry.place not in dead]
        sent = Entries(entries)
        self._records += len(sent)
        self._items += sent.items
        if self._to_fill is not None:
            self._to_fill.send(sent.customers)

    def _send_ahead(self, entries: Sequence[Packable]) -> Sequence[Packable]:
        """Count a request for the canary's record if it is among the entries; return the others."""
        place = self._canary
        if place is None or not any(_holds(each, place) for each in entries):
            return entries
        rest = list(one_by_one(entries))
        record = next(each for each in rest if _holds(each, place))
        rest.remove(record)
        file, line = record.record
        self._ahead = PlannedCanary(kind=place.kind, file=file, line=line, items=record.items)
        self._requests.requests += 1
        return rest


class _RequestCount:
    """Counts the batches that would be sent, and those that `max_body_bytes` keeps from being full."""

    def __init__(self, contract: Contract, max_body_bytes: int) -> None:
        self._contract, self._most_bytes = contract, max_body_bytes
        self.requests = self.limited_by_bytes = self.roomy_body_bytes = 0

    def add(self, batches: Iterable[Batch | BatchSize], *, last: bool = False) -> None:
        """Count batches; `last` if the packer has no more entries."""
        for batch in batches:
            self.requests += 1
            if self._is_limited_by_bytes(batch, last=last):
                self.limited_by_bytes += 1
                full = batch.size * self._contract.max_items // batch.items
                self.roomy_body_bytes = max(self.roomy_body_bytes, full)

    def _is_limited_by_bytes(self, batch: Batch | BatchSize, *, last: bool) -> bool:
        """Return whether a batch took no more entries because of its bytes.

        1. A full batch is not limited by bytes.
        2. If entries can be split, or are one item each, only bytes or the end of the export close a batch early.
        3. If entries stay whole, it may also be that no waiting entry fitted by its items. Then the batch is limited by
           bytes if one more entry of its own average size would exceed them.
        """
        if batch.items >= self._contract.max_items or batch.records >= self._contract.max_records:
            return False
        if not self._contract.stays_whole:
            return not last
        return batch.size + batch.size // batch.records > self._most_bytes


def _holds(packable: Packable, place: CanaryPlace) -> bool:
    lines = len(packable) if isinstance(packable, EntryRun) else 1
    return packable.source == place.source and packable.line <= place.line < packable.line + lines


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
