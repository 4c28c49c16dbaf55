"""Sources: every row with its line, every text as it was written, and a reason for each row that cannot be read."""

import csv
import gzip
import io
import json
import sqlite3

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.engine.load import make_reader
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources import json_values
from masivo_stream.prepare.sources.source_files import FileSpaces, SourceFile, find_files
from masivo_stream.prepare.sources.source_rows import name_columns

FRAME = '[customers]\nselect = "SELECT 1"\n[sources]\n'


def source(path, **keys):
    """Return a source as a mapping declares it."""
    written = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {"path": str(path), **keys}.items())
    return parse_frame(f"{FRAME}t = {{ {written} }}\n", "mapping.toml").sources["t"]


def read(path, **keys):
    """Return columns, rows with their lines, and what could not be read."""
    asked, file, unreadable = source(path, **keys), SourceFile(str(path), str(path)), []
    reader = make_reader(asked)
    columns = reader.columns(file)
    rows = [(line, list(values)) for line, values in reader.rows(file, columns, lambda *each: unreadable.append(each))]
    return columns, rows, unreadable


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ['"', '""', ",", ";", "\t", "\n", "\r\n", "\r", "'", "\\", "\\N", " a ", "Ñandú, S.L.", "\ufeff", "null", "#"]
)


@given(
    st.lists(st.lists(texts, min_size=3, max_size=3), max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_text_is_read_as_it_was_written(tmp_path_factory, rows, delimiter, encoding, end):
    """With each delimiter, quote and line break in it; and each row has the line on which it begins."""
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    path.write_bytes(written.getvalue().encode(encoding))
    columns, found, unreadable = read(path, delimiter=delimiter, encoding=encoding)
    assert (columns, unreadable) == (["a", "b", "c"], [])
    assert [values for _, values in found] == rows
    for line, values in found:
        rest = _from_line(written.getvalue(), line)
        assert next(csv.reader(io.StringIO(rest, newline=""), delimiter=delimiter)) == values


def _from_line(text, line):
    """Return a text from a line on, as `io` counts lines."""
    stream = io.StringIO(text, newline="")
    for _ in range(line - 1):
        stream.readline()
    return stream.read()


def test_rows_that_cannot_be_read_are_reported(tmp_path):
    """Too many fields, too few, a quote in the wrong place, a byte that is not UTF-8: each with its line."""
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,b\n1,2\n1,2,3\n"x\ny",4\n5\n"a"b,6\n7,8\n\n')
    columns, rows, unreadable = read(path)
    assert columns == ["a", "b"]
    assert rows == [(2, ["1", "2"]), (4, ["x\ny", "4"]), (8, ["7", "8"])]
    assert unreadable == [(3, Why.WRONG_FIELD_COUNT), (6, Why.WRONG_FIELD_COUNT), (7, Why.MALFORMED_ROW)]


@pytest.mark.parametrize(
    ("text", "rows", "unreadable"),
    [
        # Two quotes too many: the rows between them are no text of a field.
        ('2,"b,c,d\n3,b,c,d\n4,b",c,d\n5,b,c,d\n', [5], [2, 3, 4]),
        ('2,b,c,"d\n3,b,c,d"\n4,b,c,d\n', [4], [2, 3]),
        # An address of several lines, and a note with commas.
        ('2,"b\nb\nb",c,d\n5,b,c,d\n', [2, 5], []),
        ('2,"b, and\nb, and c",c,d\n4,b,c,d\n', [2, 4], []),
        # A quote in the wrong place after some lines, and a row of several lines with a field too many.
        ('2,"b\nb\n"b,c,d\n5,b,c,d\n', [5], [2, 3, 4]),
        ('2,"b\nb",c,d,e\n4,b,c,d\n', [4], [2, 3]),
    ],
)
def test_each_line_of_what_cannot_be_read_is_reported(tmp_path, text, rows, unreadable):
    """A row that swallowed others is not one row."""
    path = tmp_path / "t.csv"
    path.write_text(f"a,b,c,d\n{text}")
    _, found, reported = read(path)
    assert [line for line, _ in found] == rows
    assert [line for line, _ in reported] == unreadable


@pytest.mark.parametrize(
    ("stored", "declared", "what", "hint"),
    [
        ("a,ñ\n1,x\n".encode("latin-1"), "utf-8", "header line that is not utf-8", 'encoding = "latin-1"'),
        ("a,b\n1,x\n".encode("utf-16-le"), "utf-8", "header line that is not utf-8", "utf-16"),
        ("a,b\n1,x\n".encode("utf-16"), "utf-8", "mark of utf-16, and is read as utf-8", 'encoding = "utf-16"'),
        ("a,b\n1,x\n".encode("utf-8-sig"), "latin-1", "mark of utf-8, and is read as latin-1", 'encoding = "utf-8"'),
        ("a,b\n1,x\n".encode("utf-32"), "utf-16", "mark of utf-32, and is read as utf-16", 'encoding = "utf-32"'),
        ("a,b\n1,x\n".encode("utf-16")[:-1], "utf-16", "is not utf-16, or is cut off within a character", "encoding"),
    ],
)
def test_a_wrong_encoding_is_named(tmp_path, stored, declared, what, hint):
    """Before rows are read with names that no column has."""
    (tmp_path / "t.csv").write_bytes(stored)
    with pytest.raises(InputError, match=what) as error:
        read(tmp_path / "t.csv", encoding=declared)
    assert hint in error.value.hint


@pytest.mark.parametrize("declared", ["utf-16-le", "UTF_16_LE", "utf-16", "U16"])
def test_a_mark_is_no_part_of_the_first_name(tmp_path, declared):
    (tmp_path / "t.csv").write_bytes("a,b\n1,ñ\n".encode("utf-16"))
    assert read(tmp_path / "t.csv", encoding=declared)[:2] == (["a", "b"], [(2, ["1", "ñ"])])


@pytest.mark.parametrize("rest", ['{"a": 2}', "]", "x", '\n\n[{"a": 2}]'])
def test_nothing_follows_an_array(tmp_path, rest):
    """Rows behind it would be lost."""
    path = tmp_path / "t.json"
    path.write_text(f'[{{"a": 1}}]\n{rest}\n')
    with pytest.raises(InputError, match="goes on after its array") as error:
        read(path)
    assert error.value.place == f"{path}:{4 if rest.startswith(chr(10)) else 2}"
    path.write_text('[{"a": 1}]' + " \n" * 1_500_000)
    assert read(path)[1] == [(1, ["1"])]


def test_the_rest_of_a_damaged_array_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_values, "LONGEST_ELEMENT", 3 << 20)
    path = tmp_path / "t.json"
    path.write_text('[{"a": 1},\n{"a": "' + "x" * (20 << 20))
    with pytest.raises(InputError, match="damaged or cut off") as error:
        read(path)
    assert error.value.place == f"{path}:2"


def test_a_quote_that_never_closes_is_not_believed(tmp_path):
    """It would swallow all rows after it; the error names its line. Without quotes, it is a character."""
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,2\n"3,4\n5,6\n')
    with pytest.raises(InputError, match="never ends") as error:
        read(path)
    assert error.value.place.endswith("t.csv:3")
    assert [values for _, values in read(path, quote="")[1]] == [["1", "2"], ['"3', "4"], ["5", "6"]]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_files_are_read(tmp_path, pack):
    """By their content, whatever their name; a file that is cut off is refused."""
    packed = pack(b"a\n" + b"x\n" * 1000)
    (tmp_path / "t.csv").write_bytes(packed)
    assert len(read(tmp_path / "t.csv")[1]) == 1000
    (tmp_path / "t.csv").write_bytes(packed[:-5])
    with pytest.raises(InputError, match="cut off"):
        read(tmp_path / "t.csv")


def test_what_databases_print_is_read(tmp_path):
    r"""`mysql --batch` and PostgreSQL's text format: tabs, escapes, \N or NULL for no value, no quotes."""
    path = tmp_path / "t.tsv"
    path.write_text('id\tnote\n1\ta\\tb\\n"c"\\\\\n2\tNULL\n3\t\\N\n')
    _, rows, _ = read(path, quote="", backslash_escapes=True, null="NULL")
    assert [values for _, values in rows] == [["1", 'a\tb\n"c"\\'], ["2", None], ["3", "N"]]
    _, rows, _ = read(path, quote="", backslash_escapes=True, null="\\N")
    assert rows[2] == (4, ["3", None])
    path.write_text("1\tx\n")
    assert read(path, header=["id", "note"])[:2] == (["id", "note"], [(1, ["1", "x"])])


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "Name", "name", "n"]),
            st.none() | texts | st.integers() | st.booleans() | st.lists(st.integers(), max_size=2),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_json_is_read_as_it_was_written(tmp_path_factory, objects, is_array, indent):
    """Objects per line, or one array; a key that only some objects have; lists stay JSON."""
    path = tmp_path_factory.mktemp("json") / ("t.json" if is_array else "t.ndjson")
    if is_array:
        path.write_text(json.dumps(objects, indent=indent))
    else:
        path.write_text("\n\n".join(json.dumps(each) for each in objects))
    columns, rows, unreadable = read(path)
    keys = list(dict.fromkeys(key for each in objects for key in each))
    assert (columns, unreadable) == (name_columns(keys, []), [])

    for (_, values), each in zip(rows, objects, strict=True):
        for key, value in zip(keys, values, strict=True):
            expected = each.get(key)
            assert (value if expected is None or isinstance(expected, str) else json.loads(value)) == expected
    if not is_array:
        assert [line for line, _ in rows] == [1 + 2 * number for number in range(len(objects))]


