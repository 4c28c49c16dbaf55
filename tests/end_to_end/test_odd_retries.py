"""Retries and decisions in unusual circumstances: grown exports, careless editors, pipes, an API that refuses."""

import json
import subprocess
import time

import pytest
from end_to_end.test_resolve import resolve
from end_to_end.test_retry import correct, dead_letters, retry
from end_to_end_tools import COMMAND, clean_environment, lines, run, serving
from fakes import event

pytestmark = pytest.mark.slow

GOOD = '{{"id":"{0}","name":"Ana","email":"{0}@example.com","registration_date":"2020-01-01T00:00:00Z"}}\n'
BAD = '{{"id":"{0}","name":7}}\n'


def customers(directory, *made):
    (directory / "customers.ndjson").write_text("".join(made))


def right(letter):
    return GOOD.format(json.loads(letter["raw"])["id"]).strip()


def test_dead_letters_of_an_export_that_has_grown_are_found(served, tmp_path):
    """The same holds after a retry, when the added lines are an input of their own."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"))
    assert served.migrate(tmp_path).returncode == 3
    assert retry(served, tmp_path).returncode == 3
    with (tmp_path / "customers.ndjson").open("a") as export:
        export.write(GOOD.format("c") + BAD.format("d"))
    assert served.migrate(tmp_path).returncode == 3
    assert [letter["line"] for letter in dead_letters(tmp_path, "customers")] == [2, 4]
    correct(tmp_path, "customers", right)
    done = retry(served, tmp_path)
    assert (done.returncode, dead_letters(tmp_path, "customers")) == (0, []), done.stderr
    assert served.ledger()["customers"] == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_a_dead_letter_cut_by_an_editor_is_kept(served, tmp_path):
    """The last line lacks its newline and its brace: it is named, and nothing is taken."""
    customers(tmp_path, BAD.format("a"), BAD.format("b"))
    assert served.migrate(tmp_path).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    content = path.read_bytes().rstrip(b"\n")[:-1]
    path.write_bytes(content)
    done = retry(served, tmp_path)
    assert (done.returncode, b"line 2 is not a dead letter" in done.stderr) == (5, True)
    assert path.read_bytes() == content


def test_deleted_dead_letters_are_given_up(served, tmp_path):
    """They stay counted as dead; no command refuses to continue because of them."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"), BAD.format("c"))
    assert served.migrate(tmp_path).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[1])
    done = retry(served, tmp_path)
    figures = json.loads(done.stdout)["kinds"]["customers"]
    assert (done.returncode, figures["dead"], figures["read"]) == (3, 2, 3)
    path.write_bytes(b"")
    assert retry(served, tmp_path).returncode == 3
    assert served.migrate(tmp_path).returncode == 3


@pytest.mark.parametrize("others", ["none is left", "one is left"])
def test_deleted_dead_letters_may_be_restored(others, served, tmp_path):
    """After they were given up, they are sent if they are in the file again, alone or after those that are counted."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"), BAD.format("c"))
    assert served.migrate(tmp_path).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(kept[0] if others == "one is left" else b"")
    assert retry(served, tmp_path).returncode == 3
    path.write_bytes(path.read_bytes() + (kept[1] if others == "one is left" else b"".join(kept)))
    correct(tmp_path, "customers", right)
    done = retry(served, tmp_path)
    assert (done.returncode, path.read_bytes()) == (0, b""), done.stderr
    assert served.ledger()["customers"] == {"a": 1, "b": 1, "c": 1}


def test_dead_letters_that_name_no_record_are_put_aside(served, tmp_path):
    """Renamed by a person, they are neither sent nor destroyed."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"))
    assert served.migrate(tmp_path).returncode == 3
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    (letter,) = lines(path)
    path.write_text(json.dumps(letter | {"line": 99}) + "\n")
    done = retry(served, tmp_path)
    assert done.returncode == 3
    (strange,) = lines(tmp_path / "state" / "ignored-1.customers.ndjson")
    assert strange["line"] == 99
    assert b"ignored-1.customers.ndjson" in done.stderr


