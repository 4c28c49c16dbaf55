"""The fingerprint of an export's text: equal for equal lines, whatever the byte order mark and the line ends.

Laws: length and digest do not depend on how the bytes are cut into blocks; if one text begins with another one, its
digest at the other's length is the other's fingerprint.
"""

import hashlib
import zlib
from collections.abc import Iterable

_BOM = b"\xef\xbb\xbf"


class Normaliser:
    """Feed plain bytes; get them without a leading byte order mark, with LF for CR LF, without newlines at the end."""

    def __init__(self) -> None:
        """Begin a text."""
        self._head: bytes | None = b""
        self._return = False
        """The last byte was a carriage return, which may be the first half of a CR LF."""
        self._newlines = 0
        """Newlines not returned yet, since they may be the end of the text."""

    def feed(self, block: bytes) -> bytes:
        """Return the part of the text that is certain after `block`."""
        if self._head is not None:
            block = self._head + block
            if len(block) < len(_BOM) and _BOM.startswith(block):
                self._head = block
                return b""
            block, self._head = block.removeprefix(_BOM), None
        if self._return:
            block = b"\r" + block
        self._return = block.endswith(b"\r")
        if self._return:
            block = block[:-1]
        block = block.replace(b"\r\n", b"\n")
        kept = block.rstrip(b"\n")
        if not kept:
            self._newlines += len(block)
            return b""
        text = b"\n" * self._newlines + kept
        self._newlines = len(block) - len(kept)
        return text

    def finish(self) -> bytes:
        """Return the rest of the text at the end."""
        rest, self._head = self._head or b"", None
        if self._return:
            rest, self._return = b"\n" * self._newlines + b"\r", False
        return rest


class Fingerprint:
    """Feed normalised text. `marks` holds its digests at the requested lengths, as soon as the text is that long."""

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        """Note the digest at each of `lengths`."""
        self._lengths = sorted(set(lengths), reverse=True)
        self._hash = hashlib.blake2b(digest_size=16)
        self.length = 0
        self.marks: dict[int, bytes] = {}

    def feed(self, text: bytes) -> None:
        """Take the next bytes."""
        begin = 0
        while self._lengths and self._lengths[-1] <= self.length + len(text):
            mark = self._lengths.pop()
            self._hash.update(memoryview(text)[begin : mark - self.length])
            begin = mark - self.length
            self.marks[mark] = self._hash.digest()
        self._hash.update(memoryview(text)[begin:])
        self.length += len(text)

    def digest(self) -> bytes:
        """Return the digest of all that was fed."""
        return self._hash.digest()


class Prefix:
    """Feed the plain bytes of a source in order; `offset` and `crc` are the length and CRC-32 of its complete lines."""

    def __init__(self, *, offset: int = 0, crc: int = 0) -> None:
        """Continue after `offset` bytes with the CRC-32 `crc`. Bytes before it may be fed again, and are ignored."""
        self.offset, self.crc = offset, crc
        self._end, self._end_crc = offset, crc

    def feed(self, start: int, block: bytes) -> None:
        """Take a block that begins at byte `start`."""
        known = self._end - start
        if known >= len(block):
            return
        fresh = memoryview(block)[max(0, known) :]
        cut = block.rfind(b"\n") + 1 - (len(block) - len(fresh))
        if cut > 0:
            self.crc = zlib.crc32(fresh[:cut], self._end_crc)
            self.offset = self._end + cut
            self._end_crc = zlib.crc32(fresh[cut:], self.crc)
        else:
            self._end_crc = zlib.crc32(fresh, self._end_crc)
        self._end += len(fresh)

    def finish(self) -> None:
        """Count the bytes after the last newline as well: the source has ended."""
        self.offset, self.crc = self._end, self._end_crc
