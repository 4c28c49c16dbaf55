"""Shared by the benchmark scripts: data, the sink, the measurement of a process, tables.

A measurement is a process: wall time, CPU time of it and of the children it waited for (`wait4`), peak memory.
`ru_maxrss` of a child begins at the size of its parent (on Linux `exec` keeps the high-water mark), so these scripts
use little memory themselves; a value below about 20 MB means "not more than that".
"""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
FLOOD = [sys.executable, str(HERE / "flood.py")]
CACHE = Path(tempfile.gettempdir()) / "masivo-bench"
MEGA = 1e6
KIBI = 1024
SINK = (sys.executable, "-m", "masivo_stream.bench.sink")
PAYMENT = b'"payment_method":'
METADATA = (
    b'"metadata":{"cashier":"c-0123","terminal":"t-07","ticket":{"series":"B","number":48213,"printed":true},'
    b'"promotions":["two-for-one","mondays"],"origin":"pos","app_version":"4.12.0","rounding":0.04,"note":null},'
)
REMEMBERED = tempfile.TemporaryDirectory(prefix="masivo-bench-")
"""What the commands remember of accounts; removed when the script ends."""
LOOK = 0.02
"""Seconds between two looks at the memory of processes."""
ENDED_IN_ORDER = (0, 3)  # 3: complete, with dead letters


def command() -> str:
    """Return the path of our installed command, beside this Python."""
    return str(Path(sys.executable).parent / "masivo-stream")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process took, and what the sink received."""

    wall: float
    cpu: float
    rss: int
    """Bytes; of the largest process of the tree."""
    code: int
    stats: dict[str, Any] = field(default_factory=dict)
    """The sink's counts at the end; empty if nothing was sent."""
    started: float = 0.0
    """Monotonic, like the sink's `first_at`."""


def environment() -> dict[str, str]:
    """Return this process' environment with a made-up token, and a directory of its own for what accounts have.

    A sink may get the port of an earlier one, and would then have received the same export before. Bytecode is kept, as
    pip keeps it of what it installs: else a checkout is compiled anew at every start.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "MASIVO_TOKEN": "any", "MASIVO_SHARED_DIR": tempfile.mkdtemp(dir=REMEMBERED.name)}


def time_process(argv: Sequence[str]) -> Run:
    """Run a command to its end. Its output is discarded, its errors are shown."""
    started = time.monotonic()
    return finish(start(argv), started)


def start(argv: Sequence[str], stdin: IO[bytes] | int | None = None) -> subprocess.Popen[bytes]:
    """Start a command; without `stdin` its input is empty."""
    source = subprocess.DEVNULL if stdin is None else stdin
    return subprocess.Popen(argv, stdin=source, stdout=subprocess.DEVNULL, env=environment())


def finish(process: subprocess.Popen[bytes], started: float) -> Run:
    """Wait for a process and return what it took."""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # `wait4` has reaped it: Popen must not wait again
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall=wall, cpu=cpu, rss=usage.ru_maxrss * KIBI, code=process.returncode, started=started)


class Watch(threading.Thread):
    """Reads the high-water marks of a process and its children (`VmHWM` of /proc/PID/status) until it has ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.marks: dict[int, int] = {}

    def run(self) -> None:
        """Read them until the process has ended."""
        while self._look(self.pid):
            time.sleep(LOOK)

    @property
    def total(self) -> int:
        """The sum of all marks, in bytes: what a container needs at most."""
        return sum(self.marks.values())

    def _look(self, pid: int) -> bool:
        about = Path("/proc") / str(pid)
        try:
            status = (about / "status").read_text()
            children = [int(child) for task in (about / "task").iterdir() for child in _children(task)]
        except OSError:
            return False
        found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        if not found:  # it has ended and is not reaped yet
            return False
        self.marks[pid] = int(found[0].split()[1]) * KIBI
        for child in children:
            self._look(child)
        return True


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def with_stats(run: Run, stats: dict[str, Any]) -> Run:
    """Return the run with the sink's counts."""
    return replace(run, stats=stats)


class Sink:
    """A running null sink."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def stats(self) -> dict[str, Any]:
        """Return its counts."""
        return self._get("stats")

    def reset(self) -> dict[str, Any]:
        """Return its counts, and reset them."""
        return self._get("reset")

    def _get(self, what: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/{what}") as answer:  # noqa: S310 - our own loopback address
            return json.load(answer)


@contextmanager
def sink(*flags: str) -> Iterator[Sink]:
    """Serve a new sink, so that its CPU time is that of one run."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        process = subprocess.Popen([*SINK, "--port-file", str(port), *flags])
        try:
            wait_until(port.exists, 10)
            yield Sink(int(port.read_text()))
        finally:
            process.terminate()
            process.wait()


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    """Check `condition` every few milliseconds; return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def migrate_argv(events: str, url: str, state: str, *flags: str, kind: str = "events") -> list[str]:
    """Return our command as the benchmarks run it: without rate limit, with the journal."""
    where = ["--base-url", url, "--state-dir", state]
    return [
        command(),
        "migrate",
        f"--{kind}",
        events,
        "--limit",
        "none",
        *where,
        "--json",
        "--quiet",
        "--no-verify",
        *flags,
    ]


def export(records: int, *, kind: str = "events", seed: int = 1, cache: Path = CACHE) -> Path:
    """Return an export of this number of customers, made once and kept."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"{kind}-{records}-seed{seed}.ndjson"
    if not path.exists():
        partial = path.with_suffix(".partial")
        what = [command(), "generate", kind, "--records", str(records), "--seed", str(seed), "-o", str(partial)]
        subprocess.run(what, check=True, stderr=subprocess.DEVNULL)
        partial.rename(path)
    return path


def with_metadata(export: Path) -> Path:
    """Return an export of events whose orders have 200 bytes of metadata, as tills add it; made once and kept."""
    path = export.with_name(f"{export.stem}-metadata.ndjson")
    if not path.exists():
        partial = path.with_suffix(".partial")
        with export.open("rb") as lines, partial.open("wb") as made:
            for line in lines:
                made.write(line.replace(PAYMENT, METADATA + PAYMENT))
        partial.rename(path)
    return path


def count_events(path: Path) -> int:
    """Count an export's events by `issued_at`, which each event has exactly once."""
    with path.open("rb") as lines:
        return sum(line.count(b'"issued_at":') for line in lines)


def machine() -> str:
    """Describe machine and versions in one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((row.split(":")[1].strip() for row in info.read_text().splitlines() if "model name" in row), cpu)
    ours = f"masivo-stream {importlib.metadata.version('masivo-stream')}"
    system = f"{platform.system()} {platform.release()}"
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return f"{date}; {cpu}, {os.cpu_count()} cores; {system}; Python {platform.python_version()}; {ours}"


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return median and range: `1.50 (1.40 to 1.70)`."""
    median = format(middle(values), form)
    return median if len(values) == 1 else f"{median} ({min(values):{form}} to {max(values):{form}})"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; numbers to the right."""
    texts = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(heads))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts]
    rule = " | ".join(["-" * widths[0], *(("-" * (width - 1)) + ":" for width in widths[1:])])
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))
