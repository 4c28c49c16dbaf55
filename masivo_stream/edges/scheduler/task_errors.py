"""What to say if a scheduler or its workers fail: each error names the next step."""

from typing import Any

from masivo_stream.core.hand_out import GivenUp
from masivo_stream.model import errors
from masivo_stream.model.errors import BugError, MasivoStreamError, WorkerError
from masivo_stream.model.tasks import Loss, NotBegun, TaskFailed

_OPERATION = "let the workers of a scheduler work"
_SLOW = "check that the workers can read the exports, or set a longer task_timeout"
_KILLED = "check whether the workers were killed, or their memory or disk ran out"
_GOES_ON = "then start the same command again: it goes on from the answers that are there"


def not_reached(place: str, seconds: float) -> WorkerError:
    """Return the error if no connection is made."""
    return WorkerError(
        f"the scheduler cannot be reached within {seconds:g} s",
        operation="open the scheduler",
        place=place,
        hint="check that it runs at this address, and that the certificates are of one authority; then start the same"
        " command again",
    )


def scheduler_lost(place: str) -> WorkerError:
    """Return the error if the connection is lost, or no answer comes over it."""
    return WorkerError(
        "the scheduler does not answer any more",
        operation=_OPERATION,
        place=place,
        hint=f"start the scheduler and its workers again; {_GOES_ON}",
    )


def no_workers(place: str, seconds: float) -> WorkerError:
    """Return the error if no worker is left that could be asked."""
    return WorkerError(
        f"the scheduler has had no worker that answers for {seconds:g} s",
        operation=_OPERATION,
        place=place,
        hint=f"start workers for it; {_GOES_ON}",
    )


def all_hang(place: str, task_timeout: float) -> WorkerError:
    """Return the error if each worker has a task that takes too long."""
    return WorkerError(
        f"every worker has taken longer than {task_timeout:g} s for its part",
        operation=_OPERATION,
        place=place,
        hint=f"{_SLOW}; {_GOES_ON}",
    )


def name_differences(who: str, differences: list[tuple[str, str, str]], place: str) -> dict[str, Any]:
    """Return the arguments of an error that names what runs here, and there."""
    named = ", ".join(f"{name} {theirs} (here {ours})" for name, ours, theirs in differences)
    return {
        "message": f"{who} runs other versions: {named}",
        "operation": _OPERATION,
        "place": place,
        "hint": f"install the same there and here, and restart it; {_GOES_ON}",
    }


def explain_given_up(given_up: GivenUp, place: str, task_timeout: float) -> WorkerError:
    """Return the error for a task that was lost too often."""
    name = given_up.task.name
    if given_up.loss is Loss.SLOW:
        return WorkerError(
            f"{name} has taken longer than {task_timeout:g} s on several workers",
            operation=_OPERATION,
            place=place,
            hint=f"{_SLOW}; {_GOES_ON}",
        )
    return WorkerError(
        f"the workers that had {name} were lost, again and again",
        operation=_OPERATION,
        place=place,
        hint=f"{_KILLED}; {_GOES_ON}",
    )


def explain_failure(given_up: GivenUp, failed: TaskFailed | NotBegun, place: str) -> MasivoStreamError:
    """Return the error that a worker has had with a task, each time."""
    name = given_up.task.name
    if isinstance(failed, NotBegun):
        failed = TaskFailed(failed.error)
    on_worker = ", ".join(filter(None, (failed.place, f"on a worker of {place}")))
    kind = getattr(errors, failed.error, None)
    if failed.message and isinstance(kind, type) and issubclass(kind, MasivoStreamError):
        return kind(failed.message, operation=failed.operation, place=on_worker, hint=failed.hint)
    if issubclass(_builtin(failed.error), OSError | MemoryError):
        what = f"{failed.error}: {failed.message}" if failed.message else failed.error
        return WorkerError(
            f"{name} fails on the workers ({what})",
            operation=_OPERATION,
            place=on_worker,
            hint=f"{_KILLED}; {_GOES_ON}",
        )
    where = f" at {failed.place}" if failed.place else ""
    return BugError(
        f"{name} fails on the workers: {failed.error}{where}",
        operation=_OPERATION,
        place=place,
        hint="check that masivo-stream is installed there as it is here; if it is, please report this",
    )


def _builtin(name: str) -> type[BaseException]:
    """Return a class of Python's own errors, by its name."""
    import builtins  # noqa: PLC0415 - only a name that came from elsewhere needs it

    found = getattr(builtins, name, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else Exception
