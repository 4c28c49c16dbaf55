"""Laws of a whole preparation: text and nulls in every format, and bytes that depend on sources and mapping alone."""

import csv
import io
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_shop import MAPPING, make_shop

from masivo_stream.prepare.engine import run as running
from masivo_stream.prepare.engine.run import prepare
from masivo_stream.prepare.presets.begin_mapping import begin_mapping

FEW = 5
"""Examples: each is a preparation of many texts."""

COLUMNS = ("id", "name", "email", "joined", "country", "tags")
SELECT = "SELECT place, id, name, email, joined AS registration_date, country, tags FROM people"


def mapping(source):
    return f'[sources]\npeople = {{ {source}, dates = ["joined"] }}\n[customers]\nselect = "{SELECT}"\n'


def write_delimited(path, rows, delimiter, encoding, end):
    written = io.StringIO()
    # With line feeds alone, the writer of Python 3.11 does not quote a carriage return.
    quoting = csv.QUOTE_ALL if end == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(COLUMNS)
    writer.writerows([["" if value is None else value for value in row] for row in rows])
    path.write_bytes(written.getvalue().encode(encoding))


def write_parquet(path, rows):
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE t ({', '.join(f'{name} VARCHAR' for name in COLUMNS)})")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def write_sqlite(path, rows):
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE people ({', '.join(COLUMNS)})")
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()


def objects(rows):
    """Return rows as objects: a value that is missing is null, or not there at all."""
    made = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return [each if number % 2 else _without_null(each) for number, each in enumerate(made)]


def _without_null(each):
    return {name: value for name, value in each.items() if value is not None}


