"""The engine: every format of source, standard input, errors that name what is wrong, and work that is continued."""

import gzip
import io
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from made_shop import MAPPING, make_shop

from masivo_stream.model.errors import ConfigurationError, InputError, MasivoStreamError, StorageError
from masivo_stream.prepare.engine import database as databases
from masivo_stream.prepare.engine import run as running
from masivo_stream.prepare.engine.run import prepare

# ruff: noqa: S608 - the frame is made of our own text
POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
EXPORTS = ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv", "prepare.json")

FRAME = f"""
[rewards]
points = "{POINTS}"
[customers]
select = "SELECT place, id, name, email, joined AS registration_date FROM people"
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM people"
"""
PEOPLE = [
    ("1", 'Ana, "la" Ñandú', "a@b.co", "2020-01-01T10:00:00Z", "10.50"),
    ("2", "Bea", "b@b.co", "2020-06-01T10:00:00Z", "7"),
]
COLUMNS = ("id", "name", "email", "joined", "points")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text, output="export"):
    Path("mapping.toml").write_text(text)
    return prepare("mapping.toml", Path(output))


def read(name, output="export"):
    return [json.loads(line, parse_float=Decimal) for line in Path(output, name).read_bytes().splitlines()]


def make_csv(path, **_):
    rows = [",".join(COLUMNS), *(",".join('"' + value.replace('"', '""') + '"' for value in row) for row in PEOPLE)]
    path.write_text("\n".join(rows))


