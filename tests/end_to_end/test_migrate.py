"""A migration from end to end: what the sandbox applied is compared with the export."""

import gzip
import json
import signal
import subprocess

import forks
import pytest
import zstandard
from end_to_end_tools import (
    COMMAND,
    KINDS,
    PATIENCE,
    clean_environment,
    expected_ledger,
    lines,
    run,
    serving,
    wait_until,
)


def applied(ledger):
    return {kind: ledger[kind] for kind in KINDS}


def test_a_clean_export_arrives_complete(served, export):
    """Everything arrives exactly once, in the fewest requests, exit 0, and the figures add up."""
    directory = export(3000)
    done = served.migrate(directory)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["exit_code"], summary["outcome"], summary["closes"]) == (0, 0, "complete", True)
    assert applied(served.ledger()) == expected_ledger(directory)
    for figures in summary["kinds"].values():
        assert figures["accepted"] == figures["read"] == 3000
        assert figures["requests"] <= figures["requests_lower_bound"] + 1
    assert summary.items() <= json.loads((directory / "state" / "report.json").read_text()).items()


def test_exactly_the_faulty_lines_are_dead_letters(served, export):
    """Every faulty line is a dead letter with its line, reason and bytes; every other record arrives; exit 3."""
    directory = export(3000, "--invalid", "0.01")
    done = served.migrate(directory)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["closes"]) == (3, "dead_letters", True)
    faulty = {}
    for kind in KINDS:
        faults = lines(directory / f"{kind}.ndjson.faults.ndjson")
        letters = lines(directory / "state" / f"dead-letter.{kind}.ndjson")
        assert {(fault["line"], fault["what"]) for fault in faults} == {(at["line"], at["reason"]) for at in letters}
        assert len(letters) == len(faults) > 20
        source = (directory / f"{kind}.ndjson").read_bytes()
        for letter in letters:
            if "raw" in letter:
                cut = source[letter["offset"] : letter["offset"] + letter["length"]]
                assert cut == letter["raw"].encode()
        faulty[kind] = {fault["line"] for fault in faults}
    assert applied(served.ledger()) == expected_ledger(directory, without=faulty)
    assert served.ledger()["requests"].keys() == {"auth", "customers", "events", "transactions", "read"}


def test_skipped_records_are_never_sent(served, export):
    """Deleted customers and reversed events are skipped, and the rest of their records arrives."""
    directory = export(1500, "--skipped", "0.05")
    done = served.migrate(directory)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["closes"]) == (0, True)
    assert summary["kinds"]["customers"]["skipped"] > 20
    assert summary["kinds"]["events"]["items_skipped"] > 20
    assert len(served.ledger()["customers"]) == 1500


@pytest.mark.slow
def test_a_limited_account_sees_no_429(tmp_path, export):
    """At the account's own windows, a migration is never throttled."""
    directory = export(2500)
    with serving(tmp_path, "--limits", "1/0.4s,1000/h") as served:
        done = served.migrate(directory, "--limit", "1000/h", limit="1/0.4s")
        ledger = served.ledger()
    assert done.returncode == 0, done.stderr
    assert not any("429" in outcomes for outcomes in ledger["requests"].values())
    assert sum(figures["throttled"] for figures in json.loads(done.stdout)["kinds"].values()) == 0
    assert applied(ledger) == expected_ledger(directory)


