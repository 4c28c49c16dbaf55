"""Prepare a large shop: time, memory and spill of our command, beside what people would write by hand.

Data: made by DuckDB from hashes of row numbers: per million customers 5 M orders, 10 M line items and 8 M entries of
a ledger, as CSV with local times (about 1.1 GB). Compared, each in a process of its own:

* `masivo-stream prepare`, at its default of 512 MB for the database: all three exports, every row accounted for;
* `anchors/nest_duckdb.py`: one query per kind as in tutorials, with `list(… ORDER BY …)`, at that limit and at 4 GB;
* `anchors/nest_pandas.py`: a script with pandas, as someone would write it. Skipped if pandas is not installed.

The other two leave out nothing, merge nothing, correct nothing, and name no row. `--check` adds up the sources with
`csv` and `Decimal`, and compares money and points with the exports, to the cent.

CPU is that of the process; RSS its peak; spill the most bytes in the directory meanwhile, seen every second.
Machine: prints its own. Command: `python bench/prepare.py [--scale 1] [--directory DIR] [--check]`.
"""

# ruff: noqa: S608 - our own tables
import argparse
import csv
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

MAPPING = """\
[formats]
time_zone = "America/Bogota"
[rewards]
points = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
[sources]
customers = { path = "customers.csv", dates = ["created_at"] }
orders = { path = "orders.csv", dates = ["created_at"], numbers = ["total", "discount"] }
lines = { path = "lines.csv", numbers = ["line_no", "quantity", "price"] }
ledger = { path = "ledger.csv", dates = ["created_at"], numbers = ["points"] }
[customers]
select = "SELECT place, id, name, email, created_at AS registration_date, state AS status FROM customers"
statuses = { enabled = "active", disabled = "deleted" }
[events]
select = '''
SELECT o.place, l.place AS line_place, customer_id, o.id AS purchase_id, created_at AS issued_at, total AS value,
       total - discount AS discounted_value, gateway AS payment_method, status, sku, quantity, price AS line_value,
       line_no
FROM orders o LEFT JOIN lines l ON l.order_id = o.id'''
statuses = { paid = "active", refunded = "left_out" }
payments = { credit_card = "CREDIT", debit = "DEBIT", cash = "CASH", wire = "BANK_TRANSFER" }
[transactions]
select = '''
SELECT place, customer_id, 'points' AS reward, points AS amount, created_at AS issued_at, note AS details FROM ledger'''
"""

ANCHORS = Path(__file__).parent / "anchors"


def make_shop(directory: Path, scale: float) -> None:
    """Write the CSV files of a shop; the same scale gives the same bytes."""
    import duckdb  # noqa: PLC0415 - only needed if the shop is not there yet

    customers = int(1_000_000 * scale)

    def drawn(salt: int, below: int) -> str:
        return f"CAST(hash(i * 1000003 + {salt}) % {below} AS BIGINT)"

    tables = {
        "customers": f"""SELECT i AS id, 'Ana "la" Ñandú ' || i AS name, 'user' || i || '@example.com' AS email,
            TIMESTAMP '2015-01-01' + to_seconds({drawn(1, 100_000_000)}) AS created_at,
            CASE WHEN {drawn(2, 50)} = 0 THEN 'disabled' ELSE 'enabled' END AS state FROM range({customers}) t(i)""",
        "orders": f"""SELECT i AS id, {drawn(3, customers)} AS customer_id,
            TIMESTAMP '2019-01-01' + to_seconds(CAST(i * 100000000.0 / {5 * customers} AS BIGINT)) AS created_at,
            CAST({drawn(4, 50_000)} / 100 AS DECIMAL(12,2)) AS total,
            CAST({drawn(5, 500)} / 100 AS DECIMAL(12,2)) AS discount,
            ['credit_card', 'cash', 'debit', 'wire'][{drawn(6, 4)} + 1] AS gateway,
            CASE WHEN {drawn(7, 30)} = 0 THEN 'refunded' ELSE 'paid' END AS status FROM range({5 * customers}) t(i)""",
        "lines": f"""SELECT i // 2 AS order_id, i % 2 + 1 AS line_no, 'SKU-' || {drawn(8, 20_000)} AS sku,
            {drawn(9, 5)} + 1 AS quantity, CAST({drawn(10, 20_000)} / 100 AS DECIMAL(12,2)) AS price
            FROM range({10 * customers}) t(i)""",
        "ledger": f"""SELECT i AS id, {drawn(11, customers)} AS customer_id,
            CAST((CASE WHEN {drawn(12, 5)} = 0 THEN -1 ELSE 1 END) * ({drawn(13, 10_000)} + 1) / 100 AS DECIMAL(12,2))
            AS points, TIMESTAMP '2019-01-01' + to_seconds(CAST(i * 100000000.0 / {8 * customers} AS BIGINT))
            AS created_at, 'order ' || {drawn(14, 5 * customers)} AS note FROM range({8 * customers}) t(i)""",
    }
    with duckdb.connect() as database:
        database.execute("SET threads = 2; SET TimeZone = 'UTC'")
        for name, query in tables.items():
            database.execute(f"COPY ({query}) TO '{directory / name}.csv' (HEADER)")
    (directory / "mapping.toml").write_text(MAPPING)


