"""Look at each valid line by itself: whether what it says is plausible, and whether it has unknown fields."""

from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice

from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.known_fields import FieldName
from masivo_stream.core.checks.lean_records import LeanRecord
from masivo_stream.core.checks.note_format import Hashed, SharedHash, place_of, salted_hash
from masivo_stream.core.checks.plausible import Doubt, Plausibility, TimelessPlausibility
from masivo_stream.core.checks.quick_look import Looked, Run, make_quick_look
from masivo_stream.core.checks.unknown_fields import LineReader, UnknownFields
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.findings import CheckName, ExportFault
from masivo_stream.model.schemas import Timestamp
from masivo_stream.model.text_lines import TextLines

Dated = tuple[LeanRecord, Timestamp, Timestamp]
"""A record, and the earliest and latest date of it: of the registration, or of what its items were issued."""

_OF_NAMES = {CheckName.MISSPELLED_FIELD, CheckName.UNKNOWN_FIELD}


class LineChecks:
    """Read lines in reading order, then finish. What is found goes to the collector."""

    def __init__(
        self,
        collector: Collector,
        now: Timestamp | None,
        left_out: Collection[CheckName] = (),
        *,
        pure_python: bool = False,
    ) -> None:
        """Report to `collector`, except what is `left_out`. Dates more than a day after `now` are in the future.

        `now` is None if another process decides that, which wants to know the latest dates. `pure_python`: do without
        the extension that looks at most lines (`quick_look`).
        """
        self._collector, self._left_out = collector, left_out
        self._plausibility = TimelessPlausibility() if now is None else Plausibility(now)
        watch = not _OF_NAMES.issubset(left_out)
        self._readers = {kind: LineReader(kind, watch=watch) for kind in Kind}
        self._quick = make_quick_look(now, watch=watch, pure_python=pure_python)
        self.unknown = UnknownFields(collector.most)

    @property
    def is_quick(self) -> bool:
        """Whether there is an extension that looks at most lines."""
        return self._quick is not None

    def read(self, kind: Kind, body: bytes, place: tuple[int, int, int]) -> Dated | None:
        """Return what a line says, and look at it; None if the line cannot be read that way.

        `place` are the last three numbers of a note.
        """
        reader = self._readers[kind]
        record = reader.read(body)
        if reader.unknown:
            self.unknown.add(kind, reader.unknown, place_of(*place))
        if record is None:
            return None
        first, last = self._plausibility.look(record)
        doubts = self._plausibility.take()
        if doubts:
            at = place_of(*place)
            self._collector.add(
                ExportFault(check, at, field=field) for check, field in doubts if check not in self._left_out
            )
        return record, first, last

    @property
    def salted_hash(self) -> Hashed:
        """The hash that notes of this process have."""
        return salted_hash if self._quick is None else self._quick.salted

    def look(
        self, kind: Kind, runs: Sequence[EntryRun], begins: Sequence[int], shared: SharedHash | None
    ) -> Looked | None:
        """Look at valid lines at once; those that are doubted have to be read. None if there is no extension.

        `begins` are source and line of the first line of each run. Notes have the hashes of `shared`, or `salted_hash`.
        """
        if self._quick is None:
            return None
        given = [_lines_of(run, begin) for run, begin in zip(runs, begins, strict=True)]
        looked = self._quick.look(kind, given, shared, self._readers[kind].learnt)
        if looked.records and isinstance(self._plausibility, TimelessPlausibility):
            _, index = looked.latest
            self.dates(kind, next(islice(chain.from_iterable(run.bodies for run in runs), index, None)))
        return looked

    def count_learnt(self, kind: Kind, looked: Looked) -> Mapping[int, Sequence[FieldName]]:
        """Count the unknown fields that the extension has learnt, on lines that it does not doubt.

        Return those that have to be added one by one, by the index of their line: their places are among the first.
        """
        if not looked.marks:
            return {}
        learnt, marks = self._readers[kind].learnt, array("Q", looked.marks)
        waiting: dict[int, Sequence[FieldName]] = {}
        for mark, records in Counter(filter(None, marks)).items():
            fields = [field for index, field in enumerate(learnt) if mark >> index & 1]
            if self.unknown.is_full(kind, fields):
                self.unknown.add(kind, fields, None, records)
            else:
                waiting[mark] = fields
        return {index: waiting[mark] for index, mark in enumerate(marks) if mark in waiting} if waiting else {}

    def dates(self, kind: Kind, body: bytes) -> tuple[Timestamp, Timestamp]:
        """Return the earliest and the latest date of a line that was looked at, and not doubted."""
        record = self._readers[kind].read(body)
        if record is None:
            raise AssertionError("the extension has taken a line that cannot be read")
        return self._plausibility.look(record)

    def take_latest(self) -> Timestamp | None:
        """Return the latest date since the last call that may be in the future, None without one.

        Always None if it is known when now is.
        """
        looked = self._plausibility
        return looked.take_latest() if isinstance(looked, TimelessPlausibility) else None

    def finish(self) -> None:
        """Report the unknown fields."""
        for check, counted, places in self.unknown.found():
            if check not in self._left_out:
                self._collector.add_field(check, counted, places)


def _lines_of(run: EntryRun, begin: int) -> Run:
    if isinstance(run.bodies, TextLines):
        text, offsets, text_begin = run.bodies.in_text()
        return text, offsets, begin, text_begin
    return run.bodies, run.offsets, begin, 0


class LateDates:
    """Look for dates in the future only: whoever looked at the lines before did not know when now is."""

    def __init__(self, kind: Kind, now: Timestamp) -> None:
        """Look at lines of a kind. Dates more than a day after `now` are in the future."""
        self._reader = LineReader(kind, watch=False)
        self._timeless, self._now = TimelessPlausibility(), Plausibility(now)

    def look(self, body: bytes) -> list[Doubt]:
        """Return what is implausible on a valid line because of the time."""
        record = self._reader.read(body)
        if record is None:
            return []
        self._timeless.look(record)
        self._now.look(record)
        known = self._timeless.take()
        return [doubt for doubt in self._now.take() if doubt not in known]
