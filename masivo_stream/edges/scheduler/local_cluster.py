"""Start a cluster on this machine, and end it afterwards.

It is a process of its own, with our environment without the secrets, in a session of its own (only the parent handles
Ctrl-C). So the scheduler does not share our event loop, and a worker that is started later knows no secret either.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import msgspec

from masivo_stream.model.errors import WorkerError
from masivo_stream.model.tasks import ClusterAccess, NotStarted

_START = (
    "import sys; count = int(sys.argv[1]); sys.path[:] = sys.argv[2:];"
    " from masivo_stream.edges.scheduler.cluster_process import serve; serve(count)"
)
_SECRETS = frozenset({"MASIVO_API_KEY", "MASIVO_TOKEN"})
_START_TIME = 60.0
"""Seconds until the scheduler and its workers have started. They take two on an idle machine."""
_GRACE = 5.0
"""Seconds in which the processes must end once their input has ended. A worker that hangs is killed."""


@asynccontextmanager
async def open_cluster(workers: int) -> AsyncIterator[ClusterAccess]:
    """Start a scheduler with `workers` workers of one thread.

    Raises:
        WorkerError: they cannot be started.
    """
    with anyio.CancelScope(shield=True):  # what is started is known, so that it can be ended
        process = await _spawn(workers)
    try:
        yield await _read_access(process)
    except BaseException:
        _kill(process)  # its workers may be at work; they watch it, and end with it
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)


async def _spawn(workers: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _START, str(workers), *sys.path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in _SECRETS},
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(error.strerror or type(error).__name__) from error


async def _read_access(process: asyncio.subprocess.Process) -> ClusterAccess:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    line = b""
    with anyio.move_on_after(_START_TIME):
        line = await process.stdout.readline()
    found = msgspec.json.decode(line, type=ClusterAccess | NotStarted) if line else NotStarted("they do not come up")
    if isinstance(found, NotStarted):
        raise _not_started(found.why)
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    with anyio.move_on_after(_GRACE):
        await process.wait()
        return
    _kill(process)
    await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):  # it has ended
        process.kill()


def _not_started(why: str) -> WorkerError:
    return WorkerError(
        f"the workers of this machine cannot be started: {why}",
        operation="open the scheduler",
        place="local",
        hint="correct what the message names, or use fewer --workers; then start the same command again",
    )
