r"""Judge one line: an entry to send, a rejection with its reason, a record to skip, or blank.

Two judges. The fast one is msgspec's typed decoder over the schemas of `model.records`; what it takes, and what
passes three cheap looks for things it is lenient about, is accepted as it stands, byte for byte. Everything else goes
to the slow one, which decodes without a type and walks the schema (`explain`), and has the last word.

What the fast judge is lenient about (measured with msgspec 0.19 to 0.22):

* bytes that are not UTF-8 inside skipped fields: the whole line's UTF-8 is checked here;
* dates in neighbouring formats, `2023-11-07 05:31:56+0000`: `_LENIENT_DATE` finds candidates;
* both may hide behind `\u00..` escapes of ASCII characters, so those go to the slow judge, too.

It raises `ValueError` (of which `DecodeError`, `ValidationError` and `UnicodeDecodeError` are kinds) or, on deep
nesting, `RecursionError`. No byte sequence makes this machine raise, and what it accepts can be taken apart (`slicing`)
by the packer: lines with many brackets are decoded `_HEADROOM` calls deeper, since nesting and calls share one limit.

Decisions:

* A deleted customer or a reversed event is skipped whatever else is wrong with it: exports of deleted customers
  are often anonymised, and they never travel.
* A record of events is judged as a whole: one faulty event makes it a dead letter, which names the event.
* Transactions of one customer must travel together and only once (guides/migrate-customers), so a second record of the
  same customer is a repeat, `duplicate_id`, as it is in a customers export.
"""

import json
import re
from collections.abc import Callable
from typing import Any, TypeGuard

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.core.explain import Path, Problem, problems, spell
from masivo_stream.core.repeats import Repeats
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.record import Blank, Entry, Judgement, Line, Rejected, Skipped
from masivo_stream.model.records import CustomerRecord, EventsRecord, LooseOrder, Order, TransactionsRecord
from masivo_stream.model.slicing import slice_record

_LENIENT_DATE = re.compile(rb'"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[^T"]|T[^"Z]*(?:[+-][0-9]{4}|z)")')
_ASCII_ESCAPE = re.compile(rb"\\u00[0-7]")
_BLANK = b" \t\r"
_SYNTAX = msgspec.json.Decoder(Raw)
_HEADROOM = 50
_SURELY_SHALLOW = 500
_MOST_ITEMS_NAMED = 1000


