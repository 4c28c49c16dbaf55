"""Recognise from the first bytes of a file what it is: a plain export, a compressed one, or something else.

The content decides, not the name. gzip and zstandard are unpacked, whatever the file is called. Everything else that
another program may have left in an export's place is refused before a run, with its true name and a way out.

The checks are conservative, because a bad line among good ones is a dead letter and no reason to refuse a file. So
binary formats are recognised by their signatures; forms of text (one array over the whole file, objects over several
lines, CSV) only if the head of the file holds no record, or if its structure leaves no doubt.
"""

import csv
import enum
import json
import re
import shlex
from itertools import islice

import msgspec
from msgspec import Struct

_BOM = b"\xef\xbb\xbf"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
_TAR_BLOCK = 512
_ZIP_HEADER = 30
"""Bytes before the name of the first file (PKWARE's APPNOTE, 4.3.7)."""
_OFFICE_FILES = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/")
"""What a workbook or a document in Office Open XML begins with (ECMA-376, part 2)."""
_ROWS = 20
_SAMPLE = 64
_BEGINNING = 512
_RECORDS = frozenset({b"{", b"\x1e", b""})
"""The first bytes of an export; the second is the record separator of JSON text sequences (RFC 7464)."""


class Compression(enum.StrEnum):
    """How an export's text is stored."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZSTANDARD = "zstd"


class Foreign(Struct, frozen=True):
    """A file that is not an export, and how to make one of it."""

    what: str
    """What it is, for a sentence: `a zip archive`."""
    filter: str = ""
    """A command that turns it into an export, from standard input to standard output."""
    command: str = ""
    """A command that writes an export to standard output; `{file}` is the file's name."""
    hint: str = ""
    """What to do if there is no such command."""


def compression_of(head: bytes, name: str) -> Compression:
    """Return how a file is compressed whose first stored bytes are `head`.

    Signatures: RFC 1952 2.3.1 (gzip), RFC 8878 3.1.1 and 3.1.2 (zstandard, and its skippable frames). The name counts
    only if the content says nothing: an empty file called `.gz` was cut off, and one whose bytes are neither text nor a
    known format is damaged.
    """
    if head[:2] == b"\x1f\x8b":
        return Compression.GZIP
    if head[:4] == _ZSTANDARD or (head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F):  # noqa: PLR2004 - the RFC's
        return Compression.ZSTANDARD
    named = name.lower()
    if named.endswith(".gz"):
        compression, signature = Compression.GZIP, b"\x1f\x8b"
    elif named.endswith((".zst", ".zstd")):
        compression, signature = Compression.ZSTANDARD, _ZSTANDARD
    else:
        return Compression.PLAIN
    something = _is_printable(head[:_SAMPLE]) or _binary(head, ended=False) or _wide(head)
    return Compression.PLAIN if something and not signature.startswith(head) else compression


_EXPORT_AGAIN = "export again, as one JSON object per line"
_PREPARE = "write exports from it with masivo-stream prepare: docs/preparing.md shows how"
_CONVERT = (
    "convert its rows to CSV or Parquet, then write exports with masivo-stream prepare: docs/preparing.md shows how"
)
_RESTORE = "restore it, then write exports from its tables with masivo-stream prepare: docs/preparing.md shows how"
_SHEETS = "save its tables as CSV, then write exports with masivo-stream prepare: docs/preparing.md shows how"
_OFFICE = Foreign("a Microsoft Office document", hint=_SHEETS)
_MONGO = "write the collection with mongoexport: one JSON object per line"

