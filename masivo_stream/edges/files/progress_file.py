"""What a run at work shows of itself to other processes: the file that `status` reads.

It is written a few times a minute, and removed when the run ends. It is a view, and nothing depends on it: it is not
made durable, and if it cannot be written, nothing is shown. It holds counts, moments and names of kinds, and nothing of
a record.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.edges.files.state_dir import owner_of_this_process
from masivo_stream.model.snapshot import RunSnapshot

PROGRESS = "progress.json"


class _Noted(Struct, frozen=True):
    owner: str
    run: RunSnapshot


def write_progress(state_dir: Path, run: RunSnapshot) -> None:
    """Show a snapshot of this process's run to others, without its time line and its anomalies."""
    lean = msgspec.structs.replace(run, time_line=(), anomalies=())
    path = state_dir / PROGRESS
    temporary = path.with_name(f".{PROGRESS}.new")
    with suppress(OSError):
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.write(msgspec.json.encode(_Noted(owner_of_this_process(), lean)))
        temporary.replace(path)


def remove_progress(state_dir: Path) -> None:
    """Show nothing any more."""
    with suppress(OSError):
        (state_dir / PROGRESS).unlink(missing_ok=True)


def read_progress(state_dir: Path, owner: str) -> RunSnapshot | None:
    """Return what the run of the process `owner` shows last; None if it shows nothing."""
    try:
        noted = msgspec.json.decode((state_dir / PROGRESS).read_bytes(), type=_Noted)
    except (OSError, ValueError):
        return None
    return noted.run if noted.owner == owner else None
