"""What `prepare` did: every row of every source accounted for. Its JSON form is the summary beside the exports."""

from decimal import Decimal

from msgspec import Struct


class ClosingFigures(Struct, frozen=True, kw_only=True):
    """Rows, the values of orders, and points, as exact decimal numbers."""

    rows: int
    money: Decimal
    points: Decimal


class TableEquation(Struct, frozen=True, kw_only=True):
    """The closing equation of one table: came + added = written + left out + merged."""

    table: str
    came: ClosingFigures
    """What the SELECT returned, counted by the database."""
    added: ClosingFigures
    """Corrections, and what several entries were merged into."""
    written: ClosingFigures
    """What is in the files, read again."""
    left_out: ClosingFigures
    merged: ClosingFigures
    """Entries that were merged into others."""
    closes: bool


class PreparationRemark(Struct, frozen=True, kw_only=True):
    """Rows about which there is something to know, by table, action and reason; `left-out.csv` lists each."""

    table: str
    action: str
    """`left_out`, `merged`, `corrected`, `added` or `guessed`."""
    reason: str
    meaning: str
    rows: int
    money: Decimal
    points: Decimal
    file: str = ""
    line: int = 0
    """The first one that was found."""


class PreparationSource(Struct, frozen=True, kw_only=True):
    """What was read of a source."""

    name: str
    files: tuple[str, ...]
    rows: int
    unreadable: int
    """Rows that are no rows of their format; each is in `left-out.csv`."""


class Preparation(Struct, frozen=True, kw_only=True):
    """A whole preparation."""

    schema: int = 1
    version: str
    mapping: str
    kinds: tuple[str, ...]
    """The kinds of which an export was written."""
    closes: bool
    sources: list[PreparationSource]
    equations: list[TableEquation]
    remarks: list[PreparationRemark]
    warnings: tuple[str, ...] = ()
