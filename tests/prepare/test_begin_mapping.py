"""Mappings that are begun from files: every format, several files of one shape, what is missing, what is guessed."""
# ruff: noqa: S608 - our own tables

import csv
import gzip
import json
import shutil
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import zstandard

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.engine.run import prepare
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.presets.begin_mapping import begin_mapping
from masivo_stream.prepare.presets.found_tables import find_tables, look_at
from masivo_stream.prepare.presets.guess_formats import DATE_FORMATS, are_ambiguous, fits, guess_dates
from masivo_stream.prepare.presets.preset_files import list_presets

SAMPLES = Path(__file__).parent / "samples"
EXPORTS = ("customers.ndjson", "events.ndjson", "transactions.ndjson")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def objects(path):
    with path.open(newline="") as file:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]


def as_tsv(path, to):
    with to.with_suffix(".tsv").open("w", newline="") as file, path.open(newline="") as read:
        csv.writer(file, delimiter="\t").writerows(csv.reader(read))


def as_parquet(path, to):
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT * FROM read_csv('{path}', all_varchar = true)) TO '{to.with_suffix('.parquet')}'"
        )


def as_sqlite(path, to):
    rows = objects(path)
    with closing(sqlite3.connect(to.parent / "shop.db")) as database:
        names = ", ".join(f'"{name}" TEXT' for name in rows[0])
        database.execute(f'CREATE TABLE "{to.stem}" ({names})')
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f'INSERT INTO "{to.stem}" VALUES ({marks})', [list(row.values()) for row in rows])
        database.commit()


def as_nested(path, to):
    (to.parent / to.stem).mkdir()
    shutil.copy(path, to.parent / to.stem / to.name)


FORMATS = {
    "tsv": as_tsv,
    "parquet": as_parquet,
    "sqlite": as_sqlite,
    "ndjson": lambda path, to: to.with_suffix(".ndjson").write_text("\n".join(map(json.dumps, objects(path)))),
    "json": lambda path, to: to.with_suffix(".json").write_text(json.dumps(objects(path), indent=1)),
    "gzip": lambda path, to: Path(f"{to}.gz").write_bytes(gzip.compress(path.read_bytes())),
    "zstandard": lambda path, to: Path(f"{to}.zst").write_bytes(zstandard.compress(path.read_bytes())),
    "utf-16": lambda path, to: to.write_bytes(path.read_text().encode("utf-16")),
    "semicolons": lambda path, to: _write_csv(path, to, ";"),
    "folders": as_nested,
}


def _write_csv(path, to, delimiter):
    with to.open("w", newline="") as file, path.open(newline="") as read:
        csv.writer(file, delimiter=delimiter).writerows(csv.reader(read))


def _prepare(text, name="export"):
    """Prepare with a mapping as it is, but for the zone where a comment says that it is needed."""
    needed = '# time_zone = "America/Bogota" # needed'
    Path("mapping.toml").write_text(text.replace(needed, needed.removeprefix("# ")))
    found = prepare("mapping.toml", Path(name))
    return {each: Path(name, each).read_text() for each in EXPORTS if Path(name, each).exists()}, found


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What comes out of each preset's sample as it is."""
    found = {}
    for name in list_presets():
        folder = tmp_path_factory.mktemp("sample")
        shutil.copytree(SAMPLES / name, folder / "src")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            found[name], _ = _prepare(begin_mapping(name, ["src"]))
    return found


@pytest.mark.parametrize(
    ("name", "form"),
    [*(("shopify", form) for form in FORMATS), ("open-loyalty", "ndjson"), ("open-loyalty", "folders")],
)
def test_every_format_is_begun_from(here, expected, name, form):
    """A sample in any format, in a directory: the mapping that is written works, and gives what the CSV files give."""
    (here / "src").mkdir()
    for path in sorted((SAMPLES / name).iterdir()):
        FORMATS[form](path, here / "src" / path.name)
    text = begin_mapping(name, ["src"])
    assert "NOT FOUND" not in text
    written, found = _prepare(text)
    assert written == expected[name]
    assert found.closes


@pytest.mark.parametrize("name", sorted(list_presets()))
def test_the_mapping_of_every_sample_is_followed_literally(here, expected, name):
    """A file, a glob and a directory are one way to say it; every kind of record comes out."""
    shutil.copytree(SAMPLES / name, here / "src")
    text = begin_mapping(name, ["src"])
    assert begin_mapping(name, ["src/*"]) == text
    assert begin_mapping(name, [str(path.relative_to(here)) for path in sorted((here / "src").iterdir())]) == text
    assert "NOT FOUND" not in text
    assert "CHECK: no file" not in text
    assert ("needed: dates have no zone" in text) is (name == "woocommerce")
    assert expected[name].keys() >= {"customers.ndjson"}


