"""Make the program wrong in one point after the other: each time, the tests named for it must fail.

`python tests/mutations.py` tries all of them, two at a time, each in a copy of its own; `--only NAME` tries those whose
name contains that, and shows what the tests say. It ends with 0 if every mutation is caught. The lists are in
modules of their own; that they fit the program is checked by `test_mutations`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mutations_of_accounts
import mutations_of_canaries
import mutations_of_checks
import mutations_of_decisions
import mutations_of_edges
import mutations_of_faults
import mutations_of_fleet
import mutations_of_flow
import mutations_of_forecasts
import mutations_of_journal
import mutations_of_left_out
import mutations_of_levers
import mutations_of_looks
import mutations_of_memory
import mutations_of_mending
import mutations_of_objects
import mutations_of_parts
import mutations_of_plausibility
import mutations_of_prepare
import mutations_of_prover
import mutations_of_references
import mutations_of_reverts
import mutations_of_scheduler
import mutations_of_seeing
import mutations_of_sent_purchases
import mutations_of_totals
from mutation import ROOT
from rich.console import Console
from rich.table import Table

LISTS = (
    mutations_of_edges,
    mutations_of_journal,
    mutations_of_flow,
    mutations_of_forecasts,
    mutations_of_fleet,
    mutations_of_decisions,
    mutations_of_reverts,
    mutations_of_left_out,
    mutations_of_levers,
    mutations_of_plausibility,
    mutations_of_accounts,
    mutations_of_references,
    mutations_of_checks,
    mutations_of_canaries,
    mutations_of_totals,
    mutations_of_seeing,
    mutations_of_sent_purchases,
    mutations_of_faults,
    mutations_of_mending,
    mutations_of_objects,
    mutations_of_parts,
    mutations_of_scheduler,
    mutations_of_prepare,
    mutations_of_prover,
    mutations_of_looks,
    mutations_of_memory,
)
MUTATIONS = tuple(mutation for each in LISTS for mutation in each.MUTATIONS)
AT_A_TIME = 2
TEST_SECONDS, RUN_SECONDS = 30, 240
"""Seconds after which a test that hangs fails, and seconds after which pytest itself is ended."""
_NOTHING_BUT_TEXT = shutil.ignore_patterns("__pycache__", ".hypothesis")


@dataclass(frozen=True)
class Trial:
    """The result of a mutation."""

    outcome: str
    seconds: float = 0.0
    output: str = ""

    @property
    def caught(self):
        return self.outcome == "caught"


def copy(folder):
    """Copy package and tests, so that what is installed is not what is tested."""
    for name in ("masivo_stream", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=_NOTHING_BUT_TEXT)
    shutil.copy(ROOT / "pyproject.toml", folder)


def build(folder):
    """Build the extensions of a copy; return whether that succeeded."""
    headers = sysconfig.get_paths()["include"]
    flags = ["-O1", "-w", "-fPIC", "-shared", "-DPy_LIMITED_API=0x030B0000", f"-I{headers}"]
    return all(
        subprocess.run(["cc", *flags, source, "-o", source.with_suffix(".abi3.so")], check=False).returncode == 0
        for source in (folder / "masivo_stream").rglob("*.c")
    )


def run_tests(folder, tests, seconds=RUN_SECONDS):
    """Run tests in a copy; returns the exit code, None if it did not end, and the output."""
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--timeout", str(TEST_SECONDS), "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
    try:
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout + done.stderr


def try_out(mutation):
    """Apply a mutation to a copy, and return the result of its tests."""
    began = time.monotonic()
    if mutation.places != 1:
        return Trial(f"the old text stands there {mutation.places} times")
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        copy(folder)
        mutation.path(folder).write_text(mutation.mutated)
        if mutation.file.endswith((".c", ".h")) and not build(folder):
            return Trial("cannot be compiled", time.monotonic() - began)
        code, output = run_tests(folder, mutation.tests)
    return Trial(validate(mutation, code, output), time.monotonic() - began, output)


def validate(mutation, code, output):
    """Return whether every named test has failed, and nothing else has."""
    if code is None:
        return "does not end"
    if code not in (0, 1):
        return f"the tests do not run ({code})"
    failed = [line.removeprefix("FAILED tests/") for line in output.splitlines() if line.startswith("FAILED ")]
    passed = [test for test in mutation.tests if not any(_is(line, test) for line in failed)]
    return f"NOT CAUGHT by {', '.join(passed)}" if passed else "caught"


def _is(line, test):
    return line.startswith(test) and line[len(test) : len(test) + 1] in ("", " ", "[")


def tests_pass(mutations):
    """Check in a copy that the tests named for these mutations pass without any mutation."""
    named = sorted({test for mutation in mutations for test in mutation.tests})
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy(Path(folder))
        code, output = run_tests(Path(folder), named, seconds=RUN_SECONDS * 10)
    if code != 0:
        sys.stdout.write(output + "\nthe tests fail without any mutation\n")
    return code == 0


def show(mutations, trials):
    """Return a table of the results."""
    table = Table("mutation", "what it breaks", "tests", "outcome", "s")
    for column in table.columns:
        column.overflow = "fold"
    for mutation, trial in zip(mutations, trials, strict=True):
        tests = "\n".join(test.replace("::test_", "::") for test in mutation.tests)
        table.add_row(mutation.name, mutation.breaks, tests, trial.outcome, f"{trial.seconds:.1f}")
    return table


def main():
    began = time.monotonic()
    parser = argparse.ArgumentParser(description="Make the program wrong; the tests must notice.")
    parser.add_argument("--only", metavar="NAME", default="", help="those whose name contains this")
    only = parser.parse_args().only
    chosen = [mutation for mutation in MUTATIONS if only in mutation.name]
    if not chosen:
        parser.error(f"no mutation is named {only}")
    if not tests_pass(chosen):
        return 1
    with ThreadPoolExecutor(AT_A_TIME) as beside:
        trials = list(beside.map(try_out, chosen))
    if only:
        sys.stdout.write("".join(trial.output for trial in trials))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(show(chosen, trials))
    caught = sum(trial.caught for trial in trials)
    console.print(f"{caught} of {len(chosen)} caught, in {time.monotonic() - began:.0f} s")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
