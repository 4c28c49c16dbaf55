"""Find the files of a source, and open them: plain, gzip or zstandard, as their first bytes say."""

import codecs
import glob
import io
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from masivo_stream.core.reading.decompress import Damage, Truncated, make_unpacker
from masivo_stream.core.reading.formats import Compression
from masivo_stream.model.errors import InputError
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
    """Where its bytes are."""


def find_files(source: DataSource, place: str, spooled: Path | None) -> list[SourceFile]:
    """Return the files of a source, each once, in order; `spooled` is what standard input was copied to.

    Raises:
        InputError: a file does not exist.
    """
    found: list[SourceFile] = []
    for named in source.path:
        if named == STANDARD_INPUT:
            found.append(SourceFile(named, str(spooled)))
            continue
        is_pattern = glob.has_magic(named) and not Path(named).exists()
        paths = sorted(glob.glob(named)) if is_pattern else [named]  # noqa: PTH207 - a pattern may be absolute
        if not paths or not all(Path(path).is_file() for path in paths):
            raise InputError(
                "there is no such file",
                operation=OPERATION,
                place=f"{place}: {named}",
                hint="paths are relative to the directory in which the command is started",
            )
        of_table = f":{source.table}" if source.format == "sqlite" else ""
        found += [SourceFile(f"{path}{of_table}", path) for path in paths]
    by_file: dict[str, SourceFile] = {}
    for each in found:
        by_file.setdefault(each.path if each.name == STANDARD_INPUT else os.path.realpath(each.path), each)
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
