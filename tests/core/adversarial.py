"""Lines that careless validation gets wrong, each with the result it must have.

A result is `sent`, `blank`, `skipped`, or the reason and the field of a rejection.
"""

import json
from typing import Any

from core.made import DATE, PRODUCT, REWARD, customer, event, order, transaction

from masivo_stream.model.contract import Kind

GONE = b"<no such field>"

Row = tuple[Kind, bytes, str]


def _spelt(base: dict[str, Any], changes: dict[str, str | bytes]) -> bytes:
    """Write an object with some fields in a spelling of their own."""
    raw = {name: json.dumps(value).encode() for name, value in base.items()}
    raw |= {name: text.encode() if isinstance(text, str) else text for name, text in changes.items()}
    members = [json.dumps(name).encode() + b":" + text for name, text in raw.items() if text != GONE]
    return b"{" + b",".join(members) + b"}"


def c(result: str, **fields: str | bytes) -> Row:
    """A customer."""
    return Kind.CUSTOMERS, _spelt(customer(), fields), result


def es(result: str, *spelt: bytes, **fields: str | bytes) -> Row:
    """A record of events."""
    return Kind.EVENTS, _spelt({"id": "c"}, {"events": b"[" + b",".join(spelt) + b"]"} | fields), result


def one(**fields: str | bytes) -> bytes:
    """One event, spelt."""
    return _spelt(event(), fields)


def e(result: str, **fields: str | bytes) -> Row:
    """A record of one event."""
    return es(result, one(**fields))


def o(result: str, **fields: str | bytes) -> Row:
    """A record of one event, its order changed."""
    return es(result, one(order=_spelt(order(), fields)))


def p(result: str, **fields: str | bytes) -> Row:
    """A record of one event, its order's only product changed."""
    return o(result, products=b"[" + _spelt(PRODUCT, fields) + b"]")


def t(result: str, **fields: str | bytes) -> Row:
    """A record of one transaction."""
    return Kind.TRANSACTIONS, b'{"id":"c","transactions":[' + _spelt(transaction(), fields) + b"]}", result


def raw(kind: Kind, body: bytes, result: str) -> Row:
    return kind, body, result


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


DIGITS = "9" * 5000
DEEP = 200_000
REVERSED = one(reversed_at=f'"{DATE}"')

