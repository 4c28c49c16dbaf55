r"""What tools of databases print: `psql \copy … TO STDOUT`, `mysql --batch`, and files of `SELECT … INTO OUTFILE`.

The output of psql was printed by PostgreSQL 15. MySQL's is written by the rules of its manual: `mysql --batch` prints
a new line, a tab, NUL and a backslash of a value as `\n`, `\t`, `\0` and `\\`, everything else as it is, and NULL as
`NULL`; `INTO OUTFILE` puts a backslash before delimiter, quote, line feed and itself, and prints `\N` for NULL.
"""

import fcntl
import gzip
import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.load import make_reader
from masivo_stream.prepare.engine.run import prepare
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import SourceFile

PSQL_TEXT = {"format": "tsv", "quote": "", "backslash_escapes": True, "null": "\\N"}
PSQL_CSV = {"format": "csv"}
MYSQL = {"format": "tsv", "quote": "", "backslash_escapes": True, "null": "NULL"}
OUTFILE = {"format": "csv", "backslash_escapes": True, "null": "\\N"}


def read(path, stored, **keys):
    """Return columns, rows, and what could not be read, of bytes or text."""
    path.write_bytes(stored if isinstance(stored, bytes) else stored.encode(keys.get("encoding", "utf-8")))
    written = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"path": str(path), **keys}.items())
    frame = f'[customers]\nselect = "SELECT 1"\n[sources]\nt = {{ {written} }}\n'
    asked, file, unreadable = parse_frame(frame, "m.toml").sources["t"], SourceFile(str(path), str(path)), []
    reader = make_reader(asked)
    columns = reader.columns(file)
    rows = reader.rows(file, columns, lambda *each: unreadable.append(each))
    return columns, [(line, list(values)) for line, values in rows], unreadable


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (r"tab\there", "tab\there"),
        (r"line\nfeed", "line\nfeed"),
        (r"cr\rhere", "cr\rhere"),
        (r"crlf\r\nhere", "crlf\r\nhere"),
        (r"back\\slash \\N \\. \\t", r"back\slash \N \. \t"),
        (r"\\N", r"\N"),
        (r"\N", None),
        ("", ""),
        ('"quoted"', '"quoted"'),
        (r"\b\f\v", "\b\f\v"),
        (r"\\.", r"\."),
        ("Ñandú 東京 🎉", "Ñandú 東京 🎉"),
        ("NULL", "NULL"),
        ('{"a": "b\\\\"c"}', '{"a": "b\\"c"}'),
        ("2024-01-30 15:50:19+00", "2024-01-30 15:50:19+00"),
    ],
)  # fmt: skip
def test_text_of_psql(tmp_path, printed, expected):
    r"""`\copy t TO STDOUT (FORMAT text, HEADER)`: no value is mistaken for NULL, for the end, or for another one."""
    found = read(tmp_path / "t", f"id\tvalue\tend\n1\t{printed}\tx\n2\ty\tz\n", **PSQL_TEXT)
    assert found == (["id", "value", "end"], [(2, ["1", expected, "x"]), (3, ["2", "y", "z"])], [])


def test_text_of_psql_with_another_delimiter(tmp_path):
    """A delimiter in a value has a backslash before it; NULL can be any text; without HEADER, the mapping names all."""
    printed = "1|tab\\there|2024-01-30 17:50:19.25\n9|a,b;c\\|d|nil\n13|nil\\\\|x\n"
    keys = {**PSQL_TEXT, "delimiter": "|", "null": "nil", "header": ["id", "a", "ts"]}
    columns, rows, unreadable = read(tmp_path / "t", printed, **keys)
    assert (columns, unreadable) == (["id", "a", "ts"], [])
    assert rows == [
        (1, ["1", "tab\there", "2024-01-30 17:50:19.25"]),
        (2, ["9", "a,b;c|d", None]),
        (3, ["13", "nil\\", "x"]),
    ]