def test_several_files_of_one_shape_are_one_source(here):
    """None is forgotten: a list of a few, a glob of many if it fits exactly; others are said."""
    header = "Name,Email,Financial Status,Created at,Subtotal,Lineitem quantity,Lineitem price\n"
    for number in range(1, 4):
        (here / f"orders_{number}.csv").write_text(header)
    (here / "customers.csv").write_text("Customer ID,First Name,Last Name,Email\n")
    assert 'path = ["orders_1.csv", "orders_2.csv", "orders_3.csv"] # guessed by their' in begin_mapping(
        "shopify", ["."]
    )
    for number in range(4, 12):
        (here / f"orders_{number}.csv").write_text(header)
    assert 'path = "orders_*.csv" # guessed by their columns' in begin_mapping("shopify", ["."])
    (here / "orders_old.csv").write_text("Year\n")
    assert '"orders_11.csv", "orders_2.csv"' in begin_mapping("shopify", ["."])
    (here / "orders_12.csv").write_text(header.replace(",", ";"))
    text = begin_mapping("shopify", ["."])
    assert "# CHECK: orders_12.csv has the same columns, but is written in another way" in text
    assert [*tomllib.loads(text)["sources"]["orders"]["path"]][-1] == "orders_9.csv"


def test_tables_of_a_database_are_sources(here):
    """Each by its columns, then by its name; a view is a table; SQLite's own tables are left out."""
    with closing(sqlite3.connect(here / "shop.db")) as database:
        database.executescript("""
            CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name, email, created_at, points REAL);
            INSERT INTO people VALUES (1, 'Ana', 'a@b.co', '2020-01-01T00:00:00Z', 10.5);
            CREATE TABLE lines (a, b);
            CREATE VIEW orders AS SELECT 1 AS order_id, 1 AS customer_id, '2021-01-01' AS created_at, 7 AS total;
        """)
    assert [table.source.table for table in look_at(here / "shop.db")] == ["lines", "orders", "people"]
    text = begin_mapping("three-tables", ["shop.db"])
    sources = parse_frame(text, "m.toml").sources
    assert {name: source.table for name, source in sources.items()} == {
        "customers": "people", "orders": "orders", "lines": "lines",
    }  # fmt: skip
    assert 'table = "lines" # guessed' in text
    assert "# CHECK its columns, here and in each select: a, b" in text
    assert "needed: dates have no zone" in text


def test_what_is_missing_is_a_comment(here):
    """A source without a file, and each kind that needs it: what is left works, and says what it lacks."""
    shutil.copytree(SAMPLES / "three-tables", here / "src")
    ledger = (here / "src/points_ledger.csv").read_text()
    (here / "src/points_ledger.csv").unlink()
    (here / "src/points_ledger.xlsx").write_bytes(b"PK\x03\x04\x14\x00")
    text = begin_mapping("three-tables", ["src"])
    assert '# path = "ledger.csv" # NOT FOUND: no file has the columns customer_id, created_at, points' in text
    assert "# Without a file for ledger there is no\n# [transactions]" in text
    assert "# src/points_ledger.xlsx: no table that prepare reads; save it as CSV" in text
    written, _ = _prepare(text)
    assert json.loads(written["transactions.ndjson"])["transactions"][0]["details"] == "opening balance"
    for name in ("customers", "orders", "order_lines"):
        (here / f"src/{name}.csv").unlink()
    (here / "src/points_ledger.csv").write_text(ledger)
    written, _ = _prepare(begin_mapping("three-tables", ["src"]), "other")
    assert set(written) == {"transactions.ndjson"}
    assert 'path = "customers.csv" # NOT FOUND' in begin_mapping("shopify", ["src"])


def test_what_was_prepared_is_no_source(here):
    """Nor are hidden files and directories; a file is looked at once."""
    shutil.copytree(SAMPLES / "three-tables", here / "src")
    _prepare(begin_mapping("three-tables", ["src"]))
    shutil.copytree(here / "src", here / ".src")
    found, others = find_tables([".", "src", "src/*.csv"])
    assert [table.path for table in found] == [
        "src/customers.csv", "src/order_lines.csv", "src/orders.csv", "src/points_ledger.csv",
    ]  # fmt: skip
    assert others == []
    with pytest.raises(InputError, match="no such file"):
        find_tables(["src/*.parquet"])


def test_each_source_is_guessed_on_its_own(here):
    """A shop with decimal commas and days first, and a loyalty app with points and months first."""
    (here / "customers.csv").write_text(
        'id;name;email;created_at;points\n1;Ana;a@b.co;30/01/2024 10:00;"1.234,50"\n2;Bea;b@b.co;01/02/2024 9:00;7,25\n'
    )
    (here / "points_ledger.csv").write_text("customer_id,created_at,points\n1,01/30/2024,10.50\n1,12/02/2024,1000.25\n")
    (here / "orders.csv").write_text("order_id,customer_id,created_at,total\n1,1,1706608219,10\n")
    text = begin_mapping("three-tables", ["."])
    tree = tomllib.loads(text)
    assert (tree["formats"]["decimal_mark"], tree["formats"]["date_formats"]) in [
        (",", ["%d/%m/%Y %H:%M"]), (".", ["%d/%m/%Y %H:%M"]),
    ]  # fmt: skip
    sources = parse_frame(text, "m.toml").sources
    assert {name: (each.formats.decimal_mark, each.formats.date_formats) for name, each in sources.items()} == {
        "customers": (",", ("%d/%m/%Y %H:%M",)),
        "ledger": (".", ("%m/%d/%Y",)),
        "orders": (tree["formats"]["decimal_mark"], ("unix",)),
    }
    assert "# customers.csv: id, name, email, created_at (dates), points (numbers)" in text


