"""How an export is recognised by what stands in it: cheaply by its first lines, with certainty by a trail of checksums.

What another program does to a file without changing a record does not count: a byte order mark at the beginning, CRLF
or LF at the ends of lines, the last line feed; nor do empty lines within a head. Names, places and compression are not
looked at here.

A head is the digests of what begins an export, up to the end of each of its first lines. A trail is what a run notes
while it reads: the CRC-32 of an export's first bytes, at several lengths. `Pursuit` follows a trail through another
export's bytes.
"""

import hashlib
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

HEAD_BYTES = 64 * 1024
"""So much of an export is its head: as much as a pipe holds, and read in a moment."""

MOST_STEPS = 256
"""Steps of a trail; beyond it every second one is forgotten."""

_BOM = b"\xef\xbb\xbf"
_DIGEST_BYTES = 8

Ends = Literal["lf", "crlf", "mixed"]
Step = tuple[int, int]
"""A length in bytes, and the CRC-32 of so many bytes."""


class ExportHead(Struct, frozen=True, kw_only=True):
    """The beginning of an export."""

    digests: tuple[bytes, ...]
    """Of everything up to the end of each line that is not empty."""
    whole: bool
    """Whether the export ends within its head."""
    bom: bool = False
    ends: Ends = "lf"


class Agreement(Struct, frozen=True):
    """What two heads have in common."""

    lines: int
    verdict: Literal["different", "overlapping", "same", "open"]
    """`same`: one export is the other's beginning. `open`: what follows the heads decides."""
    longer: bool = False
    """Whether the new one goes on where the known one ends."""


def take_head(content: bytes, *, ended: bool) -> ExportHead:
    """Return the head of an export whose plain bytes begin with `content`; `ended` if that is all of them."""
    bom = content.startswith(_BOM)
    text = content[len(_BOM) :] if bom else content
    feeds, returns = text.count(b"\n"), text.count(b"\r\n")
    ends: Ends = "lf" if not returns else "crlf" if returns == feeds else "mixed"
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    if not ended:
        lines = lines[:-1] or [text]  # a line longer than a head stands for itself
    digest, digests = hashlib.blake2b(digest_size=_DIGEST_BYTES), []
    for line in lines:
        if line.strip():
            digest.update(line.rstrip(b"\r") + b"\n")
            digests.append(digest.copy().digest())
    return ExportHead(digests=tuple(digests), whole=ended, bom=bom, ends=ends)


def compare(new: ExportHead, known: ExportHead) -> Agreement:
    """Return what two heads have in common."""
    shorter = min(len(new.digests), len(known.digests))
    lines = next((at for at in range(shorter) if new.digests[at] != known.digests[at]), shorter)
    if not lines:
        return Agreement(0, "different")
    if lines < shorter:
        return Agreement(lines, "overlapping")
    ends = (new.whole and len(new.digests) == shorter) or (known.whole and len(known.digests) == shorter)
    return Agreement(lines, "same" if ends else "open", longer=len(new.digests) > shorter)


def add_step(trail: Sequence[Step], step: Step) -> tuple[Step, ...]:
    """Return a trail with a further step, never with more than `MOST_STEPS`."""
    if trail and trail[-1][0] >= step[0]:
        return tuple(trail)
    longer = (*trail, step)
    return longer if len(longer) <= MOST_STEPS else (*longer[1::2], *(longer[-1:] if len(longer) % 2 else ()))


class LineEndNormaliser:
    """Take out of an export's plain bytes what does not count: feed them in order, and get them with LF alone."""

    def __init__(self) -> None:
        self._first, self._held = True, b""

    def feed(self, block: bytes) -> bytes:
        """Return a block without byte order mark and carriage returns before line feeds."""
        block, self._held = self._held + block, b""
        if self._first:
            if _BOM.startswith(block) and block != _BOM:  # it may be the beginning of a mark
                self._held = block
                return b""
            self._first, block = False, block.removeprefix(_BOM)
        if block.endswith(b"\r"):
            block, self._held = block[:-1], b"\r"
        return block.replace(b"\r\n", b"\n")


class ExportComparison:
    """Hold two exports against each other, whatever the blocks they come in: feed whichever `lags`."""

    def __init__(self) -> None:
        self._plain = (LineEndNormaliser(), LineEndNormaliser())
        self._rest = [b"", b""]
        self.differ = False
        self.agreed = 0
        """Bytes that are the same."""

    @property
    def lags(self) -> int:
        """Which one has less left to be compared: 0 or 1."""
        return int(len(self._rest[1]) < len(self._rest[0]))

    def feed(self, which: int, block: bytes) -> None:
        """Take a block of one of them."""
        self._rest[which] += self._plain[which].feed(block)
        length = min(map(len, self._rest))
        one, other = (rest[:length] for rest in self._rest)
        if not self.differ:
            self.differ = one != other
            self.agreed += _common(one, other) if self.differ else length
        self._rest = [rest[length:] for rest in self._rest]


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes two pieces of one length begin with that are the same."""
    return bisect_left(range(len(one)), 1, key=lambda end: one[: end + 1] != other[: end + 1])


class TrailFollower:
    """Follow a trail through an export: feed its plain bytes in order, until `done`."""

    def __init__(self, trail: Iterable[Step], known: ExportHead) -> None:
        """Follow the trail of an export whose head is `known`."""
        steps = list(trail)
        self._known, self._plain = known, LineEndNormaliser()
        self._begun = False
        self.length = 0
        """Bytes fed."""
        # As the bytes come, and as they would be in the other export's form.
        self._walks = [_Walk(steps), _Walk(steps)]

    @property
    def done(self) -> bool:
        """Whether nothing that follows could change the answer."""
        return any(walk.done and not walk.lost for walk in self._walks) or all(walk.lost for walk in self._walks)

    @property
    def agreed(self) -> int:
        """The length up to which the two agree, as far as there are steps."""
        return max(walk.agreed for walk in self._walks)

    @property
    def same(self) -> bool:
        """Whether no step that was come to disagrees."""
        # A form in which no step was come to says nothing where another one did.
        walked = [walk for walk in self._walks if walk.walked]
        return any(not walk.lost for walk in walked) or not walked

    def feed(self, block: bytes) -> None:
        """Take a block."""
        self.length += len(block)
        self._walks[0].feed(block)
        plain = self._plain.feed(block)
        if self._known.ends == "crlf":
            plain = plain.replace(b"\n", b"\r\n")
        self._walks[1].feed(plain if self._begun or not (plain and self._known.bom) else _BOM + plain)
        self._begun = self._begun or bool(plain)


class _Walk:
    """A trail followed in one form."""

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
    """Say that an export begins as another one does that the account has got."""
    common = f"first {size:,} bytes" if size else f"first {lines:,} lines" if lines > 1 else "first line"
    return (
        f"the {common} of {file} are those of {other}, which the account has got: events and transactions in"
        " both count twice"
    )
