"""Decide the batches in doubt of one kind: their records are read once more, and the decision is recorded."""

from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from masivo_stream.core.accounting.missing import MissingCustomers
from masivo_stream.core.sending.backoff import Decision, Halt, Hold, Settle
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.pipeline.assemble import open_recorder
from masivo_stream.flow.pipeline.find_sources import find_exports, list_sources
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.resume import BatchReader
from masivo_stream.flow.session import Session
from masivo_stream.flow.sources import Source
from masivo_stream.model.attempt import Accepted, Refused, TooLarge
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import Doubt
from masivo_stream.model.results import Entry
from masivo_stream.model.states import Note, NoteKind


class InDoubtKind:
    """One kind, opened to decide what is in doubt. Get it from `open_in_doubt_kind`."""

    def __init__(self, session: Session, recorder: Recorder, sources: list[Source], batches: BatchReader) -> None:
        """Record decisions by `recorder`; `batches` reads records once more from `sources`."""
        self.kind, self.recorder, self.sources, self.batches = recorder.kind, recorder, sources, batches
        self._journal = session.journal

    def doubts(self) -> list[Doubt]:
        """Return the batches in doubt."""
        return self._journal.read.in_doubt(self.kind)

    async def again(self, batch: str) -> Batch:
        """Compose a batch once more.

        Raises:
            InputError: its bytes are not those that were sent.
        """
        made = make_batch(self.kind, await self.batches.read(batch))
        if made.id != batch:
            raise InputError(
                "its records differ from what was sent",
                operation="send a batch again",
                place=f"batch {batch} of {self.kind}",
                hint="restore the export as it was",
            )
        return made

    async def take_note(self, note: Note) -> None:
        """Note a decision before it is carried out."""
        await self._journal.take_note(note)


async def open_in_doubt_kind(session: Session, kind: Kind, files: ExitStack) -> InDoubtKind:
    """Open a kind, whose files `files` closes; what an earlier process left on the wire is in doubt from now on.

    Raises:
        InputError: an export is not found, or not what it was.
        StorageError: the state directory cannot be written.
    """
    journal, settings, state_dir = session.journal.read, session.settings, session.state.path
    full = settings.source.check_export == "full"
    patience = patience_of(settings.retry)
    exports = await find_exports(journal, kind, state_dir=state_dir, patience=patience, moved=session.moved, full=full)
    sources = await list_sources(journal, kind, exports, state_dir=state_dir, full=full, grown=False)
    batches = BatchReader(journal, kind, sources, settings.source.block_bytes)
    missing = MissingCustomers(salt=journal.salt())  # nothing is read, so nothing is held back
    resume, read_batch = session.journal.resume(kind), batches.read_if_possible
    recorder = await open_recorder(session, kind, resume, missing, read_batch, files)
    return InDoubtKind(session, recorder, sources, batches)


class Resend:
    """Records a batch in doubt that is sent again; an `AttemptRecorder` of `flow.protocols`."""

    def __init__(self, recorder: Recorder, entries: Sequence[Entry], decision: Note) -> None:
        """Send the batch again that `decision` names; record by `recorder`."""
        self._recorder, self._entries, self._decision = recorder, list(entries), decision

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        await self._recorder.send_again(batch.id)

    async def settle(self, batch: Batch, decision: Decision) -> None:
        """Note the outcome: only an acceptance settles a doubt."""
        if isinstance(decision, Settle) and isinstance(decision.outcome, Accepted):
            self._recorder.remark(decision.outcome.remark)
            resent = msgspec.structs.replace(self._decision, kind=NoteKind.RESENT)
            await self._recorder.decide(self._entries, resent, arrived=True)
            return
        await self._recorder.stay_in_doubt(batch.id, f"sent again: {_word(decision)}")

    def count_request(self, size: int) -> None:
        """Count a request that departed, of `size` bytes."""
        self._recorder.count_request(size)

    def count_throttled(self) -> None:
        """Count a 429."""
        self._recorder.count_throttled()


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
