"""The monitor of the installed command: available while the run works, until its end, and never in its way."""

import json
import socket
import subprocess
import urllib.error
import urllib.request

from end_to_end_tools import COMMAND, clean_environment, run, serving
from fakes import record, write_export
from prometheus_client.parser import text_string_to_metric_families as parse

from masivo_stream.model.contract import Kind


def get(url, path):
    with urllib.request.urlopen(f"http://{url.removeprefix('http://')}{path}", timeout=300) as answer:
        return answer.read().decode()


def ready(url):
    try:
        return bool(get(url, "readyz"))
    except urllib.error.HTTPError as error:
        with error:
            return error.code != 503


def export_customers(directory, number):
    write_export(directory / "customers.ndjson", [record(Kind.CUSTOMERS, customer) for customer in range(number)])


def begin(served, directory, *arguments):
    """Start a migration of customers; return the process and the monitor's address, as the log gives it."""
    flags = ["--customers", directory / "customers.ndjson", "--base-url", served.url, "--limit", "1/0.3s",
             "--state-dir", directory / "state", *arguments]  # fmt: skip
    process = subprocess.Popen(
        [COMMAND, "migrate", *flags, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(MASIVO_API_KEY=served.key),
    )  # fmt: skip
    for line in process.stderr:
        told = json.loads(line)
        if told["event"] == "monitor_listens":
            return process, told
    raise AssertionError(process.wait(300))


def test_a_run_is_watched_to_its_end(tmp_path):
    """It is ready while the run works, its figures grow, and a client that waits for the status learns the outcome."""
    export_customers(tmp_path, 3000)
    with serving(tmp_path, "--limits", "1/0.3s") as served:
        process, told = begin(served, tmp_path, "--monitor", "0")
        url = told["url"]
        assert (told["level"], told["exposed"]) == ("info", False)
        assert url.startswith("http://127.0.0.1:")
        assert get(url, "healthz")
        assert "<h1>" in get(url, "")
        seen = [json.loads(get(url, "status.json"))]
        scraped = []
        while not seen[-1]["outcome"]:
            scraped.append(get(url, "metrics"))
            seen.append(json.loads(get(url, "status.json?wait=10")))
        summary = json.loads(process.communicate(timeout=300)[0])
    assert (process.returncode, summary["outcome"], seen[-1]["outcome"]) == (0, "complete", "complete")
    assert seen[-1]["phases"][0]["figures"]["accepted"] == summary["kinds"]["customers"]["accepted"] == 3000
    families = {family.name for text in scraped for family in parse(text)}
    assert {"masivo_records_accepted", "masivo_request_duration_seconds", "masivo_quota_used_requests"} <= families


def test_a_stopping_run_is_alive_and_not_ready(tmp_path):
    """While a stopped run waits for what is in flight it is alive and not ready."""
    export_customers(tmp_path, 3000)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=3,rate=1,on=customers") as served:
        process, told = begin(served, tmp_path, "--monitor", "127.0.0.1:0", "--drain-time", "1")
        while json.loads(get(told["url"], "status.json"))["in_flight"] == 0:
            pass
        assert ready(told["url"])
        process.terminate()
        while ready(told["url"]):
            pass
        assert get(told["url"], "healthz")
        process.communicate(timeout=300)
    assert process.returncode == 143


def test_a_port_in_use_ends_the_command_before_it_begins(tmp_path):
    """Exit 2 with the address and a remedy; no state, and so no request."""
    (tmp_path / "customers.ndjson").write_bytes(b"{}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        flags = ["--customers", tmp_path / "customers.ndjson", "--state-dir", tmp_path / "state", "--monitor", address]
        done = run("migrate", *flags, key="k")
    assert done.returncode == 2
    assert f"--monitor {address}" in done.stderr.decode()
    assert "hint: " in done.stderr.decode()
    assert not (tmp_path / "state").exists()


def test_a_retry_can_be_watched(tmp_path):
    """The environment sets the same flag. What is not an address is refused before anything else."""
    done = run("retry", "--state-dir", tmp_path, key="k", MASIVO_MONITOR="somewhere")
    assert (done.returncode, b"not HOST:PORT" in done.stderr) == (2, True)
