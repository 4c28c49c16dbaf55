"""The entries that a refusal names: the validators' forms, ids of every kind, other numbers, hostile text."""

import json
import random

import pytest
from core.made import as_bytes, customer, entry, event, events, transaction, transactions
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from masivo_stream.core.isolation.named import LONGEST_DETAILS, find_named
from masivo_stream.model.contract import Kind
from masivo_stream.sandbox.body_rules import validate
from masivo_stream.sandbox.parsed_batch import Refusal

BATCH = [[entry(line=number)] for number in range(40)]


def lines(details, groups=BATCH):
    return [each.line for each in find_named(details, groups).entries]


def named(details, *ids):
    """Return which of `ids`, each an entry's customer, the complaint names."""
    groups = [[replace(entry(line=number), customer=name)] for number, name in enumerate(ids)]
    return [each.customer for each in find_named(details, groups).entries]


@pytest.mark.parametrize(
    "details",
    [
        "customers[17]: expected at least one event",
        "Unprocessable Entity: customers[17].email: expected a string",
        "customers[ 17 ] is bad",
        "The customers.17.email field is required.",
        "/customers/17/email must match format",
        "#/customers/17",
        "$.customers[17].email",
        "$['customers'][17]['email']",
        '[{"path": ["customers", 17, "email"], "message": "Required"}]',
        '[{"loc":["body","customers",17,"events",3],"msg":"at most 255 characters"}]',
        json.dumps(json.dumps({"path": ["customers", 17]})),
        'body["customers"][17]',
        '{"index": 17, "message": "email exists"}',
        '{"index":17}',
        "error at index 17",
        "index=17: bad",
        "Index #17.",
        'customers[17].events[3]: "index": 3',
        "customer c17 exists",
        "no such customer: 'c17'.",
        '{"id": "c17", "error": "unknown"}',
        "(c17)",
    ],
)
def test_the_usual_forms_name_an_entry(details):
    """Whatever the validator, the entry it names is found, and no other."""
    assert lines(details) == [17]


@pytest.mark.parametrize(
    "details",
    [
        "",
        "Invalid customer entry",
        "name must be at most 25 characters",
        "customers: expected 1 to 1000 customers, found 17",
        "customers, 17 of them, are too many",
        "customers. 17 were refused",
        "customers[170]: out of range",
        "customers[17000000]",
        "customers[-1]",
        "mycustomers[17]",
        "customers[\uff11\uff17]",
        "events[17].order",
        "reindex 17",
        "index 17th",
        "status 17",
        "c17a", "ac17", "c-c17", "c17-2", "c17@example.test", "c17.5", "x.c17", "xc17x", "_c17",
    ],
)  # fmt: skip
def test_numbers_and_words_in_other_places_name_no_entry(details):
    """Counts, limits, other lists, and parts of longer words name no entry."""
    assert lines(details) == []


def test_named_entries_are_in_the_order_of_the_batch():
    """Each once, however often it is named."""
    assert lines("customers[9].email; customers[3].id; customers[9].name") == [3, 9]
    assert lines("c19 and c13, c19 again") == [13, 19]


def test_a_position_may_hold_several_entries():
    """All entries behind a position are named, and all of an id."""
    groups = [[entry(line=1), entry(line=2)], [entry(line=3)], [replace(entry(line=4), customer="c1")]]
    assert lines("customers[0]", groups) == [1, 2]
    assert lines("customer c1", groups) == [1, 4]


@pytest.mark.parametrize(
    ("details", "found"),
    [
        ('{"index": 1}', ["b2"]),
        ('{"id": "1"}', ["1"]),
        ("customer 1 exists", ["1"]),
        ("customer_id=1", ["1"]),
        ("customerId: '1'", ["1"]),
        ("at most 1 character", []),
        ("invalid 1", []),
        ('"1" is too short', []),
    ],
)
def test_an_id_that_could_be_a_number_counts_only_if_it_is_called_an_id(details, found):
    """An index is not an id, and a limit is neither."""
    assert named(details, "1", "b2") == found


def test_an_id_that_could_be_a_word_counts_only_if_it_is_called_an_id():
    """A customer with the id `email` is not named whenever an email is."""
    assert named("email must be unique", "email", "b2") == []
    assert named("the customer 'email' exists", "email", "b2") == ["email"]


def test_the_longest_id_counts():
    """An id that is part of another one that is named is not."""
    assert named("no such customer: ana b.c 7", "ana b.c", "ana b.c 7", "ana") == ["ana b.c 7"]
    assert named("c-1 and c-17", "c-1", "c-17", "17", "1") == ["c-1", "c-17"]


@given(st.text(min_size=1, max_size=12), st.booleans())
def test_any_id_is_found_if_it_is_called_an_id(name, spelt_as_json):
    """Spaces, quotes and characters with a meaning in patterns are ordinary characters."""
    told = json.dumps({"id": name}, ensure_ascii=False) if spelt_as_json else f'id "{name}"'
    assert named(told, name) == [name]


def test_the_refusals_of_the_sandbox_name_the_entry():
    """Schema, repeated ids, and what must not be migrated: its complaints lead to the entry."""
    bad = {
        Kind.CUSTOMERS: [customer(email=5), customer(deleted=True, id="d"), customer()],
        Kind.EVENTS: [events(event(fulfilled=3)), events(event(reversed_at="x")), {"id": "c", "events": []}],
        Kind.TRANSACTIONS: [transactions(transaction(amount=0)), transactions(transaction(reward_id=None))],
    }
    good = {Kind.CUSTOMERS: customer(), Kind.EVENTS: events(), Kind.TRANSACTIONS: transactions()}
    for kind, records in bad.items():
        for record in records:
            answer = validate(kind, as_bytes({"customers": [good[kind], record]}))
            assert isinstance(answer, Refusal)
            assert lines(answer.details) == [1], answer.details


def test_a_name_that_was_cut_names_no_entry():
    """If the text ends at its limit, a number or an id at its end may continue."""
    for name in ("/customers/17", "at index 17", "customer c17", "customers[17"):
        cut = name.rjust(LONGEST_DETAILS)
        assert lines(cut) == []
        assert lines(cut + "0") == []
    assert lines("customers[17]".rjust(LONGEST_DETAILS)) == [17]


@pytest.mark.parametrize(
    "unit", ["customers", "customers[", 'customers"', "index ", "index\\", '"id": "', "c1 ", "c", "\\", " ", "1", "a.a"]
)
def test_hostile_text_is_read_quickly(unit):
    """Whatever the text, with a thousand ids that match everywhere: reading it takes little time."""
    chance = random.Random(3)
    ids = ["".join(chance.choice("ac1.") for _ in range(chance.randrange(1, 9))) for _ in range(1000)]
    groups = [[replace(BATCH[0][0], customer=name)] for name in ids]
    find_named(unit * (1_000_000 // len(unit)), groups)


@given(st.text(max_size=1200))
def test_no_text_makes_it_fail(details):
    """Arbitrary text names entries of the batch, in order, or none."""
    found = lines(details)
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("details", "surely"),
    [("customers[1].email", True), ("customer x-1 is new", True), ("index 1", False), ("products: index 0", False)],
)
def test_a_bare_index_may_be_that_of_an_item(details, surely):
    """So entries that an index names are to be tested, each alone."""
    groups = [[replace(entry(line=number), customer=f"x-{number}")] for number in range(2)]
    found = find_named(details, groups)
    assert (len(found.entries), found.surely) == (1, surely)
