"""A dirty shop from its CSV files to exports: an independent reading of the same files agrees, to the cent."""

import csv
import json
from collections import Counter
from decimal import Decimal

import pytest
from made_shop import MAPPING, POINTS, count_shop, make_shop

from masivo_stream.prepare.engine.run import prepare


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop, prepared once."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = prepare("mapping.toml", folder / "export")
    return folder, found


def lines(path):
    return [json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines()]


def test_the_mapping_is_short():
    """A person writes forty lines at most for all of this dirt."""
    assert len(MAPPING.splitlines()) <= 40


def test_sums_are_those_of_an_independent_reading(shop):
    """Customers, orders, line items, money and the points of every customer."""
    folder, found = shop
    expected = count_shop(folder)
    customers = lines(folder / "export/customers.ndjson")
    events = [event for record in lines(folder / "export/events.ndjson") for event in record["events"]]
    transactions = lines(folder / "export/transactions.ndjson")
    assert found.closes
    assert len(customers) == expected["customers"]
    assert {each["id"]: each["balance"][0]["amount"] for each in customers} == expected["points"]
    assert len(events) == expected["events"]
    assert sum(len(event["order"]["products"]) for event in events) == expected["products"]
    assert sum(event.get("status") == "REVERSED" for event in events) == expected["reversed"]
    assert sum(event["order"]["value"] for event in events) == expected["value"]
    assert sum(event["order"]["discounted_value"] for event in events) == expected["discounted"]
    ledger = {each["id"]: sum(entry["amount"] for entry in each["transactions"]) for each in transactions}
    assert {id_: ledger.get(id_, 0) for id_ in expected["points"]} == expected["points"]
    assert {entry["reward_id"] for each in transactions for entry in each["transactions"]} == {POINTS}
    assert max(len(each["transactions"]) for each in transactions) == 1000


def test_every_row_of_every_source_is_accounted_for(shop):
    """The list names as many rows as the figures say, by table, action and reason; each place is a line of its file."""
    folder, found = shop
    with (folder / "export/left-out.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    counted = Counter((row["table"], row["action"], row["reason"]) for row in listed)
    assert counted == {(each.table, each.action, each.reason): each.rows for each in found.remarks}
    for each in found.remarks:
        rows = [
            row
            for row in listed
            if (row["table"], row["action"], row["reason"]) == (each.table, each.action, each.reason)
        ]
        assert sum(Decimal(row["money"] or 0) for row in rows) == each.money
        assert sum(Decimal(row["points"] or 0) for row in rows) == each.points
    for row in listed:
        text = (folder / row["file"]).read_text().split("\n")[int(row["line"]) - 1]
        assert text, row
    assert {each.reason for each in found.remarks} >= {
        *("customer_deleted", "email_twice", "missing_email", "not_an_email", "missing_name", "missing_date"),
        *("same_row_twice", "unknown_customer", "no_customer", "no_lines", "bad_number", "unmapped_status"),
        *("status_left_out", "missing_sku", "ledger_differs", "too_many_transactions", "zero_amount", "zero_date"),
    }


def test_the_places_are_right(shop):
    """A deleted customer's line says that the customer is deleted, also after names that hold line breaks."""
    folder, _ = shop
    with (folder / "export/left-out.csv").open(newline="") as file:
        deleted = [
            int(row["line"])
            for row in csv.DictReader(file)
            if row["reason"] == "customer_deleted" and row["table"] == "customers"
        ]
    text = (folder / "customers.csv").read_text()
    begins, at = {}, 0
    with (folder / "customers.csv").open(newline="") as file:
        reader = csv.reader(file, delimiter=";")
        for row in reader:
            begins[at + 1] = row
            at = reader.line_num
    assert text.count("\n") == at
    assert deleted
    assert {begins[line][5] for line in deleted} == {"deleted"}


def test_nothing_is_left_beside_the_exports(shop):
    """The spill directory is gone, and so are the files that grew."""
    folder, _ = shop
    assert sorted(path.name for path in (folder / "export").iterdir()) == [
        *("customers.ndjson", "events.ndjson", "left-out.csv", "prepare.json", "transactions.ndjson"),
    ]


@pytest.mark.parametrize(("threads", "memory"), [(1, "200MB"), (4, "1GB")])
def test_the_bytes_do_not_depend_on_threads_or_memory(shop, tmp_path, monkeypatch, threads, memory):
    """The same sources and mapping give the same exports and the same list."""
    folder, _ = shop
    monkeypatch.chdir(folder)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f'{MAPPING}\n[engine]\nthreads = {threads}\nmemory = "{memory}"\n')
    prepare(str(mapping), tmp_path / "export")
    for name in ("customers.ndjson", "events.ndjson", "transactions.ndjson", "left-out.csv"):
        assert (tmp_path / "export" / name).read_bytes() == (folder / "export" / name).read_bytes()
