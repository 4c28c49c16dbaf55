"""Presets: each turns a made-up sample, in the shape that its product documents, into an export that adds up."""

import json
import shutil
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.engine.run import prepare
from masivo_stream.prepare.mapping.frame import NO_REWARD
from masivo_stream.prepare.mapping.parse_frame import parse_frame
from masivo_stream.prepare.presets.begin_mapping import begin_mapping
from masivo_stream.prepare.presets.guess_formats import guess_dates, guess_decimal_mark
from masivo_stream.prepare.presets.preset_files import list_presets, read_preset

SAMPLES = Path(__file__).parent / "samples"
"""A folder of files per preset. Shapes are those of the vendors' pages; names and values are made up."""

EXPECTED = {
    "three-tables": (["1"], [("10", 20, 15, ["A", "B"])], {"1": [20, -5]}),
    "shopify": (
        ["7001", "7002"],
        [("#1003", 7, 7, ["CUP-1"]), ("#1001", 50, 45, ["TEA-1", "Cup"]), ("#1002", 8, 8, ["CUP-1"])],
        {},
    ),
    "smile": (["ana@example.com", "bea@example.com"], [], {"ana@example.com": [120]}),
    "shopify+smile": (
        ["7001", "7002"],
        [("#1003", 7, 7, ["CUP-1"]), ("#1001", 50, 45, ["TEA-1", "Cup"]), ("#1002", 8, 8, ["CUP-1"])],
        {"7001": [120]},
    ),
    "woocommerce": (["5"], [("90", 20, 18, ["TEA-1", "Cup"]), ("92", 5, 5, ["CUP-1"])], {}),
    "voucherify": (["cust_1"], [("ord_1", Decimal("20.5"), Decimal("18.5"), ["unknown"])], {"cust_1": [100, -20, -10]}),
    "open-loyalty": (["m1"], [("R-1", Decimal("19.5"), Decimal("19.5"), ["TEA", "CUP"])], {"m1": [100, -30, -10]}),
    "talon-one": (["p1"], [], {"p1": [100, -20, -10]}),
}
"""By preset: the customers, the orders as id, value, discounted value and SKUs, and the amounts of each ledger."""


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """Return a function that writes the sample of a preset into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(name):
        shutil.copytree(SAMPLES / name, tmp_path, dirs_exist_ok=True)
        return tmp_path

    return write


def with_zone(text):
    """Return a mapping with the time zone that its author has to decide about."""
    return text.replace('# time_zone = "America/Bogota"', 'time_zone = "America/Bogota"')


def _describe(order):
    return (
        order["purchase_id"],
        order["value"],
        order["discounted_value"],
        [each["sku"] for each in order["products"]],
    )


def lines(path):
    return [json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_becomes_an_export(sample, name):
    """As the preset is printed, except for the time zone where dates have none."""
    folder = sample(name)
    (folder / "mapping.toml").write_text(with_zone(read_preset(name)))
    found = prepare("mapping.toml", folder / "export")
    customers, orders, ledgers = EXPECTED[name]
    written = lines(folder / "export/customers.ndjson")
    events = [event for each in lines(folder / "export/events.ndjson") for event in each["events"]]
    assert [each["id"] for each in written] == customers
    assert [_describe(event["order"]) for event in events] == orders
    transactions = lines(folder / "export/transactions.ndjson")
    assert {each["id"]: [entry["amount"] for entry in each["transactions"]] for each in transactions} == ledgers
    assert found.closes
    assert not [each for each in found.remarks if each.reason in {"bad_number", "bad_date", "order_fields_differ"}]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mapping_is_begun_from_a_sample(sample, name):
    """The files are found by their columns, and the mapping works with the time zone alone."""
    folder = sample(name)
    text = begin_mapping(name, ["."])
    assert "NOT FOUND" not in text
    assert "guessed by its name" not in text
    (folder / "mapping.toml").write_text(with_zone(text))
    prepare("mapping.toml", folder / "export")
    assert [each["id"] for each in lines(folder / "export/customers.ndjson")] == EXPECTED[name][0]


def test_items_that_are_no_json_take_out_their_order(sample):
    """One damaged cell of Open Loyalty does not stop the command; the order has a line in left-out.csv."""
    folder = sample("open-loyalty")
    with (folder / "transactions_2024_01_01.csv").open("a") as file:
        file.write('x2,m1,R-2,sell,"[{""sku"":",2024-01-01 10:00:00,5,2024-01-01 10:00:00\n')
        file.write('x3,m1,R-3,sell,"[{""sku"": ""TEA"", ""quantity"": ""two"", ""grossValue"": 3}]",')
        file.write("2024-01-01 10:00:00,3,2024-01-01 10:00:00\n")
    (folder / "mapping.toml").write_text(read_preset("open-loyalty"))
    found = prepare("mapping.toml", folder / "export")
    events = [event for each in lines(folder / "export/events.ndjson") for event in each["events"]]
    assert [event["order"]["purchase_id"] for event in events] == ["R-1"]
    left = {each.reason: (each.rows, each.money, each.line) for each in found.remarks if each.table == "events"}
    assert left == {"no_lines": (1, 5, 3), "bad_number": (1, 3, 4)}


def test_every_preset_has_a_sample():
    """And each is a mapping, with a title."""
    assert {path.name for path in SAMPLES.iterdir()} == set(list_presets()) == set(EXPECTED)
    for name, title in list_presets().items():
        assert parse_frame(read_preset(name), name)
        assert set(tomllib.loads(read_preset(name)).get("rewards", {}).values()) <= {NO_REWARD}
        assert len(title) < 120


def test_formats_are_guessed_from_values():
    """The fewest that read all; a day that could be a month is said."""
    assert guess_dates(["2024-01-30 10:00:00", "30/01/2024 10:00"]) == (["iso", "%d/%m/%Y %H:%M"], [])
    assert guess_dates(["01/02/2024", "03/04/2024"]) == (["%d/%m/%Y"], ["%m/%d/%Y"])
    assert guess_dates(["01/30/2024", "03/04/2024"]) == (["%m/%d/%Y"], [])
    assert guess_dates(["soon", "0000-00-00"]) == ([], [])
    assert guess_decimal_mark(["1.234,50", "7"]) == ","
    assert guess_decimal_mark(["1,234.50", "1,234", "7"]) == "."


def test_delimiter_and_encoding_are_guessed(sample):
    """And a file that no source matches is said to be missing."""
    folder = sample("smile")
    text = (folder / "smile.csv").read_text().replace(",", ";").replace("Gil", "Núñez")
    (folder / "smile.csv").write_bytes(text.encode("cp1252"))
    begun = begin_mapping("smile", ["smile.csv"])
    assert 'encoding = "cp1252"' in begun
    assert 'delimiter = ";"' in begun
    assert 'path = "orders.csv" # NOT FOUND' in begin_mapping("shopify", ["smile.csv"])
    with pytest.raises(ConfigurationError, match="no such preset"):
        begin_mapping("smyle", ["smile.csv"])
    with pytest.raises(InputError, match="no such file"):
        begin_mapping("smile", ["nowhere"])
