"""The columns of flat rows: what a SELECT of each table may return, and what it has to return."""

import difflib
import enum
from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError


class FlatTable(enum.StrEnum):
    """The tables of flat rows, in the order in which they are selected."""

    CUSTOMERS = "customers"
    BALANCES = "balances"
    EVENTS = "events"
    TRANSACTIONS = "transactions"


class ColumnType(enum.Enum):
    """What a column of flat rows holds."""

    PLACE = enum.auto()
    TEXT = enum.auto()
    NUMBER = enum.auto()
    DATE = enum.auto()
    DAY = enum.auto()
    """A date whose day matters, such as a birthday: midnight of that day in UTC, wherever the day was written."""


class FlatColumn(Struct, frozen=True):
    """A column of flat rows."""

    name: str
    type: ColumnType = ColumnType.TEXT
    required: bool = False
    """Whether a SELECT has to return it. Its value may be missing: that is a policy's matter."""


PLACE = "place"
LINE_PLACE = "line_place"

_PLACE = FlatColumn(PLACE, ColumnType.PLACE, required=True)


def _numbers(*names: str) -> tuple[FlatColumn, ...]:
    return tuple(FlatColumn(name, ColumnType.NUMBER) for name in names)


def _dates(*names: str) -> tuple[FlatColumn, ...]:
    return tuple(FlatColumn(name, ColumnType.DATE) for name in names)


def _texts(*names: str) -> tuple[FlatColumn, ...]:
    return tuple(FlatColumn(name) for name in names)


def _needed(*columns: FlatColumn) -> tuple[FlatColumn, ...]:
    return tuple(FlatColumn(column.name, column.type, required=True) for column in columns)


COLUMNS: dict[FlatTable, tuple[FlatColumn, ...]] = {
    FlatTable.CUSTOMERS: (
        *_needed(*_texts("id")),
        _PLACE,
        *_needed(*_texts("name", "email"), *_dates("registration_date")),
        *_texts("status", "gender"),
        FlatColumn("dob", ColumnType.DAY),
        *_texts("document_type", "document_number", "country", "tags", "metadata"),
    ),
    FlatTable.BALANCES: (
        *_needed(*_texts("customer_id")),
        _PLACE,
        *_needed(*_texts("reward"), *_numbers("amount")),
        *_dates("expiration_date", "issued_at"),
        *_texts("brand_id"),
    ),
    FlatTable.EVENTS: (
        *_needed(*_texts("customer_id")),
        _PLACE,
        *_needed(*_texts("purchase_id")),
        FlatColumn(LINE_PLACE, ColumnType.PLACE),
        *_needed(*_dates("issued_at"), *_numbers("value", "discounted_value"), *_texts("payment_method")),
        *_needed(*_texts("sku"), *_numbers("quantity", "line_value")),
        *_numbers("line_discounted_value", "line_no"),
        *_texts("status"),
        *_dates("resolved_at"),
        *_texts("brand_id", "channel_id", "store_id"),
        *_numbers("shipping_value", "shipping_discounted_value"),
    ),
    FlatTable.TRANSACTIONS: (
        *_needed(*_texts("customer_id")),
        _PLACE,
        *_needed(*_texts("reward"), *_numbers("amount"), *_dates("issued_at")),
        *_texts("type", "details", "brand_id", "channel_id", "store_id"),
    ),
}
"""The first column of each table is the customer's id."""

SORT_KEYS: dict[FlatTable, tuple[str, ...]] = {
    FlatTable.CUSTOMERS: ("id", "place", "email", "name", "registration_date"),
    FlatTable.BALANCES: ("customer_id", "reward", "place", "amount"),
    FlatTable.EVENTS: (
        *("customer_id", "purchase_id", "place", "line_place", "line_no", "value", "sku", "quantity", "line_value"),
    ),
    FlatTable.TRANSACTIONS: ("customer_id", "issued_at", "place", "reward", "amount", "type", "details"),
}
"""What orders the rows of a partition first; then all other columns do, so that no row has a place by chance."""


def order_of_rows(table: FlatTable) -> list[str]:
    """Return the columns by which rows of a partition are ordered: all of them."""
    keys = SORT_KEYS[table]
    return [*keys, *(column.name for column in COLUMNS[table] if column.name not in keys)]


def check_columns(table: FlatTable, names: Iterable[str], file: str) -> None:
    """Check what a SELECT returns.

    Raises:
        ConfigurationError: a column has no known name, or one that is needed is missing.
    """
    found = list(names)
    known = [column.name for column in COLUMNS[table]]
    where = f"{file}: [{table}] select"
    for name in found:
        if found.count(name) > 1:
            raise ConfigurationError(
                f"the SELECT returns the column `{name}` twice",
                operation="read the mapping",
                place=where,
                hint="name the other column differently, or do not select it",
            )
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            raise ConfigurationError(
                f"the SELECT returns a column `{name}`, and {table} have no such column",
                operation="read the mapping",
                place=where,
                hint=f"did you mean {close[0]}?" if close else f"the columns are: {', '.join(known)}",
            )
    for column in COLUMNS[table]:
        if column.required and column.name not in found:
            what = "the place of its rows" if column.name == PLACE else f"the column `{column.name}`"
            raise ConfigurationError(
                f"the SELECT does not return {what}",
                operation="read the mapping",
                place=where,
                hint="add `place` of the main table: what is left out is then named by file and line"
                if column.name == PLACE
                else f"add it, as NULL AS {column.name} if there is nothing to select",
            )
