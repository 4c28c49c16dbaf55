"""Findings of a read-back: counts of all records, and positions of the first records that are not confirmed."""

from collections import Counter

from msgspec.structs import replace

from masivo_stream.flow.readback.check import ReadBackCheck
from masivo_stream.flow.readback.compare import Comparison
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.results import Entry
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verification

MOST_FINDINGS = 1000
"""Positions that are listed; the others are counted."""

_INSPECT = "look up these records in the account's dashboard; the positions are those in the export"
_AGAIN = "verify again later: the API answers before it applies what was sent"
_UNTOLD = (
    "the ids of some records need escaping in a URL, and something on the way to the API may refuse such URLs: look up"
    " these records in the account's dashboard"
)
_ODD = "id needs escaping"


class Findings:
    """Counts and positions, in the order in which they come.

    Whether a comparison counts may depend on ids that are read back later (`Comparison.unless`). So that is decided
    when the findings are read, not when they are noted.
    """

    def __init__(self) -> None:
        self._counts: dict[Kind, Counter[tuple[Seen, frozenset[str]]]] = {}
        """How often each result was seen, and on which oddities of an id it depends."""
        self._incomparable: Counter[Kind] = Counter()
        self._checks: dict[Kind, ReadBackCheck] = {}
        self._found: list[tuple[Finding, frozenset[str]]] = []
        self._left_out = 0

    def begin(self, check: ReadBackCheck) -> None:
        """Begin with a kind."""
        self._checks[check.kind] = check
        self._counts.setdefault(check.kind, Counter())

    def note_incomparable(self, kind: Kind) -> None:
        """Count a record about which reading back can prove nothing."""
        self._incomparable[kind] += 1

    def note(self, check: ReadBackCheck, entry: Entry, seen: Comparison) -> None:
        """Count what shows of one record; `begin` comes first."""
        self._counts[check.kind][seen.seen, seen.unless] += 1
        if seen.seen is Seen.CONFIRMED:
            return
        if len(self._found) == MOST_FINDINGS:
            self._left_out += 1
            return
        file, line = entry.record
        found = Finding(kind=check.kind, file=file, line=line, seen=seen.seen, what=seen.what)
        self._found.append((found, seen.unless))

    @property
    def kinds(self) -> dict[str, KindVerified]:
        """The counts, by kind."""
        return {kind.value: self._count(kind) for kind in self._counts}

    def _count(self, kind: Kind) -> KindVerified:
        counts: Counter[str] = Counter({"untold": self._incomparable[kind]})
        for (seen, unless), records in self._counts[kind].items():
            counts[self._settled(kind, seen, unless).value] += records
        looked_at = sum(counts.values()) - counts["untold"]
        return KindVerified(**counts, looked_at=looked_at, requests=self._checks[kind].requests)

    def _settled(self, kind: Kind, seen: Seen, unless: frozenset[str]) -> Seen:
        """Return what was seen, or UNTOLD if an id's oddities may be the cause and no id with them was read back."""
        return seen if unless <= self._checks[kind].read else Seen.UNTOLD

    @property
    def odd(self) -> int:
        """How many records of all kinds cannot be checked because of their ids."""
        return sum(
            records
            for kind, counted in self._counts.items()
            for (seen, unless), records in counted.items()
            if self._settled(kind, seen, unless) is Seen.UNTOLD
        )

    @property
    def places(self) -> tuple[Finding, ...]:
        """The first records that are not confirmed, in the exports' order."""
        order = list(Kind)
        settled = (self._settle(found, unless) for found, unless in self._found)
        return tuple(sorted(settled, key=lambda found: (order.index(found.kind), found.file, found.line)))

    def _settle(self, found: Finding, unless: frozenset[str]) -> Finding:
        if self._settled(found.kind, found.seen, unless) is not Seen.UNTOLD:
            return found
        return replace(found, seen=Seen.UNTOLD, what=(_ODD,))

    def to_verification(self, cause: MasivoStreamError | None, *, left_out: tuple[str, ...] = ()) -> Verification:
        """Return the verification; `cause` is why it ended early, `left_out` the exports that cannot be read again."""
        kinds = self.kinds
        wrong = sum(counted.missing + counted.different for counted in kinds.values())
        open_ = sum(counted.not_yet + counted.unread for counted in kinds.values())
        code, hint = ExitCode.COMPLETE, ""
        if cause is not None:
            code, hint = ExitCode(cause.exit_code), cause.hint
        elif wrong:
            code, hint = ExitCode.DEAD_LETTERS, _INSPECT
        elif open_:
            code, hint = ExitCode.OUTAGE, _AGAIN
        elif self.odd:
            hint = _UNTOLD
        return Verification(
            exit_code=int(code),
            kinds=kinds,
            findings=self.places,
            findings_left_out=self._left_out,
            left_out=left_out,
            message=": ".join(filter(None, (cause.place, str(cause)))) if cause else "",
            hint=hint,
        )
