"""From tables to a finished migration, with the installed command: each order and each point arrives once."""

import json

import pytest
from end_to_end_tools import run
from made_shop import count_shop, make_shop

pytestmark = pytest.mark.slow


def test_a_dirty_shop_is_migrated(served, tmp_path):
    """No record is refused; the account has what an independent reading of the tables says."""
    make_shop(tmp_path, customers=500, seed=3)
    done = run("prepare", "mapping.toml", "-o", "export", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    flags = ("--base-url", served.url, "--limit", "none", "--json", "--no-verify")
    done = run("migrate", "--from", "export", *flags, key=served.key, cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"]) == (0, "complete"), done.stderr
    expected = count_shop(tmp_path)
    kinds = summary["kinds"]
    assert {kind: figures["dead"] for kind, figures in kinds.items()} == dict.fromkeys(kinds, 0)
    assert kinds["customers"]["accepted"] == expected["customers"]
    assert kinds["events"]["items_accepted"] == expected["events"] - expected["reversed"]
    assert {kind: each["requests"] for kind, each in found["plan"]["kinds"].items()} == {
        kind: figures["requests"] for kind, figures in kinds.items()
    }
    assert set(served.ledger()["customers"]) == set(expected["points"])


def test_what_a_database_prints_is_prepared(tmp_path):
    """`mysql --batch` on standard input: tabs, escapes, NULL, times of the server's zone."""
    (tmp_path / "mapping.toml").write_text(
        """
        [formats]
        time_zone = "Europe/Madrid"
        [sources]
        people = { path = "-", format = "tsv", quote = "", backslash_escapes = true, null = "NULL", dates = ["made"] }
        [customers]
        select = "SELECT place, id, name, email, made AS registration_date FROM people"
        """
    )
    printed = 'id\tname\temail\tmade\n1\tAna "la"\\tGil\ta@b.co\t2024-07-01 00:30:00\n2\tNULL\tb@b.co\t2024-07-01\n'
    done = run("prepare", "mapping.toml", "-o", "export", "-q", cwd=tmp_path, stdin=printed.encode())
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "export/customers.ndjson").read_text()) == {
        "id": "1",
        "name": 'Ana "la"\tGil',
        "email": "a@b.co",
        "registration_date": "2024-06-30T22:30:00Z",
    }
    assert "customers,left_out,missing_name,-,3" in (tmp_path / "export/left-out.csv").read_text()
