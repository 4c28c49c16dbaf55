"""Is an export still the one that was read? Cheap where nothing hints at a change, certain where something does.

A restart trusts the lines it has dealt with, so the consumed part must not have changed; an export that was appended to
goes on. Taken at the start: size, time of change, and digests of blocks spread over the file. While reading, the CRC-32
of what is consumed is kept with the progress (it stands against editing and truncation, not against an adversary).

* Size and time of change as they were: the samples decide.
* Otherwise, a plain file: the whole consumed part is read and its CRC compared.
* A compressed file: its size must be the same, and the samples, of which the last holds a checksum (RFC 1952 2.3.1).
"""

import hashlib
import os
import stat
import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.model.errors import InputError

_SAMPLE_BYTES = 4096
_SAMPLES = 32
_READ_BYTES = 1 << 20
_OPERATION = "resume"


class Identity(Struct, frozen=True):
    """What a file looked like when it was first read."""

    size: int
    mtime_ns: int
    samples: tuple[tuple[int, bytes], ...]
    """Offset and digest of blocks, the last block among them."""
    stream: bool
    """Not a file on a disk: it cannot be read twice."""


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
        raise InputError(
            f"the export cannot be read: {error.strerror}",
            operation="look at the export",
            place=path,
            hint="check the path and its permissions",
        ) from error


def check_identity(path: str, known: Identity, *, consumed: int, crc: int, compressed: bool) -> None:
    """Check that the first `consumed` bytes (of plain text) are what they were, by `crc` where need be.

    Raises:
        InputError: they are not, or that cannot be known.
    """
    now = take_identity(path)
    if known.stream or now.stream:
        raise changed(path, "what came from a pipe cannot be read again", "write the export to a file, then migrate it")
    if now.size < (known.size if compressed else consumed):
        raise changed(path, f"it had {known.size} bytes and has {now.size}")
    if compressed and now.size != known.size:
        raise changed(path, "a compressed export must stay as it is")
    if compressed or (now.size, now.mtime_ns) == (known.size, known.mtime_ns):
        _check_samples(path, known)
    elif _crc_of(path, consumed) != crc:
        raise changed(path, f"something changed in its first {consumed} bytes, which have been dealt with")


def encode_identity(identity: Identity) -> bytes:
    """Return the form in which an identity is kept."""
    return msgspec.msgpack.encode(identity)


def decode_identity(kept: bytes) -> Identity:
    """Read what `encode_identity` gave."""
    return msgspec.msgpack.decode(kept, type=Identity)


_RESTORE = "restore the export as it was; a new export wants a --state-dir of its own"


def _check_samples(path: str, known: Identity) -> None:
    with Path(path).open("rb", buffering=0) as file:
        for offset, digest in known.samples:
            if _digest(file.fileno(), offset, known.size) != digest:
                raise changed(path, f"something changed near byte {offset}")


def _digest(file: int, offset: int, size: int) -> bytes:
    """Digest one block, but nothing beyond `size`: an appended file's last block stays what it was."""
    block = os.pread(file, min(_SAMPLE_BYTES, size - offset), offset)
    return hashlib.blake2b(block, digest_size=8).digest()


def _crc_of(path: str, length: int) -> int:
    crc, left = 0, length
    with Path(path).open("rb", buffering=0) as file:
        while left > 0 and (block := file.read(min(_READ_BYTES, left))):
            crc = zlib.crc32(block, crc)
            left -= len(block)
    return crc


def changed(path: str, what: str, hint: str = _RESTORE) -> InputError:
    """Return what to say of an export that is not what it was."""
    return InputError(
        f"the export is not the one the last run read: {what}", operation=_OPERATION, place=path, hint=hint
    )
