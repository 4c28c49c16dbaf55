"""The desk at which a kind's doubts are decided: its books opened, its records read once more."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import msgspec

from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.core.packing.pack import Packer
from masivo_stream.core.sending.backoff import Decision, Halt, Hold, Settle
from masivo_stream.edges.files.dead_letter_file import DeadLetterFile
from masivo_stream.edges.files.in_doubt_file import InDoubtFile
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal
from masivo_stream.flow.customers.missing import MissingCustomers
from masivo_stream.flow.identity.known_exports import NOT_MOVED, Moved
from masivo_stream.flow.pipeline.ports import JournalPort as Books
from masivo_stream.flow.pipeline.read import Source
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.resume import bare, find_exports, lay_out, reread
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import Doubt
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind


class InDoubtKind:
    """One kind's books, opened to decide what is in doubt."""

    def __init__(
        self, kind: Kind, account: Recorder, tally: Tally, sources: list[Source], journal: Journal, block_bytes: int
    ) -> None:
        self.kind, self.account, self.tally, self.sources = kind, account, tally, sources
        self._journal, self._block_bytes = journal, block_bytes

    @classmethod
    async def open(
        cls,
        kind: Kind,
        settings: Settings,
        state: StateDir,
        journal: Journal,
        clock: Clock,
        files: ExitStack,
        moved: Moved = NOT_MOVED,
        *,
        noting: Callable[[Books], Books] = lambda journal: journal,
    ) -> "InDoubtKind":
        """Open a kind's books; what a dead process left on the wire is in doubt from now on.

        `moved`: what a person says of exports that lie elsewhere now. `noting` returns a journal that the account is
        kept in.
        """
        full = settings.source.check_export == "full"
        exports = await find_exports(journal.read, kind, state_dir=state.path, moved=moved, full=full)
        sources = await lay_out(journal.read, kind, exports, state_dir=state.path, full=full, grown=False)
        resume = journal.resume(kind)
        letters = DeadLetterFile(state, kind, clock.wall, length=resume.letters_bytes, crc=resume.letters_crc)
        files.callback(letters.close)
        doubts = InDoubtFile(state, kind, batches=[doubt.batch for doubt in journal.read.in_doubt(kind)])
        tally = Tally(CONTRACTS[kind], resume.figures)
        account = Recorder(
            kind,
            resume=resume,
            missing=MissingCustomers(),
            salt=journal.read.salt(),
            journal=noting(journal),
            packer=Packer(CONTRACTS[kind], max_body_bytes=settings.upload.max_body_bytes, look_ahead=1),
            tally=tally,
            dead_letters=letters,
            doubts=doubts,
            clock=clock,
            remember_accepted=1,
        )
        desk = cls(kind, account, tally, sources, journal, settings.source.block_bytes)
        for batch in resume.doubtful:
            await account.doubt(batch, await desk.entries_as_far_as_known(batch))
        for doubt in desk.doubts():
            if doubt.batch not in doubts.listed:
                doubts.add(doubt.batch, await desk.entries_as_far_as_known(doubt.batch))
        return desk

    def doubts(self) -> list[Doubt]:
        """Return the batches in doubt."""
        return self._journal.read.in_doubt(self.kind)

    async def entries(self, batch: str) -> list[Entry]:
        """Read a batch's entries once more."""
        return await reread(self.sources, self.kind, self._journal.read.references(batch), self._block_bytes)

    async def entries_as_far_as_known(self, batch: str) -> list[Entry]:
        """Read a batch's entries once more; those of an export that came from a pipe are bare of bytes."""
        try:
            return await self.entries(batch)
        except InputError:
            names = {source.number: source.name for source in self._journal.read.sources(self.kind)}
            return bare(self._journal.read.references(batch), names)

    async def again(self, batch: str) -> Batch:
        """Compose a batch once more.

        Raises:
            InputError: its bytes are not those that were sent.
        """
        made = make_batch(self.kind, await self.entries(batch))
        if made.id != batch:
            raise InputError(
                "its records are not what was sent",
                operation="send a batch again",
                place=f"batch {batch} of {self.kind}",
                hint="restore the export as it was",
            )
        return made

    async def take_note(self, note: Note) -> None:
        """Note a decision before it is carried out."""
        await self._journal.take_note(note)


class Resend:
    """Keeps account of a batch in doubt that is sent again (`flow.pipeline.deliver.Keeper`)."""

    def __init__(self, account: Recorder, entries: Sequence[Entry], decision: Note) -> None:
        """Send the batch again that `decision` names."""
        self._account, self._entries, self._decision = account, list(entries), decision

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        await self._account.send_again(batch.id)

    async def conclude(self, batch: Batch, decision: Decision) -> None:
        """Note what came of it: only an acceptance settles a doubt."""
        if isinstance(decision, Settle) and isinstance(decision.outcome, Accepted):
            self._account.remark(decision.outcome.remark)
            resent = msgspec.structs.replace(self._decision, kind=NoteKind.RESENT)
            await self._account.decide(self._entries, RecordOutcome.ACCEPTED, resent)
            return
        await self._account.stay_in_doubt(batch.id, f"sent again: {_word(decision)}")


def _word(decision: Decision) -> str:
    match decision:
        case Settle(Refused(foreign=True, message=message)):
            return message
        case Settle(Refused(status=status)):  # without the server's words, which may quote a record
            return f"refused ({status})"
        case Settle(TooLarge()):
            return "too large (413)"
        case Hold(why) | Halt(why=why):
            return why
        case _:
            return "not taken"
