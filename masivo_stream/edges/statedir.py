"""The state directory: one owner at a time, readable by nobody else.

The owner holds an OS lock (`flock`) that the kernel takes back when the process dies, however it dies: no pid file can
go stale. Files are created with their mode, not by the umask, and never through a symbolic link.
"""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masivo_stream.model.errors import ConfigurationError, StorageError

_LOCK = "lock"
JOURNAL = "journal.db"
_OPERATION = "open the state directory"


class StateDir:
    """An owned state directory. Get it from `own_state_dir`."""

    def __init__(self, path: Path) -> None:
        """Wrap an existing directory."""
        self.path = path

    @property
    def journal(self) -> Path:
        """Where the journal stands."""
        return self.path / JOURNAL

    def read_lines(self, name: str) -> list[bytes]:
        """Return the lines of a file, newlines included; none where there is none."""
        try:
            return (self.path / name).read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []

    def write(self, name: str, content: bytes) -> None:
        """Replace a file so that after a crash either the old or the new content stands there, never a torn one.

        Raises:
            StorageError: it cannot be written.
        """
        replace_file(self.path / name, content)

    def open_append(self, name: str) -> int:
        """Open a file for appending. Returns the descriptor.

        Raises:
            StorageError: it cannot be opened.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self.path / name, flags, 0o600)
        except OSError as error:
            raise _storage(self.path / name, error) from error


@contextmanager
def own_state_dir(name: str) -> Iterator[StateDir]:
    """Create the directory if need be, check that it can be trusted and written, and hold its lock.

    Raises:
        ConfigurationError: it is a link, somebody else's, not writable, or owned by another process.
    """
    path = Path(name)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise _unusable(path, "is a link or belongs to another user", "choose another --state-dir")
        if stat.S_IMODE(status.st_mode) & 0o077:
            if any(path.iterdir()) and not (path / _LOCK).exists():
                hint = "choose a directory of its own; a new one is made as it should be"
                raise _unusable(path, "holds other files and can be read by other users", hint)
            path.chmod(0o700)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a directory name"
        raise _unusable(
            path, f"cannot be used: {why}", "choose another --state-dir, or mend its permissions"
        ) from error
    try:
        _take(lock, path)
        yield StateDir(path)
    finally:
        os.close(lock)


def is_owned(path: Path) -> str | None:
    """Return who owns a state directory at this moment, None if nobody does."""
    try:
        lock = os.open(path / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(lock)
    else:
        return None
    finally:
        os.close(lock)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside `path`, make it durable, and put it in the place of `path`.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _storage(path, error) from error


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _unusable(
            path, f"is in use by {_owner(lock)}", "wait for that run to end, or choose another --state-dir"
        ) from error
    except OSError as error:
        raise _unusable(path, f"cannot be locked: {error.strerror}", "choose a local disk") from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    except OSError as error:
        raise _unusable(path, f"cannot be written: {error.strerror}", "free space, or choose another disk") from error


def _owner(lock: int) -> str:
    return os.pread(lock, 200, 0).decode("utf-8", "replace") or "another process"


def _unusable(path: Path, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"the state directory {what}", operation=_OPERATION, place=str(path), hint=hint)


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write: {error.strerror}",
        operation="write the state",
        place=str(path),
        hint="free space or mend the permissions, then start again",
    )