NOT_OBJECTS: list[Row] = [
    raw(kind, body, result)
    for kind in Kind
    for body, result in [
        (b"", "blank"),
        (b" \t\r", "blank"),
        (b"\x0b", "invalid_json"),
        (b"null", "wrong_type"),
        (b"[]", "wrong_type"),
        (b"1e999", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"{}", "missing_field id"),
        (b"{", "invalid_json"),
        (b"{}{}", "invalid_json"),
        (b"{'id':1}", "invalid_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"\xff\xfe{\x00}\x00", "invalid_utf8"),
        (b"{\x00}\x00", "invalid_json"),
        (b'{"x":1e999,', "invalid_json"),
        (b'{"x":%s,}' % DIGITS.encode(), "invalid_json"),
    ]
]

ENCODINGS: list[Row] = [
    c("sent", name='"\u2028 \u00e9 \U0001f600"'),
    c("sent", name=r'"\ud83d\ude00"'),
    c("sent", metadata=r'{"a":"\ud83d\ude00"}'),
    c("invalid_json", name=r'"\ud800"'),
    c("invalid_json", name=r'"\ude00\ud83d"'),
    c("invalid_json", metadata=r'{"a":"\ud800x"}'),
    c("invalid_json", metadata=r'{"\udc00":1}'),
    c("invalid_json", metadata=r'{"n":1e999,"a":"\ud800"}'),
    c("invalid_utf8", name=b'"\xff"'),
    c("invalid_utf8", metadata=b'{"a":"\xff"}'),
    c("invalid_utf8", metadata=b'{"\xc3":1}'),
    c("invalid_utf8", nobody_knows=b'"\xed\xa0\x80"'),  # a surrogate in UTF-8's clothes
    c("invalid_utf8", nobody_knows=b'"\xc0\xaf"'),  # overlong
    c("invalid_utf8", tags=b'{"a":"\xf0\x9f\x98"}'),
    o("invalid_utf8", metadata=b'{"a":["\x80"]}'),
    t("invalid_utf8", event=b'{"a":"\xe9"}'),
    t("invalid_utf8", details=b'"caf\xe9"'),
    c("invalid_json", name=b'"a\x00b"'),
    c("invalid_json", name=b'"a\tb"'),
    c("sent", name=r'"a\u0000b"'),
    c("invalid_json", name=r'"\q"'),
    c("invalid_json", metadata=r'{"a":"\u12"}'),
    raw(Kind.CUSTOMERS, b"\xef\xbb\xbf" + c("", name='"n"')[1], "invalid_json"),
    raw(Kind.CUSTOMERS, b"\xc2\xa0" + c("", name='"n"')[1], "invalid_json"),
    raw(Kind.CUSTOMERS, b"\xe2\x80\x8b" + c("", name='"n"')[1], "invalid_json"),
    raw(Kind.CUSTOMERS, c("", name='"n"')[1] + b"\xef\xbb\xbf", "invalid_json"),
    raw(Kind.CUSTOMERS, c("", name='"n"')[1] + b",", "invalid_json"),
    raw(Kind.CUSTOMERS, c("", name='"n"')[1].decode().encode("utf-16-le"), "invalid_json"),
    raw(Kind.CUSTOMERS, b"\t" + c("", name='"n"')[1] + b" \r", "sent"),
]

NUMBERS: list[Row] = [
    o("sent", value="1E+2"),
    o("sent", value="-0.0"),
    o("sent", value="-5"),
    o("sent", value="123456789012345678901234567890"),
    o("wrong_type events[0].order.value", value='"10"'),
    o("wrong_type events[0].order.value", value="true"),
    o("wrong_type events[0].order.value", value="null"),
    o("invalid_json", value="NaN"),
    o("invalid_json", value="Infinity"),
    o("invalid_json", value="-Infinity"),
    o("invalid_json", value="01"),
    o("invalid_json", value="1."),
    o("invalid_json", value=".5"),
    o("invalid_json", value="+1"),
    o("invalid_value events[0].order.value", value="1e999"),
    o("invalid_value events[0].order.value", value="-1e999"),
    o("invalid_value events[0].order.value", value=DIGITS),
    p("invalid_value events[0].order.products[0].amount", amount="1e400"),
    # In free-form objects numbers are the customer's own affair, whatever else brings the line to the strict decoder.
    o("sent", metadata=f'{{"a":1e999,"b":-{DIGITS}}}'),
    o("sent", metadata=rf'{{"a":1e999,"b":{DIGITS},"c":"\u0041"}}'),
    o("sent", metadata='{"a":"2023-11-07 05:31:56+0000"}'),
    o("invalid_json", metadata='{"a":1e999,"b":NaN}'),
    es("invalid_json", REVERSED, one(order=_spelt(order(), {"metadata": '{"a":1e999,"b":NaN}'}))),
    t("sent", cost="null"),
    t("wrong_type transactions[0].cost", cost="false"),
]

AMOUNTS: list[Row] = [
    t("sent", amount="0.01"),
    t("sent", amount="5e-324"),
    t("invalid_value transactions[0].amount", amount="0"),
    t("invalid_value transactions[0].amount", amount="-0.0"),
    t("invalid_value transactions[0].amount", amount="1e-999"),
    t("invalid_value transactions[0].amount", amount="-5"),
    t("invalid_value transactions[0].amount", amount="1e999"),
    t("sent", type='"REDEMPTION"', amount="-5"),
    t("invalid_value transactions[0].amount", type='"REDEMPTION"', amount="5"),
    t("invalid_value transactions[0].amount", type='"REDEMPTION"', amount="0.0"),
    t("invalid_value transactions[0].amount", type='"REDEMPTION"', amount="-0.0"),
    t("invalid_value transactions[0].type", type='"accumulation"'),
    t("invalid_value transactions[0].amount", type='"EXPIRATION"'),
    t("sent", type='"EXPIRATION"', amount="-0.01"),
    *(
        row
        for name in ("MIGRATION", "TRANSFER", "REVERSAL")
        for row in (
            t("sent", type=f'"{name}"', amount="5"),
            t("sent", type=f'"{name}"', amount="-5"),
            t("invalid_value transactions[0].amount", type=f'"{name}"', amount="0"),
            t("invalid_value transactions[0].amount", type=f'"{name}"', amount="-0.0"),
            t("invalid_value transactions[0].amount", type=f'"{name}"', amount="1e999"),
            t("wrong_type transactions[0].amount", type=f'"{name}"', amount="null"),
        )
    ),
    t("invalid_value transactions[0].type", type='"expiration"'),
    t("invalid_value transactions[0].type", type='"ADJUSTMENT"'),
    t("wrong_type transactions[0].type", type="null"),
    t("missing_field transactions[0].type", type=GONE),
    t("sent", type=r'"\u0041CCUMULATION"'),
]

DATES: list[Row] = [
    e(result if result == "sent" else f"{result} events[0].issued_at", issued_at=spelt)
    for spelt, result in [
        ('"2023-11-07T05:31:56Z"', "sent"),
        ('"2023-11-07T05:31:56+00:00"', "sent"),
        ('"2023-11-07T05:31:56-00:00"', "sent"),
        ('"2023-11-07T05:31:56.1Z"', "sent"),
        ('"2023-11-07T05:31:56.123456789Z"', "sent"),
        ('"2024-02-29T00:00:00Z"', "sent"),
        (r'"2023-11-07T05:31:56\u005a"', "sent"),
        (r'"2023-11-07T05:31:56\u002b00:00"', "sent"),
        ('"2023-02-29T00:00:00Z"', "invalid_value"),
        ('"2023-02-30T00:00:00Z"', "invalid_value"),
        ('"2023-13-01T00:00:00Z"', "invalid_value"),
        ('"0000-01-01T00:00:00Z"', "invalid_value"),
        ('"2023-11-07T24:00:00Z"', "invalid_value"),
        ('"2023-11-07T23:59:60Z"', "invalid_value"),
        ('"2023-11-07T05:31:56"', "invalid_value"),
        ('"2023-11-07T05:31Z"', "invalid_value"),
        ('"2023-11-07"', "invalid_value"),
        ('"2023-11-07t05:31:56Z"', "invalid_value"),
        ('"2023-11-07T05:31:56z"', "invalid_value"),
        ('"2023-11-07 05:31:56Z"', "invalid_value"),
        ('"2023-11-07T05:31:56+0000"', "invalid_value"),
        ('"2023-11-07T05:31:56.5-0530"', "invalid_value"),
        ('"2023-11-07T05:31:56+00"', "invalid_value"),
        ('"2023-11-07T05:31:56+24:00"', "invalid_value"),
        ('"2023-11-07T05:31:56,5Z"', "invalid_value"),
        ('"2023-11-07T05:31:56.Z"', "invalid_value"),
        (r'"2023-11-07T05:31:56\u002b0000"', "invalid_value"),
        (r'"2023-11-07\u007405:31:56Z"', "invalid_value"),
        (r'"2023-11-07T05:31:56\u007A"', "invalid_value"),
        (r'"2023-11-07\u002005:31:56Z"', "invalid_value"),
        (r'"2023-11-07T05:31:56\u0000Z"', "invalid_value"),
        (r'"2023-11-07T05:31:56Z\u0000"', "invalid_value"),
        (r'"2023-11-07T05:31:56Z\n"', "invalid_value"),
        ('" 2023-11-07T05:31:56Z"', "invalid_value"),
        ('"\u0662023-11-07T05:31:56Z"', "invalid_value"),
        ('""', "invalid_value"),
        ("1699335116", "wrong_type"),
        ("null", "wrong_type"),
        (GONE, "missing_field"),
    ]
]

UUIDS: list[Row] = [
    t(result if result == "sent" else f"{result} transactions[0].reward_id", reward_id=spelt)
    for spelt, result in [
        (f'"{REWARD.upper()}"', "sent"),
        ('"00000000-0000-0000-0000-000000000000"', "sent"),
        (f'"{REWARD.replace("-", "")}"', "invalid_value"),
        (rf'"{REWARD}\n"', "invalid_value"),
        (f'"{{{REWARD}}}"', "invalid_value"),
        (f'"urn:uuid:{REWARD}"', "invalid_value"),
        (f'"{REWARD[:-1]}\u0663"', "invalid_value"),
        (f'"{REWARD[:-1]}g"', "invalid_value"),
        ('""', "invalid_value"),
        ("7", "wrong_type"),
        ("null", "wrong_type"),
        (GONE, "missing_field"),
    ]
]

NULL_OR_ABSENT: list[Row] = [
    c("wrong_type id", id="null"),
    c("missing_field id", id=GONE),
    c("wrong_type id", id="7"),
    c("invalid_value id", id='""'),
    c("sent", id='" "'),
    c("wrong_type name", name="null"),
    c("sent", name='""'),
    c("wrong_type gender", gender="null"),
    c("invalid_value gender", gender='"female"'),
    c("wrong_type metadata", metadata="null"),
    c("wrong_type metadata", metadata="[]"),
    c("wrong_type balance", balance="null"),
    c("sent", balance="[]", devices="[]", metrics="{}", tags="{}"),
    c("wrong_type balance[0]", balance="[null]"),
    c("sent", balance=f'[{{"amount":1,"reward_id":"{REWARD}","expiration_date":null,"brand_id":null}}]'),
    c("wrong_type balance[0].issued_at", balance=f'[{{"amount":1,"reward_id":"{REWARD}","issued_at":null}}]'),
    *(
        c("sent", registration_date=f'"{date}"', dob=f'"{date}"')
        for date in (
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            "9999-12-31T23:59:59.999Z",
            "9999-12-31T23:59:59.9999999Z",  # .NET's DateTimeOffset.MaxValue
            "9999-12-31T23:59:59.9999999+00:00",
            "9999-12-31T23:59:59.999999999999-12:00",
        )
    ),
    *(
        c("invalid_value registration_date", registration_date=f'"{date}"')
        for date in (
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:60Z",
            "9999-12-31T23:59:59.9999999",  # .NET's DateTime.MaxValue: no zone
            "9999-12-32T23:59:59.9999999Z",
        )
    ),
    c("sent", metrics=f'{{"lifetime":{{"from":"{DATE}","to":"{DATE}","tier_id":null}},"updated_at":"{DATE}"}}'),
    c("missing_field metrics.lifetime.to", metrics=f'{{"lifetime":{{"from":"{DATE}"}}}}'),
    c("wrong_type devices[0].device_info.platform", devices='[{"device_token":"t","device_info":{"platform":null}}]'),
    e("sent", resolved_at="null", brand_id="null", channel_id="null", store_id="null"),
    e("missing_field events[0].resolved_at", resolved_at=GONE),
    e("missing_field events[0].brand_id", brand_id=GONE),
    e("wrong_type events[0].fulfilled", fulfilled='"true"'),
    e("wrong_type events[0].fulfilled", fulfilled="1"),
    e("wrong_type events[0].order", order="null"),
    o("missing_field events[0].order.discounted_value", discounted_value=GONE),
    o("wrong_type events[0].order.channel_id", channel_id="null"),
    o("invalid_value events[0].order.payment_method", payment_method='"CHEQUE"'),
    o("invalid_value events[0].order.products", products="[]"),
    o("wrong_type events[0].order.products", products="{}"),
    o("invalid_value events[0].order.redeem[0].id", redeem='[{"id":"x"}]'),
    p("missing_field events[0].order.products[0].sku", sku=GONE),
    p("wrong_type events[0].order.products[0].tags", tags="[]"),
    t("sent", resolved_at="null", details="null", brand_id="null", event="null", funded_by="null"),
    t("wrong_type transactions[0].event", event="[]"),
    es("no_items events"),
    es("wrong_type events", events="null"),
    es("wrong_type events", events="{}"),
    es("wrong_type events[1]", one(), b"null"),
    raw(Kind.EVENTS, b'{"id":"c"}', "missing_field events"),
    raw(Kind.TRANSACTIONS, b'{"id":"c","transactions":[]}', "no_items transactions"),
    raw(Kind.TRANSACTIONS, b'{"id":"c","events":[]}', "missing_field transactions"),
]

NESTING: list[Row] = [
    c("sent", metadata=nested(300)),
    c("too_deep", metadata=nested(DEEP)),
    c("too_deep", nobody_knows="[" * DEEP + "]" * DEEP),
    o("too_deep", metadata=nested(DEEP)),
    es("sent", one(), nobody_knows="[" + ",".join(["[[1],{}]"] * 2000) + "]"),
]

TWICE: list[Row] = [
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"name":5}', "duplicate_field name"),
    raw(Kind.CUSTOMERS, b'{"name":5,' + c("", x="1")[1][1:], "duplicate_field name"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"name":"again"}', "duplicate_field name"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"id":"another"}', "duplicate_field id"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + rb',"\u0069d" : "another"}', "duplicate_field id"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + rb',"i\u0064":"another"}', "duplicate_field id"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"x":2}', "sent"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"metadata":{"id":1,"id":2}}', "sent"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + rb',"metadata":{"note":"\"id\":1,\"id\":2"}}', "sent"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"deleted":false,"deleted":true}', "duplicate_field deleted"),
    raw(Kind.CUSTOMERS, c("", x="1")[1][:-1] + b',"gender":"MALE","gender":"FEMALE"}', "duplicate_field gender"),
    raw(
        Kind.CUSTOMERS,
        c("", x="1")[1][:-1] + b',"balance":[{"amount":1,"reward_id":"%s","amount":2}]}' % REWARD.encode(),
        "duplicate_field balance[0].amount",
    ),
    raw(
        Kind.TRANSACTIONS,
        t("")[1].replace(b'"amount"', b'"type":"REDEMPTION","amount"'),
        "duplicate_field transactions[0].type",
    ),
    raw(
        Kind.TRANSACTIONS,
        t("")[1].replace(b'"amount"', b'"amount":1,"amount"'),
        "duplicate_field transactions[0].amount",
    ),
    raw(Kind.EVENTS, e("")[1].replace(b'"type"', b'"type":"A","type"'), "duplicate_field events[0].type"),
    raw(
        Kind.EVENTS,
        e("")[1].replace(b'"purchase_id"', b'"purchase_id":"q","purchase_id"'),
        "duplicate_field events[0].order.purchase_id",
    ),
    raw(Kind.EVENTS, e("")[1].replace(b'"sku"', b'"sku":"q","sku"'), "duplicate_field events[0].order.products[0].sku"),
    raw(Kind.EVENTS, e("")[1][:-1] + b',"id":"another"}', "duplicate_field id"),
    raw(Kind.EVENTS, e("")[1][:-1] + b',"events":[]}', "duplicate_field events"),
]

