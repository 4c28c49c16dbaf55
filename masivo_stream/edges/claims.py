"""Claims: runs on this machine do not send the same export to the same account side by side.

A state directory's lock keeps two runs apart that share it. Two runs with a state directory each know nothing of each
other, and would send every record twice. So they meet in a directory of the user's (`shared_dir`): a lock an export and
account, named by hashes, held by `flock` for the life of the process. Files in it are empty of secrets and of personal
data, and may be deleted when no run is at work.
"""

import base64
import binascii
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from masivo_stream.model.errors import ConfigurationError

_GLANCES, _GLANCE = 20, 0.025

_PASSING = frozenset({"iat", "exp", "nbf", "jti"})
"""Claims of a token that change with every one (RFC 7519 4.1); the others tell whose it is."""


def default_shared_dir(environment: Mapping[str, str]) -> Path:
    """Return where the user's runs meet (XDG Base Directory Specification: user-specific state)."""
    home = environment.get("XDG_STATE_HOME") or ""
    return (Path(home) if home.startswith("/") else Path("~/.local/state").expanduser()) / "masivo-stream"


def name_account(base_url: str, *, api_key: str | None, token: str | None) -> str:
    """Return a name for the account behind a secret, from which the secret cannot be told."""
    owner = api_key or _owner(token or "")
    return hashlib.blake2b(
        f"{base_url.rstrip('/')}\0{owner}".encode("utf-8", "surrogatepass"), digest_size=12
    ).hexdigest()


def _owner(token: str) -> str:
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header, payload, signature
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=dict)
    except (ValueError, binascii.Error, RecursionError):
        return token
    lasting = {name: claim for name, claim in claims.items() if name not in _PASSING}
    return msgspec.json.encode(lasting, order="sorted").decode() if lasting else token


@contextmanager
def claim(directory: Path, account: str, exports: Iterable[str], *, state_dir: str) -> Iterator[bool]:
    """Hold the account's exports while inside; tells whether other runs are at work on the account.

    Raises:
        ConfigurationError: another run is sending one of them to this account.
        OSError: the directory cannot be used.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as files:
        for path, status in {(at.st_dev, at.st_ino): (path, at) for path, at in _look_at(exports)}.values():
            try:
                lock = _own(directory / f"{account}-{status.st_dev}-{status.st_ino}.lock", files)
            except _OwnedError as error:
                raise ConfigurationError(
                    f"the export is being sent to this account by {error}",
                    operation="claim the export",
                    place=path,
                    hint="two runs would send every record twice: wait for it, or stop it and go on there",
                ) from None
            who = f"process {os.getpid()} on {socket.gethostname()} (state directory {Path(state_dir).absolute()})"
            os.pwrite(lock, who.encode("utf-8", "replace"), 0)
        yield _share(_open(directory / f"{account}.lock", files))


def _look_at(exports: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    return ((path, Path(path).stat()) for path in exports)


class _OwnedError(Exception):
    """Another process has the lock; says which."""


def _own(path: Path, files: ExitStack) -> int:
    """Take a lock file of its own, that goes when the lock does."""
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
        os.close(lock)  # its owner has just removed it: what stands there now is another file


def _is(file: int, path: Path) -> bool:
    """Tell whether `file` is what stands at `path` now."""
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
    """Join those who hold the lock; tell whether there are others."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        others = True
    else:
        others = False
    for _ in range(_GLANCES):  # who holds it alone does so for a moment, to ask the same question
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_GLANCE)
        else:
            break
    return others
