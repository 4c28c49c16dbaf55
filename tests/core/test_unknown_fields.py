"""Fields that the API does not know are counted exactly, and shown without what may be personal."""

import json

import pytest
from core.doubtful import collect, look
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.checks.known_fields import known_fields
from masivo_stream.core.checks.unknown_fields import MOST_NAMES, LineReader, nearest_field
from masivo_stream.core.redact import MASK, public_name
from masivo_stream.generate.good_records import record as good_record
from masivo_stream.generate.good_records import records
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import CheckName

NAMES = (
    "loyalty_level",
    "emial",
    "Última_visita",
    "ana@x.co",
    "C0000123",
    "a b",
    'a"b',
    "\x00",
    "",
    "x" * 50,
    "addr_2",
)
VALUES = ("1", "null", '"x"', '{"a":[1,{"b":2}]}', "1e999", "[" * 50 + "]" * 50, '"\\ud83d\\ude00"')
OF_NAMES = {"misspelled_field", "unknown_field"}
CHECKS = {CheckName(name) for name in CheckName} - {CheckName(name) for name in OF_NAMES}


def objects_in(value, known):
    """Yield the known objects of a record, with their paths."""
    yield value, known.path
    for name, inner in known.inner.items():
        if name in value:
            for each in value[name] if isinstance(value[name], list) else [value[name]]:
                yield from objects_in(each, inner)


@st.composite
def odd_lines(draw):
    """Return a kind, and records with unknown fields: their lines, and the paths with the names of these fields."""
    kind = draw(st.sampled_from(Kind))
    found = []
    for number in range(draw(st.integers(1, 4))):
        fields = json.loads(good_record(kind, seed=1, number=draw(st.integers(0, 50))).body)
        fields["id"] = f"c{number}"
        added, values = set(), {}
        for place, (inner, path) in enumerate(objects_in(fields, known_fields(kind))):
            for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)) if place < 6 else ():
                values[f"VALUE{len(values)}"] = draw(st.sampled_from(VALUES))
                inner[name] = f"VALUE{len(values) - 1}"
                added.add((path, name))
        text = json.dumps(fields)
        for placeholder, value in values.items():
            text = text.replace(f'"{placeholder}"', value, 1)
        found.append((text.encode(), added))
    return kind, found


def named(path, name):
    return f"{path}.{public_name(name)}" if path else public_name(name)


@given(odd_lines())
def test_each_record_counts_once_for_each_unknown_field(odd):
    """However often a field is in the record, whatever its value, and whether the field was seen before or not."""
    kind, found = odd
    wanted = {}
    for _, added in found:
        for shown in {named(path, name) for path, name in added}:
            wanted[shown] = wanted.get(shown, 0) + 1
    counted = look(kind, [body for body, _ in found], CHECKS)
    assert {field: count for (_, field), count in counted.items()} == wanted


@given(odd_lines())
def test_unknown_fields_change_nothing_else(odd):
    """Lines that are sent are read as without the search for unknown fields."""
    kind, found = odd
    watching, plain = LineReader(kind, watch=True), LineReader(kind, watch=False)
    for body, _ in found:
        one, other = watching.read(body), plain.read(body)
        assert (one is None) == (other is None)
        if one is not None:
            assert all(repr(getattr(one, name)) == repr(getattr(other, name)) for name in ("id",))
        assert plain.unknown == set()


@pytest.mark.parametrize("kind", Kind)
def test_good_records_have_no_unknown_field(kind):
    """Those that `generate` writes, and none of them needs a second look."""
    reader = LineReader(kind, watch=True)
    reader._read_again = None
    for body in records(kind, count=1000, seed=4):
        assert reader.read(body) is not None
        assert not reader.unknown


def test_a_field_that_is_known_to_be_unknown_costs_no_second_look():
    """From the second line on; a further field costs one more."""
    reader = LineReader(Kind.CUSTOMERS, watch=True)
    reader.read(customer(0, level=1))
    reader.read(customer(1, balances=1))
    reader._read_again = None
    for number in range(2, 9):
        reader.read(customer(number, level=[{}], balances=None) if number % 2 else customer(number))
        assert reader.unknown == ({("", "level"), ("", "balances")} if number % 2 else set())