def make_parquet(path):
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE t (id BIGINT, name VARCHAR, email VARCHAR, joined TIMESTAMPTZ, points DECIMAL(9,2))"
        )
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", PEOPLE)
        database.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def make_sqlite(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (id INTEGER, name TEXT, email TEXT, joined TEXT, points REAL)")
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", PEOPLE)
    database.close()


def objects():
    return [dict(zip(COLUMNS, (int(row[0]), *row[1:4], float(row[4])), strict=True)) for row in PEOPLE]


FORMATS = {
    "people.csv": make_csv,
    "people.csv.gz": lambda path: (make_csv(path), path.write_bytes(gzip.compress(path.read_bytes()))),
    "people.parquet": make_parquet,
    "people.db": make_sqlite,
    "people.ndjson": lambda path: path.write_text("\n".join(map(json.dumps, objects()))),
    "people.json": lambda path: path.write_text(json.dumps(objects(), indent=2)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same(here, name):
    """Text, numbers with types, dates with types: one mapping, one export."""
    FORMATS[name](here / name)
    source = f'people = {{ path = "{name}", dates = ["joined"], numbers = ["points"], table = "people" }}'
    found = run(f"[sources]\n{source}\n{FRAME}")
    assert found.closes
    assert read("customers.ndjson") == [
        {
            "id": row[0], "name": row[1], "email": row[2], "registration_date": row[3],
            "balance": [{"reward_id": POINTS, "amount": Decimal(row[4]).normalize() if "." in row[4] else int(row[4])}],
        }
        for row in PEOPLE
    ]  # fmt: skip
    assert [entry["details"] for each in read("transactions.ndjson") for entry in each["transactions"]] == [
        "opening balance"
    ] * 2


def test_columns_need_not_be_declared(here):
    """What a SELECT returns as text under one of our names is cast by the formats of the mapping, and reported."""
    make_csv(here / "people.csv")
    with (here / "people.csv").open("a") as file:
        file.write('\n3,Eva,e@b.co,yesterday,"1,5"\n4,Eva,f@b.co,2020-01-01,"1,5"')
    found = run(f'[formats]\ntime_zone = "America/Bogota"\n[sources]\npeople = "people.csv"\n{FRAME}')
    assert [each["id"] for each in read("customers.ndjson")] == ["1", "2", "4"]
    assert read("customers.ndjson")[2]["registration_date"] == "2020-01-01T05:00:00Z"
    assert {(each.table, each.reason): each.rows for each in found.remarks if each.action == "left_out"} == {
        ("customers", "bad_date"): 1, ("balances", "customer_left_out"): 1, ("balances", "bad_number"): 1,
    }  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet", "ndjson"])
def test_a_column_can_have_any_name(here, suffix):
    """Also the names that the engine uses itself, quotes and spaces."""
    names = [
        "place",
        "c0",
        "c1",
        "words",
        "fault",
        "v0.t",
        "prepare_words",
        "prepare_place",
        'the "name"',
        "select",
        "it's",
    ]
    row = {**dict.fromkeys(names, "7"), "id": "1", "email": "a@b.co", "joined": "2020-01-01T00:00:00Z"}
    path = here / f"people.{suffix}"
    if suffix == "ndjson":
        path.write_text(json.dumps(row))
    else:
        (here / "t.json").write_text(json.dumps(row))
        with duckdb.connect() as database:
            database.execute(f"COPY (SELECT * FROM 't.json') TO '{path}'")
    text = """
        [customers]
        select = '''SELECT place, id, email, joined AS registration_date,
                    concat(c0, words, fault, prepare_words_2, place_2, "v0.t", "it's") AS name FROM people'''
    """
    found = run(f'[sources]\npeople = {{ path = "{path.name}", dates = ["joined"], numbers = ["c0", "v0.t"] }}\n{text}')
    assert found.closes
    assert read("customers.ndjson")[0]["name"] == "7.00000077777.0000007"


@pytest.mark.parametrize("declared", ['dates = ["born", "joined"]', 'dates = ["joined"]'])
@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Bogota", "UTC"])
def test_a_birthday_keeps_its_day(here, declared, zone):
    """A day without a time is midnight in UTC of that day, in any zone; other dates are moments."""
    (here / "people.csv").write_text(
        "id,name,email,joined,born\n1,Ana,a@b.co,2020-06-01,1990-05-05\n2,Bea,b@b.co,2020-06-01,1990-05-05T10:00:00Z\n"
    )
    frame = FRAME.partition("[balances]")[0].replace("email, joined", "email, born AS dob, joined")
    run(f'[formats]\ntime_zone = "{zone}"\n[sources]\npeople = {{ path = "people.csv", {declared} }}\n{frame}')
    assert [each["dob"] for each in read("customers.ndjson")] == ["1990-05-05T00:00:00Z", "1990-05-05T10:00:00Z"]


def test_standard_input_is_a_source(here, monkeypatch):
    r"""As from `psql \copy … TO STDOUT`; its copy is removed."""
    make_csv(here / "people.csv")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((here / "people.csv").read_bytes())))
    found = run(
        f'[sources]\npeople = {{ path = "-", format = "csv", dates = ["joined"], numbers = ["points"] }}\n{FRAME}'
    )
    assert len(read("customers.ndjson")) == 2
    assert found.sources[0].files == ("-",)
    assert sorted(path.name for path in here.iterdir()) == ["export", "mapping.toml", "people.csv"]


def test_several_files_are_one_source(here):
    """Columns by name, in any order; a place names the right file."""
    make_csv(here / "people-1.csv")
    (here / "people-2.csv").write_text("email,points,id,name,joined,extra\nc@b.co,x,3,Cleo,2021-01-01T00:00:00Z,!\n")
    source = 'people = { path = "people-*.csv", dates = ["joined"], numbers = ["points"] }'
    found = run(f"[sources]\n{source}\n{FRAME}")
    assert [each["id"] for each in read("customers.ndjson")] == ["1", "2"]
    assert {(each.file, each.line) for each in found.remarks if each.action == "left_out"} == {("people-2.csv", 2)}


def test_rows_that_no_select_returns_are_listed(here):
    """Rows that are filtered out, and those that are no rows; not those of a source that only completes others."""
    make_csv(here / "people.csv")
    (here / "people.csv").write_text((here / "people.csv").read_text() + "\nx,y\n")
    (here / "names.csv").write_text("id,nick\n9,x\n")
    sources = f'{PEOPLE_SOURCE}\nnames = {{ path = "names.csv", lookup = true }}'
    found = run(f"[sources]\n{sources}\n{FRAME}".replace("FROM people", "FROM people WHERE id <> '1'"))
    listed = (here / "export/left-out.csv").read_text().splitlines()[1:]
    assert listed[:2] == [
        "source people,left_out,wrong_field_count,people.csv,4,,,,",
        "source people,left_out,not_selected,people.csv,2,,,,",
    ]
    assert (found.sources[0].rows, found.sources[0].unreadable) == (3, 1)


SELECT = "mapping.toml: [customers] select"
AT = "mapping.toml:7:%s: [customers] select"
"""Line and column in the mapping."""
PEOPLE_SOURCE = 'people = { path = "people.csv", dates = ["joined"], numbers = ["points"] }'


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "hint"),
    [
        ("SELECT place, id,", "SELEC place, id,", AT % 11, "does not work", "correct the SELECT"),
        ("SELECT place, id,", "DELETE FROM people; SELECT place, id,", SELECT, "not one SELECT", "one SELECT"),
        ('FROM people"\n[bal', 'FROM persons"\n[bal', AT % 75, "persons", "correct the SELECT: the sources are people"),
        ("[sources]", '[engine]\nmemory = "much"\n[sources]', "mapping.toml: [engine] memory", "memory", "512MB"),
        ("SELECT place, id, name", "SELECT place, id, name AS nam", SELECT, "`nam`", "did you mean name?"),
        ("SELECT place, id, name", "SELECT id, name", SELECT, "place of its rows", "`place`"),
        ("SELECT place, id, name", "SELECT id AS place, id, name", SELECT, "no place", "as it is"),
        ("SELECT place, id, name", "SELECT place, id::DATE AS id, name", SELECT, "does not fit", "declare"),
        ('FROM people"\n[bal', "FROM read_csv('/etc/passwd')\"\n[bal", AT % 75, "Permission", "correct"),
        ('"joined"', '"joind"', "mapping.toml: [sources] people: dates: joind", "not a column", "email, joined"),
        ('"joined"', '"name"', "people.csv:2", "no dates in `name`", "date_formats"),
        ('"points"', '"email"', "people.csv:2", "no numbers in `email`", "decimal_mark"),
        ('"people.csv"', '"persons.csv"', "mapping.toml: [sources] people: persons.csv", "no such file", "relative"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(here, old, new, place, what, hint):
    """By key of the mapping or by file and line, with a remedy; no value of a record is quoted."""
    make_csv(here / "people.csv")
    text = f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}"
    assert old in text
    with pytest.raises(MasivoStreamError) as error:
        run(text.replace(old, new, 1))
    assert isinstance(error.value, ConfigurationError | InputError)
    assert error.value.place == place
    assert what in str(error.value)
    assert hint in error.value.hint
    assert "Ana" not in f"{error.value}{error.value.hint}"


def test_a_date_without_a_zone_stops_the_command(here):
    """With file and line, and what to write."""
    make_csv(here / "people.csv")
    text = (here / "people.csv").read_text().replace("2020-06-01T10:00:00Z", "2020-06-01 10:00:00")
    (here / "people.csv").write_text(text)
    for source in (PEOPLE_SOURCE, 'people = "people.csv"'):
        with pytest.raises(ConfigurationError, match="without a time zone") as error:
            run(f"[sources]\n{source}\n{FRAME}")
        assert "time_zone" in error.value.hint
    run(f'[formats]\ntime_zone = "America/Bogota"\n[sources]\n{PEOPLE_SOURCE}\n{FRAME}')
    assert read("customers.ndjson")[1]["registration_date"] == "2020-06-01T15:00:00Z"


def test_an_export_that_was_not_prepared_is_kept(here):
    """A directory that holds one is refused."""
    make_csv(here / "people.csv")
    (here / "export").mkdir()
    (here / "export/customers.ndjson").write_text("mine")
    with pytest.raises(ConfigurationError, match="not prepared"):
        run(f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}")
    assert (here / "export/customers.ndjson").read_text() == "mine"


def test_an_earlier_preparation_is_replaced(here):
    """A kind that has no records any more has no export any more."""
    make_csv(here / "people.csv")
    run(f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}")
    assert (here / "export/transactions.ndjson").exists()
    found = run(f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}".partition("[balances]")[0])
    assert found.kinds == ("customers",)
    assert not (here / "export/transactions.ndjson").exists()


def test_what_came_and_what_was_written_are_counted_apart(here, monkeypatch):
    """If a record is lost between, the command ends as a bug, and nothing is published."""
    make_csv(here / "people.csv")
    monkeypatch.setattr(running.OutputFiles, "write", lambda *_: None)
    with pytest.raises(MasivoStreamError, match="do not close") as error:
        run(f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}")
    assert error.value.exit_code == 1
    assert not (here / "export/customers.ndjson").exists()


# Interrupted work.


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of several partitions, and what comes out of it without an interruption."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder, customers=400, seed=7)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(running, "ROWS_OF_A_PARTITION", 500)
        prepare("mapping.toml", folder / "whole")
    return folder


def outcome(folder):
    return {name: (folder / name).read_bytes() for name in EXPORTS}


class Stopped(Exception):  # noqa: N818 - no error, an interruption
    pass


def test_work_that_was_stopped_is_continued(shop, tmp_path, monkeypatch):
    """Stopped before each step in turn, in one directory after the other: the same bytes in the end."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 500)
    shown = []
    prepare("mapping.toml", tmp_path / "once", lambda step: shown.append(step.step))
    seen = list(dict.fromkeys(shown))
    assert outcome(tmp_path / "once") == outcome(shop / "whole")
    assert len([step for step in seen if step.startswith("write part")]) > 3
    output = tmp_path / "often"
    done = []
    for number in range(1, len(seen)):

        def show(step, number=number):
            done.append((number, step.step))
            if step.step == seen[number]:
                raise Stopped

        with pytest.raises(Stopped):
            prepare("mapping.toml", output, show)
        for path in output.glob(".*.partial"):  # as if a step had written some of it before it was killed
            with path.open("ab") as file:
                file.write(b'{"half a record')
    prepare("mapping.toml", output, lambda step: done.append((len(seen), step.step)))
    assert outcome(output) == outcome(shop / "whole")
    assert {number for number, step in done if step == seen[0]} == {1}  # no step that was done is done again
    assert not (output / ".spill").exists()


def test_other_work_is_not_continued(shop, tmp_path, monkeypatch):
    """A changed source or mapping begins from the beginning."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 500)

    def stop(step):
        if step.step.startswith("write part 2"):
            raise Stopped

    with pytest.raises(Stopped):
        prepare("mapping.toml", tmp_path / "export", stop)
    (tmp_path / "mapping.toml").write_text(MAPPING.replace('"2018-01-01"', '"2017-01-01"'))
    prepare(str(tmp_path / "mapping.toml"), tmp_path / "export")
    dates = [each["registration_date"] for each in read("customers.ndjson", tmp_path / "export")]
    assert "2017-01-01T00:00:00Z" in dates
    assert "2018-01-01T00:00:00Z" not in dates


def test_work_whose_files_are_gone_begins_again(shop, tmp_path, monkeypatch):
    """Also if it was killed while the files got their names, or if another directory shares the spill directory."""
    monkeypatch.chdir(shop)
    monkeypatch.setattr(running, "ROWS_OF_A_PARTITION", 500)
    (tmp_path / "mapping.toml").write_text(f'{MAPPING}\n[engine]\nspill_dir = "{tmp_path}"\n')

    def stop(step):
        if step.step.startswith("count"):
            raise Stopped

    for output in ("one", "two"):
        with pytest.raises(Stopped):
            prepare(str(tmp_path / "mapping.toml"), tmp_path / output, stop)
    (tmp_path / "two/.events.ndjson.partial").rename(tmp_path / "two/events.ndjson")
    (tmp_path / "two/prepare.json").write_text("{}")
    for output in ("two", "one"):
        prepare(str(tmp_path / "mapping.toml"), tmp_path / output)
        for name in EXPORTS[:-1]:
            assert (tmp_path / output / name).read_bytes() == (shop / "whole" / name).read_bytes()


@pytest.mark.parametrize("number", range(4))
def test_work_that_was_stopped_while_the_files_got_their_names(here, monkeypatch, number):
    """Some have them and others not: the same command begins again, in a new directory as in an old one."""
    make_csv(here / "people.csv")
    text = f"[sources]\n{PEOPLE_SOURCE}\n{FRAME}"
    run(text)
    names = {path.name: path.read_bytes() for path in (here / "export").iterdir()}
    rename, renamed = Path.replace, []

    def stop(path, target):
        if Path(target).name in names:
            if len(renamed) == number:
                raise Stopped
            renamed.append(target)
        return rename(path, target)

    for output in ("new", "export"):
        renamed.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", stop)
            with pytest.raises(Stopped):
                run(text, output)
        assert len(renamed) == number
        run(text, output)
        assert {path.name: path.read_bytes() for path in Path(output).iterdir()} == names


def test_progress_is_shown_while_a_source_is_read(shop, tmp_path, monkeypatch):
    """Shares only grow, up to nearly all of it."""
    monkeypatch.chdir(shop)
    shares = []
    prepare("mapping.toml", tmp_path / "export", lambda step: shares.append(step.share))
    assert shares == sorted(shares)
    assert len(shares) > 10
    assert 0.9 < shares[-1] < 1


def test_progress_is_shown_while_the_database_works(here, monkeypatch):
    """Within a Parquet file, which it reads itself, and within a SELECT."""
    monkeypatch.setattr(databases, "SECONDS_BETWEEN_LOOKS", 0.001)
    with duckdb.connect() as database:
        columns = "i AS id, 'Ana' AS name, i || '@b.co' AS email, TIMESTAMPTZ '2020-01-01' AS joined, 7 AS points"
        database.execute(f"COPY (SELECT {columns} FROM range(200_000) t(i)) TO 'people.parquet' (ROW_GROUP_SIZE 2048)")
    Path("mapping.toml").write_text(f'[sources]\npeople = "people.parquet"\n{FRAME.partition("[balances]")[0]}')
    shown = []

    def show(step):
        shown.append((step.step, step.share))
        if step.step.startswith("find"):
            raise Stopped

    with pytest.raises(Stopped):
        prepare("mapping.toml", here / "export", show)
    assert [share for _, share in shown] == sorted(share for _, share in shown)
    for step in ("load people", "select customers"):
        assert len({share for of, share in shown if of == step}) > 1, step


def test_two_processes_do_not_share_a_directory(shop, tmp_path, monkeypatch):
    """The second one is refused while the first is at work."""
    monkeypatch.chdir(shop)

    def again(step):
        with pytest.raises(ConfigurationError, match="another process"):
            prepare("mapping.toml", tmp_path / "export")
        raise Stopped

    with pytest.raises(Stopped):
        prepare("mapping.toml", tmp_path / "export", again)


COMMAND = Path(sys.executable).with_name("masivo-stream")


IN_PARTS = """
import sys
from masivo_stream.cli.main import main
from masivo_stream.prepare.engine import run
run.ROWS_OF_A_PARTITION = 500
main()
"""
"""The command, with many partitions of a small shop."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_kill_9_at_any_moment(shop, tmp_path, monkeypatch, seed):
    """The same command, killed at random moments, ends with the same bytes as without."""
    chance = random.Random(seed)
    monkeypatch.chdir(shop)
    arguments = [sys.executable, "-c", IN_PARTS, "prepare", "mapping.toml", "-q", "-o", tmp_path / "export"]
    killed = 0
    while killed < 6:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # From the start of Python to the last step: the work is watched, since the machine's speed is not known.
        wanted = chance.choice(
            ["", ".spill/progress.json", ".spill/sources", ".spill/flat", ".spill/lost-emails.parquet"]
        )
        while process.poll() is None and not (tmp_path / "export" / wanted).exists():
            time.sleep(0.01)
        try:
            _, complaints = process.communicate(timeout=chance.uniform(0, 0.3))
            assert process.returncode == 0, complaints
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    done = subprocess.run(arguments, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "export") == outcome(shop / "whole")
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == sorted(EXPORTS)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [30, 100])
def test_a_full_disk_is_said_and_survived(shop, tmp_path, blocks):
    """Exit code 6 with a hint, at whatever step; with room again, the same command goes on to the same bytes."""
    line = f'ulimit -f {blocks}; exec "$@"'
    arguments = [COMMAND, "prepare", "mapping.toml", "-q", "-o", tmp_path / "export"]
    done = subprocess.run(
        ["bash", "-c", line, "bash", *arguments], cwd=shop, check=False, capture_output=True, text=True
    )
    assert done.returncode == 6, done.stderr
    assert "hint: raise the largest size of a file" in done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"@example|Núñez", done.stderr)
    subprocess.run(arguments, cwd=shop, check=True, capture_output=True)
    subprocess.run([*arguments[:-1], tmp_path / "whole"], cwd=shop, check=True, capture_output=True)
    assert outcome(tmp_path / "export") == outcome(tmp_path / "whole")


def test_memory_that_is_too_small_is_said(shop, tmp_path, monkeypatch):
    """Exit code 6, and the key to raise."""
    monkeypatch.chdir(shop)
    (tmp_path / "mapping.toml").write_text(f'{MAPPING}\n[engine]\nmemory = "5MB"\n')
    with pytest.raises(StorageError, match="more memory") as error:
        prepare(str(tmp_path / "mapping.toml"), tmp_path / "export")
    assert "raise memory" in error.value.hint


def test_without_the_extra_the_command_says_how_to_get_it(shop, tmp_path, monkeypatch):
    """In one line."""
    monkeypatch.chdir(shop)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigurationError, match="DuckDB, which is not installed") as error:
        prepare("mapping.toml", tmp_path / "export")
    assert error.value.hint == "pip install 'masivo-stream[prepare]'"
