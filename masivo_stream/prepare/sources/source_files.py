"""Find the files of a source, and open them: plain, gzip or zstandard, as their first bytes say."""

import codecs
import glob
import hashlib
import io
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from masivo_stream.core.reading.decompress import Damage, Truncated, make_unpacker
from masivo_stream.core.reading.formats import Compression
from masivo_stream.core.reading.object_urls import is_url, shown_url
from masivo_stream.model.errors import InputError
from masivo_stream.model.ports import RemoteFile, RemoteFiles
from masivo_stream.prepare.mapping.frame import STANDARD_INPUT, DataSource

OPERATION = "read the sources"

SeenBytes = Callable[[int], None]
"""Called with the number of stored bytes that were read since the last call."""


def ignore_bytes(_count: int) -> None:
    """Show no progress."""


BLOCK_BYTES = 1 << 20

_MAGIC = {b"\x1f\x8b": Compression.GZIP, b"\x28\xb5\x2f\xfd": Compression.ZSTANDARD}
COMPRESSED = tuple(_MAGIC)
"""The first bytes of files that are compressed."""


class SourceFile(Struct, frozen=True):
    """One file of a source."""

    name: str
    """As a person named it, with the table of an SQLite file; `-` for standard input."""
    path: str
    """Where its bytes are, or will be when it was copied."""
    remote: RemoteFile | None = None
    """What is copied to the path while the file is read."""

    @property
    def size(self) -> int:
        """Bytes as stored."""
        return Path(self.path).stat().st_size if self.remote is None else self.remote.size


class FileSpaces(Struct, frozen=True):
    """Where the bytes of sources are that are no files on this machine."""

    spooled: Path | None = None
    """What standard input was copied to."""
    copies: Path | None = None
    """The directory to which remote files are copied."""
    remote: RemoteFiles | None = None


def find_files(source: DataSource, place: str, spaces: FileSpaces) -> list[SourceFile]:
    """Return the files of a source, each once, in order.

    Raises:
        ConfigurationError: a URL cannot be read from.
        InputError: a file does not exist, or object storage does not answer.
    """
    found: list[SourceFile] = []
    of_table = f":{source.table}" if source.format == "sqlite" else ""
    for named in source.path:
        if spaces.remote is not None and spaces.copies is not None and is_url(named):
            for remote in spaces.remote.find(named):
                copy = spaces.copies / hashlib.sha256(remote.name.encode()).hexdigest()
                found.append(SourceFile(f"{remote.name}{of_table}", str(copy), remote))
            continue
        if named == STANDARD_INPUT:
            found.append(SourceFile(named, str(spaces.spooled)))
            continue
        is_pattern = glob.has_magic(named) and not Path(named).exists()
        paths = sorted(glob.glob(named)) if is_pattern else [named]  # noqa: PTH207 - a pattern may be absolute
        if not paths or not all(Path(path).is_file() for path in paths):
            raise InputError(
                "there is no such file",
                operation=OPERATION,
                place=f"{place}: {shown_url(named)}",
                hint="paths are relative to the directory in which the command is started",
            )
        found += [SourceFile(f"{path}{of_table}", path) for path in paths]
    by_file: dict[str, SourceFile] = {}
    for file in found:
        by_file.setdefault(file.path if file.name == STANDARD_INPUT else os.path.realpath(file.path), file)
    return list(by_file.values())


def read_blocks(file: SourceFile, seen: SeenBytes = ignore_bytes) -> Generator[bytes]:
    """Yield the plain bytes of a file.

    Raises:
        InputError: it cannot be read, is damaged or cut off.
    """
    try:
        with Path(file.path).open("rb") as stored:
            head = stored.read(4)
            kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), Compression.PLAIN)
            stored.seek(0)
            unpacker = make_unpacker(kind, BLOCK_BYTES)
            while block := stored.read(BLOCK_BYTES):
                seen(len(block))
                yield from unpacker.feed(block)
            unpacker.finish()
    except OSError as error:
        raise _unreadable(file, f"cannot be read: {error.strerror}", "check that it exists and can be read") from error
    except (*Damage, Truncated) as error:
        raise _unreadable(file, "is damaged or cut off", "copy it again, or export it again") from error


class BlockStream(io.RawIOBase):
    """The plain bytes of a file, as a stream that a text layer can read."""

    def __init__(self, file: SourceFile, seen: SeenBytes) -> None:
        """Read from the beginning."""
        self._blocks = read_blocks(file, seen)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer: Python has a name for them from 3.12 on
        """Fill the buffer with what comes next; 0 at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    *((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),  # before UTF-16, whose mark begins this one
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)


@contextmanager
def open_text(
    file: SourceFile, encoding: str, seen: SeenBytes = ignore_bytes, newline: str = ""
) -> Iterator[io.TextIOWrapper]:
    """Open a file as text with its own line ends: any, or only those that `newline` names.

    Bytes that the encoding does not have become lone surrogates.

    Raises:
        InputError: its first bytes say that it has another encoding, or it ends within a character.
    """
    name = codecs.lookup(encoding).name
    marked = _marked_encoding(file)
    if marked and not name.startswith(marked):
        raise _unreadable(
            file, f"begins with the mark of {marked}, and is read as {encoding}", f'say encoding = "{marked}"'
        )
    encoding = {"utf-8": "utf-8-sig", "utf-16-le": marked, "utf-16-be": marked}.get(name) or encoding
    blocks = io.BufferedReader(BlockStream(file, seen), BLOCK_BYTES)
    with io.TextIOWrapper(blocks, encoding=encoding, errors="surrogateescape", newline=newline) as text:
        try:
            yield text
        except UnicodeDecodeError as error:
            what = f"is not {encoding}, or is cut off within a character"
            raise _unreadable(file, what, "name its encoding in the mapping, or export it again") from error


def _marked_encoding(file: SourceFile) -> str:
    """Return the encoding that the first bytes of a file name; empty if they name none."""
    blocks = read_blocks(file)
    with closing(blocks):
        head = next(blocks, b"")[:4]
    return next((each for mark, each in _MARKS if head.startswith(mark)), "")


def _unreadable(file: SourceFile, what: str, hint: str) -> InputError:
    return InputError(what, operation=OPERATION, place=file.name, hint=hint)
