"""Count what was written, and describe a whole preparation: the closing equation, and the sums of all remarks."""

from pathlib import Path

from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.checks.amounts import in_units
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import BugError
from masivo_stream.model.preparation import (
    ClosingFigures,
    Preparation,
    PreparationRemark,
    PreparationSource,
    TableEquation,
)
from masivo_stream.prepare.engine.spill_dir import SourceFigures
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.settling.closing import TableClosing, TableFigures, close, count_written
from masivo_stream.prepare.settling.remarks import MEANINGS, RemarkTally, Why


class PreparedFigures(Struct):
    """All figures of a preparation, by the names of tables."""

    sources: dict[str, SourceFigures]
    came: dict[str, TableFigures]
    """What the SELECTs returned, counted by the database."""
    went: dict[str, TableFigures]
    """What is in the files, read again."""
    warnings: tuple[str, ...]

    @property
    def kinds(self) -> set[Kind]:
        """The kinds of which there are records."""
        tables = {FlatTable.EVENTS: Kind.EVENTS, FlatTable.TRANSACTIONS: Kind.TRANSACTIONS}
        return {tables.get(FlatTable(name), Kind.CUSTOMERS) for name, each in self.went.items() if each.rows}

    def close(self, tally: RemarkTally, place: Path) -> list[TableEquation]:
        """Return the closing equation of each table.

        Raises:
            BugError: one of them does not close.
        """
        came = {FlatTable(name): figures for name, figures in self.came.items()}
        went = {FlatTable(name): figures for name, figures in self.went.items()}
        equations = [_equation(each) for each in close(came, went, tally)]
        if wrong := [each.table for each in equations if not each.closes]:
            raise BugError(
                f"the figures of {', '.join(wrong)} do not close",
                operation="prepare",
                place=str(place),
                hint="nothing was published; please report the figures in the message and the mapping",
            )
        return equations


def count_exports(paths: dict[Kind, Path]) -> dict[str, TableFigures]:
    """Return what the written exports hold, by table."""
    went: dict[str, TableFigures] = {}
    for kind, path in paths.items():
        with path.open("rb") as lines:
            went.update({table.value: figures for table, figures in count_written(kind, lines).items()})
    return went


def describe(mapping_file: str, figures: PreparedFigures, tally: RemarkTally, place: Path) -> Preparation:
    """Return a preparation whose figures close.

    Raises:
        BugError: they do not.
    """
    kinds = figures.kinds
    return Preparation(
        version=__version__,
        mapping=mapping_file,
        kinds=tuple(kind.value for kind in Kind if kind in kinds),
        closes=True,
        sources=[
            PreparationSource(name=name, files=each.files, rows=each.rows, unreadable=each.rows - each.loaded)
            for name, each in figures.sources.items()
        ],
        equations=figures.close(tally, place),
        remarks=[
            PreparationRemark(
                table=table,
                action=action,
                reason=why,
                meaning=MEANINGS[Why(why)],
                rows=sums.rows,
                money=in_units(sums.money),
                points=in_units(sums.points),
                file=sums.file,
                line=sums.line,
            )
            for (table, action, why), sums in sorted(tally.sums.items())
        ],
        warnings=figures.warnings,
    )


def _equation(each: TableClosing) -> TableEquation:
    def figures(of: TableFigures) -> ClosingFigures:
        return ClosingFigures(rows=of.rows, money=in_units(of.money), points=in_units(of.points))

    return TableEquation(
        table=each.table.value,
        came=figures(each.came),
        added=figures(each.added),
        written=figures(each.went),
        left_out=figures(each.left_out),
        merged=figures(each.merged),
        closes=each.closes,
    )