# Signatures from the formats' own specifications, as collected in the magic files of file(1).
_SIGNATURES: tuple[tuple[bytes, Foreign], ...] = (
    (b"\xfd7zXZ\x00", Foreign("compressed with xz", filter="xz -dc")),
    (b"\x5d\x00\x00", Foreign("compressed with lzma", filter="xz -dc --format=lzma")),
    (b"LZIP", Foreign("compressed with lzip", filter="lzip -dc")),
    (b"\x1f\x9d", Foreign("compressed with compress (.Z)", filter="gzip -dc")),
    (b"\x04\x22\x4d\x18", Foreign("compressed with lz4", filter="lz4 -dc")),
    (b"\xff\x06\x00\x00sNaPpY", Foreign("compressed with snappy", filter="snzip -dc")),
    (b"PK\x05\x06", Foreign("an empty zip archive", hint=_EXPORT_AGAIN)),
    (
        b"PK\x07\x08",
        Foreign("a zip archive in several parts", hint="join its parts and unpack them, then name the files"),
    ),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", command="7z x -so {file}")),
    (b"Rar!\x1a\x07", Foreign("a rar archive", command="unrar p -inul {file}")),
    (b"!<arch>\n", Foreign("an ar archive", hint="unpack it, then name the files in it")),
    (b"070701", Foreign("a cpio archive", filter="cpio -i --to-stdout --quiet")),
    (b"SQLite format 3\x00", Foreign("an SQLite database", hint=_PREPARE)),
    (b"PGDMP", Foreign("a PostgreSQL dump", hint=_RESTORE)),
    (b"Obj\x01", Foreign("an Avro file", hint=_CONVERT)),
    (b"ARROW1\x00\x00", Foreign("an Arrow file", hint=_CONVERT)),
    (b"FEA1", Foreign("a Feather file", hint=_CONVERT)),
    (b"\x6d\xe2\x99\x81", Foreign("an archive of mongodump", hint=_MONGO)),
    (b"TAPE\0\0", Foreign("a backup of SQL Server", hint=_RESTORE)),
    (b"REDIS0", Foreign("a dump of Redis", hint=_EXPORT_AGAIN)),
    (b"\x89LZO\0\r\n\x1a\n", Foreign("compressed with lzop", filter="lzop -dc")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (b"%PDF-", Foreign("a PDF document", hint=_EXPORT_AGAIN)),
    (b"{\\rtf", Foreign("an RTF document", hint="save it as plain text, one JSON object per line")),
    (b"-----BEGIN PGP MESSAGE", Foreign("encrypted with PGP", filter="gpg -d")),
    (b"\x8c\x0d\x04", Foreign("encrypted with PGP", filter="gpg -d")),  # RFC 4880 5.3, a session key by passphrase
    (b"\x7fELF", Foreign("a program", hint=_EXPORT_AGAIN)),
    (b"age-encryption.org/", Foreign("encrypted with age", hint="decrypt it, then name the decrypted file")),
    (b"Salted__", Foreign("encrypted with openssl", hint="decrypt it, then name the decrypted file")),
    (
        b"version https://git-lfs.github.com/spec/",
        Foreign("a Git LFS pointer, not the file itself", hint="run git lfs pull to get the file itself"),
    ),
)
_TWICE = {Compression.GZIP: "gzip -dc", Compression.ZSTANDARD: "zstd -dc"}


def foreign(head: bytes, *, ended: bool, compression: Compression = Compression.PLAIN) -> Foreign | None:
    """Return what a file is if it is not an export; None if it may be one.

    Args:
        head: the first bytes of its text, already unpacked: as many as there are, up to a megabyte.
        ended: no bytes follow them.
        compression: how the file is compressed.
    """
    found = _twice(head) if compression is not Compression.PLAIN else None
    return found or _binary(head, ended=ended) or _wide(head) or _text(head, ended=ended) or _no_text(head)


def begins_with_record(head: bytes) -> bool:
    """Return whether the first line that is not blank is a JSON object: then the file is an export for certain."""
    line, newline, rest = head.removeprefix(_BOM).lstrip().partition(b"\n")
    return bool(newline) and _is_object(line) and (bool(rest.strip()) or _lone(line) is None)


def way_out(found: Foreign, path: str, compression: Compression) -> str:
    """Return what a person can do: a command for a POSIX shell if there is one, otherwise a hint."""
    path = f"./{path}" if path.startswith("-") else path  # otherwise the command takes it for a flag
    file, new = shlex.quote(path), shlex.quote(f"{path}.ndjson")
    unpack = f"{_TWICE[compression]} < {file}" if compression is not Compression.PLAIN else ""
    if found.filter:
        command = f"{unpack} | {found.filter} > {new}" if unpack else f"{found.filter} < {file} > {new}"
    elif found.command:
        command = f"{unpack} > {new}" if unpack else f"{found.command.format(file=file)} > {new}"
    else:
        return found.hint
    return f"{command}; then name {new} instead"


# Bytes that are not text.


def _twice(head: bytes) -> Foreign | None:
    inner = compression_of(head, "")
    return None if inner is Compression.PLAIN else Foreign("compressed twice", filter=_TWICE[inner])


def _binary(head: bytes, *, ended: bool) -> Foreign | None:
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            return found
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    if head[:3] == b"BZh" and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}:
        return Foreign("compressed with bzip2", filter="bzip2 -dc")
    if head[:4] in {b"PAR1", b"PARE"} and not _is_printable(head[4:_SAMPLE]):
        return Foreign("a Parquet file", hint=_PREPARE)
    if head[:3] == b"ORC" and not _is_printable(head[3:_SAMPLE]):
        return Foreign("an ORC file", hint=_CONVERT)
    if (database := _structured(head)) is not None:
        return database
    if _is_tar(head):
        return Foreign("a tar archive", filter="tar -xOf -")
    if head and not head.strip(b"\0") and (ended or len(head) > _TAR_BLOCK):
        return Foreign("nothing but zero bytes, as after a crash", hint="copy the file or export again")
    return None


