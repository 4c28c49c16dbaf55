"""All faults of a record are in its dead letter: those that are planted, and no others; the first one is the reason."""

import copy
import json

import pytest
from core.made import DATE, REWARD, as_bytes, customer, decoder, event, events, order, transaction, transactions
from core.made import validate as validate_line
from core.records import kinds_and_records, nearly_valid, places
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.dead_letters import read_dead_letter, validate_retry, write_dead_letter, write_retry
from masivo_stream.core.reading.record_faults import MOST_COUNTED
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, ask
from masivo_stream.core.reading.schema_faults import problems, spell
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import DeadLetterNote
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import MOST_FAULTS, Entry, Line, LineRun, Rejected
from masivo_stream.sandbox.body_rules import Refusal
from masivo_stream.sandbox.body_rules import validate as sandbox_rules

MISSING = object()


def faults(kind, body, **rules):
    result = validate_line(kind, body if isinstance(body, bytes) else as_bytes(body), **rules)
    return [(fault.reason, fault.field) for fault in result.faults] if isinstance(result, Rejected) else []


# Planted faults. A record of each kind with something in every place, the wrong values for a place, and their fault.

RECORDS = {
    Kind.CUSTOMERS: customer(
        gender="MALE",
        dob=DATE,
        balance=[{"amount": 1, "reward_id": REWARD}, {"amount": 2, "reward_id": REWARD, "brand_id": None}],
        devices=[{"device_token": "t", "device_info": {"platform": "ios"}}],
    ),
    Kind.EVENTS: events(event(), event(order=order(shipping={"value": 1})), event()),
    Kind.TRANSACTIONS: transactions(transaction(), transaction(type="REVERSAL", amount=-3), transaction()),
}
DATES = [(3, Reason.WRONG_TYPE), ("2023-11-07", Reason.INVALID_VALUE), (DATE.replace("T", " "), Reason.INVALID_VALUE)]
NUMBERS = [("1", Reason.WRONG_TYPE), (None, Reason.WRONG_TYPE), (10**400, Reason.INVALID_VALUE)]
REQUIRED = [(MISSING, Reason.MISSING_FIELD)]
UUIDS = [(5, Reason.WRONG_TYPE), ("3c90c3cc", Reason.INVALID_VALUE)]
TEXTS = [(5, Reason.WRONG_TYPE), ({}, Reason.WRONG_TYPE)]
MARKS = [("perhaps", Reason.INVALID_VALUE)]
WRONG = {
    Kind.CUSTOMERS: {
        "id": [*TEXTS, *REQUIRED, ("", Reason.INVALID_VALUE)],
        "name": [*TEXTS, *REQUIRED],
        "email": [*TEXTS, *REQUIRED],
        "registration_date": [*DATES, *REQUIRED],
        "gender": [("male", Reason.INVALID_VALUE), (None, Reason.WRONG_TYPE)],
        "dob": DATES,
        "balance[0].amount": [*NUMBERS, *REQUIRED],
        "balance[1].reward_id": [*UUIDS, *REQUIRED],
        "devices[0].device_info.platform": [("symbian", Reason.INVALID_VALUE)],
        "status": MARKS,
    },
    Kind.EVENTS: {
        "id": [*TEXTS, *REQUIRED],
        "events[0].type": [*TEXTS, *REQUIRED],
        "events[0].order.value": [*NUMBERS, *REQUIRED],
        "events[1].order.shipping.value": NUMBERS,
        "events[1].order.products": [([], Reason.INVALID_VALUE), *REQUIRED],
        "events[1].order.payment_method": [("cash", Reason.INVALID_VALUE), *REQUIRED],
        "events[2].fulfilled": [("true", Reason.WRONG_TYPE), *REQUIRED],
        "events[2].issued_at": [*DATES, *REQUIRED],
        "events[0].status": MARKS,
    },
    Kind.TRANSACTIONS: {
        "id": [*TEXTS, *REQUIRED],
        "transactions[0].amount": [*NUMBERS, *REQUIRED, (-1, Reason.INVALID_VALUE), (0, Reason.INVALID_VALUE)],
        "transactions[0].reward_id": [*UUIDS, *REQUIRED],
        "transactions[1].type": [("BONUS", Reason.INVALID_VALUE), *REQUIRED, (4, Reason.WRONG_TYPE)],
        "transactions[1].issued_at": [*DATES, *REQUIRED],
        "transactions[1].amount": [*NUMBERS, *REQUIRED],
        "transactions[2].details": TEXTS,
    },
}


def steps(path):
    return [int(step) if step.isdigit() else step for step in path.replace("[", ".").replace("]", "").split(".")]


def put(record, path, value):
    *way, last = steps(path)
    for step in way:
        record = record[step]
    if value is MISSING:
        record.pop(last, None)
    else:
        record[last] = value


