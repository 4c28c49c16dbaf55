"""The answer of a share: a directory with its records, its remarks, and a summary of what it was made from.

It grows under a hidden name, and gets its own when it is complete. Remarks that come in an order across all customers
are lists of places, which are put in that order when the shares are taken up.
"""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.prepare.engine.find_remarks import FlatWords
from masivo_stream.prepare.engine.output_files import BLOCK, EXPORT_FILES, LEFT_OUT_FILE, GrowingFiles, read_file
from masivo_stream.prepare.engine.record_origins import ORIGIN_FILES, RecordOrigin
from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.engine.spill_dir import PrepareProgress, SavedSums, SourceFigures, cannot_write
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.closing import TableFigures
from masivo_stream.prepare.sources.places import PlaceNames

READING_FILE = "reading.csv"
"""Remarks about rows of sources as they were read, which the first share writes for all."""
WORDS_FILE = "words.csv"
"""Table, place, place of the line item, and the words about values that a SELECT returned."""
NOT_SELECTED_FILE = "not-selected.csv"
"""Source and place of rows that no SELECT returned."""
SUMMARY_FILE = "share.json"
COPIED = (*EXPORT_FILES.values(), *ORIGIN_FILES.values(), LEFT_OUT_FILE)
"""Files that are copied when shares are taken up."""
LISTS = (READING_FILE, WORDS_FILE, NOT_SELECTED_FILE)
"""Files that are put in order."""
SHARE_FILES = (*COPIED, *LISTS)


class FileDigest(Struct, frozen=True):
    """What a file of a share holds."""

    size: int
    sha256: str


class ShareSummary(Struct, frozen=True, kw_only=True):
    """What a share was made from, and its figures."""

    schema: int = 1
    identity: str
    number: int
    of: int
    partitions: int
    """Of the whole work."""
    files: dict[str, FileDigest]
    sources: dict[str, SourceFigures]
    came: dict[str, TableFigures]
    went: dict[str, TableFigures]
    sums: list[SavedSums]
    warnings: list[str]


def share_name(share: Share, identity: str) -> str:
    """Return the name of the directory of a share."""
    return f"share-{share.number}-of-{share.of}-{identity[:16]}"


def read_summary(directory: Path) -> ShareSummary | None:
    """Return the summary of a share whose files have their sizes; None if there is no such share."""
    try:
        found = msgspec.json.decode((directory / SUMMARY_FILE).read_bytes(), type=ShareSummary)
        sizes = {name: (directory / name).stat().st_size for name in SHARE_FILES}
    except (OSError, ValueError):
        return None
    return found if sizes == {name: each.size for name, each in found.files.items()} else None


def is_undamaged(directory: Path, summary: ShareSummary, names: Iterable[str] = SHARE_FILES) -> bool:
    """Return whether files of a share have the bytes that were written."""
    try:
        return all(digest_file(directory / name) == summary.files[name] for name in names)
    except OSError:
        return False


def digest_file(path: Path) -> FileDigest:
    """Return what a file holds."""
    digest, size = hashlib.sha256(), 0
    for block in read_file(path):
        digest.update(block)
        size += len(block)
    return FileDigest(size, digest.hexdigest())


class ShareFiles(GrowingFiles):
    """The files of one share while it is made. Use it as a context."""

    def __init__(self, directory: Path, progress: PrepareProgress, names: PlaceNames, share: Share) -> None:
        """Open them where the work has come to.

        Raises:
            StorageError: a file cannot be written.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(error, directory) from error
        super().__init__(self.paths_in(directory), progress)
        self.directory = directory
        self._is_first = share.number == 1
        self._reading = self.open_list(READING_FILE, names)
        self.settling = self.open_list(LEFT_OUT_FILE, names)

    @staticmethod
    def paths_in(directory: Path) -> dict[str, Path]:
        """Return the paths of the files."""
        return {name: directory / name for name in SHARE_FILES}

    def write(self, kind: Kind, record: bytes, origin: RecordOrigin) -> None:
        """Add a record."""
        self.append(EXPORT_FILES[kind], record + b"\n")
        self.append(ORIGIN_FILES[kind], origin.encode())

    def add_reading(self, remarks: Path, sums: list[SavedSums]) -> None:
        """Add remarks about rows of a source as they were read, and their sums, for all shares."""
        if self._is_first:
            self.append_file(READING_FILE, remarks)
            for each in sums:
                self._reading.tally.add_sums((each.table, each.action, each.why), each.sums)

    def add_words(self, table: FlatTable, rows: Iterable[FlatWords]) -> None:
        """List what was remarkable about values that the SELECT of a table returned."""
        self._list(WORDS_FILE, ((table.value, *row) for row in rows))

    def add_not_selected(self, source: str, places: Iterable[int]) -> None:
        """List rows of a source that no SELECT returned."""
        self._list(NOT_SELECTED_FILE, ((source, place) for place in places))

    def _list(self, name: str, rows: Iterable[tuple[object, ...]]) -> None:
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        for row in rows:
            writer.writerow(row)
            if written.tell() > BLOCK:
                self.append(name, written.getvalue().encode())
                written.seek(0)
                written.truncate()
        self.append(name, written.getvalue().encode())

    def complete(self, target: Path, summary: ShareSummary) -> None:
        """Write the summary, and give the directory its name. A damaged share of this name is replaced.

        Raises:
            StorageError: it cannot be written or renamed.
        """
        try:
            descriptor = os.open(self.directory / SUMMARY_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(summary)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.rmtree(target)
            self.directory.rename(target)
        except OSError as error:
            raise cannot_write(error, self.directory) from error


def read_words(directory: Path) -> Iterator[tuple[FlatTable, FlatWords]]:
    """Yield what `add_words` has listed."""
    for table, place, line_place, words in _read_list(directory / WORDS_FILE):
        yield FlatTable(table), (int(place), int(line_place) if line_place else None, words)


def read_not_selected(directory: Path) -> Iterator[tuple[str, int]]:
    """Yield what `add_not_selected` has listed."""
    for source, place in _read_list(directory / NOT_SELECTED_FILE):
        yield source, int(place)


def _read_list(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)
