"""Dead letters between runs: where a dry run writes them, and how a retry makes them an input again.

A retry copies the dead letters into a file of its own. When that copy is durable, one commit makes it an input of the
run and the dead-letter file empty. From then on it is read like any export: validated, sent, resumed, and what is
rejected again becomes a new dead letter. If the process is killed at any moment, each dead letter is in exactly one of
the two files, and the journal says in which.
"""

import codecs
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain

from masivo_stream.core.accounting.missing import hash_bytes
from masivo_stream.core.dead_letters import DeadLetter, read_dead_letter, write_retry
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.export.identity import encode_identity, take_identity
from masivo_stream.edges.files.counted_file import CountedFile
from masivo_stream.edges.files.dead_letter_file import DeadLetterFile, dead_letter_name
from masivo_stream.edges.files.skipped_file import SkippedFile, skipped_name
from masivo_stream.edges.files.state_dir import StateDir, own_state_dir
from masivo_stream.edges.journal import Journal
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles
from masivo_stream.flow.dry_run.kind_dry_run import DryRunDeadLetters
from masivo_stream.flow.mending.known_now import KnownNow
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.protocols import SkippedSink
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.model.notices import DeadLettersTaken
from masivo_stream.model.progress import DeadLetterNote, KnownSource, RetryCopy

_NAME_ANOTHER = "name another directory with --state-dir for the dead letters of this command; it sends nothing"


@contextmanager
def writing_dead_letters(state_dir: str) -> Iterator[DryRunFiles]:
    """Lock the state directory while a dry run writes its dead letters, and its lists of what is skipped, there.

    Raises:
        ConfigurationError: it cannot be used, or holds a run whose dead letters would be overwritten.
    """
    with own_state_dir(state_dir, if_in_use=_NAME_ANOTHER) as state:
        if state.journal.exists():
            raise ConfigurationError(
                "the state directory holds a run, and its dead letters would be overwritten",
                operation="open the state directory",
                place=state_dir,
                hint=_NAME_ANOTHER,
            )

        def open_dead_letters(kind: Kind, files: ExitStack) -> DryRunDeadLetters:
            file = DeadLetterFile(state, kind, SystemClock().wall)
            _close_or_remove(state, dead_letter_name(kind), file, files)
            return file

        def open_skipped(kind: Kind, files: ExitStack) -> SkippedSink:
            file = SkippedFile(state, kind)
            _close_or_remove(state, skipped_name(kind), file, files)
            return file

        yield DryRunFiles(open_dead_letters, open_skipped, state.path)


def _close_or_remove(state: StateDir, name: str, file: CountedFile, files: ExitStack) -> None:
    """Close a file of a dry run when its kind has been read. If reading fails, remove it: it would look complete."""

    def remove_unless_whole(failure: object, *_: object) -> None:
        if failure is not None:
            (state.path / name).unlink(missing_ok=True)

    files.push(remove_unless_whole)
    files.callback(file.close)


