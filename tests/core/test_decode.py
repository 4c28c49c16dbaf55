import json
import re
from itertools import pairwise

import pytest
from core.adversarial import ROWS
from core.made import (
    DATE,
    REWARD,
    as_bytes,
    customer,
    decoder,
    event,
    events,
    order,
    transaction,
    transactions,
    valid,
    validate,
)
from core.records import kinds_and_records, nearly_valid, places
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Line, LineResult, Rejected, Skipped
from masivo_stream.model.slicing import slice_record

KINDS = st.sampled_from(list(Kind))
FIELDS = {Kind.EVENTS: "events", Kind.TRANSACTIONS: "transactions"}


def in_words(result: LineResult) -> str:
    match result:
        case Entry():
            return "sent"
        case Blank():
            return "blank"
        case Skipped():
            return "skipped"
        case Rejected(reason=reason, field=field):
            return f"{reason} {field}".strip()


@pytest.mark.parametrize(("kind", "body", "expected"), ROWS, ids=[f"{kind}-{expected}" for kind, _, expected in ROWS])
def test_adversarial_lines_have_the_right_result(kind, body, expected):
    """Each line that careless validation gets wrong has its right result; what is sent is the line itself."""
    result = validate(kind, body)
    assert in_words(result) == expected
    if isinstance(result, Entry):
        assert result.body == body


# Laws.


def refuse_constant(name: str) -> float:
    raise ValueError(name)


def check(kind: Kind, body: bytes, result: LineResult) -> None:
    """Check what is true of the result of any bytes."""
    if not isinstance(result, Blank):
        assert (result.file, result.line, result.offset) == ("export.ndjson", 7, 300)
    match result:
        case Entry():
            record = json.loads(result.body.decode(), parse_constant=refuse_constant, parse_int=float)
            items = record[FIELDS[kind]] if kind in FIELDS else [record]
            assert result.customer == record["id"]
            assert result.items == result.record_items == len(items) > 0
            if result.indexes is None:
                assert result.body == body
            else:
                assert len(result.indexes) == result.items
                assert all(first < second for first, second in pairwise(result.indexes))
        case Rejected():
            assert result.raw == body
            assert result.message


JSON_PIECES = st.sampled_from(
    [
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"id":"c"',
            '"events":',
            '"transactions":',
            '"a":',
            '"',
            "\\",
            r"\u0041",
            r"\ud800",
        ),
        *("1e999", "9" * 400, "9" * 5000, "NaN", "-", "null", "true", "\x00", " ", "\ufeff"),
        as_bytes(event()).decode(),
        as_bytes(event(reversed_at=DATE)).decode(),
        as_bytes(transaction()).decode(),
        '"name":"n","email":"e","registration_date":"2023-11-07T05:31:56Z"',
    ]
)


@settings(max_examples=200, deadline=None)
@given(KINDS, st.binary(max_size=60) | st.lists(JSON_PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()))
def test_no_bytes_make_it_raise(kind, body):
    """Arbitrary bytes, and pieces of records in any order, have a result."""
    for strict in (False, True):
        check(kind, body, validate(kind, body, reject_unknown_fields=strict))


CHANGES = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert"]), st.integers(0), st.binary(min_size=1, max_size=3))
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(kinds_and_records, CHANGES, st.booleans())
def test_no_damaged_record_makes_it_raise(kind_and_record, changes, strict):
    """A valid record with bytes flipped, cut out or inserted has a result, and only JSON is sent."""
    kind, record = kind_and_record
    body = bytearray(as_bytes(record))
    for how, where, what in changes[:4]:
        place = where % (len(body) + 1)
        if how == "insert":
            body[place:place] = what
        elif how == "cut":
            del body[place : place + what[0] % 8]
        elif place < len(body):
            body[place] ^= what[0] or 1
    check(kind, bytes(body), validate(kind, bytes(body), reject_unknown_fields=strict))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(kinds_and_records, st.sampled_from([None, 1]), st.booleans())
def test_a_valid_record_is_sent_byte_for_byte(kind_and_record, indent, escaped):
    """A record as the API's documents describe it is accepted whatever its spelling, and passed on unchanged."""
    kind, record = kind_and_record
    body = json.dumps(record, indent=indent, ensure_ascii=escaped).replace("\n", " ").encode()
    result = validate(kind, body)
    assert isinstance(result, Entry)
    assert result.body == body
    assert result.customer == record["id"]
    assert result.items == (len(record[FIELDS[kind]]) if kind in FIELDS else 1)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(nearly_valid())
def test_both_decoders_give_the_same_result(kind_and_record):
    """An escaped character sends a line to the strict decoder: it agrees with the fast one about all other lines."""
    kind, record = kind_and_record
    plain, suspicious = (
        as_bytes({"A": "A"} | record).replace(b'"A":"A"', mark, 1) for mark in (b'"A":1', rb'"\u0041":1')
    )
    assert in_words(validate(kind, suspicious)) == in_words(validate(kind, plain))


