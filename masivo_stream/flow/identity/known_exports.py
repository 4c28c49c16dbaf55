"""An export that a run knows, and the proof that a file is it.

A file is the export that was read if its plain bytes before the consumed place have the CRC-32 that the journal keeps.
If size, time of change and samples are as they were, nothing else is read; otherwise the consumed part is read once,
before anything is sent. If nothing of an export was consumed, nothing of it can be sent twice.
"""

import os
import shlex
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing, suppress

from msgspec import Struct

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.edges.export.identity import (
    Identity,
    changed,
    decode_identity,
    find_change,
    looks_the_same,
    take_identity,
)
from masivo_stream.edges.export.source import STDIN, Input, is_compressed, is_file, read_blocks
from masivo_stream.edges.journal import JournalReader
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError

_BLOCK_BYTES = 1 << 20
FROM_A_PIPE = "write the export to a file and name that in the place of {}: what was read of it is recognised"


class KnownExport(Struct, frozen=True):
    """An export as the journal knows it: one file, of which several inputs may have been made as it grew."""

    name: str
    path: str
    """Its last known path; empty if that was not noted."""
    identity: Identity
    read: int
    """Plain bytes of it that are consumed."""
    crc: int
    """Their CRC-32."""


class Recognised(Struct, frozen=True):
    """An export that the run knows."""

    input: Input
    identity: Identity
    """Taken before its content was looked at, so that a change meanwhile is found by the next start."""
    grown: bool | None = None
    """Whether text follows what was read; None if that was not checked."""


class Moved(Struct, frozen=True):
    """What a person says of moved exports: the new path, by the name or path that the run knows."""

    places: Mapping[str, str]

    def of(self, known: KnownExport) -> str | None:
        """Return the present path of an export; None if the person said nothing of it."""
        for old, new in self.places.items():
            if old == known.name or (known.path and real_path(old) == known.path):
                return new
        return None


RecognisedExports = Mapping[str, Recognised]
"""The exports of a kind that a run knows, by the names that it gave them."""

NOT_MOVED = Moved({})
"""A person said nothing."""


def read_moved(words: Iterable[str]) -> Moved:
    """Read words of the form `OLD=NEW`.

    Raises:
        ConfigurationError: a word has another form.
    """
    places: dict[str, str] = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not (old and equals and new):
            raise ConfigurationError(
                f"{word} does not name an old and a new place",
                operation="read the command",
                place="--moved",
                hint="--moved OLD=NEW: the name by which the run knows the export, and its present path",
            )
        places[old] = new
    return Moved(places)


def real_path(path: str) -> str:
    """Return the real path of a file, whatever working directory or links its name goes through."""
    return path if path == STDIN else os.path.realpath(path)


def known_exports(journal: JournalReader, kind: Kind) -> list[KnownExport]:
    """Return the exports of a kind that a run knows; a retry's copies are not among them."""
    consumed = journal.consumed(kind)
    found: dict[str, KnownExport] = {}
    for source in journal.sources(kind):
        if source.letters:
            continue
        before = found.get(source.name)
        read, crc, _ = consumed.get(source.number, (before.read, before.crc, 1) if before else (0, 0, 1))
        found[source.name] = KnownExport(source.name, source.path, decode_identity(source.identity), read, crc)
    return list(found.values())


async def prove(found: Input, known: KnownExport, *, full: bool, by_content: bool = False) -> Recognised | None:
    """Return an input as the known export; None if it does not begin with what was consumed of that.

    If nothing was consumed, any file may be the export, except one that was emptied; with `by_content` only a file with
    the same size and samples.

    Raises:
        InputError: it cannot be read.
    """
    identity = take_identity(found.path)
    if identity.stream:
        return Recognised(found, identity) if known.identity.stream and not known.read else None
    if not known.read:
        alike = looks_the_same(identity, known.identity) if by_content else not was_emptied(found, known)
        return Recognised(found, identity) if alike else None
    if identity == known.identity and not full:
        return Recognised(found, identity)
    measured, seen = await measure(found, [known.read])
    return Recognised(found, identity, grown=seen > known.read) if measured.get(known.read) == known.crc else None


def not_the_same(found: Input, known: KnownExport) -> InputError:
    """Return the error for an input that has the path of an export, and is not what was read of it."""
    if not is_file(found):
        hint = FROM_A_PIPE.format(known.name)
        return changed(found.shown_path, "what came from a pipe cannot be read again", hint)
    if known.identity.size and not found.size:
        return changed(found.shown_path, f"it had {known.identity.size} bytes and is empty")
    if not known.read:
        hint = f"if it is the one, add --moved {shlex.quote(f'{known.name}={found.path}')}"
        return changed(found.shown_path, "nothing of it was read yet, and it looks different", hint)
    if is_compressed(found):
        return changed(found.shown_path, f"something changed in the first {known.read} bytes of its text")
    if found.size < known.read:
        return changed(found.shown_path, f"{known.read} bytes were read of it, and it has {found.size}")
    at = find_change(found.path, known.identity, known.read)
    near = "" if at is None else f", near byte {at}"
    return changed(
        found.shown_path, f"something changed in its first {known.read} bytes, which have been dealt with{near}"
    )


def was_emptied(found: Input, known: KnownExport) -> bool:
    """Return whether a file has nothing in it any more."""
    return bool(known.identity.size) and is_file(found) and not found.size


async def measure(found: Input, lengths: Sequence[int]) -> tuple[dict[int, int], int]:
    """Return the CRC-32 of the first plain bytes, by each of `lengths` that the text has, and the number of bytes seen.

    The lengths ascend. What follows the longest is seen too, at least its first block.
    """
    measured: dict[int, int] = {}
    done = crc = 0
    waiting = list(lengths)
    with suppress(Truncated):
        async with aclosing(read_blocks(found, block_bytes=_BLOCK_BYTES)) as blocks:
            async for block in blocks:
                begin = 0
                while waiting and waiting[0] <= done + len(block):
                    end = waiting[0] - done
                    crc, begin = zlib.crc32(memoryview(block)[begin:end], crc), end
                    measured[waiting.pop(0)] = crc
                crc, done = zlib.crc32(memoryview(block)[begin:], crc), done + len(block)
                if done > lengths[-1]:
                    break
    return measured, done
