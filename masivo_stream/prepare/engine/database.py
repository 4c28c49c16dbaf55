"""The only door to DuckDB: a connection that reads and writes inside the spill directory, and errors that help.

What was tried of DuckDB 2.0: `memory_limit` is not the size of the process, which needs 80 to 180 MB more; a session
prints moments in its own zone, so the zone is set to UTC; extensions would be downloaded when they are needed, so that
is turned off. The SQL of a mapping can read nothing but its sources.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from masivo_stream.model.errors import BugError, ConfigurationError, InputError, MasivoStreamError, StorageError
from masivo_stream.model.short_disk import named_in, remedy_of
from masivo_stream.prepare.engine.casts import literal
from masivo_stream.prepare.engine.spill_dir import cannot_write
from masivo_stream.prepare.mapping.frame import Engine
from masivo_stream.prepare.mapping.written_select import NOWHERE, WrittenSelect

if TYPE_CHECKING:
    import duckdb

ROWS_AT_ONCE = 4096
BUFFERED_ROWS = 65_536
"""Rows that a thread keeps before it writes them into partitions; DuckDB's own half a million take 100 MB."""
INSTALL = "pip install 'masivo-stream[prepare]'"
LONGEST_MESSAGE = 400
SECONDS_BETWEEN_LOOKS = 0.2
"""Between two looks at how far a statement is."""

SeenShare = Callable[[float], None]
"""Called with the share of a statement that is done, from 0 to 1."""


