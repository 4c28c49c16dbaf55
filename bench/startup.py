"""Measure start times: help, version, the first request, and the first request after a kill -9 at 90 %.

    python bench/startup.py [--runs 10] [--records 20000] [--imports] [--flags="--uploaders 4"]

Runs are interleaved. The table has medians and ranges, and each median as a multiple of `python -c pass`. The time to
the first request goes from the start of the command to the moment at which the sink has the head of the first body.
`--imports` also lists the 15 most expensive imports of each path (`-X importtime`: self time, which tracing makes
larger).
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measure
from measure import Sink

FIRST_RECORDS = 1000
KILLED_AT = 0.9
LEFT = 8
"""Requests that a killed run has left at least. Some of them are in doubt, and so not sent by the next one."""
KILLS = 5
"""Tries to kill a run before it is over."""
PATIENCE = 600
LISTED = 15
MILLI = 1000


def wall_of(*argv: str) -> float:
    """Return the duration of a command."""
    return measure.time_process(argv).wall


def first_request(argv: list[str], sink: Sink) -> float:
    """Return the time from a command's start to its first request, after it has ended."""
    sink.reset()
    run = measure.time_process(argv)
    at = sink.stats()["first_at"]
    if at is None:
        sys.exit(f"no request, ended with {run.code}: nothing was left to send? Then take more --records")
    return at - run.started


def first_of_fresh(export: Path, sink: Sink, more: list[str]) -> float:
    """Return the time to a new run's first request."""
    with tempfile.TemporaryDirectory() as state:
        return first_request(measure.migrate_argv(str(export), sink.url, state, *more), sink)


def kill_at(share: float, argv: list[str], sink: Sink, state: Path) -> float:
    """Run a command to count its requests, then run it again and kill -9 it at that share of them, or before.

    Returns the share that the sink had by then.
    """
    measure.time_process(argv)
    whole = sink.reset()["bodies"]
    for _ in range(KILLS if whole > LEFT else 0):
        shutil.rmtree(state)
        sink.reset()
        _kill(measure.start(argv), sink, min(share * whole, whole - LEFT))
        if (sent := sink.stats()["bodies"]) <= whole - LEFT / 2:
            return sent / whole
    sys.exit(f"{whole} requests are over before the run can be killed: take more --records")


def _kill(process: subprocess.Popen[bytes], sink: Sink, enough: float) -> None:
    """Kill a process when the sink has enough requests, or let it end before."""
    measure.wait_until(lambda: process.poll() is not None or sink.stats()["bodies"] >= enough, PATIENCE)
    process.kill()
    process.wait()


def resumed(argv: list[str], sink: Sink, killed: Path, state: Path) -> float:
    """Return the time to the first request of a resumed run; `killed` is copied, and kept for the next time."""
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(killed, state)
    return first_request(argv, sink)


def imports(*argv: str) -> str:
    """Return a path's most expensive imports as a table."""
    traced = [sys.executable, "-X", "importtime", "-m", "masivo_stream", *argv]
    done = subprocess.run(traced, check=False, capture_output=True, text=True, env=measure.environment())
    rows = [
        line.removeprefix("import time:").split("|")
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    ]
    costs = [(int(own), int(whole), name.strip()) for own, whole, name in rows[1:]]
    heads = [f"{len(costs)} modules, {sum(own for own, _, _ in costs) / MILLI:.0f} ms", "self ms", "with its own ms"]
    listed = sorted(costs, reverse=True)[:LISTED]
    return measure.table(heads, [[name, f"{own / MILLI:.1f}", f"{whole / MILLI:.1f}"] for own, whole, name in listed])


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description="Times to start.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--records", type=int, default=20_000, help="customers in the export that is resumed")
    parser.add_argument("--imports", action="store_true", help="list imports too")
    parser.add_argument("--flags", default="", help="further flags of migrate")
    parser.add_argument("--cache", type=Path, default=measure.CACHE, help="where exports are kept")
    flags = parser.parse_args()
    more = shlex.split(flags.flags)
    few, many = (measure.export(count, cache=flags.cache) for count in (FIRST_RECORDS, flags.records))
    print(f"{measure.machine()}\nmigrate --events {flags.flags}; {flags.runs} runs\n")
    with measure.sink() as sink, tempfile.TemporaryDirectory() as folder:
        state, killed = Path(folder) / "state", Path(folder) / "killed"
        resume = measure.migrate_argv(str(many), sink.url, str(state), *more)
        sent = kill_at(KILLED_AT, resume, sink, state)
        state.rename(killed)
        paths: dict[str, Callable[[], float]] = {
            "python -c pass": lambda: wall_of(sys.executable, "-c", "pass"),
            "--version": lambda: wall_of(measure.command(), "--version"),
            "--help": lambda: wall_of(measure.command(), "--help"),
            "migrate --help": lambda: wall_of(measure.command(), "migrate", "--help"),
            "migrate, first request": lambda: first_of_fresh(few, sink, more),
            f"resume at {100 * sent:.0f} % of {flags.records:,}": lambda: resumed(resume, sink, killed, state),
        }
        times: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(flags.runs):
            for name, timed in paths.items():
                times[name].append(timed())
        unit = measure.middle(times["python -c pass"])
        rows = [
            [name, measure.spread([t * MILLI for t in own], ".0f"), f"{measure.middle(own) / unit:.1f}"]
            for name, own in times.items()
        ]
        print(measure.table(["", "ms", "python -c pass"], rows))
        if flags.imports:
            trace = str(Path(folder) / "trace")
            for argv in (["--version"], ["--help"], measure.migrate_argv(str(few), sink.url, trace, *more)[1:]):
                print(f"\n{' '.join(argv[:1])}\n\n{imports(*argv)}")


if __name__ == "__main__":
    main()
