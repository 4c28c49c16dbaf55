"""Standard input as a source: what a database's tool prints into a pipe."""

import fcntl
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.spill_dir import cannot_write
from masivo_stream.prepare.mapping.frame import STANDARD_INPUT, Mapping
from masivo_stream.prepare.sources.source_files import BLOCK_BYTES, COMPRESSED, SourceFile


def copy_standard_input(path: Path) -> BinaryIO:
    """Copy standard input to disk: it is read more than once, and a restart compares it.

    The open copy is returned: its lock says that it is in use. Copies that killed processes have left are removed; the
    name of a copy ends with the number of its process.

    Raises:
        ConfigurationError: nothing is piped into the command.
        StorageError: the copy cannot be written.
    """
    if sys.stdin.isatty():
        raise ConfigurationError(
            "standard input is a terminal",
            operation="read the sources",
            hint="pipe a table into the command, as in: psql … | masivo-stream prepare mapping.toml -o export",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{path.stem}.*"):
            with suppress(FileNotFoundError, BlockingIOError), left.open("rb") as old:
                fcntl.flock(old, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink(missing_ok=True)
        copy = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b")
        fcntl.flock(copy, fcntl.LOCK_EX)
        shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK_BYTES)
        copy.flush()
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise cannot_write(error, path) from error
    return copy


CUT_OFF = "standard input does not end with a line break: what printed it may have been stopped; prepare it again"


def warn_of_standard_input(mapping: Mapping, files: dict[str, list[SourceFile]]) -> tuple[str, ...]:
    """Return what is not wrong, but may be."""
    for name, source in mapping.sources.items():
        if source.format in {"csv", "tsv"} and any(map(_may_be_cut_off, files[name])):
            return (CUT_OFF,)
    return ()


def _may_be_cut_off(file: SourceFile) -> bool:
    """Return whether it is standard input that does not end as the tools of databases end theirs."""
    if file.name != STANDARD_INPUT:
        return False
    with Path(file.path).open("rb") as stored:
        size = stored.seek(0, os.SEEK_END)
        stored.seek(0)
        if size == 0 or stored.read(4).startswith(COMPRESSED):
            return False
        stored.seek(max(0, size - 4))  # a character of UTF-16 has two bytes, of UTF-32 four
        return b"\n" not in stored.read()
