"""What it costs to validate an export in parts, and to take the answers up, beside one process that does everything.

    .venv/bin/python bench/parts.py [--records 300000] [--parts 2] [--rounds 3] [--kind events]

One export, made once, kept in --cache. In each round: `validate` by one process; all parts, each in a process of its
own, `--at-once` of them at a time; `validate --parts`. Ratios are of user CPU time within a round; the wall clock is
shown beside, and how many bytes the answers take for each byte of the export.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import measure
from measure import Run


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round."""

    one: Run
    parts: list[Run]
    wall_of_parts: float
    taken: Run
    answers: int
    """Bytes."""


def measure_round(export: Path, kind: str, parts: int, at_once: int) -> Round:
    """Measure one process, all parts, and taking them up."""
    with tempfile.TemporaryDirectory() as folder:
        base = [measure.command(), "validate", f"--{kind}", str(export)]
        one = run([*base, "--workers", "1", "--state-dir", f"{folder}/one"])
        began, done, waiting = time.monotonic(), list[Run](), list(range(1, parts + 1))
        running: list[tuple[subprocess.Popen[bytes], float]] = []
        while waiting or running:
            while waiting and len(running) < at_once:
                argv = [*base, "--part", f"{waiting.pop(0)}/{parts}", "--out", f"{folder}/parts"]
                running.append((measure.start(argv), time.monotonic()))
            done.append(checked(measure.finish(*running.pop(0))))
        wall = time.monotonic() - began
        answers = sum(path.stat().st_size for path in (Path(folder) / "parts").iterdir())
        taken = run([*base, "--state-dir", f"{folder}/two", "--parts", f"{folder}/parts"])
        return Round(one=one, parts=done, wall_of_parts=wall, taken=taken, answers=answers)


def run(argv: list[str]) -> Run:
    """Run a command; it must end in order."""
    return checked(measure.time_process(argv))


def checked(found: Run) -> Run:
    """Return a run that ended in order."""
    if found.code not in measure.ENDED_IN_ORDER:
        sys.exit(f"a command ended with {found.code}")
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--parts", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", default="events", choices=["customers", "events", "transactions"])
    parser.add_argument("--cache", type=Path, default=measure.CACHE)
    options = parser.parse_args()
    export = measure.export(options.records, kind=options.kind, cache=options.cache)
    size = export.stat().st_size
    rounds = [measure_round(export, options.kind, options.parts, options.at_once) for _ in range(options.rounds)]
    part_cpu = [sum(run.cpu for run in each.parts) for each in rounds]
    rows = [
        [
            "one process",
            measure.spread([each.one.cpu for each in rounds]),
            "1",
            measure.spread([each.one.wall for each in rounds]),
            f"{max(each.one.rss for each in rounds) / measure.MEGA:.0f}",
        ],
        [
            f"{options.parts} parts, together",
            measure.spread(part_cpu),
            measure.spread([cpu / each.one.cpu for cpu, each in zip(part_cpu, rounds, strict=True)]),
            measure.spread([each.wall_of_parts for each in rounds]),
            f"{max(run.rss for each in rounds for run in each.parts) / measure.MEGA:.0f}",
        ],
        [
            "taking them up",
            measure.spread([each.taken.cpu for each in rounds]),
            measure.spread([each.taken.cpu / each.one.cpu for each in rounds]),
            measure.spread([each.taken.wall for each in rounds]),
            f"{max(each.taken.rss for each in rounds) / measure.MEGA:.0f}",
        ],
    ]
    print(f"{options.records:,} records of {options.kind}, {size / measure.MEGA:.0f} MB; {measure.machine()}")
    print(f"answers: {rounds[0].answers:,} bytes, {rounds[0].answers / size:.3f} for each byte of the export")
    print(measure.table(["", "CPU s", "of one process", "wall s", "RSS MB"], rows))


if __name__ == "__main__":
    main()
