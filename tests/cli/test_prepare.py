"""`prepare` as a function: what it prints, its exit codes, and what other commands make of its directory."""

import csv
import json
import re
import signal
from contextlib import suppress

import pytest
from made_shop import MAPPING, make_shop

from masivo_stream.prepare.engine import run as preparing
from masivo_stream.prepare.presets.preset_files import list_presets


@pytest.fixture
def shop(tmp_path):
    """A small shop in the working directory."""
    make_shop(tmp_path, customers=60)
    return tmp_path


def test_a_shop_is_prepared_in_one_screen(command, shop):
    """Figures that add up, what was left out and why, requests, and the next command."""
    ended = command("prepare", "mapping.toml", "-o", "export")
    assert ended.code == 0, ended.err
    assert "adds up; " in ended.out
    assert "left out: " in ended.out
    assert "would migrate: " in ended.out
    assert ended.out.endswith("next:\n  masivo-stream migrate --from export\n")
    assert ended.err == ""


def test_a_check_writes_nothing(command, shop):
    """The same figures, and no file."""
    before = sorted(shop.iterdir())
    checked = command("prepare", "mapping.toml", "--check", "--json")
    assert sorted(shop.iterdir()) == before
    written = json.loads(command("prepare", "mapping.toml", "-o", "export", "--json").out)
    found = json.loads(checked.out)
    assert checked.code == 0
    assert found["preparation"]["remarks"] == written["preparation"]["remarks"]
    assert found["plan"]["requests"] == written["plan"]["requests"]
    assert json.loads((shop / "export/prepare.json").read_bytes()) == written["preparation"]
    assert "masivo-prepare-" not in checked.out  # the directory is gone
    assert {"customers.ndjson", "events.ndjson", "transactions.ndjson"} == set(re.findall(r"\w+\.ndjson", checked.out))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_the_database_swallows_ends_the_command(command, shop, monkeypatch, number, code):
    """DuckDB turns what a handler raises into an error of its own."""

    def execute(*_):
        with suppress(KeyboardInterrupt, SystemExit):
            signal.raise_signal(number)
        raise RuntimeError("Query interrupted")

    before = signal.getsignal(number)
    monkeypatch.setattr(preparing, "prepare", execute)
    try:
        ended = command("prepare", "mapping.toml", "-o", "export").code
    except SystemExit as error:  # `main` answers it
        ended = error.code
    assert ended == code
    assert signal.getsignal(number) == before


def test_a_prepared_directory_is_migrated(online, shop):
    """`--from` knows the files and their order; no record is refused, and each arrives."""
    assert online("prepare", "mapping.toml", "-o", "export").code == 0
    assert online("validate", "--from", "export").code == 0
    planned = json.loads(online("plan", "--from", "export", "--json").out)
    ended = online("migrate", "--from", "export", "--json", "--no-verify")
    summary = json.loads(ended.out)
    assert (ended.code, summary["outcome"]) == (0, "complete")
    for kind, figures in summary["kinds"].items():
        reversed_ = figures["skipped"]
        assert (figures["accepted"] + reversed_, figures["dead"]) == (figures["read"], 0), kind
        assert figures["requests"] == planned["kinds"][kind]["requests"]
    assert json.loads(online("migrate", "--from", "export", "--json").out)["kinds"]["customers"]["requests"] == 1


def test_a_directory_without_exports_is_said(command, tmp_path):
    """2, with the directory and what to name."""
    ended = command("migrate", "--from", "nowhere")
    assert ended.code == 2
    assert "there is no export in this directory" in ended.err


def test_nothing_that_would_migrate_is_said(command, shop):
    """3 if every customer is left out; the list names each row."""
    (shop / "mapping.toml").write_text(MAPPING.replace('enabled = "active"', 'enabled = "left_out"'))
    ended = command("prepare", "mapping.toml", "-o", "export")
    assert ended.code == 3
    assert "nothing would migrate" in ended.out
    with (shop / "export/left-out.csv").open(newline="") as file:
        assert {row["action"] for row in csv.DictReader(file)} >= {"left_out"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prepare"], "prepare needs one mapping"),
        (["prepare", "mapping.toml"], "prepare needs a directory to write to"),
        (["prepare", "nowhere.toml", "--check"], "cannot be read: No such file or directory"),
        (["prepare", "--print-sql", "shopifi"], "did you mean shopify?"),
        (["prepare", "--init", "shopify", "nowhere"], "there is no such file or directory"),
    ],
)
def test_what_is_missing_is_said(command, arguments, said):
    """On standard error, with a way out."""
    ended = command(*arguments)
    assert ended.out == ""
    assert said in ended.err
    assert "hint: " in ended.err


def test_presets_are_printed(command):
    """All names, and the mapping of each."""
    listed = command("prepare", "--print-sql", "list").out
    assert [line.partition(":")[0] for line in listed.splitlines()] == sorted(list_presets())
    assert command("prepare", "--print-sql", "shopify").out.startswith("# Shopify")


