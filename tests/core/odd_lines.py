"""Lines that are right, nearly right, and wrong: full records, mutations, JSON texts that a parser must take or not."""

import re

from core.made import DATE, PRODUCT, REWARD, customer, event, events, order, transaction

from masivo_stream.model.contract import Kind


def rich(kind):
    """Return a valid record with every field that its schema has."""
    anything = {"a": [1, {"b": None}, "é"], "c": {}}
    redeem = [{"id": REWARD, "amount": 1.5}, {}]
    product = PRODUCT | {"discounted_value": 0.5, "redeem": redeem, "tags": {}, "metadata": anything}
    shipping = {"value": 1, "discounted_value": 0.25, "redeem": redeem, "tags": anything, "metadata": {}}
    full = order(products=[product, PRODUCT], channel_id="c", store_id="s", shipping=shipping, redeem=redeem)
    period = {"from": DATE, "to": DATE, "tier_id": REWARD, "last_visit": None, "spend_total": 1e3}
    balance = {"amount": 1, "reward_id": REWARD, "brand_id": None, "expiration_date": DATE, "issued_at": DATE}
    device = {
        "device_token": "t",
        "device_info": {"platform": "ios", "model": "m", "osVersion": "1"},
        "created_at": DATE,
    }
    whole = {"country": "CO", "metadata": anything, "tags": {}, "balance": [balance, balance], "devices": [device]}
    many = {"metrics": {"lifetime": period, "updated_at": DATE}, "gender": "MALE", "dob": DATE, "deleted": False}
    ended = {"resolved_at": DATE, "brand_id": "b", "details": "d", "cost": -0.5, "event": anything, "funded_by": None}
    return {
        Kind.CUSTOMERS: customer(**whole, **many, status="ACTIVE", deleted_at=None, unknown=[anything]),
        Kind.EVENTS: events(event(order=full, status=None, channel_id=None), event(type="LOGIN"), unknown=anything),
        Kind.TRANSACTIONS: {
            "id": "c",
            "transactions": [transaction(**ended), transaction(type="REVERSAL", amount=-0.01, unknown="x")],
        },
    }[kind]


TOKENS = [
    *(b"null", b"true", b"false", b"0", b"-0", b"-1", b"1e5", b"1E400", b"00", b"1.", b".5", b"1e-400", b'""', b'"x"'),
    *(b"[]", b"{}", b"[null]", b'{"id":1}', rb'"\u0041"', rb'"\u00f1"', rb'"\ud83d\ude00"', rb'"\ud800"', b'"\xff"'),
    *(b'"\xc3\xb1"', b" ", b"\t", b"\r", b",", b":", b"}", b"]", b"{", b"[", b'"', b"\\", b'"2024-02-29T00:00:00Z"'),
    *(b'"2023-02-29T00:00:00Z"', b'"2024-01-01 00:00:00Z"', b'"2024-01-01T00:00:60Z"', b'"2024-01-01T24:00:00Z"'),
    *(b'"2024-01-01T00:00:00.1234567891Z"', b'"2024-01-01T00:00:00+0000"', b'"2024-01-01T00:00:00+24:00"'),
    *(b'"0001-01-01T00:00:00+05:00"', b'"9999-12-31T23:59:59.9999999Z"', b'"9998-12-31T23:59:59.9999999-23:59"'),
    *(b'"2024-01-01T00:00:00z"', b'"1000-01-01T00:00:00.0+23:59"', b'"2024-12-31T23:59:59.999999999+00:30"'),
    *(b'"ACCUMULATION"', b'"REDEMPTION"', b'"MIGRATION"', b'"status":"REVERSED",', b'"status":"ACTIVE",'),
    *(b'"reversed_at":null,', b'"reversed_at":"2024-01-01T00:00:00Z",', b'"deleted":false,', b'"deleted":true,'),
    *(b'"id":"zz",', b'"status":null,', b'"amount":1,', b'"metadata":{"a":[1,{"b":null}]},', b'"tags":[],'),
    *(rb'"\u0069d":"q",', b"123456789012345678901234567890", b"1" * 41, b"0." + b"0" * 39 + b"1", b"1e99", b"-1e-99"),
    *(b"9007199254740993", b"0.30000000000000004", b"1e+99", b"1e100", b'"CASH"', b'"type":"X",', b'"value":1,'),
]
TOKEN = re.compile(rb'"[^"]*"|-?[0-9.eE+-]+|null|true|false|[{}\[\],:]')


