"""A worker's end: run the function of a task, and send back its result.

No error leaves a worker as it is: Dask would write it into the worker's log together with its arguments, and errors of
libraries may quote a record.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

import masivo_stream
from masivo_stream.edges.scheduler.installed import installed
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.tasks import Answered, Differs, Installed, TaskFailed, TaskResult

Function = Callable[[bytes], bytes]
"""A function of a module, without side effects."""


def run_task(function: Function, request: bytes, expected: dict[str, str], topic: str, ticket: int) -> bytes:
    """Return the `TaskResult` of `function`, as bytes, unless this process runs other versions than are expected.

    Its begin is an event of the scheduler under `topic`, so that a task that hangs is not taken for one that waits.
    """
    here = installed()
    if here.differences(Installed(expected)):
        return msgspec.msgpack.encode(Differs(here))
    _begin(topic, ticket)
    return msgspec.msgpack.encode(_run(function, request))


def _run(function: Function, request: bytes) -> TaskResult:
    try:
        return Answered(function(request))
    except MasivoStreamError as error:
        return TaskFailed(type(error).__name__, str(error), error.operation, error.place, error.hint)
    except OSError as error:
        return TaskFailed(type(error).__name__, error.strerror or "", place=str(error.filename or ""))
    except Exception as error:  # noqa: BLE001 - whatever it is, its text stays here
        return TaskFailed(type(error).__name__, place=_where(error))


def _where(error: Exception) -> str:
    """Return the place in our source where an error was raised."""
    ours = Path(masivo_stream.__file__).parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(ours):
            return f"{path.relative_to(ours)}, line {frame.lineno}"
    return ""


def _begin(topic: str, ticket: int) -> None:
    from distributed import get_worker  # noqa: PLC0415 - only a worker has it, and it takes half a second

    with suppress(ValueError):  # not in a worker
        worker = get_worker()
        worker.log_event(topic, {"ticket": ticket, "worker": worker.address})
