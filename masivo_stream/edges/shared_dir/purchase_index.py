"""An index over notes of purchases: on disk, so memory stays flat however many there are.

The notes are divided by their keys into parts, each part is sorted by itself, and a table in memory says where in the
file a small group of keys begins: 8 bytes for some 64 notes. To find a key, one read of about a kilobyte is enough. The
files have no names, so nothing of them is left, however the process ends.

Notes with the number of their run are sorted as they are: keys come first, and are spread evenly.
"""

import os
import struct
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from masivo_stream.core.sent_purchases import KEY_BYTES, NOTE_BYTES

_PART_NOTES = 1 << 16
"""Notes that are sorted at once: some 6 MB as objects."""
_GROUP_NOTES = 64
_KEY_BITS = 8 * KEY_BYTES
_NUMBER_BYTES = 2
MOST_RUNS = 1 << 8 * _NUMBER_BYTES
_ENTRY_BYTES = NOTE_BYTES + _NUMBER_BYTES
_split_notes = struct.Struct(f"{NOTE_BYTES}s").iter_unpack
_split_entries = struct.Struct(f"{_ENTRY_BYTES}s").iter_unpack
_CONTENT = slice(KEY_BYTES, NOTE_BYTES)

Match = tuple[int, int]
"""The content of a note, and the number of the run that left it."""


class PurchaseIndex:
    """A finished index; `build_index` makes one."""

    def __init__(self, file: int, starts: "array[int]", bits: int) -> None:
        """Use the entries in `file`, grouped by the first `bits` bits of their keys; each group begins at its start."""
        self._file, self._starts, self._shift = file, starts, _KEY_BITS - bits

    def __len__(self) -> int:
        """Return the number of notes."""
        return self._starts[-1]

    def close(self) -> None:
        """Close the file, which frees its space."""
        os.close(self._file)

    def find(self, keys: Sequence[bytes]) -> dict[int, list[Match]]:
        """Return the notes of each key, by its index in `keys`.

        Raises:
            OSError: the file cannot be read.
        """
        file, starts, shift, read, number = self._file, self._starts, self._shift, os.pread, int.from_bytes
        found = {}
        for index, key in enumerate(keys):
            group = number(key, "big") >> shift
            begin = starts[group]
            entries = read(file, _ENTRY_BYTES * (starts[group + 1] - begin), _ENTRY_BYTES * begin)
            if key in entries and (matches := list(_matches(entries, key))):
                found[index] = matches
        return found


def _matches(entries: bytes, key: bytes) -> Iterator[Match]:
    for (entry,) in _split_entries(entries):
        if entry.startswith(key):
            yield int.from_bytes(entry[_CONTENT], "big"), int.from_bytes(entry[NOTE_BYTES:], "big")


def build_index(notes: Iterable[tuple[int, bytes]], expected: int, directory: Path | None) -> PurchaseIndex:
    """Return an index over `notes`, which come with the number of their run; about that many are `expected`.

    Its files are in `directory`, or where temporary files are.

    Raises:
        OSError: nothing can be written there.
    """
    part_bits = max(0, expected // _PART_NOTES).bit_length()
    more_bits = (_PART_NOTES // _GROUP_NOTES).bit_length() - 1
    with tempfile.TemporaryFile(dir=directory) as divided:
        parts = _divide(notes, divided.fileno(), part_bits)
        file = _open_unnamed(directory)
        try:
            starts = _sort_parts(divided.fileno(), parts, file, more_bits)
        except BaseException:
            os.close(file)
            raise
    return PurchaseIndex(file, starts, part_bits + more_bits)


def _open_unnamed(directory: Path | None) -> int:
    file, name = tempfile.mkstemp(prefix=".purchases-", dir=directory)
    Path(name).unlink()
    return file


def _divide(notes: Iterable[tuple[int, bytes]], file: int, bits: int) -> list["array[int]"]:
    """Write notes in sorted blocks; return offset and length of each block, by part."""
    parts = [array("q") for _ in range(1 << bits)]
    bounds = [_bound(part, bits) for part in range(1 << bits)]
    waiting: list[bytes] = []
    end = 0

    def write() -> None:
        nonlocal end
        waiting.sort()
        cuts = [*(bisect_left(waiting, bound) for bound in bounds), len(waiting)]
        for part, begin, stop in zip(parts, cuts, cuts[1:], strict=False):
            if begin < stop:
                part.extend((end + begin * _ENTRY_BYTES, (stop - begin) * _ENTRY_BYTES))
        end = _write(file, b"".join(waiting), end)
        waiting.clear()

    for number, block in notes:
        run = number.to_bytes(_NUMBER_BYTES, "big")
        waiting.extend([note + run for (note,) in _split_notes(block)])
        if len(waiting) >= _PART_NOTES:
            write()
    write()
    return parts


def _sort_parts(divided: int, parts: Sequence["array[int]"], file: int, more_bits: int) -> "array[int]":
    """Write each part sorted; return the number of notes before each group of keys, and of all."""
    starts = array("q")
    bits, end = len(parts).bit_length() - 1 + more_bits, 0
    for number, blocks in enumerate(parts):
        read = [os.pread(divided, length, at) for at, length in zip(blocks[::2], blocks[1::2], strict=True)]
        entries = sorted([entry for (entry,) in _split_entries(b"".join(read))])
        first = number << more_bits
        before = end // _ENTRY_BYTES
        starts.extend([before + bisect_left(entries, _bound(first + group, bits)) for group in range(1 << more_bits)])
        end = _write(file, b"".join(entries), end)
    starts.append(end // _ENTRY_BYTES)
    return starts


def _bound(group: int, bits: int) -> bytes:
    """Return the lowest key of a group."""
    return (group << (_KEY_BITS - bits)).to_bytes(KEY_BYTES, "big") if bits else b""


def _write(file: int, content: bytes, at: int) -> int:
    """Write; return where it ends."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
    return at
