"""What was found by reading back: counts of everything, places of the first records that are not confirmed."""

from collections import Counter

from msgspec.structs import replace

from masivo_stream.flow.readback.check import ReadBackCheck
from masivo_stream.flow.readback.compare import Comparison
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.results import Entry
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verification

MOST_FINDINGS = 1000
"""Places that are told; of more there is a count."""

_LOOK_AFTER = "look these records up in the account's dashboard; positions are those of the export"
_AGAIN = "look again later: the API answers before it has done what it was asked for"
_UNTOLD = (
    "records of which nothing can be told have ids that need escaping in a URL, and something on the way to the API may"
    " refuse those: look them up in the account's dashboard"
)
_ODD = "id needs escaping"


class Findings:
    """Counts and places, in the order they come.

    What is seen of a customer whose id needs escaping counts when it is told: by then it is known whether such ids can
    be read back here at all.
    """

    def __init__(self) -> None:
        self._counts: dict[Kind, Counter[tuple[Seen, frozenset[str]]]] = {}
        """How often what was seen, and on which oddities of an id that depends."""
        self._left: Counter[Kind] = Counter()
        self._witnesses: dict[Kind, ReadBackCheck] = {}
        self._found: list[tuple[Finding, frozenset[str]]] = []
        self._left_out = 0

    def begin(self, witness: ReadBackCheck) -> None:
        """Begin with a kind."""
        self._witnesses[witness.kind] = witness
        self._counts.setdefault(witness.kind, Counter())

    def leave(self, kind: Kind) -> None:
        """Count a record of which reading back can tell nothing."""
        self._left[kind] += 1

    def note(self, witness: ReadBackCheck, entry: Entry, seen: Comparison) -> None:
        """Count what is seen of one record."""
        self._counts[witness.kind][seen.seen, seen.unless] += 1
        if seen.seen is Seen.CONFIRMED:
            return
        if len(self._found) == MOST_FINDINGS:
            self._left_out += 1
            return
        file, line = entry.record
        found = Finding(kind=witness.kind, file=file, line=line, seen=seen.seen, what=seen.what)
        self._found.append((found, seen.unless))

    @property
    def kinds(self) -> dict[str, KindVerified]:
        """What was counted, by kind."""
        return {kind.value: self._count(kind) for kind in self._counts}

    def _count(self, kind: Kind) -> KindVerified:
        counts: Counter[str] = Counter({"untold": self._left[kind]})
        for (seen, unless), records in self._counts[kind].items():
            counts[self._settled(kind, seen, unless).value] += records
        looked_at = sum(counts.values()) - counts["untold"]
        return KindVerified(**counts, looked_at=looked_at, requests=self._witnesses[kind].requests)

    def _settled(self, kind: Kind, seen: Seen, unless: frozenset[str]) -> Seen:
        """Return what was seen, unless an id's oddities may be why and were in none that was read back."""
        return seen if unless <= self._witnesses[kind].read else Seen.UNTOLD

    @property
    def odd(self) -> int:
        """Records of all kinds of which nothing can be told for their ids."""
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
        settled = (self._tell(found, unless) for found, unless in self._found)
        return tuple(sorted(settled, key=lambda found: (order.index(found.kind), found.file, found.line)))

    def _tell(self, found: Finding, unless: frozenset[str]) -> Finding:
        if self._settled(found.kind, found.seen, unless) is not Seen.UNTOLD:
            return found
        return replace(found, seen=Seen.UNTOLD, what=(_ODD,))

    def conclude(self, cause: MasivoStreamError | None, *, left_out: tuple[str, ...] = ()) -> Verification:
        """Tell what was found; `cause` is why it ended early."""
        kinds = self.kinds
        wrong = sum(counted.missing + counted.different for counted in kinds.values())
        open_ = sum(counted.not_yet + counted.unread for counted in kinds.values())
        code, hint = ExitCode.COMPLETE, ""
        if cause is not None:
            code, hint = ExitCode(cause.exit_code), cause.hint
        elif wrong:
            code, hint = ExitCode.DEAD_LETTERS, _LOOK_AFTER
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
