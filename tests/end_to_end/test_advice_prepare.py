"""Advice about mappings and their sources: if followed, the export is written."""
# ruff: noqa: E501 - a case is a row of a table

import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import duckdb
import pytest
from advice_tools import expect_advice, paste, run_on_a_small_disk, small_disk
from end_to_end_tools import COMMAND, clean_environment, run

from masivo_stream.model.errors import InputError, StorageError
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.spill_dir import SpillDirectory
from masivo_stream.prepare.mapping.frame import NO_REWARD, Engine
from masivo_stream.prepare.sources.source_files import SourceFile, read_blocks

pytestmark = pytest.mark.slow

MAPPING = """
[formats]
time_zone = "America/Bogota"
date_formats = ["iso"]
[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
people = { path = "people.csv", dates = ["joined"], numbers = ["points"] }
[customers]
select = "SELECT place, id, name, email, joined AS registration_date, status FROM people"
statuses = { on = "active" }
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM people"
[engine]
threads = 1
"""
PEOPLE = "id,name,email,joined,points,status\n1,Ana,a@b.co,2020-01-01 10:00:00,10.50,on\n"


@pytest.fixture
def here(tmp_path):
    """A directory with a table and a mapping that fit."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "more.csv").write_text("id;amount\n1;2\n")
    return tmp_path


def prepare(here, *arguments, **options):
    """Run the command in the directory."""
    return run("prepare", "mapping.toml", "-o", "export", "--quiet", *arguments, cwd=here, **options)


def change(here, old, new, file="mapping.toml"):
    text = (here / file).read_text()
    assert old in text
    (here / file).write_text(text.replace(old, new, 1))


def check_written(here):
    """The export is there, and it is right."""
    done = prepare(here)
    assert done.returncode == 0, done.stderr
    assert b'"name":"Ana"' in (here / "export/customers.ndjson").read_bytes()


SOURCE = '{ path = "people.csv", dates = ["joined"], numbers = ["points"] }'
SOURCE_ROW = f"people = {SOURCE}"
ISO = 'date_formats = ["iso"]'
CUSTOMERS = 'select = "SELECT place, id, name, email, joined AS registration_date, status FROM people"'

KINDS = MAPPING[MAPPING.index("[customers]") : MAPPING.index("[engine]")]


@pytest.mark.parametrize(
    ("good", "bad", "text", "again"),
    [
        ("[formats]", "[format]", "did you mean {…}?", "[{0}]"),
        ("[formats]", "[shapes]\n[formats]", "the known names are: {…}", "[formats]"),
        ("time_zone", "timezone", "did you mean {…}?", "{0}"),
        ('"America/Bogota"', '"Macondo"', "use a name of the IANA database, such as America/Bogota", '"America/Bogota"'),
        ('"America/Bogota"', '"America/Bogotaa"', "did you mean {…}?", '"{0}"'),
        ('"America/Bogota"', "5", 'write a text: "…"', '"America/Bogota"'),
        (ISO, 'date_formats = "iso"', 'write a list of texts: ["…"]', ISO),
        (ISO, 'date_formats = ["yyyy"]', 'use iso, unix, unix_ms, or a format such as "%d/%m/%Y %H:%M"', ISO),
        (ISO, 'encoding = "utf9"', "use for example utf-8, latin-1, cp1252 or utf-16", 'encoding = "utf-8"'),
        (ISO, "quote = '<>'", "use one character", "quote = '\"'"),
        (ISO, "backslash_escapes = 1", "write true or false", "backslash_escapes = false"),
        (ISO, 'decimal_mark = "-"', "use one of: {…}", 'decimal_mark = "."'),
        ('"5f0c', '"5f', "write the UUID; masivo-stream check lists the rewards of an account", '"5f0c'),
        ("people = {", "my-people = {", "use letters, digits and _", "people = {"),
        (SOURCE_ROW, "people = 7", 'write {…} = { path = "{…}.csv" }', '{0} = {{ path = "{1}.csv", numbers = ["points"] }}'),
        ('path = "people.csv"', "path = []", "name a path, a glob, or - for standard input", 'path = "people.csv"'),
        ('"people.csv"', '"people.dat"', "add format, one of {…}", '"people.csv", format = "csv"'),
        (SOURCE_ROW, 'people = { path = "people.db" }', 'add table = "{…}"', SOURCE_ROW),
        (CUSTOMERS, "# no SELECT", "add {…}", CUSTOMERS),
        ("[engine]", '[policies]\nmissing_date = "soon"\n[engine]', 'write leave_out, first_activity, or a date such as "2018-01-01"', '[policies]\nmissing_date = "2018-01-01"\n[engine]'),
        (KINDS, "", "add one, with a SELECT", f"{KINDS}"),
        ('on = "active"', 'on = "live"', "the words mean one of: {…}", 'on = "active"'),
        ("threads = 1", "threads = 0", "use 1 or more", "threads = 1"),
        ("threads = 1", "threads = true", "write a whole number", "threads = 1"),
        ("threads = 1", 'memory = "much"', 'write for example "512MB" or "2GB"', 'memory = "512MB"'),
        ("threads = 1", 'memory = "1MB"', "raise memory in [engine], or lower threads", 'memory = "512MB"'),
        ("[balances]\nselect", "[balances]\nselection", "did you mean {…}?", "[balances]\n{0}"),
        (SOURCE, "{}", "name a path, a glob, or - for standard input", SOURCE),
        (SOURCE_ROW, 'people = { path = "-", format = "csv" }\nmore = { path = "-", format = "csv" }', "only one source can be `-`", SOURCE_ROW),
        ("[formats]", "[formats", "masivo-stream prepare --init writes one to begin with", "[formats]"),
        ("place, id, name", "place, id, name AS nome, name", "did you mean {…}?", "place, id, {0}"),
        ("place, id, name", "place, id, 1 AS xyz, name", "the columns are: {…}", "place, id, name"),
        ("SELECT place, id, name", "SELECT id, name", "add `place` of the main table: what is left out is then named by file and line", "SELECT place, id, name"),
        ("email, joined AS registration_date, ", "joined AS registration_date, ", "add it, as NULL AS {…} if there is nothing to select", "{0}, joined AS registration_date, "),
        ("SELECT place, id, name", "SELECT id AS place, id, name", "select `place` as it is, of a source that every row comes from: the one on the left of a LEFT JOIN", "SELECT place, id, name"),
        ("SELECT place, id, name", "SELECT nullif(place, place) AS place, id, name", "select `place` as it is, of a source that every row comes from: the one on the left of a LEFT JOIN", "SELECT place, id, name"),
        ("SELECT place, id, name", "SELECT place, id, [name] AS name", "select one element or field of it, or a row per element with unnest()", "SELECT place, id, [name][1] AS name"),
        ("SELECT place, id, name", "SELECT place, id, name, id AS name", "name the other column differently, or do not select it", "SELECT place, id, name"),
        (ISO, 'date_formats = ["iso", "%d/%m"]', "a format has %Y or %y, and the parts of https://duckdb.org/docs/sql/functions/dateformat", 'date_formats = ["iso", "%d/%m/%Y"]'),
        (ISO, 'date_formats = ["iso", "%d/%N/%Y"]', "a format has %Y or %y, and the parts of https://duckdb.org/docs/sql/functions/dateformat", 'date_formats = ["iso", "%d/%m/%Y"]'),
        ("status FROM people", "status FORM people", "correct the SELECT", "status FROM people"),
        ("status FROM people", "status FROM kunden", "correct the SELECT: the sources are {…}", "status FROM {0}"),
        ("status FROM people", "status FROM people; SELECT 1", "write one SELECT, without a semicolon between statements", "status FROM people"),
        ("SELECT place, id, name", "SELECT place, id, name::INT AS name", "declare the column under `numbers` or `dates` of its source, instead of a cast in the SELECT", "SELECT place, id, name"),
        ('["joined"]', '["name"]', "correct {…} of this source, or take {…} off its {…}", '["joined"]'),
        ('["points"]', '["pints"]', "its columns are: {…}", '["points"]'),
        (SOURCE_ROW, f'{SOURCE_ROW}\nmore = {{ path = "none.json", lookup = true }}', 'name the columns in the mapping: header = ["…"]', f'{SOURCE_ROW}\nmore = {{ path = "none.json", lookup = true, header = ["id"], numbers = ["id"] }}'),
        (SOURCE_ROW, f'{SOURCE_ROW}\nmore = {{ path = "more.csv", lookup = true, numbers = ["id"] }}', "name the delimiter of this source in the mapping: delimiter = {…}", f'{SOURCE_ROW}\nmore = {{ path = "more.csv", lookup = true, numbers = ["id"], delimiter = ";" }}'),
        ('time_zone = "America/Bogota"', "# no zone", 'name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"', 'time_zone = "America/Bogota"'),
        ('"people.csv"', '"nowhere/people.csv"', "paths are relative to the directory in which the command is started", '"people.csv"'),
    ],
)  # fmt: skip
def test_a_mapping_is_corrected_as_the_hint_says(here, good, bad, text, again):
    """What is wrong is written as the hint has it, and the export is written."""
    change(here, good, bad)
    done = prepare(here)
    assert done.returncode in {2, 5, 6}, done.stderr
    holes = expect_advice(done, text)
    change(here, bad, again.format(*holes) if holes and re.search(r"\{\d\}", again) else again)
    check_written(here)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("rewards", 'write names and ids: points = "the reward\'s id"'),
        ("sources", 'write for example orders = { path = "orders.csv" }'),
        ("engine", "write its keys below it"),
    ],
)
def test_a_section_has_keys(here, section, text):
    """A value in the place of a section is replaced by one."""
    good = (here / "mapping.toml").read_text()
    without = re.sub(rf"(?m)^\[{section}\]\n(?:[^\[].*\n)*", "", good)
    (here / "mapping.toml").write_text(f"{section} = 1\n{without}")
    expect_advice(prepare(here), text)
    (here / "mapping.toml").write_text(good)
    check_written(here)


def test_dates_from_a_select_have_a_zone(here):
    """Text that a SELECT returns is read by the formats of the mapping, which names the zone."""
    change(here, 'dates = ["joined"], ', "")
    change(here, 'time_zone = "America/Bogota"', "")
    done = prepare(here)
    expect_advice(done, 'name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"')
    change(here, "[formats]", '[formats]\ntime_zone = "America/Bogota"')
    check_written(here)


def test_a_table_that_is_wrong_is_corrected(here):
    """Each is read once it is as the hint says; what was wrong is named by file and line."""
    good = (here / "people.csv").read_text()
    (here / "people.csv").write_text("")
    expect_advice(prepare(here), 'name the columns in the mapping: header = ["…"]')
    (here / "people.csv").write_text(good + '2,"Bea,b@b.co,2020-01-01 10:00:00,1,on\n')
    expect_advice(prepare(here), 'correct that line, or say quote = "" in the mapping if nothing is quoted')
    (here / "people.csv").write_bytes(gzip.compress(good.encode())[:-6])
    expect_advice(prepare(here), "copy it again, or export it again")
    (here / "people.csv").write_text(good)
    check_written(here)
    (here / "people.csv").write_text(good.partition("\n")[2])
    change(here, '"people.csv"', '"people.csv", header = ["id", "name", "email", "joined", "points", "status"]')
    check_written(here)


def test_a_source_that_is_no_table_is_named_right(here):
    """A JSON array that is no array, one that is cut off, an SQLite table that is not there."""
    row = (
        '{"id": "1", "name": "Ana", "email": "a@b.co", "joined": "2020-01-01T00:00:00Z", "points": 10, "status": "on"}'
    )
    (here / "people.json").write_text(row)
    change(here, '"people.csv"', '"people.json"')
    expect_advice(prepare(here), 'say format = "ndjson" if there is an object per line')
    change(here, '"people.json"', '"people.json", format = "ndjson"')
    check_written(here)
    (here / "people.json").write_text(f"[{row},")
    change(here, ', format = "ndjson"', "")
    expect_advice(prepare(here), "export it again")
    (here / "people.json").write_text(f"[{row}]\n[{row}]")
    expect_advice(prepare(here), 'say format = "ndjson" if there is a value per line')
    (here / "people.json").write_text(f"{row}\n")
    change(here, '"people.json"', '"people.json", format = "ndjson"')
    check_written(here)
    change(here, 'format = "ndjson"', 'format = "parquet"')
    expect_advice(prepare(here), "export it again, or correct its format in the mapping")
    change(here, ', format = "parquet"', "")
    (here / "people.json").write_text(f"[{row}]")
    check_written(here)
    with closing(sqlite3.connect(here / "people.db")) as database:
        database.execute("CREATE TABLE people (id TEXT, name TEXT, email TEXT, joined TEXT, points REAL, status TEXT)")
        database.execute("INSERT INTO people VALUES ('1', 'Ana', 'a@b.co', '2020-01-01', 10.5, 'on')")
        database.commit()
    change(here, '"people.json"', '"people.db", table = "persons"')
    expect_advice(prepare(here), "check `table` in the mapping, and that the file is complete")
    change(here, "persons", "people")
    check_written(here)


def test_files_of_one_source_fit_each_other(here):
    """A file without a header line is given one; files with other types become sources that a SELECT unites."""
    header, _, row = PEOPLE.partition("\n")
    (here / "people2.csv").write_text(row.replace("1,Ana,a@b.co", "2,Bea,b@b.co"))
    change(here, '"people.csv"', '"people*.csv"')
    hint = (
        "give it a header line, or make it a source of its own; header in the mapping names the columns of files"
        " without one"
    )
    expect_advice(prepare(here), hint)
    (here / "people2.csv").write_text(f"{header}\n{row.replace('1,Ana,a@b.co', '2,Bea,b@b.co')}")
    check_written(here)
    with duckdb.connect() as database:
        for name, points in (("one", "5"), ("two", "'10.50'")):
            query = f"SELECT '{name}' AS id, 'Ana' AS name, '{name}@b.co' AS email, TIMESTAMP '2020-01-01' AS joined"
            database.execute(f"COPY ({query}, {points} AS points, 'on' AS status) TO '{here}/{name}.parquet'")
    change(here, '"people*.csv"', '["one.parquet", "two.parquet"]')
    expect_advice(prepare(here), "make a source of each kind of file, and UNION ALL them in the SELECT")
    change(here, '["one.parquet", "two.parquet"]', '"one.parquet"')
    change(here, SOURCE_ROW.replace("people.csv", "one.parquet"), ONE_AND_TWO)
    text = (here / "mapping.toml").read_text()
    (here / "mapping.toml").write_text(text.replace("FROM people", "FROM (FROM one UNION ALL FROM two)"))
    check_written(here)


ONE_AND_TWO = "\n".join(
    f'{name} = {{ path = "{name}.parquet", dates = ["joined"], numbers = ["points"] }}' for name in ("one", "two")
)


def test_an_encoding_is_named(here):
    """By the header line, by the mark that begins the file, or because the file ends within a character."""
    (here / "people.csv").write_bytes(
        PEOPLE.replace("status\n", "status,ñ\n").replace(",on\n", ",on,ñ\n").encode("cp1252")
    )
    done = prepare(here)
    expect_advice(done, 'name the encoding in the mapping, such as encoding = "latin-1", "cp1252" or "utf-16"')
    change(here, '"people.csv"', '"people.csv", encoding = "cp1252"')
    check_written(here)
    (here / "people.csv").write_bytes(PEOPLE.encode("utf-16"))
    (encoding,) = expect_advice(prepare(here), 'say encoding = "{…}"')
    change(here, '"cp1252"', f'"{encoding}"')
    check_written(here)
    (here / "people.csv").write_bytes(PEOPLE.encode("utf-16")[:-1])
    expect_advice(prepare(here), "name its encoding in the mapping, or export it again")
    (here / "people.csv").write_bytes(PEOPLE.encode("utf-16"))
    check_written(here)


def test_a_table_is_piped_into_the_command(here):
    """A terminal on standard input has no table; a pipe has one."""
    change(here, '"people.csv"', '"-", format = "csv"')
    controller, terminal = os.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "prepare", "mapping.toml", "-o", "export"],
            cwd=here,
            stdin=terminal,
            capture_output=True,
            check=False,
            env=clean_environment(),
        )
    finally:
        os.close(controller)
        os.close(terminal)
    expect_advice(done, "pipe a table into the command, as in: psql … | masivo-stream prepare mapping.toml -o export")
    done = prepare(here, stdin=(here / "people.csv").read_bytes())
    assert done.returncode == 0, done.stderr


def test_a_file_that_cannot_be_read_is_made_readable(here):
    """A directory in the place of a file is no file; a file without permission is one, but for root."""
    (here / "people.csv").rename(here / "real.csv")
    (here / "people.csv").symlink_to("people.csv")
    done = prepare(here)
    expect_advice(done, "paths are relative to the directory in which the command is started")
    with pytest.raises(InputError) as error:
        next(read_blocks(SourceFile("people.csv", str(here / "people.csv"))))
    assert error.value.hint == "check that it exists and can be read"
    (here / "people.csv").unlink()
    (here / "real.csv").rename(here / "people.csv")
    check_written(here)


def test_a_command_is_completed(here):
    """What is missing is named as the hint has it."""
    done = run("prepare", cwd=here)
    expect_advice(done, "masivo-stream prepare --init shopify src/ -o mapping.toml writes one")
    done = run("prepare", "mapping.toml", cwd=here)
    expect_advice(done, "name it: -o export; or write nothing: --check")
    assert run("prepare", "mapping.toml", "--check", cwd=here).returncode == 0
    done = run("prepare", "nowhere.toml", "--check", cwd=here)
    expect_advice(done, "masivo-stream prepare --init writes a mapping to begin with")
    done = run("prepare", "--init", "three-table", cwd=here)
    (name,) = expect_advice(done, "did you mean {…}?")
    done = run("prepare", "--init", "x", cwd=here)
    assert name in expect_advice(done, "the presets are: {…}")[0]
    done = run("prepare", "--init", name, cwd=here)
    expect_advice(done, "name the files, or the directory that holds them: masivo-stream prepare --init shopify src/")
    done = run("prepare", "--init", name, "nowhere", cwd=here)
    expect_advice(done, "name the files, or the directory that holds them")
    done = run("prepare", "--init", name, ".", "-o", "mapping.toml", cwd=here)
    expect_advice(done, "name another file with -o")
    done = run("prepare", "--init", name, ".", "-o", "begun.toml", cwd=here)
    assert done.returncode == 0
    expect_advice(done, "written: {…}\nnext: read its comments, then masivo-stream prepare {…} --check\n")
    (here / "mapping.toml").unlink()
    advice = "this writes a mapping to begin with: masivo-stream prepare --init three-tables {…} -o mapping.toml"
    for words in (["people.csv", "-o", "export"], ["--init", "people.csv", "-o", "mapping.toml"]):
        (table,) = expect_advice(run("prepare", *words, cwd=here), advice)
    assert paste(advice.partition(": ")[2].replace("{…}", table), cwd=here).returncode == 0
    assert "people.csv" in (here / "mapping.toml").read_text()


def test_what_was_prepared_is_migrated(here, served):
    """The last line of the screen is pasted; a directory without exports is replaced by the one that was written."""
    done = prepare(here)
    (directory,) = expect_advice(done, "next:\n  masivo-stream migrate --from {…}")[:1] or [""]
    command = f"masivo-stream migrate --from export --base-url {served.url} --limit none"
    assert done.stdout.decode().rstrip().endswith("masivo-stream migrate --from export"), directory
    wrong = paste(command.replace("export", "elsewhere"), key=served.key, cwd=here)
    expect_advice(wrong, "name the directory that masivo-stream prepare has written; it holds prepare.json")
    assert paste(command, key=served.key, cwd=here).returncode == 0
    assert served.ledger()["customers"] == {"1": 1}


def test_an_export_that_was_not_prepared_is_kept(here):
    """Another directory takes the new one."""
    (here / "export").mkdir()
    (here / "export/customers.ndjson").write_text("mine")
    expect_advice(prepare(here), "name another directory with -o, or move it away")
    assert run("prepare", "mapping.toml", "-o", "other", cwd=here).returncode == 0
    (here / "export/customers.ndjson").rename(here / "export/mine.ndjson")
    check_written(here)


def test_the_reward_of_a_preset_is_replaced(here):
    """It is warned of until it has the id of a reward."""
    advice = "replace it before you migrate; masivo-stream check lists the rewards of an account"
    good = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
    change(here, good, NO_REWARD)
    done = prepare(here)
    assert done.returncode == 0
    expect_advice(done, advice)
    change(here, NO_REWARD, good)
    done = prepare(here)
    assert b"has the id of no reward" not in done.stdout
    check_written(here)


def test_orders_that_are_not_reversed_are_mapped_as_active(here):
    """A shop's word for a paid order was taken for a reversed one: all of them would be skipped."""
    (here / "orders.csv").write_text("id,customer,date,total,state\n7,1,2021-01-01 10:00:00,5,done\n")
    change(here, "[sources]", '[sources]\norders = { path = "orders.csv", dates = ["date"] }')
    orders = """[events]
select = '''SELECT place, customer AS customer_id, id AS purchase_id, date AS issued_at, total AS value,
            total AS discounted_value, 'CASH' AS payment_method, state AS status, 'S' AS sku, '1' AS quantity,
            total AS line_value FROM orders'''
statuses = { done = "reversed" }
[engine]"""
    change(here, "[engine]", orders)
    text = (
        "{…} of {…} records of {…} would be skipped, the first at {…}: if these records are not deleted or reversed,"
        " export the fields `deleted`, `deleted_at`, `status` and `reversed_at` without a value, or leave the fields"
        " out; of exports that prepare has written, correct `statuses` in the mapping"
    )
    expect_advice(prepare(here, "--json"), text)
    change(here, 'done = "reversed"', 'done = "active"')
    done = prepare(here, "--json")
    assert done.returncode == 0
    assert b"would be skipped" not in done.stdout
    assert b'"purchase_id":"7"' in (here / "export/events.ndjson").read_bytes()