MARK = "Zanzibar-4711"


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(kinds_and_records, st.data())
def test_no_message_quotes_a_value(kind_and_record, data):
    """Whatever value is wrong, and wherever the line is cut, neither message nor field quotes it."""
    kind, record = kind_and_record
    for container, key in data.draw(st.lists(st.sampled_from(places(record)), min_size=1, max_size=4)):
        container[key] = MARK
    body = as_bytes(record)
    torn = body.replace(
        b"Zanzi", data.draw(st.sampled_from([b"Zanzi", b"\xff", b'Zanzibar-4711"', rb"\q", rb"\ud800"]))
    )
    for strict in (False, True):
        for line in (body, torn, body[: data.draw(st.integers(0, len(body)))]):
            result = validate(kind, line, reject_unknown_fields=strict)
            if isinstance(result, Rejected):
                assert MARK not in result.message
                assert MARK not in result.field


@pytest.mark.slow
@given(kinds_and_records)
def test_an_unknown_name_is_shown_only_on_request(kind_and_record):
    """Unknown names are content, too: they are named only if they are the fault."""
    kind, record = kind_and_record
    passed = validate(kind, as_bytes({MARK: 1} | record | {"id": 5}))
    strict = validate(kind, as_bytes(record | {MARK: 1}), reject_unknown_fields=True)
    assert isinstance(passed, Rejected)
    assert MARK not in passed.field + passed.message
    assert isinstance(strict, Rejected)
    assert strict.reason is Reason.UNKNOWN_FIELD


# Settings.


@pytest.mark.parametrize(
    ("kind", "record", "field"),
    [
        (Kind.CUSTOMERS, customer(nickname="x"), "nickname"),
        (Kind.EVENTS, events(event(order=order(currency="USD"))), "events[0].order.currency"),
        (Kind.TRANSACTIONS, transactions(transaction(), transaction(note=1)), "transactions[1].note"),
    ],
)
def test_unknown_fields_pass_or_are_rejected(kind, record, field):
    """A field that no document names passes unchanged or is a fault, as the settings say."""
    assert in_words(validate(kind, as_bytes(record))) == "sent"
    assert in_words(validate(kind, as_bytes(record), reject_unknown_fields=True)) == f"unknown_field {field}"


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        (Kind.CUSTOMERS, customer(metadata={"any": 1}, tags={"any": 1}, deleted=False, status="ACTIVE")),
        (Kind.EVENTS, events(event(reversed_at=None, status="ACTIVE", order=order(metadata={"any": {"thing": 1}})))),
        (Kind.TRANSACTIONS, transactions(transaction(event={"type": "PURCHASE", "order": {}}))),
    ],
)
def test_free_form_objects_and_marks_are_not_unknown_fields(kind, record):
    """Rejecting unknown fields spares the members of free-form objects, and the export's own marks."""
    assert in_words(validate(kind, as_bytes(record), reject_unknown_fields=True)) == "sent"


def test_the_guides_example_order_passes_if_discounted_value_is_optional():
    """Without `discounted_value` an order is rejected, unless the settings allow it; a wrong value always is."""
    made = order()
    del made["discounted_value"]
    body = as_bytes(events(event(order=made)))
    assert in_words(validate(Kind.EVENTS, body)) == "missing_field events[0].order.discounted_value"
    assert in_words(validate(Kind.EVENTS, body, discounted_value_optional=True)) == "sent"
    null = as_bytes(events(event(order=order(discounted_value=None))))
    assert (
        in_words(validate(Kind.EVENTS, null, discounted_value_optional=True))
        == "wrong_type events[0].order.discounted_value"
    )


def test_a_line_over_the_cap_is_rejected_without_decoding():
    """Only the length of a line beyond the cap is checked."""
    line = Line(3, 10, b'{"id":', 5000)
    result = decoder(Kind.CUSTOMERS, max_line_bytes=4999).validate(line, "f")
    assert (in_words(result), result.length) == ("too_long", 5000)
    body = as_bytes(customer())
    assert in_words(validate(Kind.CUSTOMERS, body, max_line_bytes=len(body))) == "sent"


# Many lines at once.


