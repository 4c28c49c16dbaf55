"""Measure what threads and further processes take off the loop that packs and sends, and what they cost.

    python bench/processes.py [--records 100000] [--rounds 3]

Each kind is validated and migrated (null sink on loopback, journal on, no checks over all files) by one process and by
two, with the extension in C and without, interleaved. The first figure is the CPU of the thread that packs and sends,
start included, and so the least wall time on any number of cores. The others are that of the further threads of its
process, and of its worker. Figures are the least of all rounds.
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
import resource, sys, time
from masivo_stream.cli.main import run
code = run(sys.argv[1:])
loop = time.thread_time()
children = resource.getrusage(resource.RUSAGE_CHILDREN)
print(loop, time.process_time() - loop, children.ru_utime + children.ru_stime, file=sys.stderr)
sys.exit(code)
"""


def run(command: str, kind: str, export: Path, *, workers: int, pure: bool) -> tuple[float, float, float]:
    """Run a command; return the CPU seconds of its loop, of its other threads, and of its workers."""
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
    loop, threads, others = map(float, ended.stderr.split()[-3:])
    return loop, threads, others


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What threads and processes take off the loop that sends.")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, {asked.records} customers; CPU s of the loop + threads + worker\n")
    print(f"{'':22} {'one':>13} {'two':>20} {'pure: one':>14} {'pure: two':>20}")
    for command, kind in product(("validate", "migrate"), KINDS):
        export = measure.export(asked.records, kind=kind)
        cases = list(product((False, True), (1, 2)))
        found = {case: [] for case in cases}
        for _ in range(asked.rounds):
            for pure, workers in cases:
                found[pure, workers].append(run(command, kind, export, workers=workers, pure=pure))
        least = [[min(column) for column in zip(*found[case], strict=True)] for case in cases]
        several = zip(least, (2, 3, 2, 3), strict=True)  # one process has no worker
        shown = [" + ".join(f"{used:.2f}" for used in case[:count]) for case, count in several]
        print(f"{command + ' ' + kind:22} {shown[0]:>13} {shown[1]:>20} {shown[2]:>14} {shown[3]:>20}", flush=True)


if __name__ == "__main__":
    main()
