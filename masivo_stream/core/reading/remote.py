"""Validate lines in one process for another: the question, the answer, and how the answer is read.

The process that asks has read the lines and keeps them. It sends their bodies, and the worker answers with what only
decoding shows: customers and numbers of items, and in full only the results of odd lines, those that are not entries
like any other. A worker does not see all lines, so whether a customer or an email came before is decided by the process
that asks, which has all lines in order.

Law: validated by a worker, or by any number of workers in turns, lines have the results that one decoder gives.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import CustomerMemory
from masivo_stream.core.reading.purchases import Signs
from masivo_stream.core.reading.reject import LineFault, check_customer, reject_duplicate, reject_line, skip_line
from masivo_stream.core.reading.strict import Origin, Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults, lay_out
from masivo_stream.model.proof import stretches
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Line, LineResult, LineRun, Rejected, Skipped, run_of


class _PartOfEntry(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """An entry without its reversed events. Its body is composed again, so it is not the line's bytes."""

    body: bytes
    customer: str
    indexes: tuple[int, ...]
    skipped_items: int


class _Skip(Struct, frozen=True, gc=False, array_like=True, tag=True):
    reason: SkipReason
    items: int
    customer: str | None


class _Blank(Struct, frozen=True, gc=False, array_like=True, tag=True):
    pass


_Odd = _PartOfEntry | LineFault | _Skip | _Blank


class RemoteResults(Struct, frozen=True, gc=False, array_like=True):
    """The results of lines: `odd` by index, then column by column what is known of all other lines, in order."""

    odd: dict[int, _Odd]
    customers: list[str]
    items: list[int]
    emails: list[str]
    """Of customers; empty for the other kinds."""
    signs: Signs
    """Of the events of all entries, odd ones included, in order; empty if events are not compared."""


_NONE = RemoteResults({}, [], [], [], Signs())
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RemoteResults).decode


class _Emails:
    """A `CustomerMemory` that knows no customer, and collects the emails that it is given."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, _customer: str, email: str | None = None) -> None:
        if email is not None:
            self.noted.append(email)

    def note_all(self, _customers: list[str], emails: list[str]) -> dict[int, Reason]:
        self.noted.extend(emails)
        return {}

    def __contains__(self, _customer: str) -> bool:
        return False


class _UnmarkedEvents:
    """An `EventMemory` that knows no event, and keeps the signs that it is given."""

    def __init__(self) -> None:
        self.noted = Signs()

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        self.noted = signs
        return results


class RemoteDecoder:
    """The worker's side: answer questions about lines of one kind."""

    def __init__(self, rules: Rules) -> None:
        """Validate by `rules`."""
        self._emails, self._events = _Emails(), _UnmarkedEvents()
        self._decoder = Decoder(rules, self._emails, self._events if rules.sign_events else None)

    def answer(self, question: bytes) -> bytes:
        """Return the results of the lines that `ask` put into a question."""
        return _encode(self.results(question))

    def results(self, question: bytes) -> RemoteResults:
        """Return the same for this process."""
        bodies = question.split(b"\n")
        run = LineRun(0, bodies, [0] * len(bodies), question)
        validated, emails, signs = self.validate([run], "")
        results = RemoteResults({}, [], [], emails, signs)
        for result in validated:
            if isinstance(result, EntryRun):
                results.customers.extend(result.customers)
                results.items.extend(result.items)
            elif isinstance(result, Entry) and result.indexes is None:
                results.customers.append(result.customer)
                results.items.append(result.items)
            else:
                results.odd[result.line] = _shorten(result)
        return results

    def validate(
        self, pieces: Iterable[LineRun | Line], file: str, source: int = 0
    ) -> tuple[list[LineResults], list[str], Signs]:
        """Return the results of lines as if no line came before them.

        And the emails of all entries, of customers only; and the signs of all entries' events, if they are collected.
        """
        self._emails.noted = []
        validated = self._decoder.validate_all(pieces, file, source)
        return validated, self._emails.noted, self._events.noted


