"""Where answers of parts are: in a directory that all machines share, or in a folder in object storage."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from zlib import crc32

import anyio.to_thread

from masivo_stream.core.parts.answer_format import (
    PREFIX,
    SUFFIX,
    AnswerHeader,
    Damage,
    Frame,
    check_end,
    read_header,
    read_prefix,
)
from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_urls import is_folder_url, is_url, read_folder, shown_url
from masivo_stream.edges.files import part_files
from masivo_stream.edges.objects.find_objects import find_objects, list_folder
from masivo_stream.edges.objects.publish import publish_files
from masivo_stream.model.errors import ConfigurationError, InputError, StorageError
from masivo_stream.model.ports import StoredObject

_AT_ONCE = 8 * 1024 * 1024


class StoredAnswer(Protocol):
    """A file or an object that may hold an answer."""

    shown: str
    """Its path or URL."""

    async def size(self) -> int:
        """Return its length in bytes.

        Raises:
            OSError: it is a file that cannot be read.
            InputError: it is an object that cannot be read.
        """
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of it, fewer at its end.

        Raises:
            OSError: it is a file that cannot be read.
            InputError: it is an object that cannot be read.
        """
        ...


class _AnswerObject:
    def __init__(self, stored: StoredObject) -> None:
        self._stored = stored
        self.shown = stored.shown

    async def size(self) -> int:
        return self._stored.facts.size

    async def read(self, offset: int, length: int) -> bytes:
        end = min(self._stored.facts.size, offset + length)
        if end <= offset:
            return b""
        (content,) = await self._stored.read_spans([(offset, end - offset)])
        return content


class OpenAnswer:
    """An answer that is complete. Get it from `open_answer`."""

    def __init__(self, stored: StoredAnswer, header: AnswerHeader, body: int) -> None:
        """Read an answer whose body begins at byte `body`."""
        self.header, self.shown = header, stored.shown
        self.size = body + header.body + SUFFIX.size
        """Its length in bytes."""
        self._stored, self._body = stored, body

    async def frame(self, frame: Frame) -> bytes:
        """Return a frame of the body, compressed as it is.

        Raises:
            InputError: it cannot be read any more.
        """
        try:
            content = await self._stored.read(self._body + frame.offset, frame.length)
        except OSError as error:
            raise unreadable(self.shown, error.strerror or "it is gone") from error
        if len(content) != frame.length:
            raise unreadable(self.shown, "it was shortened")
        return content


def unreadable(place: str, why: str) -> InputError:
    """Return the error for an answer that could be read before."""
    return InputError(
        f"the answer of a part cannot be read: {why}",
        operation="take parts up",
        place=place,
    )


def check_place(place: str, flag: str) -> None:
    """Check that answers can be kept at a place: a directory, or a folder in object storage.

    Raises:
        ConfigurationError: it is a URL of something else, or of what no folder can be called.
    """
    if is_url(place) and not is_folder_url(place):
        raise ConfigurationError(
            "answers of parts are kept in a directory, or in a folder in object storage",
            operation="read the command",
            place=f"{flag} {shown_url(place)}",
            hint="name a directory that all machines share, or a folder such as s3://BUCKET/FOLDER",
        )
    if is_url(place):
        read_folder(place)


def check_writable(place: str) -> None:
    """Check that a directory is one, or can become one.

    Raises:
        ConfigurationError: there is a file in the way.
    """
    if not is_url(place) and (file := part_files.find_file(Path(place))) is not None:
        raise ConfigurationError(
            "the answer cannot be written there: this is a file, not a directory",
            operation="write the answer",
            place=str(file),
            hint="name a directory with --out, one that all machines share",
        )


async def list_answers(place: str, patience: Patience, name: str = "") -> dict[str, StoredAnswer]:
    """Return what is at a place and has the name of an answer, by name; only the answer of a `name` if one is given.

    Raises:
        ConfigurationError: the extra `cloud` is not installed.
        InputError: object storage does not answer.
        StorageError: the directory cannot be read.
    """
    if not is_url(place):
        return dict(part_files.list_answers(Path(place)))

    def look() -> list[StoredObject]:
        there = [url for url in list_folder(place, patience) if _is_answer(url.rpartition("/")[2], name)]
        return list(find_objects(there, patience))

    found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True)
    return {each.shown.rpartition("/")[2]: _AnswerObject(each) for each in found}


def _is_answer(file: str, name: str) -> bool:
    """Return whether a file or an object has the name of an answer; if a `name` is given, whether it has that one."""
    return file == name if name else file.endswith(part_files.SUFFIX)


async def put_answer(place: str, name: str, content: bytes, patience: Patience) -> None:
    """Write an answer: it is there as a whole, or not at all.

    Raises:
        ConfigurationError: the extra `cloud` is not installed.
        StorageError: it cannot be written.
    """
    if not is_url(place):
        part_files.write_answer(Path(place), name, content)
        return
    with TemporaryDirectory(prefix=".part-") as directory:
        part_files.write_answer(Path(directory), name, content)
        await publish_files(read_folder(place), [Path(directory) / name], patience)


async def open_answer(stored: StoredAnswer) -> OpenAnswer | None:
    """Return an answer if it is complete and as it was written, else None: all of its bytes are read.

    Raises:
        InputError: it is an object that cannot be read.
        StorageError: it is a file that may not be read.
    """
    try:
        size = await stored.size()
        prefix = await stored.read(0, PREFIX.size)
        length = read_prefix(prefix)
        header = read_header(await stored.read(PREFIX.size, length))
        body = PREFIX.size + length
        if size != body + header.body + SUFFIX.size:
            return None
        crc, offset, end = 0, 0, size - SUFFIX.size
        while offset < end:
            block = await stored.read(offset, min(_AT_ONCE, end - offset))
            if not block:
                return None
            crc, offset = crc32(block, crc), offset + len(block)
        check_end(await stored.read(end, SUFFIX.size), crc)
    except (Damage, FileNotFoundError):
        return None
    except OSError as error:
        raise StorageError(
            f"an answer may not be read: {error.strerror}",
            operation="take parts up",
            place=stored.shown,
            hint="answers can be read by their owner only: start the command as the owner, or let this user read them",
        ) from error
    return OpenAnswer(stored, header, body)
