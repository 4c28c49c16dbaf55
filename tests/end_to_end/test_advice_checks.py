"""What is said about exports that are wrong as a whole: done, the exports are right."""

import json

import pytest
from advice_tools import expect_advice, make_exports, make_record, named, run_on_a_small_disk
from end_to_end_tools import run
from fakes import write_export

pytestmark = pytest.mark.slow

UNKNOWN = (
    "the customer is in no customers export: add the customer, or leave the record out; if the account has these"
    " customers already, --skip-checks unknown_customer"
)
DEAD = "the customer is a dead letter: correct the customer first"
CORRECT = "correct what the checks found in the export before migrating: the API would refuse these records"


def validate(directory, *arguments):
    return run("validate", *named(directory), "--json", *arguments, cwd=directory)


@pytest.mark.parametrize("way", ["add", "leave out", "skip"])
def test_an_unlisted_customer_is_added_or_confirmed(way, tmp_path):
    """The customer added, the record left out, or the flag given as it is written: nothing is wrong any more."""
    make_exports(tmp_path)
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number) for number in range(2)])
    done = validate(tmp_path)
    assert done.returncode == 3
    expect_advice(run("validate", *named(tmp_path), cwd=tmp_path), UNKNOWN)
    flags = []
    if way == "add":
        make_exports(tmp_path)
    elif way == "leave out":
        make_exports(tmp_path, 2)
    else:
        flags = UNKNOWN.rpartition("already, ")[2].split()
    assert validate(tmp_path, *flags).returncode == 0


def test_a_customer_that_is_a_dead_letter_is_corrected(tmp_path):
    """Then the records are right as they are."""
    make_exports(tmp_path)
    customers = tmp_path / "customers.ndjson"
    customers.write_text(customers.read_text().replace('"name"', '"nom"', 1))
    expect_advice(run("validate", *named(tmp_path), cwd=tmp_path), DEAD)
    make_exports(tmp_path)
    assert validate(tmp_path).returncode == 0


def test_the_findings_of_the_checks_are_corrected(tmp_path):
    """With the sums that are named, transactions and balance agree."""
    make_exports(tmp_path)
    wrong = make_record("customers", 0)
    wrong["balance"][0]["amount"] += 5
    write_export(tmp_path / "customers.ndjson", [wrong, *(make_record("customers", number) for number in (1, 2))])
    done = validate(tmp_path)
    expect_advice(done, CORRECT)
    (found,) = json.loads(done.stdout)["checks"]["results"]
    (first,) = found["first"]
    sums = first["sums"]
    assert (found["check"], sums["difference"], first["line"]) == ("balance_mismatch", "-5", 1)
    wrong["balance"][0]["amount"] = float(sums["transactions"])
    write_export(tmp_path / "customers.ndjson", [wrong, *(make_record("customers", number) for number in (1, 2))])
    assert validate(tmp_path).returncode == 0


def test_a_check_has_one_of_the_listed_names(tmp_path):
    """One of the names that are listed."""
    make_exports(tmp_path)
    (names,) = expect_advice(validate(tmp_path, "--skip-checks", "balances"), "the names are {…}")
    assert validate(tmp_path, "--skip-checks", names.split(", ")[1]).returncode == 0


def test_a_disk_too_small_for_the_checks_is_freed_or_not_needed(tmp_path):
    """Without the checks nothing is kept on disk; with room they are made."""
    make_exports(tmp_path, 300)
    text = "free space there, or leave the checks out: --skip-checks all"
    command = ["validate", *named(tmp_path), "--json"]
    done = run_on_a_small_disk(1, *command, cwd=tmp_path)
    assert done.returncode == 6
    expect_advice(done, text)
    assert "checks" not in json.loads(
        run_on_a_small_disk(1, *command, *text.split(": ")[1].split(), cwd=tmp_path).stdout
    )
    assert json.loads(validate(tmp_path).stdout)["checks"]["results"] == []
    assert [path.name for path in (tmp_path / "masivo-state").iterdir() if "checks" in path.name] == []


PLANTED = ["--plant", "split=0.1", "-o", "e"]


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        ([*PLANTED, "--invalid", "0.1"], "generate two exports", PLANTED),
        (PLANTED[:2], "give --planted FILE", [*PLANTED[:2], "--planted", "found.ndjson"]),
        ([*PLANTED, "--skipped", "0.1"], "leave --skipped out", PLANTED),
    ],
)
def test_the_flags_for_planted_faults_are_corrected(wrong, says, right, tmp_path):
    """The flags that are right, as they are named."""
    command = ["generate", "customers", "--records", "9"]
    done = run(*command, *wrong, cwd=tmp_path)
    assert done.returncode == 2
    expect_advice(done, says)
    assert run(*command, *right, cwd=tmp_path).returncode == 0


def test_a_planted_fault_has_one_of_the_listed_names(tmp_path):
    """One of those that are listed, with a share."""
    command = ["generate", "events", "--records", "9", "-o", "e", "--plant"]
    (names,) = expect_advice(run(*command, "events=2", cwd=tmp_path), "shares of 0 to 0.9, by name: {…}")
    assert run(*command, ",".join(f"{name}=0.05" for name in names.split(", ")), cwd=tmp_path).returncode == 0
