"""The ledger of one kind: where each entry is, how far reading has come, and what waits for a note in the journal.

Theory of operation
===================

An *entry* is a record, or a part of one, that is to be sent. Between two calls each entry is in exactly one place:

    to_pack ──────> packer ──────> batch ──────> outcome
       ^              │              │           (accepted, dead or in doubt)
       └── shrink ────┘              │
       └───────── repack ────────────┘

1. `take_up` counts the lines that were read. Entries wait in `to_pack`.
2. `pack` feeds them to the packer. Batches that the packer completes are unsettled from then on.
3. `accept`, `doubt` and `to_dead_letter` give the entries of a batch their outcome; `repack` sends them through the
   packer once more (the unsuspected part of a refused batch, a body that the server finds too large), and `shrink`
   those that the packer holds.

Three rules follow from that, and a restart relies on each of them:

* **The figures close.** What was read is accepted, dead, skipped, blank, in doubt or pending; what is pending is
  counted where it waits, and never derived from the other figures.
* **The checkpoint is the lowest position without an outcome.** A restart reads on from there. So it is held by the
  entries in `to_pack`, by the packer, and by each batch, from when it is handed over until nothing is left in it.
* **After a restart the ledger catches up.** Lines between the checkpoint and the read position were counted by an
  earlier process. They are read again and not counted again; of their entries those without an outcome are taken up.
  Until then the position that was reached holds the checkpoint, too.
* **A record taken ahead is counted once.** A canary is sent before the lines in front of it are read (`take_ahead`).
  When reading comes to its line, it is treated like a line that an earlier process has counted.

A change is made in one call, without a wait in between, so `progress` never returns half of a change. What it returns
once (dead letters, customers who arrived, customers who are skipped) it does not return again: the caller must note it.

The ledger knows no clock, file or journal: `flow.pipeline.recorder` writes down what has to be durable.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from msgspec import Struct

from masivo_stream.core.accounting.error_budget import KindCount, count_reasons
from masivo_stream.core.accounting.missing import MissingCustomers, PresenceNotes, hash_bytes, hash_customer
from masivo_stream.core.accounting.sampling import ReadBackCandidates
from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.accounting.unanswered import Unanswered
from masivo_stream.core.packing.pack import Oversized, Packed, Packer
from masivo_stream.core.reading.sort_lines import LineSorter, SortedLines
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import Entries, EntryRun, LineResults, Packable, ValidatedBlock, one_by_one
from masivo_stream.model.progress import DeadLetterNote, Progress, Resume
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Blank, Entry, LineResult, Position, Rejected
from masivo_stream.model.slicing import take_part
from masivo_stream.model.summary import KindSummary

_MOST_NOTES = 10_000
"""Dead letters that may wait for a note: each costs half a kilobyte meanwhile, and a note costs a wait for the disk."""

_ITEMS_ONLY = frozenset(
    {Reason.CUSTOMER_NOT_MIGRATED, Reason.DUPLICATE_EVENT, Reason.SENT_BEFORE, Reason.UNKNOWN_CUSTOMER}
)
"""Reasons whose dead letters hold no more than the items they name."""


class HandedOver(Struct, frozen=True):
    """What one call to the packer completed. All of it is unsettled."""

    batches: list[Batch]
    too_large: list[tuple[Oversized, Batch]]
    """Entries that no request can carry, each in a batch of its own that is never sent."""


class Ledger:
    """One kind's bookkeeping; the module says how it works."""

    def __init__(
        self,
        kind: Kind,
        resume: Resume,
        packer: Packer,
        missing: MissingCustomers,
        *,
        sorter: LineSorter | None = None,
        candidates: ReadBackCandidates | None = None,
        remember_ids: int = 0,
    ) -> None:
        """Go on from `resume`; the ledger alone uses `packer` from now on.

        What belongs to `missing` customers is held back; `sorter` finds that, and duplicate purchases. `candidates`
        keeps some of what is accepted. `remember_ids`: the number of customers that the decoder remembers.
        """
        self.kind = kind
        self.tally = Tally(CONTRACTS[kind], resume.figures)
        self.unanswered = Unanswered()
        """Records that may have been applied and are sent again."""
        self.candidates = candidates or ReadBackCandidates()
        self.read_all = resume.read_all
        """Whether every input was read to its end."""
        self._packer, self._missing, self._sorter = packer, missing, sorter or LineSorter()
        self._presence = PresenceNotes(
            kind,
            missing.salt,
            self.tally,
            known_of=0 if resume.figures.read > len(self.tally.ahead) else remember_ids,
        )
        self._to_pack: list[Packable] = []
        self._unsettled = Unsettled()
        self._lows: dict[int, tuple[Position, Batch]] = {}
        """The lowest position of each batch that was handed over and is not done with, by the batch's identity: its id
        is a hash of its body, which another thread computes later."""
        self._read_position, self._covered = resume.read_position, resume.covered
        self._consumed = dict(resume.consumed)
        self._catching_up = resume.start < resume.read_position
        self._caught_up_to = resume.start
        self._dead_rows: list[DeadLetterNote] = []
        self._retried: list[int] = []
        self._arrived: list[int] = []
        self._to_retry = Counter(resume.to_retry)

    @property
    def counted(self) -> KindCount:
        """What the error budget needs to know."""
        reasons = count_reasons(self.tally.reasons, self._to_retry)
        return KindCount(read=self.tally.records_read, reasons=reasons, read_all=self.read_all)

    @property
    def read_position(self) -> Position:
        """The position up to which this process or an earlier one has read."""
        return self._read_position

    @property
    def target_bytes(self) -> int:
        """The size of body not to exceed, by what the server has taught."""
        return self._packer.target_bytes

    @property
    def waits_for_batches(self) -> bool:
        """Whether entries are in batches."""
        return bool(self._unsettled)

    @property
    def holds_entries(self) -> bool:
        """Whether entries are on their way to the packer."""
        return bool(self._to_pack)

    @property
    def owes_the_journal(self) -> bool:
        """Whether too much waits for a note to let it wait for the note of a batch: memory stays flat."""
        return len(self._dead_rows) + len(self._presence) >= _MOST_NOTES

    def summary(self, seconds: float) -> KindSummary:
        """Return the figures; this process has worked for `seconds`."""
        # While it catches up, not all entries are here that an earlier process had read and not sent: some are in the
        # figures only.
        if self._catching_up or self.tally.ahead:
            records, items = self.tally.outstanding
            return self.tally.summary_with_pending(records=records, items=items, seconds=seconds)
        unsettled = [*self._to_pack, *self._packer.pending(), *self._unsettled]
        return self.tally.summary(unsettled, seconds=seconds)

    def progress(self, *, seconds: float, dead_letters: tuple[int, int], skipped: tuple[int, int]) -> Progress:
        """Return how far the kind has come, to be noted: what happened since the last call is not returned again.

        `dead_letters` and `skipped` are the lengths in bytes and the CRC-32s of the dead-letter file and of the list of
        skipped records.
        """
        # A row that was returned twice would be two dead letters in the journal, and a retry would take both.
        dead, self._dead_rows = self._dead_rows, []
        arrived, self._arrived = self._arrived, []
        retried, self._retried = self._retried, []
        return Progress(
            read_position=self._read_position,
            checkpoint=self._checkpoint(),
            figures=self.tally.figures(seconds=seconds),
            consumed=tuple((number, *known) for number, known in self._consumed.items()),
            dead_letters_bytes=dead_letters[0],
            dead_letters_crc=dead_letters[1],
            read_all=self.read_all,
            dead=dead,
            retried=retried,
            arrived=arrived,
            skipped_bytes=skipped[0],
            skipped_crc=skipped[1],
            presence=self._presence.take(),
        )

    def _checkpoint(self) -> Position:
        """Return the lowest position without an outcome."""
        positions = [self._read_position, *(entry.place for entry in self._to_pack)]
        positions.extend(low for low, _ in self._lows.values())
        if (low := self._packer.low()) is not None:
            positions.append(low)
        if self._catching_up:
            positions.append(self._caught_up_to)
        return min(positions)

    # Reading.

    def sort(self, block: ValidatedBlock) -> SortedLines:
        """Sort the lines of a block: write down dead letters and skipped lines, then `take_up` the block.

        Nothing is counted yet: if the writing fails, the block was never read.
        """
        found = self._catch_up(block) if self._catching_up else block.found
        if any(source == block.place.source and line < block.place.line for source, line in self.tally.ahead):
            found = self._pass_ahead(found, block.place.source)
        return self._sorter.sort(found, self._missing.why if self._missing else None)

    def take_up(self, block: ValidatedBlock, lines: SortedLines) -> None:
        """Count the lines of a block, and keep the entries that are to be sent."""
        self._count(lines.results)
        self.tally.duplicated(lines.duplicates)
        self.tally.sent_before(lines.sent_before)
        self._to_pack.extend(lines.to_pack)
        # A dead letter with a part belongs to an entry that was counted as a whole; the others are counted as rejected.
        source = block.place.source
        for dead_letter, part in lines.dead_letters:
            if part is not None:
                self.tally.settled([part], RecordOutcome.DEAD, dead_letter.reason)
            self._note_dead(dead_letter, source, part)
        if self.tally.skipped:  # without a deleted customer there is nothing to note
            self._presence.note(lines.results, source)
        if block.place > self._read_position:
            self._read_position = block.place
            self._consume(block)
            passed = (source, block.place.line)
            self.tally.ahead = {place for place in self.tally.ahead if place >= passed}

    def take_ahead(self, entry: Entry, block: ValidatedBlock) -> None:
        """Take up a record that is not read yet, before all others; `block` is the one that holds it.

        What an earlier process has taken ahead is not counted again, and taken up only if it has no outcome.
        """
        place, left = (entry.source, entry.line), self._uncovered(entry)
        if place not in self.tally.ahead:
            self.tally.ahead.add(place)
            self.tally.validated(entry)
            self._consume(block)
        if left is not None:
            self._to_pack.append(left)

    def _consume(self, block: ValidatedBlock) -> None:
        """Remember the bytes of a source up to the end of a block: they must not change any more."""
        source, offset = block.place.source, block.place.offset
        if offset >= self._consumed.get(source, (0, 0, 0))[0]:  # if not, they were consumed with a record taken ahead
            self._consumed[source] = (offset, block.crc, block.place.line)

    def _pass_ahead(self, found: Iterable[LineResults], source: int) -> list[LineResult]:
        """Return the lines without those taken ahead; of these, take up what has no outcome."""
        others: list[LineResult] = []
        for result in one_by_one(found):
            if (source, result.line) not in self.tally.ahead:
                others.append(result)
            elif isinstance(result, Entry) and (entry := self._uncovered(result)) is not None:
                self._to_pack.append(entry)
        return others

    def _count(self, found: Iterable[LineResults]) -> None:
        for result in found:
            if isinstance(result, EntryRun | Blank) or result.retried is None:
                self.tally.validated(result)
            else:
                self.tally.revalidated(result.retried, result)
                if result.retried.row:  # 0 for a record that was reverted: it was never a dead letter
                    self._retried.append(result.retried.row)
                    self._to_retry[result.retried.earlier[-1].reason] -= 1

    def _catch_up(self, block: ValidatedBlock) -> list[LineResult]:
        """Take up entries of an earlier process that have no outcome; return the lines beyond its read position."""
        read_position, source = self._read_position, block.place.source
        beyond: list[LineResult] = []
        for result in one_by_one(block.found):
            if (source, result.line) >= (read_position.source, read_position.line):
                beyond.append(result)
            elif isinstance(result, Entry) and (entry := self._uncovered(result)) is not None:
                self._to_pack.append(entry)
        self._caught_up_to = block.place
        self._catching_up = block.place < read_position
        return beyond

    def _uncovered(self, entry: Entry) -> Entry | None:
        """Return the part of an entry that has no outcome, None if all of it has one."""
        covered = self._covered.get((entry.source, entry.line), frozenset())
        if covered is None:  # all of the record
            return None
        own = entry.indexes or tuple(range(entry.items))
        left = [index for index in own if index not in covered]
        if len(left) == len(own):
            return entry
        return take_part(entry, left, CONTRACTS[self.kind].item_field or "") if left else None

    # Packing.

    def pack(self) -> HandedOver:
        """Feed the packer with the entries that wait for it; return what that completes."""
        entries, self._to_pack = self._to_pack, []
        return self._hand_over(self._packer.feed(entries))

    def flush(self) -> HandedOver:
        """Return batches of all that is in the packer."""
        return self._hand_over(Packed(self._packer.flush(), []))

    def shrink(self, target_bytes: int) -> None:
        """Make smaller bodies from now on: what is in the packer goes through it once more."""
        self._to_pack.extend(self._packer.shrink(target_bytes))

    def _hand_over(self, packed: Packed) -> HandedOver:
        # All of them before the caller waits for anything: what is in no place would be lost to the checkpoint.
        too_large = [(large, make_batch(self.kind, [large.entry])) for large in packed.oversized]
        self.take_up_batches(packed.batches)
        self.take_up_batches(batch for _, batch in too_large)
        return HandedOver(packed.batches, too_large)

    # Batches.

    def take_up_batches(self, batches: Iterable[Batch]) -> None:
        """Take up batches: their entries are unsettled from now on."""
        for batch in batches:
            self._lows[id(batch)] = (batch.entries.low, batch)
            self._unsettled.add(batch.entries)

    def narrow(self, batch: Batch, part: Batch) -> None:
        """Note that nothing but `part` is left in a batch that was handed over."""
        del self._lows[id(batch)]
        self._lows[id(part)] = (part.entries.low, part)

    def done_with(self, batch: Batch) -> None:
        """Note that nothing is left in a batch that was handed over."""
        del self._lows[id(batch)]

    def repack(self, entries: Sequence[Entry]) -> None:
        """Let entries of a batch go through the packer once more."""
        self._unsettled.remove(entries)
        self._to_pack.extend(entries)

    # Outcomes.

    def accept(self, batch: Batch) -> None:
        """Count a batch as accepted."""
        self._unsettled.remove(batch.entries)
        self.unanswered.settle(batch.entries, batch.id)
        self.tally.settled(batch.entries.parts, RecordOutcome.ACCEPTED)
        # A customer who was a dead letter before, or whose events wait, is missing no longer.
        if self.kind is Kind.CUSTOMERS and (self.tally.dead or self._missing.awaited):
            self._arrived.extend(hash_customer(entry.customer, self._missing.salt) for entry in batch.entries)
        self.candidates.accept(batch.entries)

    def doubt(self, batch: Batch) -> None:
        """Count a batch as in doubt."""
        self._unsettled.remove(batch.entries)
        self.tally.settled(batch.entries.parts, RecordOutcome.IN_DOUBT)

    def to_dead_letter(self, entry: Entry, dead_letter: Rejected, *, missing: bool | None = None) -> None:
        """Count an entry of a batch as a dead letter, after `dead_letter` was written down.

        `missing`: whether the account lacks its customer. The default is to assume that of customers, of no other kind.
        """
        self._unsettled.remove([entry])
        self.tally.settled([entry], RecordOutcome.DEAD, dead_letter.reason)
        self.unanswered.settle([entry])
        self._note_dead(dead_letter, entry.source, entry, missing=missing)
        if missing and self.kind is not Kind.CUSTOMERS:
            self._missing.add(entry.customer)

    def doubt_left_behind(self, entries: Iterable[Entry]) -> None:
        """Count entries as in doubt that were on the wire when an earlier process ended."""
        self.tally.settled(entries, RecordOutcome.IN_DOUBT)

    def decide(self, entries: Sequence[Entry], dead_letters: Sequence[Rejected] | None = None) -> None:
        """Count entries that were in doubt as a person has decided: as dead with `dead_letters`, else as accepted."""
        if dead_letters is None:
            self.tally.moved(entries, RecordOutcome.IN_DOUBT, RecordOutcome.ACCEPTED)
            return
        for dead_letter, entry in zip(dead_letters, entries, strict=True):
            self._note_dead(dead_letter, entry.source, entry)
        self.tally.moved(entries, RecordOutcome.IN_DOUBT, RecordOutcome.DEAD, Reason.DISCARDED)

    def _note_dead(self, dead_letter: Rejected, source: int, of: Entry | None, *, missing: bool | None = None) -> None:
        known = self.kind is Kind.CUSTOMERS if missing is None else missing
        self._dead_rows.append(_dead_row(dead_letter, source, self._missing.salt, of=of, missing=known))