@pytest.mark.parametrize(("kind", "is_needed"), [("TIMESTAMP", True), ("DATE", True), ("TIMESTAMPTZ", False)])
def test_types_of_a_warehouse_are_known(here, kind, is_needed):
    """A zone is asked for if the type has none; numbers are numbers."""
    with duckdb.connect() as database:
        columns = f"1 AS id, 'Ana' AS name, 'a@b.co' AS email, {kind} '2020-01-01' AS created_at"
        columns += ", 10.50::DECIMAL(9,2) AS points, 'active' AS status"
        database.execute(f"COPY (SELECT {columns}) TO 'customers.parquet'")
    text = begin_mapping("three-tables", ["."])
    assert ("needed: dates have no zone" in text) is is_needed
    assert "# customers.parquet: id, name, email, created_at (dates), points (numbers), status" in text
    written, _ = _prepare(text)
    assert '"amount":10.5' in written["customers.ndjson"]


def test_columns_that_a_select_names_and_a_file_lacks_are_said(here):
    """They are not declared, so that the error is that of the SELECT."""
    (here / "orders.csv").write_text(
        "Name,Email,Financial Status,Created at,Subtotal,Lineitem quantity,Lineitem price\n"
    )
    text = begin_mapping("shopify", ["orders.csv"])
    assert "# CHECK: no file has the column Cancelled at, Discount Amount, Shipping, which a select may name" in text


@pytest.mark.parametrize("form", [form for form in DATE_FORMATS if form != "iso"])
def test_a_format_is_found_among_all_others(form):
    """From a day that is no month; DuckDB knows each."""
    with duckdb.connect() as database:
        (written,) = database.execute(f"SELECT strftime(TIMESTAMP '2023-11-30 22:33:44', '{form}')").fetchone()
        assert database.execute(f"SELECT try_strptime('{written}', '{form}') IS NOT NULL").fetchone() == (True,)
    assert fits(written, form)
    chosen, others = guess_dates([written])
    assert others == []
    assert fits(written, chosen[0])
    assert not are_ambiguous(chosen)


def test_one_date_of_a_column_proves_the_order_of_the_others():
    """A date without a time is written as those with one are, also if there are more of it."""
    assert guess_dates(["01/13/2022 10:30", "12/01/2022"])[0] == ["%m/%d/%Y %H:%M", "%m/%d/%Y"]
    assert guess_dates(["12/01/2022", "11/01/2022", "01/13/2022 10:30"])[0] == ["%m/%d/%Y", "%m/%d/%Y %H:%M"]
    assert guess_dates(["13/01/2022 10:30", "12/01/2022"])[0] == ["%d/%m/%Y %H:%M", "%d/%m/%Y"]
    both = guess_dates(["13/01/2022", "01/13/2022 10:30", "12/01/2022 10:30"])[0]
    assert both == ["%m/%d/%Y %H:%M", "%d/%m/%Y"]


def test_dates_are_counted_in_seconds():
    """Only where a column is known to hold dates: any number of ten digits could be an id."""
    assert guess_dates(["1706608219", "1700000000"]) == (["unix"], [])
    assert guess_dates(["1706608219123"]) == (["unix_ms"], [])
    assert are_ambiguous(["%d/%m/%Y", "iso", "%m/%d/%Y"])


@pytest.mark.parametrize(
    ("stored", "tables"),
    [
        (b"", 0),
        (b"PK\x03\x04\x14\x00\x00", 0),
        (b"one column\n1\n", 0),
        (b"a,b\n1,2\n", 1),
        (b"\xef\xbb\xbfa,b\n1,2\n", 1),
        (b"a|b\n1|2\n", 1),
        ("a,ñ\n1,é\n".encode("cp1252"), 1),
        (b'{"a": 1}\n', 1),
        (b' [ {"a": 1} ]', 1),
        (b"[1, 2", 0),
        (b"[section]\nkey = 1\n", 0),
        (b"SQLite format 3\0 and no more", 0),
        (b",,\n1,2,3\n", 0),
        (b'a,"b\nc"\n1,2\n', 1),
    ],
)  # fmt: skip
def test_what_is_a_table(here, stored, tables):
    """And what is no table, whatever its name."""
    (here / "t.csv").write_bytes(stored)
    assert len(look_at(here / "t.csv")) == tables
