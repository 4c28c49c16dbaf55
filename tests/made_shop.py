"""A made-up shop with the dirt of real ones, and what an independent reading of its files says that must come out.

`make_shop` writes four CSV files of a shop in Madrid: semicolons, decimal commas, two formats of local dates.
`count_shop` reads them with `csv`, `Decimal` and `zoneinfo` alone, and applies the policies of the mapping on its own.
"""

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
ZONE = ZoneInfo("Europe/Madrid")
FORMATS = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M")

MAPPING = """\
[formats]
time_zone = "Europe/Madrid"
delimiter = ";"
decimal_mark = ","
date_formats = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"]

[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"

[sources]
customers = { path = "customers.csv", dates = ["joined"], numbers = ["points"] }
orders = { path = "orders.csv", dates = ["date"], numbers = ["total", "discount"] }
lines = { path = "order_lines.csv", numbers = ["qty", "price"] }
ledger = { path = "points_ledger.csv", dates = ["date"], numbers = ["points"] }

[customers]
select = "SELECT place, id, name, email, joined AS registration_date, status FROM customers"
statuses = { enabled = "active", deleted = "deleted" }
[balances]
select = "SELECT place, id AS customer_id, 'points' AS reward, points AS amount FROM customers"
[events]
select = '''
SELECT o.place, l.place AS line_place, customer_id, order_id AS purchase_id, date AS issued_at, total AS value,
       total - discount AS discounted_value, payment_method, status, sku, qty AS quantity, price AS line_value
FROM orders o LEFT JOIN lines l USING (order_id)'''
statuses = { completed = "active", refunded = "reversed", cancelled = "reversed", pending = "left_out" }
payments = { cash = "CASH", card = "CREDIT", bizum = "BANK_TRANSFER", "*" = "OTHER" }
[transactions]
select = '''SELECT place, customer_id, 'points' AS reward, points AS amount, date AS issued_at, reason AS type,
                   reason AS details FROM ledger'''
types = { expired = "EXPIRATION", "*" = "by_sign" }

[policies]
missing_date = "2018-01-01"
missing_sku = "unknown"
"""
"""Forty lines at most: what a person writes for this shop."""

NAMES = ("Ana Gil", "José Núñez", "Zoë Weiß", 'Eva "la" Ruiz', "Luis; Peña", "Olga\nVega", "Ñandú, S.L.", "O'Neil")


