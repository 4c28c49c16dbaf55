"""Recognise an export by its content: by a fingerprint, by its first lines, or by a trail that a run leaves.

Changes that leave every record as it is do not count: a byte order mark at the beginning, CRLF or LF at the ends of
lines, the last line feed, and empty lines within a head. Names, places and compression do not matter here.

* The *fingerprint* is the length and the digest of the text. Laws: both do not depend on how the bytes are cut into
  blocks; if one text begins with another one, its digest at the other's length is the other's fingerprint.
* A *head* is a list of digests: of the text up to the end of each of its first lines.
* A *trail* is what a run notes while it reads: the CRC-32 of the first bytes, at several lengths. `TrailFollower`
  compares a trail with the bytes of another export.
"""

import hashlib
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

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


HEAD_BYTES = 64 * 1024
"""Bytes of an export that its head covers: as much as a pipe holds, and read in a moment."""

MOST_STEPS = 256
"""Steps of a trail; beyond that number every second step is dropped."""

_BOM = b"\xef\xbb\xbf"
_DIGEST_BYTES = 8

Ends = Literal["lf", "crlf", "mixed"]
Step = tuple[int, int]
"""A length in bytes, and the CRC-32 of an export's first bytes of that length."""


class ExportHead(Struct, frozen=True, kw_only=True):
    """The beginning of an export."""

    digests: tuple[bytes, ...]
    """One for each line that is not empty: of all text up to the line's end."""
    whole: bool
    """Whether the export ends within its head."""
    bom: bool = False
    ends: Ends = "lf"


class Agreement(Struct, frozen=True):
    """What two heads have in common."""

    lines: int
    """How many lines they begin with that are equal."""
    relation: Literal["different", "overlapping", "same", "open"]
    """`same`: one export is the other's beginning. `open`: the text after the heads decides."""
    longer: bool = False
    """Whether the new export continues where the known one's head ends."""


def take_head(content: bytes, *, ended: bool) -> ExportHead:
    """Return the head of an export whose plain bytes begin with `content`; `ended`: there are no further bytes."""
    bom = content.startswith(_BOM)
    text = content[len(_BOM) :] if bom else content
    feeds, returns = text.count(b"\n"), text.count(b"\r\n")
    ends: Ends = "lf" if not returns else "crlf" if returns == feeds else "mixed"
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    if not ended:
        lines = lines[:-1] or [text]  # one line that is longer than a head counts up to where it is cut
    digest, digests = hashlib.blake2b(digest_size=_DIGEST_BYTES), []
    for line in lines:
        if line.strip():
            digest.update(line.rstrip(b"\r") + b"\n")
            digests.append(digest.copy().digest())
    return ExportHead(digests=tuple(digests), whole=ended, bom=bom, ends=ends)


def compare(new: ExportHead, known: ExportHead) -> Agreement:
    """Return what the heads of two exports have in common."""
    shorter = min(len(new.digests), len(known.digests))
    lines = next((at for at in range(shorter) if new.digests[at] != known.digests[at]), shorter)
    if not lines:
        return Agreement(0, "different")
    if lines < shorter:
        return Agreement(lines, "overlapping")
    ends = (new.whole and len(new.digests) == shorter) or (known.whole and len(known.digests) == shorter)
    return Agreement(lines, "same" if ends else "open", longer=len(new.digests) > shorter)