YES = (
    "true",
    "1",
    "1.0",
    '"true"',
    '"TRUE"',
    '" yes "',
    '"y"',
    '"t"',
    '"1"',
    '"DELETED"',
    '"Deleted"',
    '"reversed"',
    f'"{DATE}"',
    '"2024-02-29"',
    '"2024-02-29 10:00"',
    '"2024-02-29 10:00:00"',
    '"2024-02-29T10:00:00.123+02:00"',
)
NO = (
    "null",
    "false",
    "0",
    "0.0",
    "-0.0",
    '""',
    '"  "',
    '"false"',
    '"No"',
    '"n"',
    '"f"',
    '"0"',
    '"ACTIVE"',
    '"active"',
    '"0000-00-00"',
    '"0000-00-00 00:00:00"',
    '"0000-00-00T00:00:00Z"',
)
NEITHER = (
    "2",
    "-1",
    "1706637019",
    "[]",
    "{}",
    "[1]",
    '"perhaps"',
    '"NULL"',
    '"2024-13-01"',
    '"2023-02-29"',
    '"0001-01-01T00:00:00"',
    '"9999-12-31"',
    '"2024-01-01T25:00:00Z"',
    '"INACTIVE"',
    '"30/01/2024"',
    '"1706637019"',
    '"deleted!"',
)

