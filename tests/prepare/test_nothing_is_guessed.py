"""What looks right and is wrong: joins that find several rows, no places, types of Parquet, large amounts."""
# ruff: noqa: S608 - the frame is made of our own text

import csv
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from made_tables import POINTS, SOURCES

from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.engine.run import prepare

TABLES = {
    "people": ("id,name,email,joined", ["1,Ana,a@b.co,2020-01-01"]),
    "balances": ("customer,amount", ["1,10"]),
    "orders": ("id,customer,date,total", ["7,1,2021-01-01,5.50"]),
    "lines": ("order_id,sku,qty,price", ["7,TEA,1,5.50"]),
    "ledger": ("customer,amount,date", ["1,10,2021-01-01"]),
}
SELECTS = {
    "customers": "SELECT place, id, name, email, joined AS registration_date FROM people",
    "balances": "SELECT place, customer AS customer_id, 'points' AS reward, amount FROM balances",
    "events": """SELECT o.place, l.place AS line_place, customer AS customer_id, id AS purchase_id, date AS issued_at,
        total AS value, total AS discounted_value, 'CASH' AS payment_method, sku, qty AS quantity, price AS line_value
        FROM orders o LEFT JOIN lines l ON order_id = id""",
    "transactions": "SELECT place, customer AS customer_id, 'points' AS reward, amount, date AS issued_at FROM ledger",
}
FRAME = f"""
[formats]
time_zone = "UTC"
[rewards]
points = "{POINTS}"
{SOURCES}"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(tables=None, **selects):
    """Prepare the shop with some of its tables' rows and SELECTs replaced; return the preparation and what it wrote."""
    for name, (header, rows) in TABLES.items():
        lines = (tables or {}).get(name, rows)
        Path(f"{name}.csv").write_text("\n".join([header, *lines, ""]))
    text = FRAME + "".join(f'[{name}]\nselect = """{select}"""\n' for name, select in {**SELECTS, **selects}.items())
    return read(prepare_text(text))


def prepare_text(text):
    Path("mapping.toml").write_text(text)
    return prepare("mapping.toml", Path("export"))


