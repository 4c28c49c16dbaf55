"""Count the outcomes of records and items of one kind, so that the figures can be checked against each other.

A record is counted once, when the last of its parts is settled, under the worst of their outcomes: in doubt is worse
than dead, and dead is worse than accepted. Items are counted when their parts are settled. What is pending is not
derived from the other figures (they would always close then): the holder of unsettled entries counts them.

Outcomes can change: a person decides what was in doubt (`moved`), or a dead letter is tried again (`revalidated`, which
subtracts the old count and counts it again). So a record in parts is remembered as long as that can happen.
"""

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from masivo_stream.core.packing.pack import lower_bound
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import EntryColumns, EntryRun, LineResults, Packable, count_lines
from masivo_stream.model.progress import Figures
from masivo_stream.model.results import Blank, Entry, LineResult, Rejected, Retried, Skipped
from masivo_stream.model.summary import KindSummary

MOST_DUPLICATES = 2
"""Places that are shown of events whose purchase came before."""


class RecordOutcome(enum.IntEnum):
    """The outcome of an entry. If the outcomes of a record's parts differ, the larger one counts."""

    ACCEPTED = 0
    DEAD = 1
    IN_DOUBT = 2


class _Parted(Struct):
    """A record of which some parts are settled."""

    open_items: int
    parts: list[int]
    """The number of parts by outcome."""

    @property
    def worst(self) -> RecordOutcome:
        return max((outcome for outcome in RecordOutcome if self.parts[outcome]), default=RecordOutcome.ACCEPTED)


