"""Keep the latest state and figures of each kind, from the notices."""

from collections.abc import Mapping

from msgspec.structs import replace

from masivo_stream.core.accounting.forecast import forecast, share_done
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.notices import (
    ExportsMeasured,
    KindEnded,
    KindStarted,
    Notice,
    Progressed,
    RunEnded,
    RunStarted,
    Visible,
    WaitingVisible,
)
from masivo_stream.model.snapshot import KindSnapshot, requests_left
from masivo_stream.model.summary import KindSummary


class Phases:
    """The kinds of a run. Feed it notices, and read their snapshots."""

    def __init__(self) -> None:
        """Begin without any kind."""
        self._phases: dict[Kind, KindSnapshot] = {}
        self._expected: Mapping[Kind, Expected] = {}
        self.reads_back = False
        """Whether a sample is read back at the end."""
        self.measured = False
        """Whether what the exports hold was announced, if it is known."""

    @property
    def snapshots(self) -> tuple[KindSnapshot, ...]:
        """All kinds, in the run's order."""
        return tuple(self._phases.values())

    @property
    def known(self) -> bool:
        """Whether the kinds are known."""
        return bool(self._phases)

    @property
    def present(self) -> KindSnapshot | None:
        """The kind that is being sent, or for whose effects the run waits; None if no kind is."""
        return next((phase for phase in self._phases.values() if phase.state in {"working", "visible"}), None)

    @property
    def left(self) -> list[tuple[Kind, int]] | None:
        """Requests still to be sent for each kind; None if that is not known for each of them."""
        left = [(phase.kind, requests_left(phase)) for phase in self._phases.values()]
        known = [(kind, requests) for kind, requests in left if requests is not None]
        return known if known and len(known) == len(left) else None

    @property
    def unread(self) -> int | None:
        """Records that were not read yet; None if that is not known for each kind."""
        known = [phase.unread for phase in self._phases.values() if phase.unread is not None]
        return sum(known) if known and len(known) == len(self._phases) else None

    @property
    def exact(self) -> bool:
        """Whether everything was read."""
        return all(phase.unread == 0 for phase in self._phases.values())

    @property
    def share(self) -> float | None:
        """The share of all records that have their outcome; None if that is not known."""
        return share_done([phase.figures for phase in self._phases.values()], self.unread)

    @property
    def waits(self) -> int:
        """How many kinds are still to show in the account before the next one begins."""
        return sum(phase.state in {"ahead", "working"} for phase in list(self._phases.values())[:-1])

    def feed(self, notice: Notice) -> None:  # noqa: C901 - one case a notice
        """Take in a notice."""
        match notice:
            case RunStarted(kinds=kinds, reads_back=reads_back):
                self.reads_back = reads_back
                self._phases, self._expected, self.measured = {}, {}, False
                for ahead in kinds:
                    self._set(ahead.kind, size=ahead.size, bytes_read=ahead.bytes_read, figures=ahead.figures)
            case ExportsMeasured(kinds=expected):
                self._expected, self.measured = expected, True
                for kind in self._phases:
                    self._set(kind)
            case KindStarted(kind=kind):
                self._set(kind, state="working")
            case Progressed(kind=kind, figures=figures, bytes_read=read):
                self._set(kind, figures=figures, bytes_read=read)
            case KindEnded(kind=kind, figures=figures, bytes_read=read):
                self._set(kind, state="left" if figures.pending else "done", figures=figures, bytes_read=read)
            case WaitingVisible(kind=kind, seen=seen, probes=probes):
                self._set(kind, state="visible", probes=(seen, probes))
            case Visible(kind=kind):
                self._set(kind, state="done", probes=None)
            case RunEnded(summary=summary):
                self._end(summary.kinds)
            case _:
                pass

    def _end(self, kinds: Mapping[str, KindSummary]) -> None:
        for kind, figures in kinds.items():
            if kind in self._phases:
                self._set(Kind(kind), figures=figures)
        for phase in list(self._phases.values()):
            if phase.state in {"working", "visible"}:
                self._set(phase.kind, state="left", probes=None)

    def _set(self, kind: Kind, **changes: object) -> None:
        phase = replace(self._phases.get(kind) or KindSnapshot(kind=kind), **changes)
        self._phases[kind] = replace(phase, **self._forecast(phase))

    def _forecast(self, phase: KindSnapshot) -> dict[str, object]:
        """Return what is left of a kind, as fields of its snapshot."""
        if phase.state in {"done", "visible"}:
            return {"requests_needed": phase.figures.requests, "unread": 0, "exact": True}
        left = forecast(
            CONTRACTS[phase.kind],
            phase.figures,
            bytes_read=phase.bytes_read,
            size=phase.size,
            expected=self._expected.get(phase.kind),
        )
        if left is None:
            return {"requests_needed": None, "unread": None, "exact": False}
        needed = phase.figures.requests + left.requests
        return {"requests_needed": needed, "unread": left.unread, "exact": left.exact}
