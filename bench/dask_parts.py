"""Validate exports on the workers of a Dask scheduler, and compare with one process: output, cost, speed.

`python bench/dask_parts.py --megabytes 500` makes exports of about that size, then takes turns, `--rounds` times:

* `1 process`, `2 processes`: `validate --workers 1` and `2`
* `dask`: a scheduler and two workers, started beside it as processes of their own; the figures count all of them
* `killed`: the same, and one of the workers is killed every `--kill-every` seconds (not timed: it has to do more)
* `taken up`: the same command again, whose answers are there

Each must give the same summary, dead letters and findings. The processes of Dask use TLS. With `--namespaces` (as root,
`ip netns`) the scheduler and each worker are in network namespaces of their own, joined by a bridge. CPU is user and
system, of all processes. `--directory` names where exports and answers are written; they are removed at the end.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measure

sys.path.insert(0, str(measure.HERE.parent / "tests"))  # its tools start and stop the processes of Dask
from dask_processes import DaskProcesses, make_certificates

KINDS = ("customers", "events", "transactions")
BYTES_A_RECORD = 2700
"""Of all three kinds together, as `masivo-stream generate` writes them."""
LOST = 6
"""The exit code if a scheduler or its workers were lost."""
BRIDGE, NETWORK = "masivo-bench", "10.77.99"


def generate(directory: Path, megabytes: int) -> list[str]:
    """Write exports of about that size, with faults, and return the flags that name them."""
    records = str(max(100, megabytes * 1_000_000 // BYTES_A_RECORD))
    flags = []
    for kind in KINDS:
        path = directory / f"{kind}.ndjson"
        more = ["--seed", "5", "--invalid", "0.0005", "-o", str(path)]
        subprocess.run(
            [measure.command(), "generate", kind, "--records", records, *more], check=True, capture_output=True
        )
        flags += [f"--{kind}", str(path)]
    return flags


def ticks(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return the children of a process, however deep."""
    found = []
    for entry in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, entry.read_text().split()):
            found += [child, *children(child)]
    return found


class Nothing:
    """No cluster: one process, or several of our own."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}

    def cpu(self) -> float:
        """Return the CPU seconds so far."""
        return 0.0


class Cluster:
    """A scheduler and two workers with nannies, which start a worker again that was killed."""

    def __init__(self, directory: Path, *, namespaces: bool) -> None:
        """Start them."""
        directory.mkdir()
        self._certificates = make_certificates(directory)
        prefixes = [["ip", "netns", "exec", f"{BRIDGE}-{number}"] for number in range(3)] if namespaces else []
        hosts = [f"{NETWORK}.{number + 2}" for number in range(3)] if namespaces else ["127.0.0.1"] * 3
        self._processes = DaskProcesses(directory, self._certificates, prefixes)
        self._processes.start_scheduler(host=hosts[0], port=8786)
        for host in hosts[1:]:
            self._processes.start_worker("--nanny", host=host)
        self.address = self._processes.address
        self.environment = self._certificates
        self.killed = 0

    def _pids(self) -> list[int]:
        roots = [self._processes.scheduler.pid, *(worker.pid for worker in self._processes.workers)]
        return [pid for root in roots for pid in (root, *children(root))]

    def cpu(self) -> float:
        """Return the CPU seconds so far."""
        return sum(map(ticks, self._pids()))

    @contextmanager
    def killing(self, seconds: float, chance: random.Random) -> Iterator[None]:
        """Kill one worker every `seconds`."""
        ended = threading.Event()

        def kill() -> None:
            while not ended.wait(seconds):
                nanny = chance.choice(self._processes.workers)
                for pid in children(nanny.pid):
                    if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():  # not Python's tracker of resources
                        os.kill(pid, signal.SIGKILL)
                        self.killed += 1

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def stop(self) -> None:
        """End all processes."""
        self._processes.stop()


@contextmanager
def joined_namespaces() -> Iterator[None]:
    """Make a bridge and three network namespaces on it: of the scheduler, and of each worker."""

    def ip(*arguments: str, check: bool = True) -> None:
        subprocess.run([shutil.which("ip") or "ip", *arguments], check=check)

    names = [f"{BRIDGE}-{number}" for number in range(3)]
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(names):
            ip("netns", "add", name)
            ip("link", "add", f"mb{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"mb{number}", "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{NETWORK}.{number + 2}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in names:
            ip("netns", "del", name, check=False)
        ip("link", "del", BRIDGE, check=False)


def validate(flags: list[str], state: Path, cluster: "Cluster | Nothing", *more: str) -> tuple[float, float]:
    """Run `validate` with a new state directory. Returns wall and CPU seconds, the cluster's among them."""
    shutil.rmtree(state, ignore_errors=True)
    before = cluster.cpu()
    with (state.with_suffix(".json")).open("wb") as output, (state.with_suffix(".log")).open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [measure.command(), "validate", *flags, "--json", "--state-dir", str(state), *more],
            stdout=output,
            stderr=log,
            env={**measure.environment(), **cluster.environment},
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    spent = used.ru_utime + used.ru_stime + cluster.cpu() - before
    if process.returncode == LOST:  # its own next step: the same command goes on
        print(state.with_suffix(".log").read_text(), file=sys.stderr)
        more_wall, more_spent = validate(flags, state, cluster, *more)
        return wall + more_wall, spent + more_spent
    if process.returncode not in measure.ENDED_IN_ORDER:
        raise SystemExit(f"validate ended with {process.returncode}: {state.with_suffix('.log').read_text()}")
    return wall, spent


