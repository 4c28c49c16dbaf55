"""The strict decoder: it has the last word about lines that the fast decoder refuses, or that look suspicious.

It decodes a line without a type, walks the schema (`schema_faults`), and says exactly what is wrong and where.

Decisions:

* A deleted customer or a reversed event is skipped whatever else is wrong with it: exports often anonymise deleted
  customers, and skipped records are never sent.
* A record of events is validated as a whole: one faulty event makes the record a dead letter that names the event.

`Rules` are those by which the lines of one kind are validated, whichever process does it.
"""

from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.duplicates import CustomerMemory
from masivo_stream.core.reading.marks import WRONG_BYTE, certain_id, decode_plain, reversed_indexes
from masivo_stream.core.reading.record_faults import FaultFinder, describe_too_many, list_faults
from masivo_stream.core.reading.reject import (
    TOO_DEEP,
    LineFault,
    check_customer,
    reject_duplicate,
    reject_line,
    skip_line,
)
from masivo_stream.core.reading.schema_faults import Problem
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Line, LineResult
from masivo_stream.model.schemas import (
    CustomerRecord,
    EventsRecord,
    GuideTransactionsRecord,
    LooseOrder,
    Order,
    TransactionsRecord,
)
from masivo_stream.model.settings import ValidationSettings
from masivo_stream.model.slicing import slice_record


class Rules(Struct, frozen=True, kw_only=True):
    """The validation settings of one kind, as yes or no, and what else a decoder needs."""

    kind: Kind
    max_line_bytes: int
    """Longer lines are rejected as `too_long`."""
    reject_unknown_fields: bool = False
    """`unknown_fields = "reject"`."""
    discounted_value_optional: bool = False
    """`discounted_value = "optional"`."""
    guide_types_only: bool = False
    """`transaction_types = "guide"`."""
    thorough: bool = False
    """Search every line for fields that occur twice, not only the suspicious ones (`duplicate_fields`)."""
    sign_events: bool = False
    """Collect the signs of events (`purchases`), for whoever knows which events came before."""
    pure_python: bool = False
    """Do without the extension that proves lines (`prover`). The results are the same."""

    @property
    def schema(self) -> Any:  # noqa: ANN401 - a generic alias is no `type` to mypy
        """The msgspec type of a record."""
        match self.kind:
            case Kind.CUSTOMERS:
                return CustomerRecord
            case Kind.EVENTS:
                return EventsRecord[LooseOrder] if self.discounted_value_optional else EventsRecord[Order]
            case Kind.TRANSACTIONS:
                return GuideTransactionsRecord if self.guide_types_only else TransactionsRecord


def make_rules(kind: Kind, validation: ValidationSettings, *, thorough: bool, pure_python: bool) -> Rules:
    """Return the rules that the settings ask for."""
    return Rules(
        kind=kind,
        max_line_bytes=validation.max_line_bytes,
        reject_unknown_fields=validation.unknown_fields == "reject",
        discounted_value_optional=validation.discounted_value == "optional",
        guide_types_only=validation.transaction_types == "guide",
        thorough=thorough,
        pure_python=pure_python,
    )


_BLANK = b" \t\r"


class Origin(Struct, frozen=True):
    """The input that lines come from."""

    file: str
    source: int
    """Its number in reading order, from 0."""


class RecordFacts(Struct, gc=False):
    """What is known of a valid record beyond its bytes."""

    customer: str
    items: int
    duplicate: Reason | None = None
    """Why an earlier record excludes it, if one does."""
    reversed: tuple[int, ...] = ()
    """Indexes of the events that are marked as reversed."""
    deleted: bool = False
    """The customer is marked as deleted."""


