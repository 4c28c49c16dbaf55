"""NDJSON and JSON arrays: an object is a row. Numbers keep their digits; lists and objects in it stay JSON text."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
from msgspec import Raw

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.mapping.frame import DataSource
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import (
    BLOCK_BYTES,
    OPERATION,
    SeenBytes,
    SourceFile,
    ignore_bytes,
    open_text,
)
from masivo_stream.prepare.sources.source_rows import RESERVED, NumberedRow, ReportUnreadable, name_columns

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_scan = json.JSONDecoder(strict=False).raw_decode
_GAP = re.compile(r"[ \t\r\n]*")


LONGEST_ELEMENT = 16 << 20
"""Characters in which an element of an array has to end: else memory would hold the rest of a damaged file."""


class JsonReader:
    """Read the files of one source."""

    def __init__(self, source: DataSource, seen: SeenBytes = ignore_bytes) -> None:
        """Read as the source says; `seen` is called while rows are read, not while columns are looked for."""
        self._seen = seen
        self._is_array = source.format == "json"
        self._encoding = source.formats.encoding
        self._decimal_mark = source.formats.decimal_mark
        self._keys: list[str] = [*source.header]
        """As they are written, in the order of the columns: those that the mapping names come first."""

    def columns(self, file: SourceFile, most: int | None = None) -> list[str]:
        """Return all keys, which takes a pass over the file: any object may have one that the others lack.

        `most` limits how many objects are looked at.
        """
        known = dict.fromkeys(self._keys)
        for _, text in islice(self._texts(file), most):
            try:
                known.update(dict.fromkeys(_decode(text)))
            except (ValueError, RecursionError):
                continue  # it is reported when the rows are read
        self._keys = list(known)
        return name_columns(self._keys, RESERVED)

    def rows(self, file: SourceFile, columns: Sequence[str], unreadable: ReportUnreadable) -> Iterator[NumberedRow]:
        """Yield the rows."""
        keys = self._keys[: len(columns)]
        for line, text in self._texts(file, self._seen):
            try:
                found = _decode(text)
                yield line, [self._value(found.get(key)) for key in keys]
            except UnicodeEncodeError:
                unreadable(line, Why.WRONG_ENCODING)
            except (ValueError, RecursionError):
                unreadable(line, Why.MALFORMED_ROW)

    def _value(self, raw: Raw | None) -> str | None:
        """Return the text of a value: of a string what it says, of anything else its JSON."""
        if raw is None:
            return None
        written = bytes(raw)
        if written.startswith(b'"'):
            return _decode_text(written)
        if written == b"null":
            return None
        text = written.decode()
        if self._decimal_mark != "." and written[0] in b"-0123456789":
            return text.replace(".", self._decimal_mark)
        return text

    def _texts(self, file: SourceFile, seen: SeenBytes = ignore_bytes) -> Iterator[tuple[int, str]]:
        return self._elements(file, seen) if self._is_array else self._lines(file, seen)

    def _lines(self, file: SourceFile, seen: SeenBytes) -> Iterator[tuple[int, str]]:
        with open_text(file, self._encoding, seen) as lines:
            for number, line in enumerate(lines, start=1):
                if not line.isspace():
                    yield number, line

    def _elements(self, file: SourceFile, seen: SeenBytes) -> Iterator[tuple[int, str]]:
        """Yield the elements of an array as text, without ever holding all of it."""
        with open_text(file, self._encoding, seen) as stream:
            text = _Window(stream)
            if text.skip_gap() != "[":
                raise _broken(
                    file, text.line, "is not one JSON array", 'say format = "ndjson" if there is an object per line'
                )
            text.at += 1
            while (begin := text.skip_gap()) != "]":
                if begin == ",":
                    text.at += 1
                    continue
                try:
                    _, end = _scan(text.buffer, text.at)
                except (ValueError, RecursionError):
                    if text.ended or len(text.buffer) - text.at > LONGEST_ELEMENT:
                        raise _broken(file, text.line, "is damaged or cut off", "export it again") from None
                    text.fill(longer=True)
                    continue
                if end == len(text.buffer) and not text.ended:  # a number may go on
                    text.fill()
                    continue
                yield text.line, text.buffer[text.at : end]
                text.at = end
            text.at += 1
            if text.skip_gap():
                raise _broken(
                    file, text.line, "goes on after its array", 'say format = "ndjson" if there is a value per line'
                )


class _Window:
    """The part of a text that is being read."""

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream, self._step = stream, BLOCK_BYTES
        self._lines, self._counted = 1, 0
        self.buffer, self.at, self.ended = "", 0, False

    @property
    def line(self) -> int:
        """The line at which the reader is."""
        self._lines += self.buffer.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._lines

    def fill(self, *, longer: bool = False) -> bool:
        """Read on; `longer` doubles the steps, so that a long element is not scanned too often."""
        self._step *= 2 if longer else 1
        self._lines, self._counted = self.line, 0
        more = self._stream.read(self._step)
        self.buffer, self.at, self.ended = self.buffer[self.at :] + more, 0, not more
        return not self.ended

    def skip_gap(self) -> str:
        """Skip white space; return the character behind it, empty at the end."""
        self.at = _skip(self.buffer, self.at)
        while self.at == len(self.buffer) and self.fill():
            self.at = _skip(self.buffer, self.at)
        return self.buffer[self.at : self.at + 1]


def _skip(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


def _broken(file: SourceFile, line: int, what: str, hint: str) -> InputError:
    return InputError(what, operation=OPERATION, place=f"{file.name}:{line}", hint=hint)