def _structured(head: bytes) -> Foreign | None:
    """Return what begins with a length or with zeros, and is recognised by what follows them."""
    if _is_bson(head):
        return Foreign("a BSON file of mongodump", hint=_MONGO)
    if head[8:12] == b"DUCK":
        return Foreign("a DuckDB database", hint=_CONVERT)
    if head[:4] == b"\xff\xff\xff\xff" and 0 < int.from_bytes(head[4:8], "little") < len(head):
        return Foreign("an Arrow stream", hint=_CONVERT)
    return None


def _zip(head: bytes) -> Foreign:
    """Return what a zip archive is, by its first file: documents of spreadsheet programs are archives, too."""
    first = head[_ZIP_HEADER:]
    if first.startswith(_OFFICE_FILES):
        return _OFFICE
    if first.startswith(b"mimetypeapplication/vnd.oasis.opendocument"):
        return Foreign("an OpenDocument file", hint=_SHEETS)
    return Foreign("a zip archive", command="unzip -p {file}")


_SMALLEST_BSON, _LARGEST_BSON = 5, 16 << 20
_BSON_TYPES = frozenset({*range(0x01, 0x14), 0x7F, 0xFF})


def _is_bson(head: bytes) -> bool:
    """Return whether a file begins with a BSON document (bsonspec.org): its length, a type, a name, a zero at its end.

    A text is never taken for one: its first four bytes would be a length beyond what MongoDB allows.
    """
    size = int.from_bytes(head[:4], "little")
    name, zero, _ = head[5:200].partition(b"\0")
    begins = _SMALLEST_BSON < size <= _LARGEST_BSON and bool(zero) and head[4] in _BSON_TYPES and _is_printable(name)
    return begins and (size > len(head) or head[size - 1] == 0)


def _no_text(head: bytes) -> Foreign | None:
    """Return that the file is binary if nothing more can be said: control characters, and no record anywhere."""
    some = head[:_BEGINNING]
    if _is_printable(some) or some.lstrip()[:1] in _RECORDS or any(map(_is_object, head.split(b"\n"))):
        return None
    return Foreign("not text, but binary data in an unknown format", hint=_EXPORT_AGAIN)