def make_shop(folder, customers=300, seed=1):
    """Write the files of a shop."""
    chance = random.Random(seed)
    people, orders, lines, ledger = [], [], [], []
    for number in range(customers):
        joined = datetime(2018, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(6 * 365 * 86400))
        name = f"{chance.choice(NAMES)} {number}"
        person = [str(1000 + number), name, f"c{number}@example.com", _date(joined, chance), 0, "enabled"]
        for share, place, value in (
            *((0.02, 1, " "), (0.02, 2, ""), (0.01, 2, "no mail"), (0.02, 3, ""), (0.01, 3, "0000-00-00 00:00:00")),
            *((0.01, 3, "31/31/2020 10:00"), (0.03, 5, "deleted"), (0.03, 2, f"C{number - 1}@Example.COM")),
        ):
            if chance.random() < share:
                person[place] = value
        people.append(person)
        balance = 0
        for _ in range(min(30, int(chance.paretovariate(1.2)) - 1)):
            number_of_order = str(50_000 + len(orders))
            when = joined + timedelta(hours=chance.randrange(20_000))
            basket = [
                (chance.randint(1, 3), Decimal(chance.randrange(100, 99_999)) / 100)
                for _ in range(chance.randint(1, 4))
            ]
            total = sum(quantity * price for quantity, price in basket)
            if chance.random() < 0.03:
                basket = []
            discount = (total / 10).quantize(Decimal("0.01")) if chance.random() < 0.3 else Decimal("0.00")
            status = chance.choices(["completed", "refunded", "cancelled", "pending", "?"], [85, 5, 4, 4, 2])[0]
            paid = chance.choice(["cash", "card", "bizum", "gift card", ""])
            buyer = person[0] if chance.random() > 0.03 else chance.choice(["", "0", "999999"])
            written = _money(total) if chance.random() > 0.04 else "free"
            orders.append([number_of_order, buyer, _date(when, chance), written, _money(discount), paid, status])
            lines += [
                [number_of_order, chance.choice(["A-1", "B;2", ""]), quantity, _money(price)]
                for quantity, price in basket
            ]
            points = int(total)
            ledger.append([person[0], _date(when, chance), f"+{points}", f"order {number_of_order}"])
            balance += points
            if chance.random() < 0.3:
                ledger.append(
                    [person[0], _date(when, chance), f"-{points // 2}", chance.choice(["redeemed", "expired"])]
                )
                balance -= points // 2
        person[4] = balance + (chance.randint(-50, 80) if chance.random() < 0.1 else 0)
    people += [list(people[3]), list(people[5])]
    ledger += [
        [people[7][0], _date(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hour), chance), "+1", "visit"]
        for hour in range(1200)
    ]
    ledger += [
        ["888888", "2020-01-01 10:00:00", "+100", "welcome"],
        [people[9][0], "2020-01-01 10:00:00", "0", "review"],
    ]
    chance.shuffle(ledger)
    chance.shuffle(lines)
    for name, header, rows in (
        ("customers", "id;name;email;joined;points;status", people),
        ("orders", "order_id;customer_id;date;total;discount;payment_method;status", orders),
        ("order_lines", "order_id;sku;qty;price", lines),
        ("points_ledger", "customer_id;date;points;reason", ledger),
    ):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(header.split(";"))
            writer.writerows(rows)
    (folder / "mapping.toml").write_text(MAPPING)


def _date(moment, chance):
    return moment.strftime(FORMATS[0] if chance.random() > 0.1 else FORMATS[1])


def _money(amount):
    return f"{amount:,.2f}".replace(",", "x").replace(".", ",").replace("x", ".")


# The independent reading.


def count_shop(folder):
    """Return sums by what has to be in the exports: customers, orders, money, and points by customer."""
    tables = {name: _read(folder / f"{name}.csv") for name in ("customers", "orders", "order_lines", "points_ledger")}
    rows = {}
    for row in tables["customers"]:
        rows.setdefault(row["id"], row)  # of rows with one id the first counts
    people = {id_: row for id_, row in rows.items() if _is_good(row)}
    by_email = defaultdict(list)
    for id_, row in people.items():
        by_email[row["email"].strip().lower()].append((_moment(row["joined"]) is None, _moment(row["joined"]), id_))
    for several in by_email.values():
        several.sort(key=lambda each: (each[0], str(each[1]), each[2]))
        for _, _, id_ in several[1:]:
            del people[id_]
    baskets = defaultdict(list)
    for row in tables["order_lines"]:
        baskets[row["order_id"]].append(_number(row["qty"]) * _number(row["price"]))
    value = discounted = Decimal(0)
    events = products = reversed_ = 0
    for row in tables["orders"]:
        total = _number(row["total"])
        known = row["status"] in {"completed", "refunded", "cancelled"}
        if row["customer_id"] in people and known and total is not None and baskets[row["order_id"]]:
            events += 1
            products += len(baskets[row["order_id"]])
            reversed_ += row["status"] != "completed"
            value += total
            discounted += total - _number(row["discount"])
    return {
        "customers": len(people),
        "events": events,
        "products": products,
        "reversed": reversed_,
        "value": value,
        "discounted": discounted,
        "points": {id_: Decimal(row["points"]) for id_, row in people.items()},
    }


def _read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _is_good(row):
    joined = row["joined"].startswith("0000") or not row["joined"] or _moment(row["joined"]) is not None
    return joined and row["status"] == "enabled" and row["name"].strip() and "@" in row["email"]


def _number(text):
    try:
        return Decimal(text.replace(".", "").replace(",", "."))
    except ArithmeticError:
        return None


def _moment(text):
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=ZONE).astimezone(ZoneInfo("UTC"))
        except ValueError:
            continue
    return None
