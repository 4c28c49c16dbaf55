"""The law of the extension that looks at lines: with it and without, the same notes, totals and findings.

Used by the tests and by the fuzzer (`tests/fuzz`).
"""

import random
from datetime import UTC, datetime
from functools import lru_cache

from core.made import text_lines
from core.proving import Law

from masivo_stream.core.checks.collect import Collector
from masivo_stream.core.checks.look_at_lines import LineChecks
from masivo_stream.core.checks.note_format import SharedHash
from masivo_stream.core.checks.quick_look import QuickLook, make_quick_look
from masivo_stream.core.checks.take_notes import NoteTaker
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.moments import moment_of
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Rejected, Skipped
from masivo_stream.model.text_lines import TextLines

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
        lines = list(lines)
        doubted = set(quick.look(self.kind, [(lines, range(len(lines)), 0, 0)]).doubted)
        return [line for index, line in enumerate(lines) if index not in doubted]

    def results(self, lines, chance):
        """Return results as the validator gives them: runs of lines, entries, and lines that are none of both."""
        validated, found, begin = [self._validated(line) for line in lines], [], 0
        while begin < len(lines):
            end = begin + chance.choice((1, 2, 3, 30))
            of_run = validated[begin:end]
            run = EntryRun(
                file="f",
                source=0,
                line=7 + 2 * begin,
                **self.columns(lines[begin:end], 100_000 * begin, chance),
                customers=[each[0] for each in of_run],
                items=[each[1] for each in of_run],
            )
            found += [run.entry(0)] if len(run) == 1 and chance.random() < 0.5 else [run]
            found += chance.choice(self.others(6 + 2 * end, lines[begin])) if chance.random() < 0.3 else ()
            begin = end
        return found

    @staticmethod
    def columns(bodies, begin, chance):
        """Return bodies and offsets of lines: of a text, or in no order."""
        if chance.random() < 0.5 and not any(b"\n" in body for body in bodies):
            whole = text_lines([b"before", *bodies, b"behind"], begin)[1:-1]
            if isinstance(whole, TextLines):
                return {"bodies": whole, "offsets": whole.offsets[:-1]}
        return {"bodies": list(bodies), "offsets": [begin + 1000 * index for index in range(len(bodies))]}

    @staticmethod
    def others(line, body):
        """Return results that are neither run nor entry."""
        skipped = {"file": "f", "line": line, "offset": 1000 * line, "items": 1, "customer": "c"}
        skipped["reason"] = SkipReason.DELETED_CUSTOMER
        place = {"file": "f", "line": line, "offset": 1000 * line, "length": 1, "customer": "c"}
        reasons = Reason.DUPLICATE_ID, Reason.REFUSED, Reason.MISSING_FIELD
        dead = [[Rejected(**place, reason=reason, field="", message="", raw=body)] for reason in reasons]
        return [[Blank(line)], [Skipped(**skipped)], *dead]

    def taken(self, lines, *, pure_python, shared=None):
        """Return what is taken of valid lines, some at once: notes by part, totals, findings, and the latest date."""
        chance = random.Random(len(lines))
        collector = Collector(chance.choice((1, 2, 1000)))
        checks = LineChecks(collector, self._now, pure_python=pure_python)
        notes = [[] for _ in range(3)]
        sink = lambda part, found: notes[part].extend(found)  # noqa: E731
        hashed = shared or (QuickLook.salted if pure_python else None)  # the extension has it by itself
        taker = NoteTaker(3, sink, {(self.kind, "f"): 5}, checks, hashed)
        results, begin = self.results(lines, chance), 0
        while begin < len(results):
            end = begin + chance.choice((1, 2, 4, 8))
            taker.take(self.kind, results[begin:end])
            begin = end
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