def measure(command: list[str], directory: Path, spill: Path) -> dict[str, float | int | str]:
    """Run a command; return its exit code, CPU and wall seconds, peak memory and spill."""
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(1):
            sizes = []
            for path in spill.rglob("*"):
                try:
                    sizes.append(path.stat().st_size)
                except OSError:
                    continue
            most = max(most, sum(sizes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    with (directory / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    return {
        "exit code": os.waitstatus_to_exitcode(status),
        "CPU s": round(used.ru_utime + used.ru_stime),
        "wall s": round(time.monotonic() - started),
        "RSS MB": used.ru_maxrss // 1024,
        "spill MB": most >> 20,
    }


def check(directory: Path) -> None:
    """Compare money and points of the exports with the sources, by `csv` and `Decimal` alone."""
    with (directory / "customers.csv").open(newline="") as file:
        active = {row["id"] for row in csv.DictReader(file) if row["state"] == "enabled"}

    def total(name: str, column: str, wanted: Callable[[dict[str, str]], bool]) -> Decimal:
        with (directory / f"{name}.csv").open(newline="") as file:
            return sum((Decimal(row[column]) for row in csv.DictReader(file) if wanted(row)), Decimal(0))

    def written(name: str, items: str, amount: Callable[[dict[str, Decimal]], Decimal]) -> Decimal:
        found = Decimal(0)
        with (directory / "export" / f"{name}.ndjson").open() as lines:
            for line in lines:
                record = json.loads(line, parse_float=Decimal, parse_int=Decimal)
                found += sum((amount(item) for item in record.get(items, ())), Decimal(0))
        return found

    money = total("orders", "total", lambda row: row["customer_id"] in active and row["status"] == "paid")
    points = total("ledger", "points", lambda row: row["customer_id"] in active)
    for what, expected, found in (
        ("money", money, written("events", "events", lambda event: event["order"]["value"])),  # type: ignore[index]
        ("points", points, written("transactions", "transactions", lambda entry: entry["amount"])),
        ("balances", points, written("customers", "balance", lambda entry: entry["amount"])),
    ):
        print(f"{what}: sources {expected:,}, exports {found:,}: {'equal' if expected == found else 'DIFFERENT'}")
        if expected != found:
            sys.exit(1)


def main() -> None:
    """Run what is asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is a million customers")
    parser.add_argument("--directory", type=Path, help="where the shop is, or is made; default: a temporary directory")
    parser.add_argument("--check", action="store_true", help="compare sums with the sources")
    parser.add_argument("--only", default="", help="only what has this in its name")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="masivo-prepare-bench-"))
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "mapping.toml").exists():
        make_shop(directory, arguments.scale)
    size = sum((directory / f"{name}.csv").stat().st_size for name in ("customers", "orders", "lines", "ledger"))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()};")
    print(f"{size >> 20} MB of CSV in {directory}")
    ours = [str(Path(sys.executable).with_name("masivo-stream")), "prepare", "mapping.toml", "-o", "export", "-q"]
    temporary = directory / "by-hand" / "temporary"
    query = [sys.executable, str(ANCHORS / "nest_duckdb.py")]
    contenders = {
        "masivo-stream prepare": (ours, directory / "export" / ".spill"),
        "nest_duckdb.py, 512 MB": ([*query, "512MB"], temporary),
        "nest_duckdb.py, 4 GB": ([*query, "4GB"], temporary),
        "nest_pandas.py": ([sys.executable, str(ANCHORS / "nest_pandas.py")], temporary),
    }
    for name, (command, spill) in contenders.items():
        if arguments.only not in name:
            continue
        shutil.rmtree(directory / "by-hand", ignore_errors=True)
        (directory / "by-hand").mkdir()
        found = measure(command, directory, spill)
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in found.items())}", flush=True)
        if found["exit code"]:
            said = (directory / "output.txt").read_text().splitlines()
            print("  " + next((line for line in reversed(said) if "Error" in line or "error" in line), "")[:200])
    if arguments.check:
        check(directory)


if __name__ == "__main__":
    main()