def mutate(chance, body):
    """Return a line with one to three small changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        spans = [found.span() for found in TOKEN.finditer(body)]
        if not spans:
            return body
        (start, end), (other, behind) = chance.choice(spans), chance.choice(spans)
        change = chance.randrange(7)
        if change == 0:  # one byte becomes another one
            at = chance.randrange(len(body))
            body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        elif change == 1:  # a piece is there twice, or not at all
            low, high = sorted((start, other))
            body = body[:low] + body[low:high] * chance.choice((0, 2)) + body[high:]
        elif change == 2:  # two tokens change places
            (start, end), (other, behind) = sorted([(start, end), (other, behind)])
            if end <= other:
                body = body[:start] + body[other:behind] + body[end:other] + body[start:end] + body[behind:]
        elif change == 3:  # one token is like another one
            body = body[:start] + body[other:behind] + body[end:]
        else:
            token = chance.choice(TOKENS)
            body = body[:start] + token + body[end if change > 4 else start :]
    return body.replace(b"\n", b"")


# Texts, one by one: what a parser must take, what it must not take, and what parsers differ about.

MUST_TAKE = [
    *(b'"\\u0041"', b'"\\u0000"', b'"\\u007f"', b'"O\\u0027Hara \\u0026 Co"', b'{"\\u0061":1}'),
    *(b"0", b"-0", b"1", b"-1", b"10", b"0.5", b"-0.5", b"1.0", b"1e1", b"1E1", b"1e+1", b"1e-1", b"0e0", b"0E+00"),
    *(b"123.456e78", b"0.000000000000000000000000000000000000001", b"1234567890123456789012345678901234567890"),
    *(b"true", b"false", b"null", b"[]", b"{}", b"[ ]", b"{ }", b"[\t]", b"[0,1]", b"[ 0 , 1 ]", b"[[]]", b"[{}]"),
    *(b'{"":0}', b'{"a":0,"b":1}', b'{ "a" : 0 }', b'{"a":0,"a":1}', b'{"id":1,"id":2}', b'{"a":{"b":{"c":[]}}}'),
    *(b'""', b'"a"', b'" "', b'"/"', b'"\\/"', b'"\\""', b'"\\\\"', b'"\\b\\f\\n\\r\\t"', b'"\\u00f1"', b'"\\u20AC"'),
    *(b'"\\uD83D\\uDE00"', b'"\\udbff\\udfff"', b'"\\uFFFF"', b'"\\uFFFE"', b'"\\u0080"', b'"\\u2028"', b'"\x7f"'),
    *('"é"'.encode(), '"\u2028"'.encode(), '"\ufeff"'.encode(), '"\U0001f600"'.encode(), '"\U0010ffff"'.encode()),
    *(b'"\xc2\x80"', b'"\xdf\xbf"', b'"\xe0\xa0\x80"', b'"\xed\x9f\xbf"', b'"\xee\x80\x80"', b'"\xf0\x90\x80\x80"'),
    *(b'"' + b"x" * count + b'"' for count in range(40)),
    *(b'"' + b"x" * count + "é".encode() + b"x" * 20 + b'"' for count in range(20)),
    *(b'"' + b"x" * count + b'\\"' + b"x" * 20 + b'"' for count in range(20)),
    b"[" * 29 + b"]" * 29,
]
MUST_NOT_TAKE = [
    *(
        b"",
        b" ",
        b"-",
        b"+1",
        b"--1",
        b"01",
        b"-01",
        b"00",
        b"1.",
        b".1",
        b"-.1",
        b"1.e1",
        b"1e",
        b"1e+",
        b"1e-",
        b"1ee1",
    ),
    *(
        b"0x1",
        b"1_000",
        b"1,5",
        b"Infinity",
        b"-Infinity",
        b"NaN",
        b"inf",
        b"1a",
        b"- 1",
        b"1 2",
        b"0.",
        b"0e",
        b"\xef\xbc\x91",
    ),
    *(b"nul", b"nulll", b"Null", b"NULL", b"True", b"tru", b"truee", b"fals", b"falsee", b"undefined", b"None", b"'a'"),
    *(b"[", b"]", b"[1", b"[1,", b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1}", b"[}", b"[1:2]", b'["a":1]', b"[1]]"),
    *(
        b"{",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1',
        b'{"a":1,}',
        b"{,}",
        b'{"a" 1}',
        b'{"a"::1}',
        b'{"a",1}',
        b"{a:1}",
        b"{1:1}",
    ),
    *(
        b'{"a":1]',
        b"{null:1}",
        b'{"a":1,,"b":2}',
        b'{"a":1 "b":2}',
        b'{"a":/*c*/1}',
        b"{'a':1}",
        b'{"a":1}}',
        b"{[]:1}",
    ),
    *(
        b'"',
        b'"a',
        b'"\\',
        b'"\\"',
        b'"\\a"',
        b'"\\x41"',
        b'"\\u"',
        b'"\\u1"',
        b'"\\u12"',
        b'"\\u123"',
        b'"\\u123g"',
        b'"\\U0041"',
    ),
    *(
        b'"\\ud800"',
        b'"\\ud800x"',
        b'"\\ud800\\u0041"',
        b'"\\ud800\\ud800"',
        b'"\\udc00"',
        b'"\\udc00\\udc00"',
        b'"\\ud800\\"',
        b'"\\ud83d\\ude0"',
    ),
    *(
        b'"\\0"',
        b'"\\ "',
        b'"\n"',
        b'"\t"',
        b'"\x00"',
        b'"\x1f"',
        b'"\r"',
        b'a"',
        b'""""',
        b'"a"b',
        b"\x00",
        b"\x0b1",
        b"\x0c1",
    ),
    *(
        b'"\x80"',
        b'"\xbf"',
        b'"\xc0\x80"',
        b'"\xc1\xbf"',
        b'"\xc2"',
        b'"\xc2\x41"',
        b'"\xe0\x80\x80"',
        b'"\xe0\xa0"',
        b'"\xe2\x82"',
    ),
    *(
        b'"\xed\xa0\x80"',
        b'"\xed\xbf\xbf"',
        b'"\xf0\x80\x80\x80"',
        b'"\xf0\x8f\xbf\xbf"',
        b'"\xf4\x90\x80\x80"',
        b'"\xf5\x80\x80\x80"',
    ),
    *(
        b'"\xf8\x88\x80\x80\x80"',
        b'"\xfe"',
        b'"\xff"',
        b'"\xf0\x9f\x98"',
        b'"\xf0\x9f\x98\x41"',
        b'"\xc3\xb1',
        b'"\xe9"',
    ),
    *(
        b"\xef\xbb\xbf1",
        b"\xc2\xa01",
        b"\xe2\x80\x8b1",
        b"1\x00",
        b"\xff",
        b"1//c",
        b"#1",
        b"1;",
        b"[1]#",
        b"*",
        b"<null>",
    ),
    *(b"[" * 5000 + b"]" * 5000, b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 99_999),
]
MAY_DOUBT = [
    *(b"1e100", b"1e-100", b"1e400", b"-1e400", b"1e-400", b"1e0000000001", b"1" * 41, b"0." + b"1" * 41, b"9" * 5000),
    *(b"[\r]", b"\r1", b"1\r", b'{"a":\r1}'),
    *(b"[" * count + b"]" * count for count in (30, 31, 32, 33, 100, 300)),
]