def _shorten(result: LineResult) -> _Odd:
    """Return what the other process cannot know of the result of an odd line."""
    match result:
        case Entry():
            return _PartOfEntry(result.body, result.customer, result.indexes or (), result.skipped_items)
        case Rejected():
            return LineFault(
                result.reason,
                result.message,
                result.field,
                items=result.items,
                item_count=result.item_count,
                customer=result.customer,
                listed=result.listed,
                faults_left_out=result.faults_left_out,
            )
        case Skipped():
            return _Skip(result.reason, result.items, result.customer)
        case Blank():
            return _Blank()


def ask(pieces: Iterable[LineRun | Line], *, max_line_bytes: int) -> bytes | None:
    """Return a question about lines; None if there is nothing to ask, as lines beyond the cap are not asked about."""
    bodies: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, LineRun):
            bodies.extend(piece.bodies)
        elif piece.length <= max_line_bytes:
            bodies.append(piece.body)
    return b"\n".join(bodies) if bodies else None


def interleave(others: RemoteResults, alone: Sequence[int], own: RemoteResults) -> RemoteResults:
    """Return the results of lines of which those with the indexes `alone` have the results `own`.

    All other lines, in order, have the results `others`; none of these is odd.
    """
    if not alone:
        return others
    whole = RemoteResults({}, [], [], [], Signs([], []))
    theirs, ours = _Cursor(others, whole), _Cursor(own, whole)
    line = 0
    for number, index in enumerate(alone):
        theirs.move(index - line)
        odd = own.odd.get(number)
        if odd is None:
            ours.move(1)
        else:
            whole.odd[index] = odd
            ours.move_signs(len(odd.indexes) if isinstance(odd, _PartOfEntry) else 0)
        line = index + 1
    theirs.move(len(others.customers))
    return whole


class _Cursor:
    """Moves results from one list of columns to another."""

    def __init__(self, from_: RemoteResults, to: RemoteResults) -> None:
        self._from, self._to = from_, to
        self._line = self._sign = 0

    def move(self, lines: int) -> None:
        """Move the next lines that are not odd."""
        found, whole = self._from, self._to
        moved = slice(self._line, self._line + lines)
        self._line += lines
        items = found.items[moved]
        whole.customers.extend(found.customers[moved])
        whole.items.extend(items)
        whole.emails.extend(found.emails[moved])
        self.move_signs(sum(items))

    def move_signs(self, events: int) -> None:
        """Move the signs of the next events."""
        moved = slice(self._sign, self._sign + events)
        self._sign += events
        self._to.signs.purchases.extend(self._from.signs.purchases[moved])
        self._to.signs.contents.extend(self._from.signs.contents[moved])


class AnswerReader:
    """The asking side: read answers, in the order of the lines they are about."""

    def __init__(self, decoder: Decoder) -> None:
        """Let `decoder` validate the lines that were not asked about; its memory knows which customers came before."""
        self._decoder = decoder
        self._known = None if decoder.rules.kind is Kind.EVENTS else decoder.memory

    def read(self, answer: bytes | None, pieces: Iterable[LineRun | Line], file: str, source: int) -> list[LineResults]:
        """Return the results of lines of `file`, the input numbered `source`, from the `answer` to `ask(pieces)`."""
        return self.read_results(_NONE if answer is None else _decode(answer), pieces, file, source)

    def read_results(
        self, answered: RemoteResults, pieces: Iterable[LineRun | Line], file: str, source: int
    ) -> list[LineResults]:
        """Return the results of lines as `read` does, from what another process found."""
        reader = _ResultReader(answered, self._known, Origin(file, source))
        results: list[LineResults] = []
        for piece in pieces:
            if isinstance(piece, LineRun):
                results.extend(reader.read(piece))
            elif piece.length <= self._decoder.rules.max_line_bytes:
                results.extend(reader.read(run_of(piece)))
            else:
                results.append(self._decoder.validate(piece, file, source))
        purchases = self._decoder.purchases
        return results if purchases is None else purchases.mark(results, answered.signs)


