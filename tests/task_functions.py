"""Makes functions of tasks that workers of a scheduler find by their names: right ones, slow ones, deadly ones.

A request is JSON. What happens only once is noted in a file that the request names.
"""

import json
import os
import time
from pathlib import Path

from masivo_stream.model.errors import InputError


def double(request):
    """Return the number of the request, doubled."""
    return str(2 * json.loads(request)["number"]).encode()


def _first(asked):
    """Return whether this is the first call with this request."""
    try:
        Path(asked["once"]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def die_once(request):
    """End the worker that has it first, as a kernel without memory does."""
    if _first(json.loads(request)):
        os.kill(os.getpid(), 9)
    return double(request)


def die(request):
    """End each worker."""
    os.kill(os.getpid(), 9)


def hang_once(request):
    """Take far too long on the first worker."""
    asked = json.loads(request)
    if asked.get("once") and _first(asked):
        time.sleep(asked["seconds"])
    time.sleep(asked.get("pause", 0))
    return double(request)


def sleep(request):
    """Take the time of the request."""
    time.sleep(json.loads(request)["seconds"])
    return double(request)


def fail_once(request):
    """Fail as a disk does that comes back."""
    if _first(json.loads(request)):
        raise OSError(116, "Stale file handle", "/exports/customers.ndjson")
    return double(request)


def refuse(request):
    """Find an export that changed."""
    raise InputError(
        "the export changed", operation="read the export", place="customers.ndjson", hint="export it again"
    )


def fail(request):
    """Have an error whose text quotes a record."""
    raise ValueError("ana@example.com")
