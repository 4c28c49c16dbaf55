"""Commands called in this process: their exit code, and what they write, without starting Python again."""

import gc
import os
from dataclasses import dataclass
from itertools import count

import pytest
from anyio.from_thread import start_blocking_portal
from fakes import record, write_export
from object_server import credentials, serving

from masivo_stream.cli.collector import COLLECT_AFTER
from masivo_stream.cli.main import run
from masivo_stream.model.contract import Kind
from masivo_stream.sandbox import SandboxOptions, parse_limits, running

LEFT_FROZEN = count(1)
"""Counts the tests that leave frozen objects behind."""
NOT_CALMED = COLLECT_AFTER + 1
"""Shows whether a command has calmed the collector. (`gc.get_freeze_count` would count what is frozen: 20 ms.)"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def sandbox():
    """Serve the API from another thread: a command has a loop of its own."""
    options = SandboxOptions(limits=parse_limits("none"), visible_after=0.0)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(options)) as served:
        yield served


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Return a function that runs one command in an empty directory, with no setting from the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("CONFIG", "API_KEY", "TOKEN", "BASE_URL", "STATE_DIR"):
        monkeypatch.delenv(f"MASIVO_{name}", raising=False)
    monkeypatch.setenv("MASIVO_FIRST_PROBE", "0.02")
    monkeypatch.setenv("MASIVO_EVENTS_SETTLE", "0.1")

    def run_it(*arguments):
        code = run(list(map(str, arguments)))
        written = capsys.readouterr()
        return Ended(int(code), written.out, written.err)

    gc.set_threshold(NOT_CALMED)
    yield run_it
    # `migrate` and `retry` freeze what there is, also what is needed no more. A collection visits everything that is
    # imported and takes 0.3 s, longer than most tests: so it is made for eight of them together.
    if gc.get_threshold()[0] != NOT_CALMED and next(LEFT_FROZEN) % 8 == 0:
        gc.unfreeze()
        gc.collect()
        gc.freeze()


@pytest.fixture
def online(command, sandbox, monkeypatch, request):
    """The same, with the sandbox's address and key; the customers of one test are no other's."""
    monkeypatch.setenv("MASIVO_API_KEY", sandbox.api_key)
    monkeypatch.setenv("MASIVO_BASE_URL", sandbox.url)
    monkeypatch.setenv("MASIVO_LIMIT", "none")
    return command


@pytest.fixture
def customers(request, tmp_path):
    """An export of three customers, which no other test sends."""
    records = [{**record(Kind.CUSTOMERS, number), "id": f"{request.node.name}-{number}"} for number in range(3)]
    for each in records:
        each["email"] = f"{each['id']}@example.com"
    return write_export(tmp_path / "customers.ndjson", records)


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """Objects on loopback, and an environment that leads to them alone."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MASIVO_SHARED_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("MASIVO_FIRST_DELAY", "0.01")
    monkeypatch.setenv("MASIVO_LONGEST_DELAY", "0.05")
    with serving() as found:
        for name, value in credentials(found.url).items():
            monkeypatch.setenv(name, value)
        yield found
