"""The frame of a mapping: what is wrong is named by file and key, with what to write instead."""

import pytest

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.mapping.flat_columns import COLUMNS, SORT_KEYS, FlatTable, check_columns
from masivo_stream.prepare.mapping.frame import DataSource, Formats
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.settling.rows import ROW_TYPES

GOOD = """
[formats]
time_zone = "America/Bogota"
delimiter = ";"
[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
customers = "customers.csv"
orders = { path = ["a.tsv.gz", "b.tsv.gz"], delimiter = "\\t", time_zone = "UTC", numbers = ["total"] }
ledger = { path = "-", format = "ndjson" }
[customers]
select = "SELECT 1"
statuses = { on = "active", "*" = "deleted" }
"""


def test_a_source_has_the_formats_of_all_and_its_own():
    """What a source says differently counts for it alone."""
    mapping = parse_frame(GOOD, "mapping.toml")
    customers, orders, ledger = mapping.sources.values()
    assert customers == DataSource(
        path=("customers.csv",), format="csv", formats=Formats(time_zone="America/Bogota", delimiter=";")
    )
    assert orders.formats == Formats(time_zone="UTC", delimiter="\t")
    assert (orders.format, orders.path, orders.numbers) == ("tsv", ("a.tsv.gz", "b.tsv.gz"), ("total",))
    assert (ledger.format, ledger.path) == ("ndjson", ("-",))
    assert (mapping.events, mapping.policies.email_twice) == (None, "oldest")


DATE = "m.toml: [policies] missing_date"


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "hint"),
    [
        ("[formats]", "[format]", "m.toml", "no section [format]", "did you mean formats?"),
        ('[customers]\nselect = "SELECT 1"\nstatuses', "#", "m.toml", "none of the sections [customers]", "add one"),
        ("[sources]\n", "", "m.toml", "no section [sources]", "--init"),
        ("time_zone", "timezone", "m.toml: [formats] timezone", "not a key", "did you mean time_zone?"),
        ("America/Bogota", "America/Bogotá", "m.toml: [formats] time_zone", "not a time zone", "America/Bogota"),
        ('";"', '";;"', "m.toml: [formats] delimiter or quote", "more than one character", "one character"),
        ('";"', "5", "m.toml: [formats] delimiter", "does not fit", "write a text"),
        ("5f0c2d1e", "5f0c", "m.toml: [rewards] points", "not the id", "UUID"),
        ("numbers", "number", "m.toml: [sources] orders: number", "not a key", "did you mean numbers?"),
        ('["total"]', '"total"', "m.toml: [sources] orders numbers", "does not fit", "list of texts"),
        ('"customers.csv"', '"customers.xlsx"', "m.toml: [sources] customers: format", "what the file is", "csv"),
        ('"customers.csv"', '"shop.db"', "m.toml: [sources] customers", "which table", 'table = "customers"'),
        ('"customers.csv"', "[]", "m.toml: [sources] customers", "not a table", "path"),
        ('"customers.csv"', '"-"', "m.toml: [sources] customers: format", "what the file is", "csv"),
        ("customers = ", "cus-tomers = ", "m.toml: [sources] cus-tomers", "no name", "letters"),
        ('on = "active"', 'on = "activ"', "m.toml: [customers] statuses", "listed words", "active, deleted, left_out"),
        ('select = "SELECT 1"', "", "m.toml: [customers]", "does not have `select`", "add select"),
        ("[cust", '[policies]\nid_twice = "all"\n[cust', "m.toml: [policies] id_twice", "listed words", "first"),
        ("[cust", '[policies]\nmissing_date = "soon"\n[cust', DATE, "neither a policy nor a date", "2018-01-01"),
        ("[cust", '[policies]\nmissing_date = "2018-13-01"\n[cust', DATE, "nor a date", "first_activity"),
        ("[cust", '[policies]\nmissing_date = "20180101"\n[cust', DATE, "nor a date", "leave_out"),
        ("[cust", '[policies]\nmissing_date = "2018-01-01T10:00:00"\n[cust', DATE, "nor a date", "leave_out"),
        ("[customers]", "[engine]\nthreads = 0\n[customers]", "m.toml: [engine] threads", "too small", "1 or more"),
        ('"\\t"', '"\\t", encoding = "utf8000"', "m.toml: [sources] orders encoding", "not an encoding", "latin-1"),
        ('"\\t"', '"\\t", date_formats = ["dd/mm"]', "m.toml: [sources] orders date_formats", "no date format", "iso"),
        ('"\\t"', '"\\t", date_formats = ["%d/%m"]', "m.toml: [sources] orders date_formats", "has no year", "%Y"),
        ('"\\t"', '"\\t", date_formats = ["%Q/%Y"]', "m.toml: [sources] orders date_formats", "%Q is no part", "%Y"),
        ('"\\t"', '"\\t", date_formats = ["%Y-%"]', "m.toml: [sources] orders date_formats", "% is no part", "%Y"),
        ("[formats]", "[formats", "m.toml", "not TOML", "--init"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(old, new, place, what, hint):
    """By file and key, with a remedy."""
    assert old in GOOD
    with pytest.raises(ConfigurationError) as error:
        parse_frame(GOOD.replace(old, new, 1), "m.toml")
    assert error.value.place == place
    assert what in str(error.value)
    assert hint in error.value.hint


def test_standard_input_is_one_source():
    """Two sources cannot share it."""
    with pytest.raises(ConfigurationError, match="twice"):
        parse_frame(GOOD.replace('"customers.csv"', '{ path = "-", format = "csv" }'), "m.toml")


def test_columns_that_a_select_returns():
    """An unknown column has its nearest name; one that is needed is asked for."""
    known = [column.name for column in COLUMNS[FlatTable.CUSTOMERS]]
    check_columns(FlatTable.CUSTOMERS, known, "m.toml")
    for names, hint in (
        ([*known, "e_mail"], "did you mean email?"),
        ([name for name in known if name != "place"], "add `place`"),
        ([name for name in known if name != "registration_date"], "NULL AS registration_date"),
    ):
        with pytest.raises(ConfigurationError) as error:
            check_columns(FlatTable.CUSTOMERS, names, "m.toml")
        assert error.value.place == "m.toml: [customers] select"
        assert hint in error.value.hint


@pytest.mark.parametrize("table", FlatTable)
def test_rows_have_the_columns_in_their_order(table):
    """What is read back from a partition fits the row by position."""
    assert list(ROW_TYPES[table].__struct_fields__) == [*(column.name for column in COLUMNS[table]), "fault"]
    assert set(SORT_KEYS[table]) <= {column.name for column in COLUMNS[table]}
