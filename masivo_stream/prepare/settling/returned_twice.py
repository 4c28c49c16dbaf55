"""Rows that came twice: each counts once, and the rest is listed.

A SELECT returns a row twice if a join finds several matches. An order comes twice if exports overlap.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

from msgspec import structs

from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.rows import BalanceRow, LedgerRow, LineItemRow
from masivo_stream.prepare.sources.places import file_of

R = TypeVar("R", BalanceRow, LedgerRow)


def drop_returned_twice(table: FlatTable, rows: Iterable[R], remarks: list[Remark]) -> list[R]:
    """Return each row of a place and values once. Rows that are equal in everything follow each other."""
    kept: list[R] = []
    for row in rows:
        if kept and kept[-1] == row:
            remarks.append(Remark(table, Action.LEFT_OUT, Why.RETURNED_TWICE, row.place, points=row.amount or 0))
        else:
            kept.append(row)
    return kept


def drop_line_items_returned_twice(rows: list[LineItemRow], remarks: list[Remark]) -> list[LineItemRow]:
    """Return each line item of an order once.

    A line item is known by the place of its own row, or by `line_no` in the order's row; two rows of the order itself
    may have the same line items. A row without any line item is kept: it says something about the order.
    """
    if len(rows) == 1:
        return rows
    kept: list[LineItemRow] = []
    seen = set()
    for row in rows:
        line = (row.sku, row.quantity, row.line_value, row.line_discounted_value, row.line_no)
        known = (row.place if row.line_place is None else None, row.line_place, *line)
        if known in seen and line != _NO_LINE:
            remarks.append(Remark(FlatTable.EVENTS, Action.LEFT_OUT, Why.RETURNED_TWICE, row.place, row.line_place))
        else:
            seen.add(known)
            kept.append(row)
    return _drop_same_orders(kept, remarks)


def _drop_same_orders(rows: list[LineItemRow], remarks: list[Remark]) -> list[LineItemRow]:
    """Return the rows of an order without those of a later file that says exactly the same: exports overlap.

    Two equal line items in one file may be two line items.
    """
    by_file: dict[int, list[LineItemRow]] = {}
    for row in rows:
        by_file.setdefault(file_of(row.place if row.line_place is None else row.line_place), []).append(row)
    if len(by_file) == 1:
        return rows
    kept: list[LineItemRow] = []
    known = []
    for _, found in sorted(by_file.items()):
        said = Counter(structs.astuple(structs.replace(row, place=0, line_place=None)) for row in found)
        if said in known:
            remarks += [
                Remark(FlatTable.EVENTS, Action.LEFT_OUT, Why.SAME_ROW_TWICE, row.place, row.line_place)
                for row in found
            ]
        else:
            known.append(said)
            kept += found
    return kept


_NO_LINE = (None, None, None, None, None)
