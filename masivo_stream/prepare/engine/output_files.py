"""The files that are written: they grow beside their final names, and get them when everything is right."""

import csv
import io
import os
from pathlib import Path
from typing import BinaryIO, Self

from masivo_stream.core.checks.amounts import in_units
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.spill_dir import PrepareProgress, SavedSums, cannot_write
from masivo_stream.prepare.settling.remarks import Remark, RemarkTally
from masivo_stream.prepare.sources.places import PlaceNames

LEFT_OUT_FILE = "left-out.csv"
SUMMARY_FILE = "prepare.json"
EXPORT_FILES = {kind: f"{kind}.ndjson" for kind in Kind}
OUTPUT_FILES = (*EXPORT_FILES.values(), LEFT_OUT_FILE)

HEADER = ("table", "action", "reason", "file", "line", "line_item_file", "line_item_line", "money", "points")


def partial_path(directory: Path, name: str) -> Path:
    """Return the path of a file while it grows."""
    return directory / f".{name}.partial"


def are_intact(directory: Path, sizes: dict[str, int]) -> bool:
    """Return whether the files have at least what was noted of them: else they were moved, renamed or removed."""
    paths = {partial_path(directory, name): size for name, size in sizes.items()}
    return all(path.is_file() and path.stat().st_size >= size for path, size in paths.items())


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


class OutputFiles:
    """The exports and the list of remarks, in one directory. Use it as a context."""

    def __init__(self, directory: Path, progress: PrepareProgress) -> None:
        """Open them where the work has come to.

        Raises:
            StorageError: a file cannot be written.
        """
        self.directory = directory
        self._progress = progress
        self.tally = RemarkTally()
        for saved in progress.sums:
            self.tally.sums[saved.table, saved.action, saved.why] = saved.sums
        self._files: dict[str, BinaryIO] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in OUTPUT_FILES:
                descriptor = os.open(self.partial(name), os.O_RDWR | os.O_CREAT, 0o600)
                self._files[name] = os.fdopen(descriptor, "r+b", buffering=1 << 20)
                self._files[name].truncate(progress.sizes.get(name, 0))
                self._files[name].seek(0, os.SEEK_END)
        except OSError as error:
            raise cannot_write(error, directory) from error
        self._rows = io.StringIO()
        self._writer = csv.writer(self._rows, lineterminator="\n")
        if not progress.sizes:
            self._writer.writerow(HEADER)

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

    def partial(self, name: str) -> Path:
        """Return the path of a file while it grows."""
        return partial_path(self.directory, name)

    def write(self, kind: Kind, record: bytes) -> None:
        """Add a record."""
        try:
            self._files[EXPORT_FILES[kind]].write(record + b"\n")
        except OSError as error:
            raise cannot_write(error, self.partial(EXPORT_FILES[kind])) from error

    def remark(self, remark: Remark, names: PlaceNames) -> None:
        """Add a remark about a flat row."""
        place = names.describe(remark.place)
        self.tally.add(remark, *place)
        other = names.describe(remark.line_place) if remark.line_place is not None else ("", "")
        self._writer.writerow(
            (
                remark.table,
                remark.action,
                remark.why,
                *place,
                *other,
                f"{in_units(remark.money):f}" if remark.money else "",
                f"{in_units(remark.points):f}" if remark.points else "",
            )
        )
        if self._rows.tell() > 1 << 20:
            self._flush_rows()

    def remark_source(self, source: str, action: str, why: str, file: str, line: int) -> None:
        """Add a remark about a row of a source."""
        self.tally.count(f"source {source}", action, why, file, line)
        self._writer.writerow((f"source {source}", action, why, file, line, "", "", "", ""))
        if self._rows.tell() > 1 << 20:
            self._flush_rows()

    def settle_step(self) -> None:
        """Put everything on disk, and note sizes and sums: what was written up to here counts.

        Raises:
            StorageError: it cannot be written.
        """
        self._flush_rows()
        try:
            for name, file in self._files.items():
                file.flush()
                os.fsync(file.fileno())
                self._progress.sizes[name] = file.tell()
        except OSError as error:
            raise cannot_write(error, self.directory) from error
        self._progress.sums = [SavedSums(*key, sums) for key, sums in self.tally.sums.items()]

    def publish(self, summary: bytes, kinds: set[Kind]) -> None:
        """Give the files their names. An export without records is not written, nor one whose kind is not mapped.

        The summary is written first and named last: it shows that exports without it were prepared, but not completed.

        Raises:
            StorageError: they cannot be renamed.
        """
        new = self.partial(SUMMARY_FILE)
        try:
            new.write_bytes(summary)
            for name in EXPORT_FILES.values():
                (self.directory / name).unlink(missing_ok=True)
            for kind, name in EXPORT_FILES.items():
                if kind in kinds:
                    self.partial(name).replace(self.directory / name)
                else:
                    self.partial(name).unlink()
            self.partial(LEFT_OUT_FILE).replace(self.directory / LEFT_OUT_FILE)
            new.replace(self.directory / SUMMARY_FILE)
        except OSError as error:
            raise cannot_write(error, self.directory) from error

    def _flush_rows(self) -> None:
        try:
            self._files[LEFT_OUT_FILE].write(self._rows.getvalue().encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise cannot_write(error, self.partial(LEFT_OUT_FILE)) from error
        self._rows.seek(0)
        self._rows.truncate()
