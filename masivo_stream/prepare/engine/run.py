"""Run a whole preparation: step by step, each noted when it is done, so that any later process can continue."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.checks.amounts import in_units
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import BugError, ConfigurationError
from masivo_stream.model.preparation import (
    ClosingFigures,
    Preparation,
    PreparationRemark,
    PreparationSource,
    TableEquation,
)
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.find_remarks import (
    find_lost_emails,
    note_flat_words,
    note_not_selected,
    note_words,
)
from masivo_stream.prepare.engine.load import LoadedSource, SourceToLoad, load_source
from masivo_stream.prepare.engine.nest import PartitionToNest, nest
from masivo_stream.prepare.engine.output_files import EXPORT_FILES, OutputFiles, are_intact, check_directory
from masivo_stream.prepare.engine.select import SelectedTable, SelectToRun, figures_of, make_views, select_rows
from masivo_stream.prepare.engine.spill_dir import SourceFigures, SpillDirectory
from masivo_stream.prepare.engine.standard_input import copy_standard_input, warn_of_standard_input
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import NO_REWARD, STANDARD_INPUT, Mapping
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.mapping.written_select import WrittenMapping, WrittenSelect
from masivo_stream.prepare.settling.closing import TableClosing, TableFigures, close, count_written
from masivo_stream.prepare.settling.remarks import MEANINGS, Action, RemarkTally, Why
from masivo_stream.prepare.settling.settle import make_rules
from masivo_stream.prepare.sources.places import PlaceNames
from masivo_stream.prepare.sources.source_files import SourceFile, find_files

ROWS_OF_A_PARTITION = 400_000
MOST_PARTITIONS = 96
"""DuckDB keeps a file open for each, up to a hundred, with a buffer per file and thread."""
SPILL = ".spill"
BLOCK = 1 << 20


class StepProgress(Struct, frozen=True):
    """How far a preparation is, for people."""

    step: str
    share: float
    """From 0 to 1, of the whole work: an estimate."""


ShowStep = Callable[[StepProgress], None]

_WEIGHTS = {"load": 45.0, "select": 20.0, "find": 5.0, "nest": 25.0, "count": 5.0}
"""Shares of the whole work in percent, as measured with a large shop."""


def prepare(mapping_file: str, directory: Path, show: ShowStep = lambda _: None) -> Preparation:
    """Write the exports that a mapping describes into a directory.

    Raises:
        ConfigurationError: the mapping is wrong, or does not fit its sources; DuckDB is not installed.
        InputError: a source does not exist, or cannot be read to its end.
        StorageError: something cannot be written. The same command continues.
        BugError: the figures do not close.
    """
    text = _read_mapping(mapping_file)
    mapping = parse_frame(text, mapping_file)
    spill = Path(mapping.engine.spill_dir or directory) / SPILL
    spooled = spill.parent / f"{SPILL}.standard-input.{os.getpid()}"
    files = {}
    spool: BinaryIO | None = None
    try:
        for name, source in mapping.sources.items():
            if STANDARD_INPUT in source.path:
                spool = copy_standard_input(spooled)
            files[name] = find_files(source, f"{mapping_file}: [sources] {name}", spooled)
        check_directory(directory)
        with SpillDirectory(spill, _identity(text, directory, files)) as space:
            if not are_intact(directory, space.progress.sizes):
                space.begin_again()
            work = _Preparation(mapping, WrittenMapping(mapping_file, text), files, space, show)
            work.warnings = (*warn_of_standard_input(mapping, files), *_warn_of_rewards(mapping))
            with OutputFiles(directory, space.progress) as outputs:
                found = work.run(outputs)
            space.remove()
    finally:
        if spool is not None:
            spooled.unlink(missing_ok=True)  # it is copied again, and compared, when the work is continued
            spool.close()
    return found


class _Preparation:
    """The steps of one preparation."""

    def __init__(
        self,
        mapping: Mapping,
        written: WrittenMapping,
        files: dict[str, list[SourceFile]],
        space: SpillDirectory,
        show: ShowStep,
    ) -> None:
        self._mapping, self._written, self._files, self._space, self._show = mapping, written, files, space, show
        self._file = written.file
        self._progress = space.progress
        self._rules = make_rules(mapping)
        self._names = PlaceNames(tuple(each.name for found in files.values() for each in found))
        self._share = 0.0
        self.warnings: tuple[str, ...] = ()

    def run(self, outputs: OutputFiles) -> Preparation:
        """Take all steps that are not done yet."""
        readable = [
            each.path
            for name, found in self._files.items()
            for each in found
            if self._mapping.sources[name].format == "parquet"
        ]
        readable = [str(Path(path).absolute()) for path in readable]
        with Database(self._mapping.engine, self._space.path.absolute(), readable, self._file) as database:
            sources = self._load(database, outputs)
            make_views(database, sources, self._mapping.policies)
            selected = self._select(database, outputs)
            self._find(database, sources, selected, outputs)
            self._nest(database, selected, outputs)
        return self._finish(outputs)

    def _load(self, database: Database, outputs: OutputFiles) -> list[LoadedSource]:
        directory = self._space.path / "sources"
        directory.mkdir(exist_ok=True)
        sources, number = [], 1
        weights = {
            name: sum(Path(each.path).stat().st_size for each in found) + 1 for name, found in self._files.items()
        }
        for name, found in self._files.items():
            table, step = directory.absolute() / f"{name}.parquet", f"load {name}"
            if not self._space.done(step):
                self._show(StepProgress(step, self._share))
                part = _WEIGHTS["load"] / 100 / sum(weights.values())
                asked = SourceToLoad(
                    name,
                    self._mapping.sources[name],
                    found,
                    number,
                    f"{self._file}: [sources] {name}",
                    self._show_bytes(step, part),
                )

                def report(file: str, line: int, why: Why, name: str = name) -> None:
                    outputs.remark_source(name, Action.LEFT_OUT, why, file, line)

                loaded = load_source(database, asked, table, report)
                names = tuple(each.name for each in found)
                self._progress.sources[name] = SourceFigures(names, loaded.rows + loaded.unreadable, loaded.rows)
                self._progress.columns[name] = loaded.columns
                self._progress.warnings += loaded.warnings
                note_words(database, loaded, self._mapping.policies, outputs, self._names)
                self._finish_step(step, outputs)
            figures = self._progress.sources[name]
            sources.append(
                LoadedSource(name, table, self._progress.columns[name], figures.loaded, figures.rows - figures.loaded)
            )
            number += len(found)
            self._share += _WEIGHTS["load"] / 100 * weights[name] / sum(weights.values())
        return sources

    def _show_bytes(self, step: str, part: float) -> Callable[[int], None]:
        """Return what shows progress within a step by the bytes that are read; a byte is this part of all work."""
        begin, read = self._share, 0

        def seen(count: int) -> None:
            nonlocal read
            read += count
            self._show(StepProgress(step, begin + read * part))

        return seen

    def _show_share(self, step: str, part: float) -> Callable[[float], None]:
        """Return what shows progress within a step that is this part of all work."""
        begin = self._share
        return lambda share: self._show(StepProgress(step, begin + share * part))

    def _select(self, database: Database, outputs: OutputFiles) -> dict[FlatTable, SelectedTable]:
        selects = {
            table: part.select for table in FlatTable if (part := getattr(self._mapping, table.value)) is not None
        }
        rows = sum(figures.loaded for figures in self._progress.sources.values())
        fitting = max(1, min(MOST_PARTITIONS, -(-rows // ROWS_OF_A_PARTITION)))
        self._progress.partitions = self._progress.partitions or fitting
        selected = {}
        for table, select in selects.items():
            step, path = f"select {table}", self._space.path.absolute() / "flat" / table
            selected[table] = SelectedTable(table, path)
            if not self._space.done(step):
                self._show(StepProgress(step, self._share))
                self._space.new_directory("flat", table)
                asked = SelectToRun(
                    WrittenSelect(self._written, table.value, select),
                    self._mapping,
                    self._progress.partitions,
                    len(self._names.files),
                )
                seen = self._show_share(step, _WEIGHTS["select"] / 100 / len(selects))
                select_rows(database, selected[table], asked, seen)
                if not selected[table].is_empty:
                    note_flat_words(database, selected[table], outputs, self._names)
                self._finish_step(step, outputs)
            self._share += _WEIGHTS["select"] / 100 / len(selects)
        return selected

    def _find(
        self,
        database: Database,
        sources: list[LoadedSource],
        selected: dict[FlatTable, SelectedTable],
        outputs: OutputFiles,
    ) -> None:
        if not self._space.done("find"):
            self._show(StepProgress("find what is left out", self._share))
            number = 1
            for source in sources:
                numbers = range(number, number + len(self._files[source.name]))
                number = numbers.stop
                if not self._mapping.sources[source.name].lookup:
                    note_not_selected(database, source, numbers, list(selected.values()), outputs, self._names)
            find_lost_emails(database, selected.get(FlatTable.CUSTOMERS), self._rules, self._lost)
            self._finish_step("find", outputs)
        self._share += _WEIGHTS["find"] / 100

    def _nest(self, database: Database, selected: dict[FlatTable, SelectedTable], outputs: OutputFiles) -> None:
        partitions = self._progress.partitions
        for number in range(partitions):
            step = f"nest {number}"
            if not self._space.done(step):
                self._show(StepProgress(f"write part {number + 1} of {partitions}", self._share))
                nest(
                    database,
                    PartitionToNest(selected, number, partitions, self._lost),
                    self._rules,
                    outputs,
                    self._names,
                )
                for table, each in selected.items():
                    figures = figures_of(database, each, number)
                    self._progress.came.setdefault(table.value, TableFigures()).add(figures)
                self._finish_step(step, outputs)
            self._share += _WEIGHTS["nest"] / 100 / partitions

    def _finish(self, outputs: OutputFiles) -> Preparation:
        self._show(StepProgress("count what was written", self._share))
        went: dict[FlatTable, TableFigures] = {}
        kinds = set()
        for kind, name in EXPORT_FILES.items():
            with outputs.partial(name).open("rb") as lines:
                counted = count_written(kind, lines)
            went.update(counted)
            if any(figures.rows for figures in counted.values()):
                kinds.add(kind)
        came = {FlatTable(name): figures for name, figures in self._progress.came.items()}
        equations = close(came, went, outputs.tally)
        found = self._describe(equations, outputs.tally, kinds)
        if not found.closes:
            wrong = ", ".join(equation.table for equation in equations if not equation.closes)
            raise BugError(
                f"the figures of {wrong} do not close",
                operation="prepare",
                place=str(self._space.path),
                hint="nothing was published; please report the figures in the message and the mapping",
            )
        outputs.publish(msgspec.json.format(msgspec.json.encode(found)) + b"\n", kinds)
        return found

    def _describe(self, equations: list[TableClosing], tally: RemarkTally, kinds: set[Kind]) -> Preparation:
        remarks = [
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
        ]
        sources = [
            PreparationSource(
                name=name, files=figures.files, rows=figures.rows, unreadable=figures.rows - figures.loaded
            )
            for name, figures in self._progress.sources.items()
        ]
        return Preparation(
            version=__version__,
            mapping=self._file,
            kinds=tuple(kind.value for kind in Kind if kind in kinds),
            closes=all(equation.closes for equation in equations),
            sources=sources,
            equations=[_equation(each) for each in equations],
            remarks=remarks,
            warnings=(*self.warnings, *self._progress.warnings),
        )

    def _finish_step(self, step: str, outputs: OutputFiles) -> None:
        outputs.settle_step()
        self._space.finish_step(step)

    @property
    def _lost(self) -> Path:
        return self._space.path.absolute() / "lost-emails.parquet"


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


def _read_mapping(file: str) -> str:
    try:
        return Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"cannot be read: {why}",
            operation="read the mapping",
            place=file,
            hint="masivo-stream prepare --init writes a mapping to begin with",
        ) from None


def _warn_of_rewards(mapping: Mapping) -> tuple[str, ...]:
    """Return that a reward still has the id that presets have, if there are any points."""
    if mapping.balances is None and mapping.transactions is None:
        return ()
    names = [name for name, id_ in mapping.rewards.items() if id_ == NO_REWARD]
    advice = "replace it before you migrate; masivo-stream check lists the rewards of an account"
    return tuple(f"the reward {name} has the id of no reward, {NO_REWARD}: {advice}" for name in names)


def _identity(mapping: str, directory: Path, files: dict[str, list[SourceFile]]) -> str:
    """Return what has to be unchanged for work to be continued: mapping, directory, and sources by size and time."""
    digest = hashlib.sha256(f"{__version__}\n{mapping}".encode())
    digest.update(f"\n{directory.absolute()}".encode("utf-8", "surrogateescape"))
    for each in (each for found in files.values() for each in found):
        digest.update(f"\n{each.name}\0".encode("utf-8", "surrogateescape"))
        if each.name == STANDARD_INPUT:
            for block in _blocks(Path(each.path)):
                digest.update(block)
        else:
            status = Path(each.path).stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
