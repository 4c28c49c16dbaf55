"""What an interrupted comparison of totals by day has read from the account, so that the next one can go on.

The first line is a key: what was compared. Each further line is one day. They hold days, counts and sums, and nothing
of a record. The file is no part of the run: a line that cannot be read is asked for again.
"""

import os
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from masivo_stream.edges.files.state_dir import StateDir

LISTED_DAYS = "listed-days.ndjson"

DayT = TypeVar("DayT")


class _ListedDay(Struct, Generic[DayT]):
    day: int
    listed: DayT


class ListedDaysFile(Generic[DayT]):
    """Read it to its end first, then append to it."""

    def __init__(self, state: StateDir, key: str, schema: type[DayT]) -> None:
        """Go on if the file has this key, else begin a new one."""
        self._state, self._key = state, key
        self._decode = msgspec.json.Decoder(_ListedDay[schema]).decode  # type: ignore[valid-type]  # a type at run time
        self._file: int | None = None

    def read(self) -> Iterator[tuple[int, DayT]]:
        """Yield the days that were read before.

        Raises:
            StorageError: the file cannot be read.
        """
        lines = self._state.lines(LISTED_DAYS)
        if next(lines, b"").rstrip(b"\n") != self._key.encode():
            self._state.remove(LISTED_DAYS)
            return
        for line in lines:
            try:
                found = self._decode(line)
            except ValueError:  # the last one, of a process that was killed
                continue
            yield found.day, found.listed

    def append(self, day: int, listed: DayT) -> None:
        """Note a day.

        Raises:
            StorageError: it cannot be written.
        """
        line = b"\n" + msgspec.json.encode({"day": day, "listed": listed})
        if self._file is None:
            self._file = self._state.open_append(LISTED_DAYS)
            if not os.fstat(self._file).st_size:
                line = self._key.encode() + line
        self._state.append(self._file, LISTED_DAYS, line)

    def finish(self) -> None:
        """Remove the file: everything was compared."""
        self._state.remove(LISTED_DAYS)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