def customer(number, **more):
    return json.dumps({**json.loads(good_record(Kind.CUSTOMERS, seed=1, number=number).body), **more}).encode()


def names_of(number):
    """Return a name without digits for each number."""
    return "note_" + "".join(chr(97 + number // 26**place % 26) for place in range(3))


@pytest.mark.parametrize("names", [MOST_NAMES, MOST_NAMES + 1, 3000])
def test_any_number_of_names_takes_bounded_memory(names):
    """Names of an object that has too many are data: they are counted together, exactly, and not shown."""
    bodies = [customer(number, **{names_of(number): 1}) for number in range(names)]
    found = collect(Kind.CUSTOMERS, bodies, CHECKS)
    fields = found.fields(CheckName.UNKNOWN_FIELD)
    assert sum(each.records for each in fields) == found.counts[CheckName.UNKNOWN_FIELD] == names
    assert (len(fields), fields[0].field) == ((names, "note_aaa") if names <= MOST_NAMES else (1, "*"))
    assert [fault.place.line for fault in found.first(CheckName.UNKNOWN_FIELD)] == [1, 2, 3]


def test_a_misspelled_name_has_the_known_one_beside_it():
    """Each with the number of records, and the first place."""
    bodies = [customer(1), customer(2, balances=[]), customer(3, balances=1, delete=True), customer(4, created_at="")]
    found = collect(Kind.CUSTOMERS, bodies, CHECKS)
    fields = found.fields(CheckName.MISSPELLED_FIELD)
    misspelled = [(each.field, each.nearest, each.records, each.first.line) for each in fields]
    assert misspelled == [("balances", "balance", 2, 2), ("delete", "deleted", 1, 3)]
    (unknown,) = found.fields(CheckName.UNKNOWN_FIELD)
    assert (unknown.field, unknown.nearest, unknown.first.line) == ("created_at", "devices[].created_at", 4)


@pytest.mark.parametrize(
    ("kind", "path", "name", "nearest"),
    [
        (Kind.TRANSACTIONS, "", "transaction", "transactions"),
        (Kind.EVENTS, "events[].order", "prodcuts", "events[].order.products"),
        (Kind.EVENTS, "events[]", "purchase_id", "events[].order.purchase_id"),
        (Kind.EVENTS, "events[]", "issuedAt", "events[].issued_at"),
        (Kind.EVENTS, "events[]", "reversedAt", "events[].reversed_at"),
        (Kind.CUSTOMERS, "", "e-mail", "email"),
        (Kind.CUSTOMERS, "", "registrationDate", "registration_date"),
        (Kind.CUSTOMERS, "", "birthday", ""),
        (Kind.CUSTOMERS, "", "state", ""),
        (Kind.CUSTOMERS, "", "city", ""),
        (Kind.CUSTOMERS, "", "phone", ""),
        (Kind.CUSTOMERS, "", "updated", ""),
        (Kind.CUSTOMERS, "", "created_at", "devices[].created_at"),
        (Kind.CUSTOMERS, "", "tier_id", "metrics.lifetime.tier_id"),
        (Kind.CUSTOMERS, "balance[]", "expiration", "balance[].expiration_date"),
        (Kind.CUSTOMERS, "devices[].device_info", "os_version", "devices[].device_info.osVersion"),
        (Kind.TRANSACTIONS, "transactions[]", "ammount", "transactions[].amount"),
    ],
)
def test_the_nearest_known_name(kind, path, name, nearest):
    """In the same object, or else in another one of the record."""
    assert nearest_field(kind, path, name) == nearest


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *((name, name) for name in ("loyalty_level", "dirección", "address_2", "campo12", "e-mail", "_id", "x.y")),
        *(
            (name, MASK)
            for name in ("ana@x.co", "+57 300 1234567", "C00012", "María López", "12", "", "a\nb", "x" * 41)
        ),
        *((name, MASK) for name in ("3c90c3cc-0d44-4b50-8888-8dd25736052a", "a\u202eb", "a:b", "a\ud800")),
    ],
)
def test_only_what_looks_like_a_name_is_shown(name, shown):
    """Emails, phone numbers, ids and full names are masked, whatever field they are in place of."""
    assert public_name(name) == shown
