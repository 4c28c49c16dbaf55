"""Start the two helper processes of the bench: the sink, and the process whose children measure.

Both run in a session of their own, so that Ctrl-C reaches only this process. Both end when their input ends, also if
this process is killed.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from typing import IO

import msgspec
from msgspec import Struct

from masivo_stream.bench.sink import BACKLOG
from masivo_stream.model.bench_result import Failed, Job, Measured
from masivo_stream.model.errors import BugError

_HOST = "127.0.0.1"
_PATIENCE = 30.0


class Counts(Struct, frozen=True):
    """The sink's counts; `cpu` is its CPU time since its start, in seconds."""

    bodies: int
    bytes: int
    cpu: float


class ServedSink:
    """A running sink."""

    def __init__(self, port: int) -> None:
        """Connect to the sink at `port`."""
        self._port = port
        self.url = f"http://{_HOST}:{port}"

    def reset(self) -> Counts:
        """Return its counts, and reset them."""
        connection = HTTPConnection(_HOST, self._port, timeout=_PATIENCE)  # ignores the proxy of the environment
        try:
            connection.request("GET", "/reset")
            return msgspec.convert(json.load(connection.getresponse()), Counts)
        finally:
            connection.close()


@contextmanager
def running_sink() -> Iterator[ServedSink]:
    """Run a sink while the context lasts.

    The socket listens before the process starts, so no code has to wait for it.
    """
    with socket.create_server((_HOST, 0), backlog=BACKLOG) as listener:
        port = listener.getsockname()[1]
        flags = ["--listener", str(listener.fileno()), "--end-with-stdin"]
        process = _start("sink", flags, pass_fds=[listener.fileno()])
    with _ending(process):
        yield ServedSink(port)


class Measurer:
    """Measures jobs, one after the other, each in a process of its own."""

    def __init__(self, jobs: IO[bytes], answers: IO[bytes]) -> None:
        """Write jobs to `jobs`, and read their results from `answers`."""
        self._jobs, self._answers = jobs, answers

    def measure(self, job: Job) -> Measured | Failed:
        """Measure one job.

        Raises:
            BugError: there was no answer.
        """
        with suppress(BrokenPipeError):  # then there is no answer either, see below
            self._jobs.write(msgspec.json.encode(job) + b"\n")
        answer = self._answers.readline()
        if not answer:
            raise BugError("the process that measures is gone", operation=f"measure {job.case.kind}: {job.case.label}")
        return msgspec.json.decode(answer, type=Measured | Failed)


@contextmanager
def running_measurer() -> Iterator[Measurer]:
    """Run a measurer while the context lasts."""
    process = _start("fork_server", [], stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        raise TypeError("both must be pipes")
    with _ending(process):
        yield Measurer(process.stdin, process.stdout)


def _start(
    module: str, flags: Sequence[str], *, stdout: int | None = None, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
        [sys.executable, "-m", f"masivo_stream.bench.{module}", *flags],
        bufsize=0,  # a line is written at once, or not at all
        stdin=subprocess.PIPE,
        stdout=stdout,
        pass_fds=pass_fds,
        start_new_session=True,
    )


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process with the context: by closing its input, or after an exception by killing its session."""
    with process:  # closes its pipes, then waits for it
        try:
            yield
        except BaseException:
            with suppress(ProcessLookupError, PermissionError):  # it has ended already
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None:
                process.stdout.read()  # until its last child has ended, so that their files can be removed
            raise
