"""What an answer holds of each line: where its customer's id, email and purchases are, and nothing of what they are.

The process that takes answers up reads the exports itself, because it packs and sends them. It takes ids out of its own
bytes by these places, which is much cheaper than decoding. A line that is no entry as it is (a dead letter, a skipped
record, a part of a record), and one in which a text is written with escapes, is marked: it is validated again there.

Law: what is taken out at these places is what decoding the line gives.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat

from msgspec import Struct

from masivo_stream.core.parts.planes import from_planes, to_planes
from masivo_stream.core.reading.purchases import Signs
from masivo_stream.core.reading.remote import RemoteResults
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.results import Entry

_WORD = "I"
_CONTENT_BYTES = 3


class PackedColumns(Struct, frozen=True, array_like=True):
    """The columns of lines that follow one another in an input: numbers of 32 bits, in planes."""

    lines: int
    alone: bytes
    """The indexes of the lines that have to be validated again. The columns are of all other lines, in order."""
    id_at: bytes
    id_length: bytes
    items: bytes
    email_at: bytes
    """Of customers; empty for other kinds."""
    email_length: bytes
    purchase_at: bytes
    """Of each event; empty for other kinds."""
    purchase_length: bytes
    contents: bytes
    """24 bits of a hash of what makes two events of one purchase the same, in three bytes."""

    @property
    def again(self) -> int:
        """How many lines have to be validated again."""
        return len(self.alone) // array(_WORD).itemsize


class ColumnWriter:
    """Feed it the results of lines in order; then take their columns."""

    def __init__(self) -> None:
        """Begin without a line."""
        self._begin()

    def _begin(self) -> None:
        self.lines = 0
        self._alone, self._items = array(_WORD), array(_WORD)
        self._ids, self._emails, self._purchases = _Spans(), _Spans(), _Spans()
        self._contents = array(_WORD)

    def add(self, results: Iterable[LineResults], emails: Sequence[str], signs: Signs) -> None:
        """Add the results of lines that were validated without knowing earlier ones.

        `emails` are those of all entries, or empty; `signs` are those of all entries' events, or empty.
        """
        email = iter(emails) if emails else repeat(None)
        events = zip(signs.purchases, signs.contents, strict=True)
        for each in results:
            if isinstance(each, EntryRun):
                for body, customer, items in zip(each.bodies, each.customers, each.items, strict=True):
                    self._add(body, customer, items, next(email), events)
            elif isinstance(each, Entry) and each.indexes is None:
                self._add(each.body, each.customer, each.items, next(email), events)
            else:
                self._alone.append(self.lines)
                self.lines += 1
                if isinstance(each, Entry):  # its events are among the signs
                    for _ in islice(events, each.items):
                        pass

    def _add(
        self, body: bytes, customer: str, items: int, email: str | None, events: Iterator[tuple[str, int]]
    ) -> None:
        """Add an entry; mark its line if something is not written there as it is."""
        id_ = _find(body, customer)
        email_ = None if email is None else _find(body, email)
        found: list[tuple[int, int]] = []
        contents: list[int] = []
        at = 0
        for purchase, content in islice(events, items):
            place = _find(body, purchase, at)
            found.append(place)
            contents.append(content)
            at = sum(place)
        if id_[0] < 0 or (email_ is not None and email_[0] < 0) or any(at < 0 for at, _ in found):
            self._alone.append(self.lines)
        else:
            self._ids.add(id_)
            self._items.append(items)
            if email_ is not None:
                self._emails.add(email_)
            for place in found:
                self._purchases.add(place)
            self._contents.extend(contents)
        self.lines += 1

    def take(self) -> PackedColumns:
        """Return the columns of the lines since the last call."""
        packed = PackedColumns(
            self.lines,
            _pack(self._alone),
            *self._ids.pack(),
            _pack(self._items),
            *self._emails.pack(),
            *self._purchases.pack(),
            _pack_contents(self._contents),
        )
        self._begin()
        return packed


class _Spans:
    """Places and lengths."""

    def __init__(self) -> None:
        self._at, self._length = array(_WORD), array(_WORD)

    def add(self, span: tuple[int, int]) -> None:
        self._at.append(span[0])
        self._length.append(span[1])

    def pack(self) -> tuple[bytes, bytes]:
        return _pack(self._at), _pack(self._length)


def _find(body: bytes, text: str, start: int = 0) -> tuple[int, int]:
    """Return where a text is on a line, wherever that is, and its length; (-1, 0) if it is not there as it is."""
    wanted = text.encode("utf-8", "surrogatepass")
    at = body.find(wanted, max(0, start))
    if at < 0 and start > 0:
        at = body.find(wanted)
    return (at, len(wanted)) if at >= 0 else (-1, 0)


class ColumnReader:
    """Read the columns of lines that follow one another, from the first one to the last."""

    def __init__(self, packed: PackedColumns) -> None:
        """Read these columns."""
        self.left = packed.lines
        """Lines that were not read yet."""
        self._line = self._plain = self._event = 0
        """Lines, entries and events read so far."""
        self._alone = _unpack(packed.alone)
        self._ids = _unpack(packed.id_at), _unpack(packed.id_length)
        self._items = _unpack(packed.items)
        self._emails = _unpack(packed.email_at), _unpack(packed.email_length)
        self._purchases = _unpack(packed.purchase_at), _unpack(packed.purchase_length)
        self._contents = _unpack_contents(packed.contents)

    def skip(self, lines: int) -> None:
        """Pass over lines."""
        plain = lines - len(self._take_alone(lines))
        self._event += sum(self._items[self._plain : self._plain + plain]) if self._contents else 0
        self._plain += plain

    def read(self, bodies: Sequence[bytes]) -> tuple[list[int], RemoteResults]:
        """Read the columns of the next lines, given their bytes.

        Return the indexes of those that have to be validated, and the results of all others: with changed lines, they
        are anything.

        Raises:
            UnicodeDecodeError: the lines are others.
        """
        alone = self._take_alone(len(bodies))
        apart = set(alone)
        plain = [body for index, body in enumerate(bodies) if index not in apart] if alone else bodies
        begin, self._plain = self._plain, self._plain + len(plain)
        entries = slice(begin, self._plain)
        items = self._items[entries].tolist()
        signs = Signs()
        if self._contents:
            begin, self._event = self._event, self._event + sum(items)
            events = slice(begin, self._event)
            owners = chain.from_iterable(map(repeat, plain, items))
            signs = Signs(_take_out(owners, self._purchases, events), self._contents[events].tolist())
        emails = _take_out(plain, self._emails, entries) if self._emails[0] else []
        return alone, RemoteResults({}, _take_out(plain, self._ids, entries), items, emails, signs)

    def _take_alone(self, lines: int) -> list[int]:
        """Go on by a number of lines; return which of them have to be validated, by their indexes among them."""
        begin, self._line, self.left = self._line, self._line + lines, self.left - lines
        wanted = self._alone[bisect_left(self._alone, begin) : bisect_left(self._alone, self._line)]
        return [index - begin for index in wanted]


def _take_out(bodies: Iterable[bytes], spans: "tuple[array[int], array[int]]", which: slice) -> list[str]:
    """Return the texts at these places, one of each body."""
    at, length = spans
    columns = zip(bodies, at[which], length[which], strict=True)
    return [body[begin : begin + size].decode() for body, begin, size in columns]


def _pack(numbers: "array[int]") -> bytes:
    return to_planes(numbers.tobytes(), numbers.itemsize)


def _unpack(packed: bytes) -> "array[int]":
    numbers = array(_WORD)
    numbers.frombytes(from_planes(packed, numbers.itemsize))
    return numbers


def _pack_contents(contents: "array[int]") -> bytes:
    """Return numbers of 24 bits in three planes: the fourth byte of each is 0."""
    return _pack(contents)[: _CONTENT_BYTES * len(contents)]


def _unpack_contents(packed: bytes) -> "array[int]":
    return _unpack(packed + bytes(len(packed) // _CONTENT_BYTES))