class Tally:
    """Feed it the results of lines, then the outcomes of entries; ask for a summary at any time."""

    def __init__(self, contract: Contract, figures: Figures | None = None) -> None:
        """Count for one kind, going on from `figures` of an earlier process."""
        self._contract = contract
        figures = figures or Figures()
        self._read, self._blank, self._skipped = figures.read, figures.blank, figures.skipped
        self._items_read, self._items_skipped = figures.items_read, figures.items_skipped
        self._records = Counter({RecordOutcome[name]: count for name, count in figures.records.items()})
        self._items = Counter({RecordOutcome[name]: count for name, count in figures.items.items()})
        self._reasons = Counter(figures.reasons)
        self._skip_reasons = Counter(figures.skip_reasons)
        self._remarks = Counter(figures.remarks)
        self._alike, self._alike_at = figures.alike, list(figures.alike_at)
        self._sent_before, self._sent_before_at = figures.sent_before, list(figures.sent_before_at)
        self._parted = {(file, line): _Parted(left, list(parts)) for file, line, left, parts in figures.parted}
        self._rejected, self._items_rejected = figures.rejected, figures.items_rejected
        self._sendable_items, self._sendable_records = figures.sendable_items, figures.sendable_records
        self._requests, self._throttled, self._bytes = figures.requests, figures.throttled, figures.bytes_sent
        self._earlier_seconds = figures.seconds
        self.ahead = set(figures.ahead)
        """Source and line of records that are counted and still beyond the read position."""

    def figures(self, *, seconds: float) -> Figures:
        """Return everything counted, in the form in which it can be kept."""
        return Figures(
            read=self._read,
            blank=self._blank,
            skipped=self._skipped,
            items_read=self._items_read,
            items_skipped=self._items_skipped,
            rejected=self._rejected,
            items_rejected=self._items_rejected,
            sendable_records=self._sendable_records,
            sendable_items=self._sendable_items,
            records={outcome.name: count for outcome, count in self._records.items()},
            items={outcome.name: count for outcome, count in self._items.items()},
            reasons=dict(+self._reasons),
            skip_reasons=dict(self._skip_reasons),
            remarks=dict(self._remarks),
            alike=self._alike,
            alike_at=tuple(self._alike_at),
            sent_before=self._sent_before,
            sent_before_at=tuple(self._sent_before_at),
            parted=[(*key, parted.open_items, tuple(parted.parts)) for key, parted in self._parted.items()],
            requests=self._requests,
            throttled=self._throttled,
            bytes_sent=self._bytes,
            seconds=self._earlier_seconds + seconds,
            ahead=tuple(sorted(self.ahead)),
        )

    def validated(self, found: LineResults) -> None:
        """Count a line that was read, or many that are entries."""
        self._read += count_lines((found,))
        match found:
            case EntryRun(items=counts):
                self._items_read += sum(counts)
                self._sendable_items += sum(counts)
                self._sendable_records += len(counts)
            case Entry(items=items, skipped_items=skipped):
                self._items_read += items + skipped
                self._items_skipped += skipped
                self._sendable_items += items
                self._sendable_records += 1
            case Rejected(item_count=items, skipped_items=skipped, reason=reason):
                self._items_read += items + skipped
                self._items_skipped += skipped
                self._items_rejected += items
                self._rejected += 1
                self._items[RecordOutcome.DEAD] += items
                self._records[RecordOutcome.DEAD] += 1
                self._reasons[reason] += 1
            case Skipped(items=items, reason=skip_reason):
                self._items_read += items
                self._items_skipped += items
                self._skipped += 1
                self._skip_reasons[skip_reason] += 1
            case Blank():
                self._blank += 1

    def duplicated(self, places: Sequence[tuple[str, int]]) -> None:
        """Count events that are sent although their purchase came before: file and line of each."""
        self._alike += len(places)
        self._alike_at.extend(places[: MOST_DUPLICATES - len(self._alike_at)])

    def sent_before(self, places: Sequence[tuple[str, int]]) -> None:
        """Count events that are sent although an earlier run sent their purchase: file and line of each."""
        self._sent_before += len(places)
        self._sent_before_at.extend(places[: MOST_DUPLICATES - len(self._sent_before_at)])

    def revalidated(self, old: Retried, result: LineResult) -> None:
        """Count a dead letter that is tried again: as it is validated now, and no longer as `old`."""
        self._reasons[old.earlier[-1].reason] -= 1
        self._items[RecordOutcome.DEAD] -= old.count
        self._items_read -= old.count
        if old.validated:
            self._items_rejected -= old.count
        else:
            self._sendable_items -= old.count
        if not old.whole:
            self._revalidated_part((old.file, old.line), result)
            return
        self._read -= 1
        self._records[RecordOutcome.DEAD] -= 1
        if old.validated:
            self._rejected -= 1
        else:
            self._sendable_records -= 1
        self.validated(result)

    def _revalidated_part(self, record: tuple[str, int], result: LineResult) -> None:
        """Count a part of a record again; its record stays read."""
        parted = self._parted[record]
        self._reopen(parted)
        parted.parts[RecordOutcome.DEAD] -= 1
        match result:
            case Entry(items=items, skipped_items=skipped):
                self._items_read += items + skipped
                self._items_skipped += skipped
                self._sendable_items += items
                parted.open_items += items
            case Rejected(item_count=items, reason=reason):
                self._items_read += items
                self._items_rejected += items
                self._items[RecordOutcome.DEAD] += items
                self._reasons[reason] += 1
                parted.parts[RecordOutcome.DEAD] += 1
            case Skipped(items=items):
                self._items_read += items
                self._items_skipped += items
            case Blank():
                pass
        self._close(record, parted)

    def settled(self, entries: Iterable[Packable], outcome: RecordOutcome, reason: str | None = None) -> None:
        """Count entries whose outcome is known now; `reason` for dead ones."""
        count = records = items = 0
        for each in entries:
            if isinstance(each, EntryColumns):
                count += len(each)
                records += len(each)
                items += sum(each.items)
                continue
            count += 1
            items += each.items
            if each.whole:
                records += 1
            else:
                self._settled_part(each, outcome)
        self._items[outcome] += items
        if records:
            self._records[outcome] += records
        if reason is not None:
            self._reasons[reason] += count

    def _settled_part(self, entry: Entry, outcome: RecordOutcome) -> None:
        parted = self._parted.setdefault(entry.record, _Parted(entry.record_items, [0] * len(RecordOutcome)))
        parted.open_items -= entry.items
        parted.parts[outcome] += 1
        self._close(entry.record, parted)

    def moved(
        self, entries: Iterable[Entry], before: RecordOutcome, after: RecordOutcome, reason: str | None = None
    ) -> None:
        """Count entries under the outcome `after` instead of `before`; `reason` for dead ones."""
        for entry in entries:
            self._items[before] -= entry.items
            self._items[after] += entry.items
            if reason is not None:
                self._reasons[reason] += 1
            if entry.whole:
                self._records[before] -= 1
                self._records[after] += 1
            else:
                parted = self._parted[entry.record]
                self._reopen(parted)
                parted.parts[before] -= 1
                parted.parts[after] += 1
                self._close(entry.record, parted)

    def taken_back(self, entry: Entry, reason: str) -> None:
        """Count what was accepted of a record, and was reverted, as dead for `reason` until it is read again.

        A part represents all parts of its record that were accepted: they come again as one.
        """
        self._items[RecordOutcome.ACCEPTED] -= entry.items
        self._items[RecordOutcome.DEAD] += entry.items
        self._reasons[reason] += 1
        if entry.whole:
            self._records[RecordOutcome.ACCEPTED] -= 1
            self._records[RecordOutcome.DEAD] += 1
            return
        accepted = _Parted(0, [1, 0, 0])  # a record whose parts are all accepted is not remembered
        parted = self._parted.setdefault(entry.record, accepted)
        self._reopen(parted)
        parted.parts[RecordOutcome.ACCEPTED] = 0
        parted.parts[RecordOutcome.DEAD] += 1
        self._close(entry.record, parted)

    def _reopen(self, parted: _Parted) -> None:
        if parted.open_items == 0:
            self._records[parted.worst] -= 1

    def _close(self, record: tuple[str, int], parted: _Parted) -> None:
        """Count a record if all its parts have an outcome. An accepted one stays accepted, and is not remembered."""
        if parted.open_items == 0:
            self._records[parted.worst] += 1
            if parted.worst is RecordOutcome.ACCEPTED:
                del self._parted[record]

    @property
    def outstanding(self) -> tuple[int, int]:
        """Records and items that are to be sent and have no outcome yet, derived from the other figures."""
        records, items = self._records, self._items
        return (
            self._sendable_records - (sum(records.values()) - self._rejected),
            self._sendable_items - (sum(items.values()) - self._items_rejected),
        )

    @property
    def dead(self) -> int:
        """Records that are dead letters."""
        return self._records[RecordOutcome.DEAD]

    @property
    def reasons(self) -> Mapping[str, int]:
        """Dead letters by reason: several for a record in parts."""
        return self._reasons

    @property
    def records_read(self) -> int:
        """Records that were read, without blank lines."""
        return self._read - self._blank

    @property
    def skipped(self) -> int:
        """Records that were skipped."""
        return self._skipped

    @property
    def sendable(self) -> int:
        """Records that were to be sent."""
        return self._sendable_records

    def sent(self, size: int) -> None:
        """Count a request that departed."""
        self._requests += 1
        self._bytes += size

    def remarked(self, remark: str) -> None:
        """Count a batch whose acceptance had something odd about it."""
        self._remarks[remark] += 1

    def throttled(self) -> None:
        """Count a 429."""
        self._throttled += 1

    def summary(self, unsettled: Iterable[Packable], *, seconds: float) -> KindSummary:
        """Return the figures; `unsettled` are the entries that wait somewhere, as listed by their holders."""
        waiting = list(unsettled)
        lines = [each for each in waiting if isinstance(each, EntryColumns)]
        entries = [each for each in waiting if not isinstance(each, EntryColumns)]
        return self.summary_with_pending(
            records=count_lines(lines) + len({entry.record for entry in entries}),
            items=sum(sum(each.items) for each in lines) + sum(entry.items for entry in entries),
            seconds=seconds,
        )

    def summary_with_pending(self, *, records: int, items: int, seconds: float) -> KindSummary:
        """Return the figures; `records` and `items` are the numbers of those that wait, as counted by their holders."""
        return KindSummary(
            read=self._read,
            blank=self._blank,
            accepted=self._records[RecordOutcome.ACCEPTED],
            dead=self._records[RecordOutcome.DEAD],
            skipped=self._skipped,
            in_doubt=self._records[RecordOutcome.IN_DOUBT],
            pending=records,
            items_read=self._items_read,
            items_accepted=self._items[RecordOutcome.ACCEPTED],
            items_dead=self._items[RecordOutcome.DEAD],
            items_skipped=self._items_skipped,
            items_in_doubt=self._items[RecordOutcome.IN_DOUBT],
            items_pending=items,
            requests=self._requests,
            requests_lower_bound=lower_bound(
                self._contract, records=self._sendable_records, items=self._sendable_items
            ),
            throttled=self._throttled,
            bytes_sent=self._bytes,
            seconds=self._earlier_seconds + seconds,
            reasons=dict((+self._reasons).most_common()),
            skip_reasons=dict(self._skip_reasons.most_common()),
            remarks=dict(self._remarks.most_common()),
        )
