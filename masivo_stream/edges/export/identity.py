"""Check whether an export is still the one that was read. The check is cheap if nothing hints at a change.

A restart relies on the lines that were processed, so that part must not have changed; an export that was appended to
goes on. At the start of a run this notes the size, the time of change, and digests of blocks spread over the file. If
they are the same, the file was not touched. Otherwise its plain bytes decide (`flow.identity.known_exports`): the
CRC-32 of what is read is kept with the progress (it protects against editing and truncation, not against an adversary).
"""

import hashlib
import os
import stat
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.edges.export.source import Input
from masivo_stream.model.errors import InputError

_SAMPLE_BYTES = 4096
_SAMPLES = 32
_OPERATION = "resume"


class Identity(Struct, frozen=True):
    """What a file looked like when it was first read."""

    size: int
    mtime_ns: int
    samples: tuple[tuple[int, bytes], ...]
    """Offset and digest of blocks, the last block among them."""
    stream: bool
    """Neither a file on disk nor an object: it cannot be read twice."""
    etag: str = ""
    """Of an object; together with the size it stands for the content. Empty without one."""
    version: str = ""
    """Of an object in a bucket that keeps versions."""
    is_object: bool = False
    """An object in object storage. It is never appended to: what is written there is another object."""


def identify_input(found: Input) -> Identity:
    """Look at an export. An object is what it was when it was found.

    Raises:
        InputError: it cannot be read.
    """
    if found.stored is None:
        return take_identity(found.path)
    facts = found.stored.facts
    return Identity(
        facts.size, facts.modified_ns, (), stream=False, etag=facts.etag, version=facts.version, is_object=True
    )


def take_identity(path: str) -> Identity:
    """Look at a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if path == "-":
            return Identity(0, 0, (), stream=True)
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return Identity(0, 0, (), stream=True)
        with Path(path).open("rb", buffering=0) as file:
            size = status.st_size
            last = max(0, size - _SAMPLE_BYTES)
            offsets = sorted({last * step // _SAMPLES for step in range(_SAMPLES + 1)})
            samples = tuple((offset, _digest(file.fileno(), offset, size)) for offset in offsets)
        return Identity(size, status.st_mtime_ns, samples, stream=False)
    except OSError as error:
        raise _unreadable(path, error) from error


def looks_the_same(now: Identity, known: Identity) -> bool:
    """Return whether an export has size and samples of another one: it is a copy of it, if it is not empty.

    Of an object there are no samples, so the ETag decides.
    """
    same = now.samples == known.samples if now.samples or known.samples else now.etag == known.etag != ""
    return 0 < now.size == known.size and same


def find_change(path: str, known: Identity, before: int) -> int | None:
    """Return the offset of the first sample before byte `before` that is not what it was, None if all are.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Path(path).open("rb", buffering=0) as file:
            for at, digest in known.samples:
                if at < before and _digest(file.fileno(), at, known.size) != digest:
                    return at
    except OSError as error:
        raise _unreadable(path, error) from error
    return None


def encode_identity(identity: Identity) -> bytes:
    """Return an identity as the journal keeps it."""
    return msgspec.msgpack.encode(identity)


def decode_identity(kept: bytes) -> Identity:
    """Return the identity of which `encode_identity` made `kept`."""
    return msgspec.msgpack.decode(kept, type=Identity)


_RESTORE = (
    "restore the export as it was, then start the same command again; send new records in a further file beside it"
)


def _digest(file: int, offset: int, size: int) -> bytes:
    """Digest one block, but nothing beyond `size`: the last block of a file stays the same when the file grows."""
    block = os.pread(file, min(_SAMPLE_BYTES, size - offset), offset)
    return hashlib.blake2b(block, digest_size=8).digest()


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(
        f"the export cannot be read: {error.strerror}",
        operation="look at the export",
        place=path,
        hint="check the path and its permissions",
    )


def changed(path: str, what: str, hint: str = _RESTORE) -> InputError:
    """Return the error for an export that has changed; what it advises sends nothing a second time."""
    return InputError(
        f"the export is not the one the last run read: {what}", operation=_OPERATION, place=path, hint=hint
    )
