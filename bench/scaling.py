"""Measure whether time and journal grow linearly with the number of records.

    python bench/scaling.py [--up-to 1000000] [--rounds 3] [--kind events] [--tiny] [--flags="--uploaders 4"] [--short]

Data: exports of 10,000, 30,000, 100,000, … customers, made once, kept in --cache; null sink on loopback, journal on.
The time for one record is the start; it is subtracted before the exponent is fitted (least squares of the logarithms):
1 is linear. Rounds are interleaved, figures are medians. `--short` is one round, up to 30,000. For `--up-to 10000000`
--cache needs 20 GB (events). `--tiny` means customers of one short line, from a pipe, made while they are read.
"""

import argparse
import math
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
from measure import Run

FIRST = 10_000
STEPS = (3, 10 / 3)


def sizes(up_to: int) -> list[int]:
    """Return 1, then 10,000, 30,000, 100,000, … up to `up_to`."""
    found, size = [1], FIRST
    while size <= up_to:
        found.append(size)
        size = round(size * STEPS[len(found) % 2])
    return found


@dataclass(frozen=True, kw_only=True)
class Size:
    """The runs with an export of one size."""

    runs: list[Run]
    journal: int
    """Bytes."""

    @property
    def wall(self) -> float:
        """Median."""
        return measure.middle([run.wall for run in self.runs])

    @property
    def cpu(self) -> float:
        """Median."""
        return measure.middle([run.cpu for run in self.runs])

    @property
    def batches(self) -> int:
        """Requests of one run."""
        return self.runs[0].stats["bodies"]


def migrated(feed: Sequence[str], kind: str, more: Sequence[str]) -> tuple[Run, int]:
    """Migrate the output of a command; return the run and the size of the journal."""
    with measure.sink() as sink, tempfile.TemporaryDirectory() as state:
        feeding = subprocess.Popen(feed, stdout=subprocess.PIPE)
        started = time.monotonic()
        process = measure.start(measure.migrate_argv("-", sink.url, state, *more, kind=kind), stdin=feeding.stdout)
        feeding.stdout.close()  # now only the command has the pipe open
        run = measure.finish(process, started)
        feeding.wait()
        journal = sum(path.stat().st_size for path in Path(state).glob("journal.db*"))
        run = measure.with_stats(run, sink.stats())
    if run.code:
        sys.exit(f"{shlex.join(feed)}: ended with {run.code}")
    return run, journal


def exponent(counts: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(counts)."""
    return statistics.linear_regression([math.log(n) for n in counts], [math.log(s) for s in seconds]).slope


def report(found: dict[int, Size]) -> str:
    """Return the table and the exponents; the first of `found` has the size 1, which is the start."""
    (_, start), *sizes = found.items()
    counts = [count for count, _ in sizes]
    walls = [size.wall - start.wall for _, size in sizes]
    cpus = [size.cpu - start.cpu for _, size in sizes]
    rows = [
        [
            f"{count:,}",
            f"{size.wall:.2f}",
            f"{size.cpu:.2f}",
            f"{max(run.rss for run in size.runs) / measure.MEGA:.0f}",
            f"{wall * measure.MEGA / count:.1f}",
            f"{cpu * measure.MEGA / count:.1f}",
            f"{size.batches:,}",
            f"{(size.journal - start.journal) / size.batches:,.0f}",
        ]
        for (count, size), wall, cpu in zip(sizes, walls, cpus, strict=True)
    ]
    heads = [
        "records",
        "wall s",
        "CPU s",
        "RSS MB",
        "s a million",
        "CPU s a million",
        "batches",
        "journal bytes per batch",
    ]
    return (
        f"{measure.table(heads, rows)}\n\nstart (1 record): {start.wall:.2f} s, CPU {start.cpu:.2f} s\n"
        f"exponent: wall {exponent(counts, walls):.3f}, CPU {exponent(counts, cpus):.3f}"
    )


def main() -> None:
    """Measure each size, print the table and the exponents."""
    parser = argparse.ArgumentParser(description="How time grows with the export.")
    parser.add_argument("--up-to", type=int, default=1_000_000, help="customers in the largest export")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each size")
    parser.add_argument("--kind", default="events", choices=["customers", "events", "transactions"])
    parser.add_argument("--tiny", action="store_true", help="customers of one short line, kept nowhere")
    parser.add_argument("--flags", default="", help="further flags of migrate")
    parser.add_argument("--short", action="store_true", help="one round, up to 30,000")
    parser.add_argument("--cache", type=Path, default=measure.CACHE, help="where exports are kept")
    flags = parser.parse_args()
    rounds, up_to = (1, 30_000) if flags.short else (flags.rounds, flags.up_to)
    kind = "customers" if flags.tiny else flags.kind
    print(f"{measure.machine()}\nmigrate --{kind} {flags.flags}; {rounds} rounds\n")
    if flags.tiny:
        feeds = {count: [*measure.FLOOD, "customers", str(count)] for count in sizes(up_to)}
    else:
        feeds = {count: ["cat", str(measure.export(count, kind=kind, cache=flags.cache))] for count in sizes(up_to)}
    found: dict[int, Size] = {}
    for _ in range(rounds):
        for count, feed in feeds.items():
            run, journal = migrated(feed, kind, shlex.split(flags.flags))
            earlier = found[count].runs if count in found else []
            found[count] = Size(runs=[*earlier, run], journal=journal)
    print(report(found))


if __name__ == "__main__":
    main()
