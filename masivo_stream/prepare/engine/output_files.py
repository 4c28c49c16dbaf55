"""The files that are written: they grow step by step, and get their names when everything is right."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Self

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.find_remarks import FlatWords, remark_flat_words, remark_not_selected
from masivo_stream.prepare.engine.record_origins import ORIGIN_FILES, RecordOrigin
from masivo_stream.prepare.engine.remark_list import HEADER, RemarkList
from masivo_stream.prepare.engine.spill_dir import PrepareProgress, SavedSums, cannot_write
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.remarks import RemarkTally
from masivo_stream.prepare.sources.places import PlaceNames

LEFT_OUT_FILE = "left-out.csv"
SUMMARY_FILE = "prepare.json"
EXPORT_FILES = {kind: f"{kind}.ndjson" for kind in Kind}
BLOCK = 1 << 20
OUTPUT_FILES = (*EXPORT_FILES.values(), LEFT_OUT_FILE)


def partial_path(directory: Path, name: str) -> Path:
    """Return the path of a file while it grows."""
    return directory / f".{name}.partial"


def are_intact(paths: dict[str, Path], sizes: dict[str, int]) -> bool:
    """Return whether the files have at least what was noted of them: else they were moved, renamed or removed."""
    return all(paths[name].is_file() and paths[name].stat().st_size >= size for name, size in sizes.items())


def check_directory(directory: Path) -> None:
    """Raise ConfigurationError if the directory holds an export that was not prepared."""
    is_ours = (directory / SUMMARY_FILE).exists() or partial_path(directory, SUMMARY_FILE).exists()
    for name in EXPORT_FILES.values():
        if (directory / name).exists() and not is_ours:
            raise ConfigurationError(
                "there is an export here that was not prepared",
                operation="prepare",
                place=str(directory / name),
                hint="name another directory with -o, or move it away",
            )


def read_file(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


class GrowingFiles:
    """Files that grow step by step: what was not noted as done is cut off when the work continues."""

    def __init__(self, paths: dict[str, Path], progress: PrepareProgress) -> None:
        """Open them where the work has come to.

        Raises:
            StorageError: a file cannot be written.
        """
        self._paths, self._progress = paths, progress
        self._files: dict[str, BinaryIO] = {}
        self._lists: dict[str, RemarkList] = {}
        for name, path in paths.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                self._files[name] = os.fdopen(descriptor, "r+b", buffering=1 << 20)
                self._files[name].truncate(progress.sizes.get(name, 0))
                self._files[name].seek(0, os.SEEK_END)
            except OSError as error:
                raise cannot_write(error, path.parent) from error

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the files. What was not noted as done is cut off when the work continues."""
        for file in self._files.values():
            try:
                file.close()
            except OSError:  # a full disk: the same error has been raised before
                continue

    def append(self, name: str, data: bytes) -> None:
        """Add bytes to a file.

        Raises:
            StorageError: they cannot be written.
        """
        try:
            self._files[name].write(data)
        except OSError as error:
            raise cannot_write(error, self._paths[name]) from error

    def append_file(self, name: str, path: Path) -> None:
        """Add the bytes of another file, behind all that was added before.

        Raises:
            StorageError: they cannot be written.
        """
        if name in self._lists:
            self._lists[name].flush()
        for block in read_file(path):
            self.append(name, block)

    def open_list(self, name: str, names: PlaceNames) -> RemarkList:
        """Return the list of remarks that one of the files is, with the sums that were noted."""
        tally = RemarkTally()
        for saved in self._progress.sums:
            if saved.file == name:
                tally.sums[saved.table, saved.action, saved.why] = saved.sums
        self._lists[name] = RemarkList(tally, names, lambda data: self.append(name, data))
        return self._lists[name]

    def settle_step(self) -> None:
        """Put everything on disk, and note sizes and sums: what was written up to here counts.

        Raises:
            StorageError: it cannot be written.
        """
        for remarks in self._lists.values():
            remarks.flush()
        for name, file in self._files.items():
            try:
                file.flush()
                os.fsync(file.fileno())
                self._progress.sizes[name] = file.tell()
            except OSError as error:
                raise cannot_write(error, self._paths[name].parent) from error
        self._progress.sums = [
            SavedSums(*key, sums, file=name)
            for name, remarks in self._lists.items()
            for key, sums in remarks.tally.sums.items()
        ]


class OutputFiles(GrowingFiles):
    """The exports and the list of remarks, in one directory. Use it as a context."""

    def __init__(self, directory: Path, spill: Path, progress: PrepareProgress, names: PlaceNames) -> None:
        """Open them where the work has come to; `spill` is the spill directory.

        Raises:
            StorageError: a file cannot be written.
        """
        super().__init__(self.paths_in(directory, spill), progress)
        self.directory = directory
        self.settling = self.open_list(LEFT_OUT_FILE, names)
        if not progress.sizes:
            self.append(LEFT_OUT_FILE, HEADER)

    @staticmethod
    def paths_in(directory: Path, spill: Path) -> dict[str, Path]:
        """Return the paths of the files while they grow."""
        partials = {name: partial_path(directory, name) for name in OUTPUT_FILES}
        return {**partials, **{name: spill / name for name in ORIGIN_FILES.values()}}

    def write(self, kind: Kind, record: bytes, origin: RecordOrigin) -> None:
        """Add a record."""
        self.append(EXPORT_FILES[kind], record + b"\n")
        self.append(ORIGIN_FILES[kind], origin.encode())

    def add_reading(self, remarks: Path, sums: list[SavedSums]) -> None:
        """Add remarks about rows of a source as they were read, and their sums."""
        self.append_file(LEFT_OUT_FILE, remarks)
        for each in sums:
            self.settling.tally.add_sums((each.table, each.action, each.why), each.sums)

    def add_words(self, table: FlatTable, rows: Iterable[FlatWords]) -> None:
        """Add remarks about remarkable values that the SELECT of a table returned."""
        remark_flat_words(table, rows, self.settling)

    def add_not_selected(self, source: str, places: Iterable[int]) -> None:
        """Add remarks about rows of a source that no SELECT returned."""
        remark_not_selected(source, places, self.settling)

    def publish(self, summary: bytes, kinds: set[Kind]) -> None:
        """Give the files their names. An export without records is not written, nor one whose kind is not mapped.

        The summary is written first and named last: it shows that exports without it were prepared, but not completed.

        Raises:
            StorageError: they cannot be renamed.
        """
        new = partial_path(self.directory, SUMMARY_FILE)
        try:
            new.write_bytes(summary)
            for name in EXPORT_FILES.values():
                (self.directory / name).unlink(missing_ok=True)
            for kind, name in EXPORT_FILES.items():
                if kind in kinds:
                    self._paths[name].replace(self.directory / name)
                else:
                    self._paths[name].unlink()
            self._paths[LEFT_OUT_FILE].replace(self.directory / LEFT_OUT_FILE)
            new.replace(self.directory / SUMMARY_FILE)
        except OSError as error:
            raise cannot_write(error, self.directory) from error
