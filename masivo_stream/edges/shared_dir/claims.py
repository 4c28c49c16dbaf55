"""Claims: two runs on this machine do not send the same export to the same account at the same time.

The lock of a state directory keeps apart two runs that share it. Two runs with a state directory each know nothing of
each other, and would send every record twice. So they meet in a directory of the user (`shared_dir`): one lock per
export and account, named by hashes, held by `flock` for the life of the process. The lock files hold no secret and no
personal data, and may be deleted while no run is at work.
"""

import fcntl
import hashlib
import os
import pwd
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.model.errors import ConfigurationError

_GLANCES, _GLANCE = 20, 0.025


def default_shared_dir(environment: Mapping[str, str]) -> Path:
    """Return where the user's runs meet (XDG Base Directory Specification: user-specific state).

    Raises:
        ConfigurationError: the user has no home directory.
    """
    state = environment.get("XDG_STATE_HOME") or ""
    if state.startswith("/"):
        return Path(state) / "masivo-stream"
    home = environment.get("HOME") or ""
    if not home.startswith("/"):  # a relative path would be another place each time
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            raise ConfigurationError(
                "there is no home directory that the runs on this machine can share",
                operation="find the shared directory",
                place="HOME",
                hint="set HOME or XDG_STATE_HOME to an absolute path, or name a directory as shared_dir",
            ) from None
    return Path(home) / ".local/state/masivo-stream"


@contextmanager
def claim(directory: Path, account: str, exports: Iterable[str], *, state_dir: str) -> Iterator[bool]:
    """Hold the account's exports while inside; yields whether other runs are at work on the account.

    Raises:
        ConfigurationError: another run is sending one of them to this account.
        OSError: the directory cannot be used.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as files:
        for place, path in {_place(path): path for path in exports}.items():
            try:
                lock = _own(directory / f"{account}-{place}.lock", files)
            except _OwnedError as error:
                raise ConfigurationError(
                    f"the export is being sent to this account by {error}",
                    operation="claim the export",
                    place=path,
                    hint="two runs would send every record twice: wait for that run, or stop it and continue in its"
                    " state directory",
                ) from None
            who = f"process {os.getpid()} on {socket.gethostname()} (state directory {Path(state_dir).absolute()})"
            os.pwrite(lock, who.encode("utf-8", "replace"), 0)
        yield _share(_open(directory / f"{account}.lock", files))


def _place(path: str) -> str:
    """Return what all names of a file have in common; of an object, a digest of its URL."""
    if is_url(path):
        return hashlib.blake2b(path.encode(), digest_size=16).hexdigest()
    status = Path(path).stat()
    return f"{status.st_dev}-{status.st_ino}"


class _OwnedError(Exception):
    """Another process has the lock; the message names it."""


def _own(path: Path, files: ExitStack) -> int:
    """Take a lock file that is removed together with the lock."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(lock, path):
                files.callback(os.close, lock)
                files.callback(path.unlink, missing_ok=True)  # before the lock is given back
                return lock
        except BlockingIOError:
            owner = os.pread(lock, 500, 0).decode("utf-8", "replace")
            os.close(lock)
            raise _OwnedError(owner) from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # its owner has just removed it: what is there now is another file


def _is(file: int, path: Path) -> bool:
    """Return whether `file` is what is at `path` now."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file), there)


def _open(path: Path, files: ExitStack) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    files.callback(os.close, lock)
    return lock


def _share(lock: int) -> bool:
    """Join the processes that hold the lock; return whether there are others."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        others = True
    else:
        others = False
    for _ in range(_GLANCES):  # a process that holds it alone asks the same question, and holds it for a moment only
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_GLANCE)
        else:
            break
    return others
