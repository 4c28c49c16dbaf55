"""Judge lines in one process for another: what is asked, what is answered, and what the answer means.

The one that asks has read the lines and keeps them; it sends their bodies and gets back what cannot be seen without
decoding: customers and numbers of items, and in full only what is not an entry like any other. A deputy does not have
all lines, so whether a customer or an email came before is left to the one that asks, who has them in order.

Law: judged through a deputy, or through any number of them in turns, lines have the judgements a decoder alone gives.
"""

from collections.abc import Iterable
from itertools import repeat

import msgspec
from msgspec import Struct

from masivo_stream.core.decode import Decoder, Memory, Rules
from masivo_stream.core.reject import reject_line, reject_repeat
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.record import Blank, Entry, Judgement, Line, Rejected, Run, Skipped


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


_NONE = _Verdicts({}, [], [], [])
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Verdicts).decode


class _Emails:
    """Takes the place of what came before: knows nothing, and notes the emails it is asked about."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def repeated(self, _customer: str, email: str | None = None) -> None:
        """Note a record that would be sent."""
        if email is not None:
            self.noted.append(email)

    def __contains__(self, _customer: str) -> bool:
        """Say that nobody came before: that is for the one that asks to know."""
        return False


class Deputy:
    """Answers questions about lines of one kind."""

    def __init__(self, rules: Rules) -> None:
        """Judge by `rules`."""
        self._emails = _Emails()
        self._decoder = Decoder(
            rules.kind,
            max_line_bytes=rules.max_line_bytes,
            remember_ids=0,
            reject_unknown_fields=rules.reject_unknown_fields,
            discounted_value_optional=rules.discounted_value_optional,
            memory=self._emails,
        )

    def answer(self, question: bytes) -> bytes:
        """Return the verdicts on the lines `ask` has put into a question."""
        self._emails.noted = []
        odd: dict[int, _Odd] = {}
        plain: list[Entry] = []
        run = Run(0, 0, question.split(b"\n"), 1, question)
        for judgement in self._decoder.judge_all([run], ""):
            if isinstance(judgement, Entry) and judgement.indexes is None:
                plain.append(judgement)
            else:
                odd[judgement.line] = _shorten(judgement)
        customers = [entry.customer for entry in plain]
        return _encode(_Verdicts(odd, customers, [entry.items for entry in plain], self._emails.noted))


def _shorten(judgement: Judgement) -> _Odd:
    match judgement:
        case Entry():
            indexes = judgement.indexes or ()
            return _Part(judgement.body, judgement.customer, indexes, judgement.skipped_items)
        case Rejected():
            fault = judgement
            return _Rejection(fault.reason, fault.field, fault.message, fault.items, fault.item_count, fault.customer)
        case Skipped():
            return _Skip(judgement.reason, judgement.items)
        case Blank():
            return _Blank()


def ask(pieces: Iterable[Run | Line], *, max_line_bytes: int) -> bytes | None:
    """Return a question about lines, None where there is none to ask about; those beyond the cap are not."""
    bodies: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, Run):
            bodies.extend(piece.bodies)
        elif piece.length <= max_line_bytes:
            bodies.append(piece.body)
    return b"\n".join(bodies) if bodies else None


class Reader:
    """Reads answers, in the order of the lines they speak of."""

    def __init__(self, decoder: Decoder) -> None:
        """Judge by `decoder` what no question was asked about, and by what it knows which customers came before."""
        self._decoder = decoder
        self._known = None if decoder.rules.kind is Kind.EVENTS else decoder.memory

    def read(self, answer: bytes | None, pieces: Iterable[Run | Line], file: str, source: int) -> list[Judgement]:
        """Return what becomes of the lines of `file`, the input numbered `source`; `answer` is to what `ask` gave."""
        verdicts = _NONE if answer is None else _decode(answer)
        taking = _Taking(verdicts, self._known, file, source)
        for piece in pieces:
            if isinstance(piece, Run):
                taking.take(piece)
            elif piece.length <= self._decoder.rules.max_line_bytes:
                taking.take(Run(piece.number, piece.offset, [piece.body], 1, piece.body))
            else:
                taking.judgements.append(self._decoder.judge(piece, file, source))
        return taking.judgements


class _Taking:
    """Verdicts that are dealt out to the lines they speak of."""

    def __init__(self, verdicts: _Verdicts, known: Memory | None, file: str, source: int) -> None:
        self.judgements: list[Judgement] = []
        self._odd, self._known, self._file, self._source = verdicts.odd, known, file, source
        emails = verdicts.emails or repeat(None, len(verdicts.customers))
        self._plain = zip(verdicts.customers, verdicts.items, emails, strict=True)
        self._index = 0

    def take(self, run: Run) -> None:
        """Go through a run. This loop is all that is done here for a valid line, so it calls as little as it can."""
        odd, plain, known, add = self._odd, self._plain, self._known, self.judgements.append
        file, source, terminator = self._file, self._source, run.terminator
        number, offset = run.number, run.offset
        for index, body in enumerate(run.bodies, self._index):
            length = len(body)
            if index in odd:
                add(_lengthen(odd[index], Line(number, offset, body, length), file, source, known))
            else:
                customer, items, email = next(plain)
                if known is None or (repeats := known.repeated(customer, email)) is None:
                    add(
                        Entry(
                            file=file,
                            line=number,
                            offset=offset,
                            length=length,
                            body=body,
                            customer=customer,
                            items=items,
                            record_items=items,
                            source=source,
                        )
                    )
                else:
                    line = Line(number, offset, body, length)
                    add(reject_repeat(line, file, repeats, items=items, customer=customer))
            number += 1
            offset += length + terminator
        self._index += len(run.bodies)


def _lengthen(odd: _Odd, line: Line, file: str, source: int, known: Memory | None) -> Judgement:
    match odd:
        case _Part():
            return Entry(
                file=file,
                line=line.number,
                offset=line.offset,
                length=line.length,
                body=odd.body,
                customer=odd.customer,
                items=len(odd.indexes),
                record_items=len(odd.indexes),
                indexes=odd.indexes,
                skipped_items=odd.skipped_items,
                source=source,
            )
        case _Rejection():
            customer = odd.customer  # of a record that is not sent, unless an earlier one was good
            sent = customer is not None and known is not None and customer in known
            return reject_line(
                line,
                file,
                odd.reason,
                odd.message,
                field=odd.field,
                items=odd.items,
                item_count=odd.item_count,
                customer=None if sent else customer,
            )
        case _Skip():
            return Skipped(file=file, line=line.number, offset=line.offset, reason=odd.reason, items=odd.items)
        case _Blank():
            return Blank(line.number)
