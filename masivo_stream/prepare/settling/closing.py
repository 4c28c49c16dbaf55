"""The closing equation, per table: in + added = out + left out + merged, in rows, money and points.

`in` is counted by the database in the partitions, `out` by reading the written files again, and the rest by adding up
remarks. So three independent counts have to agree.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import Struct

from masivo_stream.core.checks.amounts import EXACT, MILLION
from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import Anything
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.remarks import Action, RemarkTally


class TableFigures(Struct):
    """Rows of a table, the values of orders, and points. Amounts are millionths."""

    rows: int = 0
    money: int = 0
    points: int = 0

    def add(self, other: "TableFigures") -> None:
        """Add other figures."""
        self.rows += other.rows
        self.money += other.money
        self.points += other.points


class TableClosing(Struct, frozen=True):
    """The closing equation of one table."""

    table: FlatTable
    came: TableFigures
    added: TableFigures
    went: TableFigures
    left_out: TableFigures
    merged: TableFigures

    @property
    def closes(self) -> bool:
        """Whether every row and every amount is accounted for."""
        return all(
            getattr(self.came, name) + getattr(self.added, name)
            == getattr(self.went, name) + getattr(self.left_out, name) + getattr(self.merged, name)
            for name in ("rows", "money", "points")
        )


def close(
    came: dict[FlatTable, TableFigures], went: dict[FlatTable, TableFigures], tally: RemarkTally
) -> list[TableClosing]:
    """Return the equation of each table."""

    def of(table: FlatTable, action: Action) -> TableFigures:
        sums = tally.total(table, action)
        return TableFigures(sums.rows, sums.money, sums.points)

    return [
        TableClosing(
            table,
            came.get(table, TableFigures()),
            of(table, Action.ADDED),
            went.get(table, TableFigures()),
            of(table, Action.LEFT_OUT),
            of(table, Action.MERGED),
        )
        for table in FlatTable
    ]


class _ReadAmount(Struct, gc=False):
    amount: Decimal


class _ReadCustomer(Struct, gc=False):
    balance: list[_ReadAmount] = []


class _ReadOrder(Struct, gc=False):
    value: Decimal
    products: list[Anything]


class _ReadEvent(Struct, gc=False):
    order: _ReadOrder


class _ReadEvents(Struct, gc=False):
    events: list[_ReadEvent]


class _ReadTransactions(Struct, gc=False):
    transactions: list[_ReadAmount]


_customer = msgspec.json.Decoder(_ReadCustomer).decode
_events = msgspec.json.Decoder(_ReadEvents).decode
_transactions = msgspec.json.Decoder(_ReadTransactions).decode


def count_written(kind: Kind, lines: Iterable[bytes]) -> dict[FlatTable, TableFigures]:
    """Return what the lines of a written export hold, by table; the digits in the file count."""
    rows = customers = 0
    money, points = Decimal(0), Decimal(0)
    for line in lines:
        match kind:
            case Kind.CUSTOMERS:
                customers += 1
                amounts = _customer(line).balance
            case Kind.TRANSACTIONS:
                amounts = _transactions(line).transactions
            case Kind.EVENTS:
                amounts = []
                for event in _events(line).events:
                    rows += len(event.order.products)
                    money = EXACT.add(money, event.order.value)
        rows += len(amounts)
        for each in amounts:
            points = EXACT.add(points, each.amount)
    counted = TableFigures(rows, int(money * MILLION), int(points * MILLION))
    if kind is Kind.CUSTOMERS:
        return {FlatTable.CUSTOMERS: TableFigures(customers), FlatTable.BALANCES: counted}
    return {FlatTable.EVENTS if kind is Kind.EVENTS else FlatTable.TRANSACTIONS: counted}
