"""The notes of purchases that this machine has sent, in files that only grow: one for each process that sent any.

A file has a head, which says whose notes these are, and blocks: the notes of one accepted batch each, with a checksum.
A process that dies while it writes leaves a part of a block, which no reader takes for notes. Only two numbers in the
head change later: up to where notes are unsure since a revert, and whether notes are missing because the disk was full.

The salt is beside the files. Nothing of a record can be read from a note without it, and with it only whether a certain
purchase of a certain customer was sent.
"""

import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.core.sent_purchases import CONTENT_CHECK, NOTE_BYTES
from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

NAME = "purchases"
"""The directory of these files."""
_SALT, _SALT_BYTES = "salt", 32
_SUFFIX = ".notes"
_MOST_FILES = 100_000

_HEAD = struct.Struct(">8sQQII")
"""Magic; up to where notes are unsure; whether notes are missing; length and CRC-32 of what follows."""
_MAGIC = b"MSpurch1"
_UNSURE_AT, _MISSING_AT = 8, 16
_NUMBER = struct.Struct(">Q")
_BLOCK = struct.Struct(">4sII")
"""Magic; length and CRC-32 of the notes that follow."""
_BLOCK_MAGIC = b"NOTE"
_MOST_BLOCK = 1 << 24
"""No batch has as many notes: a longer block is damage."""


class Whose(Struct, frozen=True, kw_only=True):
    """Whose notes a file holds."""

    journal: str
    """The id of the run's journal."""
    names: tuple[str, ...]
    """The names of the account, as `edges.secret.name_receiver` makes them."""
    state_dir: str
    at: str
    """When the first batch was accepted, ISO 8601."""
    content_check: int = CONTENT_CHECK
    salt_check: int = 0
    """A checksum of the salt."""


class NotesFile(Struct, frozen=True, kw_only=True):
    """A file of notes, as its head says."""

    path: Path
    whose: Whose
    begin: int
    """Where the first block is."""
    size: int
    unsure_before: int = 0
    """A revert may have taken back what was noted before this offset."""
    missing: bool = False
    """Whether its process could not note all that was accepted."""


class DamagedError(Exception):
    """A file cannot be read further; what was read of it before is right."""


class NotesWriter:
    """Writes the notes of one process. Use `create_notes`."""

    def __init__(self, file: int, path: Path, end: int, most_bytes: int) -> None:
        """Append to the open `file` from `end` on, up to `most_bytes` more."""
        self._file, self._path, self._end, self._left = file, path, end, most_bytes

    def append(self, notes: bytes) -> None:
        """Write the notes of a batch.

        Raises:
            StorageError: they cannot be written; the head says then that notes are missing.
        """
        block = _BLOCK.pack(_BLOCK_MAGIC, len(notes), zlib.crc32(notes)) + notes
        try:
            if len(block) > self._left:
                raise _failed(
                    "there are as many as remember_purchases allows",
                    "raise it, or remove files that are no longer needed from the directory purchases in shared_dir",
                )
            try:
                _write(self._file, block, self._end)
            except OSError as error:
                raise _failed(
                    error.strerror or str(error),
                    remedy_of(error, "free up disk space for shared_dir: later runs note purchases again"),
                ) from error
        except StorageError:
            with suppress(OSError):
                os.pwrite(self._file, _NUMBER.pack(1), _MISSING_AT)
            raise
        self._end += len(block)
        self._left -= len(block)

    def close(self) -> None:
        """Make everything durable if the disk allows it, and close the file."""
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)


def take_salt(shared: Path) -> bytes:
    """Return the salt of this machine's notes; the first process makes it.

    Raises:
        OSError: it cannot be read or made.
        StorageError: it is damaged.
    """
    directory = shared / NAME
    path = directory / _SALT
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = directory / f".{_SALT}-{secrets.token_hex(8)}"
        try:
            file = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                _write(file, secrets.token_bytes(_SALT_BYTES), 0)
                os.fsync(file)
            finally:
                os.close(file)
            with suppress(FileExistsError):  # another process was first
                os.link(mine, path)
        finally:
            mine.unlink(missing_ok=True)
    return read_salt(shared)


def read_salt(shared: Path) -> bytes:
    """Return the salt; empty if there is no salt, so that no notes can be compared.

    Raises:
        OSError: it cannot be read.
        StorageError: it is damaged.
    """
    try:
        salt = (shared / NAME / _SALT).read_bytes()
    except FileNotFoundError:
        return b""
    if len(salt) != _SALT_BYTES:
        raise _failed(
            "the salt is damaged",
            "remove the directory purchases from shared_dir: it is of no use now, and the next run makes a new one",
        )
    return salt