async def take_dead_letters(state: StateDir, journal: Journal, observer: Observer, *, unchanged: bool = False) -> None:
    """Make the dead letters in the dead-letter files an input of the run, as they are now.

    What the checks over all files found is sent again only if it was corrected, or if `unchanged` is true. A record of
    an unknown customer is sent as well if a dead letter of that customer is taken, too, or if customers were accepted
    since it became a dead letter.

    A dead letter that was deleted from its file is given up: it stays counted as dead until it is put back. A line that
    names no dead letter of the run is put aside.

    Raises:
        InputError: a line is not a dead letter. Then nothing was taken.
        StorageError: the copy cannot be written.
    """
    taken: list[RetryCopy] = []
    notices: list[DeadLettersTaken] = []
    known_now = KnownNow(journal.read, unchanged=unchanged)
    for kind in Kind:
        length, crc = journal.read.dead_letter_file(kind)
        known = journal.read.sources(kind)
        name = f"retry-{1 + sum(source.is_copy for source in known)}.{kind}.ndjson"
        copy = _Copy(kind, journal, known_now)
        file = dead_letter_name(kind)
        as_left = state.checksum(file, length) == (length, crc)
        lines = state.lines(file, length if as_left else None)
        behind = state.lines(file, begin=length) if as_left else iter(())
        state.create(name, chain(copy.lines(lines), copy.put_back(behind)))
        if not copy.taken:
            state.remove(name)
            if not length:
                state.cut(file)  # these lines belong to a retry already, or will be read again
                continue
        strange = f"ignored-{name.removeprefix('retry-')}" if copy.strange else ""
        if strange:
            state.create(strange, copy.strange)
        notices.append(DeadLettersTaken(kind=kind, letters=len(copy.taken), mended=copy.mended, ignored=strange))
        source = None
        if copy.taken:
            path = state.path / name
            identity = encode_identity(take_identity(str(path)))
            source = KnownSource(len(known), name, path.stat().st_size, identity, is_copy=True)
        taken.append(RetryCopy(kind, source, copy.taken))
    if taken:
        await journal.begin_retry(taken, ", ".join(each.source.name for each in taken if each.source is not None))
    for each in taken:
        state.cut(dead_letter_name(each.kind))
    for notice in notices:
        observer.notify(notice)


class _Copy:
    """Turns the lines of a dead-letter file into the lines of a retry's copy."""

    def __init__(self, kind: Kind, journal: Journal, known_now: KnownNow) -> None:
        """Take dead letters of `kind`; `known_now` knows what this retry sends, and what it has taken of customers."""
        self._kind, self._journal, self._salt = kind, journal, journal.read.salt()
        self._known_now = known_now
        self._numbers: dict[str, list[int]] = {}  # an export that has grown is several inputs
        for source in journal.read.sources(kind):
            self._numbers.setdefault(source.name, []).append(source.number)
        self.taken: set[int] = set()
        """Rows of the journal that were taken."""
        self.mended = 0
        self.strange: list[bytes] = []
        """Lines that name no dead letter of the run: a person changed them, or their records will be read again."""

    def lines(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the lines of the copy.

        Raises:
            InputError: a line is not a dead letter.
        """
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            dead_letter = read_dead_letter(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
            if dead_letter is None:
                raise InputError(
                    f"line {number} is not a dead letter",
                    operation="retry dead letters",
                    place=dead_letter_name(self._kind),
                    hint="correct `raw` in place, one JSON object per line, and leave the other fields as they are",
                )
            row = self._row(dead_letter)
            if row is None:
                self.strange.append(line)
                continue
            yield self._take(dead_letter, row)

    def put_back(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Yield dead letters that were deleted and put back, from the lines that the journal does not count.

        The other lines were left by a process that died: their records are read again.
        """
        for line in lines:
            dead_letter = read_dead_letter(line)
            row = None if dead_letter is None else self._row(dead_letter)
            if dead_letter is not None and row is not None:
                yield self._take(dead_letter, row)

    def _take(self, dead_letter: DeadLetter, row: DeadLetterNote) -> bytes:
        self.taken.add(row.row)
        mended = hash_bytes(dead_letter.body, self._salt) != row.digest
        self.mended += mended
        if self._kind is Kind.CUSTOMERS:
            self._known_now.comes(dead_letter)
        return write_retry(dead_letter, row, mended=mended or self._known_now.may_be_right(dead_letter, row.reason))

    def _row(self, dead_letter: DeadLetter) -> DeadLetterNote | None:
        """Return what the journal knows about a dead letter; None if it is not one of this run."""
        rows = [
            row
            for number in self._numbers.get(dead_letter.file, [])
            for row in self._journal.read.dead_at(self._kind, number, dead_letter.line)
            if row.row not in self.taken
        ]
        if len(rows) > 1:  # parts of one record
            own = set(dead_letter.items or ())
            rows = [row for row in rows if own <= set(row.record[2] or ())]
        return rows[0] if rows else None
