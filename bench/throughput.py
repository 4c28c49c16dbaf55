"""Compare how fast masivo-stream and other programs send an events export.

    python bench/throughput.py [--records 200000] [--rounds 5] [--ours="--uploaders 4"] [--metadata] [--short]

Data: `masivo-stream generate events --records N --seed 1`, made once, kept in --cache; with `--metadata` each order has
200 bytes more in a free-form field. A null sink on loopback, one per run, answers at once. Ours is compared without the
checks over all files, which no other program makes, and it runs with them, too. Without them it also runs with msgspec
alone, without the extension that proves lines. Runs are interleaved (A B C, A B C, …),
since the speed of a shared machine changes for seconds at a time; only the ratio of two runs of a round is meaningful.
Wall and CPU time are those of the whole process, including its start; CPU time includes its children, memory is that of
its largest process. A run that delivers less than the export ends the benchmark.

`--short` is for CI: 20,000 customers, two rounds, the anchors in Python and the copy in C, no downloads. It ends with 1
only if ours is much too slow: in every round more than twice as long as the script with pydantic, or the one with
requests and json. `--at-least 1` is stricter: ours must not be slower.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import contenders
import measure
from contenders import Contender
from measure import Run

from masivo_stream.core.reading.prover import describe_validator

WHOLE = 200_000
SHORT = 20_000
SANE = 0.5
COMPARED = ("aiohttp + pydantic", "requests + json")


def main() -> int:
    """Measure, print the table, and compare."""
    flags = read_flags()
    export = measure.export(flags.records, cache=flags.cache)
    if flags.metadata:
        export = measure.with_metadata(export)
    events, size = measure.count_events(export), export.stat().st_size
    print(f"{measure.machine()}; validator: {describe_validator()}")
    print(f"{flags.records:,} customers, {events:,} events, {size / measure.MEGA:.0f} MB; {flags.rounds} rounds\n")
    field = line_up(flags)
    runs = {who.name: [] for who in field}
    for number in range(flags.rounds):
        for who in field:
            runs[who.name].append(measured(who, export))
            print(f"round {number + 1}: {who.name}: {runs[who.name][-1].wall:.2f} s", file=sys.stderr)
    print(report(runs, events=events, size=size))
    return compare(runs, at_least=flags.at_least) if flags.short else 0


def read_flags() -> argparse.Namespace:
    """Return the flags, with the defaults of the short form."""
    parser = argparse.ArgumentParser(description="Throughput, ours and others'.")
    parser.add_argument("--records", type=int, help="customers in the export")
    parser.add_argument("--rounds", type=int, help="runs of each")
    parser.add_argument("--metadata", action="store_true", help="of events with metadata, half as long again")
    parser.add_argument("--ours", action="append", default=[], metavar="FLAGS", help="run ours with these flags too")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="others than these are left out (part of a name)"
    )
    parser.add_argument("--cache", type=Path, default=measure.CACHE, help="where exports and npm packages are kept")
    parser.add_argument("--short", action="store_true", help="the form for CI")
    parser.add_argument(
        "--at-least", type=float, default=SANE, metavar="R", help="a script's wall / ours, with --short"
    )
    flags = parser.parse_args()
    flags.records = flags.records or (SHORT if flags.short else WHOLE)
    flags.rounds = flags.rounds or (2 if flags.short else 5)
    return flags


def line_up(flags: argparse.Namespace) -> list[Contender]:
    """Return the programs that run, ours first; print which are skipped."""
    field = [contenders.ours(contenders.AS_OTHERS), *map(contenders.ours, flags.ours), contenders.ours()]
    field += [contenders.ours(contenders.AS_OTHERS, alone=True), contenders.validating()]
    field += [contenders.validating(contenders.AS_OTHERS, alone=alone) for alone in (False, True)]
    field += contenders.scripts()
    field += [contenders.copying(flags.cache)] if flags.short else contenders.programs(flags.cache)
    if flags.only:
        field = field[:1] + [who for who in field[1:] if any(part in who.name for part in flags.only)]
    for who in field:
        if who.missing:
            print(f"skipped: {who.name}: {who.missing}")
    return [who for who in field if not who.missing]


def measured(who: Contender, export: Path) -> Run:
    """Run one program against a new sink, and check that everything arrived."""
    with measure.sink() as sink, tempfile.TemporaryDirectory() as state:
        before = sink.stats()["cpu"]
        run = measure.time_process(who.argv(export, sink.url, Path(state)))
        after = sink.stats()
        run = measure.with_stats(run, {**after, "cpu": after["cpu"] - before})
    if run.code or (who.sends and run.stats["bytes"] < export.stat().st_size):
        sys.exit(f"{who.name} ended with {run.code}, and of {export.stat().st_size} bytes came {run.stats['bytes']}")
    return run


def report(runs: Mapping[str, Sequence[Run]], *, events: int, size: int) -> str:
    """Return the table: medians, ranges, and ratios to ours of the same round."""
    first = next(iter(runs.values()))
    rows = []
    for name, own in runs.items():
        wall = statistics.median(run.wall for run in own)
        rows.append(
            [
                name,
                measure.spread([run.wall for run in own]),
                f"{size / measure.MEGA / wall:.0f}",
                f"{events / wall:,.0f}",
                measure.spread([run.cpu for run in own]),
                f"{max(run.rss for run in own) / measure.MEGA:.0f}",
                own[0].stats["bodies"],
                f"{statistics.median(run.stats['cpu'] / run.wall for run in own):.0%}",
                measure.spread([run.wall / ours.wall for run, ours in zip(own, first, strict=True)]),
                measure.spread([run.cpu / ours.cpu for run, ours in zip(own, first, strict=True)]),
            ]
        )
    heads = ["", "wall s", "MB/s", "events/s", "CPU s", "RSS MB", "requests", "sink busy", "wall / ours", "CPU / ours"]
    return measure.table(heads, rows)


def compare(runs: Mapping[str, Sequence[Run]], *, at_least: float) -> int:
    """Return 1 if a script took less than `at_least` of our time in every round."""
    first = next(iter(runs.values()))
    ahead = [
        name
        for name in COMPARED
        if name in runs and all(run.wall / own.wall < at_least for run, own in zip(runs[name], first, strict=True))
    ]
    for name in ahead:
        print(f"{name} took less than {at_least:g} of our time in every round", file=sys.stderr)
    return 1 if ahead else 0


if __name__ == "__main__":
    sys.exit(main())