def test_a_mapping_is_begun(command, shop):
    """Sources by their names or columns, formats by the values; an existing file is kept."""
    ended = command("prepare", "--init", "three-tables", ".", "-o", "begun.toml")
    assert ended.code == 0
    text = (shop / "begun.toml").read_text()
    assert 'path = "customers.csv" # guessed by its name\ndelimiter = ";"' in text
    assert "# customers.csv: id, name, email, joined (dates), points (numbers), status" in text
    assert command("prepare", "--init", "three-tables", ".", "-o", "begun.toml").code == 2
    assert command("prepare", "--init", "three-tables", ".").out == text


def test_figures_that_do_not_close_are_a_bug(command, shop, monkeypatch):
    """1, and no export."""
    from masivo_stream.prepare.engine import run

    monkeypatch.setattr(run.OutputFiles, "write", lambda *_: None)
    ended = command("prepare", "mapping.toml", "-o", "export")
    assert ended.code == 1
    assert "do not close" in ended.err
    assert not (shop / "export/customers.ndjson").exists()


def test_a_shop_is_prepared_in_parts(command, shop):
    """Part by part, then all at once: the same screen and files as by one process, also with --check and --json."""
    whole = command("prepare", "mapping.toml", "-o", "whole")
    for number in (2, 1):
        made = command("prepare", "mapping.toml", "--part", f"{number}/2", "-o", "parts")
        assert (made.code, made.err) == (0, "")
        first, *rest = made.out.splitlines()
        assert first == f"part {number} of 2 is made: {2 - number} of 1 groups of customers"
        assert rest[-1] == "  masivo-stream prepare mapping.toml --parts parts -o export"
    assert command("prepare", "mapping.toml", "--part", "1/2", "-o", "parts").out.startswith("part 1 of 2 is there")
    ended = command("prepare", "mapping.toml", "--parts", "parts", "-o", "export")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == whole.out.replace("whole", "export")
    for path in (shop / "whole").iterdir():
        assert path.read_bytes() == (shop / "export" / path.name).read_bytes()
    checked = json.loads(command("prepare", "mapping.toml", "--parts", "parts", "--check", "--json").out)
    assert checked["preparation"] == json.loads((shop / "export/prepare.json").read_bytes())
    document = json.loads(command("prepare", "mapping.toml", "--part", "2/2", "-o", "parts", "--json").out)
    assert {**document["part"], "identity": "", "directory": ""} == {
        "number": 2, "of": 2, "identity": "", "directory": "", "partitions": 0, "of_partitions": 1, "was_there": True
    }  # fmt: skip


@pytest.mark.parametrize("part", ["2", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "", "/"])
def test_a_part_that_does_not_exist_is_refused(command, shop, part):
    """Before anything is read."""
    ended = command("prepare", "mapping.toml", f"--part={part}", "-o", "parts")
    assert ended.code == 2
    assert "hint: the parts of N are 1/N to N/N" in ended.err or "hint: write 3/8" in ended.err
    assert not (shop / "parts").exists()


ORIGINS = """
[formats]
time_zone = "UTC"
[rewards]
p = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
people = { path = "people.csv", dates = ["joined"] }
orders = { path = "orders.csv", dates = ["date"] }
[customers]
select = "SELECT place, id, name, email, joined AS registration_date FROM people"
[balances]
select = "SELECT place, id AS customer_id, 'p' AS reward, points AS amount FROM people"
[events]
select = '''SELECT place, customer AS customer_id, id AS purchase_id, date AS issued_at, total AS value,
    total AS discounted_value, 'CASH' AS payment_method, 'S' AS sku, '1' AS quantity, total AS line_value
    FROM orders'''"""


@pytest.mark.parametrize("way", ["check", "parts"])
def test_findings_name_the_rows_of_sources(command, tmp_path, way):
    """The exports of a check are gone: a person corrects the table."""
    (tmp_path / "mapping.toml").write_text(ORIGINS)
    (tmp_path / "people.csv").write_text(
        "id,name,email,joined,points\n1,Ana,a@b.co,2020-01-01,5\n2,Bea,b@b.co,2055-01-01,7\n"
    )
    (tmp_path / "orders.csv").write_text(
        "id,customer,date,total\n10,1,2021-01-01,12\n,2,2021-01-01,1\n11,2,2056-01-01,5\n12,2,2021-01-01,5\n"
    )
    flags = ["--check"] if way == "check" else ["-o", "export"]
    if way == "parts":
        assert command("prepare", "mapping.toml", "--part", "1/1", "-o", "parts").code == 0
        flags += ["--parts", "parts"]
    shown = " ".join(command("prepare", "mapping.toml", *flags).out.split())
    prefix = "" if way == "check" else "export/"
    assert f"registration_date: 1 record, first at {prefix}customers.ndjson:2 (from people.csv:3)" in shown
    assert f"first at {prefix}events.ndjson:2 (from orders.csv:4 and 1 more row)" in shown
    assert f"transactions[].issued_at: 1 record, first at {prefix}transactions.ndjson:2 (from people.csv:3)" in shown
    document = json.loads(command("prepare", "mapping.toml", *flags, "--json").out)
    future = next(each for each in document["plan"]["summary"]["checks"]["results"] if each["check"] == "future_date")
    assert future["first"][0]["origin"] == {"file": "people.csv", "line": 3, "rows": 1}
    assert future["fields"][1]["origin"] == {"file": "orders.csv", "line": 4, "rows": 2}
