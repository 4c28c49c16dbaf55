"""Judge lines in one process for another: what is asked, what is answered, and what the answer means.

The one that asks has read the lines and keeps them; it sends their bodies and gets back what cannot be seen without
decoding: customers and numbers of items, and in full only what is not an entry like any other. A deputy does not have
all lines, so whether a customer or an email came before is left to the one that asks, who has them in order.

Law: judged through a deputy, or through any number of them in turns, lines have the judgements a decoder alone gives.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import repeat

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.decode import Decoder, Memory, Rules
from masivo_stream.core.reading.purchases import Signs
from masivo_stream.core.reading.reject import reject_duplicate, reject_line, skip_line
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults, lay_out
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Line, LineResult, LineRun, Rejected, Skipped, run_of


class _Part(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """An entry that leaves reversed events behind: composed, so its bytes are not the line's."""

    body: bytes
    customer: str
    indexes: tuple[int, ...]
    skipped_items: int


class _Rejection(Struct, frozen=True, gc=False, array_like=True, tag=True):
    reason: Reason
    field: str
    message: str
    items: tuple[int, ...] | None
    item_count: int
    customer: str | None


class _Skip(Struct, frozen=True, gc=False, array_like=True, tag=True):
    reason: SkipReason
    items: int
    customer: str | None


class _Blank(Struct, frozen=True, gc=False, array_like=True, tag=True):
    pass


_Odd = _Part | _Rejection | _Skip | _Blank


class _Verdicts(Struct, frozen=True, gc=False, array_like=True):
    """What became of lines: `odd` by index, then column by column what is known of the others, in order."""

    odd: dict[int, _Odd]
    customers: list[str]
    items: list[int]
    emails: list[str]
    """Of customers; empty for the other kinds."""
    signs: Signs
    """Of the events of all entries, the odd ones among them, in order; empty where nobody asks which came before."""


_NONE = _Verdicts({}, [], [], [], Signs())
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Verdicts).decode


