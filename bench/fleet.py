"""Migrate a fleet against one sandbox with as many accounts: windows kept, requests in five seconds, memory.

    python bench/fleet.py [--accounts 1 5 20] [--records 6000] [--uploaders 2] [--cpu-hogs 0]

Limits are those of the API: one request in five seconds per account. The sandbox notes every arrival. The table has,
for each size of the fleet: answers with 429; the least distance between two batches of one account (never below 5 s);
how many batches arrived in five seconds, while all accounts were sending (the middle, and the range); the process's
resident memory when a third, two thirds and all of the time were over, and its largest; CPU seconds per batch.
`--cpu-hogs N` keeps that many other processes busy, so that event loops are late.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import measure

from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS

SPAN = 5.0
LOOK = 0.5
KINDS = ("customers", "events", "transactions")
PATHS = {contract.path for contract in CONTRACTS.values()}


class Arrivals:
    """The batches of one account, as the sandbox has noted them."""

    def __init__(self, noted: Sequence[dict[str, Any]]) -> None:
        batches = [each for each in noted if each["path"] in PATHS]
        self.throttled = [each["arrival"] for each in noted if each["outcome"] == "429"]
        self.moments = [each["arrival"] for each in batches if each["outcome"] != "429"]

    @property
    def distances(self) -> list[float]:
        """Seconds between each batch and the next."""
        return [after - before for before, after in pairwise(self.moments)]


@contextmanager
def sandbox(accounts: int, directory: Path) -> Iterator[str]:
    """Serve a sandbox with a number of accounts; yield its origin."""
    port = directory / "port"
    argv = [measure.command(), "sandbox", "--accounts", str(accounts), "--port-file", str(port)]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        measure.wait_until(port.exists, 30)
        yield f"http://127.0.0.1:{int(port.read_text())}"
    finally:
        process.terminate()
        process.wait()


def write_fleet(directory: Path, accounts: int, records: int, cache: Path) -> tuple[Path, dict[str, str]]:
    """Write a fleet file; return its path, and the variables with the keys."""
    lines, keys = [], {}
    exports = {kind: measure.export(records, kind=kind, cache=cache) for kind in KINDS}
    for number in range(1, accounts + 1):
        name = f"a{number:03}"
        keys[f"MASIVO_API_KEY_{name.upper()}"] = contract.sandbox_key(number)
        lines += ["[[accounts]]", f'name = "{name}"', f'state_dir = "{directory / name}"']
        lines += [f'{kind} = ["{path}"]' for kind, path in exports.items()]
    file = directory / "fleet.toml"
    file.write_text("\n".join([*lines, ""]))
    return file, keys


def ask(origin: str, account: int) -> Arrivals:
    """Return what the sandbox has noted of an account."""
    url = f"{origin}/__sandbox/requests?account={account}"
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own loopback address
        return Arrivals(json.load(answer)["requests"])


def resident(pid: int) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    try:
        rows = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) * measure.KIBI for row in rows if row.startswith("VmRSS:")), 0)


def in_spans(accounts: Sequence[Arrivals]) -> list[int]:
    """Return how many batches arrived in each span of five seconds in which all accounts were sending."""
    begin, end = max(each.moments[0] for each in accounts), min(each.moments[-1] for each in accounts)
    moments = sorted(moment for each in accounts for moment in each.moments)
    count, found = int((end - begin) // SPAN), []
    for number in range(count):
        start = begin + number * SPAN
        found.append(sum(start <= moment < start + SPAN for moment in moments))
    return found


def migrate(accounts: int, flags: argparse.Namespace) -> list[object]:
    """Migrate a fleet; return its row of the table."""
    with tempfile.TemporaryDirectory() as folder, sandbox(accounts, Path(folder)) as origin:
        directory = Path(folder)
        file, keys = write_fleet(directory, accounts, flags.records, flags.cache)
        argv = [measure.command(), "fleet", "migrate", str(file), "--no-verify", "--quiet", "--json"]
        environment = {
            **measure.environment(),
            **keys,
            "MASIVO_BASE_URL": f"{origin}/api/storefront/v1",
            "MASIVO_UPLOADERS": str(flags.uploaders),
            "XDG_STATE_HOME": folder,
        }
        environment.pop("MASIVO_TOKEN")
        started, memory = time.monotonic(), list[int]()
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environment)
        hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(flags.cpu_hogs)]
        try:
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                memory.append(resident(process.pid))
                time.sleep(LOOK)
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        run = measure.finish(process, started)
        found = [ask(origin, number) for number in range(1, accounts + 1)]
    if flags.show:
        for number, each in enumerate(found, 1):
            close = [f"{d:.3f}" for d in each.distances if d < SPAN]
            print(number, len(each.moments), "429 at", each.throttled, "too close:", close)
    distances = [distance for each in found for distance in each.distances]
    spans, sizes = in_spans(found), [size / measure.MEGA for size in memory if size]
    return [
        accounts,
        run.code,
        sum(len(each.moments) for each in found),
        sum(len(each.throttled) for each in found),
        f"{min(distances):.3f}",
        f"{statistics.median(distances):.3f}",
        f"{statistics.median(spans):.0f} ({min(spans)} to {max(spans)})" if spans else "",
        *(f"{sizes[int(len(sizes) * share) - 1]:.0f}" for share in (1 / 3, 2 / 3)),
        f"{max(sizes):.0f}",
        f"{run.cpu / sum(len(each.moments) for each in found) * 1000:.0f}",
    ]


HEADS = (
    "accounts",
    "exit",
    "batches",
    "429",
    "least distance s",
    "middle",
    "batches in 5 s",
    "MB at 1/3",
    "at 2/3",
    "most",
    "CPU ms a batch",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--records", type=int, default=6000)
    parser.add_argument("--uploaders", type=int, default=2)
    parser.add_argument("--cpu-hogs", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=measure.CACHE)
    parser.add_argument("--show", action="store_true", help="print what each account's requests were")
    flags = parser.parse_args()
    print(measure.machine())
    print(f"Command: python bench/fleet.py {' '.join(sys.argv[1:])}\n")
    print(measure.table(HEADS, [migrate(accounts, flags) for accounts in flags.accounts]))


if __name__ == "__main__":
    main()