def taken(record, path):
    for step in steps(path):
        record = record.get(step, MISSING) if isinstance(record, dict) else record[step]
    return record


@st.composite
def planted(draw):
    kind = draw(st.sampled_from(list(Kind)))
    chosen = draw(st.lists(st.sampled_from(list(WRONG[kind])), unique=True, max_size=6))
    return kind, {path: draw(st.sampled_from(WRONG[kind][path])) for path in chosen}


@settings(deadline=None)
@given(planted(), st.booleans())
def test_every_planted_fault_is_listed_and_no_other(kind_and_faults, thorough):
    """Whatever their number; and the first one is what the dead letter names."""
    kind, wrong = kind_and_faults
    record = copy.deepcopy(RECORDS[kind])
    for path, (value, _) in wrong.items():
        put(record, path, value)
    result = validate_line(kind, as_bytes(record), thorough=thorough)
    if not wrong:
        assert isinstance(result, Entry)
        return
    assert {(fault.field, fault.reason) for fault in result.faults} == {
        (path, reason) for path, (_, reason) in wrong.items()
    }
    assert len(result.faults) == len(wrong)
    first = result.faults[0]
    assert (first.reason, first.field, first.message) == (result.reason, result.field, result.message)


@settings(deadline=None)
@given(planted())
def test_the_first_fault_is_that_of_the_earlier_code(kind_and_faults):
    """It stopped at the first one: what the schema says, in document order, then unclear marks."""
    kind, wrong = kind_and_faults
    record = copy.deepcopy(RECORDS[kind])
    for path, (value, _) in wrong.items():
        put(record, path, value)
    result = validate_line(kind, as_bytes(record))
    schema = Rules(kind=kind, max_line_bytes=1).schema
    old = problems(schema, record)
    if old:
        assert (result.field, result.reason, result.message) == (spell(old[0].path), old[0].reason, old[0].message)


@settings(deadline=None)
@given(planted())
def test_a_record_is_valid_after_all_listed_faults_are_corrected(kind_and_faults):
    """Each fault corrected at its path, by a retry of the dead letter; nothing of the old list stays."""
    kind, wrong = kind_and_faults
    record = copy.deepcopy(RECORDS[kind])
    for path, (value, _) in wrong.items():
        put(record, path, value)
    result = validate_line(kind, as_bytes(record))
    if isinstance(result, Entry):
        return
    letter = json.loads(write_dead_letter(kind, result, DATE))
    raw = json.loads(letter["raw"])
    for fault in letter["faults"]:
        put(raw, fault["field"], taken(RECORDS[kind], fault["field"]))
    letter["raw"] = json.dumps(raw)
    row = DeadLetterNote(source=0, line=7, indexes=None, reason=letter["reason"], customer=None, row=1)
    copied = write_retry(read_dead_letter(as_bytes(letter)), row, mended=True).removesuffix(b"\n")
    again = validate_retry(decoder(kind), Line(1, 0, copied, len(copied)), "retry-1.ndjson", 4)
    assert isinstance(again, Entry)
    assert len(again.retried.earlier) == 1


def test_remaining_faults_are_listed_again_after_a_correction():
    """The list of the earlier dead letter is not carried on."""
    first = validate_line(Kind.CUSTOMERS, as_bytes(customer(id=5, email=6, name=7)))
    letter = json.loads(write_dead_letter(Kind.CUSTOMERS, first, DATE))
    assert len(letter["faults"]) == 3
    letter["raw"] = json.dumps(customer(name=7, registration_date="x"))
    row = DeadLetterNote(source=0, line=7, indexes=None, reason=letter["reason"], customer=None, row=1)
    copied = write_retry(read_dead_letter(as_bytes(letter)), row, mended=True).removesuffix(b"\n")
    again = validate_retry(decoder(Kind.CUSTOMERS), Line(1, 0, copied, len(copied)), "retry-1.ndjson", 4)
    assert [fault.field for fault in again.faults] == ["name", "registration_date"]
    assert json.loads(write_dead_letter(Kind.CUSTOMERS, again, DATE))["earlier"][0]["field"] == "id"


@settings(max_examples=150, deadline=None)
@given(nearly_valid(), st.booleans())
def test_a_record_that_is_rejected_has_each_fault_once_and_a_valid_one_has_none(kind_and_record, strict):
    """Whatever was changed; all paths are different, and lead into the record."""
    kind, record = kind_and_record
    result = validate_line(kind, as_bytes(record), reject_unknown_fields=strict)
    if not isinstance(result, Rejected):
        return
    found = [(fault.field, fault.reason) for fault in result.faults]
    assert len(found) == len(set(found)) >= 1
    assert (result.reason, result.field, result.message) == (
        result.faults[0].reason,
        result.faults[0].field,
        result.faults[0].message,
    )


