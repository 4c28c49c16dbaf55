r"""Validate lines: each becomes an entry to send, a rejection with its reason, a skipped record, or blank.

Two decoders. The fast one is msgspec's typed decoder over the schemas of `model.schemas`. A line that it accepts, and
in which three cheap checks find nothing that msgspec is lenient about, is an entry, byte for byte as it is. Every other
line goes to the strict decoder (`strict`), which decodes without a type, walks the schema and decides.

The three checks: bytes that are not UTF-8 in fields that msgspec skips, lenient dates and escapes (`schema_faults`),
and fields that occur twice (`duplicate_fields`).

This is the hot path: a valid line should cost little more than its decoding. What can be asked of many lines at once is
asked of the block that they were cut from: is it ASCII, may it hold a lenient date or an escape? Only if the block
gives the unusual answer are its lines asked one by one. Even so, decoding takes most of the time. If there is an
extension that proves lines (`prover`), only the lines that it doubts are decoded.

msgspec raises `ValueError` (`DecodeError`, `ValidationError` and `UnicodeDecodeError` are kinds of it) or, on deep
nesting, `RecursionError`. No sequence of bytes makes this module raise.

*Decision:* transactions of one customer must travel together and only once (guides/migrate-customers), so a second
record of the same customer is a duplicate, `duplicate_id`, in a transactions export as in a customers export.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.core.nesting import bounded
from masivo_stream.core.reading.duplicate_fields import begins_with_id, has_doubled, suspicion
from masivo_stream.core.reading.duplicates import CustomerMemory
from masivo_stream.core.reading.lines import ProveText
from masivo_stream.core.reading.marks import read_raw_mark
from masivo_stream.core.reading.prover import make_prover, prove_text
from masivo_stream.core.reading.purchases import EventMemory, Signer
from masivo_stream.core.reading.reject import LineFault, reject_line
from masivo_stream.core.reading.schema_faults import accepts_when_cut, is_lenient, may_be_lenient
from masivo_stream.core.reading.strict import Origin, RecordFacts, Rules, StrictDecoder
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import LineResults, lay_out, one_by_one
from masivo_stream.model.proof import Proof
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Line, LineResult, LineRun, Rejected, run_of
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, OrderFields, TransactionsRecord, make_reader

_HEADROOM = 50
"""Calls. Python counts calls and msgspec's nesting against one recursion limit. A record is validated this many calls
deeper than it is read, so that whatever is accepted here can be decoded again in shallower places: by the packer, which
slices it, and by a resumed run."""


def _run_deeper(work: Callable[[], None], calls: int = _HEADROOM) -> None:
    """Run `work` that many calls deeper in the stack."""
    if calls == 0:
        work()
    else:
        _run_deeper(work, calls - 1)


class _RunResults(Struct, gc=False):
    """The results of those lines of a run that are validated already."""

    customers: list[str] = []
    """With `items`, of the lines that are entries as they are, in order."""
    items: list[int] = []
    odd: dict[int, LineResult] = {}
    """All other results, by the index of the line."""


class Decoder:
    """Validate the lines of one kind's export.

    It knows the customers of earlier lines, so feed it each line once, in the order of the export.
    """

    def __init__(self, rules: Rules, memory: CustomerMemory, purchases: EventMemory | None = None) -> None:
        """Validate by `rules`; `memory` and `purchases` know which customers and events came before.

        Without `purchases` no event is compared with earlier ones.
        """
        self.rules = msgspec.structs.replace(rules, sign_events=purchases is not None)
        self.memory, self.purchases = memory, purchases
        self._strict, self._signer = StrictDecoder(rules, memory), Signer()
        self._prover = make_prover(self.rules)
        self._schema = rules.schema
        self._decode = bounded(make_reader(self._schema))
        checks: dict[Kind, Callable[[Any], int | RecordFacts | None]] = {
            Kind.CUSTOMERS: self._check_customer,
            Kind.EVENTS: self._check_events,
            Kind.TRANSACTIONS: self._check_transactions,
        }
        self._check = checks[rules.kind]
        self._most_items = CONTRACTS[rules.kind].max_items
        self._suspect = suspicion(rules.kind)
        self._block = b""
        """The block that was scanned last, and what was found: only ASCII; lines that must be looked at one by one."""
        self._ascii_only, self._careful = True, rules.reject_unknown_fields

    @property
    def prove_text(self) -> ProveText | None:
        """Cut a text into lines, and prove them, in any thread: see `lines.LineSplitter`. None without a prover."""
        return None if self._prover is None else partial(prove_text, self._prover)

    def validate(self, line: Line, file: str, source: int = 0) -> LineResult:
        """Return the result of `line` of `file`, the input numbered `source`. Never raises, whatever the bytes."""
        (result,) = one_by_one(self.validate_all([line], file, source))
        return result

    def validate_all(self, pieces: Iterable[LineRun | Line], file: str, source: int = 0) -> list[LineResults]:
        """Return the result of each line, in order, as `validate` does; consecutive entries come as one `EntryRun`."""
        origin = Origin(file, source)
        results: list[LineResults] = []

        def work() -> None:
            for piece in pieces:
                if isinstance(piece, LineRun):
                    results.extend(self._validate_run(piece, origin))
                elif piece.length > self.rules.max_line_bytes:
                    results.append(self._reject_long(piece, file))
                else:
                    results.extend(self._validate_run(run_of(piece), origin))

        _run_deeper(work)
        return results if self.purchases is None else self.purchases.mark(results, self._signer.take())

    def _validate_run(self, run: LineRun, origin: Origin) -> Iterator[LineResults]:
        """Yield the results of the lines of a `LineRun`."""
        found = _RunResults()
        if self._prover is None:
            self._decode_lines(run, range(len(run.bodies)), origin, found)
        else:
            self._prove_lines(run, origin, run.proof or Proof(*self._prover.prove(run.bodies)), found)
        return lay_out(run, found.odd, found.customers, found.items, file=origin.file, source=origin.source)

    def _prove_lines(self, run: LineRun, origin: Origin, proof: Proof, found: _RunResults) -> None:
        """Take the lines that are proved, and decode the others, in the order of the lines."""
        for proved, columns, doubted in proof.stretches(len(run.bodies)):
            self._signer.extend(columns.purchases, columns.contents)
            self._take_lines(run, proved, origin, columns, found)
            if doubted:
                self._decode_lines(run, doubted, origin, found)

    def _take_lines(self, run: LineRun, lines: range, origin: Origin, columns: Proof, found: _RunResults) -> None:
        """Take valid lines, except those of a customer who came before and must not come twice."""
        customers, items = columns.customers, columns.items
        reasons = {} if self.rules.kind is Kind.EVENTS else self.memory.note_all(customers, columns.emails)
        begin = 0
        for index in (*sorted(reasons), len(customers)):
            found.customers.extend(customers[begin:index])
            found.items.extend(items[begin:index])
            if index in reasons:
                facts = RecordFacts(customers[index], items[index], reasons[index])
                found.odd[lines[index]] = self._strict.finish(run.line(lines[index]), origin, facts)
            begin = index + 1

    def _decode_lines(self, run: LineRun, lines: range, origin: Origin, found: _RunResults) -> None:
        """Decode some of the lines. Without a prover, this is the hot loop."""
        decode, check, by_email = self._decode, self._check, self.rules.kind is Kind.CUSTOMERS
        suspect, thorough, reject_unknown = self._suspect, self.rules.thorough, self.rules.reject_unknown_fields
        ascii_only, careful = self._scan(run.text)
        begin, valid = lines.start, Proof([], [], [], [], [], [])
        for index, body in enumerate(run.bodies[lines.start : lines.stop], lines.start):
            facts: RecordFacts | None = None
            try:
                record = decode(body)
                clear = not thorough and begins_with_id(body, record.id)
                plain = ascii_only or body.isascii() or bool(body.decode())
            except (ValueError, RecursionError):
                accepted = accepts_when_cut(decode, body)
            else:
                accepted = True
                if (
                    plain
                    and not (careful and (reject_unknown or is_lenient(body)))
                    and (clear or not ((thorough or suspect(body)) and has_doubled(body, self._schema)))
                ):
                    count = check(record)
                    if isinstance(count, int):  # almost every line of an export comes here
                        valid.customers.append(record.id)
                        valid.items.append(count)
                        if by_email:
                            valid.emails.append(record.email)
                        continue
                    facts = count
            self._take_lines(run, range(begin, index), origin, valid, found)  # it asks who came before
            begin, valid = index + 1, Proof([], [], [], [], [], [])
            self._take_odd(run.line(index), index, origin, found, facts=facts, accepted=accepted)
        self._take_lines(run, range(begin, lines.stop), origin, valid, found)

    def _take_odd(
        self,
        line: Line,
        index: int,
        origin: Origin,
        found: _RunResults,
        *,
        facts: RecordFacts | None,
        accepted: bool,
    ) -> None:
        """Take a line that is not an entry like any other: the strict decoder has the last word."""
        if facts is None:
            result = self._strict.validate(line, origin, accepted=accepted)
        else:
            result = self._strict.finish(line, origin, facts)
        if self.purchases is not None and isinstance(result, Entry):
            self._signer.sign_entry(result, self._decode)
        if isinstance(result, Entry) and result.indexes is None:
            found.customers.append(result.customer)
            found.items.append(result.items)
        else:
            found.odd[index] = result

    def _scan(self, block: bytes) -> tuple[bool, bool]:
        """Return whether a block is all ASCII, and whether its lines must be looked at one by one.

        The runs of one block come one after the other, and are scanned once.
        """
        if block is not self._block:
            self._block = block
            self._ascii_only = block.isascii()
            self._careful = self.rules.reject_unknown_fields or may_be_lenient(block)
        return self._ascii_only, self._careful

    # Each kind has a function that checks what the schema cannot say. It returns the number of items if the record is
    # an entry like any other, the facts if it must become something else, and None if a mark is unclear: then the
    # strict decoder says what is wrong with it.

    def _check_customer(self, record: CustomerRecord) -> int | RecordFacts | None:
        if record.deleted_at is not UNSET or record.deleted is not UNSET or record.status is not UNSET:
            marks = [read_raw_mark(bytes(mark)) for mark in _marks_of(record) if mark is not UNSET]
            if not all(mark is False for mark in marks):
                return RecordFacts(record.id, 1, deleted=True) if any(marks) else None
        return 1

    def _check_events(self, record: EventsRecord[OrderFields]) -> int | RecordFacts | None:
        events = record.events
        for event in events:
            if event.reversed_at is not UNSET or event.status is not UNSET:
                return self._check_marked(record)
        if self.purchases is not None:
            self._signer.sign(events)
        return len(events)

    def _check_marked(self, record: EventsRecord[OrderFields]) -> int | RecordFacts | None:
        gone = []
        for index, event in enumerate(record.events):
            marks = [read_raw_mark(bytes(mark)) for mark in (event.reversed_at, event.status) if mark is not UNSET]
            if any(marks):
                gone.append(index)
            elif None in marks:
                return None
        items = len(record.events)
        if gone:
            return RecordFacts(record.id, items, reversed=tuple(gone))
        if self.purchases is not None:
            self._signer.sign(record.events)
        return items

    def _check_transactions(self, record: TransactionsRecord) -> int | RecordFacts:
        items = len(record.transactions)
        return RecordFacts(record.id, items) if items > self._most_items else items

    def _reject_long(self, line: Line, file: str) -> Rejected:
        message = f"the line has {line.length} bytes; max_line_bytes allows {self.rules.max_line_bytes}"
        return reject_line(line, file, LineFault(Reason.TOO_LONG, message))


def _marks_of(record: CustomerRecord) -> tuple[Raw | UnsetType, ...]:
    return record.deleted_at, record.deleted, record.status
