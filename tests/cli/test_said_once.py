"""What the checks find is shown once on a terminal: among the dead letters, or as a finding."""

from pathlib import Path

from fakes import event, record, transaction, write_export

from masivo_stream.model.contract import Kind


def make_exports():
    """A customer twice, sums that differ, an unknown customer, and two events of one purchase."""
    balance = [{"amount": 4, "reward_id": transaction()["reward_id"]}]
    customers = [record(Kind.CUSTOMERS, number, balance=balance) for number in range(3)]
    write_export(Path("customers.ndjson"), [*customers, {**customers[0], "email": "new@example.com"}])
    other = {**event("p"), "type": "REFUND"}
    write_export(
        Path("events.ndjson"), [{"id": "c0", "events": [event("p"), other]}, {"id": "x", "events": [event("q")]}]
    )
    moved = [{"id": f"c{number}", "transactions": [transaction(4 + number // 2)]} for number in range(3)]
    write_export(Path("transactions.ndjson"), moved)
    return [word for kind in Kind for word in (f"--{kind}", f"{kind}.ndjson")]


def test_a_dry_run_says_it_once(command):
    """With both places and sums, and with what to do before anything is sent."""
    named = make_exports()
    for name in ("validate", "plan"):
        done = command(name, *named, "--state-dir", f"of-{name}")
        said = " ".join((done.out + done.err).split())
        assert done.code == 3
        assert "error: " not in said
        for reason in ("duplicate_id", "balance_mismatch", "unknown_customer"):
            assert said.count(f"({reason})") == 1, (reason, said)
        assert "at customers.ndjson:4, with customers.ndjson:1" in said
        assert "at transactions.ndjson:3, with customers.ndjson:3: reward" in said
        assert ": balance 4, transactions 5, difference 1" in said
        assert "if the account has these customers already, --skip-checks unknown_customer" in said
        assert said.count("has the same purchase_id") == 1
        assert "each would be sent" not in said
        assert "warning: 1 duplicate_purchase" in said


def test_what_is_not_checked_is_still_warned_of(command):
    """Without the checks there is no finding, and the warning about purchases stays."""
    done = command("validate", *make_exports(), "--state-dir", "dry", "--skip-checks", "all")
    assert " ".join((done.out + done.err).split()).count("each would be sent and counted") == 1
