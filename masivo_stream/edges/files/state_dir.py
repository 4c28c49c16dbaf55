"""The state directory: one owner at a time, not readable by other users.

The owner holds an OS lock (`flock`) that the kernel releases when the process dies, however it dies: there is no pid
file that can go stale. Files are created with their mode, not by the umask, and never through a symbolic link.
"""

import errno
import fcntl
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from masivo_stream.edges.files.counted_file import checksum
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.short_disk import remedy_of

_LOCK = "lock"
JOURNAL = "journal.db"
_OF_A_RUN = ("in-doubt.", "retry-", "taken-back-", "report.")
_OURS = (
    JOURNAL,
    "dead-letter.",
    "skipped.",
    "in-doubt.",
    "retry-",
    "taken-back-",
    "report.",
    "progress.",
    "listed-days.",
    "findings.",
    "mend-",
    "undone-",
)
_CORRECT = "correct the permissions of that file, then start again"
_NAME_ONE = "name the directory that you meant with --state-dir"

DISK_FAILS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The errors of a disk or a machine that is short of something; any other error is about how a directory is set up."""

_WORDS = b"{"
"""How last words begin, and no owner's name."""
_BLOCK = 4096
"""Bytes that a file that is not empty has on its disk already."""

_GLANCES, _GLANCE = 4, 0.025
_OPERATION = "open the state directory"


class StateDir:
    """An owned state directory. Get it from `own_state_dir`."""

    JOURNAL = JOURNAL

    def __init__(self, path: Path, *, fsync: Callable[[int], None] = os.fsync) -> None:
        """Wrap an existing directory; `fsync` makes a file or a directory durable."""
        self.path = path
        self._fsync = fsync
        self.last_words = b""
        """What the lock file holds when this process has released it: what stopped the last process that could leave no
        report. There is room for it on a full disk."""

    @property
    def journal(self) -> Path:
        """The path of the journal."""
        return self.path / JOURNAL

    def read(self, name: str) -> bytes:
        """Return a file's bytes; empty if there is no such file.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _storage(self.path / name, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Replace a file; after a crash it holds either the old or the new content, never a torn one.

        Raises:
            StorageError: it cannot be written.
        """
        replace_file(self.path / name, content, fsync=self._fsync)

    def check_journal(self) -> None:
        """Check that a run's journal is there where other files of a run are: without it all would be sent again.

        Raises:
            ConfigurationError: it is not.
        """
        if self.journal.exists() and self.journal.stat().st_size:
            return
        left = [path.name for path in self.path.iterdir() if path.name.startswith(_OF_A_RUN)]
        if left:
            raise ConfigurationError(
                f"the journal is gone, but a run has left {', '.join(sorted(left))}",
                operation=_OPERATION,
                place=str(self.path),
                hint="restore journal.db from a copy of the directory: nothing else records what was sent",
            )

    def put_aside(self, name: str) -> None:
        """Move the files of the run into a directory `name-N` of their own, the journal last.

        Raises:
            StorageError: they cannot be moved; called again, it moves the rest.
        """
        number = 1
        while (self.path / f"{name}-{number}" / JOURNAL).exists():
            number += 1
        place = self.path / f"{name}-{number}"
        files = [path for path in self.path.iterdir() if path.is_file() and path.name.startswith(_OURS)]
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            for path in sorted(files, key=lambda path: path.name == JOURNAL):
                path.rename(place / path.name)
            for directory in (place, self.path):
                _sync_directory(directory, self._fsync)
        except OSError as error:
            raise _storage(place, error) from error

    def checksum(self, name: str, length: int) -> tuple[int, int]:
        """Return the length and the CRC-32 of a file's first `length` bytes.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            with (self.path / name).open("rb", buffering=0) as file:
                return checksum(file.fileno(), length)
        except FileNotFoundError:
            return 0, 0
        except OSError as error:
            raise _storage(self.path / name, error) from error

    def size(self, name: str) -> int:
        """Return the bytes of a file; 0 if it is not there, or cannot be looked at."""
        try:
            return (self.path / name).stat().st_size
        except OSError:
            return 0

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def rename(self, name: str, new: str) -> None:
        """Give a file another name, durably; a file of that name is replaced.

        Raises:
            StorageError: it cannot be renamed.
        """
        try:
            _rename(self.path / name, self.path / new, self._fsync)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _storage(self.path / name, error) from error

    def cut(self, name: str) -> None:
        """Empty a file, if it is there.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            os.truncate(self.path / name, 0)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _storage(self.path / name, error) from error

    def lines(self, name: str, length: int | None = None, *, begin: int = 0) -> Iterator[bytes]:
        """Yield the lines of a file, with newlines, from a byte on, or of `length` bytes; none if there is no file.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            with (self.path / name).open("rb") as file:
                file.seek(begin)
                left = length if length is not None else sys.maxsize
                while left > 0 and (line := file.readline(left)):
                    left -= len(line)
                    yield line
        except FileNotFoundError:
            return
        except OSError as error:
            raise _storage(self.path / name, error) from error

    def create(self, name: str, lines: Iterable[bytes]) -> None:
        """Write a file, line by line, and make it durable.

        Raises:
            StorageError: it cannot be written.
        """
        with self.creating(name) as write:
            write(lines)

    @contextmanager
    def creating(self, name: str) -> Iterator[Callable[[Iterable[bytes]], None]]:
        """Yield a function that writes lines to a new file, which is durable when the context ends.

        Raises:
            StorageError: it cannot be written.
        """
        path = self.path / name
        try:
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                yield file.writelines
                file.flush()
                self._fsync(file.fileno())
            _sync_directory(self.path, self._fsync)
        except BaseException as error:  # half a file is worse than no file, and takes room on a full disk
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _storage(path, error) from error
            raise

    def open_append(self, name: str) -> int:
        """Open a file for reading and appending. Returns the descriptor.

        Raises:
            StorageError: it cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(self.path / name, flags, 0o600)
        except OSError as error:
            if error.errno in DISK_FAILS:
                raise _storage(self.path / name, error) from error
            raise _unusable(
                self.path / name, f"holds a file that cannot be written: {error.strerror}", _CORRECT
            ) from error

    def append(self, file: int, name: str, text: bytes) -> None:
        """Append a text to a file that `open_append` has opened.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            left = memoryview(text)
            while left:
                left = left[os.write(file, left) :]
        except OSError as error:
            raise _storage(self.path / name, error) from error


_WAIT = "wait for that run to end, then start the same command again; a different migration needs its own --state-dir"


@contextmanager
def own_state_dir(name: str, *, if_in_use: str = _WAIT) -> Iterator[StateDir]:
    """Create the directory if it is not there, check that it can be trusted and written, and hold its lock.

    Args:
        name: of the directory.
        if_in_use: the hint if another process owns it.

    Raises:
        ConfigurationError: it is a link, another user's, not writable, or owned by another process.
        StorageError: the disk is full, or fails.
    """
    path = Path(name)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise _unusable(path, "is a link or belongs to another user", _NAME_ONE)
        if stat.S_IMODE(status.st_mode) & 0o077:
            if any(path.iterdir()) and not (path / _LOCK).exists():
                hint = (
                    "name a directory that holds nothing else with --state-dir; a new directory is created with the"
                    " right permissions"
                )
                raise _unusable(path, "holds other files and can be read by other users", hint)
            path.chmod(0o700)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in DISK_FAILS:
            raise _storage(path, error) from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise _unusable(path, f"is not a directory: {error.strerror}", _NAME_ONE) from error
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a directory name"
        hint = f"correct its permissions, or {_NAME_ONE}"
        if getattr(error, "errno", None) == errno.EROFS:  # permissions are not what is wrong
            hint = remedy_of(error, hint)
        raise _unusable(path, f"cannot be used: {why}", hint) from error
    try:
        state = StateDir(path)
        state.last_words = _take(lock, path, if_in_use)
        try:
            yield state
        finally:
            with suppress(OSError):
                _replace(lock, state.last_words[:_BLOCK])
    finally:
        os.close(lock)


def make_private_directory(path: Path) -> Path:
    """Make a directory that other users cannot read, if it is not there yet; return its path.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _storage(path, error) from error
    return path