class StrictDecoder:
    """Validate single lines of one kind; `memory` is the fast decoder's."""

    def __init__(self, rules: Rules, memory: CustomerMemory) -> None:
        """Validate by `rules`."""
        self._memory = memory
        self._schema, self._contract = rules.schema, CONTRACTS[rules.kind]
        self._finder = FaultFinder(self._contract, self._schema, rules.reject_unknown_fields)

    def validate(self, line: Line, origin: Origin, *, accepted: bool) -> LineResult:
        """Return the result of a line. `accepted`: the fast decoder took it, and the line was only suspicious."""
        file = origin.file
        if not line.body.strip(_BLANK):
            return Blank(line.number)
        try:
            value = decode_plain(line.body)
        except UnicodeDecodeError as error:
            return reject_line(line, file, check_customer(self._not_utf8(line.body, error.start), self._memory))
        except RecursionError:
            return reject_line(line, file, TOO_DEEP)
        except msgspec.DecodeError as error:  # its message names the byte, and quotes nothing
            return reject_line(line, file, LineFault(Reason.INVALID_JSON, str(error)))
        if not isinstance(value, dict):
            message = "expected one JSON object, found another JSON value"
            return reject_line(line, file, LineFault(Reason.WRONG_TYPE, message))
        return self._validate_object(line, origin, value, accepted=accepted)

    def finish(self, line: Line, origin: Origin, facts: RecordFacts) -> LineResult:
        """Return the result of a valid record with these facts."""
        contract, count, customer = self._contract, facts.items, facts.customer
        if facts.deleted:
            skipped = self._unless_sent(customer)
            return skip_line(line, origin.file, SkipReason.DELETED_CUSTOMER, customer=skipped)
        if not contract.splittable and count > contract.max_items:
            fault = LineFault(
                Reason.TOO_MANY_ITEMS,
                describe_too_many(contract, count),
                field=contract.item_field or "",
                item_count=count,
                customer=customer,
            )
            return reject_line(line, origin.file, check_customer(fault, self._memory))
        if facts.duplicate is not None:
            return reject_duplicate(line, origin.file, facts.duplicate, items=count, customer=customer)
        if facts.reversed:
            return self._without_reversed(line, origin, facts)
        return Entry(
            file=origin.file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=line.body,
            customer=customer,
            items=count,
            record_items=count,
            source=origin.source,
        )

    def _validate_object(self, line: Line, origin: Origin, value: dict[str, Any], *, accepted: bool) -> LineResult:
        """Return the result of a line that is a JSON object. The order of the checks is part of the decisions above."""
        file, contract = origin.file, self._contract
        doubled, reverted = self._finder.find_doubled(line.body), self._reversed_items(value)
        # 1. What is marked as deleted or reversed is skipped, faulty or not; but if a field occurs twice, nothing about
        #    the record is certain.
        if not doubled and self._finder.is_left_out(value, reverted):
            if contract.kind is Kind.EVENTS:
                return skip_line(line, file, SkipReason.REVERSED_EVENT, items=len(reverted))
            return skip_line(line, file, SkipReason.DELETED_CUSTOMER, customer=self._unless_sent(value.get("id")))
        # 2. The rest of the record is valid as a whole, or not at all.
        faults = self._finder.find(value, doubled, reverted)
        if faults:
            fault = self._finder.summarize(line.body, value, faults)
            return reject_line(line, file, check_customer(fault, self._memory))
        # 3. The fast decoder refused it, for a reason that is not found here. Never send what one of the two refuses.
        if not accepted and not reverted:
            message = "does not match the schema; does a field occur twice?"
            fault = LineFault(Reason.INVALID_VALUE, message, customer=certain_id(line.body))
            return reject_line(line, file, check_customer(fault, self._memory))
        items = value.get(contract.item_field) if contract.item_field else None
        count = len(items) if isinstance(items, list) else 1
        return self.finish(line, origin, self._facts(value, count, reverted))

    def _not_utf8(self, body: bytes, start: int) -> LineFault:
        """Return the faults of a line whose byte `start` is not UTF-8: that, and all else that is wrong with it.

        Each wrong byte is taken for a character. The customer's id is known if no wrong byte is in it.
        """
        first = Problem((), Reason.INVALID_UTF8, f"byte {start} of the line is not UTF-8")
        faults = [first]
        text = WRONG_BYTE.sub("?", body.decode("utf-8", "surrogateescape")).encode()
        try:
            value = decode_plain(text)
        except (ValueError, RecursionError) as error:
            if isinstance(error, msgspec.DecodeError):
                faults.append(Problem((), Reason.INVALID_JSON, str(error)))
        else:
            if isinstance(value, dict):
                faults += self._finder.find(value, self._finder.find_doubled(text), self._reversed_items(value))
        listed = list_faults(faults)
        more = len(faults) - len(listed)
        return LineFault(
            first.reason,
            first.message,
            customer=certain_id(body),
            listed=listed if faults[1:] else (),
            faults_left_out=more,
        )

    def _facts(self, value: dict[str, Any], items: int, reverted: tuple[int, ...]) -> RecordFacts:
        """Return the facts of a valid record, and remember its customer."""
        kind, customer, duplicate = self._contract.kind, value["id"], None
        if kind is Kind.CUSTOMERS:
            duplicate = self._memory.note(customer, value["email"])
        elif kind is Kind.TRANSACTIONS and items <= self._contract.max_items:
            duplicate = self._memory.note(customer)
        return RecordFacts(customer, items, duplicate, reverted)

    def _without_reversed(self, line: Line, origin: Origin, facts: RecordFacts) -> LineResult:
        gone = set(facts.reversed)
        kept = tuple(index for index in range(facts.items) if index not in gone)
        if not kept:
            return skip_line(line, origin.file, SkipReason.REVERSED_EVENT, items=len(gone))
        try:
            sliced = slice_record(line.body, self._contract.item_field or "")
        except RecursionError:  # slicing is a few calls deeper than the decoding that succeeded
            return reject_line(line, origin.file, TOO_DEEP)
        return Entry(
            file=origin.file,
            line=line.number,
            offset=line.offset,
            length=line.length,
            body=sliced.compose(kept),
            customer=facts.customer,
            items=len(kept),
            record_items=len(kept),
            indexes=kept,
            skipped_items=len(gone),
            source=origin.source,
        )

    def _reversed_items(self, value: dict[str, Any]) -> tuple[int, ...]:
        events = value.get("events")
        if self._contract.kind is not Kind.EVENTS or not isinstance(events, list):
            return ()
        return reversed_indexes(events)

    def _unless_sent(self, customer: object) -> str | None:
        """Return the id of a customer whose record is not sent; None if an earlier record of the same id was good."""
        return customer if isinstance(customer, str) and customer not in self._memory else None