def create_notes(shared: Path, whose: Whose, salt: bytes, most_notes: int) -> NotesWriter:
    """Create a file for the notes of this process; all files together may hold `most_notes`.

    Raises:
        OSError: it cannot be created.
    """
    directory = shared / NAME
    used = sum(path.stat().st_size for path in directory.glob(f"*{_SUFFIX}"))
    whose = msgspec.structs.replace(whose, salt_check=zlib.crc32(salt))
    facts = msgspec.json.encode(whose)
    head = _HEAD.pack(_MAGIC, 0, 0, len(facts), zlib.crc32(facts)) + facts
    file, path = _create(directory, whose.journal)
    try:
        _write(file, head, 0)
    except BaseException:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    return NotesWriter(file, path, len(head), most_notes * NOTE_BYTES - used)


def _create(directory: Path, journal: str) -> tuple[int, Path]:
    for number in range(_MOST_FILES):
        path = directory / f"{journal}-{number}{_SUFFIX}"
        with suppress(FileExistsError):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(path, flags, 0o600), path
    raise OSError(f"more than {_MOST_FILES} files of one run")


def list_notes(shared: Path, salt: bytes) -> tuple[list[NotesFile], list[Path]]:
    """Return all files of notes by their names, and those that cannot be read.

    Raises:
        OSError: the directory cannot be read.
    """
    files, damaged = [], []
    for path in sorted((shared / NAME).glob(f"*{_SUFFIX}")):
        try:
            file = _read_head(path)
        except FileNotFoundError:  # another process has removed it
            continue
        except (OSError, DamagedError):
            damaged.append(path)
            continue
        if file is None:
            continue
        if file.whose.salt_check == zlib.crc32(salt):
            files.append(file)
        else:
            damaged.append(path)
    return files, damaged


def _read_head(path: Path) -> NotesFile | None:
    """Return what the head of a file says, None if its process has not written it yet, or died before."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        begin = file.read(_HEAD.size)
        if len(begin) < _HEAD.size:
            return None
        magic, unsure, missing, length, crc = _HEAD.unpack(begin)
        if magic != _MAGIC or length > size:
            raise DamagedError
        facts = file.read(length)
    if zlib.crc32(facts) != crc:
        raise DamagedError
    try:
        whose = msgspec.json.decode(facts, type=Whose)
    except msgspec.DecodeError:  # a later version of the program wrote it
        raise DamagedError from None
    return NotesFile(
        path=path,
        whose=whose,
        begin=_HEAD.size + length,
        size=size,
        unsure_before=unsure,
        missing=bool(missing),
    )


def read_notes(file: NotesFile) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the notes of each block of a file. A part of a block at its end is left out.

    Raises:
        OSError: it cannot be read.
        DamagedError: what follows is damaged.
    """
    at = file.begin
    with file.path.open("rb") as opened:
        opened.seek(at)
        while len(begin := opened.read(_BLOCK.size)) == _BLOCK.size:
            magic, length, crc = _BLOCK.unpack(begin)
            if magic != _BLOCK_MAGIC or length > _MOST_BLOCK or length % NOTE_BYTES:
                raise DamagedError
            notes = opened.read(length)
            if len(notes) < length:
                return
            if zlib.crc32(notes) != crc:
                raise DamagedError
            yield at, notes
            at += _BLOCK.size + length


def forget_notes(shared: Path, journal: str) -> None:
    """Remove the notes of a run: the account has nothing of it any more.

    Raises:
        OSError: they cannot be removed.
    """
    for path in (shared / NAME).glob(f"{journal}-*{_SUFFIX}"):
        path.unlink(missing_ok=True)


def doubt_notes(files: Iterable[NotesFile]) -> None:
    """Note that a revert may have taken back some of what is noted in files until now.

    Raises:
        OSError: it cannot be noted.
    """
    for file in files:
        _set_unsure(file, None)


def trust_notes(files: Iterable[NotesFile]) -> None:
    """Undo `doubt_notes` in files that were listed before: nothing was taken back.

    Raises:
        OSError: it cannot be undone.
    """
    for file in files:
        _set_unsure(file, file.unsure_before)


def _set_unsure(file: NotesFile, before: int | None) -> None:
    try:
        opened = os.open(file.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:  # the run was taken back as a whole
        return
    try:
        os.pwrite(opened, _NUMBER.pack(os.fstat(opened).st_size if before is None else before), _UNSURE_AT)
        os.fsync(opened)
    finally:
        os.close(opened)


def _write(file: int, content: bytes, at: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


def _failed(why: str, hint: str) -> StorageError:
    return StorageError(
        f"the purchases that were sent cannot be remembered: {why}",
        operation="remember purchases",
        place=NAME,
        hint=hint,
    )
