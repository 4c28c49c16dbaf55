"""The container's health check against a monitor that listens, one that does not, and commands that have none."""

import asyncio
import subprocess
import sys

import pytest
from monitor.watched import watched

from masivo_stream.cli import migrate, retry
from masivo_stream.monitor import health


async def asked(environment, command=("masivo-stream", "migrate")):
    return await asyncio.to_thread(health.check, environment, command)


async def test_a_monitor_that_answers_is_healthy():
    """Also if it listens on every address, and with brackets around it."""
    async with watched() as address:
        for host in ("127.0.0.1", "localhost", "0.0.0.0", "[127.0.0.1]"):  # noqa: S104 - the address to connect to
            assert await asked({"MASIVO_MONITOR": f"{host}:{address.port}"}) == ""
        assert await asked({"MASIVO_MONITOR": str(address.port)}) == ""


async def test_a_monitor_that_does_not_answer_is_unhealthy():
    """The reason names only the address."""
    async with watched() as address:
        pass
    assert "does not answer" in await asked({"MASIVO_MONITOR": str(address)})
    assert "does not answer" in await asked({"MASIVO_MONITOR": "nonsense"})


@pytest.mark.parametrize(
    ("environment", "command"),
    [({}, ["masivo-stream", "migrate"]), ({"MASIVO_MONITOR": "1"}, ["masivo-stream", "plan"])],
)
async def test_a_run_without_a_monitor_is_healthy(environment, command):
    """There is no address, or the command has no monitor."""
    assert await asked(environment, command) == ""


def test_the_health_check_knows_the_commands_with_a_monitor():
    """The health check knows them by their names."""
    assert set(health.MONITORED) == {migrate.__name__.rpartition(".")[2], retry.__name__.rpartition(".")[2]}


def test_the_health_check_imports_little():
    """It is a new process every few seconds: without server, template and parser."""
    code = "import sys, masivo_stream.monitor.health; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "asyncio", "jinja2", "msgspec", "prometheus_client"} & set(shown)
