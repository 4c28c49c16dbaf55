"""Advice of the tools around a migration (demo, generator, sandbox, bench, monitor): if it is followed, they work."""

import json
import socket
import subprocess
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from advice_tools import arrived, ask, expect_advice, make_exports, migrate, paste, taking_everything, type_in
from end_to_end_tools import COMMAND, clean_environment, run, serving

pytestmark = pytest.mark.slow

LITTLE = ("bench", "--records", "5", "--rounds", "1", "--uploaders", "1")


@contextmanager
def sandbox(*arguments):
    """Serve a sandbox as a person does; yield its URL and what it prints."""
    process = subprocess.Popen(
        [COMMAND, "sandbox", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=clean_environment(),
    )  # fmt: skip
    try:
        first = process.stderr.readline().decode()
        yield first.removeprefix("sandbox at ").strip(), first + process.stderr.readline().decode()
    finally:
        process.terminate()
        process.stderr.close()
        assert process.wait(300) == 0


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        (
            ("demo", "--records", "0"),
            "use --records of 1 or more, and --invalid from 0 to 0.9",
            ("demo", "--records", "1"),
        ),
        (
            ("demo", "--invalid", "1"),
            "use --records of 1 or more, and --invalid from 0 to 0.9",
            ("demo", "--records", "1", "--invalid", "0.9"),
        ),
        (
            (*LITTLE, "--workers", "0"),
            "use --records and --rounds of 1 or more, --uploaders and --workers from 1 to {…}",
            (*LITTLE, "--workers", "1"),
        ),
        (
            (*LITTLE, "--customers", "-"),
            "write the export to a file first",
            (*LITTLE, "--customers", "customers.ndjson"),
        ),
        (
            (*LITTLE, "--target", "https://app.masivo.ai/api"),
            "name a server of your own, or leave --target out",
            LITTLE,
        ),
        ((*LITTLE, "--directory", "nowhere"), "choose another --directory", (*LITTLE, "--directory", "place")),
        ((*LITTLE, "--svg", "place"), "choose another file", (*LITTLE, "--svg", "place/bench.svg")),
        (
            ("generate", "customers", "--records", "5", "-o", "nowhere/c"),
            "choose another file",
            ("generate", "customers", "--records", "5", "-o", "place/c"),
        ),
    ],
)  # fmt: skip
def test_a_tool_works_as_its_hint_says(wrong, says, right, tmp_path):
    """With the suggested number, file or place, the command ends well."""
    make_exports(tmp_path, kinds=["customers"])
    (tmp_path / "place").mkdir()
    done = run(*wrong, cwd=tmp_path)
    assert done.returncode in {2, 6}
    expect_advice(done, says)
    done = run(*right, cwd=tmp_path)
    assert done.returncode == (3 if "0.9" in right else 0), done.stderr


def test_a_target_accepts_every_batch(served, tmp_path):
    """With its key, and one round with one number of uploaders, a server that remembers can be measured."""
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text(served.key)
    wrong = ["bench", "--records", "5", "--rounds", "2", "--uploaders", "1", "2", "--target", served.url]
    text = (
        "a target has to take every batch: give --api-key-file if it asks for a key, and --rounds 1 with a single"
        " number of --uploaders if it remembers what it has taken"
    )
    done = run(*wrong)
    assert done.returncode == 7
    expect_advice(done, text)
    done = run(*LITTLE, "--target", served.url, "--api-key-file", key)
    assert done.returncode == 0, done.stderr
    assert set(served.ledger()["customers"].values()) == {1}


@pytest.mark.parametrize("way", ["answered", "--yes"])
def test_another_machine_is_measured_after_a_yes(way, tmp_path):
    """Without a yes nothing was sent. With it, the target receives the records."""
    with taking_everything(tmp_path) as (url, certificate, taken):
        command, trust = [*LITTLE, "--target", url], {"SSL_CERT_FILE": str(certificate)}
        for done in (run(*command, **trust), type_in(command, "no", **trust)):
            assert (done.returncode, taken) == (2, [])
            expect_advice(done, "answer yes, or give --yes")
        done = type_in(command, "yes", **trust) if way == "answered" else run(*command, "--yes", **trust)
        assert done.returncode == 0, done.stderr
        assert len(taken) == 3


# The sandbox.


def test_the_first_lines_of_the_sandbox_are_pasted(tmp_path):
    """The line with its key and address is pasted, with an export instead of the dots: the export arrives."""
    make_exports(tmp_path, kinds=["customers"])
    with sandbox("--visible-after", "0") as (url, said):
        done = subprocess.CompletedProcess([], 0, b"", said.encode())
        expect_advice(done, "sandbox at {…}\n  MASIVO_API_KEY={…} masivo-stream migrate --base-url {…} ...\n")
        line = said.splitlines()[1].replace("...", "--customers customers.ndjson")
        done = paste(line, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        _, ledger = ask(urlsplit(url).port, "/__sandbox/ledger")
    assert json.loads(ledger)["customers"] == {"c0": 1, "c1": 1, "c2": 1}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (("--port", "99999"), ("--port", "0")),
        (("--visible-after", "-1"), ("--visible-after", "0")),
        (("--token-lifetime", "0"), ("--token-lifetime", "0.1")),
    ],
)
def test_a_number_of_the_sandbox_is_corrected_as_its_hint_says(wrong, right):
    """Then the sandbox serves."""
    done = run("sandbox", *wrong)
    assert done.returncode == 2
    expect_advice(done, "use --port from 0 to 65535, --visible-after of 0 or more, and --token-lifetime above 0")
    with sandbox(*right) as (url, _):
        assert url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("wrong", "shows", "right"),
    [
        (("--limits", "sometimes"), b"1/5s,1000/h", ("--limits", "1/5s,1000/h")),
        (("--fault", "explode"), b"status=503,applied=yes,rate=0.1,on=events", ("--fault", "status=503,rate=0.1")),
    ],
)
def test_the_help_of_the_sandbox_shows_an_example(wrong, shows, right):
    """For each there is an example. Written like the example, the sandbox serves."""
    done = run("sandbox", *wrong)
    assert done.returncode == 2
    expect_advice(done, "see masivo-stream sandbox --help")
    shown = paste("masivo-stream sandbox --help", COLUMNS="300")
    assert (shown.returncode, shows in shown.stdout) == (0, True)
    with sandbox(*right) as (url, _):
        assert url


