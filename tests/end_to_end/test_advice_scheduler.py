"""Advice about schedulers and their workers is followed to a good end: the same command goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from advice_tools import expect_advice, make_exports, named
from dask_processes import TESTS, DaskProcesses, make_certificates, other_installation
from end_to_end_tools import KINDS, clean_environment, expected_ledger, run, wait_until

from masivo_stream.core.hand_out import MOST_TRIES

pytest.importorskip("distributed", reason="needs pip install -e '.[dev,dask]'")
pytestmark = pytest.mark.slow
FAULTY = ("--no-nanny", "--preload", str(TESTS / "dask_faults.py"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with exports, and the working directory."""
    monkeypatch.chdir(tmp_path)
    return make_exports(tmp_path)


@pytest.fixture
def cluster(tmp_path):
    """Processes of Dask, none of which is started yet."""
    with started(tmp_path) as found:
        yield found


@contextmanager
def started(directory, certificates=None):
    (directory / "dask").mkdir()
    found = DaskProcesses(directory / "dask", certificates, forked=True)
    try:
        yield found
    finally:
        found.stop()


def validate(here, scheduler, **environment):
    environment = {"MASIVO_SCHEDULER_TIMEOUT": "20", **environment}
    return run("validate", *named(here), "--scheduler", scheduler, "--state-dir", here / "state", **environment)


def in_background(*arguments, **environment):
    """Run a command beside the test; return a function that waits for its end."""
    done = []
    thread = threading.Thread(target=lambda: done.append(validate(*arguments, **environment)))
    thread.start()

    def end():
        thread.join()
        return done[0]

    return end


def check_complete(done):
    assert done.returncode == 0, done.stderr


def test_a_scheduler_is_named_as_the_hint_says(here, tmp_path):
    """With TLS, unless it is on this machine; and with certificates, by the variables that the hint names."""
    certificates = make_certificates(tmp_path)
    done = validate(here, "remote")
    assert done.returncode == 2
    expect_advice(done, "use local, tls://HOST:PORT, or tcp://HOST:PORT on this machine")
    done = validate(here, "tcp://192.0.2.1:8786")
    assert done.returncode == 2
    expect_advice(done, "start the scheduler and its workers with certificates, and name it as tls://HOST:PORT")
    with started(tmp_path, certificates) as cluster:
        cluster.start_scheduler()
        cluster.start_worker()
        done = validate(here, cluster.address)
        assert done.returncode == 2
        said = "set {…} to the paths of PEM files, or the same in Dask's configuration file"
        (variables,) = expect_advice(done, said)
        check_complete(validate(here, cluster.address, **{name: certificates[name] for name in variables.split(", ")}))


def test_a_scheduler_is_started_and_then_its_workers(here, cluster):
    """Each hint names what is not there yet."""
    cluster.start_scheduler()
    port = int(cluster.address.rpartition(":")[2])
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    done = validate(here, cluster.address, MASIVO_SCHEDULER_TIMEOUT="0.3")
    assert done.returncode == 6
    expect_advice(
        done,
        "check that it runs at this address, and that the certificates are of one authority; then start the same"
        " command again",
    )
    cluster.start_scheduler(port=port)
    done = validate(here, cluster.address, MASIVO_SCHEDULER_TIMEOUT="0.3")
    assert done.returncode == 6
    expect_advice(
        done,
        "start workers for it; then start the same command again: it goes on from the answers that are there",
    )
    cluster.start_worker()
    check_complete(validate(here, cluster.address))


def test_a_lost_scheduler_is_started_again(here, cluster):
    """The same command then does what is left."""
    cluster.start_scheduler()
    worker = cluster.start_worker()
    wait_until(lambda: "Registered to" in cluster.log())
    worker.send_signal(signal.SIGSTOP)
    end = in_background(here, cluster.address)
    wait_until(lambda: "established connection" in cluster.log().partition("Receive client connection")[2])
    time.sleep(0.5)  # the client has its answer now; without it, it would say that there was no scheduler at all
    cluster.scheduler.kill()
    done = end()
    assert done.returncode == 6
    expect_advice(
        done,
        "start the scheduler and its workers again; then start the same command again: it goes on from the answers that"
        " are there",
    )
    worker.kill()
    cluster.start_scheduler()
    cluster.start_worker()
    check_complete(validate(here, cluster.address))


@pytest.fixture
def large(tmp_path, generated, monkeypatch):
    """A directory with an export that takes a worker a while."""
    monkeypatch.chdir(tmp_path)
    return generated("events", "--records", 12_000)


def test_a_worker_that_hangs_goes_on_with_more_time(large, cluster):
    """After a look at what it waits for."""
    cluster.start_scheduler()
    worker = cluster.start_worker(*FAULTY, FAULT="stop")
    done = validate(large, cluster.address, MASIVO_TASK_TIMEOUT="0.5")
    worker.send_signal(signal.SIGCONT)
    assert done.returncode == 6
    expect_advice(
        done,
        "check that the workers can read the exports, or set a longer task_timeout; then start the same command again:"
        " it goes on from the answers that are there",
    )
    check_complete(validate(large, cluster.address, MASIVO_TASK_TIMEOUT="60"))