def test_two_at_once_wait_for_each_other(here):
    """The second one is refused, and works when the first one is done."""
    with SpillDirectory(here / "export/.spill", "x"):
        expect_advice(prepare(here), "wait for it, or name another directory")
    check_written(here)


def make_long(here):
    """Make the exports larger than anything that is spilled."""
    rows = (f"{number},{'x' * 5000},a{number}@b.co,2020-01-01 10:00:00,1,on\n" for number in range(2, 200))
    (here / "people.csv").write_text(PEOPLE + "".join(rows))


def test_a_full_disk_is_given_room(here):
    """Once there is room, the same command continues: in the output directory, and in that of the database."""
    make_long(here)
    with small_disk(here / "export", 400):
        done = prepare(here)
    assert done.returncode == 6
    expect_advice(done, "free space, or allow writing there; then start the same command again: it continues")
    check_written(here)
    query = "CREATE TABLE t AS SELECT range, hash(range)::VARCHAR AS h FROM range(400000) ORDER BY h"
    with small_disk(here / "spill", 200), Database(Engine(memory="20MB", threads=1), here / "spill", []) as database:
        with pytest.raises(StorageError) as caught:
            database.execute(query)
        text = "free space, or name another spill_dir in [engine]; then start the same command again: it continues"
        assert caught.value.hint == text
    with Database(Engine(memory="20MB", threads=1), here / "spill", []) as database:
        database.execute(query)


