"""Nest a shop's tables with pandas, as someone would write it in an afternoon; everything is in memory."""
# ruff: noqa: PD011 - an afternoon's script

import json

import pandas as pd

REWARD = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
METHODS = {"credit_card": "CREDIT", "debit": "DEBIT", "cash": "CASH", "wire": "BANK_TRANSFER"}


def iso(column: pd.Series) -> pd.Series:
    """Return local times in Bogota as RFC 3339 text in UTC."""
    return (
        pd.to_datetime(column).dt.tz_localize("America/Bogota").dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    )


customers = pd.read_csv("customers.csv")
customers = customers[customers.state == "enabled"]
ledger = pd.read_csv("ledger.csv")
ledger["issued_at"] = iso(ledger.created_at)
balances = ledger.groupby("customer_id").points.sum()
customers["registration_date"] = iso(customers.created_at)
with open("by-hand/customers.ndjson", "w") as out:
    for row in customers.itertuples():
        balance = [{"reward_id": REWARD, "amount": float(balances.get(row.id, 0))}]
        record = {"id": str(row.id), "name": row.name, "email": row.email, "registration_date": row.registration_date}
        out.write(json.dumps({**record, "balance": balance}) + "\n")

lines = pd.read_csv("lines.csv").sort_values(["order_id", "line_no"])
products = {
    order: [{"sku": sku, "amount": int(quantity), "value": price} for sku, quantity, price in rows]
    for order, rows in lines.groupby("order_id")[["sku", "quantity", "price"]]
    .apply(lambda part: part.values.tolist())
    .items()
}
orders = pd.read_csv("orders.csv")
orders = orders[orders.status == "paid"].sort_values(["customer_id", "created_at"])
orders["issued_at"] = iso(orders.created_at)
with open("by-hand/events.ndjson", "w") as out:
    for customer, rows in orders.groupby("customer_id"):
        events = [
            {
                "type": "PURCHASE",
                "order": {
                    "purchase_id": str(row.id),
                    "value": row.total,
                    "discounted_value": row.total - row.discount,
                    "products": products.get(row.id, []),
                    "payment_method": METHODS[row.gateway],
                },
                "fulfilled": True,
                "issued_at": row.issued_at,
                "resolved_at": None,
                "brand_id": None,
            }
            for row in rows.itertuples()
        ]
        out.write(json.dumps({"id": str(customer), "events": events}) + "\n")

with open("by-hand/transactions.ndjson", "w") as out:
    for customer, rows in ledger.sort_values(["customer_id", "created_at"]).groupby("customer_id"):
        transactions = [
            {
                "reward_id": REWARD,
                "type": "ACCUMULATION" if row.points > 0 else "REDEMPTION",
                "amount": row.points,
                "issued_at": row.issued_at,
                "details": row.note,
            }
            for row in rows.itertuples()
        ]
        out.write(json.dumps({"id": str(customer), "transactions": transactions}) + "\n")
