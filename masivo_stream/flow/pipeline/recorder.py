"""The account: where every entry of a kind stands, counted, written down and noted in the journal.

`Phase` moves entries, this keeps them: between two of its calls each entry is in exactly one place (on its way to the
packer, in the packer, in a batch, or at its fate), so that whenever the run ends, everything can be accounted for. What
changes the figures is synchronous up to the journal's own queue, so no commit sees half of a change.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import islice

from masivo_stream.core.accounting.sampling import Sampling
from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.accounting.unsettled import Unsettled
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.core.sending.backoff import Decision, Halt, Hold, Retry, Settle
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.flow.customers.missing import MissingCustomers, hash_customer
from masivo_stream.flow.customers.presence import PresenceNotes
from masivo_stream.flow.pipeline.dead_row import make_dead_row
from masivo_stream.flow.pipeline.ports import DeadLetterSink, InDoubtSink, JournalPort, SkippedSink, UnchangedSkipped
from masivo_stream.flow.pipeline.read import ValidatedBlock
from masivo_stream.flow.pipeline.unanswered import Unanswered
from masivo_stream.flow.readback.compare import is_comparable
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import EntryRun, LineResults, Packable, one_by_one
from masivo_stream.model.outcome import Accepted, Refused
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import DeadRow, Progress, Resume
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Blank, Entry, LineResult, Position, Rejected, reject_entry
from masivo_stream.model.slicing import take_part
from masivo_stream.model.states import BatchOutcome, BatchState, Note
from masivo_stream.model.summary import KindSummary

_MOST_DEAD_ROWS = 10_000
"""Dead letters that may wait for a note; it costs a wait for the disk, and half a kilobyte each to wait."""


class Recorder:
    """One kind's account; keeps the promises of `flow.pipeline.deliver.Keeper`."""

    def __init__(
        self,
        kind: Kind,
        *,
        resume: Resume,
        missing: MissingCustomers,
        salt: bytes,
        journal: JournalPort,
        packer: Packer,
        tally: Tally,
        dead_letters: DeadLetterSink,
        doubts: InDoubtSink,
        clock: Clock,
        remember_accepted: int,
        sample: Sampling[Entry] | None = None,
        skips: SkippedSink | None = None,
        left_out: LineSorter | None = None,
        remember_ids: int = 0,
        awaited: bool = False,
    ) -> None:
        """Go on from `resume`; hold back what belongs to `missing` customers.

        `skips` lists what is skipped. `remember_ids`: so many customers the decoder remembers. `awaited`: something is
        held back for customers.
        """
        self.kind = kind
        self._missing, self._salt, self._journal = missing, salt, journal
        self._packer, self._tally = packer, tally
        self._dead_letters, self._doubts, self._clock = dead_letters, doubts, clock
        self._skips = skips or UnchangedSkipped(resume.skipped_bytes, resume.skipped_crc)
        self._left_out, self._awaited = left_out or LineSorter(), awaited
        self._presence = PresenceNotes(kind, salt, tally, known_of=0 if resume.figures.read else remember_ids)
        self._accepted_plain: deque[Entry] = deque(maxlen=remember_accepted)
        self._accepted_odd: list[Entry] = []
        """Some of the batch accepted last, where all its ids need escaping."""
        self.sample = sample or Sampling(0, lambda: 0.0)
        """Some of the accepted entries, for reading back at the end."""
        self.accepted_at = clock.wall()
        """When that was, by the server's clock if it told."""
        self._unsettled = Unsettled()
        self._lows: dict[str, Position] = {}
        """The lowest place of each batch that was handed over and is not done with."""
        self._to_pack: list[Packable] = []
        """Entries on their way to the packer: read just now, or come back."""
        self.unanswered = Unanswered()
        """Records that may have been applied and are sent again."""
        self.unanswered.resume(resume, clock)
        self._read_position, self._covered = resume.read_position, resume.covered
        self._catching_up = resume.start < resume.read_position
        self._read_to = resume.start
        self._consumed = dict(resume.consumed)
        self._dead_rows: list[DeadRow] = []
        self._retried: list[int] = []
        self._arrived: list[int] = []
        self.read_all = resume.read_all
        """Whether every input was read to its end."""
        self._began = clock.now()
        self._ended: float | None = None

    @property
    def last_accepted(self) -> list[Entry]:
        """The entries accepted last, for reading back: those whose ids need no escaping, where there are any."""
        return list(self._accepted_plain) or self._accepted_odd

    @property
    def unsure_accepted(self) -> list[Entry]:
        """Some that were accepted after those: their ids need escaping, and so do all of their batch."""
        return self._accepted_odd if self._accepted_plain else []

    @property
    def read_position(self) -> Position:
        """The place up to which was read, by this process or an earlier one."""
        return self._read_position

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
        """Whether so many dead letters wait for a note that they should not wait for a batch's: memory stays flat."""
        return len(self._dead_rows) + len(self._presence) >= _MOST_DEAD_ROWS

    def start(self) -> None:
        """Begin to read, and to count the time."""
        self.read_all = False
        self._began = self._clock.now()

    def end(self) -> None:
        """Count no more time."""
        self._ended = self._clock.now()

    def figures(self) -> KindSummary:
        """Return where the kind stands."""
        if self._catching_up:  # what an earlier process had read and not sent is not all in our hands again
            records, items = self._tally.outstanding
            return self._tally.summary_with_pending(records=records, items=items, seconds=self._seconds())
        unsettled = [*self._to_pack, *self._packer.pending(), *self._unsettled]
        return self._tally.summary(unsettled, seconds=self._seconds())

    # Where entries stand.

    def take_to_pack(self) -> list[Packable]:
        """Return what is on its way to the packer: feed it at once."""
        entries, self._to_pack = self._to_pack, []
        return entries

    def come_back(self, entries: Iterable[Packable]) -> None:
        """Let entries of the packer go through it once more."""
        self._to_pack.extend(entries)

    def hand_over(self, batches: Iterable[Batch]) -> None:
        """Take up batches: their entries are unsettled from now on."""
        for batch in batches:
            self._lows[batch.id] = batch.entries.low
            self._unsettled.add(batch.entries)

    def narrow(self, batch: Batch, part: Batch) -> None:
        """Note that of a batch that was handed over nothing but `part` is left in it."""
        del self._lows[batch.id]
        self._lows[part.id] = part.entries.low

    def done_with(self, batch: Batch) -> None:
        """Note that nothing of a batch that was handed over is left in it."""
        del self._lows[batch.id]

    def release(self, entries: Sequence[Entry]) -> None:
        """Take entries out of their batch: they have a fate."""
        self._unsettled.remove(entries)

    def give_back(self, entries: Sequence[Entry]) -> None:
        """Let entries of a batch go to the packer once more."""
        self._unsettled.remove(entries)
        self._to_pack.extend(entries)

    def to_dead_letter(self, entry: Entry, letter: Rejected, *, missing: bool | None = None) -> None:
        """Write an entry down as a dead letter, then count it as one.

        `missing`: the account has not got its customer; where nothing is said, that is so of customers.
        """
        self._dead_letters.append([letter])
        self.release([entry])
        self._tally.settled([entry], RecordOutcome.DEAD, letter.reason)
        self.unanswered.settle([entry])
        self._note_dead(letter, entry.source, entry, missing=missing)
        if missing and self.kind is not Kind.CUSTOMERS:
            self._missing.add(entry.customer)

    def _note_dead(self, letter: Rejected, source: int, of: Entry | None, *, missing: bool | None = None) -> None:
        known = self.kind is Kind.CUSTOMERS if missing is None else missing
        self._dead_rows.append(make_dead_row(letter, source, self._salt, of=of, missing=known))

    # What is read.

    def sort(self, validated: ValidatedBlock) -> None:
        """Count the judgements, write the rejected and skipped ones down, keep those to send."""
        found = self._catch_up(validated) if self._catching_up else validated.found
        known = self._left_out.sort(found, self._missing.why if self._missing else None)
        self._skips.append(known.skipped)
        if known.dead_letters:
            self._dead_letters.append([letter for letter, _ in known.dead_letters])
        self._skips.count()  # what was written before it is counted: where that fails, it was never read
        self._count(known.results)
        self._tally.repeated(known.duplicates)
        self._to_pack.extend(known.to_pack)
        source = validated.place.source
        for letter, part in known.dead_letters:
            if part is not None:
                self._tally.settled([part], RecordOutcome.DEAD, letter.reason)
            self._note_dead(letter, source, part)
        self._presence.look(known.results, source)
        if validated.place > self._read_position:
            self._read_position = validated.place
            self._consumed[source] = (validated.place.offset, validated.crc, validated.place.line)

    def _count(self, found: Iterable[LineResults]) -> None:
        for fate in found:
            if isinstance(fate, EntryRun | Blank) or fate.retried is None:
                self._tally.validated(fate)
            else:
                self._tally.revalidated(fate.retried, fate)
                if fate.retried.row:  # not so what was taken back: it was never a dead letter
                    self._retried.append(fate.retried.row)

    def _catch_up(self, validated: ValidatedBlock) -> list[LineResult]:
        """Take up entries of an earlier process that have no fate yet; return what lies beyond its frontier."""
        read_position, source = self._read_position, validated.place.source
        beyond: list[LineResult] = []
        for result in one_by_one(validated.found):
            if (source, result.line) >= (read_position.source, read_position.line):
                beyond.append(result)
            elif isinstance(result, Entry) and (entry := self._uncovered(result)) is not None:
                self._to_pack.append(entry)
        self._read_to = validated.place
        self._catching_up = validated.place < read_position
        return beyond

    def _uncovered(self, entry: Entry) -> Entry | None:
        """Return the part of an entry that has no fate yet."""
        covered = self._covered.get((entry.source, entry.line), frozenset())
        if covered is None:
            return None
        own = entry.indexes or tuple(range(entry.items))
        left = [index for index in own if index not in covered]
        if len(left) == len(own):
            return entry
        return take_part(entry, left, CONTRACTS[self.kind].item_field or "") if left else None

    # What the journal is told.

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        await self._journal.send(batch, self._progress(), self._sync)

    async def conclude(self, batch: Batch, decision: Decision) -> None:
        """Count what came of an attempt, and note it."""
        outcome: BatchOutcome | None = None  # it was certainly not applied, and may be sent again
        doubtful = False
        match decision:
            case Settle(Accepted(remark, at)):
                outcome = BatchOutcome(BatchState.ACCEPTED)
                self.remark(remark)
                self._accept(batch, at)
            case Settle(Refused(foreign=True)):
                pass  # not the API's word: it holds for no other process
            case Settle(Refused(status=status)):
                outcome = BatchOutcome(BatchState.REFUSED, status)
            case Settle():
                outcome = BatchOutcome(BatchState.REFUSED, why="too large")
            case Hold(why) | Halt(why=why, in_doubt=True) if not CONTRACTS[self.kind].repeatable:
                outcome = BatchOutcome(BatchState.IN_DOUBT, why=why)
                self.release(batch.entries)
                self._tally.settled(batch.entries.parts, RecordOutcome.IN_DOUBT)
            case Retry(doubtful=True) | Halt(in_doubt=True):
                doubtful = True
                self.unanswered.add(batch, self._clock.now())
            case _:
                pass
        if (outcome is None or outcome.state is BatchState.REFUSED) and batch.id in self.unanswered:
            refused = outcome or BatchOutcome(BatchState.REFUSED)
            outcome = BatchOutcome(BatchState.UNANSWERED, refused.status, refused.why, again=not doubtful)
        if outcome is None:
            await self._journal.remove(self.kind, batch.id, self._progress(), self._sync)
        else:
            await self._journal.settle(self.kind, batch.id, outcome, self._progress(), self._sync)
        if outcome is not None and outcome.state is BatchState.IN_DOUBT:
            self._doubts.add(batch.id, batch.entries)

    def remark(self, remark: str) -> None:
        """Count what was odd about an acceptance, if anything was."""
        if remark:
            self._tally.remarked(remark)

    async def find(self, entries: list[Entry]) -> None:
        """Note that entries are there, by an attempt whose answer was lost."""
        batch = make_batch(self.kind, entries)
        self._accept(batch, None)
        why = "applied by an attempt whose answer was lost"
        await self._journal.find(batch, self._progress(), self._sync, why=why)

    async def doubt(self, batch: str, entries: list[Entry]) -> None:
        """Note that a process died while `batch` was in flight: nobody knows what became of it. Before `run`."""
        self._tally.settled(entries, RecordOutcome.IN_DOUBT)
        outcome = BatchOutcome(BatchState.IN_DOUBT, why="the process ended while it was in flight")
        await self._journal.settle(self.kind, batch, outcome, self._progress(), self._sync)
        self._doubts.add(batch, entries)

    async def decide(self, entries: list[Entry], fate: RecordOutcome, note: Note) -> None:
        """Note what a person decided about the batch in doubt that `note` names."""
        reason = None
        if fate is RecordOutcome.DEAD:
            reason = Reason.DISCARDED
            letters = [reject_entry(entry, reason, note.words, batch=note.batch) for entry in entries]
            self._dead_letters.append(letters)
            for letter, of in zip(letters, entries, strict=True):
                self._note_dead(letter, of.source, of)
        self._tally.moved(entries, RecordOutcome.IN_DOUBT, fate, reason)
        state = BatchState.DISCARDED if fate is RecordOutcome.DEAD else BatchState.ACCEPTED
        await self._journal.decide(self.kind, state, note, self._progress(), self._sync)
        self._doubts.remove(note.batch)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        await self._journal.send_again(batch)

    async def stay_in_doubt(self, batch: str, why: str) -> None:
        """Note that an attempt has not settled a batch in doubt."""
        outcome = BatchOutcome(BatchState.IN_DOUBT, why=why)
        await self._journal.settle(self.kind, batch, outcome, self._progress(), self._sync)

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies: the next process need not find that out again."""
        await self._journal.learn_limit(max_body_bytes)

    async def note(self) -> None:
        """Note how far the kind has come.

        Raises:
            StorageError: it could not be made durable.
        """
        await self._journal.note(self.kind, self._progress(), self._sync)

    def _progress(self) -> Progress:
        """Return how far the kind has come; the dead rows in it are not told again."""
        dead, self._dead_rows = self._dead_rows, []
        arrived, self._arrived = self._arrived, []
        retried, self._retried = self._retried, []
        return Progress(
            read_position=self._read_position,
            checkpoint=self._checkpoint(),
            figures=self._tally.figures(seconds=self._seconds()),
            consumed=tuple((number, *known) for number, known in self._consumed.items()),
            letters_bytes=self._dead_letters.length,
            letters_crc=self._dead_letters.crc,
            read_all=self.read_all,
            dead=dead,
            retried=retried,
            arrived=arrived,
            skipped_bytes=self._skips.length,
            skipped_crc=self._skips.crc,
            presence=self._presence.take(),
        )

    def _sync(self) -> None:
        """Make all that was written down durable; called from another thread."""
        self._dead_letters.sync()
        self._skips.sync()

    def _checkpoint(self) -> Position:
        """Return the lowest place without a fate."""
        places = [self._read_position, *self._lows.values(), *(entry.place for entry in self._to_pack)]
        if (low := self._packer.low()) is not None:
            places.append(low)
        if self._catching_up:
            places.append(self._read_to)
        return min(places)

    def _seconds(self) -> float:
        return (self._clock.now() if self._ended is None else self._ended) - self._began

    def _accept(self, batch: Batch, at: str | None) -> None:
        self.accepted_at = _moment(at) or self._clock.wall()
        self.release(batch.entries)
        self.unanswered.settle(batch.entries, batch.id)
        self._tally.settled(batch.entries.parts, RecordOutcome.ACCEPTED)
        if self.kind is Kind.CUSTOMERS and (
            self._tally.dead or self._awaited
        ):  # a mended record of one who was missing
            self._arrived.extend(hash_customer(entry.customer, self._salt) for entry in batch.entries)
        self._remember(batch)
        self.sample.feed(len(batch.entries), batch.entries.copy, partial(is_comparable, self.kind))

    def _remember(self, batch: Batch) -> None:
        """Remember the last entries of a batch, those whose ids need no escaping first."""
        most = self._accepted_plain.maxlen
        if not most:
            return
        customers = batch.entries.customers
        backwards = range(len(customers) - 1, -1, -1)
        plain = list(islice((index for index in backwards if is_plain(customers[index])), most))
        self._accepted_plain.extend(batch.entries.copy(index) for index in reversed(plain))
        odd = [] if plain else range(max(0, len(customers) - most), len(customers))
        self._accepted_odd = [batch.entries.copy(index) for index in odd]


def _moment(date: str | None) -> datetime | None:
    """Read a `Date` header (RFC 9110 6.6.1: whole seconds, so never later than the moment itself)."""
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