@pytest.mark.parametrize("kind", Kind)
def test_workers_list_the_same_faults(kind):
    """Validated by a worker, each dead letter is the same, fault by fault; also of lines that are not UTF-8."""
    lines = [as_bytes(RECORDS[kind]), as_bytes({"id": 3}).replace(b"3", b'"\xf1"'), b'{"id":"a","id":"b","email":5}']
    for number in range(3):
        record = copy.deepcopy(RECORDS[kind])
        for path in list(WRONG[kind])[number::3]:
            put(record, path, WRONG[kind][path][number % len(WRONG[kind][path])][0])
            lines.append(as_bytes(record))
    run = LineRun(1, lines, [0] * len(lines), b"\n".join(lines))
    rules = Rules(kind=kind, max_line_bytes=1 << 24, thorough=True)
    answer = RemoteDecoder(rules).answer(ask([run], max_line_bytes=1 << 24))
    there = AnswerReader(decoder(kind)).read(answer, [run], "f", 0)
    here = decoder(kind).validate_all([run], "f")
    assert there == here
    assert sum(len(each.faults) > 1 for each in here if isinstance(each, Rejected)) > 3


@settings(max_examples=150, deadline=None)
@given(nearly_valid())
def test_the_fault_that_the_sandbox_names_is_listed(kind_and_record):
    """It names one fault of a record; ours has it, with the same words, except for what it says about the account."""
    kind, record = kind_and_record
    refusal = sandbox_rules(kind, as_bytes({"customers": [record]}))
    result = validate_line(kind, as_bytes(record))
    if not isinstance(refusal, Refusal) or not isinstance(result, Rejected):
        return
    place, _, message = refusal.details.partition(": ")
    if not message or "twice" in {word for fault in result.faults for word in fault.message.split()}:
        return
    known = {(fault.field, fault.message) for fault in result.faults}
    field = place.removeprefix("customers[0]").removeprefix(".")
    assert (field, message) in known or "not to be migrated" in message or "nested" in message


# Single rules.


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (
            Kind.CUSTOMERS,
            b'{"id":"a","id":"b","name":"n","name":"m","email":5,"registration_date":"x"}',
            ["duplicate_field id", "duplicate_field name", "wrong_type email", "invalid_value registration_date"],
        ),
        # Three times the same field is one fault.
        (Kind.CUSTOMERS, b'{"id":"a","id":"b","id":"c","email":"e"}', ["duplicate_field id", "missing_field name"]),
        # Of two lists it is not known which one counts: nothing is said about their items.
        (Kind.EVENTS, b'{"id":"a","events":[],"events":[3]}', ["duplicate_field events"]),
        (Kind.TRANSACTIONS, b'{"id":"a","transactions":[]}', ["no_items transactions"]),
        (Kind.TRANSACTIONS, b'{"transactions":[]}', ["missing_field id", "no_items transactions"]),
    ],
)
def test_duplicate_fields_and_empty_lists_are_listed(kind, body, expected):
    """First what occurs twice, then what is certain anyway."""
    found = [f"{reason} {field}" for reason, field in faults(kind, body)]
    assert found[: len(expected)] == expected
    assert not any(each.startswith(("wrong_type events[", "wrong_type name")) for each in found)


def test_a_type_that_occurs_twice_leaves_its_transaction_uncertain():
    """The sign of the amount depends on it. The other transactions are looked at."""
    body = as_bytes(transactions(transaction(amount=-5), transaction(amount=-5)))
    body = body.replace(b'"type":"ACCUMULATION"', b'"type":"REDEMPTION","type":"ACCUMULATION"', 1)
    assert faults(Kind.TRANSACTIONS, body) == [
        (Reason.DUPLICATE_FIELD, "transactions[0].type"),
        (Reason.INVALID_VALUE, "transactions[1].amount"),
    ]


@pytest.mark.parametrize("guide", [False, True])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "x", "amount": -5}, ["type"]),
        ({"type": "x", "amount": 0}, ["type", "amount"]),
        ({"type": "x", "amount": "5", "reward_id": 5}, ["type", "reward_id", "amount"]),
        ({"type": None, "amount": 10**400}, ["type", "amount"]),
    ],
)
def test_a_transaction_of_an_unknown_type_has_the_faults_that_every_type_finds(changes, expected, guide):
    """Not those of one type: with the right type, either sign may be right."""
    found = faults(Kind.TRANSACTIONS, transactions(transaction(**changes)), guide_types_only=guide)
    assert [field for _, field in found] == [f"transactions[0].{field}" for field in expected]


def test_too_many_items_are_listed_with_other_faults():
    """Both are known from the first look."""
    record = transactions(*[transaction()] * 1000, transaction(amount="5"))
    assert faults(Kind.TRANSACTIONS, record) == [
        (Reason.WRONG_TYPE, "transactions[1000].amount"),
        (Reason.TOO_MANY_ITEMS, "transactions"),
    ]


