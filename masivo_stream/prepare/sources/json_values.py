"""NDJSON and JSON arrays: an object is a row. Numbers keep their digits; lists and objects in it stay JSON text."""

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


class JsonReader:
    """Read the files of one source."""

    def __init__(self, source: DataSource, seen: SeenBytes = ignore_bytes) -> None:
        """Read as the source says; `seen` is called while rows are read, not while columns are looked for."""
        self._seen = seen
        self._is_array = source.format == "json"
        self._encoding = source.formats.encoding
        self._decimal_mark = source.formats.decimal_mark
        self._keys: list[str] = []
        """As they are written, in the order of the columns."""

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
            buffer, at, line, ended = "", 0, 1, False
            step = BLOCK_BYTES

            def fill() -> bool:
                nonlocal buffer, at, line, ended
                line += buffer.count("\n", 0, at)
                more = stream.read(step)
                buffer, at, ended = buffer[at:] + more, 0, not more
                return not ended

            fill()
            at = _skip(buffer, at)
            if buffer[at : at + 1] != "[":
                raise _broken(
                    file, line, "is not one JSON array", 'say format = "ndjson" if there is an object per line'
                )
            at += 1
            while True:
                at = _skip(buffer, at)
                while at == len(buffer) and fill():
                    at = _skip(buffer, at)
                if buffer[at : at + 1] == "]":
                    return
                if buffer[at : at + 1] == ",":
                    at += 1
                    continue
                try:
                    _, end = _scan(buffer, at)
                except (ValueError, RecursionError):
                    if ended:
                        where = line + buffer.count("\n", 0, at)
                        raise _broken(file, where, "is damaged or cut off", "export it again") from None
                    step *= 2  # so that a long element is not scanned too often
                    fill()
                    continue
                if end == len(buffer) and not ended:  # a number may go on
                    fill()
                    continue
                yield line + buffer.count("\n", 0, at), buffer[at:end]
                at = end


def _skip(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


def _broken(file: SourceFile, line: int, what: str, hint: str) -> InputError:
    return InputError(what, operation=OPERATION, place=f"{file.name}:{line}", hint=hint)
