"""Choose weights that fill a room as far as possible: the subset sum problem, solved exactly.

The sums that can be reached are the bits of one large integer: bit `s` is set if some choice weighs `s`. Another weight
`w` is added to all choices at once by `reach |= reach << w` (Pisinger, "Dynamic programming on the word RAM",
Algorithmica 2003). Equal weights are added in lots of 1, 2, 4, … of them, so a thousand equal weights take ten steps.
"""

from collections.abc import Iterator, Mapping
from math import gcd


def fill_room(counts: Mapping[int, int], room: int) -> dict[int, int]:
    """Return how many of each weight to take so that together they weigh as much as fits into `room`.

    `counts` holds the number of each (positive) weight. Of choices that weigh the same, one with heavy weights is
    taken, as light weights find a place later.
    """
    grain = gcd(*counts)  # all sums are multiples of it, so one bit stands for that many units
    if not grain:
        return {}
    steps: list[tuple[int, int, int]] = []
    reach = 1  # only bit 0: the empty choice weighs nothing
    sums = (1 << (room // grain + 1)) - 1  # a mask of the sums that fit into the room
    for weight in sorted(counts):
        for lot in _lots(min(counts[weight], room // weight)):
            steps.append((weight, lot, reach))  # what could be reached before this step, to find the way back
            reach |= reach << (weight // grain * lot) & sums
    return _retrace(steps, reach.bit_length() - 1, grain)


def _lots(count: int) -> Iterator[int]:
    """Split `count` into 1, 2, 4, … and a rest, so that each number up to `count` is the sum of some of the parts."""
    lot = 1
    while lot < count:
        yield lot
        count -= lot
        lot *= 2
    if count:
        yield count


def _retrace(steps: list[tuple[int, int, int]], reached: int, grain: int) -> dict[int, int]:
    """Go back from the largest sum to 0; of the steps that lead there, take the heaviest each time."""
    taken: dict[int, int] = {}
    for weight, lot, before in reversed(steps):
        rest = reached - weight // grain * lot
        if rest >= 0 and before >> rest & 1:  # the rest could be reached without this lot, so the lot is taken
            taken[weight] = taken.get(weight, 0) + lot
            reached = rest
    return taken
