"""A file that is not an export is recognised by its content; a bad line among good ones is left to validation."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import sqlite3
import subprocess
import tarfile
import zipfile
import zlib
from contextlib import closing

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.formats import Compression, begins_with_record, compression_of, foreign, way_out

RECORDS = [{"id": f"c-{number}", "name": "Ána", "tags": {"a": [1, 2], "b": {}}} for number in range(40)]
LINES = b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in RECORDS)


def tar(content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo("export.ndjson")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def oldest_tar(content):
    """As before "ustar": no signature, only the checksum."""
    whole = bytearray(tar(content))
    whole[257:265] = bytes(8)
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole[:512])
    return bytes(whole)


def zipped(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.ndjson", content)
    return buffer.getvalue()


def zipped_as(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def bson(fields):
    body = b"".join(
        b"\x02%b\0%b%b\0" % (name.encode(), (len(text) + 1).to_bytes(4, "little"), text.encode())
        for name, text in fields.items()
    )
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def sqlite(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("CREATE TABLE customers (id TEXT)")
    return (tmp_path / "x.db").read_bytes()


TEXT = LINES.decode()
ARRAY = json.dumps(RECORDS).encode()
FOREIGN = {
    "bzip2": (bz2.compress(LINES), "compressed with bzip2"),
    "JSON strings": (
        b"".join(json.dumps(json.dumps(record)).encode() + b"\n" for record in RECORDS),
        "JSON objects written as JSON strings",
    ),
    "server-sent events": (
        b"".join(b"event: record\ndata: " + line + b"\n\n" for line in LINES.splitlines()),
        "a stream of server-sent events",
    ),
    "bzip2 of nothing": (bz2.compress(b""), "compressed with bzip2"),
    "xz": (lzma.compress(LINES), "compressed with xz"),
    "lzma": (lzma.compress(LINES, format=lzma.FORMAT_ALONE), "compressed with lzma"),
    "zip": (zipped(LINES), "a zip archive"),
    "an empty zip": (b"PK\x05\x06" + bytes(18), "an empty zip archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24), "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(24), "a rar archive"),
    "tar": (tar(LINES), "a tar archive"),
    "the oldest tar": (oldest_tar(LINES), "a tar archive"),
    "Parquet": (b"PAR1\x15\x04\x15\x10" + bytes(100) + b"PAR1", "a Parquet file"),
    "ORC": (b"ORC\x0a\x03\x00\x00\x00" + bytes(100), "an ORC file"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
    "a PostgreSQL dump": (b"PGDMP\x01\x0e\x00", "a PostgreSQL dump"),
    "UTF-16 with a mark": (TEXT.encode("utf-16"), "encoded in UTF-16, not in UTF-8"),
    "UTF-16 the other way round": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "encoded in UTF-16, not in UTF-8"),
    "UTF-16 without": (TEXT.encode("utf-16-le"), "encoded in UTF-16, not in UTF-8"),
    "UTF-16 big-endian": (TEXT.encode("utf-16-be"), "encoded in UTF-16, not in UTF-8"),
    "UTF-32 with a mark": (TEXT.encode("utf-32"), "encoded in UTF-32, not in UTF-8"),
    "UTF-32 without": (TEXT.encode("utf-32-le"), "encoded in UTF-32, not in UTF-8"),
    "UTF-32 big-endian": (TEXT.encode("utf-32-be"), "encoded in UTF-32, not in UTF-8"),
    "EBCDIC": (json.dumps(RECORDS[0], ensure_ascii=True).encode("cp037"), "encoded in EBCDIC, not in UTF-8"),
    "a page": (b"\n <!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "an HTML page"),
    "an error of a bucket": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "an XML document"),
    "CSV": (b"id,name,email\n1,Ana,a@x.com\n2,Bea,b@x.com\n", "a CSV table"),
    "CSV with quotes": (b'id;name\n1;"Ana; Bea"\n2;"C"\n', "a CSV table"),
    "TSV": (b"id\tname\n1\tAna\n", "a TSV table"),
    "an array on one line": (ARRAY, "one JSON array"),
    "an array on one line, newline": (ARRAY + b"\n", "one JSON array"),
    "an array of one": (b'[{"id":"a"}]\n', "one JSON array"),
    "no records": (b"[]\n", "one JSON array"),
    "an array over lines": (json.dumps(RECORDS, indent=2).encode(), "one JSON array"),
    "an array, one element a line": (
        b"[\n" + b",\n".join(json.dumps(record).encode() for record in RECORDS) + b"\n]\n",
        "one JSON array",
    ),
    "an array that was cut": (
        b"[\n" + b",\n".join(json.dumps(record).encode() for record in RECORDS),
        "one JSON array",
    ),
    "a mark and an array": (b"\xef\xbb\xbf" + ARRAY, "one JSON array"),
    "pretty": (
        b"\n".join(json.dumps(record, indent=2).encode() for record in RECORDS),
        "JSON objects spread over several lines",
    ),
    "pretty, one": (json.dumps(RECORDS[0], indent=1).encode(), "JSON objects spread over several lines"),
    "a JSON text sequence": (
        b"\x1e" + b"\x1e".join(LINES.splitlines(keepends=True)),
        "a JSON text sequence (RFC 7464)",
    ),
    "old Macintosh": (LINES.replace(b"\n", b"\r"), "lines that end with a carriage return alone"),
    "zero bytes between": (LINES.replace(b"\n", b"\0"), "lines that end with a zero byte alone"),
    "zero bytes": (bytes(4096), "nothing but zero bytes, as after a crash"),
    "SQL": (b"-- PostgreSQL database dump\n\nSET x = 1;\n", "an SQL dump"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
        "a Git LFS pointer, not the file itself",
    ),
    "PGP": (b"-----BEGIN PGP MESSAGE-----\n\nhQ\n", "encrypted with PGP"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\n", "a PDF document"),
    "a list in an object": (
        json.dumps({"total": 40, "it's": RECORDS}, indent=1, ensure_ascii=False).encode(),
        "one JSON object that holds the records in a list",
    ),
    "SQL of mysqldump": (b"-- MySQL dump 10.13  Distrib 8.0.32\n--\nINSERT INTO `c` VALUES (1,'a');\n", "an SQL dump"),
    "SQL of MariaDB": (b"/*M!999999\\- enable the sandbox mode */ \nINSERT INTO c VALUES (1);\n", "an SQL dump"),
    "SQL of SQLite": (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE c (id TEXT, x);\n", "an SQL dump"),
    "SQL that drops": (b"DROP TABLE IF EXISTS c;\nCREATE TABLE c (id int, x int);\n", "an SQL dump"),
    "SQL that sets": (b"SET NAMES utf8;\nCREATE TABLE c (id int, x int);\n", "an SQL dump"),
    "SQL that uses": (b"USE shop;\nINSERT INTO c VALUES (1, 2);\n", "an SQL dump"),
    "an OpenDocument spreadsheet": (
        zipped_as(mimetype="application/vnd.oasis.opendocument.spreadsheet"),
        "an OpenDocument file",
    ),
    "BSON": (bson({"id": "c1", "name": "Ana"}) * 3, "a BSON file of mongodump"),
    "an archive of MongoDB": (b"\x6d\xe2\x99\x81" + bytes(40), "an archive of mongodump"),
    "DuckDB": (bytes(8) + b"DUCK" + bytes(100), "a DuckDB database"),
    "an Arrow stream": (b"\xff\xff\xff\xff\x10\0\0\0" + bytes(100), "an Arrow stream"),
    "Feather": (b"FEA1" + bytes(100), "a Feather file"),
    "SQL Server": (b"TAPE\0\0\x03\0" + bytes(100), "a backup of SQL Server"),
    "Redis": (b"REDIS0009\xfa" + bytes(100), "a dump of Redis"),
    "lzop": (b"\x89LZO\0\r\n\x1a\n" + bytes(50), "compressed with lzop"),
    "CSV with uneven rows": (b"id,name\nc1,Ana\nc2,Bea,extra\nc3\nc4,x\n", "a CSV table"),
    "CSV that names its separator": (b"sep=;\nid;name\nc1;Ana\n", "a CSV table"),
    "CSV with a comment": (b"# exported today\nid,name\nc1,Ana\n", "a CSV table"),
    "Python": (
        b"{'id': 'c1', 'name': \"it's\"}\n{'id': 'c2'}\n",
        "Python dictionaries, not JSON objects",
    ),
    "commas between": (LINES.replace(b"}\n", b"},\n"), "JSON objects with a comma after each"),
    "YAML": (b"- id: c1\n  name: Ana\n- id: c2\n", "a YAML document"),
    "a list in an object on one line": (
        json.dumps({"customers": RECORDS}).encode() + b"\n",
        "one JSON object that holds the records in a list",
    ),
    "objects by name": (
        json.dumps({record["id"]: record for record in RECORDS}).encode(),
        "one JSON object that holds the records by name",
    ),
    "PGP, binary": (b"\x8c\x0d\x04\x09\x03\x02" + random.Random(1).randbytes(300), "encrypted with PGP"),
    "zlib": (zlib.compress(LINES), "not text, but binary data in an unknown format"),
    "pickle": (pickle.dumps(RECORDS), "not text, but binary data in an unknown format"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(57), "a program"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_format_is_named(name):
    """Whatever another program has left there, and whatever it is called."""
    content, what = FOREIGN[name]
    assert not begins_with_record(content)
    found = foreign(content, ended=True)
    assert found is not None
    assert found.what == what
    assert way_out(found, "x.ndjson", Compression.PLAIN)


def test_a_database_is_named(tmp_path):
    """SQLite's."""
    assert foreign(sqlite(tmp_path), ended=True).what == "an SQLite database"