def add_step(trail: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """Return a trail with one more step, thinned out so that it never has more than `MOST_STEPS`."""
    if trail and trail[-1][0] >= step[0]:
        return tuple(trail)
    longer = (*trail, step)
    return longer if len(longer) <= MOST_STEPS else (*longer[1::2], *(longer[-1:] if len(longer) % 2 else ()))


class LineEndNormaliser:
    """Feed an export's plain bytes in order; get them without a byte order mark and with LF for CR LF."""

    def __init__(self) -> None:
        self._first, self._held = True, b""

    def feed(self, block: bytes) -> bytes:
        """Return the normalised bytes that are certain after `block`."""
        block, self._held = self._held + block, b""
        if self._first:
            if _BOM.startswith(block) and block != _BOM:  # it may be the first half of a mark
                self._held = block
                return b""
            self._first, block = False, block.removeprefix(_BOM)
        if block.endswith(b"\r"):
            block, self._held = block[:-1], b"\r"
        return block.replace(b"\r\n", b"\n")


class ExportComparison:
    """Compare two exports, however they are cut into blocks: always feed the one that `lags`."""

    def __init__(self) -> None:
        self._plain = (LineEndNormaliser(), LineEndNormaliser())
        self._rest = [b"", b""]
        self.differ = False
        self.agreed = 0
        """Bytes at the beginning that are equal, normalised."""

    @property
    def lags(self) -> int:
        """Which of the two has fewer bytes waiting to be compared: 0 or 1."""
        return int(len(self._rest[1]) < len(self._rest[0]))

    def feed(self, which: int, block: bytes) -> None:
        """Take the next block of export `which`, 0 or 1."""
        self._rest[which] += self._plain[which].feed(block)
        length = min(map(len, self._rest))
        one, other = (rest[:length] for rest in self._rest)
        if not self.differ:
            self.differ = one != other
            self.agreed += _common(one, other) if self.differ else length
        self._rest = [rest[length:] for rest in self._rest]


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes at the beginning of two pieces of equal length are equal."""
    # Binary search over the lengths: comparing slices runs in C, a loop over bytes would not.
    return bisect_left(range(len(one)), 1, key=lambda end: one[: end + 1] != other[: end + 1])


class TrailFollower:
    """Compare a trail with an export: feed the export's plain bytes in order, until `done`."""

    def __init__(self, trail: Iterable[Step], known: ExportHead) -> None:
        """Follow the trail of an export whose head is `known`."""
        steps = list(trail)
        self._known, self._plain = known, LineEndNormaliser()
        self._begun = False
        self.length = 0
        """Bytes fed."""
        # The trail's CRCs are of bytes as they were, so two forms are tried: the bytes as they come, and the bytes with
        # the mark and line ends of the export that the trail is of.
        self._walks = [_Walk(steps), _Walk(steps)]

    @property
    def done(self) -> bool:
        """Whether further bytes cannot change the answer."""
        return any(walk.done and not walk.lost for walk in self._walks) or all(walk.lost for walk in self._walks)

    @property
    def agreed(self) -> int:
        """The length up to which the two agree, by the last step that was compared."""
        return max(walk.agreed for walk in self._walks)

    @property
    def same(self) -> bool:
        """Whether no step that was compared disagrees."""
        # A form in which no step was compared says nothing, if there is a form in which one was.
        walked = [walk for walk in self._walks if walk.walked]
        return any(not walk.lost for walk in walked) or not walked

    def feed(self, block: bytes) -> None:
        """Take the next block."""
        self.length += len(block)
        self._walks[0].feed(block)
        plain = self._plain.feed(block)
        if self._known.ends == "crlf":
            plain = plain.replace(b"\n", b"\r\n")
        self._walks[1].feed(plain if self._begun or not (plain and self._known.bom) else _BOM + plain)
        self._begun = self._begun or bool(plain)


class _Walk:
    """A trail compared with the bytes in one form."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps, self._next = steps, 0
        self._length = self._crc = self.agreed = 0
        self.lost = False

    @property
    def walked(self) -> bool:
        return self._next > 0

    @property
    def done(self) -> bool:
        return self.lost or self._next == len(self._steps)

    def feed(self, block: bytes) -> None:
        rest = memoryview(block)
        while not self.done and rest:
            length, crc = self._steps[self._next]
            piece, rest = rest[: length - self._length], rest[length - self._length :]
            self._crc, self._length = zlib.crc32(piece, self._crc), self._length + len(piece)
            if self._length == length:
                self.lost = self._crc != crc
                self.agreed = self.agreed if self.lost else length
                self._next += 1


def describe_overlap(file: str, other: str, *, lines: int, size: int) -> str:
    """Return the warning that an export begins like another one that was sent to the account."""
    if size:
        common = f"first {size:,} bytes of {file} are"
    else:
        common = f"first {lines:,} lines of {file} are" if lines > 1 else f"first line of {file} is"
    return (
        f"the {common} also in {other}, which was sent to this account before: transactions that are in both count"
        " twice, and so do events that this machine has not noted"
    )
