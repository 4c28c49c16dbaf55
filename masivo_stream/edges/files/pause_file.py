"""The file `pause.json` in a state directory: while it is there, the run sends nothing.

It survives the process and the machine. It is written by a command that does not own the directory, while the run's
process does, so it is put in its place as a whole, and nothing else is touched.
"""

import getpass
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from masivo_stream.edges.files.state_dir import remove_file, replace_file
from masivo_stream.model.pause import Pause

PAUSE = "pause.json"


def read_pause(directory: Path) -> Pause | None:
    """Return the pause of a state directory; None if it is not paused.

    A file that cannot be read is a pause too: it is there.
    """
    path = directory / PAUSE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pause)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return Pause(since=_changed_at(path), by="")


def _changed_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def write_pause(directory: Path, since: datetime) -> Pause:
    """Pause the run of a state directory, durably; return the pause that counts: an earlier one stays.

    Raises:
        StorageError: it cannot be written.
    """
    if (found := read_pause(directory)) is not None:
        return found
    pause = Pause(since=since, by=_who())
    replace_file(directory / PAUSE, msgspec.json.format(msgspec.json.encode(pause)) + b"\n")
    return pause


def remove_pause(directory: Path) -> bool:
    """End the pause; return whether there was one.

    Raises:
        StorageError: the file cannot be removed.
    """
    return remove_file(directory / PAUSE)


def _who() -> str:
    """Return user and host; a container may have no name for its user."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    return f"{user}@{socket.gethostname()}" if user else socket.gethostname()
