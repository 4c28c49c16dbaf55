"""Measure what further processes take off the one that sends, and what they cost: the CPU of both.

    python bench/processes.py [--records 100000] [--rounds 3]

Each kind is validated and migrated (null sink on loopback, journal on, no checks over all files) by one process and by
two, with the extension in C and without, interleaved. `own` is the CPU of the process that packs and sends, start
included, and so the least wall time on any number of cores; `others` is that of its worker. Figures are the least of
all rounds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import measure

KINDS = ("events", "customers", "transactions")
CODE = """
import resource, sys
from masivo_stream.cli.main import run
code = run(sys.argv[1:])
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(*(each.ru_utime + each.ru_stime for each in used), file=sys.stderr)
sys.exit(code)
"""


def run(command: str, kind: str, export: Path, *, workers: int, pure: bool) -> tuple[float, float]:
    """Run a command; return the CPU seconds of its own process and of its workers."""
    with measure.sink() as sink, tempfile.TemporaryDirectory() as place:
        argv = measure.migrate_argv(str(export), sink.url, f"{place}/state", kind=kind)
        if command == "validate":
            argv = [argv[0], "validate", f"--{kind}", str(export), "--state-dir", f"{place}/state", "--json"]
        flags = ["--workers", str(workers), "--skip-checks", "all"]
        own = {"MASIVO_SHARED_DIR": f"{place}/shared", **({"MASIVO_PURE_PYTHON": "1"} if pure else {})}
        ended = subprocess.run(
            [sys.executable, "-c", CODE, *argv[1:], *flags],
            env=measure.environment() | own,
            capture_output=True,
            text=True,
            check=True,
        )
    parent, others = map(float, ended.stderr.split()[-2:])
    return parent, others


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What further processes take off the one that sends.")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, {asked.records} customers; CPU s of own process + others\n")
    print(f"{'':22} {'one':>6} {'two':>13} {'pure: one':>10} {'pure: two':>13}")
    for command, kind in product(("validate", "migrate"), KINDS):
        export = measure.export(asked.records, kind=kind)
        cases = list(product((False, True), (1, 2)))
        found = {case: [] for case in cases}
        for _ in range(asked.rounds):
            for pure, workers in cases:
                found[pure, workers].append(run(command, kind, export, workers=workers, pure=pure))
        least = [[min(column) for column in zip(*found[case], strict=True)] for case in cases]
        one, two, pure_one, pure_two = least
        print(
            f"{command + ' ' + kind:22} {one[0]:6.2f} {two[0]:6.2f} +{two[1]:5.2f} {pure_one[0]:10.2f}"
            f" {pure_two[0]:6.2f} +{pure_two[1]:5.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
