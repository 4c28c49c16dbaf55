"""Small tables of a shop, prepared by one mapping with any policies, and counted independently of what it reports."""
# ruff: noqa: S608 - the frame is made of our own text

import csv
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from masivo_stream.prepare.engine.run import prepare

POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
CASHBACK = "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21"

COLUMNS = {
    "people": ("id", "name", "email", "joined", "status"),
    "balances": ("customer", "amount", "reward"),
    "orders": ("id", "customer", "date", "total", "status"),
    "lines": ("order_id", "sku", "qty", "price"),
    "ledger": ("customer", "amount", "date", "reward"),
}
SOURCES = """\
[sources]
people = { path = "people.csv", dates = ["joined"] }
balances = { path = "balances.csv", numbers = ["amount"] }
orders = { path = "orders.csv", dates = ["date"], numbers = ["total"] }
lines = { path = "lines.csv", numbers = ["qty", "price"] }
ledger = { path = "ledger.csv", dates = ["date"], numbers = ["amount"] }
"""
FRAME = f"""
[formats]
time_zone = "UTC"
[rewards]
points = "{POINTS}"
cashback = "{CASHBACK}"
{SOURCES}[customers]
select = "SELECT place, id, name, email, joined AS registration_date, status FROM people"
statuses = {{ on = "active", off = "deleted", test = "left_out" }}
[balances]
select = "SELECT place, customer AS customer_id, coalesce(reward, 'points') AS reward, amount FROM balances"
[events]
select = '''SELECT o.place, l.place AS line_place, customer AS customer_id, id AS purchase_id, date AS issued_at,
            total AS value, total AS discounted_value, 'CASH' AS payment_method, status, sku, qty AS quantity,
            price AS line_value FROM orders o LEFT JOIN lines l ON order_id = id'''
statuses = {{ ok = "active", back = "reversed", open = "left_out" }}
[transactions]
select = '''SELECT place, customer AS customer_id, coalesce(reward, 'points') AS reward, amount, date AS issued_at
            FROM ledger'''
[policies]
"""
TABLES = {"customers": "people", "balances": "balances", "transactions": "ledger"}


class Outcome(NamedTuple):
    """What was written, and what was said about the rest."""

    customers: dict
    orders: dict
    """By customer: purchase ids."""
    ledgers: dict
    """By customer and reward: amounts and days."""
    balances: dict
    """By customer and reward."""
    records: dict
    """Lines of each export."""
    remarks: dict
    """Lines of the main table's file, by table, action and reason."""


def person(id_, joined="2020-01-01", **fields):
    """Return a row of people."""
    return {
        "id": id_,
        "name": "Ana",
        "email": f"{'.'.join(id_.split())}@b.co",
        "joined": joined,
        "status": "on",
        **fields,
    }


def write_tables(tables):
    """Write the tables as CSV: rows are dicts, or tuples in the order of their columns."""
    for name, columns in COLUMNS.items():
        with Path(f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in tables.get(name, ()):
                values = [row.get(column, "") for column in columns] if isinstance(row, dict) else list(row)
                writer.writerow(values + [""] * (len(columns) - len(values)))


def prepare_tables(tables, **policies):
    """Prepare tables with policies; check that the figures close by an own count, and return the outcome."""
    write_tables(tables)
    Path("mapping.toml").write_text(FRAME + "".join(f'{key} = "{value}"\n' for key, value in policies.items()))
    found = prepare("mapping.toml", Path("export"))
    records = {kind: _lines(kind) for kind in ("customers", "events", "transactions")}
    with Path("export/left-out.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    _check(tables, records, listed, found)
    balances, ledgers, remarks = defaultdict(dict), defaultdict(dict), defaultdict(list)
    names = {POINTS: "points", CASHBACK: "cashback"}
    for each in records["customers"]:
        for balance in each.get("balance", ()):
            name = names[balance["reward_id"]]
            balances[each["id"]][name] = balances[each["id"]].get(name, 0) + balance["amount"]
    for each in records["transactions"]:
        for entry in each["transactions"]:
            known = ledgers[each["id"]].setdefault(names[entry["reward_id"]], [])
            known.append((entry["amount"], entry["issued_at"][:10]))
    for row in listed:
        remarks[row["table"], row["action"], row["reason"]].append(int(row["line"]))
    return Outcome(
        {each["id"]: each for each in records["customers"]},
        {each["id"]: [event["order"]["purchase_id"] for event in each["events"]] for each in records["events"]},
        dict(ledgers),
        dict(balances),
        records,
        {key: sorted(found) for key, found in remarks.items()},
    )


def _lines(kind):
    path = Path(f"export/{kind}.ndjson")
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line, parse_float=Decimal) for line in lines]


def _check(tables, records, listed, found):
    """Compare came + added = written + left out + merged, and `prepare.json` with `left-out.csv`."""
    assert found.closes
    assert json.loads(Path("export/prepare.json").read_bytes())["closes"] is True
    assert Counter((row["table"], row["action"], row["reason"]) for row in listed) == {
        (each.table, each.action, each.reason): each.rows for each in found.remarks
    }
    written = {
        "customers": [(1, 0)] * len(records["customers"]),
        "balances": [(1, one["amount"]) for each in records["customers"] for one in each.get("balance", ())],
        "transactions": [(1, one["amount"]) for each in records["transactions"] for one in each["transactions"]],
    }
    for table, source in TABLES.items():
        came = [
            dict(zip(COLUMNS[source], row, strict=False)) if isinstance(row, tuple) else row
            for row in tables.get(source, ())
        ]
        noted = [row for row in listed if row["table"] == table]

        def total(*actions, noted=noted):
            chosen = [row for row in noted if row["action"] in actions]
            return len(chosen), sum(Decimal(row["points"] or 0) for row in chosen)

        amounts = [Decimal(0) if table == "customers" else _number(row.get("amount")) for row in came]
        added, gone = total("added"), total("left_out", "merged")
        assert len(came) + added[0] == len(written[table]) + gone[0], table
        assert sum(amounts) + added[1] == sum(amount for _, amount in written[table]) + gone[1], table
    values = {row[0]: _number(row[3]) for row in tables.get("orders", ())}
    money = sum(event["order"]["value"] for each in records["events"] for event in each["events"])
    left = sum(Decimal(row["money"] or 0) for row in listed)
    assert sum(values.values()) == money + left


def _as_dict(source, row):
    return row if isinstance(row, dict) else dict(zip(COLUMNS[source], row, strict=False))


def _number(text):
    try:
        return Decimal(text).quantize(Decimal("0.000001")) if text else Decimal(0)
    except ArithmeticError:
        return Decimal(0)
