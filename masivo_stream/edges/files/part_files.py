"""Answers of parts in a directory that several machines share.

An answer is written under a temporary name and renamed when it is complete and durable, so a file with the name of an
answer is complete, unless the disk has damaged it. Two machines may write the same answer: its bytes are the same.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

SUFFIX = ".answer"


class AnswerFile:
    """An answer in a directory."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`."""
        self._path = path
        self.shown = str(path)

    async def size(self) -> int:
        """Return its length in bytes.

        Raises:
            OSError: it cannot be read.
        """
        return self._path.stat().st_size

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of it, fewer at its end.

        Raises:
            OSError: it cannot be read.
        """
        with self._path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), length, offset)


def list_answers(directory: Path) -> dict[str, AnswerFile]:
    """Return the answers in a directory by their names; none if there is no such directory.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        return {path.name: AnswerFile(path) for path in sorted(directory.iterdir()) if path.name.endswith(SUFFIX)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(
            f"the answers of parts cannot be read: {error.strerror}",
            operation="take parts up",
            place=str(directory),
            hint="check the path and its permissions",
        ) from error


def find_file(directory: Path) -> Path | None:
    """Return what is no directory on the way to a directory, or in its place; None if nothing is."""
    existing = next((path for path in (directory, *directory.parents) if path.exists()), directory)
    return existing if existing.exists() and not existing.is_dir() else None


def write_answer(directory: Path, name: str, content: bytes) -> None:
    """Write an answer; the directory is created if it is not there. Others on the machine cannot read it.

    Raises:
        StorageError: it cannot be written.
    """
    temporary = directory / f".{name}.{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(directory / name)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync(directory)
    except OSError as error:
        raise StorageError(
            f"the answer of the part cannot be written: {error.strerror}",
            operation="validate a part",
            place=str(directory),
            hint=remedy_of(
                error, "free space there, or correct the path and its permissions; then start the same command again"
            ),
        ) from error


def _sync(directory: Path) -> None:
    """Make a rename durable; some network file systems cannot, and need not."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
