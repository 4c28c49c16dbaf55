"""Keep the latest state and figures of each kind, from the notices."""

from collections.abc import Mapping

from msgspec.structs import replace

from masivo_stream.core.packing.pack import requests_needed
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.notices import (
    KindEnded,
    KindStarted,
    Notice,
    Progressed,
    RunEnded,
    RunStarted,
    Visible,
    WaitingVisible,
)
from masivo_stream.model.snapshot import KindSnapshot
from masivo_stream.model.summary import KindSummary


class Phases:
    """The kinds of a run. Feed it notices, and read their snapshots."""

    def __init__(self) -> None:
        """Begin without any kind."""
        self._phases: dict[Kind, KindSnapshot] = {}

    @property
    def snapshots(self) -> tuple[KindSnapshot, ...]:
        """All kinds, in the run's order."""
        return tuple(self._phases.values())

    @property
    def present(self) -> KindSnapshot | None:
        """The kind that is being sent, or for whose effects the run waits; None if no kind is."""
        return next((phase for phase in self._phases.values() if phase.state in {"working", "visible"}), None)

    @property
    def left(self) -> int | None:
        """Requests still to be sent for all kinds; None if that is not known."""
        left = [requests_left(phase) for phase in self._phases.values()]
        known = [requests for requests in left if requests is not None]
        return sum(known) if known and len(known) == len(left) else None

    def feed(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice:
            case RunStarted(kinds=kinds):
                self._phases = {}
                for ahead in kinds:
                    self._set(ahead.kind, size=ahead.size, bytes_read=ahead.bytes_read, figures=ahead.figures)
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
        self._phases[kind] = replace(phase, requests_needed=_needed(phase))


def requests_left(phase: KindSnapshot) -> int | None:
    """Return the requests still to be sent for a kind; None if that is not known."""
    return None if phase.requests_needed is None else max(0, phase.requests_needed - phase.figures.requests)


def _needed(phase: KindSnapshot) -> int | None:
    if phase.state == "done":
        return phase.figures.requests
    return requests_needed(CONTRACTS[phase.kind], phase.figures, bytes_read=phase.bytes_read, size=phase.size)
