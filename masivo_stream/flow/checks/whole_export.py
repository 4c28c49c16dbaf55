"""Check the exports of a run as a whole: take notes while they are validated, then look at the notes part by part.

Memory is bounded by the notes of one part, whatever the size of the exports. What the notes show is read again in the
exports before it is reported. Only what came from a pipe cannot be read again; two hashes of a million customers are
equal with a probability of 3 in 10^8.
"""

from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import anyio.lowlevel
import msgspec

from masivo_stream.core.checks.choose_notes import NoteChooser
from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.confirm import confirm, places_to_read, take_unread
from masivo_stream.core.checks.find import Scope, Suspicion, find
from masivo_stream.core.checks.find_repeated import count_customers, find_emails, repeated_ids
from masivo_stream.core.checks.hold import lines_to_hold
from masivo_stream.core.checks.lean_records import ExactRecord, read_exactly
from masivo_stream.core.checks.look_at_lines import LineChecks
from masivo_stream.core.checks.note_format import Lines, where
from masivo_stream.core.checks.sum_totals import sum_by_kind, sum_by_reward_over_all
from masivo_stream.core.checks.take_notes import NoteTaker
from masivo_stream.core.parts.answer_format import PartChecks
from masivo_stream.edges.export.source import Input, is_compressed, is_file, read_places, read_ranges
from masivo_stream.edges.files.findings_file import About, FindingsWriter
from masivo_stream.edges.files.spill import Spill
from masivo_stream.edges.journal import why_not
from masivo_stream.flow.checks.policy import CheckPolicy
from masivo_stream.flow.in_thread import InThread
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.work_progress import WorkMeter
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import LineResults
from masivo_stream.model.findings import (
    MEANINGS,
    CheckName,
    CheckResult,
    ExportChecks,
    ExportFault,
    ExportFinding,
    FieldCount,
    FoundField,
    FoundLine,
    HeldLine,
    LinePlace,
    severity,
    unit_of,
)
from masivo_stream.model.ports import Clock

_PART_BYTES = 2_500_000
_NOTES_SHARE = 0.3
"""Bytes of notes for each byte of text: with short lines, more than most exports need."""
_TEXT_A_NOTE_BYTE = 8
"""Bytes of text for each byte of notes, with lines as they usually are."""
_COMPRESSED_FACTOR = 8
_UNKNOWN_BYTES = 1 << 30
"""The size assumed of what comes from a pipe."""
_MOST_PARTS = 1024
_AHEAD = 2
"""Blocks whose notes are not taken yet."""

_MOST_PLACES, _MOST_BYTES = 20_000, 16 * 1024 * 1024
"""Lines that are read again at once, and their bytes."""


Look = Callable[["array[int]"], list[Suspicion]]
"""Returns what may be wrong in the notes of one part."""


class AnsweredPart(Protocol):
    """What another machine found in its part of the exports."""

    checks: PartChecks
    lines_before: Mapping[int, int]
    """The lines before this part of each input that is in it."""

    def notes(self) -> AsyncIterator[tuple[int, "array[int]"]]:
        """Yield its notes by partition."""
        ...


class AnsweredChecks(Protocol):
    """What other machines found in all parts of the exports."""

    async def check_content(self) -> None:
        """Compare every byte of the exports with what the other machines have read; raise if one is another."""
        ...

    def parts(self) -> AsyncIterator[AnsweredPart]:
        """Yield the parts in reading order."""
        ...

    async def find_late(self, today: datetime) -> Sequence[ExportFault]:
        """Return the dates that are in the future; other machines leave that open."""
        ...


