"""Whole exports: good records, and mixed in, where wanted, faulty lines and what is not to be migrated.

The good lines are the same whatever is mixed in: each chance has draws of its own.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from masivo_stream.generate.catalogue import CATALOGUE
from masivo_stream.generate.good_records import Record, deleted_customer, record
from masivo_stream.generate.planted_faults import PlantedFault, Recipe, spoil
from masivo_stream.generate.seeded_random import Draw, DrawStream, draws, pick, run, shuffled
from masivo_stream.model.contract import Kind

MOST_MIXED_IN = 0.9
"""Largest share of faulty lines, or of skipped ones: beyond it, hardly anything would be good."""

BLOCK_BYTES = 1 << 18
"""Written at a time: large enough that the number of writes does not matter."""

_EARLIER_LINES = 32
"""A repeated customer is one of so many latest, so that less than a thousand lines lie between."""

_KINDS = tuple(Kind)


class Generated(Struct, frozen=True, kw_only=True):
    """What was written."""

    records: int
    """Good records: what was asked for."""
    items: int
    """Items in the good records that are to be migrated."""
    faulty: int
    """Lines with a fault."""
    skipped: int
    """Deleted customers (lines of their own), or reversed events (inside good records)."""
    bytes: int


def faulty(kind: Kind, *, count: int, seed: int, rate: float) -> Iterator[tuple[bytes, PlantedFault | None]]:
    """Yield `count` good lines of an export and the faulty ones among them, each of these with its fault.

    About `rate` of all lines are faulty.

    Raises:
        ValueError: `rate` is below 0 or above `MOST_MIXED_IN`.
    """
    _check_share(rate)
    for line, fault in _lines(kind, count=count, seed=seed, rate=rate, skipped=0.0):
        yield line.body, fault


def write(
    stream: BinaryIO,
    faults_stream: BinaryIO | None,
    *,
    kind: Kind,
    count: int,
    seed: int,
    rate: float = 0.0,
    skipped: float = 0.0,
) -> Generated:
    """Write an export, and to `faults_stream` one line of JSON a fault: the manifest.

    `rate` is the share of lines to be faulty. `skipped` is the share of lines to be deleted customers,
    or, in an events export, the share of events to be reversed; a transactions export has nothing to skip.

    Raises:
        ValueError: a share is below 0 or above `MOST_MIXED_IN`.
    """
    _check_share(rate)
    _check_share(skipped)
    block = bytearray()
    items = faults = gone = total = 0
    for line, fault in _lines(kind, count=count, seed=seed, rate=rate, skipped=skipped):
        block += line.body
        block += b"\n"
        items += line.items
        gone += line.skipped
        if fault is not None:
            faults += 1
            if faults_stream is not None:
                faults_stream.write(msgspec.json.encode(fault) + b"\n")
        if len(block) >= BLOCK_BYTES:
            total += len(block)
            stream.write(block)
            block = bytearray()
    stream.write(block)
    return Generated(records=count, items=items, faulty=faults, skipped=gone, bytes=total + len(block))


def write_exports(directory: Path, *, records: int, seed: int) -> dict[Kind, list[str]]:
    """Write an export of each kind, of `records` records, into a directory; return their paths by kind.

    Raises:
        OSError: a file cannot be written.
    """
    paths = {}
    for kind in Kind:
        path = directory / f"{kind}.ndjson"
        with path.open("wb") as stream:
            write(stream, None, kind=kind, count=records, seed=seed)
        paths[kind] = [str(path)]
    return paths


def _check_share(share: float) -> None:
    if not 0 <= share <= MOST_MIXED_IN:
        raise ValueError(f"a share of lines is from 0 to {MOST_MIXED_IN}, not {share}")


def _lines(
    kind: Kind, *, count: int, seed: int, rate: float, skipped: float
) -> Iterator[tuple[Record, PlantedFault | None]]:
    """Yield all lines. Before each good one, and after the last, chance has a run of others."""
    number = 2 * _KINDS.index(kind)
    fault_draw, gone_draw = draws(DrawStream.MIX, seed, number), draws(DrawStream.MIX, seed, number + 1)
    spoiler = _Spoiler(kind, count=count, seed=seed, draw=fault_draw)
    deleted_share = skipped if kind is Kind.CUSTOMERS else 0.0
    written = deleted = 0
    for index in range(count + 1):
        for _ in range(run(fault_draw, rate)):
            written += 1
            yield spoiler.spoiled(written)
        for _ in range(run(gone_draw, deleted_share)):
            written += 1
            yield deleted_customer(seed=seed, number=deleted), None
            deleted += 1
        if index < count:
            written += 1
            good = record(kind, seed=seed, number=index, reversed_share=skipped)
            spoiler.remember(good.body)
            yield good, None


class _Spoiler:
    """Make the faulty lines of an export: the catalogue in random order, then again in another order."""

    def __init__(self, kind: Kind, *, count: int, seed: int, draw: Draw) -> None:
        self._kind = kind
        self._count = count
        self._seed = seed
        self._draw = draw
        self._made = 0
        self._recipes: list[Recipe] = []
        self._earlier: deque[bytes] = deque(maxlen=_EARLIER_LINES)

    def remember(self, good: bytes) -> None:
        """Take note of a good line: a later one may repeat it."""
        self._earlier.append(good)

    def spoiled(self, line: int) -> tuple[Record, PlantedFault]:
        """Return the next fault, which stands in line number `line`."""
        recipe = self._next()
        earlier = pick(self._draw, self._earlier) if recipe.needs_earlier else b""
        body, field = spoil(recipe, self._good(), earlier, self._draw)
        fault = PlantedFault(line=line, kind=self._kind, what=recipe.what, field=field, description=recipe.description)
        return Record(body, 0), fault

    def _next(self) -> Recipe:
        for place, recipe in enumerate(self._recipes):
            if self._earlier or not recipe.needs_earlier:
                return self._recipes.pop(place)
        self._recipes += shuffled(self._draw, CATALOGUE[self._kind])
        return self._next()

    def _good(self) -> bytes:
        """Return the record to spoil: a customer's further events, or else somebody nobody else knows."""
        if self._kind is Kind.EVENTS and self._count:
            return record(self._kind, seed=self._seed, number=int(self._draw() * self._count)).body
        number = self._made * len(_KINDS) + _KINDS.index(self._kind)  # no two kinds share a number
        self._made += 1
        return record(self._kind, seed=self._seed, number=number, stream=DrawStream.FAULTY).body
