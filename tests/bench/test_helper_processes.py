"""The bench's helper processes: they answer, they end with this process, and the end of a child is reported."""

import io
import os
import subprocess
import sys

import pytest

from masivo_stream.bench.helper_processes import Measurer, running_measurer, running_sink
from masivo_stream.model.bench_result import Case, Failed, Job, Measured, Stage
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import BugError

pytestmark = pytest.mark.slow

HELD = """
import time
from masivo_stream.bench.helper_processes import running_measurer, running_sink
with running_sink() as sink, running_measurer():
    sink.reset()
    print("ready", flush=True)
    time.sleep(60)
"""


def job(paths, directory):
    case = Case(kind=Kind.CUSTOMERS, stage=Stage.VALIDATE)
    return Job(case=case, paths=tuple(map(str, paths)), url="http://127.0.0.1:9", directory=str(directory))


def test_each_job_has_an_answer(tmp_path):
    """Jobs are measured one after the other; a failed job does not affect the next one."""
    export = tmp_path / "customers.ndjson"
    export.write_bytes(b"{}\n")
    with running_measurer() as measurer:
        assert isinstance(measurer.measure(job([tmp_path / "none"], tmp_path)), Failed)
        found = measurer.measure(job([export], tmp_path))
    assert isinstance(found, Measured)
    assert found.records == 1


def test_a_child_that_dies_is_reported(tmp_path):
    """A missing directory is the caller's bug: the child ends with 1, the measurer goes on."""
    with running_measurer() as measurer:
        found = measurer.measure(job([], tmp_path / "nowhere"))
        assert isinstance(found, Failed)
        assert "ended with 1" in found.message
        assert isinstance(measurer.measure(job([], tmp_path)), Measured)


def test_a_broken_pipe_to_the_measurer_is_reported(tmp_path):
    """A broken pipe is reported."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as jobs, pytest.raises(BugError):
        Measurer(jobs, io.BytesIO()).measure(job([], tmp_path))


def test_helpers_end_when_their_parent_is_killed():
    """No helper process is left."""
    argv = [sys.executable, "-c", HELD]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
        assert process.stdout.read() == process.stderr.read() == b""  # until the last process that has them open ends


def test_leaving_early_ends_the_sink():
    """An error does not wait for the sink to end by itself."""
    with pytest.raises(ZeroDivisionError), running_sink() as sink:
        raise ZeroDivisionError
    with pytest.raises(OSError, match="refused"):
        sink.reset()
