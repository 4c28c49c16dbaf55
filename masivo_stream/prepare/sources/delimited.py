r"""CSV and TSV: rows with the line on which each begins, also if quoted fields hold line breaks.

Python's `csv` reads them strictly: a quote in the wrong place makes its row unreadable, and the next row is read as
usual. A quoted field that never ends would swallow the rest of the file: that is an error of the whole source. One that
ends some rows later has swallowed these rows, so each line of what cannot be read is reported. Text in which nothing is
quoted is not for `csv`, which takes a carriage return for a line end.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import TextIO

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.mapping.frame import DataSource
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import OPERATION, SeenBytes, SourceFile, ignore_bytes, open_text
from masivo_stream.prepare.sources.source_rows import (
    LONGEST_FIELD,
    RESERVED,
    NumberedRow,
    ReportUnreadable,
    find_columns,
    name_columns,
)
from masivo_stream.prepare.sources.unquoted import split_lines

_PROTECTED_QUOTE = "\U0010ffff"
"""Stands for a quote after a backslash, which does not end a field. It is no character of any text (Unicode, 23.7)."""

FEWEST_DELIMITERS = 3
"""In a line: with fewer, a line of ordinary text looks like a row."""

_NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")
"""A NUL, or a byte that the encoding does not have."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}


class DelimitedReader:
    """Read the files of one source."""

    def __init__(self, source: DataSource, seen: SeenBytes = ignore_bytes) -> None:
        """Read as the source says; `seen` is called while rows are read."""
        self._seen = seen
        formats = source.formats
        self._source = source
        self._null = formats.null
        self._escapes = formats.backslash_escapes
        self._delimiter = formats.delimiter or ("\t" if source.format == "tsv" else ",")
        self._quote = formats.quote
        csv.field_size_limit(LONGEST_FIELD)

    def columns(self, file: SourceFile) -> list[str]:
        """Return the names in the header line, or those that the mapping has."""
        if self._source.header:
            return name_columns(self._source.header, RESERVED)
        with self._open(file) as lines:
            first = next((row for _, _, row in self._records(lines, file) if row != []), None)
        if not first:
            raise InputError(
                "has no header line",
                operation=OPERATION,
                place=file.name,
                hint='name the columns in the mapping: header = ["…"]',
            )
        if any(_NOT_TEXT.search(name) for name in first):
            raise InputError(
                f"has a header line that is not {self._source.formats.encoding}",
                operation=OPERATION,
                place=f"{file.name}:1",
                hint='name the encoding in the mapping, such as encoding = "latin-1", "cp1252" or "utf-16"',
            )
        return name_columns((value or "" for value in self._values(first)), RESERVED)

    def rows(self, file: SourceFile, columns: Sequence[str], unreadable: ReportUnreadable) -> Iterator[NumberedRow]:
        """Yield the rows."""
        own = self.columns(file)
        places = find_columns(own, columns)
        order = None if places == [*range(len(own))] else [len(own) if at is None else at for at in places]
        skip_header = not self._source.header
        width = len(own)
        with self._open(file, self._seen) as lines:
            for begin, end, row in self._records(lines, file):
                if not row:
                    if row is None:
                        _report(unreadable, begin, end, Why.MALFORMED_ROW)
                        continue
                    if width > 1 or not self._escapes or skip_header:
                        continue
                    row = [""]  # noqa: PLW2901 - an empty value is an empty line if there is a single column
                if skip_header:
                    skip_header = False
                    continue
                if (why := self._fault_of(row, width, end - begin)) is not None:
                    _report(unreadable, begin, end, why)
                    continue
                values: Sequence[str | None] = self._values(row) if self._null or self._escapes else row
                if order is not None:
                    values = itemgetter(*order, -1)([*values, None])[:-1]
                yield begin, values

    def _open(self, file: SourceFile, seen: SeenBytes = ignore_bytes) -> AbstractContextManager[TextIO]:
        return open_text(file, self._source.formats.encoding, seen, "" if self._quote else "\n")

    def _records(self, lines: TextIO, file: SourceFile) -> Iterator[tuple[int, int, list[str] | None]]:
        """Yield of each row its line, the line after it, and its fields; None instead of these if it cannot be read."""
        if not self._quote:
            for line, row in split_lines(lines, self._delimiter, escapes=self._escapes):
                yield line, line + 1, row
            return
        protected = map(self._protect, lines) if self._escapes else lines
        reader = csv.reader(protected, delimiter=self._delimiter, quotechar=self._quote, strict=True)
        line = 1
        while True:
            try:
                for row in reader:
                    yield line, reader.line_num + 1, row
                    line = reader.line_num + 1
                return  # noqa: TRY300 - the loop goes on only after an error
            except csv.Error as error:
                if "unexpected end of data" in str(error):
                    raise InputError(
                        "a quoted field never ends",
                        operation=OPERATION,
                        place=f"{file.name}:{line}",
                        hint='correct that line, or say quote = "" in the mapping if nothing is quoted',
                    ) from None
                yield line, reader.line_num + 1, None
                line = reader.line_num + 1

    def _protect(self, line: str) -> str:
        """Return a line in which a quote after a backslash is no quote for `csv`."""
        if f"\\{self._quote}" not in line:
            return line
        return _ESCAPE.sub(lambda found: f"\\{_PROTECTED_QUOTE}" if found[1] == self._quote else found[0], line)

    def _fault_of(self, row: list[str], width: int, lines: int) -> Why | None:
        """Return why a row of some lines cannot be used; None if it can.

        If each line of a row has as many fields as a row, two quotes too many have made one row of several.
        """
        if len(row) != width:
            return Why.WRONG_FIELD_COUNT
        if lines == 1 or width <= FEWEST_DELIMITERS:
            return None
        written = self._delimiter.join(row).splitlines()
        return Why.MALFORMED_ROW if all(line.count(self._delimiter) == width - 1 for line in written) else None

    def _values(self, row: list[str]) -> list[str | None]:
        """Return the values of a row with its own null text and escapes."""
        values: list[str | None] = [None if value == self._null else value for value in row]
        if self._escapes:
            values = [
                value if value is None or "\\" not in value else _ESCAPE.sub(self._unescape, value) for value in values
            ]
        return values

    def _unescape(self, found: re.Match[str]) -> str:
        return self._quote if found[1] == _PROTECTED_QUOTE else _ESCAPED.get(found[1], found[1])


def _report(unreadable: ReportUnreadable, begin: int, end: int, why: Why) -> None:
    for line in range(begin, end):
        unreadable(line, why)
