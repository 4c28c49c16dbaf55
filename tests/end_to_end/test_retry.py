"""Dead letters, corrected in place and sent again by the installed command."""

import json

import forks
import pytest
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, lines, run, serving, wait_until


def dead_letters(directory, kind):
    path = directory / "state" / f"dead-letter.{kind}.ndjson"
    return lines(path) if path.exists() else []


def retry(served, directory, *arguments):
    sending = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
    return run("retry", *sending, "--json", *arguments, key=served.key, MASIVO_FIRST_PROBE="0.1")


def correct(directory, kind, change):
    """Rewrite the `raw` of each dead letter by `change(letter)`; None leaves it."""
    path = directory / "state" / f"dead-letter.{kind}.ndjson"
    corrected = []
    for letter in lines(path):
        raw = change(letter)
        if raw is not None:
            letter.pop("raw_base64", None)
            letter["raw"] = raw
        corrected.append(json.dumps(letter, ensure_ascii=False))
    path.write_text("".join(line + "\n" for line in corrected))


def spoil(path, numbers, *, hide_ids=True):
    """Break some lines of an export, and the ids of some of them; return the original lines."""
    content = path.read_bytes().splitlines(keepends=True)
    right = {number: content[number - 1].decode().rstrip("\n") for number in numbers}
    for number in numbers:
        record = json.loads(content[number - 1])
        record["id"] = 5 if number % 2 == 0 and hide_ids else record["id"]
        content[number - 1] = json.dumps({**record, "name": 7}).encode() + b"\n"
    path.write_bytes(b"".join(content))
    return right


@pytest.fixture
def spoiled(served, export):
    """Three migrated kinds, in which some customers are dead letters; the right lines; the ledger at the end."""
    directory = export(600)
    wanted = expected_ledger(directory)
    right = spoil(directory / "customers.ndjson", [10, 200, 600])
    done = served.migrate(directory)
    assert done.returncode == 3, done.stderr
    return directory, right, wanted


def test_corrected_dead_letters_arrive_with_the_records_that_waited_for_them(served, spoiled):
    """The customers come first, then their events and transactions, which were held back or refused without them."""
    directory, right, wanted = spoiled
    assert [letter["line"] for letter in dead_letters(directory, "customers")] == [10, 200, 600]
    assert len(dead_letters(directory, "events")) == 3
    correct(directory, "customers", lambda letter: right[letter["line"]])
    done = retry(served, directory)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["closes"]) == (0, "complete", True), done.stderr
    assert {kind: served.ledger()[kind] for kind in KINDS} == wanted
    assert [dead_letters(directory, kind) for kind in KINDS] == [[], [], []]
    assert {figures["read"] for figures in summary["kinds"].values()} == {600}
    again = served.migrate(directory)  # the first command still continues from here, and finds nothing to do
    assert again.returncode == 0, again.stderr
    assert {kind: served.ledger()[kind] for kind in KINDS} == wanted


def test_uncorrected_dead_letters_stay_and_cost_no_request(served, spoiled):
    """With its history; one that was corrected arrives."""
    directory, right, _ = spoiled
    before = served.ledger()["requests"]["customers"]
    correct(directory, "customers", lambda letter: right[200] if letter["line"] == 200 else None)
    done = retry(served, directory)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["closes"]) == (3, True), done.stderr
    left = dead_letters(directory, "customers")
    assert [(letter["line"], len(letter["earlier"])) for letter in left] == [(10, 1), (600, 1)]
    assert summary["kinds"]["customers"]["dead"] == 2
    sent = sum(served.ledger()["requests"]["customers"].values()) - sum(before.values())
    assert sent == 1
    assert retry(served, directory).returncode == 3
    assert [len(letter["earlier"]) for letter in dead_letters(directory, "customers")] == [2, 2]
    assert sum(served.ledger()["requests"]["customers"].values()) - sum(before.values()) == 1


def test_corrected_dead_letters_are_never_overwritten(served, spoiled):
    """`migrate` refuses to continue while they wait, and names the command that takes them."""
    directory, right, _ = spoiled
    correct(directory, "customers", lambda letter: right[letter["line"]])
    path = directory / "state" / "dead-letter.customers.ndjson"
    content = path.read_bytes()
    done = served.migrate(directory)
    assert done.returncode == 2
    assert "retry" in json.loads(done.stdout)["hint"]
    assert path.read_bytes() == content


def test_a_line_that_is_not_a_dead_letter_is_named(served, spoiled):
    """And nothing is taken."""
    directory, _, _ = spoiled
    path = directory / "state" / "dead-letter.customers.ndjson"
    content = path.read_bytes().replace(b"\n", b"\nrubbish\n", 1)
    path.write_bytes(content)
    done = retry(served, directory)
    assert done.returncode == 5
    assert b"line 2" in done.stderr
    assert path.read_bytes() == content


@pytest.mark.parametrize("round_", range(2))
def test_a_killed_retry_continues(tmp_path, export, round_):
    """Wherever it dies, the next one brings every dead letter to one outcome, and none arrives twice."""
    directory = export(400)
    wanted = expected_ledger(directory)
    right = spoil(directory / "customers.ndjson", range(1, 401), hide_ids=False)
    with serving(tmp_path, "--limits", "none") as served:
        assert served.migrate(directory).returncode == 3
        assert len(dead_letters(directory, "customers")) == 400
        correct(directory, "customers", lambda letter: right[letter["line"]])
        environment = clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.1")
        sending = ["--base-url", served.url, "--limit", "1/0.05s", "--max-body-bytes", "20000"]
        command = [COMMAND, "retry", *sending, "--state-dir", directory / "state"]
        for more in (0, 1, 2, 5):
            enough = served.requests() + more + round_
            process = forks.begin(command, environment=environment)
            wait_until(lambda enough=enough: served.requests() >= enough, process)
            assert process.poll() is None  # there is more to send than that
            process.kill()
            process.communicate()
        done = retry(served, directory)
        summary = json.loads(done.stdout)
        ledger = served.ledger()
    assert summary["closes"]
    assert set(ledger["customers"]) == set(wanted["customers"])
    for kind in ("events", "transactions"):
        path = directory / "state" / f"in-doubt.{kind}.ndjson"
        doubtful = {line["customer"] for line in lines(path)} if path.exists() else set()
        dead = {json.loads(letter["raw"])["id"] for letter in dead_letters(directory, kind)}
        missing = {customer for customer, items in wanted[kind].items() if ledger[kind].get(customer) != items}
        assert missing <= doubtful | dead  # all of it, or the part of a split record that was in flight at a kill
        for customer in missing & ledger[kind].keys():
            assert ledger[kind][customer].items() <= wanted[kind][customer].items()  # and nothing twice


def test_a_retry_needs_a_run(tmp_path, served):
    """The dead letters of a dry run belong to no run."""
    done = retry(served, tmp_path)
    assert done.returncode == 2
    assert b"there is no run in this state directory" in done.stderr
