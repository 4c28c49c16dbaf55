"""The field reference is made from the schema, and says something about each field."""

import re

import pytest
from made_docs import program
from msgspec import UNSET, Struct, UnsetType, defstruct

from masivo_stream.model import schemas
from masivo_stream.model.contract import Kind

made = program("make_fields")


def extended(field):
    """Return the record of a customer with one more field."""
    return defstruct("CustomerRecord", [field], bases=(schemas.CustomerRecord,), kw_only=True)


def test_a_field_without_words_is_an_error(monkeypatch):
    """Whether it is required or not."""
    monkeypatch.setitem(made.ROOTS, Kind.CUSTOMERS, extended(("nickname", str | UnsetType, UNSET)))
    with pytest.raises(made.MissingWordsError, match="nickname has no words"):
        made.make_page()


class Wrapping(Struct):
    """A box."""

    colour: str


def test_an_object_without_words_is_an_error(monkeypatch):
    """Each object has a sentence of its own."""
    monkeypatch.setitem(made.ROOTS, Kind.CUSTOMERS, extended(("box", Wrapping)))
    monkeypatch.setitem(made.FIELDS["CustomerRecord"], "box", "what it is wrapped in")
    with pytest.raises(made.MissingWordsError, match="Wrapping has no words"):
        made.make_page()


def test_words_without_a_field_are_an_error(monkeypatch):
    """A field that was removed leaves no words behind."""
    monkeypatch.setitem(made.FIELDS["Product"], "colour", "its colour")
    with pytest.raises(made.MissingWordsError, match=r"no field of the schema has these words.*colour"):
        made.make_page()


def test_every_struct_of_the_schema_is_on_the_page():
    """Each has its table, whatever it is in."""
    bases = {"OrderFields", "TransactionFields", "EitherSign", "LooseOrder", "Anything", "Struct"}
    types = {"Accumulation", "Redeemed", "Expired", "Migrated", "Transferred", "Reversed"}
    records = {"CustomerRecord", "EventsRecord", "TransactionsRecord", "GuideTransactionsRecord"}
    structs = {name for name, value in vars(schemas).items() if isinstance(value, type) and issubclass(value, Struct)}
    tables = {match[1] for match in re.finditer(r"^### (\w+) in ", made.make_page(), re.MULTILINE)}
    assert tables == structs - bases - types - records | {"Transaction"}


def rows(page, heading):
    section = page.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (shown, given) for name, shown, given, _ in cells}


def test_the_page_says_what_is_required_and_what_may_be_null():
    """As the schema does."""
    page = made.make_page()
    assert rows(page, "Event in events")["brand_id"] == ("text", "required, may be null")
    assert rows(page, "Event in events")["store_id"] == ("text", "optional, may be null")
    given = rows(page, "Order in events")["discounted_value"][1]
    assert given == "required; optional with `--discounted-value optional`"
    assert rows(page, "Customers")["deleted"] == ("anything", "optional")
    amounts = rows(page, "Transaction in transactions")["amount"][0]
    assert amounts.startswith("number > 0 for `ACCUMULATION`; number < 0 for `REDEMPTION`")
