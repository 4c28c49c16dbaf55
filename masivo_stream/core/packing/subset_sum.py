"""Choose of weights those that fill a room best: exactly, as a subset sum.

Enough light weights reach every sum up to that of all of them, and a heavier one continues where they end: coins of 1,
2, 2 and 5 pay every sum up to 10. Then nothing is to be searched, as the lighter ones fill whatever the heavier ones
leave. Almost always this includes the heaviest.

Behind the first gap sums are found with bit operations (Pisinger, "Dynamic programming on the word RAM", Algorithmica
2003): bit `n` of a number says whether some choice of weights adds up to `n`.
"""

from collections.abc import Iterator, Mapping
from math import gcd


def fill_room(counts: Mapping[int, int], room: int) -> dict[int, int]:
    """Return how many of each weight to take so that together they weigh as much as fits into `room`.

    `counts` holds the number of each (positive) weight. Of choices that weigh the same, one with heavy weights is
    taken, as light weights find a place later.
    """
    grain = gcd(*counts)  # all sums are multiples of it
    heavier, lighter = sorted(counts, reverse=True), list[int]()
    reach = 0  # each sum up to this one is one of lighter weights
    while heavier and heavier[-1] <= reach + grain:
        weight = heavier.pop()
        lighter.append(weight)
        reach += weight * counts[weight]
    taken: dict[int, int] = {}
    left = min(reach, room)
    if heavier:
        units = {weight // grain: counts[weight] for weight in reversed(heavier)}
        found, left = _search(units, room // grain, left // grain)
        taken, left = {unit * grain: number for unit, number in found.items()}, left * grain
    for weight in reversed(lighter):
        if number := min(counts[weight], left // weight):
            taken[weight] = number
            left -= number * weight
    return taken


def _search(counts: Mapping[int, int], room: int, lighter: int) -> tuple[dict[int, int], int]:
    """Return how many of each weight to take, and what lighter ones are left to fill, which fill all up to `lighter`.

    `counts` begins with the lightest.
    """
    steps: list[tuple[int, int, int]] = []
    reach = (1 << lighter + 1) - 1
    sums = (1 << room + 1) - 1  # a mask of the sums that fit into the room
    for weight, count in counts.items():
        for lot in _lots(min(count, room // weight)):
            steps.append((weight, lot, reach))  # what could be reached before this step, to find the way back
            reach |= reach << weight * lot & sums
    return _retrace(steps, reach.bit_length() - 1)


def _retrace(steps: list[tuple[int, int, int]], left: int) -> tuple[dict[int, int], int]:
    """Go back from the largest sum; of the steps that lead there, take the heaviest each time."""
    taken: dict[int, int] = {}
    for weight, lot, before in reversed(steps):
        rest = left - weight * lot
        if rest >= 0 and before >> rest & 1:  # the rest could be reached without this lot, so the lot is taken
            taken[weight] = taken.get(weight, 0) + lot
            left = rest
    return taken, left


def _lots(count: int) -> Iterator[int]:
    """Split `count` into 1, 2, 4, … and a rest, so that each number up to `count` is the sum of some of the parts."""
    lot = 1
    while lot < count:
        yield lot
        count -= lot
        lot *= 2
    if count:
        yield count
