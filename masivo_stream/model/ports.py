"""Ports: what the inner floors expect of the world outside, so that any implementation fits.

A protocol belongs here if two rooms that must not import each other both need it.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Protocol

from masivo_stream.model.attempt import Attempt
from masivo_stream.model.objects import ObjectFacts


class Clock(Protocol):
    """Time, passed in as an argument. `edges.clock` has the machine's clock, and a fake one for tests."""

    def now(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    def wall(self) -> datetime:
        """Return the date and time in UTC, for people."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; can be cancelled."""
        ...


class ReadAnswer(Protocol):
    """What a request to read something back came back with."""

    @property
    def attempt(self) -> Attempt:
        """The answer's status and headers, or why there is no complete answer."""
        ...

    @property
    def body(self) -> bytes:
        """The answer's body; empty without one."""
        ...


class CustomerReader(Protocol):
    """Reads customers back, within the account's general limit."""

    async def read_customer(self, customer: str) -> ReadAnswer:
        """Read one customer back.

        Raises:
            DeniedError: the API does not let us read.
        """
        ...


class TransactionReader(CustomerReader, Protocol):
    """Reads customers and their transactions back, within the account's general limit."""

    async def read_transactions(self, customer: str, year: int) -> ReadAnswer:
        """Read one customer's transactions of a year.

        Raises:
            DeniedError: the API does not let us read.
        """
        ...


class StoredExport(Protocol):
    """An export that is stored as a whole, so that any part of it can be read at any time: a file or an object."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer at the end. Other tasks wait meanwhile, so only few bytes are wanted.

        Raises:
            InputError: it is an object that was replaced, or cannot be read.
            OSError: it is a file that cannot be read.
        """
        ...

    def blocks(self, start: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` on, in blocks of at most `block_bytes`.

        Raises:
            InputError: as `read_at`.
            OSError: as `read_at`.
        """
        ...

    async def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes at these offsets and lengths, which are in ascending order.

        Raises:
            InputError: as `read_at`.
            OSError: as `read_at`.
        """
        ...


class RemoteFile(Protocol):
    """A file that is elsewhere, as it was when it was found, and has to be copied to this machine."""

    @property
    def name(self) -> str:
        """Its name as it may be shown and noted."""
        ...

    @property
    def size(self) -> int:
        """Its bytes as stored."""
        ...

    @property
    def identity(self) -> str:
        """What is another text for another content."""
        ...

    def copy(self, write: Callable[[bytes], object]) -> None:
        """Hand over its bytes, piece by piece.

        Raises:
            InputError: it was replaced, or cannot be read.
            OSError: what `write` raises.
        """
        ...


class RemoteFiles(Protocol):
    """Where a name that is a URL leads."""

    def find(self, name: str) -> Sequence[RemoteFile]:
        """Return the files that a URL, or a pattern, stands for, in order.

        Raises:
            ConfigurationError: it cannot be read from.
            InputError: it matches nothing, or there is no answer.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return the content of one small file.

        Raises:
            ConfigurationError: it cannot be read from.
            InputError: it is not there, or cannot be read.
        """
        ...


class StoredObject(StoredExport, Protocol):
    """An object in object storage, as it was when it was found."""

    facts: ObjectFacts
    on_wait: Callable[[str, str, float], None]
    """Called before each wait for object storage: the object's URL, why, and for how many seconds."""

    @property
    def shown(self) -> str:
        """The URL as it may be shown and noted."""
        ...
