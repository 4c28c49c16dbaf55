"""Customers who were migrated before: a mapping may have only events, only transactions, or only balances."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import pytest

from masivo_stream.prepare.engine.run import prepare

POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
FRAME = f"""
[rewards]
points = "{POINTS}"
[sources]
ledger = {{ path = "ledger.csv", dates = ["date"], numbers = ["points"] }}
balances = {{ path = "balances.csv", numbers = ["points"] }}
orders = {{ path = "orders.csv", dates = ["date"], numbers = ["total"] }}
"""
BALANCES = """
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM balances"
"""
TRANSACTIONS = """
[transactions]
select = "SELECT place, customer_id, 'points' AS reward, points AS amount, date AS issued_at FROM ledger"
"""
EVENTS = """
[events]
select = '''SELECT place, customer_id, id AS purchase_id, date AS issued_at, total AS value, total AS discounted_value,
            'CASH' AS payment_method, 'A' AS sku, 1 AS quantity, total AS line_value FROM orders'''
"""

LEDGER = """customer_id,date,points
agrees,2021-03-01T00:00:00Z,10
too much,2021-03-01T00:00:00Z,10
too little,2021-03-01T00:00:00.5Z,10
too little,2021-03-01T00:00:00Z,-3
no balance,2021-03-01T00:00:00Z,7
,2021-03-01T00:00:00Z,5
zero,2021-03-01T00:00:00Z,0
"""
TABLE = """id,points
agrees,10
too much,4
too little,20
ordered,6
alone,8
nothing,0
,9
"""
ORDERS = """id,customer_id,date,total
o1,ordered,2021-02-02T00:00:00Z,10
o2,agrees,2020-02-02T00:00:00Z,20
o3,stranger,2021-02-02T00:00:00Z,30
o4,,2021-02-02T00:00:00Z,40
o5,stranger,,50
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that prepares these tables; it returns ledgers by customer, orders, and what was remarked."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("ledger", LEDGER), ("balances", TABLE), ("orders", ORDERS)):
        Path(f"{name}.csv").write_text(text)

    def run_it(text):
        Path("mapping.toml").write_text(FRAME + text)
        found = prepare("mapping.toml", Path("export"))
        assert found.closes
        assert not Path("export/customers.ndjson").exists()
        ledgers = {
            each["id"]: [(entry["amount"], entry["issued_at"][:10]) for entry in each["transactions"]]
            for each in lines("transactions")
        }
        orders = {each["id"]: [event["order"]["purchase_id"] for event in each["events"]] for each in lines("events")}
        with Path("export/left-out.csv").open(newline="") as file:
            listed = defaultdict(list)
            for row in csv.DictReader(file):
                listed[row["table"], row["action"], row["reason"]].append(int(row["line"]))
        return ledgers, orders, dict(listed)

    return run_it


def lines(kind):
    path = Path(f"export/{kind}.ndjson")
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_only_events(run):
    """Every customer is taken as known; an order without a customer, or that cannot be written, is left out."""
    ledgers, orders, listed = run(EVENTS)
    assert (ledgers, orders) == ({}, {"agrees": ["o2"], "ordered": ["o1"], "stranger": ["o3"]})
    assert listed == {
        ("events", "left_out", "no_customer"): [5],
        ("events", "left_out", "missing_date"): [6],
        ("source ledger", "left_out", "not_selected"): [2, 3, 4, 5, 6, 7, 8],
        ("source balances", "left_out", "not_selected"): [2, 3, 4, 5, 6, 7, 8],
    }


def test_only_transactions(run):
    """As they are: there is no balance to agree with, and no balance is written."""
    ledgers, orders, listed = run(TRANSACTIONS)
    day = "2021-03-01"
    assert orders == {}
    assert ledgers == {
        "agrees": [(10, day)], "too much": [(10, day)], "too little": [(-3, day), (10, day)], "no balance": [(7, day)],
    }  # fmt: skip
    assert ("transactions", "left_out", "no_customer") in listed
    assert listed["transactions", "left_out", "zero_amount"] == [8]
    assert not [key for key in listed if key[0] == "balances"]


DAY, FIRST, POLICY = "2021-03-01", "2021-02-02", "2018-01-01"
CORRECTED = {"too much": [(10, DAY), (-6, DAY)], "too little": [(13, DAY), (-3, DAY), (10, DAY)]}
REPLACED = {"agrees": [(10, DAY)], "too much": [(4, DAY)], "too little": [(20, DAY)]}


@pytest.mark.parametrize(
    ("policy", "ledgers", "undated"),
    [
        ("", {"agrees": [(10, DAY)], **CORRECTED}, [5, 6]),
        ('missing_date = "first_activity"', {"agrees": [(10, DAY)], **CORRECTED, "ordered": [(6, FIRST)]}, [6]),
        (
            f'missing_date = "{POLICY}"',
            {
                "agrees": [(10, DAY)], "too much": [(10, DAY), (-6, DAY)],
                "too little": [(13, POLICY), (-3, DAY), (10, DAY)], "ordered": [(6, POLICY)], "alone": [(8, POLICY)],
            },
            [],
        ),
        ('ledger_differs = "trust_balance"', REPLACED, [5, 6]),
        (
            'ledger_differs = "trust_ledger"',
            {"agrees": [(10, DAY)], "too much": [(10, DAY)], "too little": [(-3, DAY), (10, DAY)]},
            [5, 6],
        ),
        ('ledger_differs = "leave_out"', {"agrees": [(10, DAY)]}, [5, 6]),
    ],
)  # fmt: skip
def test_transactions_agree_with_balances_that_are_not_written(run, policy, ledgers, undated):
    """Corrections and opening entries as with customers. A balance that no date is known for is left out."""
    found, _, listed = run(f"{EVENTS}{TRANSACTIONS}{BALANCES}[policies]\n{policy}\n")
    assert found == {**ledgers, "no balance": [(7, DAY)]}
    assert sorted(listed.get(("balances", "left_out", "missing_date"), [])) == undated
    written = [line for line in (2, 3, 4, 5, 6, 7) if line not in undated]
    assert sorted(listed["balances", "left_out", "not_written"]) == written
    assert listed["balances", "left_out", "no_customer"] == [8]
    assert ("balances", "added", "no_balance") not in listed


def test_only_balances(run):
    """Each is opened by one entry, if a date is named."""
    ledgers, _, listed = run(f'{BALANCES}[policies]\nmissing_date = "2018-01-01T10:00:00+02:00"\n')
    assert {id_: amount for id_, [(amount, _)] in ledgers.items()} == {
        "agrees": 10, "too much": 4, "too little": 20, "ordered": 6, "alone": 8,
    }  # fmt: skip
    assert sorted(listed["balances", "left_out", "not_written"]) == [2, 3, 4, 5, 6, 7]


def test_customers_who_were_not_migrated_can_be_joined_away(run):
    """As the page says: with a list of those who were, the others are listed as not selected."""
    Path("known.csv").write_text("id\nagrees\n")
    known = 'known = { path = "known.csv", lookup = true }\n'
    ledgers, _, listed = run(
        known + TRANSACTIONS.replace("FROM ledger", "FROM ledger SEMI JOIN known ON known.id = customer_id")
    )
    assert list(ledgers) == ["agrees"]
    assert listed["source ledger", "left_out", "not_selected"] == [3, 4, 5, 6, 7, 8]
