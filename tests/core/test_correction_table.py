"""A table of corrections is read as a whole, or refused with its line and what to do."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.mending.correct import RowPlace
from masivo_stream.core.mending.list_rows import COLUMNS, FaultRow, read_cell, write_cell, write_rows
from masivo_stream.core.mending.table import TableError, read_table
from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import CustomerRecord


def read(text):
    return read_table(text.splitlines(keepends=True), Kind.CUSTOMERS, CustomerRecord)


def test_a_wide_table():
    """A column for each field; an empty cell leaves the field as it is."""
    table = read("id,email,balance[0].amount\r\nc1,a@b.c,\r\n\r\nc2,,7.50\r\n")
    assert table.rows == {"c1": {("email",): "a@b.c"}, "c2": {("balance", 0, "amount"): "7.50"}}
    assert table.lines == {"c1": 2, "c2": 4}


def test_a_long_table():
    """The list that `dead-letters --csv` writes, filled in: rows without a correction are left out."""
    rows = [
        COLUMNS,
        ("f", "3", "customers", "=c1", "email", "missing", "", "a@b.c"),
        ("f", "4", "", "", "", "", "", ""),
    ]
    table = read(write_rows(rows).decode())
    assert table.rows == {RowPlace("=c1", "f", "3"): {("email",): "a@b.c"}}


def test_the_list_of_all_kinds_is_taken_kind_by_kind():
    """Lines of other kinds are counted and passed over, whatever fields they name; a line without a kind counts."""
    table = read(
        "id,kind,field,correction\nc1,customers,email,a@b.c\nc1,events,events[0].issued_at,x\nc2,Events ,e,y\n"
        "c3,transactions,t,\nc4,,email,d@e.f\n"
    )
    assert table.rows == {"c1": {("email",): "a@b.c"}, "c4": {("email",): "d@e.f"}}
    assert table.other_kinds == {"events": 2}


def test_a_line_with_a_place_is_for_the_dead_letter_of_that_place():
    """One customer has several dead letters: each has corrections of its own, for the same field too."""
    table = read("file,line,id,field,correction\nf,1,c1,email,a\nf,2,c1,email,b\n,2,c1,email,c\nf,3,,id,c3\n")
    assert list(table.rows) == [RowPlace("c1", "f", "1"), RowPlace("c1", "f", "2"), "c1", RowPlace("", "f", "3")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_use_several_separators(separator):
    """And quote cells that hold theirs, or line breaks."""
    table = read(f'id{separator}name\nc1{separator}"a{separator}b\nc ""d"""\n')
    assert table.rows == {"c1": {("name",): f'a{separator}b\nc "d"'}}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "the table is empty"),
        ("\n", 1, "no column `id`"),
        ("id\nc1\n", 1, "no column `id`"),
        ("email,name\na,b\n", 1, "no column `id`"),
        ("id,email,email\n", 1, "twice"),
        ("id,mail\nc1,a@b.c\n", 1, "is it email"),
        ("id,email,mail\nc1,a@b.c,\nc2,,a@b.c\n", 1, "is it email"),
        ("id,field,correction\nc1,mail,a@b.c\n", 2, "is it email"),
        ("id,email[\nc1,a@b.c\n", 1, "no field"),
        ("id,email\nc1,a@b.c\nc1,d@b.c\n", 3, "line 2"),
        ("id,email\nc1,\nc1,\n", 3, "line 2"),
        ("id,email\n,a@b.c\n", 2, "no id"),
        ("id,email\nc1,a@b.c,x\n", 2, "3 cells"),
        ('id,email\nc1,"a\n', 2, "cannot be read"),
        ("id,gender\nc1,m\n", 2, "gender"),
        ("id,field,correction\nc1,email,a\nc1,email,b\n", 3, "line 2"),
        ("id,field,correction\nc1,,a\n", 2, "names no field"),
        ("id,kind,field,correction\nc1,client,email,a\n", 2, "kind that is none of customers, events, transactions"),
        ("id,file,line,field,correction\nc1,f,1,email,a\nc1,f,1,email,b\n", 3, "line 2"),
        ("id,file,line,field,correction\n,f,,email,a\n", 2, "no id"),
        ('id,name,gender\nc1,"a\nb",m\n', 2, "gender"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(text, line, what):
    """And with what to do; no value is quoted."""
    with pytest.raises(TableError, match=what) as raised:
        read(text)
    assert (raised.value.line, bool(raised.value.hint)) == (line, True)
    assert "a@b.c" not in str(raised.value)


@pytest.mark.parametrize(("length", "kept"), [(31_999, True), (32_000, True), (32_001, False), (300_000, False)])
@pytest.mark.parametrize("letter", ["a", '"', "="])
def test_a_value_too_long_for_a_cell_is_left_out_and_never_comes_back(length, kept, letter):
    """A spreadsheet cuts it without a word. The words in its place are no correction, and the list is read."""
    row = FaultRow("f", 1, "customers", "c1", "name", "wrong_type", "", letter * length)
    value = row.cells[6]
    assert value == (letter * length if kept else f"(left out: {length:,} characters)")
    text = write_rows([COLUMNS, row.cells]).decode()
    assert read(text).rows == {}
    filled = write_rows([COLUMNS, (*row.cells[:7], value)]).decode()
    if kept:
        assert set(read(filled).rows) == {RowPlace("c1", "f", "1")}
    else:
        with pytest.raises(TableError, match="left it out"):
            read(filled)


def test_characters_that_utf_16_writes_as_two_count_twice():
    """As spreadsheets count."""
    row = FaultRow("f", 1, "customers", "c1", "name", "wrong_type", "", "\U0001f600" * 16_001)
    assert row.cells[6] == "(left out: 16,001 characters)"


@pytest.mark.parametrize("length", [131_073, 3_000_000])
def test_a_cell_is_as_long_as_a_record(length):
    """A list of another program, or of an earlier version, has long values; other readers keep their limit."""
    limit = csv.field_size_limit()
    table = read(f'id,value,field,correction\nc1,"{"a" * length}",email,a@b.c\n')
    assert (table.rows, csv.field_size_limit()) == ({"c1": {("email",): "a@b.c"}}, limit)


@given(st.text(max_size=8))
def test_a_cell_is_no_formula_and_comes_back(text):
    """Whatever a record holds; numbers stay numbers."""
    cell = write_cell(text)
    assert read_cell(cell) == text or text.startswith("'")
    assert cell[:1] not in set("=@\t\r\n")
    assert (
        not cell.startswith(("+", "-"))
        or cell[1:]
        .replace(".", "")
        .replace(",", "")
        .replace("e", "")
        .replace("E", "")
        .replace("+", "")
        .replace("-", "")
        .isdecimal()
    )


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("-5+2", "'-5+2"),
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("\t=1", "'\t=1"),
        ("a=1", "a=1"),
    ],
)
def test_a_formula_begins_with_an_apostrophe(text, cell):
    """A negative amount is no formula."""
    assert write_cell(text) == cell