def test_a_misspelt_fault_gets_the_suggested_name():
    """With the nearest name, the sandbox serves."""
    done = run("sandbox", "--fault", "trottle,on=events")
    assert done.returncode == 2
    (name,) = expect_advice(done, '; did you mean "{…}"?')
    with sandbox("--fault", f"{name},on=events") as (url, _):
        assert url


def test_the_sandbox_takes_another_port(tmp_path):
    """If the port is taken, another one works, or 0 for a free one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        done = run("sandbox", "--port", taken.getsockname()[1])
        assert done.returncode == 2
        expect_advice(done, "choose another --port (0 takes a free port)")
        with sandbox("--port", "0") as (url, _):
            assert url


def test_the_port_file_is_written_in_an_existing_directory(tmp_path):
    """In a directory that exists, the file is written."""
    done = run("sandbox", "--port-file", tmp_path / "nowhere" / "port")
    assert done.returncode == 2
    expect_advice(done, "name a file in a directory that exists and is yours")
    with sandbox("--port-file", tmp_path / "port") as (url, _):
        assert f":{(tmp_path / 'port').read_text().strip()}/" in url


@pytest.mark.parametrize("way", ["a new file", "the other stopped"])
def test_a_store_belongs_to_one_sandbox(way, tmp_path):
    """Another file works, or the same one after the other sandbox has ended: what was stored is still there."""
    make_exports(tmp_path, kinds=["customers"])
    store = tmp_path / "store"
    with serving(tmp_path, "--limits", "none", "--store", store) as served:
        assert migrate(served, tmp_path).returncode == 0
        done = run("sandbox", "--store", store)
        assert done.returncode == 2
        expect_advice(done, "name a new file, or stop the other sandbox that uses it")
        if way == "a new file":
            with serving(tmp_path, "--limits", "none", "--store", tmp_path / "new") as other:
                assert other.ledger()["customers"] == {}
    if way != "a new file":
        with serving(tmp_path, "--limits", "none", "--store", store) as again:
            arrived(again, tmp_path)


def test_a_flag_admits_other_machines():
    """Another address needs the flag, and so does another name in a request."""
    done = run("sandbox", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert done.returncode == 2
    text = (
        "the sandbox listens on this machine only, not on {…}: its key is public, so it takes data from anyone; add"
        " --allow-remote if you mean it"
    )
    expect_advice(done, text)

    box = {"Host": "box.example"}
    with sandbox("--visible-after", "0") as (url, _):
        status, said = ask(urlsplit(url).port, "/__sandbox/health", headers=box)
    assert status == 403
    assert "this sandbox answers to the names of its own machine only (--allow-remote)" in said.decode()
    with sandbox("--host", "0.0.0.0", "--allow-remote") as (url, _):  # noqa: S104 - for a moment
        status, _ = ask(urlsplit(url).port, "/__sandbox/health", headers=box)
    assert status == 200


# The monitor.


@pytest.mark.parametrize("form", ["{port}", "127.0.0.1:{port}", "[::1]:{port}", "0"])
def test_the_monitor_accepts_each_of_the_suggested_forms(form, served, tmp_path):
    """With a port, an address with a port, or 0, the run says where it can be watched, and everything arrives."""
    make_exports(tmp_path, kinds=["customers"])
    done = migrate(served, tmp_path, "--monitor", "somewhere")
    assert done.returncode == 2
    expect_advice(done, "write it like 8080 (this machine only), 127.0.0.1:8080 or [::1]:8080; 0 takes a free port")
    family, host = (socket.AF_INET6, "::1") if "::1" in form else (socket.AF_INET, "127.0.0.1")
    try:
        with closing(socket.create_server((host, 0), family=family)) as free:
            port = free.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no such address")
    done = migrate(served, tmp_path, "--monitor", form.format(port=port))
    assert done.returncode == 0, done.stderr
    assert b"monitor_listens" in done.stderr
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["another", "0"])
def test_the_monitor_takes_another_port(way, served, tmp_path):
    """Nothing was started. With another port, or 0, everything arrives."""
    make_exports(tmp_path, kinds=["customers"])
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = migrate(served, tmp_path, "--monitor", port)
        assert (done.returncode, (tmp_path / "state").exists()) == (2, False)
        expect_advice(
            done,
            "another program may be using that port: choose another one (0 takes a free port); nothing was started",
        )
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            free = other.getsockname()[1]
        assert migrate(served, tmp_path, "--monitor", free if way == "another" else 0).returncode == 0
    arrived(served, tmp_path)