ROWS_BY_KIND = {kind: [body for row_kind, body, _ in ROWS if row_kind is kind and b"\n" not in body] for kind in Kind}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data(), KINDS, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
def test_the_result_of_a_line_does_not_depend_on_its_neighbours(data, kind, terminator, strict, pure_python):
    """An export that is validated in blocks, however it is cut, has the same results as line by line."""
    lines = data.draw(st.lists(st.sampled_from([*ROWS_BY_KIND[kind], as_bytes(valid(kind))]), max_size=12))
    export = b"".join(line + data.draw(st.sampled_from([terminator, b"\n"])) for line in lines)
    settings = {"max_line_bytes": 4096, "reject_unknown_fields": strict, "pure_python": pure_python}
    one, many = decoder(kind, **settings), decoder(kind, **settings)
    expected = [one.validate(line, "f", 3) for line in LineSplitter(max_line_bytes=4096).feed(export)]
    splitter, found = LineSplitter(max_line_bytes=4096), []
    for start in range(0, len(export), size := data.draw(st.integers(1, len(export) + 1))):
        found += many.validate_all(splitter.cut(export[start : start + size]), "f", 3)
    assert list(one_by_one(found)) == expected


@pytest.mark.parametrize("pure_python", [False, True])
def test_a_line_knows_the_customers_before_it(pure_python):
    """Also those of its own block: a broken line names its customer only if no good line of the customer came."""
    records = [
        customer(id="a", email="a"),
        customer(id="a", name=None),
        customer(id="b", name=None),
        customer(id="a"),
        customer(id="c", email="a"),
        customer(id="d", email="d"),
    ]
    block = b"".join(as_bytes(record) + b"\n" for record in records)
    validator = decoder(Kind.CUSTOMERS, pure_python=pure_python, thorough=False)
    found = list(one_by_one(validator.validate_all(LineSplitter(max_line_bytes=4096).cut(block), "f")))
    assert [in_words(result) for result in found] == [
        "sent",
        "wrong_type name",
        "wrong_type name",
        "duplicate_id id",
        "duplicate_email email",
        "sent",
    ]
    assert [result.customer for result in found] == ["a", None, "b", None, "c", "d"]


DIGITS = st.integers(0, 99).map("{:02}".format)
DATES = st.tuples(
    st.sampled_from(["2023-11-07", "2024-02-29", "2023-11-31"]),
    st.sampled_from(["T", "t", " ", "_"]),
    st.tuples(*[DIGITS.filter(lambda digits: digits < "60")] * 3).map(":".join),
    st.sampled_from(["", ".5", ".123456789", "."]),
    st.sampled_from(["Z", "z", "+00:00", "-0500", "+05", "-05:30", ""]),
).map("".join)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(DATES)
def test_dates_in_similar_formats_are_rejected_among_good_ones(date):
    """A date that RFC 3339 does not allow is found in a block of good ones, in every field that holds a date."""
    good = [customer(id=str(number), email=str(number)) for number in range(3)]
    good[1] |= {"dob": date}
    block = b"".join(as_bytes(record) + b"\n" for record in good)
    found = decoder(Kind.CUSTOMERS).validate_all(LineSplitter(max_line_bytes=4096).cut(block), "f")
    right = re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", date)
    valid_day = not date.startswith("2023-11-31") and date[11:13] < "24"
    assert [in_words(result) for result in one_by_one(found)] == [
        "sent",
        "sent" if right and valid_day else "invalid_value dob",
        "sent",
    ]


# Items.


def test_too_many_transactions_for_a_request_are_rejected_and_events_are_not():
    """A customer's transactions are sent together, so a thousand is the most; events may be split."""
    assert in_words(validate(Kind.TRANSACTIONS, as_bytes(transactions(*[transaction()] * 1000)))) == "sent"
    result = validate(Kind.TRANSACTIONS, as_bytes(transactions(*[transaction()] * 1001)))
    assert (in_words(result), result.item_count) == ("too_many_items transactions", 1001)
    many = validate(Kind.EVENTS, as_bytes(events(*[event()] * 1001)))
    assert (in_words(many), many.items) == ("sent", 1001)


def test_reversed_events_are_left_out():
    """The other events are sent with their own spelling, and the entry names them."""
    kept = [as_bytes(event(type=name)).replace(b'"value":2', b'"value": 2.00') for name in ("a", "b")]
    gone = as_bytes(event(reversed_at=DATE, order=None))
    body = b'{"id":"c","events":[' + b",".join([gone, kept[0], gone, kept[1]]) + b'],"k":1}'
    result = validate(Kind.EVENTS, body)
    assert isinstance(result, Entry)
    assert result.body == b'{"id":"c","k":1,"events":[' + b",".join(kept) + b"]}"
    assert (result.items, result.record_items, result.indexes) == (2, 2, (1, 3))
    assert (result.skipped_items, result.length) == (2, len(body))


def test_a_faulty_event_keeps_its_number_in_the_export():
    """With reversed events before it, a faulty event keeps its own number."""
    gone, wrong = event(status="REVERSED"), event(issued_at="yesterday")
    result = validate(Kind.EVENTS, as_bytes(events(gone, event(), wrong, gone, wrong)))
    assert isinstance(result, Rejected)
    assert (result.field, result.items, result.item_count) == ("events[2].issued_at", (2, 4), 5)