class _Emails:
    """Takes the place of what came before: knows nothing, and notes the emails it is asked about."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, _customer: str, email: str | None = None) -> None:
        """Note a record that would be sent."""
        if email is not None:
            self.noted.append(email)

    def __contains__(self, _customer: str) -> bool:
        """Say that nobody came before: that is for the one that asks to know."""
        return False


class _Unmarked:
    """Takes the place of the events that came before: knows nothing, and notes the signs it is asked about."""

    def __init__(self) -> None:
        self.noted = Signs()

    def mark(self, found: list[LineResults], signs: Signs) -> list[LineResults]:
        """Note the signs of what was found."""
        self.noted = signs
        return found


class RemoteDecoder:
    """Answers questions about lines of one kind."""

    def __init__(self, rules: Rules) -> None:
        """Judge by `rules`."""
        self._emails, self._events = _Emails(), _Unmarked()
        self._decoder = Decoder(
            rules.kind,
            max_line_bytes=rules.max_line_bytes,
            remember_ids=0,
            reject_unknown_fields=rules.reject_unknown_fields,
            discounted_value_optional=rules.discounted_value_optional,
            guide_types_only=rules.guide_types_only,
            thorough=rules.thorough,
            memory=self._emails,
            purchases=self._events if rules.sign_events else None,
        )

    def answer(self, question: bytes) -> bytes:
        """Return the verdicts on the lines `ask` has put into a question."""
        self._emails.noted = []
        bodies = question.split(b"\n")
        validated = self._decoder.validate_all([LineRun(0, bodies, [0] * len(bodies), question)], "")
        verdicts = _Verdicts({}, [], [], self._emails.noted, self._events.noted)
        for found in validated:
            if isinstance(found, EntryRun):
                verdicts.customers.extend(found.customers)
                verdicts.items.extend(found.items)
            elif isinstance(found, Entry) and found.indexes is None:
                verdicts.customers.append(found.customer)
                verdicts.items.append(found.items)
            else:
                verdicts.odd[found.line] = _shorten(found)
        return _encode(verdicts)


def _shorten(result: LineResult) -> _Odd:
    match result:
        case Entry():
            indexes = result.indexes or ()
            return _Part(result.body, result.customer, indexes, result.skipped_items)
        case Rejected():
            fault = result
            return _Rejection(fault.reason, fault.field, fault.message, fault.items, fault.item_count, fault.customer)
        case Skipped():
            return _Skip(result.reason, result.items, result.customer)
        case Blank():
            return _Blank()


def ask(pieces: Iterable[LineRun | Line], *, max_line_bytes: int) -> bytes | None:
    """Return a question about lines, None where there is none to ask about; those beyond the cap are not."""
    bodies: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, LineRun):
            bodies.extend(piece.bodies)
        elif piece.length <= max_line_bytes:
            bodies.append(piece.body)
    return b"\n".join(bodies) if bodies else None


class AnswerReader:
    """Reads answers, in the order of the lines they speak of."""

    def __init__(self, decoder: Decoder) -> None:
        """Judge by `decoder` what no question was asked about, and by what it knows which customers came before."""
        self._decoder = decoder
        self._known = None if decoder.rules.kind is Kind.EVENTS else decoder.memory

    def read(self, answer: bytes | None, pieces: Iterable[LineRun | Line], file: str, source: int) -> list[LineResults]:
        """Return what becomes of the lines of `file`, the input numbered `source`; `answer` is to what `ask` gave."""
        verdicts = _NONE if answer is None else _decode(answer)
        dealing = _Dealing(verdicts, self._known, file, source)
        found: list[LineResults] = []
        for piece in pieces:
            if isinstance(piece, LineRun):
                found.extend(dealing.deal(piece))
            elif piece.length <= self._decoder.rules.max_line_bytes:
                found.extend(dealing.deal(run_of(piece)))
            else:
                found.append(self._decoder.validate(piece, file, source))
        purchases = self._decoder.purchases
        return found if purchases is None else purchases.mark(found, verdicts.signs)


class _Dealing:
    """Verdicts that are dealt out to the lines they speak of."""

    def __init__(self, verdicts: _Verdicts, known: Memory | None, file: str, source: int) -> None:
        self._verdicts, self._known, self._file, self._source = verdicts, known, file, source
        self._odd = sorted(verdicts.odd)
        self._index = 0
        """Lines that were dealt with."""
        self._plain = 0
        """Of these, the ones that are not odd."""

    def deal(self, run: LineRun) -> Iterator[LineResults]:
        """Yield what becomes of a run."""
        begin, self._index = self._index, self._index + len(run.bodies)
        indexes = self._odd[bisect_left(self._odd, begin) : bisect_left(self._odd, self._index)]
        verdicts = {index - begin: self._verdicts.odd[index] for index in indexes}
        start, self._plain = self._plain, self._plain + len(run.bodies) - len(verdicts)
        plain = slice(start, self._plain)
        customers, items = self._verdicts.customers[plain], self._verdicts.items[plain]
        if self._known is None:
            odd = {index: self._lengthen(verdict, run.line(index)) for index, verdict in verdicts.items()}
        else:
            emails = self._verdicts.emails[plain] or repeat(None)
            asked = zip(customers, items, emails, strict=False)
            customers, items, odd = self._ask_of_each(run, verdicts, asked, self._known)
        return lay_out(run, odd, customers, items, file=self._file, source=self._source)

    def _ask_of_each(
        self, run: LineRun, verdicts: dict[int, _Odd], plain: Iterator[tuple[str, int, str | None]], known: Memory
    ) -> tuple[list[str], list[int], dict[int, LineResult]]:
        """Ask of each line, in order, what came before; return customers and items of entries, and all others."""
        customers: list[str] = []
        items: list[int] = []
        odd: dict[int, LineResult] = {}
        for index in range(len(run.bodies)):
            if index in verdicts:
                odd[index] = self._lengthen(verdicts[index], run.line(index))
                continue
            customer, count, email = next(plain)
            duplicate = known.note(customer, email)
            if duplicate is None:
                customers.append(customer)
                items.append(count)
            else:
                odd[index] = reject_duplicate(run.line(index), self._file, duplicate, items=count, customer=customer)
        return customers, items, odd

    def _lengthen(self, odd: _Odd, line: Line) -> LineResult:
        match odd:
            case _Part():
                return Entry(
                    file=self._file,
                    line=line.number,
                    offset=line.offset,
                    length=line.length,
                    body=odd.body,
                    customer=odd.customer,
                    items=len(odd.indexes),
                    record_items=len(odd.indexes),
                    indexes=odd.indexes,
                    skipped_items=odd.skipped_items,
                    source=self._source,
                )
            case _Rejection():
                return reject_line(
                    line,
                    self._file,
                    odd.reason,
                    odd.message,
                    field=odd.field,
                    items=odd.items,
                    item_count=odd.item_count,
                    customer=self._not_sent(odd.customer),
                )
            case _Skip():
                customer = self._not_sent(odd.customer)
                return skip_line(line, self._file, odd.reason, items=odd.items, customer=customer)
            case _Blank():
                return Blank(line.number)

    def _not_sent(self, customer: str | None) -> str | None:
        """Name the customer of a record that is not sent, unless an earlier one of the same id was good."""
        sent = customer is not None and self._known is not None and customer in self._known
        return None if sent else customer
