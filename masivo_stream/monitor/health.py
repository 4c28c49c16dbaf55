"""`python -m masivo_stream.monitor.health`: check that this container's monitor answers. For Docker's HEALTHCHECK.

It finds the monitor by `MASIVO_MONITOR`, like a run without the flag. If process 1 is a command without a monitor, the
result is always good. It runs every few seconds, so it imports nothing that loads slowly.
"""

import http.client
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

MONITORED = ("migrate", "retry")
"""The commands that have a monitor."""

TIMEOUT = 3.0
_OK = 200
_NEAR = {"": "127.0.0.1", "localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect for it
_FIRST_PROCESS = Path("/proc/1/cmdline")


def check(environment: Mapping[str, str], command: Iterable[str]) -> str:
    """Return what is wrong, or an empty text; `command` is the command line of the container."""
    text = environment.get("MASIVO_MONITOR", "").strip()
    if not text or not set(MONITORED).intersection(command):
        return ""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        asking = http.client.HTTPConnection(_NEAR.get(host, host), int(port), timeout=TIMEOUT)
        with closing(asking):
            asking.request("GET", "/healthz", headers={"Connection": "close"})
            status = asking.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"the monitor at {text} does not answer: {type(error).__name__}"
    return "" if status == _OK else f"the monitor at {text} answers {status}"


def main() -> str:
    """Return what is wrong in this container."""
    return check(os.environ, _FIRST_PROCESS.read_bytes().decode(errors="replace").split("\0"))


if __name__ == "__main__":
    sys.exit(main() or 0)
