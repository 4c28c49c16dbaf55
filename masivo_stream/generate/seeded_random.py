"""Chance that repeats: a draw follows from a seed and from what is drawn for, not from what others drew.

Only `random()` is drawn from, since it is the one sequence Python promises to keep over its versions (docs of
`random`, "Notes on Reproducibility"): the same seed gives the same bytes on each of them.
"""

import enum
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

Draw = Callable[[], float]
"""Gives the next number from 0 up to, but not including, 1."""

_WORD = 64
_MASK = (1 << _WORD) - 1


class DrawStream(enum.IntEnum):
    """What is drawn for. The streams of one seed are independent of each other."""

    CUSTOMER = 1
    DELETED = 2
    FAULTY = 3
    REVERSED = 4
    MIX = 5


def draws(stream: DrawStream, seed: int, number: int) -> Draw:
    """Return the draws that belong to one number of one stream. Of `seed` the lower 64 bits count."""
    key = (int(stream) << 2 * _WORD) | ((seed & _MASK) << _WORD) | (number & _MASK)
    return Random(key).random  # noqa: S311 - synthetic data, not secrets


def pick(draw: Draw, among: Sequence[T]) -> T:
    """Return one of a sequence, each as likely as the other."""
    return among[int(draw() * len(among))]


def run(draw: Draw, chance: float) -> int:
    """Return how many draws in a row fall under `chance`: what goes in before the next of the others."""
    length = 0
    while draw() < chance:
        length += 1
    return length


def shuffled(draw: Draw, among: Sequence[T]) -> list[T]:
    """Return a sequence in random order."""
    return sorted(among, key=lambda _: draw())
