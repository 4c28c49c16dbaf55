"""Compare installations of masivo-stream: validate and migrate the same exports, in turn.

    python bench/versions.py --other 0.1.0=/path/to/its/.venv/bin/masivo-stream [--records 200000] [--rounds 5]

Each installation does its work with its own defaults: with the checks over all files if it has them, and with as many
processes as it thinks right. `--flags="--workers 1"` gives all of them further flags. Ours also runs with
`--skip-checks all`, for others that make no such checks, and with `MASIVO_PURE_PYTHON=1`. Requests go to a null sink on
loopback, without a limit, with the journal on. Each figure is time of an installation / time of ours in the same round:
the median and, behind it, the range. Above 1, ours is faster. Memory: the peaks of all processes of the command, added.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

KINDS = ("events", "customers", "transactions")
OURS, UNCHECKED, PURE = "ours", "ours, --skip-checks all", "ours, without extensions"


def variants(others: list[str]) -> dict[str, tuple[str, list[str], dict[str, str]]]:
    """Return command, further flags and environment of each, by name."""
    unchecked = ["--skip-checks", "all"]
    pure = {"MASIVO_PURE_PYTHON": "1"}
    own = measure.command()
    named = dict(other.split("=", 1) for other in others)
    return {
        OURS: (own, [], {}),
        UNCHECKED: (own, unchecked, {}),
        PURE: (own, [], pure),
        f"{PURE}, --skip-checks all": (own, unchecked, pure),
        **{name: (path, [], {}) for name, path in named.items()},
    }


def run(
    what: str, kind: str, export: Path, variant: tuple[str, list[str], dict[str, str]], flags: list[str]
) -> tuple[float, float, int]:
    """Return wall seconds, CPU seconds and peak memory of one command, its processes together."""
    program, more, own = variant
    with measure.sink() as sink, tempfile.TemporaryDirectory() as state:
        if what == "migrate":
            argv = [program, *measure.migrate_argv(str(export), sink.url, state, kind=kind)[1:]]
        else:
            argv = [program, "validate", f"--{kind}", str(export), "--state-dir", state, "--json"]
        started = time.monotonic()
        process = subprocess.Popen([*argv, *more, *flags], stdout=subprocess.DEVNULL, env=measure.environment() | own)
        watch = measure.Watch(process.pid)
        watch.start()
        found = measure.finish(process, started)
        watch.join()
    if found.code:
        sys.exit(f"{program} {what} ended with {found.code}")
    return found.wall, found.cpu, watch.total


def compare(what: str, kind: str, export: Path, asked: argparse.Namespace) -> None:
    """Print a row for each installation."""
    named, flags = variants(asked.other), asked.flags.split()
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in named}
    for _ in range(asked.rounds):
        for name, variant in named.items():
            found[name].append(run(what, kind, export, variant, flags))
    size = export.stat().st_size / measure.MEGA
    for name, runs in found.items():
        ratios = [
            measure.spread([own[at] / ours[at] for own, ours in zip(runs, found[OURS], strict=True)]) for at in (0, 1)
        ]
        wall = measure.middle([each[0] for each in runs])
        memory = max(each[2] for each in runs) / measure.MEGA
        cells = [what, kind, name, f"{wall:.2f}", f"{size / wall:.0f}", f"{memory:.0f}", *ratios]
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Installations of masivo-stream, compared.")
    parser.add_argument("--other", action="append", default=[], metavar="NAME=PATH", help="another installation")
    parser.add_argument("--records", type=int, default=200_000, help="customers in each export")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flags", default="", help="further flags of all commands")
    parser.add_argument("--only", choices=["validate", "migrate"], help="one of the commands")
    asked = parser.parse_args()
    print(f"{measure.machine()}; {os.cpu_count()} cores; {asked.records:,} customers; {asked.rounds} rounds\n")
    print("| command | export | | wall s | MB/s | MB, all processes | wall / ours | CPU / ours |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for what in ("validate", "migrate"):
        for kind in KINDS:
            if asked.only in (None, what):
                compare(what, kind, measure.export(asked.records, kind=kind), asked)


if __name__ == "__main__":
    main()
