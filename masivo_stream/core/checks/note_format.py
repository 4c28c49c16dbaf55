"""Notes: what one valid record contributes to the checks, as six numbers of 64 bits. They hold nothing of a record.

A note is the salted hash of what it is about (a customer, an email, a purchase), a tag (what it says, and the number of
a reward), a value, and the place of the line: source and line in one number, offset, length. Beside the length is the
hour of the line's earliest date. Notes about one thing have one hash, so they come together when notes are divided by
hash.

Two things may share a hash. For a million customers this has a probability of 3 in 10^8. So what notes say is a
suspicion, and the lines are read again before anything is reported.
"""

import enum
import hashlib
import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable

from masivo_stream.model.findings import LinePlace
from masivo_stream.model.schemas import Timestamp

WORDS = 6
NOTE_BYTES = 8 * WORDS

pack_note = struct.Struct(f"{WORDS}q").pack
"""Return the bytes of a note. An array takes them in a third of the time that it needs for the numbers."""

_LINE_BITS = 40
_LINE_MASK = (1 << _LINE_BITS) - 1


class Tag(enum.IntEnum):
    """What a note says: the lowest four bits of its second number."""

    CUSTOMER = 1
    """A valid record of a customer; value: the balance of the first reward."""
    CUSTOMER_BARE = 2
    """A customer without a balance, likewise."""
    DELETED = 3
    DEAD = 4
    """A customer whose record is a dead letter."""
    MORE_BALANCE = 5
    """The balance of a further reward on the line of a customer."""
    EVENTS = 6
    TRANSACTIONS = 7
    """A line of transactions; value: their sum for the first reward."""
    MORE_TRANSACTIONS = 8
    """The sum for a further reward on that line."""
    TRANSACTIONS_DEAD = 9
    """A line of transactions that is a dead letter: the customer's sum is not known; value: 1 if a run has made one of
    it, 0 if not. Beside the former, a later line is compared alone."""
    EMAIL = 10
    """An email, by the hash of its lower case; value: the hash of the email as it is."""
    PURCHASE = 11
    """An event, by customer and purchase; value: its index in the record, and a hash of what makes it the same."""


TAG_MASK = 15
READ_AGAIN = 16
"""Set in a tag if an amount on the line is not known exactly: the line has to be read again."""
REWARD_SHIFT = 8
"""The number of a reward (from 1) is above these bits; 0 if the note has no value of a reward."""


CONTENT_BITS = 24
"""In the value of an event's note, its index is above these bits."""


def event_value(index: int, content: int) -> int:
    """Return the value of an event's note; `content` has 24 bits (`core.reading.purchases`)."""
    return index << CONTENT_BITS | content


def event_of(value: int) -> tuple[int, int]:
    """Return index and content from the value of an event's note."""
    return value >> CONTENT_BITS, value & (1 << CONTENT_BITS) - 1


_LENGTH_BITS = 36
_LENGTH_MASK = (1 << _LENGTH_BITS) - 1

NEVER = (1 << 27) - 1
"""An hour after all dates: for a line whose dates are not known."""

HOURS_OFF = 1
"""The hour of a date is less than this wrong, because some time zones are half an hour apart."""


def where(source: int, line: int) -> int:
    """Return source and line in one number, which sorts in reading order."""
    return source << _LINE_BITS | line


def place_of(packed: int, offset: int, length: int) -> LinePlace:
    """Return the place of a line from the last three numbers of a note."""
    return LinePlace(packed >> _LINE_BITS, packed & _LINE_MASK, offset, length & _LENGTH_MASK)


class Lines:
    """A set of lines, in 8 bytes each: source and line of each in one number, as in a note."""

    def __init__(self, wheres: Iterable[int] = ()) -> None:
        """Hold these lines."""
        self.wheres = array("q", sorted(wheres))

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.wheres)

    def __contains__(self, where: int) -> bool:
        """Return whether a line is among them."""
        index = bisect_left(self.wheres, where)
        return index < len(self.wheres) and self.wheres[index] == where


def with_hour(place: tuple[int, int, int], hour: int) -> tuple[int, int, int]:
    """Return the last three numbers of a note with the hour of the line's earliest date."""
    return place[0], place[1], hour << _LENGTH_BITS | place[2]


def hour_number(date: Timestamp) -> int:
    """Return the hour of a date in UTC, counted from the year 0."""
    hour = date.toordinal() * 24 + date.hour
    if offset := date.utcoffset():
        hour -= offset.days * 24 + offset.seconds // 3600
    return hour


def hour_of(length: int) -> int:
    """Return the hour that is in one number with the length of a line."""
    return length >> _LENGTH_BITS


def _digested(value: object) -> int:
    text = repr(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


Hashed = Callable[[str | tuple[str, str]], int]
"""Returns the hash of a customer or an email, or of a customer and a purchase: 64 bits, with a sign."""

# Python's own hash is SipHash with a key of this process (PEP 456). It is used if it has 64 bits.
salted_hash: Hashed = hash if struct.calcsize("n") == struct.calcsize("q") else _digested


class SharedHash:
    """A hash that all machines which take notes of the same exports agree on: BLAKE2b, keyed by what the exports are.

    It is called as `salted_hash` is. The key makes no secret of what is hashed: who has the exports has the key.
    """

    _REWARD_BITS = 54
    """These fit into a tag beside its other bits. Two of 2,000 rewards share a number with a probability of 10^-10."""

    def __init__(self, key: bytes) -> None:
        """Hash with a key of at most 64 bytes."""
        self.key = key
        self._begun = hashlib.blake2b(digest_size=8, key=key)

    def __call__(self, value: str | tuple[str, str]) -> int:
        """Return 64 bits, with a sign."""
        hashed = self._begun.copy()
        if isinstance(value, str):
            hashed.update(value.encode("utf-8", "surrogatepass"))
        else:  # a customer and a purchase
            one, other = (each.encode("utf-8", "surrogatepass") for each in value)
            hashed.update(len(one).to_bytes(8, "big") + one + other)
        return int.from_bytes(hashed.digest(), "big", signed=True)

    def number(self, reward: str) -> int:
        """Return the number of a reward in a tag; it is not 0."""
        return (self(reward) & (1 << self._REWARD_BITS) - 1) or 1
