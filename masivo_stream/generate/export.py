"""Write whole exports: good records, and on demand faulty lines and records to skip between them.

The good lines are the same with and without the others, since each purpose has random numbers of its own.
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
from masivo_stream.generate.seeded_random import Draw, DrawStream, draws, pick, run_length, shuffled
from masivo_stream.model.contract import Kind

MOST_MIXED_IN = 0.9
"""Largest share of faulty or of skipped lines, so that some lines are good."""

BLOCK_BYTES = 1 << 18
"""Bytes written at once: enough that the number of writes does not matter."""

_EARLIER_LINES = 32
"""A duplicate customer is one of this number of latest ones, so that less than a thousand lines are between them."""

_KINDS = tuple(Kind)


class Generated(Struct, frozen=True, kw_only=True):
    """What was written."""

    records: int
    """Good records, as many as requested."""
    items: int
    """Items in the good records that are to be migrated."""
    faulty: int
    """Lines with a fault."""
    skipped: int
    """Deleted customers (lines of their own), or reversed events (inside good records)."""
    bytes: int


def faulty(kind: Kind, *, count: int, seed: int, rate: float) -> Iterator[tuple[bytes, PlantedFault | None]]:
    """Yield `count` good lines of an export and the faulty lines among them, each of these with its fault.

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
    """Write an export, and to `faults_stream` the list of faults: one line of JSON per fault.

    `rate` is the share of faulty lines. `skipped` is the share of lines that are deleted customers, or in an events
    export the share of reversed events; a transactions export has nothing to skip.

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
        raise ValueError(f"a share of lines must be from 0 to {MOST_MIXED_IN}, not {share}")


def _lines(
    kind: Kind, *, count: int, seed: int, rate: float, skipped: float
) -> Iterator[tuple[Record, PlantedFault | None]]:
    """Yield all lines. Before each good line, and after the last, there is a random number of others."""
    number = 2 * _KINDS.index(kind)
    fault_draw, gone_draw = draws(DrawStream.MIX, seed, number), draws(DrawStream.MIX, seed, number + 1)
    faulty_lines = _FaultyLines(kind, count=count, seed=seed, draw=fault_draw)
    deleted_share = skipped if kind is Kind.CUSTOMERS else 0.0
    written = deleted = 0
    for index in range(count + 1):
        for _ in range(run_length(fault_draw, rate)):
            written += 1
            yield faulty_lines.make(written)
        for _ in range(run_length(gone_draw, deleted_share)):
            written += 1
            yield deleted_customer(seed=seed, number=deleted), None
            deleted += 1
        if index < count:
            written += 1
            good = record(kind, seed=seed, number=index, reversed_share=skipped)
            faulty_lines.remember(good.body)
            yield good, None


class _FaultyLines:
    """Makes the faulty lines of an export: the catalogue in random order, then again in another order."""

    def __init__(self, kind: Kind, *, count: int, seed: int, draw: Draw) -> None:
        self._kind = kind
        self._count = count
        self._seed = seed
        self._draw = draw
        self._made = 0
        self._recipes: list[Recipe] = []
        self._earlier: deque[bytes] = deque(maxlen=_EARLIER_LINES)

    def remember(self, good: bytes) -> None:
        """Keep a good line, which a later faulty line may duplicate."""
        self._earlier.append(good)

    def make(self, line: int) -> tuple[Record, PlantedFault]:
        """Return the next faulty line, which is number `line` of the export."""
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
        """Return the record for the next fault: more events of a customer, or else a customer of no other line."""
        if self._kind is Kind.EVENTS and self._count:
            return record(self._kind, seed=self._seed, number=int(self._draw() * self._count)).body
        number = self._made * len(_KINDS) + _KINDS.index(self._kind)  # no two kinds share a number
        self._made += 1
        return record(self._kind, seed=self._seed, number=number, stream=DrawStream.FAULTY).body
