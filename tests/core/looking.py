"""The law of the extension that looks at lines: with it and without, the same notes, totals and findings.

Used by the tests and by the fuzzer (`tests/fuzz`).
"""

from datetime import UTC, datetime
from functools import lru_cache

from core.proving import Law

from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.look_at_lines import LineChecks
from masivo_stream.core.checks.note_format import SharedHash
from masivo_stream.core.checks.quick_look import make_quick_look
from masivo_stream.core.checks.take_notes import NoteTaker
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.moments import moment_of

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)

LOOSEST = {
    kind: Rules(kind=kind, max_line_bytes=1 << 24, pure_python=True, discounted_value_optional=True) for kind in Kind
}
"""Rules that let all lines pass that any rules do."""


class LawOfLooks:
    """Compare what is taken of lines with the extension and without."""

    def __init__(self, kind, now=NOW):
        self.kind, self._now = kind, now
        self._validated = lru_cache(1000)(Law(LOOSEST[kind]).validated)

    def valid(self, lines):
        """Return those of the lines that are valid."""
        return [line for line in lines if self._validated(line) is not None]

    def unremarkable(self, lines):
        """Return those of the lines that the extension does not doubt."""
        quick = make_quick_look(self._now, watch=True, pure_python=False)
        doubted = set(quick.look(self.kind, lines).doubted)
        return [line for index, line in enumerate(lines) if index not in doubted]

    def taken(self, lines, *, pure_python, shared=None):
        """Return what is taken of valid lines: notes by part, totals, findings, and the latest date."""
        validated = [self._validated(line) for line in lines]
        run = EntryRun(
            file="f",
            source=0,
            line=7,
            bodies=list(lines),
            offsets=[1000 * index for index in range(len(lines))],
            customers=[each[0] for each in validated],
            items=[each[1] for each in validated],
        )
        collector = Collector(1000)
        checks = LineChecks(collector, self._now, pure_python=pure_python)
        notes = [[] for _ in range(3)]
        taker = NoteTaker(3, lambda part, found: notes[part].extend(found), {(self.kind, "f"): 5}, checks, shared)
        taker.take(self.kind, [run])
        taker.flush()
        latest = checks.take_latest()
        checks.finish()
        findings = {check: (collector.first(check), collector.fields(check)) for check in collector.counts}
        return notes, taker.packed_totals(), taker.totals(), findings, None if latest is None else moment_of(latest)

    def holds(self, lines, shared=None):
        """Return whether the extension makes no difference to valid lines, and takes no other line for one."""
        valid = self.valid(lines)
        same = valid if len(valid) == len(lines) else self.unremarkable(valid)
        return (same is valid or self.unremarkable(lines) == same) and self.is_lawful(valid, shared)

    def is_lawful(self, valid, shared=None):
        """Return whether it makes no difference to lines that are valid."""
        with_it = self.taken(valid, pure_python=False, shared=shared)
        return with_it == self.taken(valid, pure_python=True, shared=shared)

    def holds_shared(self, lines):
        """Return the same if other machines take notes, too."""
        return self.holds(lines, SharedHash(b"key"))