def found_in(state: Path) -> dict[str, Any]:
    """Return what a command has found: its summary, its dead letters, what is skipped, all without times."""
    summary = timeless(json.loads(state.with_suffix(".json").read_text()))
    lines = {path.name: list(map(json.loads, path.open())) for path in sorted(state.glob("*.ndjson"))}
    return {"summary": summary, **{name: timeless(each) for name, each in lines.items()}}


def timeless(found: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a document without its times."""
    if isinstance(found, dict):
        return {name: timeless(value) for name, value in found.items() if name not in {"seconds", "at", "started_at"}}
    return list(map(timeless, found)) if isinstance(found, list) else found


def main() -> None:
    """Measure, compare, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], help="a way that is left out, such as '2 processes'")
    parser.add_argument("--kill-every", type=float, default=3.0)
    parser.add_argument("--exports", type=Path, help="a directory with exports, instead of new ones")
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dask-parts-", dir=options.directory) as directory:
        if options.namespaces:
            with joined_namespaces():
                take_turns(options, Path(directory))
        else:
            take_turns(options, Path(directory))


def take_turns(options: argparse.Namespace, directory: Path) -> None:
    """Measure all ways in turns."""
    if options.exports is None:
        flags = generate(directory, options.megabytes)
    else:
        flags = [word for kind in KINDS for word in (f"--{kind}", str(options.exports / f"{kind}.ndjson"))]
    size = sum(Path(path).stat().st_size for path in flags[1::2])
    taken: dict[str, list[tuple[float, float]]] = {}
    different, killed = [], 0
    parts, state = directory / "parts", directory / "state"
    expected: dict[str, Any] = {}

    def measure_one(way: str, cluster: "Cluster | Nothing", *more: str) -> None:
        if way in options.without:
            return
        print(f"{way} …", file=sys.stderr, flush=True)
        taken.setdefault(way, []).append(validate(flags, state, cluster, *more))
        found = found_in(state)
        if found != (expected or found):
            different.append((way, [name for name in expected if expected[name] != found.get(name)]))
        expected.update(found if not expected else {})

    for turn in range(options.rounds):
        measure_one("1 process", Nothing(), "--workers", "1")
        measure_one("2 processes", Nothing(), "--workers", "2")
        cluster = Cluster(directory / f"cluster-{turn}", namespaces=options.namespaces)
        spread = ("--scheduler", cluster.address, "--parts", str(parts))
        try:
            shutil.rmtree(parts, ignore_errors=True)
            measure_one("dask", cluster, *spread)
            measure_one("taken up", cluster, *spread)
            answers = sum(path.stat().st_size for path in parts.iterdir())
            shutil.rmtree(parts)
            with cluster.killing(options.kill_every, random.Random(turn)):  # noqa: S311 - which worker is killed
                measure_one("killed", cluster, *spread)
            killed += cluster.killed
        finally:
            cluster.stop()
    print(f"{size / 1e6:,.0f} MB of exports; {answers / 1e6:,.1f} MB of answers; {killed} workers killed")
    show(taken, different)


def show(taken: dict[str, list[tuple[float, float]]], different: list[Any]) -> None:
    """Print the table."""
    walls = {way: statistics.median(wall for wall, _ in each) for way, each in taken.items()}
    cpus = {way: statistics.median(cpu for _, cpu in each) for way, each in taken.items()}
    print("| | wall s | CPU s | speed | cost |\n| --- | --- | --- | --- | --- |")
    for way, wall in walls.items():
        speed, cost = walls["1 process"] / wall, cpus[way] / cpus["1 process"]
        print(f"| {way} | {wall:.1f} | {cpus[way]:.1f} | {speed:.2f} | {cost:.2f} |")
    print("output: " + ("the same in all turns" if not different else f"DIFFERENT: {different}"))
    if different:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