def test_json_that_cannot_be_read_is_reported(tmp_path):
    """A line that is no object is left out; an array that is cut off is refused."""
    path = tmp_path / "t.ndjson"
    path.write_text('{"a": 1.10}\n[1]\n{"a": \n{"a": 123456789012345678901234567890}\n')
    _, rows, unreadable = read(path)
    assert rows == [(1, ["1.10"]), (4, ["123456789012345678901234567890"])]
    assert unreadable == [(2, Why.MALFORMED_ROW), (3, Why.MALFORMED_ROW)]
    (tmp_path / "t.json").write_text('[{"a": 1}, {"a"')
    with pytest.raises(InputError, match="cut off"):
        read(tmp_path / "t.json")
    (tmp_path / "t.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="not one JSON array"):
        read(tmp_path / "t.json")


def test_sqlite_tables_are_read(tmp_path):
    """Text, numbers and NULL, in the order of the rows; a value that is no text is reported."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "my orders" (id INTEGER PRIMARY KEY, total REAL, note TEXT)')
        connection.executemany(
            'INSERT INTO "my orders" VALUES (?, ?, ?)', [(1, 10.5, "ñ"), (2, None, "x"), (3, 1, b"\xff")]
        )
    connection.close()
    columns, rows, unreadable = read(path, table="my orders")
    assert (columns, rows) == (["id", "total", "note"], [(1, ["1", "10.5", "ñ"]), (2, ["2", None, "x"])])
    assert unreadable == [(3, Why.WRONG_ENCODING)]
    assert read(path, table="my orders", decimal_mark=",")[1][0] == (1, ["1", "10,5", "ñ"])
    with pytest.raises(InputError, match="no such table"):
        read(path, table="orders")


def test_files_are_found(tmp_path, monkeypatch):
    """A glob is read in the order of names; what does not exist is an error that names the key."""
    monkeypatch.chdir(tmp_path)
    for name in ("o-2.csv", "o-1.csv"):
        (tmp_path / name).write_text("a\n1\n")
    found = find_files(source("o-*.csv"), "mapping.toml: [sources] t", FileSpaces())
    assert [file.name for file in found] == ["o-1.csv", "o-2.csv"]
    with pytest.raises(InputError) as error:
        find_files(source("p-*.csv"), "mapping.toml: [sources] t", FileSpaces())
    assert error.value.place == "mapping.toml: [sources] t: p-*.csv"


def test_columns_have_names_that_a_database_can_tell_apart():
    """A second name, an empty one, and one that is taken."""
    assert name_columns(["Id", "id", "", "place", "id_2"], ["place"]) == ["Id", "id_2", "column_3", "place_2", "id_2_2"]