def is_owned(path: Path) -> str | None:
    """Return which process owns a state directory at this moment, None if no process does."""
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


def read_last_words(path: Path) -> bytes:
    """Return what stopped the last process that owned a state directory; empty if it left a report, or was killed."""
    try:
        words = (path / _LOCK).read_bytes()
    except OSError:
        return b""
    return words if words.startswith(_WORDS) else b""


def replace_file(path: Path, content: bytes | Iterable[bytes], *, fsync: Callable[[int], None] = os.fsync) -> None:
    """Write a file beside `path`, make it durable, and put it in the place of `path`.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(file, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.writelines((content,) if isinstance(content, bytes) else content)
            stream.flush()
            fsync(stream.fileno())
        temporary.replace(path)
        _sync_directory(path.parent, fsync)
    except OSError as error:
        raise _storage(path, error) from error
    except BaseException:  # a part of the content could not be had
        temporary.unlink(missing_ok=True)
        raise


def _rename(old: Path, new: Path, fsync: Callable[[int], None]) -> None:
    old.rename(new)
    _sync_directory(new.parent, fsync)


def remove_file(path: Path, *, fsync: Callable[[int], None] = os.fsync) -> bool:
    """Remove a file durably; return whether it was there.

    Raises:
        StorageError: it cannot be removed.
    """
    try:
        path.unlink()
        _sync_directory(path.parent, fsync)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _storage(path, error) from error
    return True


def _sync_directory(path: Path, fsync: Callable[[int], None]) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fsync(directory)
    finally:
        os.close(directory)


def _take(lock: int, path: Path, if_in_use: str) -> bytes:
    """Take the lock, and note who holds it; return what the last process has left in the file."""
    try:
        _lock(lock)
    except BlockingIOError as error:
        raise _unusable(path, f"is in use by {_owner(lock)}", if_in_use) from error
    except OSError as error:
        raise _unusable(path, f"cannot be locked: {error.strerror}", "choose a local disk") from error
    try:
        left = os.pread(lock, _BLOCK, 0)
        _replace(lock, owner_of_this_process().encode())
    except OSError as error:
        raise _storage(path, error) from error
    return left


def _replace(lock: int, content: bytes) -> None:
    """Write over what is in the file: on a full disk, what was given back could not be had again."""
    os.pwrite(lock, content, 0)
    os.ftruncate(lock, len(content))


def owner_of_this_process() -> str:
    """Return how this process is named where it owns a state directory."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _lock(lock: int) -> None:
    """Take the lock. A process that only looks (`is_owned`) holds it for a moment: wait for it."""
    for _ in range(_GLANCES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_GLANCE)
        else:
            return
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(lock: int) -> str:
    name = os.pread(lock, 200, 0)
    return "another process" if name.startswith(_WORDS) or not name else name.decode("utf-8", "replace")


def _unusable(path: Path, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"the state directory {what}", operation=_OPERATION, place=str(path), hint=hint)


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write: {error.strerror}",
        operation="write the state",
        place=str(path),
        hint=remedy_of(error, "free up disk space, or correct the permissions, then start again"),
    )