class Database:
    """A database without a file: tables are Parquet files in the spill directory. Use it as a context."""

    def __init__(self, engine: Engine, spill: Path, readable: list[str], mapping_file: str = "") -> None:
        """Open it. `readable` are paths outside of the spill directory that may be read; errors name the mapping.

        Raises:
            ConfigurationError: DuckDB is not installed, or a setting of the engine does not fit.
        """
        duckdb = self._duckdb = _import_duckdb()
        self._engine_place = f"{mapping_file}: [engine] memory" if mapping_file else "[engine] memory"
        self._connection = duckdb.connect()
        paths = ", ".join(map(literal, readable))
        for setting in (
            f"temp_directory = {literal(str(spill / 'temporary'))}",
            f"allowed_directories = [{literal(f'{spill}/')}]",
            f"allowed_paths = [{paths}]",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "enable_external_access = false",
            "preserve_insertion_order = false",
            f"partitioned_write_flush_threshold = {BUFFERED_ROWS}",
            "enable_progress_bar = true",  # else a query does not say how far it is
            "enable_progress_bar_print = false",
            "TimeZone = 'UTC'",
            f"threads = {engine.threads}",
        ):
            self._connection.execute(f"SET {setting}")
        try:
            self._connection.execute(f"SET memory_limit = {literal(engine.memory)}")
        except duckdb.Error:
            raise ConfigurationError(
                "is not an amount of memory",
                operation="read the mapping",
                place=self._engine_place,
                hint='write for example "512MB" or "2GB"',
            ) from None
        self._connection.execute("SET lock_configuration = true")

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self._connection.close()

    def execute(self, sql: str, place: str = "", seen: SeenShare | None = None) -> int:
        """Run a statement; return the number of rows that it has written.

        `place` names the SELECT in errors. `seen` is called from another thread while the statement runs.
        """
        try:
            with self._watching(seen):
                found = self._connection.execute(sql).fetchone()
        except self._duckdb.Error as error:
            raise self._explain(error, place) from error
        return int(found[0]) if found and isinstance(found[0], int) else 0

    @contextmanager
    def _watching(self, seen: SeenShare | None) -> Iterator[None]:
        """Call `seen` while a statement runs, with ever larger shares of it; DuckDB estimates them by rows."""
        if seen is None:
            yield
            return
        ended, most = threading.Event(), 0.0

        def watch() -> None:
            nonlocal most
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                share = min(self._connection.query_progress() / 100, 1.0)  # -1 before the first estimate
                if share > most:
                    most = share
                    seen(share)

        watcher = threading.Thread(target=watch, name="watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, beside other queries."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield from rows
        except self._duckdb.Error as error:
            raise self._explain(error, "") from error
        finally:
            cursor.close()

    def only_select(self, select: str, place: str, written: WrittenSelect = NOWHERE) -> str:
        """Return a SELECT without the semicolon at its end. It may end with a comment: put a line break behind it.

        Raises:
            ConfigurationError: it is no SELECT, or not one.
        """
        try:
            statements = self._duckdb.extract_statements(select)
        except self._duckdb.Error as error:
            raise self._explain(error, place, written) from error
        if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
            raise _wrong("is not one SELECT", place, "write one SELECT, without a semicolon between statements")
        text = select.encode()
        for offset, kind in self._duckdb.tokenize(select):
            if kind == self._duckdb.token_type.operator and text[offset : offset + 1] == b";":
                text = text[:offset] + b" " + text[offset + 1 :]
        return text.decode()

    def describe(self, select: str, place: str, written: WrittenSelect = NOWHERE) -> list[tuple[str, str]]:
        """Return names and types of the columns that a SELECT returns.

        Raises:
            ConfigurationError: it does not fit the sources.
        """
        try:
            found = self._connection.execute(f"DESCRIBE\n{select}").fetchall()
        except self._duckdb.Error as error:
            raise self._explain(error, place, written.below(1)) from error
        return [(str(row[0]), str(row[1])) for row in found]

    def _sources(self) -> list[str]:
        """Return the names that a SELECT can read."""
        found = self._connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_name")
        return [str(name) for (name,) in found.fetchall()]

    def _explain(self, error: "duckdb.Error", place: str, written: WrittenSelect = NOWHERE) -> MasivoStreamError:
        """Return the error that a person can act on. Values of a record are never quoted."""
        duckdb = self._duckdb
        text = " ".join(str(error).partition("\n\n")[0].split())
        if isinstance(error, duckdb.OutOfMemoryException):
            if "disk" in text.lower() or "max_temp_directory_size" in text:
                return _full(text)
            return StorageError(
                "the database needs more memory than it may use",
                operation="prepare",
                place=place or self._engine_place,
                hint="raise memory in [engine], or lower threads",
            )
        is_reading = "[sources]" in place and not any(word in text.lower() for word in ("write", "space left"))
        if is_reading and isinstance(
            error, duckdb.IOException | duckdb.InvalidInputException | duckdb.SerializationException
        ):
            return InputError(
                "is no Parquet file, or is damaged",
                operation="load the sources",
                place=place,
                hint="export it again, or correct its format in the mapping",
            )
        if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.HTTPException):
            return _full(text)
        if not place:
            return BugError(
                f"the database refuses our own query: {text[:LONGEST_MESSAGE]}",
                operation="prepare",
                hint="remove the directory .spill and start again; if that does not help, please report it",
            )
        if isinstance(error, duckdb.ConversionException | duckdb.InvalidInputException | duckdb.OutOfRangeException):
            return _wrong(
                "converts a value that does not fit",
                place,
                "declare the column under `numbers` or `dates` of its source, instead of a cast in the SELECT",
            )
        if (unknown := re.match(r"Catalog Error: Table with name (.*) does not exist!", text)) is not None:
            return _wrong(
                f"reads {unknown[1]}, which is no source of the mapping",
                written.place_of(str(error)) or place,
                f"correct the SELECT: the sources are {', '.join(self._sources())}",
            )
        return _wrong(
            f"does not work: {text[:LONGEST_MESSAGE]}", written.place_of(str(error)) or place, "correct the SELECT"
        )


def _import_duckdb() -> ModuleType:
    try:
        import duckdb  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise ConfigurationError(
            "prepare needs DuckDB, which is not installed", operation="open the database", hint=INSTALL
        ) from None
    return duckdb


def name_engine() -> str:
    """Return the version of the database.

    Raises:
        ConfigurationError: DuckDB is not installed.
    """
    return f"DuckDB {_import_duckdb().__version__}"


def _full(text: str) -> StorageError:
    cause = named_in(text)
    if cause is not None and (file := re.search(r'file \\?"(.*?)\\?"', text)):
        return cannot_write(cause, Path(file[1]))
    return StorageError(
        f"cannot write what does not fit into memory: {text[:LONGEST_MESSAGE]}",
        operation="prepare",
        hint=remedy_of(
            cause or OSError(),
            "free space, or name another spill_dir in [engine]; then start the same command again: it continues",
        ),
    )


def _wrong(what: str, place: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="run the SELECT of the mapping", place=place, hint=hint)
