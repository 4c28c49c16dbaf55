"""Nest a partition: its flat rows, customer by customer, become records."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.prepare.engine.casts import literal
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.record_origins import RecordOrigin, origin_of
from masivo_stream.prepare.engine.remark_list import RemarkList
from masivo_stream.prepare.engine.select import SelectedTable, part_of, read_rows
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.remarks import Action, Why
from masivo_stream.prepare.settling.rows import BalanceRow, CustomerRow, CustomerRows, FlatRow, LedgerRow, LineItemRow
from masivo_stream.prepare.settling.settle import SettlingRules, leave_out_rows, settle
from masivo_stream.prepare.settling.written_records import encode

R = TypeVar("R", CustomerRow, BalanceRow, LineItemRow, LedgerRow)


class PartitionToNest(Struct, frozen=True):
    """A partition of all tables."""

    tables: dict[FlatTable, SelectedTable]
    number: int
    of: int
    """How many partitions there are."""
    lost_emails: Path


class NestedFiles(Protocol):
    """Where records and remarks go."""

    settling: RemarkList

    def write(self, kind: Kind, record: bytes, origin: RecordOrigin) -> None:
        """Add a record."""
        ...


def nest(database: Database, asked: PartitionToNest, rules: SettlingRules, outputs: NestedFiles) -> None:
    """Write the records of a partition, in the order of the customers' ids, and the remarks about its rows."""
    in_part = f"{part_of('id', asked.of)} = {asked.number}"
    lost = {str(row[0]) for row in database.rows(f"SELECT id FROM {literal(str(asked.lost_emails))} WHERE {in_part}")}
    customers = _Groups(database, asked, FlatTable.CUSTOMERS, CustomerRow)
    balances = _Groups(database, asked, FlatTable.BALANCES, BalanceRow)
    events = _Groups(database, asked, FlatTable.EVENTS, LineItemRow)
    ledger = _Groups(database, asked, FlatTable.TRANSACTIONS, LedgerRow)
    while ids := [each.next_id for each in (customers, balances, events, ledger) if not each.ended]:
        id_ = min(ids, key=_order)
        is_known = rules.customers is None or (not customers.ended and customers.next_id == id_)
        if id_ is None or not is_known:
            why = Why.NO_CUSTOMER if id_ is None else Why.UNKNOWN_CUSTOMER
            for each in (customers, balances, events, ledger):
                for remark in leave_out_rows(each.table, each.take(id_), why):
                    outputs.settling.remark(remark)
            continue
        rows = CustomerRows(
            id_,
            list(customers.take(id_)),
            list(balances.take(id_)),
            list(events.take(id_)),
            list(ledger.take(id_)),
            email_lost=id_ in lost,
        )
        _write(rows, rules, outputs)


def _write(rows: CustomerRows, rules: SettlingRules, outputs: NestedFiles) -> None:
    settled = settle(rows, rules)
    left_out = [each for each in settled.remarks if each.action is Action.LEFT_OUT]
    for kind, record, table, source in (
        (Kind.CUSTOMERS, settled.customer, FlatTable.CUSTOMERS, rows.customers),
        (Kind.EVENTS, settled.events, FlatTable.EVENTS, rows.line_items),
        (Kind.TRANSACTIONS, settled.transactions, FlatTable.TRANSACTIONS, rows.ledger),
    ):
        if record is not None:
            left = {each.place for each in left_out if each.table is table}
            origin = origin_of({row.place for row in source} - left)
            if not origin.rows:  # an opening entry
                origin = origin_of({row.place for row in rows.balances})
            outputs.write(kind, encode(record), origin)
    for remark in settled.remarks:
        outputs.settling.remark(remark)


def _order(id_: str | None) -> tuple[bool, bytes]:
    """Order ids as the database does: no id first, then by the bytes of UTF-8."""
    return id_ is not None, (id_ or "").encode()


class _Groups(Generic[R]):
    """The rows of one table, customer by customer."""

    def __init__(self, database: Database, asked: PartitionToNest, table: FlatTable, row_type: type[R]) -> None:
        self.table = table
        found = read_rows(database, asked.tables[table], asked.number) if table in asked.tables else iter(())
        self._groups: Iterator[tuple[str | None, Iterator[R]]] = groupby(
            (row_type(*row) for row in found), key=_customer
        )
        self._next: tuple[str | None, Iterator[R]] | None = None
        self.ended = False
        self._advance()

    @property
    def next_id(self) -> str | None:
        """The customer whose rows come next."""
        return self._next[0] if self._next is not None else None

    def take(self, id_: str | None) -> Iterator[R]:
        """Yield the rows of a customer, if they come next. All of them have to be read before others are taken."""
        if self._next is not None and self._next[0] == id_:
            yield from self._next[1]
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._groups, None)
        self.ended = self._next is None


def _customer(row: FlatRow) -> str | None:
    return row.id if isinstance(row, CustomerRow) else row.customer_id
