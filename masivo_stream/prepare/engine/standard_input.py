"""Standard input as a source: what a database's tool prints into a pipe."""

import os
import shutil
import sys
from pathlib import Path

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.spill_dir import cannot_write
from masivo_stream.prepare.mapping.frame import STANDARD_INPUT, Mapping
from masivo_stream.prepare.sources.source_files import BLOCK_BYTES, COMPRESSED, SourceFile


def copy_standard_input(path: Path) -> None:
    """Copy standard input to disk: it is read more than once, and a restart compares it.

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
        with path.open("wb") as copy:
            path.chmod(0o600)
            shutil.copyfileobj(sys.stdin.buffer, copy, BLOCK_BYTES)
    except OSError as error:
        raise cannot_write(error, path) from error


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