@pytest.mark.slow
def test_a_restart_keeps_the_pace(tmp_path, export):
    """Started again and again from two state directories, a migration gets no 429: the account has one quota."""
    directory = export(2500, kinds=["customers"])
    with serving(tmp_path, "--limits", "1/1s") as served:
        for number in range(3):
            named = ["--customers", directory / "customers.ndjson", "--base-url", served.url, "--limit", "1/1s"]
            process = subprocess.Popen(
                [COMMAND, "migrate", *named, "--state-dir", tmp_path / f"state{number % 2}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(MASIVO_API_KEY=served.key),
            )  # fmt: skip
            wait_until(lambda enough=number + 1: served.requests("customers", status=201) >= enough, process)
            process.kill()
            process.wait()
        requests = served.ledger()["requests"]["customers"]
    assert "429" not in requests
    assert requests["201"] >= 3


@pytest.mark.slow
def test_a_throttled_account_is_waited_for(tmp_path, export):
    """Even if the limits are not known, the run waits out 429s, and everything arrives once."""
    directory = export(300)
    with serving(tmp_path, "--limits", "1/0.3s") as served:
        done = served.migrate(directory)
        ledger = served.ledger()
    assert done.returncode == 0, done.stderr
    assert sum(figures["throttled"] for figures in json.loads(done.stdout)["kinds"].values()) > 0
    assert applied(ledger) == expected_ledger(directory)


def test_unknown_customers_are_found(served, export):
    """Without the check, events of unknown customers become dead letters; the events of all others arrive."""
    directory = export(1200)
    unknown = {17, 400, 401, 1199}
    records = (directory / "customers.ndjson").read_bytes().splitlines(keepends=True)
    kept = [line for number, line in enumerate(records, 1) if number not in unknown]
    (directory / "customers.ndjson").write_bytes(b"".join(kept))
    (directory / "transactions.ndjson").unlink()
    done = served.migrate(directory, "--skip-checks", "unknown_customer")
    summary = json.loads(done.stdout)
    letters = lines(directory / "state" / "dead-letter.events.ndjson")
    assert (done.returncode, summary["closes"]) == (3, True)
    assert {letter["line"] for letter in letters} == unknown
    assert {(letter["reason"], letter["status"]) for letter in letters} == {("refused", 422)}
    assert all(letter["batch"] and letter["message"] for letter in letters)
    assert served.ledger()["events"] == expected_ledger(directory, without={"events": unknown})["events"]


def test_exports_come_in_many_forms(served, export, tmp_path):
    """gzip, zstandard, globs, several files and standard input all arrive."""
    directory = export(900)
    customers = (directory / "customers.ndjson").read_bytes().splitlines(keepends=True)
    (directory / "c1.ndjson").write_bytes(b"\xef\xbb\xbf" + b"".join(customers[:300]))
    (directory / "c2.ndjson").write_bytes(b"".join(customers[300:600]).replace(b"\n", b"\r\n"))
    (directory / "c3.ndjson.gz").write_bytes(gzip.compress(b"".join(customers[600:])))
    events = (directory / "events.ndjson").read_bytes()
    (directory / "e.ndjson.zst").write_bytes(zstandard.compress(events.rstrip(b"\n")))
    done = run(
        "migrate", "--customers", directory / "c[12].ndjson", directory / "c3.ndjson.gz",
        "--events", directory / "e.ndjson.zst", "--transactions", "-",
        "--base-url", served.url, "--limit", "none", "--state-dir", tmp_path / "state", "--json",
        key=served.key, stdin=(directory / "transactions.ndjson").read_bytes(),
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["closes"]) == (0, True)
    assert applied(served.ledger()) == expected_ledger(directory)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_the_run_in_an_orderly_way(tmp_path, export, sent, code):
    """Stopped by a signal, a run reports what was accepted, and the sandbox has applied exactly that."""
    directory = export(4000)
    with serving(tmp_path, "--limits", "none") as served:
        process = subprocess.Popen(
            [COMMAND, "migrate", "--customers", directory / "customers.ndjson", "--events", directory / "events.ndjson",
             "--base-url", served.url, "--limit", "2/h", "--state-dir", tmp_path / "state", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(MASIVO_API_KEY=served.key),
        )  # fmt: skip
        wait_until(lambda: served.requests("customers", status=201) == 2, process)
        process.send_signal(sent)
        out, err = process.communicate(timeout=PATIENCE)  # otherwise it would wait for an hour
        assert served.requests() == 2
        summary = json.loads(out)
        assert (process.returncode, summary["outcome"], summary["closes"]) == (code, "interrupted", True), err
        figures = summary["kinds"]["customers"]
        assert figures["accepted"] == len(served.ledger()["customers"])
        assert figures["pending"] > 0


def test_a_finished_run_started_again_sends_nothing(served, export):
    """The same command finds that everything is done; `status` reports the same."""
    directory = export(300, "--invalid", "0.02")
    first = served.migrate(directory)
    before = served.ledger()["requests"]
    again = served.migrate(directory)
    assert (first.returncode, again.returncode) == (3, 3)
    assert served.ledger()["requests"] == before
    figures, repeated = (json.loads(done.stdout)["kinds"] for done in (first, again))
    for kind in KINDS:
        for name in ("read", "accepted", "dead", "requests", "requests_lower_bound", "bytes_sent", "reasons"):
            assert repeated[kind][name] == figures[kind][name]
        assert len(lines(directory / "state" / f"dead-letter.{kind}.ndjson")) == figures[kind]["dead"]
    status = run("status", "--state-dir", directory / "state", "--json")
    told = json.loads(status.stdout)
    assert (status.returncode, told["outcome"], told["owner"], told["closes"]) == (3, "dead_letters", "", True)
    dry = run("validate", "--customers", directory / "customers.ndjson", "--state-dir", directory / "state")
    assert (dry.returncode, b"name another directory with --state-dir" in dry.stderr) == (2, True)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_continues(tmp_path, export, sent):
    """Ended at any moment and started again, a run loses nothing, and doubles nothing that is not reported in doubt."""
    directory = export(2500, "--invalid", "0.01")
    rounds, summary = 0, {}
    with serving(tmp_path, "--limits", "none") as served:
        while summary.get("outcome") not in ("dead_letters", "in_doubt"):
            arguments = [COMMAND, "migrate", "--base-url", served.url, "--limit", "1/0.05s", "--json"]
            named = [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson")]
            environment = clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.05")
            process = forks.begin([*arguments, *named, "--state-dir", tmp_path / "state"], environment=environment)
            if rounds < 8:
                enough = served.requests() + rounds % 3  # 0: it is ended while it starts
                wait_until(lambda enough=enough: served.requests() >= enough, process)
                process.send_signal(sent)
            out, _ = process.communicate(timeout=PATIENCE)
            summary = json.loads(out) if out else {}
            rounds += 1
            assert rounds < 20
            assert process.returncode in {3, 4, 143, -sent}  # -15: ended before it could handle signals
        ledger = served.ledger()
    assert summary["closes"]
    faulty = {kind: {at["line"] for at in lines(directory / f"{kind}.ndjson.faults.ndjson")} for kind in KINDS}
    wanted = expected_ledger(directory, without=faulty)
    assert ledger["customers"].keys() == wanted["customers"].keys()
    for kind in KINDS:
        letters = lines(tmp_path / "state" / f"dead-letter.{kind}.ndjson")
        assert sorted(letter["line"] for letter in letters) == sorted(faulty[kind])
    for kind in ("events", "transactions"):
        listed = tmp_path / "state" / f"in-doubt.{kind}.ndjson"
        doubtful = {doubt["customer"] for doubt in lines(listed)} if listed.exists() else set()
        differing = {customer for customer in wanted[kind] if ledger[kind].get(customer) != wanted[kind][customer]}
        assert differing <= doubtful
        assert ledger[kind].keys() <= wanted[kind].keys()


def test_a_changed_export_is_refused_and_a_longer_one_continues(served, export):
    """If what was read is edited, a run does not continue. If records are appended, it sends them."""
    directory = export(600, kinds=("customers",))
    path = directory / "customers.ndjson"
    whole = path.read_bytes()
    rows = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:400]).rstrip(b"\n"))  # and its last line has no newline yet
    assert served.migrate(directory).returncode == 0
    path.write_bytes(whole)
    assert served.migrate(directory).returncode == 0
    assert set(served.ledger()["customers"].values()) == {1}
    assert len(served.ledger()["customers"]) == 600
    told = json.loads(run("status", "--state-dir", directory / "state", "--json").stdout)["kinds"]["customers"]
    assert (told["read"], told["blank"], told["accepted"]) == (600, 0, 600)
    path.write_bytes(whole.replace(rows[7], rows[7].replace(b'"name":"', b'"name":"X', 1)))
    edited = served.migrate(directory)
    assert (edited.returncode, b"is not the one the last run read" in edited.stderr) == (5, True)
    path.write_bytes(whole[: len(whole) // 2])
    cut = served.migrate(directory)
    assert (cut.returncode, b"is not the one the last run read" in cut.stderr) == (5, True)
    path.write_bytes(whole)
    assert served.migrate(directory).returncode == 0


def test_compressed_exports_are_continued(tmp_path, export):
    """A compressed export is continued where reading stopped. The cost is unpacking up to there."""
    directory = export(3000, kinds=("customers",))
    packed = directory / "c.ndjson.gz"
    packed.write_bytes(gzip.compress((directory / "customers.ndjson").read_bytes()))
    with serving(tmp_path, "--limits", "none") as served:
        named = [
            "migrate",
            "--customers",
            packed,
            "--base-url",
            served.url,
            "--state-dir",
            tmp_path / "state",
            "--json",
        ]
        process = subprocess.Popen(
            [COMMAND, *named, "--limit", "1/h"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment(MASIVO_API_KEY=served.key),
        )  # fmt: skip
        wait_until(lambda: served.requests("customers", status=201), process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        done = run(*named, "--limit", "none", key=served.key)
        ledger = served.ledger()
    assert (done.returncode, json.loads(done.stdout)["closes"]) == (0, True)
    assert (len(ledger["customers"]), set(ledger["customers"].values())) == (3000, {1})


def test_records_of_a_customer_with_a_dead_letter_are_held_back(served, export):
    """Events and transactions of a customer who is a dead letter cost no request, and name their reason."""
    directory = export(300)
    path = directory / "customers.ndjson"
    rows = path.read_bytes().splitlines(keepends=True)
    customer = json.loads(rows[41])
    rows[41] = json.dumps(customer | {"registration_date": "soon"}).encode() + b"\n"
    path.write_bytes(b"".join(rows))
    done = served.migrate(directory)
    assert (done.returncode, json.loads(done.stdout)["closes"]) == (3, True)
    for kind in ("events", "transactions"):
        letters = lines(directory / "state" / f"dead-letter.{kind}.ndjson")
        assert [(letter["line"], letter["reason"]) for letter in letters] == [(42, "customer_not_migrated")]
        assert list(served.ledger()["requests"][kind]) == ["201"]
    for kind in KINDS:  # corrected, they are appended, each to its export
        letter = lines(directory / "state" / f"dead-letter.{kind}.ndjson")[0]
        corrected = customer if kind == "customers" else json.loads(letter["raw"])
        with (directory / f"{kind}.ndjson").open("a") as export_file:
            export_file.write(json.dumps(corrected) + "\n")
    done = served.migrate(directory)
    assert [figures["accepted"] for figures in json.loads(done.stdout)["kinds"].values()] == [300, 300, 300]
    assert [len(served.ledger()[kind]) for kind in KINDS] == [300, 300, 300]


def test_a_second_process_learns_the_owner_of_the_directory(tmp_path, export):
    """While one run is at work a second one ends at once, and `status` names the first.

    So does one with another state directory, that would send the same export to the same account.
    """
    directory = export(3000, kinds=("customers",))
    with serving(tmp_path, "--limits", "none") as served:
        named = ["migrate", "--customers", directory / "customers.ndjson", "--base-url", served.url]
        process = subprocess.Popen(
            [COMMAND, *named, "--limit", "1/h", "--state-dir", tmp_path / "state"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(MASIVO_API_KEY=served.key),
        )  # fmt: skip
        wait_until(lambda: served.requests("customers"), process)
        second = run(*named, "--state-dir", tmp_path / "state", key=served.key)
        third = run(*named, "--state-dir", tmp_path / "other", key=served.key)
        status = run("status", "--state-dir", tmp_path / "state", "--json")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
    assert (second.returncode, f"process {process.pid}".encode() in second.stderr) == (2, True)
    assert (third.returncode, f"by process {process.pid}".encode() in third.stderr) == (2, True)
    told = json.loads(status.stdout)
    assert (status.returncode, told["closes"], str(process.pid) in told["owner"]) == (0, True, True)


def test_lost_answers_leave_events_in_doubt(tmp_path, export):
    """Events whose answer was lost are listed in doubt, exit 4, and were not sent twice."""
    directory = export(1500)
    (directory / "transactions.ndjson").unlink()
    with serving(tmp_path, "--limits", "none", "--fault", "reset,when=after,on=events,at=2") as served:
        done = served.migrate(directory)
        ledger = served.ledger()
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["closes"]) == (4, "in_doubt", True)
    assert summary["kinds"]["events"]["items_in_doubt"] == 1000
    doubts = lines(directory / "state" / "in-doubt.events.ndjson")
    assert {frozenset(doubt) for doubt in doubts} <= {
        frozenset({"batch", "file", "line", "customer"}),
        frozenset({"batch", "file", "line", "customer", "items"}),
    }
    assert summary["kinds"]["events"]["in_doubt"] == len({doubt["line"] for doubt in doubts})
    assert max(max(purchases.values()) for purchases in ledger["events"].values()) == 1


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("redirect=307,to=http://127.0.0.1:9,on=customers", 7, b"redirect"),
        ("status=403,on=customers", 7, b"403"),
        ("status=404,on=customers", 7, b"base_url"),
        ("html,on=customers", 7, b"login page"),
    ],
)
def test_a_refusal_by_the_api_stops_the_run_with_a_message(tmp_path, export, fault, code, says):
    """Faults that no second attempt can cure stop the run, with a message that says what to check."""
    directory = export(1200, kinds=("customers",))
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        done = served.migrate(directory, MASIVO_FIRST_DELAY="0.05")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["closes"]) == (code, "stopped", True)
    assert says in done.stdout
    assert summary["hint"]


def test_an_outage_differs_from_a_refusal(tmp_path, export):
    """An API that cannot be reached ends the run with exit 6 after the outage limit; everything is pending."""
    directory = export(50, kinds=("customers",))
    done = run(
        "migrate", "--customers", directory / "customers.ndjson", "--base-url", "http://127.0.0.1:9/api", "--json",
        "--outage-limit", "0.5", "--state-dir", tmp_path / "state", key="k", MASIVO_FIRST_DELAY="0.1",
    )  # fmt: skip
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["kinds"]["customers"]["pending"]) == (6, "stopped", 50)


