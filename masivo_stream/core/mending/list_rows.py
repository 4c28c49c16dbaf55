"""Rows of a list of dead letters, as CSV that spreadsheets open without harm.

RFC 4180: cells with a comma, a quote or a line break are in quotes, lines end with CR LF. A cell that a spreadsheet
would take for a formula begins with an apostrophe (OWASP, "CSV Injection"); numbers do not need one.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from masivo_stream.core.fault_groups import describe_cause
from masivo_stream.core.mending.correct import id_text
from masivo_stream.core.mending.field_path import parse_place
from masivo_stream.core.mending.json_text import CannotEditError, read_text, value_at
from masivo_stream.core.mending.letter import Letter, LetterFault
from masivo_stream.core.mending.new_values import plain_text
from masivo_stream.model.reason import Reason

COLUMNS = ("file", "line", "kind", "id", "field", "cause", "value", "correction")

LONGEST_CELL = 32_000
"""Characters in UTF-16 of a cell. A spreadsheet cuts off what is beyond 32,767, and says nothing
(Microsoft, "Excel specifications and limits")."""

_TOO_LONG = re.compile(r"\(left out: [0-9,]+ characters\)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")

PLAIN_WORDS: dict[str, str] = {
    Reason.INVALID_JSON: "the line is not a complete JSON object",
    Reason.INVALID_UTF8: "the line has bytes that are not UTF-8",
    Reason.TOO_DEEP: "lists or objects are nested too deeply",
    Reason.MISSING_FIELD: "the field is missing",
    Reason.UNKNOWN_FIELD: "the API does not know this field",
    Reason.DUPLICATE_FIELD: "the field occurs twice",
    Reason.WRONG_TYPE: "the value has the wrong type",
    Reason.INVALID_VALUE: "the value is not allowed",
    Reason.NO_ITEMS: "the list is empty",
    Reason.TOO_MANY_ITEMS: "the list is too long",
    Reason.TOO_LONG: "the line is too long",
    Reason.TOO_LARGE: "the record is too large for a request",
    Reason.DUPLICATE_ID: "another line has the same customer",
    Reason.DUPLICATE_EMAIL: "another customer has the same email",
    Reason.DUPLICATE_EVENT: "the same purchase is there twice",
    Reason.SPLIT_TRANSACTIONS: "the customer's transactions are on several lines",
    Reason.BALANCE_MISMATCH: "the transactions do not add up to the balance",
    Reason.NO_BALANCE: "the customer has transactions, and no balance",
    Reason.UNKNOWN_CUSTOMER: "the customer is in no customers export",
    Reason.SENT_BEFORE: "the purchase was sent before",
    Reason.TRUNCATED_INPUT: "the file ended within the line",
    Reason.REFUSED: "the API refused the record",
    Reason.CUSTOMER_NOT_MIGRATED: "the customer was not migrated",
    Reason.DISCARDED: "the batch was given up",
    Reason.TAKEN_BACK: "a revert took it back",
}
"""What each reason means, for a person who has never seen this program."""


class FaultRow(Struct, frozen=True):
    """One fault of a dead letter, as the list has it."""

    file: str
    line: int
    kind: str
    id: str
    field: str
    reason: str
    message: str
    value: str

    @property
    def cause(self) -> str:
        """What is wrong, in words for whoever owns the data. It may quote values, as the API does."""
        return self._words(self.message)

    @property
    def public_cause(self) -> str:
        """The same without values."""
        return self._words(describe_cause(self.reason, self.message))

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of `COLUMNS`; a text too long for one is left out. The last one is empty, for the correction."""
        cause, value = (
            text if _fits(text) else f"(left out: {len(text):,} characters)" for text in (self.cause, self.value)
        )
        return self.file, str(self.line), self.kind, self.id, self.field, cause, value, ""

    def _words(self, message: str) -> str:
        return ": ".join(filter(None, (PLAIN_WORDS.get(self.reason, self.reason), message)))


def rows_of(kind: str, letter: Letter, faults: Iterable[LetterFault]) -> Iterator[FaultRow]:
    """Yield a row for each fault of a dead letter."""
    text = read_text(letter.body)
    customer = id_text(text)
    for fault in faults:
        value = fault_value(text, fault)
        yield FaultRow(letter.file, letter.line, kind, customer, fault.field, fault.reason, fault.message, value)


def fault_value(text: str, fault: LetterFault) -> str:
    """Return the value at fault in a record, a JSON text; empty if it is not there."""
    place = parse_place(fault.field)
    if place is None:
        return ""
    try:
        return plain_text(value_at(text, place))
    except (CannotEditError, ValueError, IndexError, RecursionError):
        return ""


def _fits(text: str) -> bool:
    """Return whether a spreadsheet's cell holds a text."""
    return len(text) <= LONGEST_CELL and len(text) + sum(letter > "\uffff" for letter in text) <= LONGEST_CELL


def is_left_out(text: str) -> bool:
    """Return whether a cell says that the list leaves a value out since it is too long for a spreadsheet's cell."""
    return _TOO_LONG.fullmatch(text.strip()) is not None


def write_rows(rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as CSV, in UTF-8."""
    into = io.StringIO()
    csv.writer(into, lineterminator="\r\n").writerows([write_cell(cell) for cell in row] for row in rows)
    return into.getvalue().encode("utf-8", "backslashreplace")


def write_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def read_cell(text: str) -> str:
    """Return the text of which `write_cell` made a cell."""
    return text[1:] if text.startswith("'") and write_cell(text[1:]) == text else text
