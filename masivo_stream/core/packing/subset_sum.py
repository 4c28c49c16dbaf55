"""Choose among weights so that they fill a room as far as any choice can: the subset sum problem, solved exactly.

Bit `s` of an integer tells whether some choice weighs `s`; a weight is added by one shift and one "or" over all sums at
once (Pisinger, "Dynamic programming on the word RAM", Algorithmica 2003). Equal weights go in lots of 1, 2, 4, … of
them, so a thousand equal ones take ten steps, not a thousand.
"""

from collections.abc import Iterator, Mapping
from math import gcd


def fill_room(counts: Mapping[int, int], room: int) -> dict[int, int]:
    """Return how many to take of each weight so that together they weigh as much as fits into `room`.

    `counts` tells how many there are of each (positive) weight. Of the choices that weigh the same, one with heavy
    weights is taken: light ones find a place later.
    """
    grain = gcd(*counts)
    if not grain:
        return {}
    steps: list[tuple[int, int, int]] = []
    reach, sums = 1, (1 << (room // grain + 1)) - 1
    for weight in sorted(counts):
        for lot in _lots(min(counts[weight], room // weight)):
            steps.append((weight, lot, reach))
            reach |= reach << (weight // grain * lot) & sums
    return _retrace(steps, reach.bit_length() - 1, grain)


def _lots(count: int) -> Iterator[int]:
    """Part `count` so that each number up to it is the sum of some of the parts."""
    lot = 1
    while lot < count:
        yield lot
        count -= lot
        lot *= 2
    if count:
        yield count


def _retrace(steps: list[tuple[int, int, int]], reached: int, grain: int) -> dict[int, int]:
    """Go back from the sum that was reached, by the heaviest step that leads to it each time."""
    taken: dict[int, int] = {}
    for weight, lot, before in reversed(steps):
        rest = reached - weight // grain * lot
        if rest >= 0 and before >> rest & 1:
            taken[weight] = taken.get(weight, 0) + lot
            reached = rest
    return taken
