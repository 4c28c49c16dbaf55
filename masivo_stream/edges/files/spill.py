"""A spill: numbers that do not fit into memory, divided into parts, on disk until they are read again.

All parts are in one file, block after block, so one descriptor is enough however many parts there are. The file has no
name: it is removed when it is created, so nothing of it is left, however the process ends.
"""

import os
import tempfile
from array import array
from pathlib import Path
from typing import Self

from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

_FULL = "free space there, then start the same command again; or leave the checks out: --skip-checks all"
_OF_PART = "free space there, or divide the exports into more parts; then start the same command again"


class Spill:
    """Add numbers of 64 bits to parts, then load the parts one by one. Use it as a context."""

    def __init__(self, parts: int, directory: Path | None, expected: int = 0, *, of_part: bool = False) -> None:
        """Divide into `parts`; the file is in `directory`, or where temporary files are.

        About `expected` bytes will be added, 0 if that is not known: an error names it if the disk is full. `of_part`:
        checks cannot be left out.

        Raises:
            StorageError: it cannot be created.
        """
        self._place = directory or Path(tempfile.gettempdir())
        self._expected, self._of_part = expected, of_part
        self._blocks: list[array[int]] = [array("q") for _ in range(parts)]
        """Offset and length of each block, by part."""
        self._end = 0
        try:
            self._file, name = tempfile.mkstemp(prefix=".checks-", dir=self._place)  # readable by its owner only
            Path(name).unlink()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the file, which frees its space."""
        os.close(self._file)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._end

    @property
    def parts(self) -> int:
        """The number of parts."""
        return len(self._blocks)

    def add(self, part: int, numbers: "array[int]") -> None:
        """Add numbers to a part.

        Raises:
            StorageError: they cannot be written.
        """
        begin = self._end
        try:
            with memoryview(numbers) as words, words.cast("B") as content:
                while (done := self._end - begin) < len(content):
                    self._end += os.pwrite(self._file, content[done:], self._end)
        except OSError as error:
            raise self._failed(error) from error
        self._blocks[part].extend((begin, self._end - begin))

    def load(self, part: int) -> "array[int]":
        """Return the numbers of a part, in the order in which they were added.

        Raises:
            StorageError: they cannot be read.
        """
        numbers, blocks = array("q"), self._blocks[part]
        try:
            for begin, length in zip(blocks[::2], blocks[1::2], strict=True):
                numbers.frombytes(os.pread(self._file, length, begin))
        except OSError as error:
            raise self._failed(error) from error
        return numbers

    def _failed(self, error: OSError) -> StorageError:
        size = f" (about {-(-self._expected // 1_000_000):,} MB in all)" if self._expected else ""
        return StorageError(
            f"cannot keep what the checks need on disk{size}: {error.strerror}",
            operation="check the exports as a whole",
            place=str(self._place),
            hint=remedy_of(error, _OF_PART if self._of_part else _FULL),
        )
