"""Reproducible random numbers: they depend on a seed and their purpose, not on other draws.

Only `random()` is used, since it is the one sequence that Python promises to keep over its versions (docs of `random`,
"Notes on Reproducibility"). So the same seed gives the same bytes on every version.
"""

import enum
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

Draw = Callable[[], float]
"""Returns the next number from 0 up to, but not including, 1."""

_WORD = 64
_MASK = (1 << _WORD) - 1


class DrawStream(enum.IntEnum):
    """The purpose of random numbers. The streams of one seed are independent of each other."""

    CUSTOMER = 1
    DELETED = 2
    FAULTY = 3
    REVERSED = 4
    MIX = 5
    PLANTED = 6


def draws(stream: DrawStream, seed: int, number: int) -> Draw:
    """Return the random numbers of one item (`number`) of one stream. Of `seed` the lower 64 bits count."""
    key = (int(stream) << 2 * _WORD) | ((seed & _MASK) << _WORD) | (number & _MASK)
    return Random(key).random  # noqa: S311 - synthetic data, not secrets


def pick(draw: Draw, among: Sequence[T]) -> T:
    """Return one element of a sequence; all are equally likely."""
    return among[int(draw() * len(among))]


def run_length(draw: Draw, chance: float) -> int:
    """Return how many draws in a row are below `chance`: a geometric distribution."""
    length = 0
    while draw() < chance:
        length += 1
    return length


def shuffled(draw: Draw, among: Sequence[T]) -> list[T]:
    """Return a sequence in random order."""
    return sorted(among, key=lambda _: draw())
