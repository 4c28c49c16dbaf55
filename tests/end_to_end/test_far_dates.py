"""The earliest and the latest dates, through every command: accepted unchanged, found again, and taken back."""

import json

import pytest
from end_to_end_tools import KINDS, expected_ledger, lines, run, serving

pytestmark = pytest.mark.slow

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00"
DATES = [
    FIRST,
    LAST,
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.9999999+00:00",
    "0001-12-31T23:59:59-12:00",
    "9999-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00-12:00",
    "9999-12-31T23:59:59+14:00",
    "2024-01-01T00:00:00+14:00",
]
REWARD, TIER = "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65", "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21"
QUICK = {"MASIVO_EVENTS_SETTLE": "1", "MASIVO_VISIBLE_TIMEOUT": "5", "MASIVO_FIRST_PROBE": "0.1"}


def customer(number, date):
    period = {
        "from": FIRST,
        "to": LAST,
        "tier_id": TIER,
        "last_visit": date,
        "spend_total": 1,
        "number_of_purchases": 1,
    }
    return {
        "id": f"c{number}",
        "name": "Ana",
        "email": f"c{number}@example.com",
        "registration_date": date,
        "dob": date,
        "metrics": {"lifetime": period, "this_year": period, "updated_at": date},
        "balance": [{"amount": 4, "reward_id": REWARD, "expiration_date": date, "issued_at": date}],
    }


def event(number, date):
    order = {
        "purchase_id": f"p{number}",
        "value": 10,
        "discounted_value": 10,
        "products": [{"sku": "s", "amount": 1, "value": 10}],
        "payment_method": "CASH",
    }
    times = {"issued_at": date, "resolved_at": date}
    return {"type": "PURCHASE", "order": order, "fulfilled": True, **times, "brand_id": None}


def transaction(date):
    return {"reward_id": REWARD, "type": "ACCUMULATION", "amount": 4, "issued_at": date, "resolved_at": date}


@pytest.fixture
def exports(tmp_path):
    """Every date in every field of every kind."""
    records = {
        "customers": [customer(number, date) for number, date in enumerate(DATES)],
        "events": [{"id": f"c{number}", "events": [event(number, date)]} for number, date in enumerate(DATES)],
        "transactions": [{"id": f"c{n}", "transactions": [transaction(date)]} for n, date in enumerate(DATES)],
    }
    for kind, made in records.items():
        (tmp_path / f"{kind}.ndjson").write_text("".join(json.dumps(record) + "\n" for record in made))
    return tmp_path


def here(sandbox, exports):
    return ["--base-url", sandbox.url, "--limit", "none", "--state-dir", exports / "state"]


def test_every_command_accepts_the_ends_of_the_calendar(exports):
    """The records are planned, sent, confirmed, reported and taken back. What arrived is what was exported."""
    named = [part for kind in KINDS for part in (f"--{kind}", exports / f"{kind}.ndjson")]
    planned = run("plan", *named, "--limit", "1/31d", "--json")
    assert planned.returncode == 0, planned.stderr
    with serving(exports, "--limits", "none") as sandbox:
        done = sandbox.migrate(exports, **QUICK, MASIVO_SAMPLE="5")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["verified"]["findings"] == []
        ledger = sandbox.ledger()
        assert {kind: ledger[kind] for kind in KINDS} == expected_ledger(exports)
        for extent in (["--all"], ["--sample", "3"]):
            found = run("verify", *here(sandbox, exports), *extent, "--json", key=sandbox.key, **QUICK)
            assert found.returncode == 0, (found.stdout, found.stderr)
        for command in ("retry", "resolve", "report"):
            where = here(sandbox, exports)[-2:] if command == "report" else here(sandbox, exports)
            found = run(command, *where, "--json", key=sandbox.key, **QUICK)
            assert found.returncode == 0, (command, found.stderr)
        period = ["--from", FIRST, "--to", "9999-12-31T23:59:59.9999999-12:00", "--yes"]
        taken = run("revert", *period, *here(sandbox, exports), key=sandbox.key)
        assert taken.returncode == 0, taken.stderr
        assert (exports / "state" / "reverted-1" / "journal.db").exists()
        assert sandbox.ledger()["reverted"]["customers"] == ledger["customers"]


@pytest.mark.parametrize("applied", ["yes", "no"])
def test_transactions_in_doubt_of_any_date_are_read_back(applied, exports):
    """Transactions of all dates whose answer was lost are found or not. Either way there is a clear result."""
    fault = f"status=503,applied={applied},rate=1,on=transactions,times=1"
    with serving(exports, "--limits", "none", "--fault", fault) as sandbox:
        done = sandbox.migrate(exports, **QUICK)
        assert done.returncode == 4, done.stderr
        found = run("resolve", *here(sandbox, exports), "--json", key=sandbox.key, **QUICK)
        (doubt,) = json.loads(found.stdout)["in_doubt"]
        assert doubt["evidence"]["verdict"] == ("present" if applied == "yes" else "absent"), found.stderr
        decision = "--accept" if applied == "yes" else "--resend"
        decided = run("resolve", *here(sandbox, exports), decision, "all", "--yes", "--json", key=sandbox.key, **QUICK)
        assert decided.returncode == 0, decided.stderr
        ledger = sandbox.ledger()
        assert ledger["transactions"] == expected_ledger(exports)["transactions"]
        assert not lines(exports / "state" / "in-doubt.transactions.ndjson")
