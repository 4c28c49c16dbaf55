"""Count what bad records cost: requests beyond ⌈items / 1000⌉, by how many of a thousand customers are refused.

Data: made here. 3000 customers of one item are packed into batches of 1000, in order, with the rests of isolation
first. The bad records ("culprits", d) are among the first thousand. In the column "last" there is only one thousand, so
that each rest is sent by itself. The server refuses a whole request if it holds a bad record, and names none; or it
names the first one ("named").

    mean, last    over random placements, with this program
    worst         the most seen, including adversarial placements (blocks, ends, even spacing, doubling distances)
    bound         11 d + 1, which is proven (`core.isolation.isolate`)
    Hwang         d (log2(1000 / d) + 1.5), the cost of generalised binary splitting if d is known beforehand
    one by one    mean if each bad record sends the rest back to the packer, as an earlier version did
    named         the most seen if the server names one bad record at a time

Machine: any, since nothing is timed. Command: python bench/isolating.py [--seeds N]
"""

import argparse
import math
import random
from collections.abc import Iterator
from statistics import mean

from msgspec import Struct

from masivo_stream.core.isolation.isolate import FIRST_CREDIT, REQUEST, Isolation, first_part
from masivo_stream.model.results import Entry

COUNTS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
STREAM = 3 * REQUEST


class Row(Struct, frozen=True, kw_only=True):
    """The cost of `culprits` bad records among a thousand."""

    culprits: int
    mean: float
    last: float
    worst: int
    bound: int
    hwang: float
    one_by_one: float
    named: int


def _entry(number: int) -> Entry:
    return Entry(
        file="made", line=number, offset=0, length=0, body=b"{}", customer=str(number), items=1, record_items=1
    )


_ENTRIES = [_entry(number) for number in range(STREAM)]


def cost(culprits: set[int], count: int, *, named: bool = False) -> int:
    """Return the requests beyond the lower bound to migrate `count` customers."""
    waiting, requests, credit = list(range(count)), 0, FIRST_CREDIT
    while waiting:
        batch, waiting = waiting[:REQUEST], waiting[REQUEST:]
        requests += 1
        if culprits.isdisjoint(batch):
            continue
        isolation = Isolation([_ENTRIES[line] for line in batch], _names(batch, culprits, named), credit=credit)
        while not isolation.done:
            part = [entry.line for entry in isolation.part]
            requests += 1
            isolation.settle(accepted=culprits.isdisjoint(part), named=_names(part, culprits, named))
        credit = isolation.credit
        waiting = [entry.line for entry in isolation.rest] + waiting
    return requests - math.ceil(count / REQUEST)


def _names(lines: list[int], culprits: set[int], named: bool) -> list[Entry]:  # noqa: FBT001 - a setting that is passed on
    return [_ENTRIES[line] for line in lines if named and line in culprits][:1]


def cost_one_by_one(culprits: set[int], count: int) -> int:
    """Return the same for a search that stops at each bad record."""
    waiting, requests = list(range(count)), 0
    while waiting:
        batch, waiting = waiting[:REQUEST], waiting[REQUEST:]
        requests += 1
        if culprits.isdisjoint(batch):
            continue
        suspects, rest = batch, list[int]()
        while len(suspects) > 1:
            first = first_part(len(suspects))
            part, others = suspects[:first], suspects[first:]
            requests += 1
            if culprits.isdisjoint(part):
                suspects = others
            else:
                suspects, rest = part, others + rest
        requests += not rest  # the last one was in no refused part: it is sent alone once
        waiting = rest + waiting
    return requests - math.ceil(count / REQUEST)


def adversarial(count: int) -> Iterator[set[int]]:
    """Yield placements of `count` bad records among a thousand that mislead an estimate of their distance."""
    last = REQUEST - 1
    yield set(range(count))
    yield {last - number for number in range(count)}
    yield {number * REQUEST // count for number in range(count)}
    yield {last - number * REQUEST // count for number in range(count)}
    yield {(number if number % 2 else last - number) for number in range(count)}
    for doubling in ([2**power - 1 for power in range(11)], [last + 1 - 2**power for power in range(10)]):
        spread = [line for line in doubling if 0 <= line <= last]
        yield set(spread[:count]) | set(range(max(0, count - len(spread))))


def rows(seeds: int) -> Iterator[Row]:
    """Yield a row for each count of bad records, over `seeds` random placements."""
    for count in COUNTS:
        chance = random.Random(count)  # noqa: S311 - made-up placements
        placements = [set(chance.sample(range(REQUEST), count)) for _ in range(seeds if count < REQUEST else 1)]
        streamed = [cost(placed, STREAM) for placed in placements]
        alone = [cost(placed, REQUEST) for placed in placements]
        nasty = [cost(placed, size) for placed in adversarial(count) for size in (STREAM, REQUEST)]
        few = placements[: max(1, seeds // 10)]
        yield Row(
            culprits=count,
            mean=mean(streamed),
            last=mean(alone),
            worst=max(*streamed, *alone, *nasty),
            bound=11 * count + 1,
            hwang=count * (math.log2(REQUEST / count) + 1.5),
            one_by_one=mean(cost_one_by_one(placed, STREAM) for placed in few),
            named=max(cost(placed, STREAM, named=True) for placed in few),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Requests that culprits cost.")
    parser.add_argument("--seeds", type=int, default=100, help="random placements for each row")
    seeds = parser.parse_args().seeds
    print("| culprits | mean | last | worst | bound | Hwang | one by one | named |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows(seeds):
        print(
            f"| {row.culprits} | {row.mean:.1f} | {row.last:.1f} | {row.worst} | {row.bound} | {row.hwang:.1f} "
            f"| {row.one_by_one:.1f} | {row.named} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