def test_a_line_that_is_not_utf_8_has_its_other_faults_too():
    """Each wrong byte is a character of some text. The offset of other faults is the line's own."""
    body = as_bytes(customer(name="Muñoz", email=5)).decode().encode("latin-1")
    assert faults(Kind.CUSTOMERS, body) == [(Reason.INVALID_UTF8, ""), (Reason.WRONG_TYPE, "email")]
    result = validate_line(Kind.CUSTOMERS, body[:-1])
    assert [fault.reason for fault in result.faults] == [Reason.INVALID_UTF8, Reason.INVALID_JSON]
    alone = validate_line(Kind.CUSTOMERS, body[:-1].replace(b"\xf1", b"n"))
    assert result.faults[1].message == alone.message
    deleted = as_bytes(customer(name="Muñoz", email=5, deleted=True)).decode().encode("latin-1")
    assert faults(Kind.CUSTOMERS, deleted) == [(Reason.INVALID_UTF8, "")]


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_duplicate_customer_is_listed_with_other_faults(kind, elsewhere):
    """Also if another process validates the lines: which customers came before is known to the first one."""
    field = {Kind.CUSTOMERS: "name", Kind.TRANSACTIONS: "transactions"}[kind]
    first, other = RECORDS[kind], RECORDS[kind] | {"id": "another"}
    lines = [
        as_bytes(each) for each in (first, {**first, field: 5}, {**other, field: 5}, {**first, "balance": [7] * 100})
    ]
    run = LineRun(1, lines, [0] * len(lines), b"\n".join(lines))
    if elsewhere:
        rules = Rules(kind=kind, max_line_bytes=1 << 24, thorough=True)
        answer = RemoteDecoder(rules).answer(ask([run], max_line_bytes=1 << 24))
        found = AnswerReader(decoder(kind)).read(answer, [run], "f", 0)
    else:
        found = decoder(kind).validate_all([run], "f")
    same, alone, full = found[-3:]
    assert [(fault.reason, fault.field) for fault in same.faults] == [("wrong_type", field), ("duplicate_id", "id")]
    assert (same.reason, same.customer, len(alone.faults), alone.customer) == ("wrong_type", None, 1, "another")
    if kind is Kind.CUSTOMERS:
        assert (len(full.faults), full.faults_left_out) == (MOST_FAULTS, 1)


def test_skipped_items_have_no_faults():
    """A reversed event beside a faulty one; a deleted customer with a field twice."""
    record = events(event(fulfilled=0), event(fulfilled=0, status="REVERSED"), event(status="?"))
    assert [field for _, field in faults(Kind.EVENTS, record)] == ["events[0].fulfilled", "events[2].status"]
    twice = b'{"id":"a","id":"b","deleted":true,"email":5}'
    assert faults(Kind.CUSTOMERS, twice) == [(Reason.DUPLICATE_FIELD, "id")]
    both = b'{"id":"a","id":"b","events":[{"status":"REVERSED"}]}'
    assert faults(Kind.EVENTS, both) == [(Reason.DUPLICATE_FIELD, "id")]


def test_the_list_is_bounded_and_the_rest_is_counted():
    """Up to a number that a line of any length reaches quickly."""
    for wrong, left_out in ((MOST_FAULTS, 0), (MOST_FAULTS + 1, 1), (900, 800), (MOST_COUNTED + 5, MOST_COUNTED - 100)):
        result = validate_line(Kind.CUSTOMERS, as_bytes(customer(balance=[7] * wrong)))
        letter = json.loads(write_dead_letter(Kind.CUSTOMERS, result, DATE))
        assert (len(letter["faults"]), letter.get("faults_left_out", 0)) == (MOST_FAULTS, left_out)


def test_all_items_with_a_fault_are_named():
    """Also those whose fault is beyond the list."""
    bad = [{"type": "x"} for _ in range(300)]
    result = validate_line(Kind.TRANSACTIONS, as_bytes(transactions(*bad)))
    assert result.items == tuple(range(300))


@settings(max_examples=60, deadline=None)
@given(kinds_and_records)
def test_no_fault_quotes_a_value(kind_and_record):
    """Neither the messages nor the paths."""
    kind, drawn = kind_and_record
    record = copy.deepcopy(drawn)
    secret = "zq-7731-xy"
    for container, key in places(record):
        if isinstance(container[key], str | int | float | bool):
            container[key] = secret if not isinstance(container[key], str) else {"secret": secret}
    result = validate_line(kind, as_bytes(record))
    if isinstance(result, Rejected):
        assert not any(secret in fault.message + fault.field for fault in result.faults)