def read(found):
    """Return a preparation, its records by kind, and the places of remarks by table and reason."""
    assert found.closes
    written = {
        kind: [
            json.loads(line, parse_float=Decimal) for line in Path(f"export/{kind}.ndjson").read_bytes().splitlines()
        ]
        for kind in found.kinds
    }
    listed = {}
    with Path("export/left-out.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            listed.setdefault((row["table"], row["reason"]), []).append(f"{row['file']}:{row['line']}")
    return found, written, listed


# Amounts.


@pytest.mark.parametrize("amount", ["9223373", "12345678.90", "-9999999.99", "999999999999.999999"])
def test_large_amounts_are_exact(amount):
    """Ten million pesos are an ordinary order."""
    tables = {"orders": [f"7,1,2021-01-01,{amount}"], "balances": [f"1,{amount}"], "ledger": [f"1,{amount},2021-01-01"]}
    _, written, listed = run(tables)
    assert listed == {}
    assert written["events"][0]["events"][0]["order"]["value"] == Decimal(amount)
    assert written["customers"][0]["balance"][0]["amount"] == Decimal(amount)
    assert written["transactions"][0]["transactions"][0]["amount"] == Decimal(amount)


def test_a_number_that_is_too_large_is_not_called_unreadable():
    """The reason names the limit."""
    found, _, listed = run({"balances": ["1,1234567890123", "1,10"]})
    assert listed["balances", "bad_number"] == ["balances.csv:2"]
    (remark,) = [each for each in found.remarks if each.reason == "bad_number"]
    assert "more than twelve digits" in remark.meaning


def test_what_sql_computes_is_rounded_with_a_word():
    """A third has more than six places, also as a decimal; the last digits of a double are none of it."""
    ledger = SELECTS["transactions"]
    for expression, value, noted in (
        ("amount / 3", "3.333333", True),
        ("CAST(amount AS DECIMAL(18,8)) + 0.00000001", "10", True),
        ("amount * 0.1::DOUBLE * 3", "3", False),
        ("CAST(amount AS FLOAT) + 1234.56::FLOAT - 10", "1234.56", False),
    ):
        changed = ledger.replace(" amount,", f" {expression} AS amount,")
        _, written, listed = run({"balances": []}, transactions=changed)
        assert written["transactions"][0]["transactions"][0]["amount"] == Decimal(value)
        assert (("transactions", "rounded") in listed) == noted


# Joins that find several rows.


def test_a_row_that_a_join_returns_twice_counts_once():
    """Two rows of people have the id, so a join with them doubles ledger and balances."""
    tables = {"people": ["1,Ana,a@b.co,2020-01-01", "1,Ana Gil,a@b.co,2020-01-01"]}
    ledger = SELECTS["transactions"].replace("SELECT place", "SELECT ledger.place") + " JOIN people ON customer = id"
    balances = SELECTS["balances"].replace("SELECT place", "SELECT balances.place") + " JOIN people ON customer = id"
    _, written, listed = run(tables, transactions=ledger, balances=balances)
    assert [each["amount"] for each in written["transactions"][0]["transactions"]] == [10]
    assert [each["amount"] for each in written["customers"][0]["balance"]] == [10]
    assert listed["transactions", "returned_twice"] == ["ledger.csv:2"]
    assert listed["balances", "returned_twice"] == ["balances.csv:2"]


def test_a_customer_that_a_join_returns_twice_keeps_the_balance():
    """The balance comes from the same row of the same source."""
    people = SELECTS["customers"].replace("SELECT place", "SELECT people.place").replace(" id,", " people.id,")
    balances = "SELECT place, id AS customer_id, 'points' AS reward, 10 AS amount FROM people"
    _, written, listed = run(customers=f"{people} JOIN (VALUES (1), (2)) ON true", balances=balances)
    assert [each["amount"] for each in written["customers"][0]["balance"]] == [10]
    assert listed == {
        ("customers", "same_row_twice"): ["people.csv:2"],
        ("source balances", "not_selected"): ["balances.csv:2"],
    }


def test_an_order_that_is_there_twice_has_its_lines_once():
    """Each of its rows finds both line items. Two line items that say the same are two."""
    order = TABLES["orders"][1][0]
    _, written, listed = run({"orders": [order, order], "lines": ["7,TEA,1,2.75", "7,TEA,1,2.75"]})
    (event,) = written["events"][0]["events"]
    assert [each["value"] for each in event["order"]["products"]] == [Decimal("2.75")] * 2
    assert event["order"]["value"] == Decimal("5.50")
    assert listed == {("events", "returned_twice"): ["orders.csv:3"] * 2}


def test_an_order_in_two_exports_is_written_once():
    """Exports overlap. Line items of one file are two also if they are equal; a file that says more is no copy."""
    header = "id,customer,date,total,sku,qty,price\n"
    row = "7,1,2021-01-01,5.50,TEA,2,2.75\n"
    select = """SELECT place, customer AS customer_id, id AS purchase_id, date AS issued_at, total AS value,
        total AS discounted_value, 'CASH' AS payment_method, sku, qty AS quantity, price AS line_value FROM bought"""
    frame = FRAME.replace("[sources]", '[sources]\nbought = { path = "bought*.csv", dates = ["date"] }')
    run()
    text = frame + f'[customers]\nselect = "{SELECTS["customers"]}"\n[events]\nselect = """{select}"""\n'
    for first, second, items in (
        (row, row, 1),
        (row * 2, row * 2, 2),
        (row * 2, row, 3),
        (row, row.replace("TEA", "CUP"), 2),
        (row, row.replace("7,1", "8,1"), 2),
    ):
        for name, rows in (("1", first), ("2", second)):
            Path(f"bought{name}.csv").write_text(header + rows)
        _, written, listed = read(prepare_text(text))
        products = [each for event in written["events"][0]["events"] for each in event["order"]["products"]]
        assert len(products) == items
        left = listed.get(("events", "same_row_twice"), [])
        assert left == ([f"bought2.csv:{line}" for line in range(2, 2 + items)] if first == second else [])


def test_line_items_in_one_cell_need_numbers():
    """Without line_no, two that say the same are taken for one that was returned twice, and listed."""
    unnested = SELECTS["events"].replace("l.place AS line_place, ", "").replace(" sku,", " 'TEA' AS sku,")
    unnested = unnested.replace(
        "LEFT JOIN lines l ON order_id = id", "CROSS JOIN (VALUES (1, 1, 2), (2, 1, 2)) AS l(n, qty, price)"
    )
    _, written, listed = run(events=unnested)
    assert len(written["events"][0]["events"][0]["order"]["products"]) == 1
    assert listed["events", "returned_twice"] == ["orders.csv:2"]
    _, written, listed = run(events=unnested.replace("SELECT ", "SELECT n AS line_no, "))
    assert len(written["events"][0]["events"][0]["order"]["products"]) == 2
    assert ("events", "returned_twice") not in listed


def test_a_value_per_line_is_no_value_of_the_order():
    """The figures close although the rows do not agree about the order, and no place tells them apart."""
    lines = [f"7,S{number},1,{number}" for number in range(1, 60)]
    events = SELECTS["events"].replace("l.place AS line_place, ", "").replace("total AS value", "price AS value")
    _, written, listed = run({"lines": lines}, events=events)
    assert "events" not in written
    assert set(listed["events", "order_fields_differ"]) == {"orders.csv:2"}


# Places.


def test_line_items_without_an_order_are_listed_by_their_own_place():
    """Also if the lines are on the left of the join."""
    events = SELECTS["events"].replace("orders o LEFT JOIN lines l", "lines l LEFT JOIN orders o")
    _, written, listed = run({"lines": ["7,TEA,1,5.50", "8,TEA,1,1"]}, events=events)
    assert listed == {("events", "no_customer"): ["lines.csv:3"]}
    assert len(written["events"]) == 1


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("NULL", "1 rows without a place"),
        ("nullif(place, place)", "1 rows without a place"),
        *(("0::BIGINT", "no source has"), ("place + (5::BIGINT << 40)", "no source has"), ("-place", "no source has")),
        *((f"{1 << 40}", "no source has"), ("1", "is no place"), ("'x'", "is no place")),
    ],
)
def test_a_place_is_one_of_a_source(place, what):
    """Else left-out.csv would name no row, or a wrong one."""
    select = SELECTS["transactions"].replace("SELECT place", f"SELECT {place} AS place")
    with pytest.raises(ConfigurationError, match=what) as error:
        run(transactions=select)
    assert error.value.place == "mapping.toml: [transactions] select"
    assert "`place` as it is" in error.value.hint