def test_what_is_broken_in_the_spill_directory_is_removed(here):
    """A table that another program has damaged; figures that do not close are there to be reported."""
    make_long(here)
    stopped = ("prepare", "mapping.toml", "-o", "export", "-q")
    assert run_on_a_small_disk(200, *stopped, cwd=here).returncode == 6
    for path in (here / "export/.spill/flat/customers").rglob("*.parquet"):
        path.write_bytes(b"no table")
    done = prepare(here)
    assert done.returncode == 1
    expect_advice(done, "remove the directory .spill and start again; if that does not help, please report it")
    shutil.rmtree(here / "export/.spill")
    check_written(here)
    assert run_on_a_small_disk(200, *stopped, cwd=here).returncode in {0, 6}
    shutil.rmtree(here / "export")
    assert run_on_a_small_disk(200, *stopped, cwd=here).returncode == 6
    progress = here / "export/.spill/progress.json"
    noted = json.loads(progress.read_bytes())
    lost = {"table": "customers", "action": "left_out", "why": "missing_name", "sums": {"rows": 1}}
    noted["sums"].append({**lost, "file": "left-out.csv"})
    progress.write_text(json.dumps(noted))
    done = prepare(here)
    assert done.returncode == 1
    expect_advice(done, "nothing was published; please report the figures in the message and the mapping")
    assert b"of customers do not close" in done.stderr


def test_the_extra_is_installed(here):
    """Without DuckDB, one line says how to get it; with it, the command works."""
    code = "import sys; sys.modules['duckdb'] = None; from masivo_stream.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "prepare", "mapping.toml", "-o", "export"],
        cwd=here,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 2
    expect_advice(done, "pip install 'masivo-stream[prepare]'")
    check_written(here)
