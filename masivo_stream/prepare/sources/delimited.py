"""CSV and TSV: rows with the line on which each begins, also if quoted fields hold line breaks.

Python's `csv` reads them strictly: a quote in the wrong place makes its row unreadable, and the next row is read as
usual. A quoted field that never ends would swallow the rest of the file: that is an error of the whole source. One that
ends some rows later has swallowed these rows, so each line of what cannot be read is reported.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.mapping.frame import DataSource
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import OPERATION, SeenBytes, SourceFile, ignore_bytes, open_text
from masivo_stream.prepare.sources.source_rows import (
    RESERVED,
    NumberedRow,
    ReportUnreadable,
    find_columns,
    name_columns,
)

LONGEST_FIELD = 2_000_000
"""Characters. A longer field is a quote that is not closed."""

FEWEST_DELIMITERS = 3
"""In a line: with fewer, a line of ordinary text looks like a row."""

_NOT_TEXT = re.compile(r"[\0\ud800-\udfff]")
"""A NUL, or a byte that the encoding does not have."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


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
        csv.field_size_limit(LONGEST_FIELD)

    def columns(self, file: SourceFile) -> list[str]:
        """Return the names in the header line, or those that the mapping has."""
        if self._source.header:
            return name_columns(self._source.header, RESERVED)
        with open_text(file, self._source.formats.encoding) as lines:
            try:
                first: list[str] = next((row for row in self._reader(lines) if row), [])
            except csv.Error:
                first = []
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
        return name_columns(first, RESERVED)

    def rows(self, file: SourceFile, columns: Sequence[str], unreadable: ReportUnreadable) -> Iterator[NumberedRow]:
        """Yield the rows."""
        own = self.columns(file)
        places = find_columns(own, columns)
        order = None if places == [*range(len(own))] else [len(own) if at is None else at for at in places]
        skip_header = not self._source.header
        width = len(own)
        with open_text(file, self._source.formats.encoding, self._seen) as lines:
            reader = self._reader(lines)
            line = 1
            while True:
                try:
                    for row in reader:
                        begin, line = line, reader.line_num + 1
                        if not row:
                            continue
                        if skip_header:
                            skip_header = False
                            continue
                        if (why := self._fault_of(row, width, line - begin)) is not None:
                            _report(unreadable, begin, line, why)
                            continue
                        values: Sequence[str | None] = self._values(row) if self._null or self._escapes else row
                        if order is not None:
                            values = itemgetter(*order, -1)([*values, None])[:-1]
                        yield begin, values
                    return  # noqa: TRY300 - the loop goes on only after an error
                except csv.Error as error:
                    if "unexpected end of data" in str(error):
                        raise InputError(
                            "a quoted field never ends",
                            operation=OPERATION,
                            place=f"{file.name}:{line}",
                            hint='correct that line, or say quote = "" in the mapping if nothing is quoted',
                        ) from None
                    _report(unreadable, line, line := reader.line_num + 1, Why.MALFORMED_ROW)

    def _reader(self, lines: Iterator[str]) -> Any:  # noqa: ANN401 - `csv` does not name the type of its readers
        quote = self._source.formats.quote
        if not quote:
            return csv.reader(lines, delimiter=self._delimiter, quoting=csv.QUOTE_NONE, quotechar=None, strict=True)
        return csv.reader(lines, delimiter=self._delimiter, quotechar=quote, strict=True)

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
                value if value is None or "\\" not in value else _ESCAPE.sub(_unescape, value) for value in values
            ]
        return values


def _report(unreadable: ReportUnreadable, begin: int, end: int, why: Why) -> None:
    for line in range(begin, end):
        unreadable(line, why)


def _unescape(found: "re.Match[str]") -> str:
    return _ESCAPED.get(found[1], found[1])