# SELECTs.


@pytest.mark.parametrize("end", ["", ";", " -- all", ";\n-- all", " ; /* ; */", "\n\n"])
def test_a_select_may_end_with_a_semicolon_or_a_comment(end):
    assert run(customers=SELECTS["customers"] + end)[2] == {}


def test_a_column_is_returned_once():
    with pytest.raises(ConfigurationError, match="`name` twice"):
        run(customers=SELECTS["customers"].replace(" name,", " name, email AS NAME,"))


@pytest.mark.parametrize(
    ("select", "line", "column"),
    [
        ("SELECT place, id,\n  nam AS name\nFROM people", 2, 3),
        ("\n\nSELECT place,\tid FROM\n peple", 3, 2),
        ("SELECT 'é' AS name, nam FROM people", 1, 21),
        (f"SELECT '{'x' * 300}' AS name, nam FROM people", 1, 320),
    ],
)
def test_an_error_of_sql_names_line_and_column_of_the_mapping(select, line, column):
    """Those of the file, in which the SELECT is one of several; an escaped SELECT has only its section and line."""
    before = 'x = """\n[customers] # not the section\nSELECT\n"""'
    frame = "# " + before.replace("\n", "\n# ") + FRAME
    Path("people.csv").write_text("id,name,email,joined\n1,Ana,a@b.co,2020-01-01\n")
    for name in ("balances", "orders", "lines", "ledger"):
        header, rows = TABLES[name]
        Path(f"{name}.csv").write_text("\n".join([header, *rows]))
    text = f"{frame}[customers] # here\nselect = '''{select}'''\n"
    with pytest.raises(ConfigurationError) as error:
        prepare_text(text)
    begin = text.split("\n").index("[customers] # here") + 2
    first = 0 if select.startswith("\n") else len("select = '''")
    shown = begin + line - 1 + (1 if select.startswith("\n") else 0)
    assert error.value.place == f"mapping.toml:{shown}:{column + (first if line == 1 else 0)}: [customers] select"
    escaped = json.dumps(select.replace("é", "e"))
    with pytest.raises(ConfigurationError) as error:
        prepare_text(f"{frame}[customers]\nselect = {escaped}\n")
    assert error.value.place.endswith("[customers] select") or error.value.place.startswith("mapping.toml: [customers]")