FORMATS = {
    "commas": ('path = "t.csv"', lambda path, rows: write_delimited(path, rows, ",", "utf-8", "\r\n")),
    "semicolons": (
        'path = "t.csv", delimiter = ";", encoding = "utf-16"',
        lambda path, rows: write_delimited(path, rows, ";", "utf-16", "\n"),
    ),
    "tabs": ('path = "t.tsv"', lambda path, rows: write_delimited(path, rows, "\t", "utf-8", "\n")),
    "bars": ('path = "t.csv", delimiter = "|"', lambda path, rows: write_delimited(path, rows, "|", "utf-8", "\r\n")),
    "ndjson": ('path = "t.ndjson"', lambda path, rows: path.write_text("\n".join(map(json.dumps, objects(rows))))),
    "json": ('path = "t.json"', lambda path, rows: path.write_text(json.dumps(objects(rows), ensure_ascii=False))),
    "sqlite": ('path = "t.db", table = "people"', write_sqlite),
    "parquet": ('path = "t.parquet"', write_parquet),
}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.lists(
    st.sampled_from(
        [
            '"',
            '""',
            "'",
            ",",
            ";",
            "\t",
            "|",
            "\n",
            "\r",
            "\r\n",
            "\\",
            "\\N",
            "NULL",
            "null",
            "a",
            " ",
            "Ñ",
            "东",
            "🎉",
        ]
    ),
    max_size=6,
).map("".join)


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=FEW, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.tuples(texts, texts), min_size=5, max_size=40))
def test_any_text_arrives_as_it_was(tmp_path_factory, form, found):
    """With every delimiter, quote and line break in it, in every format; white space around it is removed."""
    folder = tmp_path_factory.mktemp("texts")
    source, write = FORMATS[form]
    rows = [
        (str(number), f"-{name}-", f"{number}@b.co", "2020-01-01T00:00:00Z", country or None, None)
        for number, (name, country) in enumerate(found)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write(Path(source.split('"')[1]), rows)
        Path("mapping.toml").write_text(mapping(source))
        prepared = prepare("mapping.toml", Path("export"))
        written = [json.loads(line) for line in Path("export/customers.ndjson").read_bytes().splitlines()]
    assert {each["id"]: each["name"] for each in written} == {row[0]: row[1] for row in rows}
    countries = {row[0]: (row[4] or "").strip(" \t\r\n") for row in rows}
    assert {each["id"]: each["country"] for each in written if "country" in each} == {
        id_: country for id_, country in countries.items() if country
    }
    assert [each for each in prepared.remarks if each.action == "left_out"] == []


MISSING = (None, "", " ", "\t")


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_missing_is_missing_in_every_format(tmp_path, monkeypatch, form):
    """NULL, an empty text and white space, in each column: an optional field is absent, a needed one has a reason."""
    monkeypatch.chdir(tmp_path)
    source, write = FORMATS[form]
    good = ("1", "Ana", "a@b.co", "2020-01-01T00:00:00Z", "CO", '{"vip": null}')
    rows = [good]
    for column in range(len(COLUMNS)):
        for value in MISSING:
            number = len(rows) + 1
            row = [str(number), "Ana", f"{number}@b.co", *good[3:]]
            row[column] = value
            rows.append(tuple(row))
    write(Path(source.split('"')[1]), rows)
    Path("mapping.toml").write_text(mapping(source))
    found = prepare("mapping.toml", Path("export"))
    written = [json.loads(line) for line in Path("export/customers.ndjson").read_bytes().splitlines()]
    assert {each.reason: each.rows for each in found.remarks} == dict.fromkeys(
        ("no_customer", "missing_name", "missing_email", "missing_date"), len(MISSING)
    )
    assert len(written) == 1 + 2 * len(MISSING)
    assert sum("country" not in each for each in written) == len(MISSING)
    assert sum("tags" not in each for each in written) == len(MISSING)
    assert {json.dumps(each["tags"]) for each in written if "tags" in each} == {'{"vip": null}'}
    assert b"null" not in Path("export/customers.ndjson").read_bytes().replace(b'{"vip":null}', b"")


# The same bytes.

EXPORTS = ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv", "prepare.json")
PARTS = 'path = "parts/TABLE-*.csv"'


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop whose tables are in many files, which were written in the order of their names."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder, customers=120, seed=11)
    return folder


def divide(shop, folder, order):
    """Write the tables into many files each, in an order of their own."""
    (folder / "parts").mkdir(parents=True)
    written = {}
    for table in ("customers", "orders", "order_lines", "points_ledger"):
        with (shop / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file, delimiter=";")
        for number in range(7):
            written[f"{table}-{number}.csv"] = [header, *rows[number::7]]
    for name in order(sorted(written)):
        with (folder / "parts" / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=";").writerows(written[name])
    text = MAPPING
    for table in ("customers", "orders", "order_lines", "points_ledger"):
        text = text.replace(f'path = "{table}.csv"', PARTS.replace("TABLE", table))
    (folder / "mapping.toml").write_text(text)


def outcome(folder, monkeypatch, text=None):
    monkeypatch.chdir(folder)
    if text is not None:
        Path("mapping.toml").write_text(text)
    prepare("mapping.toml", Path("export"))
    return {name: Path("export", name).read_bytes() for name in EXPORTS}


def test_the_order_in_which_files_are_listed_does_not_matter(shop, tmp_path, monkeypatch):
    """Written forwards, backwards and at random; also for the mapping that is begun."""
    found, begun = [], []
    orders = (list, reversed, lambda names: random.Random(1).sample(names, len(names)))
    for number, order in enumerate(orders):
        divide(shop, tmp_path / str(number), order)
        found.append(outcome(tmp_path / str(number), monkeypatch))
        begun.append(begin_mapping("three-tables", ["parts"]))
    assert found[0] == found[1] == found[2]
    assert begun[0] == begun[1] == begun[2]


@pytest.mark.parametrize("rows", [100, 1500])
def test_partitions_and_threads_change_nothing(shop, tmp_path, monkeypatch, rows):
    """With as many partitions, any number of threads gives the same bytes; with others, the same lines are moved.

    How many partitions there are depends on the number of rows alone, so a user always has the same.
    """
    divide(shop, tmp_path / "one", list)
    whole = outcome(tmp_path / "one", monkeypatch)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", rows)
    text = Path("mapping.toml").read_text()
    parts = [outcome(tmp_path / "one", monkeypatch, f"{text}\n[engine]\nthreads = {threads}\n") for threads in (1, 4)]
    assert parts[0] == parts[1]
    for name in EXPORTS[:-1]:
        assert sorted(parts[0][name].splitlines()) == sorted(whole[name].splitlines()), name
    counted, known = json.loads(parts[0]["prepare.json"]), json.loads(whole["prepare.json"])
    assert counted["equations"] == known["equations"]