@pytest.mark.parametrize("ending", ["\r\n", "\n\n", ""])
def test_changes_of_format_by_an_editor_are_accepted(served, tmp_path, ending):
    """A byte order mark, other line ends, blank lines, no last newline, pretty-printed records."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"), BAD.format("c"))
    assert served.migrate(tmp_path).returncode == 3
    correct(tmp_path, "customers", lambda letter: json.dumps(json.loads(right(letter)), indent=2))
    path = tmp_path / "state" / "dead-letter.customers.ndjson"
    text = path.read_text().splitlines()
    path.write_text("\ufeff" + (ending or "\n").join(text) + ending)
    done = retry(served, tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(served.ledger()["customers"]) == {"a", "b", "c"}


def test_the_unread_rest_of_a_pipe_is_not_forgotten(served, tmp_path):
    """Stopped in the middle of standard input, a run cannot be retried: the rest would be lost silently."""
    text = BAD.format("bad") + "".join(GOOD.format(f"c{number}") for number in range(5000))
    process = subprocess.Popen(
        [COMMAND, "migrate", "--customers", "-", "--base-url", served.url, "--limit", "1/60s",
         "--state-dir", tmp_path / "state"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=clean_environment(MASIVO_API_KEY=served.key),
    )  # fmt: skip
    process.stdin.write(text.encode())
    process.stdin.close()
    while not served.get("/__sandbox/ledger")["requests"].get("customers"):
        time.sleep(0.02)
    process.terminate()
    assert process.wait(300) == 143
    done = retry(served, tmp_path)
    assert (done.returncode, b"pipe" in done.stderr) == (5, True)


def test_batches_in_doubt_of_a_pipe_can_be_decided(tmp_path, export):
    """It can be accepted by the journal's positions alone. What needs the records reports that they are gone."""
    directory = export(30)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.1,applied=yes,on=events,at=1") as served:
        done = run(
            "migrate", "--customers", directory / "customers.ndjson", "--events", "-", "--base-url", served.url,
            "--limit", "none", "--state-dir", directory / "state", key=served.key,
            stdin=(directory / "events.ndjson").read_bytes(), MASIVO_FIRST_PROBE="0.1", MASIVO_EVENTS_SETTLE="0.2",
        )  # fmt: skip
        assert done.returncode == 4
        done, found = resolve(served, directory)
        assert (done.returncode, found["in_doubt"][0]["evidence"]["verdict"]) == (4, "unknown")
        done, _ = resolve(served, directory, "--discard", "all")
        assert (done.returncode, b"pipe" in done.stderr) == (5, True)
        done, found = resolve(served, directory, "--accept", "all")
    assert (done.returncode, found["kinds"]["events"]["accepted"], found["closes"]) == (0, 30, True)


def test_a_refused_permission_stops_decisions(tmp_path):
    """After the first refusal of permission nothing else is sent."""
    ids = [f"a{number}" for number in range(3000)]
    customers(tmp_path, *map(GOOD.format, ids))
    records = [{"id": name, "events": [event("p-" + name)]} for name in ids]
    (tmp_path / "events.ndjson").write_text("".join(json.dumps(each) + "\n" for each in records))
    faults = ["--fault", "hang=0.1,applied=no,on=events,times=3", "--fault", "status=403,on=events"]
    quick = {"MASIVO_EVENTS_SETTLE": "0.2", "MASIVO_FIRST_DELAY": "0.1"}
    with serving(tmp_path, "--limits", "none", *faults) as served:
        assert served.migrate(tmp_path, **quick).returncode == 4
        done, _ = resolve(served, tmp_path, "--resend", "all")
        assert (done.returncode, served.ledger()["requests"]["events"]["403"]) == (7, 1)


def test_status_shows_later_kinds_after_a_stop_in_an_early_one(served, export):
    """The kinds that the last process did not reach appear in its summary as they were."""
    directory = export(30, kinds=("customers", "events"))
    assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.2").returncode == 0
    with (directory / "customers.ndjson").open("a") as customers_export:
        customers_export.write(GOOD.format("zz"))
    done = run(
        "migrate", "--customers", directory / "customers.ndjson", "--events", directory / "events.ndjson", "--json",
        "--base-url", served.url, "--auth-url", "http://127.0.0.1:9/api", "--state-dir", directory / "state",
        key=served.key, MASIVO_OUTAGE_LIMIT="0.1",
    )  # fmt: skip
    assert (done.returncode, list(json.loads(done.stdout)["kinds"])) == (6, ["customers", "events"])
    status = run("status", "--state-dir", directory / "state", "--json")
    assert json.loads(status.stdout)["message"].startswith("no answer for")


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_run_without_its_journal_does_not_begin_again(served, tmp_path, how):
    """It would send everything again. A directory that holds only a dry run's dead letters may be used."""
    customers(tmp_path, GOOD.format("a"), BAD.format("b"))
    named = ["--customers", tmp_path / "customers.ndjson", "--state-dir", tmp_path / "state"]
    assert run("validate", *named).returncode == 3
    assert served.migrate(tmp_path).returncode == 3
    journal = tmp_path / "state" / "journal.db"
    journal.unlink() if how == "removed" else journal.write_bytes(b"")
    done = served.migrate(tmp_path)
    assert (done.returncode, b"the journal is gone" in done.stderr) == (2, True)
    assert served.ledger()["customers"] == {"a": 1}


def test_a_damaged_journal_is_reported(served, export):
    """The fault is in the middle of a page: there is no traceback, and the run does not start over."""
    directory = export(300)
    assert served.migrate(directory).returncode == 0
    with (directory / "state" / "journal.db").open("r+b") as journal:
        journal.seek(4096)
        journal.write(b"\xff" * 60_000)
    for done in (served.migrate(directory), retry(served, directory)):
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False), done.stderr
        assert b"journal" in done.stderr + done.stdout


def test_a_complete_run_without_its_report_is_complete(served, export):
    """The journal knows it."""
    directory = export(30)
    assert served.migrate(directory).returncode == 0
    (directory / "state" / "report.json").write_text("{")
    status = run("status", "--state-dir", directory / "state", "--json")
    assert (status.returncode, json.loads(status.stdout)["outcome"]) == (0, "complete")
