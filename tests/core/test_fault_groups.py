"""Dead letters in groups of the same fault: every one counted, the largest first, and no value of a record shown."""

import json
import re
from collections import Counter

import pytest
from core.made import as_bytes, customer, validate
from core.records import nearly_valid, places
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core import fault_groups
from masivo_stream.core.fault_groups import (
    LONGEST_CAUSE,
    MOST_LISTED,
    FaultGrouper,
    describe_cause,
    group_key,
    join_groups,
)
from masivo_stream.core.redact import api_names, api_values, group_field
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.results import Rejected

UUID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("", ""),
        ("email", "email"),
        ("events[3].order.value", "events[].order.value"),
        ("events[3].order.products[12].sku", "events[].order.products[].sku"),
        ("balance[3].Ana", "balance[].…"),
        ("Ana.Bea[3].amount", "….amount"),
        ("maria@example.com", "…"),
        ("metrics.lifetime.from", "metrics.lifetime.from"),
        ("email[x]", "…"),
        ("[3]", "…"),
        ("events[].x]", "events[].…"),
    ],
)
def test_a_field_of_a_group(path, shown):
    """Without indexes, and without names that are not the API's."""
    assert group_field(path) == shown


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("missing_field", "required: a string", "required: a string"),
        ("invalid_value", f"expected a UUID such as {UUID}", f"expected a UUID such as {UUID}"),
        ("invalid_value", "expected one of MALE, FEMALE", "expected one of MALE, FEMALE"),
        ("missing_field", "required: maria@example.com", "required: …"),
        (
            "invalid_json",
            "JSON is malformed: invalid character (byte 12)",
            "JSON is malformed: invalid character (byte …)",
        ),
        ("invalid_utf8", "byte 17 of the line is not UTF-8", "byte … of the line is not UTF-8"),
        ("refused", "The email ana@example.com has already been taken.", "The email … has already been taken."),
        ("refused", "customers[3].name: 'Ana María López' is too long", "customers[…].name: … is too long"),
        ("refused", f"no reward {UUID} of 1.250,00 points", "no reward … of …"),
        ("refused", "El saldo de Ana no es válido", "El saldo de … no es válido"),
        (
            "balance_mismatch",
            f"reward {UUID}: the transactions add up to 7.5 (x b.ndjson:3, b:4), the balance is 5 (c.ndjson:4)",
            "the transactions of a reward do not add up to the balance",
        ),
        (
            "refused",
            f"reward {UUID}: the transactions add up to 7.5 (x b.ndjson:3, b:4), the balance is 5 (c.ndjson:4)",
            "reward …: the transactions add up to … (…), the balance is … (…)",
        ),
        (
            "refused",
            f"reward {UUID}: the transactions add up to 7.5 (s3://exports/x b.ndjson:3), the balance is 5 (c:4)",
            "reward …: the transactions add up to … (…), the balance is … (…)",
        ),
        ("refused", "May Will Grant", "May …"),
        ("refused", "it is May", "it is …"),
        ("refused", "…", ""),
        ("refused", "Ana", ""),
        ("refused", "", ""),
        ("a reason of a later version", "Ana is 5", "… is …"),
    ],
)
def test_a_cause_has_no_values(reason, message, cause):
    """Of any message, only known words are left; of our own, the samples as well."""
    assert describe_cause(reason, message) == cause


KNOWN = re.compile(r"\w+")
PIECES = st.lists(st.sampled_from(["email", "Ana", "is", "5", "a@b.c"])).map(" ".join)


@settings(deadline=None)
@given(st.sampled_from([*Reason, "later"]), st.text(max_size=40) | PIECES)
def test_only_known_words_are_left_of_any_message(reason, message):
    """Whatever a server says, and whatever a person writes into the file."""
    allowed = {word.casefold() for word in fault_groups._WORDS | api_names() | api_values()}
    parts = {part for word in (*allowed, *fault_groups._SAMPLES) for part in KNOWN.findall(word.casefold())}
    for word in KNOWN.findall(describe_cause(reason, message).casefold()):
        assert all(part in parts for part in word.split("_") if part), word


@settings(max_examples=150, deadline=None)
@given(nearly_valid(), st.booleans())
def test_messages_of_validation_about_the_schema_are_shown_unchanged(kind_and_record, strict):
    """No word of these messages is taken for a value: groups say as much as dead letters."""
    kind, record = kind_and_record
    result = validate(kind, as_bytes(record), reject_unknown_fields=strict)
    for fault in result.faults if isinstance(result, Rejected) else ():
        if fault.reason in fault_groups._OWN and "does a field occur" not in fault.message:
            assert describe_cause(fault.reason, fault.message) == fault.message.replace('"', "")[:LONGEST_CAUSE]