# Parquet.


def parquet(query, name="people"):
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"COPY ({query}) TO '{name}.parquet' (FORMAT parquet)")


def run_people(source):
    """Prepare customers and balances of one table without tags."""
    frame = f'[formats]\ntime_zone = "UTC"\n[rewards]\npoints = "{POINTS}"\n[sources]\npeople = {{ {source} }}\n'
    frame += '[customers]\nselect = "SELECT place, id, name, email, joined AS registration_date FROM people"\n'
    balances = "SELECT place, id AS customer_id, 'points' AS reward, amount FROM people"
    return read(prepare_text(f'{frame}[balances]\nselect = "{balances}"\n'))


def run_parquet(keys="", path="people.parquet"):
    frame = f'[formats]\ntime_zone = "America/Bogota"\n[rewards]\npoints = "{POINTS}"\n'
    frame += f'[sources.people]\npath = "{path}"\n{keys}\n'
    frame += '[customers]\nselect = "SELECT place, id, name, email, joined AS registration_date, tags FROM people"\n'
    balances = "SELECT place, id AS customer_id, 'points' AS reward, amount FROM people"
    return read(prepare_text(f'{frame}[balances]\nselect = "{balances}"\n'))


PERSON = (
    "1 AS id, 'Ana' AS name, 'a@b.co' AS email, TIMESTAMP '2020-01-01' AS joined, NULL::VARCHAR AS tags, 5 AS amount"
)


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ("1 AS id", "123456::DOUBLE AS id", "id", "123456"),
        ("1 AS id", "-1::FLOAT AS id", "id", "-1"),
        ("1 AS id", "9007199254740991::DOUBLE AS id", "id", "9007199254740991"),
        ("1 AS id", "-1234567890123456::DOUBLE AS id", "id", "-1234567890123456"),
        ("1 AS id", "16777215::FLOAT AS id", "id", "16777215"),
        ("1 AS id", "1.5::DOUBLE AS id", "id", "1.5"),
        ("1 AS id", "12345678901234567::BIGINT AS id", "id", "12345678901234567"),
        ("'Ana' AS name", "encode('Ñandú') AS name", "name", "Ñandú"),
        ("NULL::VARCHAR AS tags", "{'a': [1, 2]} AS tags", "tags", {"a": [1, 2]}),
        ("TIMESTAMP '2020-01-01' AS", "TIMESTAMPTZ '2020-01-01 00:00:00+05' AS", "registration_date",
         "2019-12-31T19:00:00Z"),
        ("TIMESTAMP '2020-01-01' AS", "DATE '2020-01-01' AS", "registration_date", "2020-01-01T05:00:00Z"),
        ("5 AS amount", "1234.56::FLOAT AS amount", "balance", [{"reward_id": POINTS, "amount": Decimal("1234.56")}]),
        ("5 AS amount", "123456789012.34::DOUBLE AS amount", "balance",
         [{"reward_id": POINTS, "amount": Decimal("123456789012.34")}]),
    ],
)  # fmt: skip
def test_types_of_parquet_are_written_as_a_person_would(old, new, field, value):
    assert old in PERSON
    parquet(f"SELECT {PERSON.replace(old, new)}")
    assert run_parquet()[1]["customers"][0][field] == value


@pytest.mark.parametrize(
    "id_", ["9007199254740992::DOUBLE", "-1e300::DOUBLE", "'inf'::DOUBLE", "16777216::FLOAT", "(1::HUGEINT << 70)"]
)
def test_an_id_that_has_lost_its_digits_is_left_out(id_):
    """It may have been another one. Parquet has no type for DuckDB's largest integers, which become doubles."""
    parquet(f"SELECT * FROM (SELECT {PERSON}) UNION ALL SELECT {PERSON.replace('1 AS', f'{id_} AS')}")
    _, written, listed = run_parquet()
    assert [each["id"] for each in written["customers"]] == ["1"]
    assert listed["customers", "digits_lost"] == ["people.parquet:2"]