class _Facts(Struct, gc=False):
    """What is needed of a valid record beyond its bytes."""

    customer: str
    items: int
    email: str | None = None
    reversed: tuple[int, ...] = ()


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
    ) -> None:
        """Prepare the schema of `kind`; the other arguments are the settings of the same names."""
        self._contract = CONTRACTS[kind]
        self._source = 0
        self._schema = _schema(kind, loose=discounted_value_optional)
        self._decode = msgspec.json.Decoder(self._schema).decode
        self._max_line_bytes = max_line_bytes
        self._reject_unknown = reject_unknown_fields
        self._ids = Repeats(capacity=remember_ids)
        self._emails = Repeats(capacity=remember_ids)

    def judge(self, line: Line, file: str, source: int = 0) -> Judgement:
        """Return what becomes of `line` of `file`, the input numbered `source`. Never raises, whatever the bytes."""
        self._source = source
        if line.length > self._max_line_bytes:
            message = f"the line has {line.length} bytes, at most {self._max_line_bytes} are taken"
            return _reject(line, file, Reason.TOO_LONG, message)
        body = line.body
        try:
            record = _decode_deep(self._decode, body) if _brackets(body) else self._decode(body)
            plain = body.isascii() or bool(body.decode())
        except (ValueError, RecursionError):
            return self._judge_slowly(line, file, typed=False)
        if self._reject_unknown or not plain or _suspicious(body):
            return self._judge_slowly(line, file, typed=True)
        facts = _facts(record, body)
        if isinstance(facts, SkipReason):
            return Skipped(file=file, line=line.number, offset=line.offset, reason=facts, items=1)
        return self._finish(line, file, facts)

    def _judge_slowly(self, line: Line, file: str, *, typed: bool) -> Judgement:
        """Have the last word. `typed`: the fast judge took the line, there was only a suspicion."""
        if not line.body.strip(_BLANK):
            return Blank(line.number)
        try:
            value = _plain(line.body)
        except UnicodeDecodeError as error:
            return _reject(line, file, Reason.INVALID_UTF8, f"byte {error.start} of the line is not UTF-8")
        except RecursionError:
            return _reject(line, file, Reason.TOO_DEEP, "objects and lists are nested too deeply")
        except msgspec.DecodeError as error:  # its sentence names the byte, and quotes nothing
            return _reject(line, file, Reason.INVALID_JSON, str(error))
        if not isinstance(value, dict):
            message = "expected one object a line, found another JSON value"
            return _reject(line, file, Reason.WRONG_TYPE, message)
        if self._contract.kind is Kind.CUSTOMERS and _is_deleted(value):
            return Skipped(file=file, line=line.number, offset=line.offset, reason=SkipReason.DELETED_CUSTOMER, items=1)
        reverted = self._reversed_items(value)
        items = value.get(self._contract.item_field) if self._contract.item_field else None
        count = len(items) if isinstance(items, list) else 1
        if reverted and len(reverted) == count:
            return _skip_reversed(line, file, count)
        faults = self._faults(value, reverted)
        if faults:
            return self._rejected(line, file, value, faults)
        if not typed and not reverted:
            return _reject(line, file, Reason.INVALID_VALUE, "does not match the schema; is a field given twice?")
        email = value.get("email") if self._contract.kind is Kind.CUSTOMERS else None
        return self._finish(line, file, _Facts(value["id"], count, email, reverted))

    def _reversed_items(self, value: dict[str, Any]) -> tuple[int, ...]:
        events = value.get("events")
        if self._contract.kind is not Kind.EVENTS or not isinstance(events, list):
            return ()
        return tuple(i for i, event in enumerate(events) if isinstance(event, dict) and _is_reversed(event))

    def _faults(self, value: dict[str, Any], reverted: tuple[int, ...]) -> list[Problem]:
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
        return _reject(
            line,
            file,
            reason,
            first.message,
            field=spell(first.path),
            items=tuple(named[:_MOST_ITEMS_NAMED]) or None,
            item_count=len(items) if isinstance(items, list) else int(field is None),
            customer=customer if isinstance(customer := value.get("id"), str) else None,
        )

    def _finish(self, line: Line, file: str, facts: _Facts) -> Judgement:
        """Apply the rules that look beyond the record's schema, and make the entry."""
        contract = self._contract
        count = facts.items
        if not contract.splittable and count > contract.max_items:
            message = (
                f"{count} {contract.item_field}, at most {contract.max_items} fit one request and they may not be split"
            )
            field = contract.item_field or ""
            return _reject(
                line, file, Reason.TOO_MANY_ITEMS, message, field=field, item_count=count, customer=facts.customer
            )
        if contract.kind is not Kind.EVENTS:
            if self._ids.seen(facts.customer):
                message = "an earlier line has this customer"
                return _reject(line, file, Reason.DUPLICATE_ID, message, field="id", item_count=count)
            if facts.email is not None and self._emails.seen(facts.email):
                message = "an earlier customer has this email"
                return _reject(
                    line, file, Reason.DUPLICATE_EMAIL, message, field="email", item_count=1, customer=facts.customer
                )
        if facts.reversed:
            return self._without_reversed(line, file, facts)
        return Entry(
            file=file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=line.body,
            customer=facts.customer,
            items=count,
            record_items=count,
            source=self._source,
        )

    def _without_reversed(self, line: Line, file: str, facts: _Facts) -> Entry | Skipped:
        gone = set(facts.reversed)
        kept = tuple(index for index in range(facts.items) if index not in gone)
        if not kept:
            return _skip_reversed(line, file, len(gone))
        return Entry(
            file=file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=slice_record(line.body, self._contract.item_field or "").compose(kept),
            customer=facts.customer,
            items=len(kept),
            record_items=len(kept),
            indexes=kept,
            skipped_items=len(gone),
            source=self._source,
        )


