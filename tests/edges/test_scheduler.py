"""Real schedulers and workers, in processes of their own: answers, losses, versions, and the end of everything."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest
import task_functions
from dask_processes import TESTS, dask_processes, make_certificates, other_installation

from masivo_stream.edges.scheduler.dask_client import open_scheduler
from masivo_stream.model.errors import BugError, InputError, WorkerError
from masivo_stream.model.settings import SchedulerSettings
from masivo_stream.model.tasks import Task

distributed = pytest.importorskip("distributed", reason="needs pip install -e '.[dev,dask]'")
dask = pytest.importorskip("dask")
pytestmark = [
    pytest.mark.slow,
    # Dask leaves sockets of failed connections to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collect_sockets():
    """While their warnings are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Settings for the environment of every side."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory, certificates):
    """A scheduler that uses TLS."""
    with dask_processes(tmp_path_factory.mktemp("cluster"), workers=0, certificates=certificates) as found:
        yield found


@pytest.fixture
def cluster(scheduler):
    """It has at least two workers."""
    while len(scheduler.workers) < 2:
        scheduler.start_worker()
    return scheduler


def configured(certificates):
    """Configure this process as the environment would."""
    names = {name: name.removeprefix("DASK_").lower().replace("__", ".").replace("_", "-") for name in certificates}
    return dask.config.set({names[name]: path for name, path in certificates.items()})


def asking(count, **more):
    return [Task(f"part {number}", number, json.dumps({"number": number, **more}).encode()) for number in range(count)]


async def compute(address, function, tasks, during=None, workers=2, **settings):
    """Return the answers by name; `during` is called with how many there are after each of them."""
    settings = SchedulerSettings(scheduler=address, **{"scheduler_timeout": 20.0, **settings})
    answers = {}
    async with (
        open_scheduler(settings, local_workers=workers) as scheduler,
        aclosing(scheduler.compute(iter(tasks), function)) as found,
    ):
        async for task, answer in found:
            assert task.name not in answers
            answers[task.name] = answer
            if during:
                during(len(answers))
    return answers


def doubled(count):
    return {f"part {number}": str(2 * number).encode() for number in range(count)}


async def test_all_tasks_are_answered_over_tls(cluster, certificates):
    """Each once, and as they are without a scheduler."""
    with configured(certificates):
        assert await compute(cluster.address, task_functions.double, asking(30)) == doubled(30)


async def test_an_error_that_passes_changes_nothing(cluster, certificates, tmp_path):
    """The task is handed out again."""
    with configured(certificates):
        tasks = asking(2, once=str(tmp_path / "once"))
        assert await compute(cluster.address, task_functions.fail_once, tasks) == doubled(2)


async def test_an_error_of_ours_arrives_as_it_is(cluster, certificates):
    """Class, place and hint: the exit code depends on it."""
    with configured(certificates), pytest.raises(InputError, match="the export changed") as error:
        await compute(cluster.address, task_functions.refuse, asking(3))
    assert (error.value.place, error.value.hint) == (
        f"customers.ndjson, on a worker of {cluster.address}",
        "export it again",
    )


async def test_an_error_of_others_quotes_nothing(cluster, certificates):
    """Neither here nor in the logs of the workers."""
    with configured(certificates), pytest.raises(BugError, match="part 0 fails on the workers: ValueError") as error:
        await compute(cluster.address, task_functions.fail, asking(1))
    assert "example.com" not in str(error.value) + error.value.place + cluster.log()


async def test_what_hangs_is_done_elsewhere(cluster, certificates, tmp_path):
    """What waits behind it, too."""
    with configured(certificates):
        tasks = [*asking(1, once=str(tmp_path / "once"), seconds=6), *asking(12)[1:]]
        found = await compute(cluster.address, task_functions.hang_once, tasks, task_timeout=2)
    assert found == doubled(12)


async def test_what_only_lost_workers_may_do_is_done_by_new_ones(cluster, certificates, tmp_path):
    """After a worker has hung, and all others were lost."""
    began = time.monotonic()

    def lose(answers):
        if len(cluster.workers) > 1 and time.monotonic() - began > 5:  # the one that hangs is avoided since two seconds
            for worker in cluster.workers:
                worker.kill()
                worker.wait()
            cluster.workers.clear()
            cluster.start_worker()

    with configured(certificates):
        tasks = [*asking(1, once=str(tmp_path / "once"), seconds=60), *asking(40, pause=0.2)[1:]]
        found = await compute(cluster.address, task_functions.hang_once, tasks, lose, task_timeout=2)
    assert found == doubled(40)


async def test_certificates_of_another_authority_are_refused(cluster, tmp_path):
    """No other program can use the scheduler."""
    others = make_certificates(tmp_path)
    with configured(others), pytest.raises(WorkerError, match="cannot be reached within 1 s"):
        await compute(cluster.address, task_functions.double, asking(1), scheduler_timeout=1.0)


async def test_a_worker_that_joins_later_with_another_source_ends_the_command(cluster, certificates, tmp_path):
    """Its answers might differ, even if it has the same version."""
    started = []

    def join(answers):
        if answers == 2:
            started.append(cluster.start_worker(**other_installation(tmp_path / "other", change="# another\n")))

    with configured(certificates), pytest.raises(WorkerError, match="runs other versions: source of") as error:
        await compute(cluster.address, task_functions.sleep, asking(400, seconds=0.05), join)
    cluster.stop_worker(started[0])
    assert "it goes on from the answers that are there" in error.value.hint


async def test_killed_workers_change_nothing(cluster, certificates):
    """Others do their tasks; new ones join."""

    def kill(answers):
        if answers == 3:
            cluster.workers[0].send_signal(signal.SIGKILL)
            cluster.workers.pop(0).wait()
            cluster.start_worker()

    with configured(certificates):
        found = await compute(cluster.address, task_functions.sleep, asking(20, seconds=0.05), kill)
    assert found == doubled(20)


LOCAL = """
import anyio
from masivo_stream.edges.scheduler.local_cluster import open_cluster

async def main():
    async with open_cluster(1):
        print("up", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


def processes_of(parent):
    """Return the processes below `parent`."""
    found = []
    for entry in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in map(int, entry.read_text().split()):
            found += [child, *processes_of(child)]
    return found


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_local_cluster_knows_no_secret_and_ends_with_its_parent():
    """Even if the parent is killed."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "MASIVO_API_KEY": "key-1", "MASIVO_TOKEN": "token-1"}
    process = subprocess.Popen([sys.executable, "-c", LOCAL], stdout=subprocess.PIPE, env=environment)
    assert process.stdout.readline() == b"up\n"
    found = processes_of(process.pid)
    assert len(found) >= 2  # the scheduler, and a worker
    for pid in found:
        known = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PATH=" in known
        assert b"key-1" not in known
        assert b"token-1" not in known
    process.kill()
    process.wait()
    process.stdout.close()
    while any(map(lives, found)):
        time.sleep(0.05)
