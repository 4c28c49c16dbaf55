"""Record what happens to one kind: durably, in the files and in the journal, before the flow goes on.

The ledger says where each entry is; this writes down what must survive the process. Two orders matter:

* A dead letter is written before it is counted. If it cannot be written, its record is pending, not lost.
* Between the ledger's change and the journal's queue there is no wait, so no commit holds half of a change.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from masivo_stream.core.accounting.ledger import Ledger
from masivo_stream.core.sending.backoff import Decision, Halt, Hold, Retry, Settle
from masivo_stream.flow.pipeline.budget_watch import BudgetWatch
from masivo_stream.flow.protocols import JournalPort, KindFiles, PurchaseSink
from masivo_stream.model.attempt import Accepted, Refused
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.entries import ValidatedBlock
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import Progress
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Rejected, reject_entry
from masivo_stream.model.states import BatchOutcome, BatchState, Note
from masivo_stream.model.summary import KindSummary


class Recorder:
    """Records one kind; an `AttemptRecorder` of `flow.protocols`."""

    def __init__(
        self,
        ledger: Ledger,
        journal: JournalPort,
        files: KindFiles,
        clock: Clock,
        *,
        budget: BudgetWatch | None = None,
        purchases: PurchaseSink | None = None,
    ) -> None:
        """Keep `ledger`, and write to `journal` and `files`; `budget` is shown each count of dead letters.

        `purchases` notes what was accepted, before the journal notes that.
        """
        self.ledger, self.kind = ledger, ledger.kind
        self._budget, self._purchases = budget, purchases
        self._journal, self._clock = journal, clock
        self._dead_letters, self._in_doubt, self._skipped = files.dead_letters, files.in_doubt, files.skipped
        self.accepted_at = clock.wall()
        """When something was accepted last, by the server's clock if its answer had a date."""
        self._began = clock.now()
        self._ended: float | None = None

    def start(self) -> None:
        """Begin to read, and to count the time."""
        self.ledger.read_all = False
        self._began = self._clock.now()

    def finish_reading(self) -> None:
        """Note that every input was read to its end."""
        self.ledger.read_all = True
        self._show_budget()

    def end(self) -> None:
        """Stop counting the time."""
        self._ended = self._clock.now()

    def figures(self) -> KindSummary:
        """Return what has become of everything read."""
        return self.ledger.summary(self._seconds())

    # Reading.

    def take_up(self, block: ValidatedBlock) -> None:
        """Write the rejected and skipped lines of a block down, then count all of them and keep those to send."""
        lines = self.ledger.sort(block)
        if lines.skipped:
            self._skipped.append(lines.skipped)
        if lines.dead_letters:
            self._dead_letters.append([dead_letter for dead_letter, _ in lines.dead_letters])
        if lines.skipped:  # counted after the dead letters: if they cannot be written, the block was never read
            self._skipped.count()
        self.ledger.take_up(block, lines)
        self._show_budget()

    async def note(self) -> None:
        """Note how far the kind has come.

        Raises:
            StorageError: it could not be made durable.
        """
        await self._journal.note(self.kind, self._progress(), self._sync)

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Make smaller bodies, and note that the server takes no larger ones, so the next process knows."""
        self.ledger.shrink(max_body_bytes)
        await self._journal.learn_limit(max_body_bytes)

    # Attempts.

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        await self._journal.send(batch, self._progress(), self._sync)

    def count_request(self, size: int) -> None:
        """Count a request that departed, of `size` bytes."""
        self.ledger.tally.sent(size)

    def count_throttled(self) -> None:
        """Count a 429."""
        self.ledger.tally.throttled()

    async def settle(self, batch: Batch, decision: Decision) -> None:
        """Count the outcome of an attempt, and note it."""
        ledger = self.ledger
        outcome: BatchOutcome | None = None  # the batch was certainly not applied, and may be sent again
        doubtful = False
        match decision:
            case Settle(Accepted(remark, at)):
                outcome = BatchOutcome(BatchState.ACCEPTED)
                self.remark(remark)
                self._accept(batch, at)
            case Settle(Refused(foreign=True)):
                pass  # a firewall or proxy refused it: that need not hold for another process
            case Settle(Refused(status=status)):
                outcome = BatchOutcome(BatchState.REFUSED, status)
            case Settle():
                outcome = BatchOutcome(BatchState.REFUSED, why="too large")
            case Hold(why) | Halt(why=why, in_doubt=True) if not CONTRACTS[self.kind].repeatable:
                outcome = BatchOutcome(BatchState.IN_DOUBT, why=why)
                ledger.doubt(batch)
            case Retry(doubtful=True) | Halt(in_doubt=True):
                doubtful = True
                ledger.unanswered.add(batch, self._clock.now())
            case _:
                pass
        # An earlier attempt may have applied the batch. Whatever this one says, a restart must know: otherwise it would
        # make dead letters of customers who arrived.
        if (outcome is None or outcome.state is BatchState.REFUSED) and batch.id in ledger.unanswered:
            refused = outcome or BatchOutcome(BatchState.REFUSED)
            outcome = BatchOutcome(BatchState.UNANSWERED, refused.status, refused.why, again=not doubtful)
        if outcome is None:
            await self._journal.remove(self.kind, batch.id, self._progress(), self._sync)
        else:
            await self._journal.settle(self.kind, batch.id, outcome, self._progress(), self._sync)
        # After the note: if the process ends in between, the next one adds the batch to the list (`open_recorder`).
        if outcome is not None and outcome.state is BatchState.IN_DOUBT:
            self._in_doubt.add(batch.id, batch.entries)

    def remark(self, remark: str) -> None:
        """Count what was odd about an acceptance; an empty `remark` counts nothing."""
        if remark:
            self.ledger.tally.remarked(remark)

    def to_dead_letter(self, entry: Entry, dead_letter: Rejected, *, missing: bool | None = None) -> None:
        """Write a dead letter, then count its entry as dead; `Ledger.to_dead_letter` explains `missing`."""
        self._dead_letters.append([dead_letter])
        self.ledger.to_dead_letter(entry, dead_letter, missing=missing)
        self._show_budget()

    async def note_found(self, entries: list[Entry]) -> None:
        """Note that entries are there, by an attempt whose answer was lost."""
        batch = make_batch(self.kind, entries)
        self._accept(batch, None)
        why = "applied by an attempt whose answer was lost"
        await self._journal.note_found(batch, self._progress(), self._sync, why=why)

    # Doubts.

    async def doubt(self, batch: str, entries: list[Entry]) -> None:
        """Note that a process ended while `batch` was in flight, and may have arrived. Call it before `start`."""
        self.ledger.doubt_left_behind(entries)
        outcome = BatchOutcome(BatchState.IN_DOUBT, why="the process ended while it was in flight")
        await self._journal.settle(self.kind, batch, outcome, self._progress(), self._sync)
        self._in_doubt.add(batch, entries)

    async def decide(self, entries: list[Entry], note: Note, *, arrived: bool) -> None:
        """Note what a person decided about the batch that `note` names: it `arrived`, or its records are discarded."""
        dead_letters = None
        if not arrived:
            dead_letters = [reject_entry(entry, Reason.DISCARDED, note.words, batch=note.batch) for entry in entries]
            self._dead_letters.append(dead_letters)
        self.ledger.decide(entries, dead_letters)
        if arrived and self._purchases is not None:
            self._purchases.accepted(entries)
        state = BatchState.ACCEPTED if arrived else BatchState.DISCARDED
        await self._journal.decide(self.kind, state, note, self._progress(), self._sync)
        self._in_doubt.remove(note.batch)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        await self._journal.send_again(batch)

    async def stay_in_doubt(self, batch: str, why: str) -> None:
        """Note that an attempt has not settled a batch in doubt."""
        outcome = BatchOutcome(BatchState.IN_DOUBT, why=why)
        await self._journal.settle(self.kind, batch, outcome, self._progress(), self._sync)

    def _accept(self, batch: Batch, at: str | None) -> None:
        self.accepted_at = _moment(at) or self._clock.wall()
        self.ledger.accept(batch)
        if self._purchases is not None:
            self._purchases.accepted(batch.entries.parts)

    def _show_budget(self) -> None:
        if self._budget is not None:
            self._budget.look(self.ledger)

    def _progress(self) -> Progress:
        dead_letters, skipped = self._dead_letters, self._skipped
        return self.ledger.progress(
            seconds=self._seconds(),
            dead_letters=(dead_letters.length, dead_letters.crc),
            skipped=(skipped.length, skipped.crc),
        )

    def _sync(self) -> None:
        """Make all that was written down durable; called from another thread."""
        self._dead_letters.sync()
        self._skipped.sync()
        if self._purchases is not None:
            self._purchases.sync()

    def _seconds(self) -> float:
        return (self._clock.now() if self._ended is None else self._ended) - self._began


def _moment(date: str | None) -> datetime | None:
    """Read a `Date` header (RFC 9110 6.6.1: whole seconds, so never later than the moment itself)."""
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
