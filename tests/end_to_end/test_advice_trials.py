"""Advice about trials in an account: if it is followed, the question is answered, and the answer helps."""

import json
import shlex

import pytest
from advice_tools import QUICK, expect_advice, make_exports, migrate, paste, sending
from end_to_end_tools import run, serving
from fakes import record, write_export

from masivo_stream.model.contract import Kind

pytestmark = pytest.mark.slow


def try_out(served, *arguments, key=None):
    """Try something in a sandbox without limits, which is no development account."""
    flags = ["--base-url", served.url, "--limit", "none", "--json", "--on-production", *arguments]
    key = served.key if key is None else key
    return run("check", *flags, **({"key": key} if key else {}), **QUICK)


def answers(done):
    return {each["name"]: each["answer"] for each in json.loads(done.stdout)["tried"]["answers"]}


def own_events(ledger):
    """Return the events of a ledger without those of trials."""
    return {name: events for name, events in ledger["events"].items() if "masivo-stream-try" not in name}


def test_a_wrong_trial_is_corrected(served):
    """The names that can be tried are listed."""
    done = try_out(served, "--try", "luck")
    assert done.returncode == 2
    expect_advice(done, "--try takes atomic, twice or email-case")
    done = try_out(served, "--try", "atomic", "--try", "twice", "--try", "email-case")
    assert done.returncode == 0, done.stderr
    assert answers(done) == {"atomic": "yes", "twice": "yes", "email-case": "yes"}


def test_a_trial_needs_a_key(served):
    """There is no account to try anything in."""
    done = try_out(served, "--try", "twice", key="")
    assert done.returncode == 2
    expect_advice(done, "set MASIVO_API_KEY to try something in its account")
    assert try_out(served, "--try", "twice").returncode == 0


def test_a_trial_needs_a_development_account(tmp_path, served):
    """In another account nothing is sent, unless it is said; what it leaves there is taken back by the command."""
    done = run("check", "--base-url", served.url, "--try", "email-case", key=served.key)
    assert done.returncode == 2
    expect_advice(
        done,
        "give --try with the key of a development account; --on-production tries it in any account, and leaves"
        " test customers there",
    )
    assert served.ledger()["customers"] == {}
    done = try_out(served, "--try", "email-case")
    found = json.loads(done.stdout)["tried"]
    assert served.ledger()["customers"].keys() == set(found["customers"])
    command = f"{found['revert']} --limit none --yes --state-dir {shlex.quote(str(tmp_path / 'none'))}"
    back = paste(command, key=served.key)
    assert back.returncode == 0, back.stderr
    assert b"took back 2 customers" in back.stderr
    with serving(tmp_path, "--limits", "1/0.1s") as limited:
        assert run("check", "--base-url", limited.url, "--try", "twice", key=limited.key).returncode == 2


def test_events_in_doubt_are_sent_again(tmp_path):
    """The account ignores a second copy. So what is in doubt is sent again, and counts once."""
    make_exports(tmp_path, kinds=["customers", "events"])
    fault = "hang=0.05,applied=yes,on=events,at=3"
    with serving(tmp_path, "--limits", "none", "--same-purchase", "ignored", "--fault", fault) as served:
        done = try_out(served, "--try", "twice")
        assert (done.returncode, answers(done)) == (3, {"twice": "no"})
        expect_advice(done, "events in doubt can be sent again without harm: masivo-stream resolve --resend")
        found = json.loads(done.stdout)["tried"]
        assert migrate(served, tmp_path).returncode == 4
        flags = [*sending(served, tmp_path), "--resend", "all", "--yes", "--reason", "a copy does not count"]
        done = run("resolve", *flags, key=served.key, **QUICK)
        assert done.returncode in (0, 4), done.stderr
        ledger = served.ledger()
        assert own_events(ledger) == {"c0": {"c0-0": 1}, "c1": {"c1-0": 1}, "c2": {"c2-0": 1}}
        assert set(ledger["customers"]) == {"c0", "c1", "c2", *found["customers"]}


def test_the_first_refusal_stops_the_run(tmp_path):
    """The account applies what is good in a refused request. The first refusal stops, and nothing counts twice."""
    make_exports(tmp_path, kinds=["customers"])
    write_export(tmp_path / "events.ndjson", [record(Kind.EVENTS, number) for number in (0, 1, 99)])
    with serving(tmp_path, "--limits", "none", "--refusals", "partial") as served:
        done = try_out(served, "--try", "atomic")
        assert (done.returncode, answers(done)) == (3, {"atomic": "no"})
        expect_advice(
            done,
            "isolating bad records would send good events again: correct all that plan and check find before you"
            " migrate, and set isolation_budget = 1, so that the first refusal stops the run",
        )
        flags = ["--customers", tmp_path / "customers.ndjson", "--events", tmp_path / "events.ndjson"]
        found = run("plan", *flags, "--state-dir", tmp_path / "plan", "--json")
        assert found.returncode == 3  # the customer of the third line is in no export
        done = migrate(served, tmp_path, "--skip-checks", "all", MASIVO_ISOLATION_BUDGET="1")  # else it is held back
        assert done.returncode == 7, done.stderr
        assert own_events(served.ledger()) == {"c0": {"c0-0": 1}, "c1": {"c1-0": 1}}


def test_a_question_left_open_is_tried_again(tmp_path):
    """The first request fails. The second time, the question is answered."""
    with serving(tmp_path, "--limits", "none", "--fault", "status=500,on=customers,at=1") as served:
        done = try_out(served, "--try", "email-case")
        assert (done.returncode, answers(done)) == (6, {"email-case": "open"})
        expect_advice(done, "try again later; until then the program assumes the worse")
        done = try_out(served, "--try", "email-case")
        assert (done.returncode, answers(done)) == (0, {"email-case": "yes"})


def test_a_table_shows_every_trial(served):
    """A line for each question, what is left behind, and the command that takes it back."""
    flags = ["--base-url", served.url, "--limit", "none", "--on-production", "--try", "email-case", "--quiet"]
    done = run("check", *flags, key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert "tried email-case: may two customers have emails that differ only in upper and lower case? yes:" in shown
    assert "left in the account: masivo-stream-try-" in shown
    assert "masivo-stream revert --from 2" in shown