def _schema(kind: Kind, *, loose: bool) -> Any:  # noqa: ANN401 - a generic alias is no `type` to mypy
    match kind:
        case Kind.CUSTOMERS:
            return CustomerRecord
        case Kind.EVENTS:
            return EventsRecord[LooseOrder] if loose else EventsRecord[Order]
        case Kind.TRANSACTIONS:
            return TransactionsRecord


def _suspicious(body: bytes) -> bool:
    """Tell whether the line may hold something the fast judge is lenient about."""
    return _LENIENT_DATE.search(body) is not None or (b"\\u00" in body and _ASCII_ESCAPE.search(body) is not None)


def _facts(record: object, body: bytes) -> _Facts | SkipReason:
    match record:
        case CustomerRecord():
            deleted = (
                _given(record.deleted_at)
                or (_given(record.deleted) and bytes(record.deleted) == b"true")
                or (_given(record.status) and bytes(record.status) == b'"DELETED"')
            )
            return SkipReason.DELETED_CUSTOMER if deleted else _Facts(record.id, 1, record.email)
        case EventsRecord():
            events = record.events
            if b"reversed_at" not in body and b"REVERSED" not in body:  # no escapes in here: see `_suspicious`
                return _Facts(record.id, len(events))
            gone = tuple(
                index
                for index, event in enumerate(events)
                if _given(event.reversed_at) or (_given(event.status) and bytes(event.status) == b'"REVERSED"')
            )
            return _Facts(record.id, len(events), None, gone)
        case TransactionsRecord():
            return _Facts(record.id, len(record.transactions))
        case _:
            raise TypeError(f"no record: {type(record).__name__}")


def _given(marker: Raw | UnsetType) -> TypeGuard[Raw]:
    return marker is not UNSET and bytes(marker) != b"null"


def _is_deleted(value: dict[str, Any]) -> bool:
    return value.get("deleted_at") is not None or value.get("deleted") is True or value.get("status") == "DELETED"


def _is_reversed(event: dict[str, Any]) -> bool:
    return event.get("reversed_at") is not None or event.get("status") == "REVERSED"


def _in_record(path: Path, kept: list[int]) -> Path:
    """Turn the index of an event among the kept ones into its index in the record."""
    match path:
        case ("events", int(index), *rest):
            return ("events", kept[index], *rest)
        case _:
            return path


def _skip_reversed(line: Line, file: str, items: int) -> Skipped:
    return Skipped(file=file, line=line.number, offset=line.offset, reason=SkipReason.REVERSED_EVENT, items=items)


def _plain(body: bytes) -> object:
    """Decode without a type.

    Raises:
        UnicodeDecodeError: not UTF-8.
        msgspec.DecodeError: not JSON.
        RecursionError: nested too deeply.
    """
    body.decode()
    decode = msgspec.json.decode
    try:
        return _decode_deep(decode, body) if _brackets(body) else decode(body)
    except msgspec.ValidationError:
        # A number out of range somewhere. The standard library gives infinity, so that `explain` can say where. It is
        # laxer in all else (NaN, lone surrogates), so msgspec looks at the rest of the line first.
        _SYNTAX.decode(body)
        return json.loads(body, parse_int=float)  # `int` would refuse thousands of digits


def _brackets(body: bytes) -> bool:
    """Tell whether the line has so many brackets that they might be nested too deeply."""
    return body.count(b"[") + body.count(b"{") > _SURELY_SHALLOW


def _decode_deep(decode: Callable[[bytes], object], body: bytes, calls: int = _HEADROOM) -> object:
    """Decode so many calls deeper than here, so that what passes is no nearer to the limit than that."""
    return decode(body) if calls == 0 else _decode_deep(decode, body, calls - 1)


def _reject(
    line: Line,
    file: str,
    reason: Reason,
    message: str,
    *,
    field: str = "",
    items: tuple[int, ...] | None = None,
    item_count: int = 0,
    customer: str | None = None,
) -> Rejected:
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=reason,
        field=field,
        message=message,
        raw=line.body,
        items=items,
        item_count=item_count,
        customer=customer,
    )


class _Named(Struct, gc=False):
    id: str


def customer_of(body: bytes) -> str:
    """Return the customer's id of a record that was judged valid before."""
    return msgspec.json.decode(body, type=_Named).id
