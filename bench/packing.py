"""Compare packing with the fewest possible requests, and measure its cost.

Data: a million items per row, in records of the sizes that the first column names (fixed seeds), with bodies of a few
bytes and the limits of the contract. Each is packed by our packer with several values of `look_ahead`, and for
comparison by next fit and by best fit over 16 open batches. `bound` is ⌈items / 1000⌉, the fewest requests of any
packing; `ffd` is first fit decreasing, which reads the whole file before it begins (offline; records that may be split
do not need it). `peak` is the most memory that the packer holds, by tracemalloc over the first tenth; `seconds` is CPU
time for the whole million, including composing and hashing the batches.

Machine: prints its own. Command: `python bench/packing.py [items]`.
"""

import os
import platform
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from masivo_stream.core.packing.pack import Packer, lower_bound
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import CONTRACTS, MAX_BODY_BYTES, Kind
from masivo_stream.model.results import Entry

MOST = CONTRACTS[Kind.TRANSACTIONS].max_items
ITEMS = 1_000_000
OPEN_BATCHES = 16

Draw = Callable[[random.Random], int]
Packing = Callable[[Kind, Iterable[Entry]], int]


class Data(NamedTuple):
    """One kind of data."""

    name: str
    kind: Kind
    draw: Draw
    """Draws the size of a record."""
    run: int = 1
    """How many adjacent lines belong to one customer."""


class Row(NamedTuple):
    """One line of the table."""

    data: str
    packing: str
    requests: int
    bound: int
    over_bound: float
    """Per cent."""
    offline: int
    """First fit decreasing over the whole file."""
    over_offline: float
    """Per cent."""
    peak_kilobytes: float
    seconds: float


def geometric(mean: int) -> Draw:
    """Draw sizes from 1 on; each further item has the same probability."""

    def draw(chance: random.Random) -> int:
        size = 1
        while size < MOST and chance.random() > 1 / mean:
            size += 1
        return size

    return draw


def log_normal(median: float, sigma: float, least: int, most: int) -> Draw:
    """Draw sizes between `least` and `most` with a heavy tail."""

    def draw(chance: random.Random) -> int:
        while not least <= (size := round(median * 2.718281828 ** chance.gauss(0, sigma))) <= most:
            pass
        return size

    return draw


DATA = (
    Data("geometric, mean 3", Kind.TRANSACTIONS, geometric(3)),
    Data("geometric, mean 10", Kind.TRANSACTIONS, geometric(10)),
    Data("geometric, mean 30", Kind.TRANSACTIONS, geometric(30)),
    Data("log-normal 1-1000, median 10, sigma 1.5", Kind.TRANSACTIONS, log_normal(10, 1.5, 1, MOST)),
    Data("log-normal 100-900, median 200, sigma 0.5", Kind.TRANSACTIONS, log_normal(200, 0.5, 100, 900)),
    Data("log-normal 100-900, median 300, sigma 0.5", Kind.TRANSACTIONS, log_normal(300, 0.5, 100, 900)),
    Data("log-normal 100-900, median 300, sigma 1.0", Kind.TRANSACTIONS, log_normal(300, 1.0, 100, 900)),
    Data("uniform 1-1000", Kind.TRANSACTIONS, lambda chance: chance.randint(1, MOST)),
    Data("all of size 1", Kind.TRANSACTIONS, lambda _: 1),
    Data("all of size 501", Kind.TRANSACTIONS, lambda _: 501),
    Data("501 and 499, mixed", Kind.TRANSACTIONS, lambda chance: chance.choice((499, 501))),
    Data("events, geometric, mean 10", Kind.EVENTS, geometric(10)),
    Data("events, uniform 1-1000", Kind.EVENTS, lambda chance: chance.randint(1, MOST)),
    Data("events, one a line, all of one customer", Kind.EVENTS, lambda _: 1, run=ITEMS),
    Data("events, one a line, 10 of a customer", Kind.EVENTS, lambda _: 1, run=10),
    Data("customers", Kind.CUSTOMERS, lambda _: 1),
)


def ours(look_ahead: int) -> Packing:
    """Pack like a migration."""

    def pack(kind: Kind, entries: Iterable[Entry]) -> int:
        packer = Packer(CONTRACTS[kind], max_body_bytes=MAX_BODY_BYTES, look_ahead=look_ahead)
        requests = 0
        for entry in entries:
            requests += len(packer.feed([entry]).batches)
        return requests + len(packer.flush())

    return pack