@pytest.mark.parametrize("id_", [2.0**53, 2.0**53 + 2, -(2.0**60), 1e16, 1e300])
@pytest.mark.parametrize("mark", [".", ","])
def test_an_id_of_sqlite_that_has_lost_its_digits_is_left_out(id_, mark):
    """Python shows some of them with an exponent and some with digits. What belongs to the customer goes along."""
    with closing(sqlite3.connect("people.db")) as database:
        database.execute("CREATE TABLE people (id REAL, name, email, joined, amount REAL)")
        rows = [(id_, "Ana", "a@b.co", "2020-01-01", 5), (2.0**53 - 1, "Bea", "b@b.co", "2020-01-01", 1.5e6)]
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
        database.commit()
    source = 'path = "people.db", table = "people", dates = ["joined"], numbers = ["amount"]'
    _, written, listed = run_people(f'{source}, decimal_mark = "{mark}"')
    assert [(each["id"], each["balance"][0]["amount"]) for each in written["customers"]] == [
        ("9007199254740991", 1_500_000)
    ]
    assert listed["customers", "digits_lost"] == ["people.db:people:1"]
    assert listed["balances", "customer_left_out"] == ["people.db:people:1"]


@pytest.mark.parametrize("id_", ["1.23457E+12", "1,23457E+12", " 9.00719925474099e+15 ", "1e+16", "-1E+05", "1.E+15"])
def test_an_id_with_an_exponent_is_left_out(id_):
    """A spreadsheet shows long numbers like this, and saves what it shows."""
    Path("people.csv").write_text(
        f'id,name,email,joined,amount\n"{id_}",Ana,a@b.co,2020-01-01,5\n2,Bea,b@b.co,2020-01-01,5\n'
    )
    _, written, listed = run_people('path = "people.csv", dates = ["joined"], numbers = ["amount"]')
    assert [each["id"] for each in written["customers"]] == ["2"]
    assert listed["customers", "digits_lost"] == ["people.csv:2"]


@pytest.mark.parametrize("id_", ["1e5", "E+12", "5e+", "A1E+5", "1E+5X", "1 E+5", "123456789012345678", "1.5", "1e-5"])
def test_an_id_that_looks_nearly_like_a_number_is_kept(id_):
    """Only what programs write for a large number is refused."""
    Path("people.csv").write_text(f"id,name,email,joined,amount\n{id_},Ana,a@b.co,2020-01-01,5\n")
    _, written, _ = run_people('path = "people.csv", dates = ["joined"], numbers = ["amount"]')
    assert [each["id"] for each in written["customers"]] == [id_]


def test_an_id_that_is_no_number_is_missing():
    """NaN is what pandas keeps of a missing value."""
    parquet(f"SELECT {PERSON.replace('1 AS id', chr(39) + 'nan' + chr(39) + '::DOUBLE AS id')}")
    _, written, listed = run_parquet()
    assert "customers" not in written
    assert listed["customers", "no_customer"] == ["people.parquet:1"]


def test_a_list_is_no_text():
    parquet(f"SELECT {PERSON.replace(chr(39) + 'Ana' + chr(39), '[1, 2]')}")
    with pytest.raises(ConfigurationError, match="no single value"):
        run_parquet()


def test_infinity_is_no_date():
    for kind in ("TIMESTAMP", "TIMESTAMPTZ", "DATE"):
        for infinite in ("infinity", "-infinity"):
            person = PERSON.replace("TIMESTAMP", kind)
            parquet(
                f"SELECT {person} UNION ALL SELECT {person.replace('2020-01-01', infinite).replace('1 AS', '2 AS')}"
            )
            for keys in ("", 'dates = ["joined"]'):
                _, written, listed = run_parquet(keys)
                assert len(written["customers"]) == 1
                assert listed["customers", "bad_date"] == ["people.parquet:2"]


