"""What a share was made from: a digest of the sources' bytes, the mapping, and the versions of all that reads them."""

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.engine.database import name_engine
from masivo_stream.prepare.mapping.frame import STANDARD_INPUT, Engine, Mapping
from masivo_stream.prepare.sources.source_files import OPERATION, SourceFile

BLOCK = 1 << 20

FileStates = list[tuple[int, int]]
"""Size and time of change of each file."""


def check_files(mapping: Mapping, mapping_file: str) -> None:
    """Stop if a source is standard input, of which no other machine has the bytes.

    Raises:
        ConfigurationError: it is.
    """
    for name, source in mapping.sources.items():
        if STANDARD_INPUT in source.path:
            raise ConfigurationError(
                "parts cannot be made of standard input, which each of them would have to read",
                operation=OPERATION,
                place=f"{mapping_file}: [sources] {name}",
                hint="write it to a file that all machines can read, and name that file in the mapping",
            )


class SourcesIdentity(Struct, frozen=True):
    """What a preparation is made from."""

    whole: str
    """A digest of all that decides about the bytes of the result."""
    tables: dict[str, str]
    """For each source, a digest of all that decides about its table."""


def identify(mapping: Mapping, files: dict[str, list[SourceFile]]) -> SourcesIdentity:
    """Return the digests of what decides about the result; files are read to their ends.

    The times of files are not in it, as copies on other machines have others, nor is [engine], which changes nothing.

    Raises:
        ConfigurationError: DuckDB is not installed.
        InputError: a source cannot be read.
    """
    versions = f"1 {__version__} {name_engine()}\n".encode()
    sources = {  # a URL may have another signature later
        name: msgspec.structs.replace(source, path=tuple(map(shown_url, source.path)))
        for name, source in mapping.sources.items()
    }
    deciding = msgspec.structs.replace(mapping, sources=sources, engine=Engine())
    whole = hashlib.sha256(versions)
    whole.update(msgspec.msgpack.encode(deciding))
    tables, number = {}, 1
    policies = (mapping.policies.bad_number, mapping.policies.bad_date)
    for name, found in files.items():
        table = hashlib.sha256(versions)
        table.update(msgspec.msgpack.encode((name, number, sources[name], policies)))
        for each in found:
            read = f"\n{name}\0{each.name}\0".encode("utf-8", "surrogateescape")
            if each.remote is not None:
                read += f"{each.remote.size} {each.remote.identity}".encode()
            else:
                read += _digest(each)
            whole.update(read)
            table.update(read)
        tables[name] = table.hexdigest()
        number += len(found)
    return SourcesIdentity(whole.hexdigest(), tables)


def _digest(file: SourceFile) -> bytes:
    digest = hashlib.sha256()
    try:
        with Path(file.path).open("rb") as stored:
            while block := stored.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise _unreadable(file, error) from error
    return digest.digest()


def read_states(files: dict[str, list[SourceFile]]) -> FileStates:
    """Return what shows whether a file changes while it is read.

    Raises:
        InputError: a file cannot be looked at.
    """
    states = []
    for file in (each for found in files.values() for each in found):
        if file.remote is not None:  # its copy is of what was found, or fails
            states.append((file.size, 0))
            continue
        try:
            status = Path(file.path).stat()
        except OSError as error:
            raise _unreadable(file, error) from error
        states.append((status.st_size, status.st_mtime_ns))
    return states


def check_unchanged(files: dict[str, list[SourceFile]], before: FileStates) -> None:
    """Stop if a file has changed since.

    Raises:
        InputError: it has.
    """
    names = [each.name for found in files.values() for each in found]
    for name, old, new in zip(names, before, read_states(files), strict=True):
        if old != new:
            raise InputError(
                "has changed while it was read",
                operation=OPERATION,
                place=name,
                hint="when nothing writes to it any more, start the same command again",
            )


def _unreadable(file: SourceFile, error: OSError) -> InputError:
    return InputError(
        f"cannot be read: {error.strerror}",
        operation=OPERATION,
        place=file.name,
        hint="check that it exists and can be read",
    )
