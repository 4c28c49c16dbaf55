"""The dead letters that are in a dead-letter file now, one after the other, and what the journal knows of each.

What is read is what a retry would take (`retry_copies`): the bytes that the journal counts, or all of a file that was
edited; of what follows the counted bytes only dead letters of the run that were put back.
"""

import codecs
from collections.abc import Iterable, Iterator

from msgspec import Struct

from masivo_stream.core.accounting.missing import hash_bytes
from masivo_stream.core.mending.letter import Letter, read_letter
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.work_progress import WorkMeter
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.ports import Clock


class Found(Struct):
    """A dead letter, its line, and whether a person has changed its record."""

    line: bytes
    letter: Letter
    corrected: bool = False


class Watched(Struct, frozen=True):
    """Where it is announced how far the reading of dead letters is."""

    observer: Observer
    clock: Clock

    def meter(self, step: str, state: StateDir, kinds: Iterable[Kind]) -> WorkMeter:
        """Return what counts the bytes of the dead-letter files of some kinds."""
        size = sum(state.size(dead_letter_name(kind)) for kind in kinds)
        return WorkMeter(step, size, "bytes", observer=self.observer, clock=self.clock)


class LetterFile:
    """The dead letters of one kind."""

    def __init__(
        self, state: StateDir, kind: Kind, journal: JournalReader | None, meter: WorkMeter | None = None
    ) -> None:
        """Read them from a state directory; there is no journal if a dry run wrote them. `meter` counts the bytes."""
        self._state, self.kind, self._journal, self._meter = state, kind, journal, meter
        self._numbers: dict[str, list[int]] = {}
        self._salt = b"" if journal is None else journal.salt()
        for source in () if journal is None else journal.sources(kind):
            self._numbers.setdefault(source.name, []).append(source.number)

    def __iter__(self) -> Iterator[Found]:
        """Yield the dead letters.

        Raises:
            InputError: a line is not a dead letter.
            StorageError: the file cannot be read.
        """
        name = dead_letter_name(self.kind)
        counted, crc = (0, 0) if self._journal is None else self._journal.dead_letter_file(self.kind)
        as_left = self._journal is not None and self._state.checksum(name, counted) == (counted, crc)
        for number, line in enumerate(self._state.lines(name, counted if as_left else None), 1):
            self._count(line)
            if not line.strip():
                continue
            letter = read_letter(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line)
            if letter is None:
                raise InputError(
                    f"line {number} is not a dead letter",
                    operation="read the dead letters",
                    place=name,
                    hint="correct `raw` in place, one JSON object per line, and leave the other fields as they are",
                )
            digests = self._digests(letter)
            yield Found(line, letter, digests is not None and hash_bytes(letter.body, self._salt) not in digests)
        for line in self._state.lines(name, begin=counted) if as_left else ():
            self._count(line)
            letter = read_letter(line)
            if letter is not None and (digests := self._digests(letter)):
                yield Found(line, letter, hash_bytes(letter.body, self._salt) not in digests)

    def _count(self, line: bytes) -> None:
        if self._meter is not None:
            self._meter.add(len(line))

    def is_known(self, line: bytes) -> bool:
        """Return whether a line is a dead letter of the run that no retry has taken."""
        letter = read_letter(line)
        return letter is not None and bool(self._digests(letter))

    def _digests(self, letter: Letter) -> set[int] | None:
        """Return the digests of the dead letters at its place in the export; None if no journal knows them."""
        if self._journal is None:
            return None
        rows = [
            row
            for number in self._numbers.get(letter.file, ())
            for row in self._journal.dead_at(self.kind, number, letter.line)
        ]
        if len(rows) > 1:  # parts of one record
            own = set(letter.items or ())
            rows = [row for row in rows if own <= set(row.record[2] or ())] or rows
        return {row.digest for row in rows}
