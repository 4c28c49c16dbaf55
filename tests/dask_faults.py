"""Makes a Dask worker die or stop while it has a task: `dask worker --preload` imports this file in the worker.

The variable FAULT says which: `die` when a task begins, `stop` a little after the task has opened an export. The
process itself does it, so that it happens on a busy machine, too.
"""

import os
import signal
import threading
import time
from pathlib import Path

from distributed import WorkerPlugin

AT_WORK = 0.02
"""Seconds of CPU after which a worker stops: it has begun, and a large part is not done."""


class Fault(WorkerPlugin):
    """Waits for the first task."""

    def __init__(self):
        self.is_first = True

    def transition(self, key, start, finish, **more):
        """Hear of each step of a task."""
        if finish == "executing" and os.environ["FAULT"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif finish == "executing" and self.is_first:
            self.is_first = False
            threading.Thread(target=stop_at_work).start()


def stop_at_work():
    """Stop this process soon after it has opened an export."""
    while not any(map(is_export, Path("/proc/self/fd").iterdir())):
        time.sleep(0.001)
    began = time.process_time()
    while time.process_time() - began < AT_WORK:  # on a busy machine it takes longer
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGSTOP)


def is_export(entry):
    """Return whether an open file is an export."""
    try:
        return entry.readlink().suffix == ".ndjson"
    except OSError:
        return False


async def dask_setup(worker):
    """Add the fault to a worker that starts."""
    await worker.plugin_add(plugin=Fault(), name="fault")
