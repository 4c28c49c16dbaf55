"""What was found by reading back: counts of everything, places of the first records that are not confirmed."""

from collections import Counter

from masivo_stream.flow.compare import Comparison
from masivo_stream.flow.witness import Witness
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.record import Entry
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verification

MOST_FINDINGS = 1000
"""Places that are told; of more there is a count."""

_LOOK_AFTER = "look these records up in the account's dashboard; positions are those of the export"
_AGAIN = "look again later: the API answers before it has done what it was asked for"


class Findings:
    """Counts and places, in the order they come."""

    def __init__(self) -> None:
        self._counts: dict[Kind, Counter[str]] = {}
        self._witnesses: dict[Kind, Witness] = {}
        self._found: list[Finding] = []
        self._left_out = 0

    def begin(self, witness: Witness) -> None:
        """Begin with a kind."""
        self._witnesses[witness.kind] = witness
        self._counts.setdefault(witness.kind, Counter())

    def leave(self, kind: Kind) -> None:
        """Count a record of which reading back can tell nothing."""
        self._counts[kind]["untold"] += 1

    def note(self, witness: Witness, entry: Entry, seen: Comparison) -> None:
        """Count what is seen of one record."""
        self._counts[witness.kind].update((seen.seen.value, "looked_at"))
        if seen.seen is Seen.CONFIRMED:
            return
        if len(self._found) == MOST_FINDINGS:
            self._left_out += 1
            return
        file, line = entry.record
        self._found.append(Finding(kind=witness.kind, file=file, line=line, seen=seen.seen, what=seen.what))

    @property
    def kinds(self) -> dict[str, KindVerified]:
        """What was counted, by kind."""
        return {
            kind.value: KindVerified(**counts, requests=self._witnesses[kind].requests)
            for kind, counts in self._counts.items()
        }

    @property
    def places(self) -> tuple[Finding, ...]:
        """The first records that are not confirmed, in the exports' order."""
        order = list(Kind)
        return tuple(sorted(self._found, key=lambda found: (order.index(found.kind), found.file, found.line)))

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
        return Verification(
            exit_code=int(code),
            kinds=kinds,
            findings=self.places,
            findings_left_out=self._left_out,
            left_out=left_out,
            message=": ".join(filter(None, (cause.place, str(cause)))) if cause else "",
            hint=hint,
        )