MARKERS: list[Row] = [
    c("skipped", deleted="true"),
    c("skipped", deleted="true", id=GONE, name="null", email="7"),
    c("skipped", deleted_at=f'"{DATE}"'),
    *(c("skipped", deleted_at=mark) for mark in YES),
    *(c("skipped", deleted=mark) for mark in YES),
    *(c("skipped", status=mark) for mark in YES),
    *(c("sent", deleted_at=mark) for mark in NO),
    *(c("sent", deleted=mark) for mark in NO),
    *(c("sent", status=mark) for mark in NO),
    *(c("invalid_value deleted_at", deleted_at=mark) for mark in NEITHER),
    *(c("invalid_value deleted", deleted=mark) for mark in NEITHER),
    *(c("invalid_value status", status=mark) for mark in NEITHER),
    *(es("skipped", one(reversed_at=mark)) for mark in YES),
    *(es("sent", one(), one(reversed_at=mark)) for mark in NO),
    *(es("invalid_value events[1].reversed_at", one(), one(reversed_at=mark)) for mark in NEITHER),
    *(es("invalid_value events[0].status", one(status=mark)) for mark in NEITHER),
    es("invalid_value events[1].status", one(status='"REVERSED"'), one(status='"perhaps"')),
    c("skipped", deleted="true", status='"perhaps"'),
    c("invalid_value deleted", deleted='"perhaps"', deleted_at="null"),
    c("skipped", status='"DELETED"'),
    c("skipped", status=r'"D\u0045LETED"'),
    c("sent", deleted="false"),
    c("sent", deleted="null", deleted_at="null", status="null"),
    c("skipped", deleted='"true"'),
    c("skipped", status='"deleted"'),
    raw(Kind.CUSTOMERS, c("", x="1")[1].replace(b'"x":1', rb'"\u0064eleted":true'), "skipped"),
    raw(Kind.CUSTOMERS, c("", x="1")[1].replace(b'"x":1', b'"status" \t: "DELETED" '), "skipped"),
    es("skipped", REVERSED),
    es("skipped", REVERSED, one(status='"REVERSED"'), id=GONE),
    es("skipped", one(status=r'"R\u0045VERSED"')),
    es("skipped", one(reversed_at="1", order="null")),
    es("wrong_type events[0].order", one(reversed_at="0", order="null")),
    es("skipped", one(reversed_at="null", status='"reversed"')),
    es("skipped", one(x="1").replace(b'"x":1', rb'"r\u0065versed_at":1')),
    es("wrong_type events[2].type", REVERSED, one(), one(type="5")),
    es("missing_field id", REVERSED, one(), id=GONE),
    e("sent", order=_spelt(order(), {"metadata": '{"reversed_at":1,"status":"REVERSED"}'})),
    t("sent", status='"REVERSED"', reversed_at="1", deleted="true"),
    es("sent", one(), status='"DELETED"', deleted="true", reversed_at="1"),
]

ROWS: list[Row] = [
    row
    for table in (NOT_OBJECTS, ENCODINGS, NUMBERS, AMOUNTS, DATES, UUIDS, NULL_OR_ABSENT, NESTING, TWICE, MARKERS)
    for row in table
]