def test_workers_that_are_killed_are_kept_alive(here, cluster):
    """If each of them is lost with the same part, the command ends; with one that stays, it is complete."""
    cluster.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    end = in_background(here, cluster.address)
    for _ in range(MOST_TRIES):
        cluster.start_worker(*FAULTY, FAULT="die").wait()
    done = end()
    cluster.start_worker()
    assert done.returncode == 6
    expect_advice(
        done,
        "check whether the workers were killed, or their memory or disk ran out; then start the same command again: it"
        " goes on from the answers that are there",
    )
    check_complete(validate(here, cluster.address))


def test_workers_have_the_same_installed(here, cluster, tmp_path):
    """Other versions are refused; a scheduler that lacks our code is named, too."""
    cluster.start_scheduler(**other_installation(tmp_path / "broken", broken=True))
    worker = cluster.start_worker(**other_installation(tmp_path / "old", version="0.0.1"))
    done = validate(here, cluster.address)
    assert done.returncode == 2
    assert b"masivo-stream 0.0.1 (here 0.1.0)" in done.stderr
    expect_advice(
        done,
        "install the same there and here, and restart it; then start the same command again: it goes on from the"
        " answers that are there",
    )
    cluster.stop_worker(worker)
    cluster.start_worker()
    done = validate(here, cluster.address)
    assert done.returncode == 1
    expect_advice(done, "check that masivo-stream is installed there as it is here; if it is, please report this")
    cluster.stop()
    cluster.start_scheduler()
    cluster.start_worker()
    check_complete(validate(here, cluster.address))


def test_local_workers_start_when_the_cause_is_corrected(here):
    """The message names it: here a directory that cannot be there."""
    done = validate(here, "local", DASK_TEMPORARY_DIRECTORY="/proc/none", MASIVO_WORKERS="1")
    assert done.returncode == 6
    assert b"/proc/none" in done.stderr
    expect_advice(done, "correct what the message names, or use fewer --workers; then start the same command again")
    check_complete(validate(here, "local", MASIVO_WORKERS="1"))


def test_an_export_is_renamed_for_the_workers(here, cluster):
    """A name that is no text cannot be sent to them."""
    cluster.start_scheduler()
    cluster.start_worker()
    odd = Path(os.fsdecode(b"ca\xf1as.ndjson"))
    (here / "customers.ndjson").rename(odd)
    more = ("--scheduler", cluster.address, "--state-dir", here / "state")
    done = run("validate", "--customers", odd, *more)
    assert done.returncode == 2
    expect_advice(done, "rename the file, and name it as it is called then")
    odd.rename("customers.ndjson")
    check_complete(run("validate", "--customers", "customers.ndjson", *more))


def timeless(kinds):
    return {name: {key: value for key, value in kind.items() if key != "finished_at"} for name, kind in kinds.items()}


def test_plan_takes_up_what_validate_has_had_made(here, cluster, served):
    """Without workers, until an answer is damaged; then they make that one again. `migrate` sends each record once."""
    cluster.start_scheduler()
    cluster.start_worker()
    check_complete(validate(here, cluster.address))
    cluster.stop()
    asked = ["plan", *named(here), "--state-dir", here / "state", "--json"]
    unreachable = {"MASIVO_SCHEDULER_TIMEOUT": "0.3"}
    done = run(*asked, "--scheduler", cluster.address, **unreachable)
    check_complete(done)
    alone = run(*asked, "--workers", "1")
    assert timeless(json.loads(done.stdout)["kinds"]) == timeless(json.loads(alone.stdout)["kinds"])
    (answer,) = (here / "state" / "parts").iterdir()
    answer.write_bytes(answer.read_bytes()[:-9])
    assert run(*asked, "--scheduler", cluster.address, **unreachable).returncode == 6
    cluster.start_scheduler()
    cluster.start_worker()
    check_complete(run(*asked, "--scheduler", cluster.address))
    done = served.migrate(here, "--scheduler", cluster.address, "--parts", here / "state" / "parts", state="other")
    check_complete(done)
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(here)


def test_a_preparation_names_a_directory_for_its_parts(tmp_path, monkeypatch, cluster):
    """Its workers make what is missing there; the exports are those of one process, byte by byte."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TESTS / "prepare" / "samples" / "shopify", "src")
    for arguments in (["--init", "shopify", "src", "-o", "mapping.toml"], ["mapping.toml", "-o", "alone"]):
        assert run("prepare", *arguments).returncode == 0
    cluster.start_scheduler()
    cluster.start_worker()
    asked = ["prepare", "mapping.toml", "-o", "export", "--scheduler", cluster.address]
    done = run(*asked)
    assert done.returncode == 2
    expect_advice(done, "name one that all of them share: --parts parts")
    assert run(*asked, "--parts", "parts").returncode == 0
    assert len([*Path("parts").glob("share-*")]) == 2
    for name in ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv", "prepare.json"):
        alone, together = (Path(folder, name) for folder in ("alone", "export"))
        assert alone.exists() == together.exists()
        assert not alone.exists() or alone.read_bytes() == together.read_bytes()
    cluster.stop()
    assert run(*asked, "--parts", "parts").returncode == 0  # everything is there


def test_dask_is_installed(here):
    """One line says how."""
    code = "import sys; sys.modules['distributed'] = None; from masivo_stream.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "validate", *named(here), "--scheduler", "local"],
        check=False,
        capture_output=True,
        env=clean_environment(),
    )
    assert done.returncode == 2
    expect_advice(done, "pip install 'masivo-stream[dask]'")