class Unsettled:
    """The entries in batches that have no outcome.

    Entries are distinguished by identity: two parts of one record may be equal. Almost always a batch is settled whole,
    so it is taken up and removed whole, which costs the same however many entries it has. Entries are kept track of one
    by one only while a batch is isolated.
    """

    def __init__(self) -> None:
        """Begin without entries."""
        self._whole: dict[int, Entries] = {}
        """Entries of batches, by the identity of the object that holds them."""
        self._single: dict[int, Entry] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._whole or self._single)

    def __iter__(self) -> Iterator[Packable]:
        """Yield them, in no particular order."""
        return chain(chain.from_iterable(entries.parts for entries in self._whole.values()), self._single.values())

    def add(self, entries: Entries) -> None:
        """Take up the entries of a batch. To remove them as a whole, hand this very object back."""
        self._whole[id(entries)] = entries

    def remove(self, entries: Iterable[Entry]) -> None:
        """Remove entries.

        Raises:
            KeyError: one of them is not here. What is here is wrong from then on.
        """
        if self._whole.pop(id(entries), None) is not None:
            return
        for whole in self._whole.values():
            self._single.update(zip(map(id, whole), whole, strict=True))
        self._whole.clear()
        for entry in entries:
            del self._single[id(entry)]


def _dead_row(dead_letter: Rejected, source: int, salt: bytes, *, of: Entry | None, missing: bool) -> DeadLetterNote:
    """Return what the journal keeps of a dead letter: hashes and positions, so that a retry can find and count it.

    `of` is the entry, if it had been packed. `missing`: whether the account is assumed to lack its customer, so that
    what belongs to the customer is held back.
    """
    old = dead_letter.retried
    customer = None if old is None else old.customer
    if not missing or dead_letter.reason is Reason.DUPLICATE_ID:  # the other record with this id arrived
        customer = None
    elif dead_letter.customer is not None:
        customer = hash_customer(dead_letter.customer, salt)
    indexes = dead_letter.items if dead_letter.reason in _ITEMS_ONLY else None
    if of is not None:
        indexes = of.indexes
    return DeadLetterNote(
        source=source,
        line=dead_letter.line,
        indexes=indexes,
        reason=dead_letter.reason,
        customer=customer,
        items=dead_letter.item_count,
        whole=(of is None or of.whole) and (old is None or old.whole),
        validated=of is None,
        digest=hash_bytes(dead_letter.raw, salt),
        of=None if old is None else (old.source, old.line, old.name_items(indexes)),
    )