@settings(max_examples=60, deadline=None)
@given(nearly_valid(), st.booleans())
def test_no_value_or_name_of_a_record_is_in_a_group(kind_and_record, strict):
    """Neither of its values nor of its own fields."""
    kind, record = kind_and_record
    secret = "qzx7731"
    for container, key in places(record):
        if isinstance(container[key], str) and len(container[key]) < 3:
            container[key] = secret
    record[secret] = secret
    result = validate(kind, as_bytes(record), reject_unknown_fields=strict)
    if isinstance(result, Rejected):
        shown = [group_key(fault.reason, fault.field, fault.message) for fault in result.faults]
        assert secret not in json.dumps(shown)


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"{",
            b'{"id"',
            b"{]",
            b'{"a":1}x',
            b'{"a":01}',
            b'{"a":"\\q"}',
            b'{"a":"\\u12',
            b'{"a":"\\u12x',
            b"{1:2}",
            b'{"a" 1}',
        ),
        *(b'{"a":[1 2]}', b"nul", b'{"a":"\x01"}', b'{"a":1e}', b'{"a":"\\ud800\\u0041"}', b"\xff", b"[1]"),
        b"[" * 3000 + b"]" * 3000,
    ],
)
def test_a_cause_has_the_words_of_the_decoder_without_the_byte(line):
    """Its messages are constants, too: only the byte is left out."""
    result = validate(Kind.CUSTOMERS, line)
    for fault in result.faults:
        message = re.sub(r"byte \d+", "byte …", fault.message)
        assert describe_cause(fault.reason, fault.message) == message.strip(" :;,-")


# Counting.

FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["missing_field", "wrong_type"]),
        st.sampled_from(["events[0].type", "events[1].type", "events[7].order.value", "id"]),
        st.sampled_from(["required: a string", "expected a string, found a number"]),
    ),
    min_size=1,
    max_size=4,
)


@given(st.lists(FAULTS, max_size=30))
def test_every_dead_letter_is_counted_once_in_each_of_its_groups(letters):
    """Whatever the number of items with the fault; with the place of the first one; the largest group comes first."""
    grouper = FaultGrouper("events")
    naive, first = Counter(), {}
    for line, faults in enumerate(letters, start=1):
        grouper.add(("e.ndjson", line, line * 100), faults)
        for key in {(reason, re.sub(r"\d+", "", field), message) for reason, field, message in faults}:
            naive[key] += 1
            first.setdefault(key, line)
    groups = grouper.result()
    assert {(each.reason, each.field, each.cause): each.records for each in groups.listed} == naive
    assert all(first[each.reason, each.field, each.cause] == each.line == each.offset // 100 for each in groups.listed)
    sizes = [each.records for each in groups.listed]
    assert sizes == sorted(sizes, reverse=True)
    assert groups.dead_letters == {"events": len(letters)}
    assert all(each.remedy == REMEDIES[Reason(each.reason)] for each in groups.listed)


def test_kinds_are_joined_and_the_list_is_bounded():
    """The largest groups of all kinds first; what is left out is counted."""
    groupers = []
    for kind, size in (("customers", 150), ("events", 100)):
        grouper = FaultGrouper(kind)
        for number in range(size):
            for _ in range(1 + number % 3):
                grouper.add((kind, number, 0), [(f"reason_{number}", "id", "no")])
        groupers.append(grouper.result())
    joined = join_groups(groupers)
    assert (len(joined.listed), joined.left_out) == (MOST_LISTED, 50)
    assert [each.records for each in joined.listed] == sorted((each.records for each in joined.listed), reverse=True)
    assert joined.dead_letters == {"customers": 300, "events": 199}


def test_groups_are_bounded_in_memory(monkeypatch):
    """Dead letters beyond it are counted, their groups are not listed."""
    monkeypatch.setattr(fault_groups, "MOST_GROUPS", 3)
    grouper = FaultGrouper("customers")
    for number in range(5):
        grouper.add(("c", number, 0), [(f"reason_{number}", "id", "no")])
    assert len(grouper.result().listed) == 3
    assert grouper.result().dead_letters == {"customers": 5}


def test_a_reason_of_a_later_version_has_no_remedy():
    """An older version shows the file of a newer one."""
    grouper = FaultGrouper("customers")
    grouper.add(("c", 1, 0), [("of_a_later_version", "id", "no")])
    (group,) = grouper.result().listed
    assert (group.reason, group.remedy, group.place) == ("of_a_later_version", "", "c:1")


def test_the_words_are_no_given_names():
    """Names that are words, too, could be taken for harmless."""
    assert not {"ana", "grace", "mark", "rose", "will", "pat", "sol", "luz"} & fault_groups._WORDS
    assert validate(Kind.CUSTOMERS, as_bytes(customer()))
