"""Count the slots that leave until a run is done, if other runs use slots of the same account.

Each of the runs waits for every slot, and whoever asks first takes it. So those that send requests of the same windows
take turns, by and large; if one of them is seen to be quicker, it has more turns. Each run sends one kind after the
other. If each kind has windows of its own, only runs that are at the same kind take turns, and kinds are taken to have
the same pace.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from masivo_stream.model.contract import Kind

Left = Sequence[tuple[Kind, int]]
"""Requests still to be sent, by kind, in the order of the kinds."""

OtherLeft = Mapping[Kind, int | None]
"""Those of another run; None if their number is not known: then there are always more."""

_EVEN = 10
"""Requests of each run for which turns are taken to be even, beside those that are seen."""

_ROUNDING = 1e-6
"""A smaller part of a request counts as nothing."""


def slots_until_done(
    left: Left, others: Sequence[OtherLeft], *, by_kind: bool, turns: Sequence[float] = ()
) -> list[tuple[Kind, int]]:
    """Return the slots that leave until the last request of this run does, by kind.

    Args:
        left: requests of this run.
        others: those of each other run.
        by_kind: whether each kind has windows of its own. Otherwise all requests count in the same windows.
        turns: how many requests each other run sends while this one sends one; one if that is not given.
    """
    own = [(kind, number) for kind, number in left if number]
    runs = [_Run([(kind if by_kind else None, float(number)) for kind, number in own], 1.0)]
    for other, speed in zip(others, turns or [1.0] * len(others), strict=True):
        known = [(kind, math.inf if number is None else float(number)) for kind, number in other.items()]
        runs.append(_Run([(kind if by_kind else None, number) for kind, number in known if number], speed))
    slots = _take_turns(runs)
    return [(kind, math.ceil(number - _ROUNDING)) for (kind, _), number in zip(own, slots, strict=True)]


def turns_of(sent: int, own: int) -> float:
    """Return how many requests another run sends while this one sends one, if it has sent `sent` and this one `own`."""
    return (sent + _EVEN) / (own + _EVEN)


class _Run:
    """Requests of one run: parts that count in the same windows, one after the other."""

    def __init__(self, parts: list[tuple[Kind | None, float]], speed: float) -> None:
        self.parts, self.speed = parts, speed

    def send(self, number: float) -> None:
        """Send a number of requests, at most those of the first part."""
        windows, left = self.parts[0]
        self.parts[0] = windows, left - number
        if left - number < _ROUNDING:
            del self.parts[0]


def _take_turns(runs: Sequence[_Run]) -> list[float]:
    """Return how many slots leave while the first run sends each of its parts."""
    own, slots = runs[0].parts, [0.0 for _ in runs[0].parts]
    while own:
        present = [run for run in runs if run.parts]
        speeds = defaultdict[Kind | None, float](float)
        for run in present:
            speeds[run.parts[0][0]] += run.speed
        shares = [run.speed / speeds[run.parts[0][0]] for run in present]
        step = min(run.parts[0][1] / share for run, share in zip(present, shares, strict=True))
        slots[-len(own)] += step
        for run, share in zip(present, shares, strict=True):
            run.send(step * share)
    return slots