def test_files_with_other_types():
    """A column that is text in one file only would be read by the decimal mark in one, and not in the other."""
    parquet(f"SELECT {PERSON}", "people1")
    parquet(f"SELECT {PERSON.replace('5 AS', '7.5::DOUBLE AS').replace('1 AS', '2 AS').replace('a@', 'b@')}", "people2")
    _, written, _ = run_parquet('numbers = ["amount"]', "people*.parquet")
    assert [each["balance"][0]["amount"] for each in written["customers"]] == [5, Decimal("7.5")]
    text = PERSON.replace("5 AS", "'1.234' AS").replace("1 AS", "2 AS").replace("a@", "b@")
    parquet(f"SELECT {text}", "people2")
    with pytest.raises(ConfigurationError, match="as text in some files"):
        run_parquet('numbers = ["amount"]\ndecimal_mark = ","', "people*.parquet")


def test_a_damaged_parquet_file_is_named():
    parquet(f"SELECT {PERSON.replace('1 AS id', 'i AS id')} FROM range(9999) t(i)")
    whole = Path("people.parquet").read_bytes()
    for damaged in (b"PAR1 is not enough", whole[:-9], whole[:50] + bytes(300) + whole[350:]):
        Path("people.parquet").write_bytes(damaged)
        with pytest.raises(InputError, match="no Parquet file, or is damaged") as error:
            run_parquet()
        assert error.value.place == "mapping.toml: [sources] people"


# Several files of one source.


def people_of(**files):
    for name, text in files.items():
        Path(f"{name}.csv").write_text(text)
    frame = '[formats]\ntime_zone = "UTC"\n[sources]\npeople = { path = ["a.csv", "?.csv"], dates = ["joined"] }\n'
    return read(prepare_text(f'{frame}[customers]\nselect = "{SELECTS["customers"]}"\n'))


def test_columns_of_several_files_have_any_case_and_order():
    found, written, listed = people_of(
        a="id,name,email,joined\n1,Ana,a@b.co,2020-01-01\n", b="EMAIL,Name,Joined,ID,more\nb@b.co,Bea,2020-01-01,2,x\n"
    )
    assert [(each["id"], each["name"]) for each in written["customers"]] == [("1", "Ana"), ("2", "Bea")]
    assert (listed, found.warnings) == ({}, ())


def test_a_file_that_is_named_twice_is_read_once():
    """By a list and a pattern, or by a link."""
    Path("c.csv").symlink_to("a.csv")
    found, _, _ = people_of(a="id,name,email,joined\n1,Ana,a@b.co,2020-01-01\n")
    assert (found.sources[0].rows, found.sources[0].files) == (1, ("a.csv",))


def test_a_column_that_a_file_lacks_is_warned_of():
    found, _, listed = people_of(
        a="id,name,email,joined\n1,Ana,a@b.co,2020-01-01\n", b="id,name,joined\n2,Bea,2020-01-01\n"
    )
    assert found.warnings == ("b.csv lacks columns that a.csv has, so these are empty in people: email",)
    assert listed == {("customers", "missing_email"): ["b.csv:2"]}


def test_a_file_without_a_header_line_stops_the_command():
    """Its first row would be lost as a header. No value of it is quoted."""
    with pytest.raises(InputError, match=r"none of the columns that a\.csv has") as error:
        people_of(a="id,name,email,joined\n1,Ana,a@b.co,2020-01-01\n", b="2,Bea,b@b.co,2020-01-01\n")
    assert error.value.place == "b.csv"
    assert "Bea" not in f"{error.value}{error.value.hint}"


def test_whole_numbers_of_sqlite_have_no_point(tmp_path):
    """SQLite keeps an id as a double if the column says so. A row is known by file, table and number."""
    with sqlite3.connect("shop.db") as database:
        database.execute("CREATE TABLE people (id REAL, name, email, joined)")
        database.execute("INSERT INTO people VALUES (3, 'Ana', 'a@b.co', '2020-01-01'), (4, 'Bea', '', '2020-01-01')")
    database.close()
    frame = '[formats]\ntime_zone = "UTC"\n[sources]\npeople = { path = "shop.db", table = "people" }\n'
    _, written, listed = read(prepare_text(f'{frame}[customers]\nselect = "{SELECTS["customers"]}"\n'))
    assert written["customers"][0]["id"] == "3"
    assert listed == {("customers", "missing_email"): ["shop.db:people:2"]}