def test_a_wrong_key_and_a_missing_key_are_reported(served, export, tmp_path):
    """A missing key is a configuration error, a wrong one is refused by the API. Neither message shows the key."""
    directory = export(5, kinds=("customers",))
    common = ["migrate", "--customers", directory / "customers.ndjson", "--base-url", served.url, "--limit", "none"]
    without = run(*common, "--state-dir", tmp_path / "s1")
    assert (without.returncode, b"MASIVO_API_KEY" in without.stderr) == (2, True)
    wrong = run(*common, "--state-dir", tmp_path / "s2", key="wrong-key-7391")
    assert wrong.returncode == 7
    assert b"wrong-key-7391" not in wrong.stderr + wrong.stdout


def test_secrets_stay_secret(served, export):
    """Neither key nor token is in any output or file of a run."""
    directory = export(200, "--invalid", "0.05")
    done = served.migrate(directory, "--log-level", "debug")
    files = b"".join(path.read_bytes() for path in (directory / "state").iterdir())
    assert done.returncode == 3
    assert served.key.encode() not in done.stdout + done.stderr + files
    assert b"eyJ" not in done.stdout + done.stderr  # how a JWT begins


def test_personal_data_stay_in_the_dead_letters(served, export):
    """No name, email or id of a customer is in log, summary or report."""
    directory = export(300, "--invalid", "0.05")
    done = served.migrate(directory, "--log-level", "debug")
    told = done.stdout + done.stderr
    told += b"".join((directory / "state" / name).read_bytes() for name in ("report.json", "report.html"))
    for line in (directory / "customers.ndjson").read_bytes().split(b"\n")[:200]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            assert str(record.get("email", "no email")).encode() not in told
            assert f'"{record.get("id", "no id")}"'.encode() not in told


def test_a_new_run_may_begin_after_a_revert(served, export):
    """What was migrated in a period can be taken back. After that the same export arrives again."""
    directory = export(120)
    assert served.migrate(directory).returncode == 0
    served.ledger()
    period = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]
    refused = run("revert", *period, "--base-url", served.url, key=served.key)
    assert refused.returncode == 2
    assert b"--yes" in refused.stderr
    taken = run("revert", *period, "--base-url", served.url, "--limit", "none", "--yes", key=served.key)
    assert taken.returncode == 0, taken.stderr
    assert len(served.ledger()["reverted"]["customers"]) == 120
    assert served.migrate(directory, state="again").returncode == 0
    assert set(served.ledger()["customers"].values()) == {2}


def test_only_the_owner_can_read_the_files_of_a_run(served, export):
    """The state directory is 0700 and its files are 0600, whatever the umask is."""
    directory = export(50, "--invalid", "0.2")
    served.migrate(directory)
    state = directory / "state"
    assert oct(state.stat().st_mode & 0o777) == "0o700"
    assert {oct(path.stat().st_mode & 0o777) for path in state.iterdir()} == {"0o600"}
