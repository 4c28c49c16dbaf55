"""Prepare a large shop in parts: what each part costs beside one process, and how far that scales.

Data: the shop of `prepare.py`. In one run: `masivo-stream prepare -o`, then N parts at once, each a process with one
thread of the database per process, then `--parts`. Both results are compared, byte for byte. The time of a whole
preparation with N machines is that of the slowest part and of `--parts`.

CPU is that of the process, by `os.wait4`; only on an idle machine with N cores and more does wall time say something.
A thread of the database is set for all, so that parts at once and one process have the same.
Command: `python bench/prepare_parts.py [--scale 0.1] [--parts 2] [--at-once] [--directory DIR]`.
"""

import argparse
import filecmp
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from prepare import MAPPING, make_shop

COMMAND = [str(Path(sys.executable).with_name("masivo-stream")), "prepare", "mapping.toml", "-q"]
FILES = ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv", "prepare.json")


def run_all(commands: list[list[str]], directory: Path) -> list[tuple[float, float]]:
    """Run commands at once; return CPU and wall seconds of each."""
    started = time.monotonic()
    with (directory / "output.txt").open("wb") as output:
        running = {
            subprocess.Popen([*COMMAND, *each], cwd=directory, stdout=output, stderr=output).pid: index
            for index, each in enumerate(commands)
        }
        found = [(0.0, 0.0)] * len(commands)
        while running:
            pid, status, used = os.wait4(-1, 0)
            if os.waitstatus_to_exitcode(status):
                sys.exit((directory / "output.txt").read_text())
            found[running.pop(pid)] = used.ru_utime + used.ru_stime, time.monotonic() - started
    return found


def main() -> None:
    """Run one process and all parts, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is a million customers")
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--at-once", action="store_true", help="all parts at once, instead of one after the other")
    parser.add_argument("--directory", type=Path, help="where the shop is, or is made; default: a temporary directory")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="masivo-prepare-bench-"))
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "customers.csv").exists():
        make_shop(directory, arguments.scale)
    (directory / "mapping.toml").write_text(f"{MAPPING}\n[engine]\nthreads = 1\n")
    for name in ("whole", "parts", "export"):
        shutil.rmtree(directory / name, ignore_errors=True)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    ((whole, wall),) = run_all([["-o", "whole"]], directory)
    print(f"one process: CPU {whole:.1f} s, wall {wall:.1f} s")
    each = [["--part", f"{number}/{arguments.parts}", "-o", "parts"] for number in range(1, arguments.parts + 1)]
    groups = [each] if arguments.at_once else [[one] for one in each]
    found = [figures for group in groups for figures in run_all(group, directory)]
    for number, (cpu, wall) in enumerate(found, start=1):
        print(f"part {number}/{arguments.parts}: CPU {cpu:.1f} s, {cpu / whole:.2f} of one process; wall {wall:.1f} s")
    ((end, wall),) = run_all([["--parts", "parts", "-o", "export"]], directory)
    print(f"--parts: CPU {end:.1f} s, {end / whole:.2f} of one process; wall {wall:.1f} s")
    slowest = max(cpu for cpu, _ in found)
    print(f"slowest part and --parts: {(slowest + end) / whole:.2f} of one process; all CPU: ", end="")
    print(f"{(sum(cpu for cpu, _ in found) + end) / whole:.2f}")
    same = all(filecmp.cmp(directory / "whole" / name, directory / "export" / name, shallow=False) for name in FILES)
    print(f"files: {'equal' if same else 'DIFFERENT'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
