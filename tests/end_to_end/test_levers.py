"""The levers of a run at work, with the installed command: SIGHUP, pause, a kill, resume."""

import json
import re
import signal
import subprocess

import pytest
from end_to_end_tools import COMMAND, clean_environment, run, wait_until

pytestmark = pytest.mark.slow


def test_a_run_is_changed_paused_killed_and_resumed(served, export, tmp_path):
    """From one request in ten minutes to a quick one; paused it sends nothing, also after a kill; then it goes on."""
    directory = export(3000, kinds=("customers",))
    file, log = tmp_path / "c.toml", tmp_path / "log"
    command = [COMMAND, "migrate", "--config", file, "--customers", directory / "customers.ndjson", "--no-verify"]
    environment = clean_environment(
        MASIVO_API_KEY=served.key, MASIVO_BASE_URL=served.url, XDG_STATE_HOME=str(tmp_path / "home")
    )

    def write(limit):
        file.write_text(f'[limits]\nlimit = ["{limit}"]\n[log]\nlog_format = "json"\n')

    def events(name):
        return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == name]

    write("1/600s")
    with log.open("ab") as errors:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=errors, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: events("batch_sent"))
            shown = run("status", "--json", cwd=tmp_path)
            number = int(re.search(r"process (\d+)", json.loads(shown.stdout)["owner"])[1])
            assert number == process.pid
            assert run("pause", "masivo-state", cwd=tmp_path).returncode == 0
            wait_until(lambda: events("paused"))
            write("none")
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: events("settings_reread"))
            assert events("settings_reread")[0]["limit"] == "1/10m -> none"
            assert len(events("batch_sent")) == 1
        finally:
            process.kill()
            process.wait()
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=errors, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: len(events("paused")) == 2)
            process.send_signal(signal.SIGHUP)  # a terminal that is closed while it waits
            assert b"paused since" in run("status", cwd=tmp_path).stdout
            assert run("resume", "masivo-state", cwd=tmp_path).returncode == 0
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    assert served.requests("customers", status=201) == 3
    assert len(served.ledger()["customers"]) == 3000