def _is_printable(some: bytes) -> bool:
    return all(byte >= ord(" ") or byte in b"\t\r\n" for byte in some)


def _is_tar(head: bytes) -> bool:
    """Return whether the checksum of a tar header is right (POSIX pax, "ustar Interchange Format").

    The oldest tar files have no signature, but this checksum.
    """
    header = head[:_TAR_BLOCK]
    if len(header) < _TAR_BLOCK or not header.strip(b"\0"):
        return False
    digits = header[148:156].strip(b" \0")
    if not digits or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(header) - sum(header[148:156]) + 8 * ord(" ")


def _wide(head: bytes) -> Foreign | None:
    """Return the encoding if characters have two or four bytes each, with or without a byte order mark; or EBCDIC."""
    for mark, name in (
        (b"\xff\xfe\x00\x00", "UTF-32"),
        (b"\x00\x00\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ):
        if head.startswith(mark):
            return _converted(name, name)
    # ASCII in a wide encoding leaves all bytes of a character zero but one. So without a mark: in each column of bytes
    # but the characters' own, three quarters are zero, and no byte is zero in their own column.
    some = head[: len(head[:_SAMPLE]) // 4 * 4]
    for width, name in ((4, "UTF-32"), (2, "UTF-16")):
        units = len(some) // width
        columns = [some[place::width].count(0) for place in range(width)]
        for zeros, order in ((columns[1:], "LE"), (columns[:-1], "BE")):
            own = columns[0] if order == "LE" else columns[-1]
            if units and own == 0 and all(4 * column >= 3 * units for column in zeros):
                return _converted(name, f"{name}{order}")
    if head[:2] == b"\xc0\x7f":  # `{"`
        return _converted("EBCDIC", "CP037")
    return None


def _converted(name: str, encoding: str) -> Foreign:
    return Foreign(f"encoded in {name}, not in UTF-8", filter=f"iconv -f {encoding} -t UTF-8")


# Text that is not lines of records.


def _text(head: bytes, *, ended: bool) -> Foreign | None:
    text = head.removeprefix(_BOM)
    whole = text if ended else text[: text.rfind(b"\n") + 1]
    lines = [line for line in whole.split(b"\n") if line.strip()]
    start = text.lstrip()
    records = any(map(_is_object, lines))
    found = _lone(lines[0]) if ended and len(lines) == 1 else None
    if start[:1] == b"[":
        found = _array(start, ended=ended, records=records)
    elif start[:1] == b"{" and found is None:
        found = _spread(start, ended=ended, records=records)
    if found is not None or records or not start:
        return found
    return (
        _markup(start)
        or _other_lines(start)
        or _framed(lines)
        or _rows(lines)
        or _uneven_rows(lines)
        or _told_rows(lines)
        or _other_notation(lines)
    )


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (ValueError, RecursionError):
        return False


_SQL = re.compile(
    rb"(?i)--[ \r\n]|/\*M?!|insert into |create (?:table|database|schema|or replace) |copy \S+ .*from stdin"
    rb"|drop (?:table|database) |set (?:names |[a-z_@.]+ ?=)|use `?\w+`?;|begin(?: transaction)?;|start transaction;"
    rb"|pragma \w+|lock tables |alter table "
)
_COLUMN = re.compile(r"[A-Za-z_][\w .()-]{0,63}")
_ARRAY = Foreign("one JSON array", filter="jq -c '.[]'")
_SPREAD = Foreign("JSON objects spread over several lines", filter="jq -c .")
_next_value = json.JSONDecoder(strict=False).raw_decode
_gap = re.compile(r"[ \t\r\n]*")


def _skip(text: str, at: int) -> int:
    found = _gap.match(text, at)
    return found.end() if found else at


def _array(start: bytes, *, ended: bool, records: bool) -> Foreign | None:
    """Return that the file is one array, unless only a single line of it is an array, or looks like one."""
    text = start.decode("utf-8", "replace")
    at, elements = _skip(text, 1), 0
    while text[at : at + 1] not in {"]", ""}:
        try:
            _, at = _next_value(text, at)
        except RecursionError:
            return None
        except ValueError:  # cut off by the end of the head, or not an array
            return _ARRAY if not ended and not records and text[_skip(text, 1) :][:1] in {"{", "["} else None
        elements += 1
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if at == len(text):
                break
        elif text[at : at + 1] not in {"]", ""}:
            return None
    if at == len(text):  # its end is beyond the head, or missing
        return _ARRAY if elements and not (records and elements == 1) else None
    over_lines = "\n" in text[:at]
    return _ARRAY if over_lines or (ended and _skip(text, at + 1) == len(text)) else None


def _spread(start: bytes, *, ended: bool, records: bool) -> Foreign | None:
    """Return that objects are spread over several lines, if most of them are."""
    first, newline, _ = start.partition(b"\n")
    if not newline or _is_object(first):
        return None
    text = start.decode("utf-8", "replace")
    at = over_lines = on_one = 0
    while at < len(text):
        try:
            _, end = _next_value(text, at)
        except (ValueError, RecursionError):
            break
        if "\n" in text[at:end]:
            over_lines += 1
        else:
            on_one += 1
        at = _skip(text, end)
    if over_lines > on_one:
        return (_wrapped(text) if over_lines == 1 and not on_one else None) or _SPREAD
    beyond = not ended and not records and at == 0  # the first object is longer than the head
    return _SPREAD if beyond and first.rstrip().endswith((b"{", b",", b"[")) else None


def _lone(line: bytes) -> Foreign | None:
    """Return that the only line of a file holds all records, if its values show it: each of them has an id."""
    if line[:1] != b"{" or b'"id"' not in line:
        return None
    try:
        fields = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return None
    lists = [value[0] for value in fields.values() if isinstance(value, list) and value]
    by_id = all(isinstance(first, dict) and "id" in first for first in lists)
    return _wrapped(line.decode("utf-8", "replace")) if by_id and "id" not in fields else None


def _wrapped(text: str) -> Foreign | None:
    """Return that the file is one object that holds all records, in a list or by name, if it is."""
    try:
        fields = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    if len(fields) > 1 and all(isinstance(value, dict) and "id" in value for value in fields.values()):
        return Foreign("one JSON object that holds the records by name", filter="jq -c '.[]'")
    lists = [name for name, value in fields.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(lists) != 1 or "id" in fields:  # with an id it is a record of events or transactions
        return None
    return Foreign(
        "one JSON object that holds the records in a list",
        filter=f"jq -c {shlex.quote(f'.[{json.dumps(lists[0])}][]')}",
    )


def _markup(start: bytes) -> Foreign | None:
    low = start[:1024].lower()
    if not low.startswith(b"<"):
        return None
    if low.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in low:
        hint = "a login or error page was saved instead of the export: fetch or create the export again"
        return Foreign("an HTML page", hint=hint)
    return Foreign("an XML document", hint=_EXPORT_AGAIN) if re.match(rb"<[?!a-z]", low) else None


def _other_lines(start: bytes) -> Foreign | None:
    """Return what ends the lines if that is not a newline; or that they belong to an SQL dump."""
    if start[:1] == b"\x1e" and _is_object(start[1:].partition(b"\n")[0]):
        return Foreign("a JSON text sequence (RFC 7464)", filter=r"tr -d '\036'")
    for end, name, escape in ((b"\r", "a carriage return", r"\r"), (b"\0", "a zero byte", r"\000")):
        first, found, rest = start.rstrip(b"\n").partition(end)
        if (
            found
            and b"\n" not in first
            and _is_object(first)
            and (not rest.strip(b"\r\0") or rest.lstrip()[:1] == b"{")
        ):
            return Foreign(f"lines that end with {name} alone", filter=rf"tr '{escape}' '\n'")
    if _SQL.match(start):
        return Foreign("an SQL dump", hint=_RESTORE)
    return None


def _other_notation(lines: list[bytes]) -> Foreign | None:
    """Return how objects are written that look like JSON to a person only."""
    some = lines[:_ROWS]
    if some and all(line.lstrip().startswith(b"{'") for line in some):
        program = "import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]"
        return Foreign("Python dictionaries, not JSON objects", filter=f"python3 -c {shlex.quote(program)}")
    if len(some) > 1 and all(re.match(rb"\{.*\},\s*$", line) and _is_object(line.rstrip()[:-1]) for line in some[:-1]):
        return Foreign("JSON objects with a comma after each", filter=r"sed 's/,[[:space:]]*$//'")
    if some and re.match(rb"---\s*$|- \w+:( |$)", some[0]):
        return Foreign("a YAML document", hint=_EXPORT_AGAIN)
    return None


def _framed(lines: list[bytes]) -> Foreign | None:
    """Return what wraps each record: a JSON string, or a field of server-sent events (HTML standard 9.2)."""
    some = lines[:_ROWS]
    if some and all(line.lstrip()[:1] == b'"' and _is_object(_text_of(line)) for line in some):
        return Foreign("JSON objects written as JSON strings", filter="jq -c fromjson")
    if any(_is_object(line[5:]) for line in some if line.startswith(b"data:")) and all(map(_is_event_field, some)):
        return Foreign("a stream of server-sent events", filter="sed -n 's/^data: *//p'")
    return None


def _text_of(line: bytes) -> bytes:
    try:
        text = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return b""
    return text.encode() if isinstance(text, str) else b""


def _is_event_field(line: bytes) -> bool:
    return line.partition(b":")[0] in {b"", b"data", b"event", b"id", b"retry"}


def _rows(lines: list[bytes]) -> Foreign | None:
    """Return that the file is a table if its first lines have the same number of fields, at least two."""
    some = [line.decode("utf-8", "replace") for line in islice(lines, _ROWS)]
    if len(some) < 2 or any(line.lstrip()[:1] in {"{", "["} for line in some):  # noqa: PLR2004 - a header and a row
        return None
    for delimiter, name in ((",", "CSV"), (";", "CSV"), ("\t", "TSV"), ("|", "CSV")):
        try:
            widths = {len(row) for row in csv.reader(some, delimiter=delimiter)}
        except csv.Error:
            continue
        if len(widths) == 1 and widths != {1}:
            return Foreign(f"a {name} table", hint=_PREPARE)
    return None


def _uneven_rows(lines: list[bytes]) -> Foreign | None:
    """Return that the file is a table if its first line names columns, and at least half of the rows have as many."""
    some = [line.decode("utf-8", "replace") for line in islice(lines, _ROWS)]
    for delimiter, name in ((",", "CSV"), (";", "CSV"), ("\t", "TSV"), ("|", "CSV")):
        columns = [column.strip('"').strip() for column in some[0].split(delimiter)] if some else []
        if len(columns) < 2 or not all(map(_COLUMN.fullmatch, columns)):  # noqa: PLR2004 - one column is no table
            continue
        rows = list(csv.reader(some[1:], delimiter=delimiter))
        if 2 * sum(len(row) == len(columns) for row in rows) >= len(rows) > 0:
            return Foreign(f"a {name} table", hint=_PREPARE)
    return None


def _told_rows(lines: list[bytes]) -> Foreign | None:
    """Return that the file is a table whose first lines are comments, or name the separator as Excel does."""
    if lines and re.fullmatch(rb"(?i)sep=[,;|\t]\s*", lines[0]):
        return Foreign("a CSV table", hint=_PREPARE)
    rest = [line for line in lines[: 2 * _ROWS] if not line.lstrip().startswith(b"#")]
    return _rows(rest) or _uneven_rows(rest) if len(rest) < len(lines[: 2 * _ROWS]) else None
