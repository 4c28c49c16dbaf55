"""Tools for whole commands: the installed command against the installed sandbox, joined by files and sockets alone."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import forks
import pytest

from masivo_stream.model.contract import CONTRACTS, SANDBOX_API_KEY, Kind

COMMAND = Path(sys.executable).with_name("masivo-stream")
KINDS = ("customers", "events", "transactions")
_PATHS = {kind: CONTRACTS[Kind(kind)].path for kind in KINDS}
PATIENCE = 300
"""Seconds for a command to end by itself: far more than it takes, because the machine may be busy with other things."""


def clean_environment(**extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MASIVO_")}
    return {**kept, "MASIVO_SAMPLE": "0", **extra}  # reads at the end are counted where they are tested


def run(*arguments, key="", cwd=None, stdin=b"", timeout=PATIENCE, **environment):
    """Run the command to its end, in a process that need not import it (`forks`)."""
    if key:
        environment["MASIVO_API_KEY"] = key
    argv = [COMMAND, *map(str, arguments)]
    return forks.run(argv, stdin=stdin, cwd=cwd, timeout=timeout, environment=clean_environment(**environment))


def shell_path():
    """Return a PATH by which a shell finds the command, for processes that need not import it (`forks`)."""
    return os.pathsep.join([str(forks.folder()), str(COMMAND.parent), os.environ["PATH"]])


def run_installed(*arguments, key="", cwd=None, timeout=PATIENCE, **environment):
    """Run the command to its end as it is installed, starting Python."""
    if key:
        environment["MASIVO_API_KEY"] = key
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        timeout=timeout,
        check=False,
        env=clean_environment(**environment),
    )


class Served:
    """A running sandbox."""

    key = SANDBOX_API_KEY

    def __init__(self, port, visible_after=0.1):
        self.port = port
        self.visible_after = visible_after
        self.url = f"http://127.0.0.1:{port}/api/storefront/v1"

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    def ledger(self):
        """Return the ledger when the queue is empty."""
        found = []
        wait_until(lambda: found.append(self.get("/__sandbox/ledger")) or found[-1]["queue"] == 0)
        return found[-1]

    def requests(self, *kinds, status=None):
        """Return how many batches the sandbox has answered, by kinds and status if they are given."""
        paths = {_PATHS[kind] for kind in kinds or KINDS}
        noted = [each for each in self.get("/__sandbox/requests")["requests"] if each["path"] in paths]
        return sum(status is None or each["outcome"] == str(status) for each in noted)

    def migrate(self, directory, *arguments, state="state", limit="none", **options):
        """Run `migrate` for the exports of `directory`.

        Customers who came alone show when this returns: a later run does not know that it has to wait for them.
        If they take longer than a second, the test is about that, and nothing waits.
        """
        named = [part for kind in KINDS for part in _export(directory, kind)]
        sending = ["--base-url", self.url, "--limit", limit, "--state-dir", Path(directory) / state]
        options = {"MASIVO_FIRST_PROBE": "0.1", **options}
        done = run("migrate", *named, *sending, "--json", *arguments, key=self.key, **options)
        if done.returncode == 0 and named[::2] == ["--customers"] and self.visible_after <= 1:
            self.ledger()
        return done


def wait_until(condition, process=None, *, pause=0.02):
    """Wait until the condition holds, or until the process has ended.

    If neither happens, pytest's time limit ends the test.
    """
    while not condition() and (process is None or process.poll() is None):
        time.sleep(pause)


def _export(directory, kind):
    path = Path(directory) / f"{kind}.ndjson"
    return (f"--{kind}", path) if path.exists() else ()


@contextmanager
def serving(tmp_path, *arguments, visible_after=0.1):
    """Serve a sandbox while the context lasts."""
    port_file = tmp_path / f"port-{time.monotonic_ns()}"
    argv = [COMMAND, "sandbox", "--visible-after", str(visible_after), "--port-file", port_file, *map(str, arguments)]
    with open(os.devnull, "r+b") as nothing, TemporaryFile() as told:  # noqa: PTH123 - no path is needed
        streams = nothing.fileno(), nothing.fileno(), told.fileno()
        process = forks.start(argv, environment=clean_environment(), streams=streams)
        try:
            wait_until(lambda: port_file.exists() and port_file.read_text().strip(), process, pause=0.005)
            if process.poll() is not None:
                told.seek(0)
                raise AssertionError(told.read().decode())
            yield Served(int(port_file.read_text()), visible_after)
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.fixture
def served(tmp_path):
    """A sandbox without limits."""
    with serving(tmp_path, "--limits", "none") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Return a function that generates one kind; what was generated before is not generated again."""
    folders = {}

    def generate(kind, *arguments):
        if (kind, arguments) not in folders:
            folder = tmp_path_factory.mktemp("generated")
            done = run("generate", kind, *arguments, "-o", folder / f"{kind}.ndjson")
            assert done.returncode == 0, done.stderr
            folders[kind, arguments] = folder
        return folders[kind, arguments]

    return generate


@pytest.fixture
def export(tmp_path, generated):
    """Return a function that generates the three kinds into `tmp_path`."""

    def generate(records, *arguments, kinds=KINDS, seed=7):
        for kind in kinds:
            shutil.copytree(
                generated(kind, "--records", records, "--seed", seed, *arguments), tmp_path, dirs_exist_ok=True
            )
        return tmp_path

    return generate


def lines(path):
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def expected_ledger(directory, without=None):
    """Return the ledger that is expected if each record arrived once, except for some lines of each kind."""
    without = without or {}
    ledger = {kind: {} for kind in KINDS}
    for kind in KINDS:
        path = Path(directory) / f"{kind}.ndjson"
        if not path.exists():
            continue
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
            if number in without.get(kind, ()):
                continue
            record = json.loads(line)
            match kind:
                case "customers":
                    ledger[kind][record["id"]] = 1
                case "events":
                    purchases = ledger[kind].setdefault(record["id"], {})
                    for event in record["events"]:
                        purchase = event["order"]["purchase_id"]
                        purchases[purchase] = purchases.get(purchase, 0) + 1
                case "transactions":
                    ledger[kind][record["id"]] = len(record["transactions"])
    return ledger