def test_a_skipped_record_has_its_reason_and_its_number_of_items():
    """A deleted customer is one item, a record of reversed events is as many as it has."""
    deleted = validate(Kind.CUSTOMERS, as_bytes(customer(deleted=True)))
    assert (deleted.reason, deleted.items) == (SkipReason.DELETED_CUSTOMER, 1)
    for mark in ({"reversed_at": DATE}, {"reversed_at": DATE, "order": None}):
        reverted = validate(Kind.EVENTS, as_bytes(events(event(**mark), event(**mark))))
        assert (reverted.reason, reverted.items) == (SkipReason.REVERSED_EVENT, 2)


@pytest.mark.parametrize(("kind", "items"), [(Kind.CUSTOMERS, 1), (Kind.EVENTS, 2), (Kind.TRANSACTIONS, 2)])
def test_a_rejected_record_has_its_number_of_items(kind, items):
    """A customer is one item; for the other kinds the length of the list counts, if there is a list."""
    record = valid(kind)
    if kind in FIELDS:
        record[FIELDS[kind]] *= 2
    assert validate(kind, as_bytes(record | {"id": None})).item_count == items
    assert validate(kind, as_bytes(record)[:-1]).item_count == 0


def test_a_customer_has_one_item_for_any_names_of_its_fields():
    """No field of a customer is taken for a list of items."""
    result = validate(Kind.CUSTOMERS, as_bytes(customer(**{"": [1, 2], "events": [1, 2]}))[:-1] + rb',"\u0041":1}')
    assert (in_words(result), result.items) == ("sent", 1)


# Duplicates.


def validate_all(kind: Kind, records: list[dict]) -> list[str]:
    validator = decoder(kind)
    lines = [as_bytes(record) for record in records]
    return [in_words(validator.validate(Line(n, 0, body, len(body)), "f")) for n, body in enumerate(lines)]


def test_a_second_record_of_a_customer_is_rejected():
    """Neither an id nor an email is sent twice; a record that was not sent does not count."""
    assert validate_all(
        Kind.CUSTOMERS,
        [
            customer(id="a", email="1", name=None),
            customer(id="a", email="1", deleted=True),
            customer(id="a", email="1"),
            customer(id="a", email="2"),
            customer(id="b", email="1"),
            customer(id="c", email="2"),
        ],
    ) == ["wrong_type name", "skipped", "sent", "duplicate_id id", "duplicate_email email", "sent"]


def test_a_faulty_record_does_not_name_a_customer_who_has_a_good_record():
    """Records wait for a customer who is a dead letter, but not if a good record of the customer came before."""
    validator = decoder(Kind.CUSTOMERS)
    lines = [as_bytes(customer(id="a", name=name)) for name in (None, "Ana", None)]
    results = [validator.validate(Line(n, 0, body, len(body)), "f") for n, body in enumerate(lines)]
    assert [result.customer for result in results] == ["a", "a", None]


def test_a_second_record_of_a_customer_is_a_duplicate_for_transactions_only():
    """A second record of the same customer is a duplicate for transactions only."""
    twice = [transactions(transaction()), transactions(transaction())]
    assert validate_all(Kind.TRANSACTIONS, twice) == ["sent", "duplicate_id id"]
    assert validate_all(Kind.EVENTS, [events(event()), events(event())]) == ["sent", "sent"]


# Depth.


def slice_deeper(body: bytes, calls: int) -> None:
    if calls:
        slice_deeper(body, calls - 1)
    else:
        slice_record(body, "events")


def nested_events(depth: int) -> bytes:
    made = as_bytes(events(event(reversed_at=DATE), event(type="P", order=order(metadata={"here": 1}))))
    return made.replace(b'{"here":1}', b'{"a":' * depth + b"1" + b"}" * depth)


def test_any_valid_record_can_be_sliced():
    """At whatever depth validation draws the line, slicing still works on what it accepts, some calls deeper."""
    results = []
    for depth in range(600, 1100):
        result = validate(Kind.EVENTS, nested_events(depth))
        results.append(in_words(result))
        if isinstance(result, Entry):
            slice_deeper(result.body, 20)
    assert results == sorted(results)
    assert set(results) <= {"sent", "too_deep"}


def test_the_first_fault_is_reported():
    """Of several faults the first one in document order is reported, with all items concerned."""
    wrong = transaction(reward_id=REWARD + "x", amount=-1)
    result = validate(Kind.TRANSACTIONS, as_bytes(transactions(transaction(), wrong, transaction(), wrong)))
    assert isinstance(result, Rejected)
    assert (result.field, result.items) == ("transactions[1].reward_id", (1, 3))
