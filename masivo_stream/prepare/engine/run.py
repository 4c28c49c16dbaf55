"""Run a whole preparation: step by step, each noted when it is done, so that any later process can continue."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.reading.object_urls import is_url, shown_url
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.ports import RemoteFile, RemoteFiles
from masivo_stream.model.preparation import Preparation
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.describe import PreparedFigures, count_exports, describe
from masivo_stream.prepare.engine.find_remarks import (
    FlatWords,
    find_lost_emails,
    find_not_selected,
    note_words,
    read_flat_words,
)
from masivo_stream.prepare.engine.load import LoadedSource, SourceToLoad, load_source
from masivo_stream.prepare.engine.nest import NestedFiles, PartitionToNest, nest
from masivo_stream.prepare.engine.output_files import (
    EXPORT_FILES,
    GrowingFiles,
    OutputFiles,
    are_intact,
    check_directory,
    partial_path,
)
from masivo_stream.prepare.engine.record_origins import OriginsOfLines
from masivo_stream.prepare.engine.select import (
    SelectedTable,
    SelectToRun,
    figures_of,
    list_places,
    make_views,
    query_places,
    select_rows,
)
from masivo_stream.prepare.engine.share import WHOLE, Share
from masivo_stream.prepare.engine.spill_dir import (
    LoadedTable,
    PrepareProgress,
    SavedSums,
    SourceFigures,
    SpillDirectory,
    cannot_write,
)
from masivo_stream.prepare.engine.standard_input import copy_standard_input, warn_of_standard_input
from masivo_stream.prepare.engine.table_store import NoStore, TableStore, remarks_beside
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import NO_REWARD, STANDARD_INPUT, Mapping
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.mapping.written_select import WrittenMapping, WrittenSelect
from masivo_stream.prepare.settling.closing import TableFigures
from masivo_stream.prepare.settling.remarks import Action, Why
from masivo_stream.prepare.settling.settle import make_rules
from masivo_stream.prepare.sources.places import PlaceNames
from masivo_stream.prepare.sources.source_files import FileSpaces, SeenBytes, SourceFile, find_files

ROWS_OF_A_PARTITION = 400_000
MOST_PARTITIONS = 96
"""DuckDB keeps a file open for each, up to a hundred, with a buffer per file and thread."""
SPILL = ".spill"
COPIES = "copies"
BLOCK = 1 << 20


class StepProgress(Struct, frozen=True):
    """How far a preparation is, for people."""

    step: str
    share: float
    """From 0 to 1, of the whole work: an estimate."""


ShowStep = Callable[[StepProgress], None]

_WEIGHTS = {"load": 45.0, "select": 20.0, "find": 5.0, "nest": 25.0, "count": 5.0}
"""Shares of the whole work in percent, as measured with a large shop."""


def prepare(
    mapping_file: str,
    directory: Path,
    show: ShowStep = lambda _: None,
    remote: RemoteFiles | None = None,
    origins: OriginsOfLines | None = None,
) -> Preparation:
    """Write the exports that a mapping describes into a directory.

    `remote` finds the mapping and the sources that are named by a URL; without it, every name is one of a file.
    `origins` is opened, and knows afterwards from which rows each line was made.

    Raises:
        ConfigurationError: the mapping is wrong, or does not fit its sources; DuckDB is not installed.
        InputError: a source does not exist, or cannot be read to its end.
        StorageError: something cannot be written. The same command continues.
        BugError: the figures do not close.
    """
    text = read_mapping(mapping_file, remote)
    mapping_file = shown_url(mapping_file)
    mapping = parse_frame(text, mapping_file)
    spill = Path(mapping.engine.spill_dir or directory) / SPILL
    spooled = spill.parent / f"{SPILL}.standard-input.{os.getpid()}"
    files = {}
    spool: BinaryIO | None = None
    try:
        for name, source in mapping.sources.items():
            if STANDARD_INPUT in source.path:
                spool = copy_standard_input(spooled)
            spaces = FileSpaces(spooled, spill / COPIES, remote)
            files[name] = find_files(source, f"{mapping_file}: [sources] {name}", spaces)
        check_directory(directory)
        with SpillDirectory(spill, _identity(text, directory, files)) as space:
            if not are_intact(OutputFiles.paths_in(directory, spill), space.progress.sizes):
                space.begin_again()
            work = PreparationSteps(WorkToDo(mapping, WrittenMapping(mapping_file, text), files), space, show)
            warnings = (*warn_of_standard_input(mapping, files), *warn_of_rewards(mapping))
            with OutputFiles(directory, spill, space.progress, work.names) as outputs:
                work.take(outputs)
                show(StepProgress("count what was written", work.share_done))
                went = count_exports({kind: partial_path(directory, name) for kind, name in EXPORT_FILES.items()})
                figures = work.figures(went, warnings)
                found = describe(mapping_file, figures, outputs.settling.tally, spill)
                outputs.publish(encode_summary(found), figures.kinds)
            if origins is not None:
                origins.open(spill, work.names)
            space.remove()
    finally:
        if spool is not None:
            spooled.unlink(missing_ok=True)  # it is copied again, and compared, when the work is continued
            spool.close()
    return found


def encode_summary(found: Preparation) -> bytes:
    """Return what is in the summary beside the exports."""
    return msgspec.json.format(msgspec.json.encode(found)) + b"\n"


class StepFiles(NestedFiles, Protocol):
    """The files that the steps of a preparation write."""

    def add_reading(self, remarks: Path, sums: list[SavedSums]) -> None:
        """Add remarks about rows of a source as they were read, and their sums."""
        ...

    def add_words(self, table: FlatTable, rows: Iterable[FlatWords]) -> None:
        """Add what was remarkable about values that the SELECT of a table returned."""
        ...

    def add_not_selected(self, source: str, places: Iterable[int]) -> None:
        """Add rows of a source that no SELECT returned."""
        ...

    def settle_step(self) -> None:
        """Put everything on disk."""
        ...


class WorkToDo(Struct, frozen=True):
    """What is prepared: a mapping and its files, and the share of it."""

    mapping: Mapping
    written: WrittenMapping
    files: dict[str, list[SourceFile]]
    share: Share = WHOLE


class PreparationSteps:
    """The steps of one preparation, or of a share of it."""

    def __init__(self, work: WorkToDo, space: SpillDirectory, show: ShowStep, store: TableStore | None = None) -> None:
        """Go on where the work has come to."""
        self._store = store if store is not None else NoStore()
        self._mapping, self._written, self._files, self._share = work.mapping, work.written, work.files, work.share
        self._space, self._show = space, show
        self._file = work.written.file
        self._progress = space.progress
        self._rules = make_rules(work.mapping)
        self.names = PlaceNames(tuple(each.name for found in work.files.values() for each in found))
        self.share_done = 0.0

    def take(self, outputs: StepFiles) -> None:
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

    def figures(self, went: dict[str, TableFigures], warnings: tuple[str, ...]) -> PreparedFigures:
        """Return all figures, when all steps are done."""
        tables = {name: self._progress.tables[name] for name in self._files}
        loading = [warning for each in tables.values() for warning in each.warnings]
        sources = {name: each.figures for name, each in tables.items()}
        return PreparedFigures(sources, self._progress.came, went, (*warnings, *loading))

    def _load(self, database: Database, outputs: StepFiles) -> list[LoadedSource]:
        directory = self._space.path.absolute() / "sources"
        directory.mkdir(exist_ok=True)
        tables = {name: directory / f"{name}.parquet" for name in self._files}
        self._load_tables(database, tables)
        if not self._space.done("list what was read"):
            for name, table in tables.items():
                outputs.add_reading(remarks_beside(table), self._progress.tables[name].sums)
            self._finish_step("list what was read", outputs)
        return [
            LoadedSource(name, table, found.columns, found.figures.loaded, found.figures.rows - found.figures.loaded)
            for name, table in tables.items()
            if (found := self._progress.tables[name])
        ]

    def _load_tables(self, database: Database, tables: dict[str, Path]) -> None:
        """Load each source, or take its table from the store."""
        sizes = {name: sum(each.size for each in found) + 1 for name, found in self._files.items()}
        of_a_byte = _WEIGHTS["load"] / 100 / sum(sizes.values())
        waiting = [name for name in tables if not self._space.done(f"load {name}")]
        self.share_done += of_a_byte * sum(size for name, size in sizes.items() if name not in waiting)
        while waiting:
            name = self._store.choose(waiting)
            waiting.remove(name)
            step = f"load {name}"
            loaded = self._store.take(name, tables[name])
            if loaded is None:
                with self._store.claim(name), self._copied(name, self._files[name]):
                    self._show(StepProgress(step, self.share_done))
                    loaded = self._load_table(database, name, tables[name], self._show_bytes(step, of_a_byte))
                    self._store.give(name, tables[name], loaded)
            else:
                self._show(StepProgress(f"take {name}", self.share_done))
            self._progress.tables[name] = loaded
            self._space.finish_step(step)
            self.share_done += of_a_byte * sizes[name]

    def _load_table(self, database: Database, name: str, table: Path, seen: SeenBytes) -> LoadedTable:
        before = [*self._files][: [*self._files].index(name)]
        number = 1 + sum(len(self._files[each]) for each in before)
        place = f"{self._file}: [sources] {name}"
        asked = SourceToLoad(name, self._mapping.sources[name], self._files[name], number, place, seen)
        remarks_beside(table).unlink(missing_ok=True)  # it may be the file of a store
        progress = PrepareProgress("")
        with GrowingFiles({name: remarks_beside(table)}, progress) as files:
            remarks = files.open_list(name, self.names)

            def report(file: str, line: int, why: Why) -> None:
                remarks.remark_source(name, Action.LEFT_OUT, why, file, line)

            loaded = load_source(database, asked, table, report)
            note_words(database, loaded, self._mapping.policies, remarks)
            files.settle_step()
        figures = SourceFigures(
            tuple(each.name for each in self._files[name]), loaded.rows + loaded.unreadable, loaded.rows
        )
        return LoadedTable(figures, loaded.columns, list(loaded.warnings), progress.sums)

    @contextmanager
    def _copied(self, name: str, files: list[SourceFile]) -> Iterator[None]:
        """Copy the files of a source that are elsewhere to this machine until the end of the block."""
        copies = self._space.new_directory(COPIES)
        try:
            for each in files:
                if each.remote is not None:
                    self._show(StepProgress(f"copy {name}", self.share_done))
                    _copy(each.remote, Path(each.path))
            yield
        finally:
            shutil.rmtree(copies, ignore_errors=True)

    def _show_bytes(self, step: str, part: float) -> Callable[[int], None]:
        """Return what shows progress within a step by the bytes that are read; a byte is this part of all work."""
        begin, read = self.share_done, 0

        def seen(count: int) -> None:
            nonlocal read
            read += count
            self._show(StepProgress(step, begin + read * part))

        return seen

    def _show_share(self, step: str, part: float) -> Callable[[float], None]:
        """Return what shows progress within a step that is this part of all work."""
        begin = self.share_done
        return lambda share: self._show(StepProgress(step, begin + share * part))

    def _select(self, database: Database, outputs: StepFiles) -> dict[FlatTable, SelectedTable]:
        rows = sum(each.figures.loaded for each in self._progress.tables.values())
        fitting = max(1, min(MOST_PARTITIONS, -(-rows // ROWS_OF_A_PARTITION)))
        self._progress.partitions = self._progress.partitions or fitting
        selects = self._selects()
        selected = {}
        for table, asked in selects.items():
            step, path = f"select {table}", self._space.path.absolute() / "flat" / table
            selected[table] = SelectedTable(table, path)
            if not self._space.done(step):
                self._show(StepProgress(step, self.share_done))
                self._space.new_directory("flat", table)
                seen = self._show_share(step, _WEIGHTS["select"] / 100 / len(selects))
                select_rows(database, selected[table], asked, seen)
                outputs.add_words(table, read_flat_words(database, selected[table], self._partitions))
                self._finish_step(step, outputs)
            self.share_done += _WEIGHTS["select"] / 100 / len(selects)
        return selected

    def _selects(self) -> dict[FlatTable, SelectToRun]:
        """Return the SELECTs of the mapping. A share has all customers: any of them may keep another one's email."""
        return {
            table: SelectToRun(
                WrittenSelect(self._written, table.value, part.select),
                self._mapping,
                self._progress.partitions,
                len(self.names.files),
                None if self._share.is_whole or table is FlatTable.CUSTOMERS else self._partitions,
            )
            for table in FlatTable
            if (part := getattr(self._mapping, table.value)) is not None
        }

    @property
    def _partitions(self) -> range:
        return self._share.partitions(self._progress.partitions)

    def _find(
        self,
        database: Database,
        sources: list[LoadedSource],
        selected: dict[FlatTable, SelectedTable],
        outputs: StepFiles,
    ) -> None:
        if not self._space.done("find"):
            self._show(StepProgress("find what is left out", self.share_done))
            if self._share.is_whole:
                returned = [query for each in selected.values() for query in list_places(each)]
            else:
                returned = [query for each in self._selects().values() for query in query_places(database, each)]
            number = 1
            for source in sources:
                numbers = range(number, number + len(self._files[source.name]))
                number = numbers.stop
                if not self._mapping.sources[source.name].lookup:
                    places = find_not_selected(database, source, numbers, returned, self._share)
                    outputs.add_not_selected(source.name, places)
            find_lost_emails(database, selected.get(FlatTable.CUSTOMERS), self._rules, self._lost)
            self._finish_step("find", outputs)
        self.share_done += _WEIGHTS["find"] / 100

    def _nest(self, database: Database, selected: dict[FlatTable, SelectedTable], outputs: StepFiles) -> None:
        count = self._progress.partitions
        for index, number in enumerate(self._partitions, start=1):
            step = f"nest {number}"
            if not self._space.done(step):
                self._show(StepProgress(f"write part {index} of {len(self._partitions)}", self.share_done))
                nest(database, PartitionToNest(selected, number, count, self._lost), self._rules, outputs)
                for table, each in selected.items():
                    figures = figures_of(database, each, number)
                    self._progress.came.setdefault(table.value, TableFigures()).add(figures)
                self._finish_step(step, outputs)
            self.share_done += _WEIGHTS["nest"] / 100 / len(self._partitions)

    def _finish_step(self, step: str, outputs: StepFiles) -> None:
        outputs.settle_step()
        self._space.finish_step(step)

    @property
    def _lost(self) -> Path:
        return self._space.path.absolute() / "lost-emails.parquet"


def _copy(remote: RemoteFile, path: Path) -> None:
    try:
        with path.open("wb") as file:
            remote.copy(file.write)
    except OSError as error:
        raise cannot_write(error, path) from error


def read_mapping(file: str, remote: RemoteFiles | None) -> str:
    """Return the text of a mapping.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        if remote is not None and is_url(file):
            return remote.read(file).decode("utf-8-sig")
        return Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"cannot be read: {why}",
            operation="read the mapping",
            place=shown_url(file),
            hint="masivo-stream prepare --init writes a mapping to begin with",
        ) from None


def warn_of_rewards(mapping: Mapping) -> tuple[str, ...]:
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
        elif each.remote is not None:
            digest.update(f"{each.remote.size} {each.remote.identity}".encode())
        else:
            status = Path(each.path).stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