@pytest.mark.parametrize("first", ["[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "xl/workbook.xml"])
def test_a_workbook_is_not_a_zip_archive_of_exports(first):
    """Whichever of its files comes first. An archive of exports is still one."""
    for name, what in ((first, "a Microsoft Office document"), ("customers.ndjson", "a zip archive")):
        with io.BytesIO() as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(name, "{}")
            assert foreign(file.getvalue(), ended=True).what == what


@pytest.mark.parametrize(
    "name", ["an array over lines", "pretty", "an array on one line", "CSV", "tar", "UTF-16 without"]
)
@pytest.mark.parametrize("most", [600, 2000])
def test_the_beginning_of_a_file_is_enough(name, most):
    """The head of a large file ends anywhere."""
    content, what = FOREIGN[name]
    assert foreign((content * 50)[:most], ended=False).what == what


GOOD = b'{"id":"a"}\n{"id":"b"}\n'
EXPORTS = {
    "nothing": b"",
    "blank lines": b"\n \n\r\n",
    "records": LINES,
    "one, without a newline": b'{"id":"a"}',
    "half of one": b'{"id":"a","na',
    "a mark": b"\xef\xbb\xbf" + LINES,
    "a bad line, then good ones": b"garbage, and more\n" + GOOD,
    "an array, then good ones": b'[{"id":"x"}]\n' + GOOD,
    "an array that is not closed, then good ones": b'[{"id":"x"},\n' + GOOD,
    "a bracket, then good ones": b"[\n" + GOOD,
    "an array a line": b'["a",1]\n["b",2]\n',
    "a brace, then good ones": b"{\n" + GOOD,
    "a record in two lines, then good ones": b'{"id":"x",\n"name":"y"}\n' + GOOD,
    "a name without a value, then good ones": b'{"id":"x","tags":\n' + GOOD,
    "a table's head, then good ones": b"id,name\n" + GOOD,
    "a tag, then good ones": b"<html>\n" + GOOD,
    "only a bad line": b"garbage\n",
    "bad lines": b"x\ny\nz\n",
    "numbers": b"1\n2\n",
    "a comment, then good ones": b"-- exported today\n" + GOOD,
    "bytes that are no UTF-8": b'{"id":"\xff"}\n{"id":"\xfe"}\n',
    "a zero byte, then good ones": b"\0\n" + GOOD,
    "two objects on a line": b'{"id":"a"}{"id":"b"}\n',
    "Windows": LINES.replace(b"\n", b"\r\n"),
    "letters that look like a signature": b"PAR1 is a word\nORC is one, too\n",
    "a record without an id, with a list": b'{"name":"Ana","balance":[{"amount":1}]}\n',
    "records of one line each, with lists": b'{"events":[{"type":"PURCHASE"}]}\n',
    "a brace in quotes": b"{'a, b\n" + GOOD,
    "a line that looks like SQL, then good ones": b"SET names\n" + GOOD,
    "an error of an API": b'{"error":"unauthorized"}\n',
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_with_bad_lines_is_an_export(name):
    """Validation reports what is wrong with single lines, for each of them."""
    assert foreign(EXPORTS[name], ended=True) is None


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_it_fail(content, ended):
    """Nothing raises; after a first line that is a record nothing is foreign."""
    foreign(content, ended=ended)
    compression_of(content, "x.gz")
    assert begins_with_record(b'{"id":"a"}\n' + content)


@pytest.mark.parametrize(
    ("content", "name", "compression"),
    [
        (gzip.compress(LINES), "x.ndjson", Compression.GZIP),
        (zstandard.compress(LINES), "x.gz", Compression.ZSTANDARD),
        (b"\x50\x2a\x4d\x18\x00\x00\x00\x00", "x", Compression.ZSTANDARD),
        (LINES, "x.gz", Compression.PLAIN),
        (LINES, "x.zst", Compression.PLAIN),
        (b"", "x.ndjson", Compression.PLAIN),
        (b"", "X.GZ", Compression.GZIP),
        (b"", "x.zstd", Compression.ZSTANDARD),
        (b"\x1f", "x.gz", Compression.GZIP),
        (b"\x28\xb5", "x.zst", Compression.ZSTANDARD),
        (b"{", "x.gz", Compression.PLAIN),
    ],
)
def test_the_content_shows_how_a_file_is_compressed(content, name, compression):
    """Its name counts only if there is too little content."""
    assert compression_of(content, name) is compression


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_file_that_is_compressed_twice_is_reported(pack):
    """The inner one may be of the other kind."""
    found = foreign(pack(LINES), ended=True, compression=Compression.GZIP)
    assert found.what == "compressed twice"


WALKED = ["bzip2", "xz", "lzma", "zip", "tar", "UTF-16 with a mark", "UTF-16 without", "UTF-32 big-endian", "EBCDIC",
          "an array over lines", "an array on one line", "pretty", "a JSON text sequence", "old Macintosh",
          "zero bytes between", "a list in an object", "JSON strings", "server-sent events", "commas between",
          "a list in an object on one line", "objects by name"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("compression", [Compression.PLAIN, Compression.GZIP])
@pytest.mark.parametrize("name", WALKED)
def test_the_suggested_command_makes_an_export_of_it(tmp_path, name, compression):
    """The command, run in a shell as it is shown: the records that come out are those that went in."""
    content, _ = FOREIGN[name]
    path = tmp_path / "it's an export.x"
    path.write_bytes(gzip.compress(content) if compression is Compression.GZIP else content)
    hint = way_out(foreign(content, ended=True, compression=compression), str(path), compression)
    command, _, rest = hint.partition("; then name ")
    assert rest.endswith(" instead")
    subprocess.run(["/bin/sh", "-c", command], check=True, timeout=30)
    made = path.with_name(path.name + ".ndjson").read_bytes()
    if name == "zip" and compression is Compression.GZIP:  # unpacked, it is refused for what it is
        assert made == content
        return
    assert foreign(made, ended=True) is None
    records = [json.loads(line) for line in made.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert records == (RECORDS[:1] if name == "EBCDIC" else RECORDS)
