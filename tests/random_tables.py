"""Make small tables of a shop at random, full of dirt, and a mapping for them with policies at random.

Emails and orders cross customers, rows are unreadable or unknown, and half of the values are undeclared text, so that a
SELECT has something to say about them.
"""

import csv
import random
from pathlib import Path

MAPPING = """\
[formats]
time_zone = "Europe/Madrid"
decimal_mark = ","
date_formats = ["iso", "%d/%m/%Y", "%m/%d/%Y"]
[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
people = { path = "people-*.csv" }
orders = { path = ["orders.csv", "more.csv"], dates = ["date"], numbers = ["total"] }
lines = { path = "lines.csv", numbers = ["price"] }
ledger = { path = "ledger.csv", numbers = ["amount"] }
unused = { path = "unused.csv" }
cities = { path = "unused.csv", lookup = true }
[customers]
select = 'SELECT place, id, name, email, joined AS registration_date, status FROM people'
statuses = { on = "active", off = "deleted" }
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM people"
[events]
select = '''SELECT o.place, l.place AS line_place, customer AS customer_id, id AS purchase_id, date AS issued_at,
            total AS value, total AS discounted_value, 'CASH' AS payment_method, sku, qty AS quantity,
            price AS line_value FROM orders o LEFT JOIN lines l ON order_id = id WHERE total IS DISTINCT FROM 13'''
[transactions]
select = '''SELECT place, customer AS customer_id, 'points' AS reward, amount, date AS issued_at FROM ledger
            WHERE amount IS DISTINCT FROM 13'''
"""

POLICIES = {
    "id_twice": ("first", "last", "leave_out"),
    "email_twice": ("oldest", "newest", "leave_out"),
    "missing_name": ("leave_out", "?"),
    "missing_date": ("leave_out", "first_activity", "2018-01-01"),
    "bad_number": ("leave_out", "blank"),
    "bad_date": ("leave_out", "blank"),
    "ledger_differs": ("correct", "trust_ledger", "trust_balance", "leave_out"),
    "orders_without_lines": ("leave_out", "one_line"),
}


def write_random_tables(folder, seed, customers=40):
    """Write tables and `mapping.toml`; the same seed gives the same."""
    chance = random.Random(seed)
    pick = chance.choice
    ids = [f"{number} ñ" if number % 9 == 0 else str(number) for number in range(customers)]

    def dirty(value, *others):
        return pick(others) if chance.random() < 0.1 else value

    def amount():
        return dirty(f"{chance.randint(-50, 90)},{chance.randint(0, 99):02}", "", "13", "1,2345678", "a lot", "0")

    def date():
        shown = f"2021-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:00:00"
        return dirty(shown, "", "04/05/2021", "2021-10-31T02:30:00", "2021-03-28T02:30:00", "0000-00-00", "never")

    def customer():
        return dirty(pick(ids), "", "nobody", pick(ids), "éé")

    def person(id_):
        email = f"u{chance.randrange(customers * 2)}@b.co"
        return id_, dirty("Ana", ""), dirty(email, email.upper(), "", "none"), date(), dirty("on", "off", "?"), amount()

    people = [person(dirty(each, "", pick(ids))) for each in ids for _ in range(dirty(1, 2))]
    orders = [(number, customer(), date(), amount()) for number in range(customers * 2)]
    lines = [(chance.randrange(customers * 3), dirty("S", ""), dirty("1", "x"), amount()) for _ in range(customers * 3)]
    tables = {
        "people-1": ("id,name,email,joined,status,points", people[::2]),
        "people-2": ("id,name,email,joined,status,points", people[1::2]),
        "orders": ("id,customer,date,total", orders),
        "more": ("id,customer,date,total", chance.sample(orders, 9)),
        "lines": ("order_id,sku,qty,price", lines),
        "ledger": ("customer,amount,date", [(customer(), amount(), date()) for _ in range(customers * 4)]),
        "unused": ("city", [("Lugo",), ("Vigo",)]),
    }
    for name, (header, rows) in tables.items():
        with Path(folder, f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header.split(","))
            for row in rows:
                writer.writerow(row if chance.random() > 0.02 else (*row, "too many"))
    policies = "".join(f'{name} = "{pick(choices)}"\n' for name, choices in POLICIES.items())
    Path(folder, "mapping.toml").write_text(f"{MAPPING}[policies]\n{policies}")
