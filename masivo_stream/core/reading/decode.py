r"""Judge one line: an entry to send, a rejection with its reason, a record to skip, or blank.

Two judges. The fast one is msgspec's typed decoder over the schemas of `model.schemas`; what it takes, and what
passes three cheap looks for things it is lenient about, is accepted as it stands, byte for byte. Everything else goes
to the slow one, which decodes without a type and walks the schema (`explain`), and has the last word.

What the fast judge is lenient about goes to the slow one, too: dates and escapes that `leniency` finds, and bytes that
are not UTF-8 in fields that msgspec skips.

The fast judge is the hot path, and should cost little but the decoding. So what can be asked of many lines at once is
asked of the block they came in: is it ASCII, may there be a lenient date or an escape in it? Only where the answer is
not the usual one are its lines asked one by one.

It raises `ValueError` (of which `DecodeError`, `ValidationError` and `UnicodeDecodeError` are kinds) or, on deep
nesting, `RecursionError`. No byte sequence makes this machine raise, and what it accepts can be taken apart (`slicing`)
by the packer: all judging is done some calls deeper (`headroom`), since nesting and calls share one limit.

Decisions:

* A deleted customer or a reversed event is skipped whatever else is wrong with it: exports of deleted customers
  are often anonymised, and they never travel.
* A record of events is judged as a whole: one faulty event makes it a dead letter, which names the event.
* Transactions of one customer must travel together and only once (guides/migrate-customers), so a second record of the
  same customer is a repeat, `duplicate_id`, as it is in a customers export.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.core.reading.duplicate_fields import begins_with_id, find_doubled, suspicion
from masivo_stream.core.reading.duplicates import KnownIds
from masivo_stream.core.reading.marks import EXPECTED, read_raw_mark
from masivo_stream.core.reading.purchases import EventMemory, Signer
from masivo_stream.core.reading.reject import reject_deep, reject_duplicate, reject_line, skip_line
from masivo_stream.core.reading.schema_faults import (
    Path,
    Problem,
    is_lenient,
    may_be_lenient,
    problems,
    spell,
    takes_cut,
)
from masivo_stream.core.reading.untyped import (
    CUSTOMER_MARKS,
    EVENT_MARKS,
    decode_plain,
    is_deleted,
    reversed_indexes,
    unclear_marks,
)
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import LineResults, lay_out, one_by_one
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Line, LineResult, LineRun, Rejected, run_of
from masivo_stream.model.schemas import (
    CustomerRecord,
    EventsRecord,
    GuideTransactionsRecord,
    LooseOrder,
    Order,
    OrderFields,
    TransactionsRecord,
)
from masivo_stream.model.slicing import slice_record

HEADROOM = 50
"""Calls."""


def deeper(work: Callable[[], None], calls: int = HEADROOM) -> None:
    """Work so many calls deeper than here, so that what passes there is no nearer to the limit than that."""
    if calls == 0:
        work()
    else:
        deeper(work, calls - 1)


_BLANK = b" \t\r"
_MOST_ITEMS_NAMED = 1000


class _Facts(Struct, gc=False):
    """What is needed of a valid record beyond its bytes."""

    customer: str
    items: int
    duplicate: Reason | None = None
    reversed: tuple[int, ...] = ()
    deleted: bool = False


class Memory(Protocol):
    """What of an export came before."""

    def note(self, customer: str, email: str | None = None) -> Reason | None:
        """Tell what of a record that would be sent came before, and remember it."""
        ...

    def __contains__(self, customer: str) -> bool:
        """Tell whether a record of `customer` that would be sent came before."""
        ...


class Rules(Struct, frozen=True, kw_only=True):
    """By what lines are judged, whoever judges them."""

    kind: Kind
    max_line_bytes: int
    reject_unknown_fields: bool
    discounted_value_optional: bool
    sign_events: bool = False
    guide_types_only: bool = False
    thorough: bool = False
    """Look at every line for fields that stand twice, not only at those that are suspected."""


class Decoder:
    """Judge the lines of one kind's export. Knows earlier ids, so feed it each line once, in order."""

    def __init__(
        self,
        kind: Kind,
        *,
        max_line_bytes: int,
        remember_ids: int,
        reject_unknown_fields: bool = False,
        discounted_value_optional: bool = False,
        guide_types_only: bool = False,
        thorough: bool = False,
        memory: Memory | None = None,
        purchases: EventMemory | None = None,
    ) -> None:
        """Prepare the schema of `kind`; the other arguments are the settings of the same names.

        `guide_types_only` is `transaction_types = "guide"`; `thorough` is said in `Rules`.

        `memory` knows what came before; without one, the decoder remembers by itself. `purchases` knows events.
        """
        self.rules = Rules(
            kind=kind,
            max_line_bytes=max_line_bytes,
            reject_unknown_fields=reject_unknown_fields,
            discounted_value_optional=discounted_value_optional,
            sign_events=purchases is not None,
            guide_types_only=guide_types_only,
            thorough=thorough,
        )
        self.purchases, self._signer = purchases, Signer()
        self.memory: Memory = memory or KnownIds(capacity=remember_ids)
        self._contract = CONTRACTS[kind]
        self._source = 0
        self._schema = _schema(self.rules)
        self._decode = msgspec.json.Decoder(self._schema).decode
        looks: dict[Kind, Callable[[Any], int | _Facts | None]] = {
            Kind.CUSTOMERS: self._look_at_customer,
            Kind.EVENTS: self._look_at_events,
            Kind.TRANSACTIONS: self._look_at_transactions,
        }
        self._look = looks[kind]
        self._suspect = suspicion(kind)
        self._max_line_bytes = max_line_bytes
        self._reject_unknown = reject_unknown_fields
        self._text = b""
        self._ascii_only, self._careful = True, reject_unknown_fields

    def validate(self, line: Line, file: str, source: int = 0) -> LineResult:
        """Return what becomes of `line` of `file`, the input numbered `source`. Never raises, whatever the bytes."""
        (result,) = one_by_one(self.validate_all([line], file, source))
        return result

    def validate_all(self, pieces: Iterable[LineRun | Line], file: str, source: int = 0) -> list[LineResults]:
        """Return what becomes of each line, in order, as `judge` does; entries that follow one another together."""
        self._source = source
        found: list[LineResults] = []

        def work() -> None:
            for piece in pieces:
                if isinstance(piece, LineRun):
                    found.extend(self._validate_run(piece, file))
                elif piece.length > self._max_line_bytes:
                    found.append(self._too_long(piece, file))
                else:
                    found.extend(self._validate_run(run_of(piece), file))

        deeper(work)
        return found if self.purchases is None else self.purchases.mark(found, self._signer.take())

    def _validate_run(self, run: LineRun, file: str) -> Iterator[LineResults]:
        """Yield what becomes of the lines of a run. The hot loop: a valid line costs little but its decoding."""
        decode, look = self._decode, self._look
        suspect, thorough = self._suspect, self.rules.thorough
        customers: list[str] = []
        items: list[int] = []
        odd: dict[int, LineResult] = {}
        ascii_only, careful = self._look_over(run.text)
        for index, body in enumerate(run.bodies):
            try:
                record = decode(body)
                clear = not thorough and begins_with_id(body, record.id)
                plain = ascii_only or body.isascii() or bool(body.decode())
            except (ValueError, RecursionError):
                fate = self._validate_slowly(run.line(index), file, typed=takes_cut(decode, body))
            else:
                if (
                    not plain
                    or (careful and (self._reject_unknown or is_lenient(body)))
                    or (not clear and (thorough or suspect(body)) and find_doubled(body, self._schema) is not None)
                    or (count := look(record)) is None
                ):
                    fate = self._validate_slowly(run.line(index), file, typed=True)
                elif isinstance(count, int):
                    customers.append(record.id)
                    items.append(count)
                    continue
                else:
                    fate = self._finish(run.line(index), file, count)
            if self.purchases is not None and isinstance(fate, Entry):
                self._signer.sign_entry(fate, decode)
            if isinstance(fate, Entry) and fate.indexes is None:
                customers.append(fate.customer)
                items.append(fate.items)
            else:
                odd[index] = fate
        return lay_out(run, odd, customers, items, file=file, source=self._source)

    def _look_over(self, text: bytes) -> tuple[bool, bool]:
        """Tell whether all of a text is ASCII, and whether its lines must be looked at; of one text asked once."""
        if text is not self._text:
            self._text = text
            self._ascii_only = text.isascii()
            self._careful = self._reject_unknown or may_be_lenient(text)
        return self._ascii_only, self._careful

    # What a valid record is to be, one function a kind: its number of items where that is an entry like any other. None
    # has the slow judge say what is wrong with a mark.

    def _look_at_customer(self, record: CustomerRecord) -> int | _Facts | None:
        if record.deleted_at is not UNSET or record.deleted is not UNSET or record.status is not UNSET:
            marks = [read_raw_mark(bytes(mark)) for mark in _marks_of(record) if mark is not UNSET]
            if not all(mark is False for mark in marks):
                return _Facts(record.id, 1, deleted=True) if any(marks) else None
        duplicate = self.memory.note(record.id, record.email)
        return 1 if duplicate is None else _Facts(record.id, 1, duplicate)

    def _look_at_events(self, record: EventsRecord[OrderFields]) -> int | _Facts | None:
        events = record.events
        for event in events:
            if event.reversed_at is not UNSET or event.status is not UNSET:
                return self._look_at_marked(record)
        if self.purchases is not None:
            self._signer.sign(events)
        return len(events)

    def _look_at_marked(self, record: EventsRecord[OrderFields]) -> int | _Facts | None:
        gone = []
        for index, event in enumerate(record.events):
            marks = [read_raw_mark(bytes(mark)) for mark in (event.reversed_at, event.status) if mark is not UNSET]
            if any(marks):
                gone.append(index)
            elif None in marks:
                return None
        items = len(record.events)
        if gone:
            return _Facts(record.id, items, reversed=tuple(gone))
        if self.purchases is not None:
            self._signer.sign(record.events)
        return items

    def _look_at_transactions(self, record: TransactionsRecord) -> int | _Facts:
        items = len(record.transactions)
        if items > self._contract.max_items:
            return _Facts(record.id, items)
        duplicate = self.memory.note(record.id)
        return items if duplicate is None else _Facts(record.id, items, duplicate)

    def _too_long(self, line: Line, file: str) -> Rejected:
        message = f"the line has {line.length} bytes, at most {self._max_line_bytes} are taken"
        return reject_line(line, file, Reason.TOO_LONG, message)

    def _validate_slowly(self, line: Line, file: str, *, typed: bool) -> LineResult:
        """Have the last word. `typed`: the fast judge took the line, there was only a suspicion."""
        if not line.body.strip(_BLANK):
            return Blank(line.number)
        try:
            value = decode_plain(line.body)
        except UnicodeDecodeError as error:
            return reject_line(line, file, Reason.INVALID_UTF8, f"byte {error.start} of the line is not UTF-8")
        except RecursionError:
            return reject_deep(line, file)
        except msgspec.DecodeError as error:  # its sentence names the byte, and quotes nothing
            return reject_line(line, file, Reason.INVALID_JSON, str(error))
        if not isinstance(value, dict):
            message = "expected one object a line, found another JSON value"
            return reject_line(line, file, Reason.WRONG_TYPE, message)
        return self._judge_value(line, file, value, typed=typed)

    def _judge_value(self, line: Line, file: str, value: dict[str, Any], *, typed: bool) -> LineResult:
        """Judge a line that is an object."""
        if (doubled := find_doubled(line.body, self._schema)) is not None:
            return self._reject_doubled(line, file, value, doubled)
        if self._contract.kind is Kind.CUSTOMERS and is_deleted(value):
            return skip_line(line, file, SkipReason.DELETED_CUSTOMER, customer=self._not_sent(value.get("id")))
        reverted = self._reversed_items(value)
        items = value.get(self._contract.item_field) if self._contract.item_field else None
        count = len(items) if isinstance(items, list) else 1
        if reverted and len(reverted) == count:
            return skip_line(line, file, SkipReason.REVERSED_EVENT, items=count)
        faults = self._faults(value, reverted)
        if faults:
            return self._rejected(line, file, value, faults)
        if not typed and not reverted:
            return reject_line(line, file, Reason.INVALID_VALUE, "does not match the schema; is a field given twice?")
        return self._finish(line, file, self._facts(value, count, reverted))

    def _reject_doubled(self, line: Line, file: str, value: dict[str, Any], path: Path) -> Rejected:
        """Reject a record in which a field stands twice; whose it is, is not certain where that is the id."""
        field = self._contract.item_field
        items = value.get(field) if field else None
        message = "the field stands twice in its object, and programs differ on which one counts"
        return reject_line(
            line,
            file,
            Reason.DUPLICATE_FIELD,
            message,
            field=spell(path),
            items=(int(path[1]),) if len(path) > 2 and path[0] == field else None,  # noqa: PLR2004 - list, index, field
            item_count=len(items) if isinstance(items, list) else int(field is None),
            customer=None if path == ("id",) else self._not_sent(value.get("id")),
        )

    def _facts(self, value: dict[str, Any], items: int, reverted: tuple[int, ...]) -> _Facts:
        """Return what is needed of a valid record."""
        kind, customer, duplicate = self._contract.kind, value["id"], None
        if kind is Kind.CUSTOMERS:
            duplicate = self.memory.note(customer, value["email"])
        elif kind is Kind.TRANSACTIONS and items <= self._contract.max_items:
            duplicate = self.memory.note(customer)
        return _Facts(customer, items, duplicate, reverted)

    def _reversed_items(self, value: dict[str, Any]) -> tuple[int, ...]:
        events = value.get("events")
        if self._contract.kind is not Kind.EVENTS or not isinstance(events, list):
            return ()
        return reversed_indexes(events)

    def _faults(self, value: dict[str, Any], reverted: tuple[int, ...]) -> list[Problem]:
        return [*self._faults_of_schema(value, reverted), *self._faults_of_marks(value, reverted)]

    def _faults_of_marks(self, value: dict[str, Any], reverted: tuple[int, ...]) -> Iterator[Problem]:
        def fault(path: Path) -> Problem:
            message = f"neither yes nor no; expected {EXPECTED}"
            return Problem(path=path, reason=Reason.INVALID_VALUE, message=message)

        events = value.get("events")
        if self._contract.kind is Kind.CUSTOMERS:
            yield from (fault((name,)) for name in unclear_marks(value, CUSTOMER_MARKS))
        elif self._contract.kind is Kind.EVENTS and isinstance(events, list):
            for index, event in enumerate(events):
                if isinstance(event, dict) and index not in reverted:
                    yield from (fault(("events", index, name)) for name in unclear_marks(event, EVENT_MARKS))

    def _faults_of_schema(self, value: dict[str, Any], reverted: tuple[int, ...]) -> list[Problem]:
        if not reverted:
            return problems(self._schema, value, reject_unknown=self._reject_unknown)
        gone = set(reverted)
        kept = [index for index in range(len(value["events"])) if index not in gone]
        remaining = value | {"events": [value["events"][index] for index in kept]}
        return [
            msgspec.structs.replace(fault, path=_in_record(fault.path, kept))
            for fault in problems(self._schema, remaining, reject_unknown=self._reject_unknown)
        ]

    def _rejected(self, line: Line, file: str, value: dict[str, Any], faults: list[Problem]) -> Rejected:
        first, field = faults[0], self._contract.item_field
        reason = first.reason
        items = value.get(field) if field else None
        if field and first.path == (field,) and items == []:
            reason = Reason.NO_ITEMS
        concerned = {path[1] for path in (fault.path for fault in faults) if len(path) > 1 and path[0] == field}
        named = sorted(index for index in concerned if isinstance(index, int))
        return reject_line(
            line,
            file,
            reason,
            first.message,
            field=spell(first.path),
            items=tuple(named[:_MOST_ITEMS_NAMED]) or None,
            item_count=len(items) if isinstance(items, list) else int(field is None),
            customer=self._not_sent(value.get("id")),
        )

    def _not_sent(self, customer: object) -> str | None:
        """Name the customer of a faulty record, unless an earlier one of the same id was good: that one counts."""
        return customer if isinstance(customer, str) and customer not in self.memory else None

    def _finish(self, line: Line, file: str, facts: _Facts) -> LineResult:
        """Say what becomes of a valid record."""
        if facts.deleted:
            return skip_line(line, file, SkipReason.DELETED_CUSTOMER, customer=self._not_sent(facts.customer))
        contract, count, customer = self._contract, facts.items, facts.customer
        if not contract.splittable and count > contract.max_items:
            message = (
                f"{count} {contract.item_field}, at most {contract.max_items} fit one request and they may not be split"
            )
            field = contract.item_field or ""
            named = self._not_sent(customer)
            return reject_line(
                line, file, Reason.TOO_MANY_ITEMS, message, field=field, item_count=count, customer=named
            )
        if facts.duplicate is not None:
            return reject_duplicate(line, file, facts.duplicate, items=count, customer=customer)
        if facts.reversed:
            return self._without_reversed(line, file, facts)
        return Entry(
            file=file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=line.body,
            customer=customer,
            items=count,
            record_items=count,
            source=self._source,
        )

    def _without_reversed(self, line: Line, file: str, facts: _Facts) -> LineResult:
        gone = set(facts.reversed)
        kept = tuple(index for index in range(facts.items) if index not in gone)
        if not kept:
            return skip_line(line, file, SkipReason.REVERSED_EVENT, items=len(gone))
        try:
            sliced = slice_record(line.body, self._contract.item_field or "")
        except RecursionError:  # a few calls deeper than the decoder just was
            return reject_deep(line, file)
        return Entry(
            file=file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=sliced.compose(kept),
            customer=facts.customer,
            items=len(kept),
            record_items=len(kept),
            indexes=kept,
            skipped_items=len(gone),
            source=self._source,
        )


def _schema(rules: Rules) -> Any:  # noqa: ANN401 - a generic alias is no `type` to mypy
    match rules.kind:
        case Kind.CUSTOMERS:
            return CustomerRecord
        case Kind.EVENTS:
            return EventsRecord[LooseOrder] if rules.discounted_value_optional else EventsRecord[Order]
        case Kind.TRANSACTIONS:
            return GuideTransactionsRecord if rules.guide_types_only else TransactionsRecord


def _marks_of(record: CustomerRecord) -> tuple[Raw | UnsetType, ...]:
    return record.deleted_at, record.deleted, record.status


def _in_record(path: Path, kept: list[int]) -> Path:
    """Turn the index of an event among the kept ones into its index in the record."""
    match path:
        case ("events", int(index), *rest):
            return ("events", kept[index], *rest)
        case _:
            return path
