"""Records that are left out because of their customer or purchase: the installed command, and each of its hints."""

import json
import re

import pytest
from end_to_end_tools import KINDS, lines, run

REWARD = "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65"


def customer(number, **fields):
    about = {"name": "Ana", "email": f"{number}@example.com", "registration_date": "2020-01-01T00:00:00Z"}
    return {"id": f"c-{number}", **about, "balance": [{"amount": 4, "reward_id": REWARD}], **fields}


def purchase(name, **fields):
    order = {
        "purchase_id": name, "value": 1, "discounted_value": 1, "payment_method": "CASH",
        "products": [{"sku": "s", "amount": 1, "value": 1}],
    }  # fmt: skip
    when = {"issued_at": "2024-01-30T17:50:19Z", "resolved_at": None}
    return {"type": "PURCHASE", "order": order, "fulfilled": True, "brand_id": None, **when, **fields}


def events(number, *bought):
    return {"id": f"c-{number}", "events": list(bought)}


def transactions(number):
    made = {"reward_id": REWARD, "type": "ACCUMULATION", "amount": 4, "issued_at": "2024-01-30T17:50:19Z"}
    return {"id": f"c-{number}", "transactions": [made]}


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def exports(directory):
    return [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson")]


@pytest.fixture
def deleted(tmp_path):
    """Twenty customers, every fourth of them deleted, with events and transactions of all."""
    write(tmp_path / "customers.ndjson", [customer(n, **({"deleted": True} if n % 4 == 1 else {})) for n in range(20)])
    write(tmp_path / "events.ndjson", [events(n, purchase(f"p-{n}")) for n in range(20)])
    write(tmp_path / "transactions.ndjson", [transactions(n) for n in range(20)])
    return tmp_path


ALIVE = [n for n in range(20) if n % 4 != 1]


def test_deleted_customers_in_an_export_cost_no_request(served, deleted):
    """As docs/commands.md says: one request per kind, exit 0, and everything is listed. `plan` predicts it."""
    planned = run("plan", *exports(deleted), "--state-dir", deleted / "dry", "--json")
    assert planned.returncode == 0
    plan = json.loads(planned.stdout)
    assert [kind["requests"] for kind in plan["kinds"].values()] == [1, 1, 1]
    assert not [warning for warning in plan["warnings"] if "not in the customers export" in warning]
    done = served.migrate(deleted)
    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert [figures["requests"] for figures in summary["kinds"].values()] == [1, 1, 1]
    ledger = served.ledger()
    assert ledger["events"] == {f"c-{n}": {f"p-{n}": 1} for n in ALIVE}
    assert ledger["transactions"] == {f"c-{n}": 1 for n in ALIVE}
    for kind in KINDS:
        dry, listed = (lines(deleted / name / f"skipped.{kind}.ndjson") for name in ("dry", "state"))
        assert [each["line"] for each in listed] == [2, 6, 10, 14, 18]
        assert dry == listed
        reason = "deleted_customer" if kind == "customers" else "customer_deleted"
        assert {each["reason"] for each in listed} == {reason}
        first = {"kind": kind, "reason": reason, "records": 5, "line": 2}
        for told in (summary["skipped_examples"], plan["kinds"][kind]["skipped"]):
            (example,) = [each for each in told if each["kind"] == kind]
            assert first.items() <= example.items()


def test_the_place_of_the_first_skipped_record_is_shown(served, deleted):
    """It is shown by a run, by a plan, by `validate`, and by the report's page."""
    for command in ("plan", "validate"):
        shown = run(command, *exports(deleted), "--state-dir", deleted / "dry", "--quiet").stdout.decode()
        assert re.search(
            r"events: 5 skipped \(customer_deleted\), first at \S*events\.ndjson:2", shown.replace("\n", "")
        )
    served.migrate(deleted)
    shown = run("status", "--state-dir", deleted / "state").stdout.decode().replace("\n", "")
    assert "events: 5 skipped (customer_deleted), first at" in shown
    assert "customer deleted" in (deleted / "state" / "report.html").read_text()


def test_verify_reads_back_no_skipped_record(served, deleted):
    """What was skipped was not accepted."""
    served.migrate(deleted)
    done = run("verify", "--all", "--state-dir", deleted / "state", "--base-url", served.url, "--json", key=served.key,
               MASIVO_VISIBLE_TIMEOUT="2")  # fmt: skip
    assert done.returncode == 0
    looked_at = {kind: seen["looked_at"] for kind, seen in json.loads(done.stdout)["kinds"].items()}
    assert looked_at == dict.fromkeys(KINDS, 15)


def doubled(path):
    write(path / "customers.ndjson", [customer(1)])
    write(path / "events.ndjson", [events(1, purchase("a"), purchase("b")), events(1, purchase("b"), purchase("c"))])


def test_an_event_on_two_lines_is_counted_once(served, tmp_path):
    """Exit 3, and the dead letter names the event. Deleted as its remedy says, the ledger is right."""
    doubled(tmp_path)
    done = served.migrate(tmp_path)
    assert done.returncode == 3
    assert served.ledger()["events"] == {"c-1": {"a": 1, "b": 1, "c": 1}}
    letters = tmp_path / "state" / "dead-letter.events.ndjson"
    (letter,) = lines(letters)
    assert (letter["reason"], letter["line"], letter["items"]) == ("duplicate_event", 2, [0])
    assert "delete the dead letter if it is one purchase" in json.loads(done.stdout)["examples"][0]["remedy"]
    letters.write_bytes(b"")
    run("retry", "--state-dir", tmp_path / "state", "--base-url", served.url, "--limit", "none", key=served.key)
    assert served.ledger()["events"] == {"c-1": {"a": 1, "b": 1, "c": 1}}


def test_a_dead_letter_of_another_purchase_gets_an_id_of_its_own(served, tmp_path):
    """The other half of the remedy: with its own id everything is accepted."""
    doubled(tmp_path)
    served.migrate(tmp_path)
    letters = tmp_path / "state" / "dead-letter.events.ndjson"
    (letter,) = lines(letters)
    letter["raw"] = letter["raw"].replace('"b"', '"b2"')
    letters.write_text(json.dumps(letter) + "\n")
    sending = ["--state-dir", tmp_path / "state", "--base-url", served.url, "--limit", "none"]
    assert run("retry", *sending, key=served.key, MASIVO_FIRST_PROBE="0.1").returncode == 0
    assert served.ledger()["events"] == {"c-1": {"a": 1, "b": 1, "b2": 1, "c": 1}}


def alike(path):
    write(path / "customers.ndjson", [customer(1)])
    write(path / "events.ndjson", [events(1, purchase("a")), events(1, purchase("a", type="REFUND"), purchase("c"))])


def test_a_plan_warns_of_another_event_of_a_purchase(served, tmp_path):
    """With the setting from the warning the event is a dead letter, and the first event counts."""
    alike(tmp_path)
    planned = run("plan", "--events", tmp_path / "events.ndjson", "--state-dir", tmp_path / "dry", "--json")
    (warning,) = [each for each in json.loads(planned.stdout)["warnings"] if "purchase_id" in each]
    assert re.search(r"the first at \S*events\.ndjson:2: ", warning)
    flag = re.search(r"--duplicate-purchase \w+", warning)[0].split()
    assert served.migrate(tmp_path, *flag).returncode == 3
    assert served.ledger()["events"] == {"c-1": {"a": 1, "c": 1}}


def test_a_run_warns_of_another_event_of_a_purchase(served, tmp_path):
    """It is too late for the setting alone.

    After a revert, and a migration with the setting, the first event counts.
    """
    alike(tmp_path)
    done = served.migrate(tmp_path)
    assert done.returncode == 0
    assert served.ledger()["events"] == {"c-1": {"a": 2, "c": 1}}
    (warning,) = json.loads(done.stdout)["warnings"]
    assert "revert this run" in warning
    flag = re.search(r"--duplicate-purchase \w+", warning)[0].split()
    assert json.loads((tmp_path / "state" / "report.json").read_text())["warnings"] == [warning]
    period = ["--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z", "--yes"]
    taken = run("revert", *period, "--state-dir", tmp_path / "state", "--base-url", served.url, "--limit", "none",
                key=served.key)  # fmt: skip
    assert taken.returncode == 0
    assert served.migrate(tmp_path, *flag).returncode == 3
    assert served.ledger()["events"] == {"c-1": {"a": 2 + 1, "c": 1 + 1}}  # it also counts what was taken back
    assert (tmp_path / "state" / "reverted-1" / "journal.db").exists()


def test_a_revert_puts_the_lists_of_skipped_records_aside(served, deleted):
    """They are put aside with the run they belong to. The next run begins its own."""
    served.migrate(deleted)
    period = ["--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z", "--yes"]
    run("revert", *period, "--state-dir", deleted / "state", "--base-url", served.url, "--limit", "none",
        key=served.key)  # fmt: skip
    assert served.migrate(deleted).returncode == 0
    for place in (deleted / "state", deleted / "state" / "reverted-1"):
        assert len(lines(place / "skipped.events.ndjson")) == 5


def test_an_unknown_customer_costs_one_isolation(served, tmp_path):
    """Events and transactions without customers cost one isolation. What waits is sent when the customer is there."""
    write(tmp_path / "customers.ndjson", [customer(n) for n in range(20)])
    assert served.migrate(tmp_path, state="first").returncode == 0
    (tmp_path / "customers.ndjson").unlink()
    write(tmp_path / "events.ndjson", [events(n, purchase(f"p-{n}")) for n in range(21)])
    write(tmp_path / "transactions.ndjson", [transactions(n) for n in range(21)])
    done = served.migrate(tmp_path)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["kinds"]["transactions"]["requests"]) == (3, 1)
    assert summary["kinds"]["transactions"]["reasons"] == {"customer_not_migrated": 1}
    write(tmp_path / "customers.ndjson", [customer(20)])
    write_only = ["--customers", tmp_path / "customers.ndjson", "--state-dir", tmp_path / "third"]
    sending = ["--base-url", served.url, "--limit", "none"]
    assert run("migrate", *write_only, *sending, key=served.key, MASIVO_FIRST_PROBE="0.1").returncode == 0
    served.ledger()
    again = run("retry", "--state-dir", tmp_path / "state", *sending, key=served.key, MASIVO_FIRST_PROBE="0.1")
    assert again.returncode == 0
    assert served.ledger()["transactions"] == {f"c-{n}": 1 for n in range(21)}