def best_fit(open_batches: int) -> Packing:
    """Put each entry where it leaves the least room; if it fits nowhere, close the fullest batch."""

    def pack(kind: Kind, entries: Iterable[Entry]) -> int:
        batches: list[tuple[int, list[Entry]]] = []
        requests = 0
        for entry in entries:
            fitting = [batch for batch in batches if batch[0] + entry.items <= MOST]
            if not fitting and len(batches) == open_batches:
                fullest = max(batches, key=lambda batch: batch[0])
                batches.remove(fullest)
                make_batch(kind, fullest[1])
                requests += 1
            best = max(fitting, key=lambda batch: batch[0], default=(0, []))
            if fitting:
                batches.remove(best)
            best[1].append(entry)
            batches.append((best[0] + entry.items, best[1]))
        return requests + len([make_batch(kind, batch[1]) for batch in batches])

    return pack


PACKINGS: dict[str, Packing] = {
    **{f"look_ahead {look_ahead}": ours(look_ahead) for look_ahead in (1, 4, 16, 64)},
    "next fit": best_fit(1),
    f"best fit, {OPEN_BATCHES} open": best_fit(OPEN_BATCHES),
}


def first_fit_decreasing(sizes: Iterable[int]) -> int:
    """Return how many batches first fit needs if the largest come first; equal sizes are placed together."""
    rooms: list[int] = []
    for size, count in sorted(Counter(sizes).items(), reverse=True):
        left = count
        for index, room in enumerate(rooms):
            placed = min(left, room // size)
            rooms[index] -= placed * size
            left -= placed
        while left:
            placed = min(left, MOST // size)
            rooms.append(MOST - placed * size)
            left -= placed
    return len(rooms)


def draw_sizes(data: Data, items: int) -> list[int]:
    """Draw sizes until their sum is about `items`."""
    chance = random.Random(data.name)  # noqa: S311 - made-up data, not a secret
    sizes: list[int] = []
    while items > 0:
        sizes.append(data.draw(chance))
        items -= sizes[-1]
    return sizes


def entries(data: Data, sizes: Iterable[int]) -> Iterator[Entry]:
    """Make an entry of each size."""
    for line, size in enumerate(sizes):
        customer = line // data.run
        items = b",".join([b"{}"] * size) if data.kind is Kind.EVENTS else b""
        body = b'{"id":"%d","%s":[%s]}' % (customer, data.kind.encode(), items)
        yield Entry(
            file="f",
            line=line + 1,
            offset=line,
            length=len(body),
            body=body,
            customer=str(customer),
            items=size,
            record_items=size,
        )


def measure(data: Data, packing: str, sizes: list[int], offline: int) -> Row:
    """Pack one kind of data in one way."""
    pack = PACKINGS[packing]
    tracemalloc.start()
    pack(data.kind, entries(data, sizes[: len(sizes) // 10]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    made = list(entries(data, sizes))
    began = time.process_time()
    requests = pack(data.kind, made)
    seconds = time.process_time() - began
    bound = lower_bound(CONTRACTS[data.kind], records=len(sizes), items=sum(sizes))
    over_bound, over_offline = (100 * (requests / least - 1) for least in (bound, offline))
    return Row(data.name, packing, requests, bound, over_bound, offline, over_offline, peak / 1000, seconds)


def rows(items: int = ITEMS) -> Iterator[Row]:
    """Measure each kind of data in each way; data that may be split, or has one item per record, only in ours."""
    for data in DATA:
        sizes = draw_sizes(data, items)
        whole = data.kind is Kind.TRANSACTIONS
        offline = first_fit_decreasing(sizes) if whole else -(-sum(sizes) // MOST)
        for packing in PACKINGS if whole else ("look_ahead 16",):
            yield measure(data, packing, sizes, offline)


def main() -> None:
    """Print the table."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, {items} items a row\n")
    print(f"{'data':42} {'packing':18} requests   bound  % over     ffd  % over  peak kB  seconds")
    for row in rows(items):
        print(
            f"{row.data:42} {row.packing:18} {row.requests:8} {row.bound:7} {row.over_bound:7.2f} {row.offline:7} "
            f"{row.over_offline:7.2f} {row.peak_kilobytes:8.0f} {row.seconds:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
