"""Measure the memory of a run for exports of several kinds and sizes: one table.

    python bench/memory.py [--scale 1] [--only NAME] [--flags="--uploaders 4"] [--long]

Each case is a process of our command. Its high-water mark (`VmHWM` of /proc/PID/status, Linux) is read every 20 ms, and
those of its children as well: "all" is their sum. An export that is read "from a pipe" is never on the disk as a whole.
`--scale 0.01` takes a hundredth of the lines; `--long` takes 40 GB in the case that is otherwise four times the export.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import measure

STALL = 10.0
RECORDS = 200_000
TIMES, LONG_BYTES = 4, 40e9
MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run: the source of its standard input, and its command line."""

    name: str
    feed: list[str]
    argv: Callable[[str, str], list[str]]
    """Makes the command line from the sink's URL and a state directory."""
    sink: tuple[str, ...] = ()
    seconds: float | None = None
    """When it is stopped; None if it ends by itself."""


def cases(flags: argparse.Namespace) -> list[Case]:
    """Return the cases that are measured."""
    export = measure.export(max(1, int(RECORDS * flags.scale)), cache=flags.cache)
    times = int(LONG_BYTES / export.stat().st_size) if flags.long else TIMES
    lines = int(MILLION * flags.scale)
    more = shlex.split(flags.flags)

    def sending(kind: str, path: str = "-", *extra: str) -> Callable[[str, str], list[str]]:
        return lambda url, state: measure.migrate_argv(path, url, state, *more, *extra, kind=kind)

    def validating(_url: str, state: str) -> list[str]:
        return [measure.command(), "validate", "--customers", "-", "--state-dir", state, "--json", "--quiet"]

    def flood(sort: str, count: int) -> list[str]:
        return [*measure.FLOOD, sort, str(count)]

    return [
        Case(name="events, a file", feed=["true"], argv=sending("events", str(export))),
        Case(
            name=f"events, {times} times that from a pipe", feed=["cat", *[str(export)] * times], argv=sending("events")
        ),
        Case(
            name=f"{10 * lines:,} tiny customers from a pipe",
            feed=flood("customers", 10 * lines),
            argv=sending("customers"),
        ),
        Case(name=f"{10 * lines:,} lines of garbage from a pipe", feed=flood("garbage", 10 * lines), argv=validating),
        Case(name=f"{lines:,} dead letters, migrating", feed=flood("garbage", lines), argv=sending("customers")),
        Case(name="30 lines of 20 MB from a pipe", feed=flood("long", 30), argv=validating),
        Case(
            name=f"a server that stalls, for {STALL:g} s",
            feed=["true"],
            argv=sending("events", str(export), "--request-timeout", "600", "--drain-time", "0.1"),
            sink=("--stall-after", "3"),
            seconds=STALL,
        ),
    ]


def measured(case: Case) -> list[object]:
    """Run one case and return its row."""
    with measure.sink(*case.sink) as sink, tempfile.TemporaryDirectory() as state:
        feed = subprocess.Popen(case.feed, stdout=subprocess.PIPE)
        started = time.monotonic()
        process = measure.start(case.argv(sink.url, state), stdin=feed.stdout)
        feed.stdout.close()  # now only the command has the pipe open
        watch = measure.Watch(process.pid)
        watch.start()
        timer = threading.Timer(case.seconds or threading.TIMEOUT_MAX, process.terminate)
        timer.daemon = True
        timer.start()
        run = measure.finish(process, started)
        timer.cancel()
        watch.join()
        feed.wait()
        sent = sink.stats()["bytes"]
    if case.seconds is None and run.code not in measure.ENDED_IN_ORDER:
        sys.exit(f"{case.name}: ended with {run.code}")
    own = max(run.rss, watch.marks[process.pid])
    return [
        case.name,
        f"{sent / measure.MEGA:.0f}",
        f"{run.wall:.1f}",
        *(f"{mark / measure.MEGA:.0f}" for mark in (own, watch.total)),
    ]


def main() -> None:
    """Measure each case and print the table."""
    parser = argparse.ArgumentParser(description="Peak memory.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the lines")
    parser.add_argument("--long", action="store_true", help="40 GB of events")
    parser.add_argument("--flags", default="", help="further flags of migrate")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--cache", type=Path, default=measure.CACHE, help="where exports are kept")
    flags = parser.parse_args()
    print(f"{measure.machine()}\nmigrate {flags.flags}; scale {flags.scale:g}\n")
    rows = [measured(case) for case in cases(flags) if flags.only in case.name]
    print(measure.table(["", "sent MB", "wall s", "peak RSS MB", "with children"], rows))


if __name__ == "__main__":
    main()