class WholeExport:
    """Give it the results of all lines, kind by kind, then finish it. Use it as a context: it keeps a file."""

    def __init__(
        self, inputs: Mapping[Kind, Sequence[Input]], policy: CheckPolicy, directory: Path, today: datetime
    ) -> None:
        """Check `inputs`; what does not fit into memory goes to `directory`, and so do the findings.

        Dates more than a day after `today` are in the future.

        Raises:
            StorageError: nothing can be written there.
        """
        self._policy, self._directory, self._today = policy, directory, today
        self._sources = [(kind, each) for kind, found in inputs.items() for each in found]
        self._scope = Scope(Kind.CUSTOMERS in inputs, Kind.TRANSACTIONS in inputs)
        self._readable = [is_file(each) for _, each in self._sources]
        size = sum(_measure(each) for _, each in self._sources)
        whole = all(self._readable)
        self._spill = Spill(partitions_for(size), directory, expected=size // _TEXT_A_NOTE_BYTE if whole else 0)
        files = {(kind, each.name): number for number, (kind, each) in enumerate(self._sources)}
        self._collector = Collector(policy.first_places)
        self._lines = LineChecks(self._collector, today, policy.left_out, pure_python=policy.pure_python)
        self._notes = NoteTaker(self._spill.parts, self._spill.add, files, self._lines)
        self._chooser = NoteChooser(pure_python=policy.pure_python)
        # In Python only, a second thread would take as much time of the first one as it saves.
        self._beside = InThread("notes", ahead=_AHEAD if self._lines.is_quick else 0)

    def __enter__(self) -> "WholeExport":  # noqa: PYI034 - it has no subclass
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Give the space on disk back."""
        self._beside.close()
        self._spill.__exit__()

    async def take(self, kind: Kind, found: Sequence[LineResults]) -> None:
        """Take the results of lines, in reading order. With the extension, notes are taken in a thread of their own.

        Raises:
            StorageError: the notes cannot be written.
        """
        await self._beside.give(self._notes.take, kind, found)

    async def take_answers(self, answers: "AnsweredChecks") -> None:
        """Take the notes of all lines from other machines, which have validated them part by part.

        Raises:
            InputError: an answer is damaged, or an export is not the one that they read.
            StorageError: the notes cannot be written.
        """
        left_out = self._policy.left_out
        async for part in answers.parts():
            checks, before = part.checks, part.lines_before
            async for partition, notes in part.notes():
                self._spill.add(partition, notes)
            for source, totals in checks.totals.items():
                kind, found = self._sources[source]
                dates = [datetime.fromisoformat(date) for date in (totals.first, totals.last) if date]
                self._notes.add_totals((kind, found.name), totals, dates)
            self._collector.merge(checks.faults, before, left_out)
            self._lines.unknown.merge(checks.unknown, before)
        late = await answers.find_late(self._today)
        self._collector.add(fault for fault in late if fault.check not in left_out)

    async def finish(self, identity: bytes, observer: Observer, clock: Clock) -> ExportChecks:
        """Find what is wrong, keep it in the directory for `read_findings`, and return it.

        The observer receives how far the work is.

        Raises:
            InputError: a line cannot be read again.
            StorageError: the notes cannot be read, or the findings cannot be written.
        """
        await self._beside.finish()
        self._notes.flush()
        self._lines.finish()
        meter = WorkMeter("checking all files together", 2 * self._spill.parts, "parts", observer=observer, clock=clock)
        with FindingsWriter(self._directory, why_not) as writer:
            repeated, customers = self._look_at_customers()
            emails = await self._settle_all(lambda words: find_emails(words, repeated, self._chooser), writer, meter)
            dead = Lines(emails)
            left_out, scope = self._policy.left_out, self._scope
            await self._settle_all(lambda words: find(words, scope, left_out, dead, self._chooser), writer, meter)
            totals = self._notes.totals()
            checked = ExportChecks(
                results=tuple(self._results()),
                totals=totals,
                by_kind=sum_by_kind(totals),
                rewards=sum_by_reward_over_all(totals),
                skipped=tuple(sorted(self._policy.skipped)),
                customers=customers,
            )
            files = [(kind.value, each.name) for kind, each in self._sources]
            writer.finish(About(identity=identity, files=files, checks=msgspec.json.encode(checked)))
        return checked

    def _look_at_customers(self) -> tuple[Lines, int]:
        """Return the records whose customer came before; without a customers export, the number of customers."""
        parts = map(self._spill.load, range(self._spill.parts))
        if self._scope.customers:
            return Lines(where for part in parts for where in repeated_ids(part, self._chooser)), 0
        return Lines(), sum(count_customers(part, self._chooser) for part in parts)

    async def leave_unfinished(self) -> ExportChecks:
        """Return what is known if an export could not be read to its end: the totals of what was read."""
        await self._beside.finish()
        totals = self._notes.totals()
        rewards = sum_by_reward_over_all(totals)
        return ExportChecks(totals=totals, by_kind=sum_by_kind(totals), rewards=rewards, unfinished=True)

    async def _settle_all(self, look: Look, writer: FindingsWriter, meter: WorkMeter) -> "array[int]":
        """Settle what is found by looking at each part; return the lines of emails that came before (`where`)."""
        waiting: list[Suspicion] = []
        same_email = array("q")
        places = length = 0
        for part in range(self._spill.parts):
            for suspicion in look(self._spill.load(part)):
                waiting.append(suspicion)
                for place in places_to_read(suspicion):
                    places, length = places + 1, length + place.length
                if max(places, len(waiting)) >= _MOST_PLACES or length >= _MOST_BYTES:
                    same_email.extend(await self._settle(waiting, writer))
                    waiting, places, length = [], 0, 0
            meter.add(1)
            await anyio.lowlevel.checkpoint()
        same_email.extend(await self._settle(waiting, writer))
        return same_email

    async def _settle(self, suspicions: Sequence[Suspicion], writer: FindingsWriter) -> list[int]:
        """Read the lines of suspicions again, collect what is wrong, and write what is held back for it.

        Return the lines among them whose email came before (`where`).
        """
        again = [each for each in suspicions if self._can_read(places_to_read(each))]
        lines = await self._read({place for each in again for place in places_to_read(each)})
        held: list[tuple[int, HeldLine]] = []
        same_email: list[int] = []
        for each in suspicions:
            found = list(confirm(each, lines) if self._can_read(places_to_read(each)) else take_unread(each))
            if each.check is CheckName.DUPLICATE_EMAIL and found:
                same_email.append(where(each.place.source, each.place.line))
            faults = [fault for fault in found if fault.check not in self._policy.left_out]
            self._collector.add(faults)
            held.extend(line for fault in faults for line in lines_to_hold(fault, self._name))
        writer.add(held)
        return same_email

    def _name(self, place: LinePlace) -> str:
        return self._sources[place.source][1].name

    def _can_read(self, places: Iterable[LinePlace]) -> bool:
        return all(self._readable[place.source] for place in places)

    async def _read(self, places: Iterable[LinePlace]) -> dict[LinePlace, ExactRecord | None]:
        """Read lines again, each file from its beginning to its end."""
        by_source: dict[int, list[LinePlace]] = {}
        for place in sorted(places):
            by_source.setdefault(place.source, []).append(place)
        lines: dict[LinePlace, ExactRecord | None] = {}
        for number, of_source in by_source.items():
            _, source = self._sources[number]
            spans = [(place.offset, place.length) for place in of_source]
            if is_compressed(source):
                bodies = await read_ranges(source, spans, block_bytes=1 << 20)
            else:
                bodies = await read_places(source, spans)
            for place, body in zip(of_source, bodies, strict=True):
                lines[place] = read_exactly(body)
        return lines

    def _results(self) -> Iterator[CheckResult]:
        """Yield what each check found: errors first, then in the order of the checks."""
        counts, purchase = self._collector.counts, self._policy.duplicate_purchase
        found = [check for check in CheckName if counts[check]]
        for check in sorted(found, key=lambda check: severity(check, purchase) != "error"):
            yield CheckResult(
                check=check,
                severity=severity(check, purchase),
                count=counts[check],
                unit=unit_of(check),
                meaning=MEANINGS[check],
                first=tuple(map(self._describe, self._collector.first(check))),
                fields=tuple(map(self._describe_field, self._collector.fields(check))),
            )

    def _describe(self, fault: ExportFault) -> ExportFinding:
        here = self._line(fault.place)
        return ExportFinding(
            file=here.file,
            line=here.line,
            offset=here.offset,
            others=tuple(map(self._line, fault.others)),
            sums=fault.sums,
            field=fault.field,
        )

    def _describe_field(self, found: FieldCount) -> FoundField:
        here = self._line(found.first)
        return FoundField(
            field=found.field,
            records=found.records,
            nearest=found.nearest,
            file=here.file,
            line=here.line,
            offset=here.offset,
        )

    def _line(self, place: LinePlace) -> FoundLine:
        return FoundLine(file=self._name(place), line=place.line, offset=place.offset)


def _measure(source: Input) -> int:
    """Return how many bytes of text an export has; a guess if that is not known."""
    return text_bytes(source.size, compressed=is_compressed(source)) if is_file(source) else _UNKNOWN_BYTES


def text_bytes(size: int, *, compressed: bool) -> int:
    """Return how many bytes of text there are in `size` bytes as stored; a guess if they are compressed."""
    return size * _COMPRESSED_FACTOR if compressed else size


def partitions_for(size: int) -> int:
    """Return into how many partitions to divide the notes, by the size of the exports' text."""
    return max(1, min(_MOST_PARTS, round(size * _NOTES_SHARE / _PART_BYTES)))