class _ResultReader:
    """Read the results of one answer, run by run."""

    def __init__(self, results: RemoteResults, known: CustomerMemory | None, origin: Origin) -> None:
        self._results, self._known, self._origin = results, known, origin
        self._odd = sorted(results.odd)
        self._index = 0
        """Lines read so far."""
        self._plain = 0
        """Lines among them that are not odd: the place in the columns."""

    def read(self, run: LineRun) -> Iterator[LineResults]:
        """Yield the results of a run."""
        begin, self._index = self._index, self._index + len(run.bodies)
        indexes = self._odd[bisect_left(self._odd, begin) : bisect_left(self._odd, self._index)]
        odd_results = {index - begin: self._results.odd[index] for index in indexes}
        start, self._plain = self._plain, self._plain + len(run.bodies) - len(odd_results)
        plain = slice(start, self._plain)
        customers, items = self._results.customers[plain], self._results.items[plain]
        if self._known is None:
            odd = {index: self._lengthen(result, run.line(index)) for index, result in odd_results.items()}
        else:
            columns = customers, items, self._results.emails[plain]
            customers, items, odd = self._note_each(run, odd_results, columns, self._known)
        return lay_out(run, odd, customers, items, file=self._origin.file, source=self._origin.source)

    def _note_each(
        self,
        run: LineRun,
        odd_results: dict[int, _Odd],
        plain: tuple[list[str], list[int], list[str]],
        known: CustomerMemory,
    ) -> tuple[list[str], list[int], dict[int, LineResult]]:
        """Note the customer of each line, in order; return customers and items of entries, and all other results.

        `plain` are the customers, items and emails of the lines that are not odd.
        """
        customers: list[str] = []
        items: list[int] = []
        odd: dict[int, LineResult] = {}
        taken = 0
        for lines, odd_lines in stretches(sorted(odd_results), len(run.bodies)):
            part = slice(taken, taken + len(lines))
            own, counts = plain[0][part], plain[1][part]
            reasons = known.note_all(own, plain[2][part])
            for index, reason in reasons.items():
                line = run.line(lines[index])
                odd[lines[index]] = reject_duplicate(
                    line, self._origin.file, reason, items=counts[index], customer=own[index]
                )
            new = [index not in reasons for index in range(len(own))]
            customers.extend(compress(own, new))
            items.extend(compress(counts, new))
            for index in odd_lines:
                odd[index] = self._lengthen(odd_results[index], run.line(index))
            taken = part.stop
        return customers, items, odd

    def _lengthen(self, odd: _Odd, line: Line) -> LineResult:
        """Return the result that `_shorten` made short, of the line in this process."""
        match odd:
            case _PartOfEntry():
                return Entry(
                    file=self._origin.file,
                    line=line.number,
                    offset=line.offset,
                    length=line.length,
                    body=odd.body,
                    customer=odd.customer,
                    items=len(odd.indexes),
                    record_items=len(odd.indexes),
                    indexes=odd.indexes,
                    skipped_items=odd.skipped_items,
                    source=self._origin.source,
                )
            case LineFault():
                fault = odd if self._known is None else check_customer(odd, self._known)
                return reject_line(line, self._origin.file, fault)
            case _Skip():
                customer = self._unless_sent(odd.customer)
                return skip_line(line, self._origin.file, odd.reason, items=odd.items, customer=customer)
            case _Blank():
                return Blank(line.number)

    def _unless_sent(self, customer: str | None) -> str | None:
        """Return the id of a customer whose record is not sent; None if an earlier record of the same id was good."""
        sent = customer is not None and self._known is not None and customer in self._known
        return None if sent else customer