def test_the_data_of_a_dump(tmp_path):
    r"""`\.` ends it, and is no row; a single column may be empty, or NULL."""
    assert read(tmp_path / "t", "a\n\\N\n\nx\n\\.\n", **PSQL_TEXT) == (
        ["a"],
        [(2, [None]), (3, [""]), (4, ["x"])],
        [],
    )
    assert read(tmp_path / "t", "1\tb\n2\tc\n\\.\n\n", header=["n", "v"], **PSQL_TEXT)[1:] == (
        [(1, ["1", "b"]), (2, ["2", "c"])],
        [],
    )


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("tab\there", "tab\there"),
        ('"line\nfeed"', "line\nfeed"),
        ('"cr\rhere"', "cr\rhere"),
        ('"crlf\r\nhere"', "crlf\r\nhere"),
        (r"back\slash \N \. \t", r"back\slash \N \. \t"),
        (r"\N", r"\N"),
        ("", ""),
        ('""', ""),
        ('"""quoted"""', '"quoted"'),
        ('"a,b;c|d"', "a,b;c|d"),
        (r"\.", r"\."),
        ("NULL", "NULL"),
        ('"{""a"": ""b\\""c""}"', '{"a": "b\\"c"}'),
    ],
)  # fmt: skip
def test_csv_of_psql(tmp_path, printed, expected):
    r"""`\copy t TO STDOUT (FORMAT csv, HEADER)`: a backslash is one; NULL and the empty text are both empty."""
    _, rows, unreadable = read(tmp_path / "t", f"id,value,end\n1,{printed},x\n", **PSQL_CSV)
    assert (rows, unreadable) == ([(2, ["1", expected, "x"])], [])


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (r"tab\there", "tab\there"),
        (r"line\nfeed", "line\nfeed"),
        ("cr\rhere", "cr\rhere"),
        ("crlf\r\\nhere", "crlf\r\nhere"),
        (r"back\\slash\\", "back\\slash\\"),
        (r"C:\\new\\table", r"C:\new\table"),
        ("NULL", None),
        ("null", "null"),
        ("", ""),
        ('Ana "la" Gil', 'Ana "la" Gil'),
        ('"', '"'),
        ("a,b;c|d", "a,b;c|d"),
        ("0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        ("\x85\u2028\v\f", "\x85\u2028\v\f"),
    ],
)
def test_mysql_batch(tmp_path, printed, expected):
    """A carriage return of a value does not end its line, and no other character does."""
    found = read(tmp_path / "t", f"id\tvalue\tend\n1\t{printed}\tx\n2\ty\tz\n", **MYSQL)
    assert found == (["id", "value", "end"], [(2, ["1", expected, "x"]), (3, ["2", "y", "z"])], [])


@pytest.mark.parametrize(
    ("stored", "keys", "expected"),
    [
        (b"a\tb\n\xd1and\xfa\tx\n", {"encoding": "latin-1"}, ([(2, ["Ñandú", "x"])], [])),
        (b"a\tb\n\x80\tx\n", {"encoding": "cp1252"}, ([(2, ["€", "x"])], [])),
        ("a\tb\nÑ\tx\n".encode("utf-16"), {"encoding": "utf-16"}, ([(2, ["Ñ", "x"])], [])),
        (b"\xef\xbb\xbfa\tb\n1\tx\n", {}, ([(2, ["1", "x"])], [])),
        (b"a\tb\r\n1\tx\r\n", {}, ([(2, ["1", "x"])], [])),
        (gzip.compress(b"a\tb\n1\tx\n", mtime=0), {}, ([(2, ["1", "x"])], [])),
        (b"a\tb\n1\tx", {}, ([(2, ["1", "x"])], [])),
        (b"a\tb\n1\n3\tz\n", {}, ([(3, ["3", "z"])], [(2, Why.WRONG_FIELD_COUNT)])),
        (b"a\tb\n2\tx\ty\n3\tz\n", {}, ([(3, ["3", "z"])], [(2, Why.WRONG_FIELD_COUNT)])),
        (b"a\tb\n1\tx\\\ny\n2\tz\n", {}, ([(2, ["1", "x\ny"]), (4, ["2", "z"])], [])),
        (b"a\tb\n1\tx\\\\\n2\tz\\", {}, ([(2, ["1", "x\\"])], [(3, Why.MALFORMED_ROW)])),
        (b"a\tb\n\n1\tx\n\n", {}, ([(3, ["1", "x"])], [])),
        (b"a\tb\n1\\\tx\ty\n", {}, ([(2, ["1\tx", "y"])], [])),
    ],
)  # fmt: skip
def test_encodings_and_line_ends(tmp_path, stored, keys, expected):
    """Every encoding, a byte order mark, lines of Windows, compressed; a row that is cut off is reported."""
    columns, *found = read(tmp_path / "t", stored, **MYSQL, **keys)
    assert columns == ["a", "b"]
    assert tuple(found) == expected


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (r'"say \"hi\", Ana"', 'say "hi", Ana'),
        (r"say \"hi\"", 'say "hi"'),
        ('"line\\\nfeed"', "line\nfeed"),
        (r'"C:\\new\\"', "C:\\new\\"),
        (r'"\\\""', '\\"'),
        (r"\N", None),
        (r'"\\N"', "\\N"),
        ('"doubled ""quote"""', 'doubled "quote"'),
        ('"a,b"', "a,b"),
        (r'"tab\tand\0"', "tab\tand\0"),
        ('""', ""),
    ],
)  # fmt: skip
def test_outfile_with_quotes(tmp_path, printed, expected):
    r"""`FIELDS TERMINATED BY ',' ENCLOSED BY '"'`: a quote after a backslash does not end its field."""
    _, rows, unreadable = read(tmp_path / "t", f"1,{printed},x\n", header=["id", "value", "end"], **OUTFILE)
    assert (rows, unreadable) == ([(1, ["1", expected, "x"])], [])


values = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\U0010ffff") | st.sampled_from('\\\t\n\r",;|N.tn'),
    max_size=8,
)
tables = st.lists(st.lists(values, min_size=3, max_size=3), max_size=6)


def escape(value, *characters):
    for character in ("\\", *characters):
        value = value.replace(character, f"\\{_LETTERS.get(character, character)}")
    return value


_LETTERS = {"\t": "t", "\n": "n", "\r": "r", "\b": "b", "\f": "f", "\v": "v"}


@given(tables)
def test_whatever_psql_prints_is_read_as_it_was(tmp_path_factory, rows):
    """Every text, and NULL, is itself again."""
    printed = "a\tb\tc\n" + "".join(
        "\t".join("\\N" if value is None else escape(value, *_LETTERS) for value in row) + "\n" for row in rows
    )
    _, found, unreadable = read(tmp_path_factory.mktemp("psql") / "t", printed, **PSQL_TEXT)
    assert ([each for _, each in found], unreadable) == (rows, [])


@given(tables)
def test_whatever_mysql_prints_is_read_as_it_was(tmp_path_factory, rows):
    """Every text, apart from `NULL`, which is printed as NULL is, and from a carriage return before a line end."""
    printed = "a\tb\tc\n" + "".join(
        "\t".join("NULL" if value is None else escape(value, "\t", "\n") for value in [*row[:2], "end"]) + "\n"
        for row in rows
    )
    _, found, unreadable = read(tmp_path_factory.mktemp("mysql") / "t", printed, **MYSQL)
    expected = [[None if value == "NULL" else value for value in row[:2]] + ["end"] for row in rows]
    assert ([each for _, each in found], unreadable) == (expected, [])


@given(tables)
def test_whatever_is_in_an_outfile_is_read_as_it_was(tmp_path_factory, rows):
    """With quotes around every text."""
    printed = "".join(
        ",".join("\\N" if value is None else '"' + re.sub(r'[\\"\n]', r"\\\g<0>", value) + '"' for value in row) + "\n"
        for row in rows
    )
    keys = {**OUTFILE, "header": ["a", "b", "c"]}
    _, found, unreadable = read(tmp_path_factory.mktemp("outfile") / "t", printed, **keys)
    assert ([each for _, each in found], unreadable) == (rows, [])


# As a source on standard input.

FRAME = """
[formats]
time_zone = "Europe/Madrid"
[sources]
t = { path = "-", FORMAT, dates = ["made"] }
[customers]
select = "SELECT place, id, name, email, made AS registration_date FROM t"
"""
FORMAT = "format = 'tsv', quote = '', backslash_escapes = true, null = '\\N'"
PRINTED = "id\tname\temail\tmade\n1\tAna \\N\\\\\ta@b.co\t2024-07-01 00:30:00\n2\t\\N\tb@b.co\t2024-07-01\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def piped(tmp_path, monkeypatch):
    """Return a function that prepares what is piped into the command; it returns what was prepared."""
    monkeypatch.chdir(tmp_path)

    def run(printed, form=FORMAT):
        Path("mapping.toml").write_text(FRAME.replace("FORMAT", form))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(printed)))
        return prepare("mapping.toml", Path("export"))

    return run


def test_standard_input_that_may_be_cut_off_is_warned_of(piped):
    """The tools of databases end each line; compressed text ends anyhow."""
    assert piped(PRINTED.encode()).warnings == ()
    assert piped(gzip.compress(PRINTED.rstrip().encode())).warnings == ()
    (warning,) = piped(PRINTED.rstrip().encode()).warnings
    assert "does not end with a line break" in warning
    printed = PRINTED.replace("\t", ",")
    assert piped(printed.encode("utf-16"), "format = 'csv', encoding = 'utf-16'").warnings == ()


def test_a_copy_of_standard_input_is_of_one_process(piped):
    """A second process does not touch the copy that another one reads; what a killed one has left is removed."""
    Path("export").mkdir()
    used, left = Path("export/.spill.standard-input.1"), Path("export/.spill.standard-input.2")
    for path in (used, left):
        path.write_bytes(b"a customer's row")
    with used.open("rb") as copy:
        fcntl.flock(copy, fcntl.LOCK_EX)
        piped(PRINTED.encode())
    assert [path.name for path in Path("export").glob(".spill*")] == [used.name]
    assert used.read_bytes() == b"a customer's row"


def test_standard_input_that_is_a_terminal_is_refused(piped, monkeypatch):
    """Instead of waiting for a person to type a table."""
    piped(PRINTED.encode())
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(ConfigurationError, match="is a terminal") as error:
        prepare("mapping.toml", Path("export"))
    assert "pipe a table into the command" in error.value.hint
