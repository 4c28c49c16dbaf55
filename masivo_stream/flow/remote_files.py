"""Files in object storage for commands that read files on this machine: they are copied, piece by piece."""

from collections.abc import Callable, Sequence
from contextlib import aclosing

import anyio

from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.edges.objects.find_objects import find_objects, list_folder, read_object
from masivo_stream.flow.look_up import patience_of
from masivo_stream.model.ports import RemoteFile, StoredObject
from masivo_stream.model.settings import RetrySettings

_BLOCK_BYTES = 1 << 20


class ObjectToCopy:
    """An object as it was found: a `RemoteFile`."""

    def __init__(self, stored: StoredObject) -> None:
        """Copy this object."""
        self._stored = stored

    @property
    def name(self) -> str:
        """Its URL as it may be shown and noted."""
        return self._stored.shown

    @property
    def size(self) -> int:
        """Its bytes as stored."""
        return self._stored.facts.size

    @property
    def identity(self) -> str:
        """Its ETag, or its time of change if it has none."""
        facts = self._stored.facts
        return facts.etag or str(facts.modified_ns)

    def copy(self, write: Callable[[bytes], object]) -> None:
        """Hand over its bytes, piece by piece.

        Raises:
            InputError: it was replaced, or cannot be read.
            OSError: what `write` raises.
        """
        anyio.run(self._copy, write)

    async def _copy(self, write: Callable[[bytes], object]) -> None:
        async with aclosing(self._stored.blocks(0, _BLOCK_BYTES)) as blocks:
            async for block in blocks:
                write(block)


class ObjectStorage:
    """Object storage as the place of some files: `RemoteFiles`."""

    def __init__(self, retry: RetrySettings) -> None:
        """Wait for it as these settings say, but not longer than a person does at the start of a command."""
        self._patience = patience_of(retry).at_start

    def find(self, name: str) -> Sequence[RemoteFile]:
        """Return the objects that a URL, or a pattern, stands for, in order.

        Raises:
            ConfigurationError: the URL cannot be read from, or the extra `cloud` is not installed.
            InputError: it matches nothing, or storage does not answer.
        """
        return [ObjectToCopy(each) for each in find_objects([name], self._patience)]

    def read(self, name: str) -> bytes:
        """Return the content of one small object.

        Raises:
            ConfigurationError: the URL cannot be read from, or the extra `cloud` is not installed.
            InputError: it is not there, or cannot be read.
        """
        return read_object(name)


def names_in(directory: str) -> list[str] | None:
    """Return the URLs of the objects in a folder, in order, none if it is empty; None if the name is no URL.

    Raises:
        ConfigurationError: the folder cannot be listed, or the extra `cloud` is not installed.
        InputError: storage does not answer.
    """
    return list_folder(directory, patience_of(RetrySettings())) if is_url(directory) else None
