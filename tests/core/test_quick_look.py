"""The extension that looks at lines: with it, the notes are the same, and most lines are not decoded."""

import json
import random
import re
import struct
from array import array
from itertools import chain

import pytest
from core.adversarial import ROWS
from core.looking import NOW, LawOfLooks
from core.made import DATE, PRODUCT, REWARD, as_bytes, customer, event, events, order, transaction, transactions, valid
from core.odd_lines import MAY_DOUBT, MUST_NOT_TAKE, MUST_TAKE, mutate, rich
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.checks.note_format import REWARD_SHIFT, SharedHash
from masivo_stream.core.checks.plausible import NOTHING
from masivo_stream.core.checks.quick_look import Looked, QuickLook, make_quick_look
from masivo_stream.core.checks.unknown_fields import LineReader
from masivo_stream.core.reading.prover import describe_rules, is_built
from masivo_stream.core.reading.strict import Rules
from masivo_stream.generate.good_records import records
from masivo_stream.generate.planted_doubts import DOUBTS
from masivo_stream.model.contract import Kind

if is_built():
    from masivo_stream.core.reading.prover import Prover, divide, hash_of

pytestmark = pytest.mark.skipif(not is_built(), reason="the extension is not built: there was no C compiler")

LAWS = {kind: LawOfLooks(kind) for kind in Kind}
TIMELESS = {kind: LawOfLooks(kind, None) for kind in Kind}


def assert_lawful(kind, lines):
    """Whether it is known when now is, or not: of every other list of lines."""
    if len(lines) % 2:
        assert TIMELESS[kind].holds_shared(lines)
    else:
        assert LAWS[kind].holds(lines)


@pytest.mark.parametrize("kind", list(Kind))
def test_lines_that_careless_validation_gets_wrong(kind):
    """Each is doubted, or lawfully taken."""
    assert_lawful(kind, [body for of, body, _ in ROWS if of is kind and b"\n" not in body])


@pytest.mark.parametrize("kind", list(Kind))
def test_usual_lines_are_unremarkable(kind):
    """Nearly all of a good export: the extension would be of no use otherwise."""
    lines = list(records(kind, count=200, seed=5))
    assert len(LAWS[kind].unremarkable(lines)) >= 0.97 * len(lines)
    assert_lawful(kind, lines)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(list(Kind)))
def test_mutated_lines(chance, kind):
    """Lines that are nearly right, among right ones."""
    lines = [as_bytes(rich(kind)), as_bytes(valid(kind)), *records(kind, count=6, seed=chance.randrange(99))]
    assert_lawful(kind, [mutate(chance, chance.choice(lines)) for _ in range(chance.choice((20, 21)))] + lines)


@pytest.mark.parametrize("kind", list(Kind))
def test_texts_in_place_of_values(kind):
    """Every value of a record becomes another one; another eighth of the texts for each."""
    body, texts = as_bytes(rich(kind)), [*MUST_TAKE, *MUST_NOT_TAKE, *MAY_DOUBT]
    places = [found.span() for found in re.finditer(rb'(?<=:)("[^"]*"|[0-9.-]+|null|true)', body)]
    lines = [
        body[:start] + text + body[end:]
        for number, (start, end) in enumerate(places)
        for text in texts[number % 8 :: 8]
    ]
    assert_lawful(kind, lines)


@pytest.mark.parametrize("name", sorted(DOUBTS))
def test_what_is_planted_is_doubted(name):
    """All that makes a good record implausible."""
    _, altered = DOUBTS[name]
    for kind, (_, alter) in altered.items():
        fields = [json.loads(line) for line in records(kind, count=3, seed=1)]
        for each in fields:
            alter(each)
        assert_lawful(kind, [as_bytes(each) for each in fields])


ODD_NUMBERS = [
    *("0", "-0", "0.0", "1", "-1", "2", "0.1", "0.2", "0.3", "-0.1", "12.50", "100", "1e2", "1E+1", "1e-3", "1e-7"),
    *("0.30000000000000004", "10.000000000000000000000000001", "10.00000000000000000000000000", "1e-400", "3e300"),
    *("1.000000", "1.0000001", "1.123456", "1.1234567", "1.1234560", "1125899906.842623", "1125899906.842624"),
    *("1125899907", "9007199254740993", "1234567890123456", "12345678901234567", "123456789012345.67", "1e15"),
    *("999999999", "1000000000", "1e9", "-1125899906.842624", "0.000001", "0.0000001", "0.0000010", "5e-324"),
]
ODD_DATES = [
    *("1970-01-01T23:59:59.999999Z", "1970-01-02T00:00:00Z", "1970-01-01T23:59:59-00:30", "2025-07-02T12:00:00Z"),
    *("2025-07-02T12:00:00.000001Z", "2025-07-02T13:30:00+01:30", "2024-02-29T10:00:00.1234567Z", DATE),
    *("2024-01-01T00:00:00+05:45", "2024-01-01T00:00:00-05:45", "2023-12-31T18:15:00Z", "2024-01-02T00:00:00.5Z"),
    *("2023-12-30T23:59:59Z", "1901-01-01T00:00:00Z", "1900-12-31T23:00:00-02:00", "1899-01-01T00:00:00Z"),
    *("9998-12-31T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2024-01-01T00:00:00.000000+00:00"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T00:00:00+23:59", "9999-12-31T00:00:00-00:01", "9999-01-01T00:00:00Z"),
    *("2025-01-01T00:00:00+23:59", "2026-01-01T00:00:00Z", "2025-06-30T23:00:00-01:00"),
]


def mostly(usual, odd):
    """Usual values, and now and then an odd one: else nearly all lines would be doubted."""
    return st.integers(0, 7).flatmap(lambda chance: st.sampled_from(usual if chance else odd))


NUMBERS = mostly(["0", "1", "-1", "2", "0.1", "12.50", "-0.37", "100"], ODD_NUMBERS)
DATES = mostly([DATE, "2024-01-01T00:00:00+05:45", "2024-01-01T05:00:00.25-05:00", "2023-12-31T23:00:00Z"], ODD_DATES)
REWARDS = [REWARD, REWARD.upper(), *(REWARD[:-2] + f"{number:02}" for number in range(70))]


def with_numbers(record, numbers):
    """Return a record as JSON in which each "#" is the next number, as it is spelt."""
    chosen = iter(numbers)
    return re.sub(rb'"#"', lambda _: next(chosen).encode(), as_bytes(record))


def optional(strategy, name):
    return st.one_of(st.just({}), strategy.map(lambda value: {name: value}))


def merged(*parts):
    return st.tuples(*parts).map(lambda found: {name: value for part in found for name, value in part.items()})


numbered = st.just("#")
balances = merged(
    st.sampled_from(REWARDS[:4]).map(lambda reward: {"reward_id": reward, "amount": "#"}),
    optional(DATES, "issued_at"),
    optional(DATES | st.none(), "expiration_date"),
    optional(st.sampled_from(["b", "c"]), "brand_id"),
)
ODD_NAMES = [
    *("Ana", "José", "Ñandú", " null ", "NULL", "None none", "n/a", "-", "--", "?", "x?y", "Sof?a", "SofÃ­a", "Â"),
    *(
        "\u00a0null",
        "null\u3000",
        "\ufffd",
        "李雷",
        "Łukasz",
        "\u2003",
        "",
        " ",
        "Ana \U0001f680",
        "unknown",
        "a\u0085",
    ),
    *("undefined undefined", "Undefined", "N/A n/a", ".", "nul", "nullo", "İnal", "ﬁn", "\x7f", " a ", "nil\u00e9"),
]
ODD_EMAILS = [
    "a@b.c",
    "@b",
    "a@",
    "a@@b",
    "a b@c",
    "á@b.c",
    "A@B.C",
    "a",
    "",
    "a@b\x7f",
    "a@b ",
    "@",
    "a@b@c",
    "a\u200b@b",
]
ODD_IDS = ["c", " c", "c ", "ñ", "cñ", "\u00a0c", "c\u2003", "c\u0085", "a b", "\x7f", "é\u3000", "\U0001f680", "c€"]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_customers(data):
    """Names, emails, dates and balances of all kinds."""
    made = st.builds(
        lambda changes: customer(**changes),
        merged(
            mostly(["c", "ñ"], ODD_IDS).map(lambda text: {"id": text}),
            mostly(["Ana", "José"], ODD_NAMES).map(lambda text: {"name": text}),
            mostly(["a@b.c", "A@b.c"], ODD_EMAILS).map(lambda text: {"email": text}),
            optional(DATES, "registration_date"),
            optional(DATES, "dob"),
            optional(st.lists(balances, max_size=4), "balance"),
        ),
    )
    lines = [
        with_numbers(each, data.draw(st.lists(NUMBERS, min_size=4, max_size=4)))
        for each in data.draw(st.lists(made, max_size=6))
    ]
    assert_lawful(Kind.CUSTOMERS, lines)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_transactions(data):
    """Amounts, rewards and dates of all kinds."""
    made = merged(
        st.sampled_from(REWARDS[:4]).map(lambda reward: {"reward_id": reward, "amount": "#"}),
        DATES.map(lambda date: {"issued_at": date}),
        optional(DATES | st.none(), "resolved_at"),
        optional(st.sampled_from(["ref 12345678901234567", "1e-400 ", "x 5e-1234,", "1234567890123456"]), "details"),
    ).map(lambda changes: transaction(**{"type": "MIGRATION"} | changes))
    lines = [
        with_numbers(transactions(*each), data.draw(st.lists(NUMBERS, min_size=4, max_size=4)))
        for each in data.draw(st.lists(st.lists(made, min_size=1, max_size=4), max_size=6))
    ]
    assert_lawful(Kind.TRANSACTIONS, lines)


ODD_TYPES = [
    *("PURCHASE", "Purchase", "PURCHASES", "PURCHACE", "purchase", "LOGIN", "REPURCHASE", "P", "", "\uff50urchase"),
    *("PURCHASE_REFUND", "PURHCASE", "PUR-CHASE", "PRCHASE", "CHASE", "BIRTHDAY", "URCHASEX", "ES\u017fAHCRUP"),
]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_events(data):
    """Types, prices and dates of all kinds."""
    product = merged(st.just(PRODUCT | {"amount": "#", "value": "#"}), optional(numbered, "discounted_value"))
    shipping = merged(optional(numbered, "value"), optional(numbered, "discounted_value"))
    orders = merged(
        st.just(order(value="#", discounted_value="#")),
        st.lists(product, min_size=1, max_size=3).map(lambda found: {"products": found}),
        optional(shipping, "shipping"),
        st.sampled_from("pq").map(lambda text: {"purchase_id": text}),
    )
    made = merged(
        orders.map(lambda found: event(order=found)),
        mostly(["PURCHASE", "LOGIN"], ODD_TYPES).map(lambda text: {"type": text}),
        DATES.map(lambda date: {"issued_at": date}),
        (DATES | st.none()).map(lambda date: {"resolved_at": date}),
    )
    number = NUMBERS | st.sampled_from(["1", "2", "2.0", "1.99", "2.01", "2.03", "3", "4"])
    lines = [
        with_numbers(events(*each), data.draw(st.lists(number, min_size=30, max_size=30)))
        for each in data.draw(st.lists(st.lists(made, min_size=1, max_size=2), max_size=5))
    ]
    assert_lawful(Kind.EVENTS, lines)


def test_each_odd_value_alone():
    """On a line that is right otherwise."""
    customers = {
        "id": ODD_IDS,
        "name": ODD_NAMES,
        "email": ODD_EMAILS,
        "registration_date": ODD_DATES,
        "dob": ODD_DATES,
    }
    for name, values in (*customers.items(), ("dob", ODD_DATES)):
        assert_each_lawful(Kind.CUSTOMERS, [as_bytes(customer(**{name: value})) for value in values])
    for made in (
        [{"reward_id": REWARD, "amount": "#"}],
        [{"reward_id": REWARD, "amount": "#"}, {"reward_id": REWARDS[2], "amount": 0}],
    ):
        assert_each_lawful(Kind.CUSTOMERS, [with_numbers(customer(balance=made), [each]) for each in ODD_NUMBERS])
    for amounts in (["#"], ["#", 1], ["#", -1, 0.5]):
        items = [transaction(type="MIGRATION", amount=amount, details="x 5e-1234,") for amount in amounts]
        assert_each_lawful(Kind.TRANSACTIONS, [with_numbers(transactions(*items), [each]) for each in ODD_NUMBERS])
    costs = [with_numbers(transactions(transaction(cost="#")), [each]) for each in ODD_NUMBERS]
    assert_each_lawful(Kind.TRANSACTIONS, costs)
    for value in ODD_DATES:
        dated = {"issued_at": value}, {"resolved_at": value}, {"issued_at": value, "resolved_at": value}
        assert_each_lawful(Kind.TRANSACTIONS, [as_bytes(transactions(transaction(**each))) for each in dated])
        assert_each_lawful(Kind.EVENTS, [as_bytes(events(event(**each))) for each in dated])
    assert_each_lawful(Kind.EVENTS, [as_bytes(events(event(type=value))) for value in ODD_TYPES])
    values = [event(order=order(value="#", discounted_value=0)), event(order=order(discounted_value="#"))]
    assert_each_lawful(Kind.EVENTS, [with_numbers(events(each), [number]) for each in values for number in ODD_NUMBERS])


def test_amounts_of_nothing_beside_a_tiny_one():
    """A text that looks like a number too small for a double, on a line with an amount of 0."""
    texts = ["x 5e-1234,", "5e-12 ", "5e-1234", "x5E-123}", "e-1234 ", "5-1234 "]
    balance = [{"reward_id": REWARD, "amount": 0}]
    assert_each_lawful(Kind.CUSTOMERS, [as_bytes(customer(balance=balance, country=text)) for text in texts])


def test_what_a_doubted_line_has_does_not_stay():
    """Its first items have been read when a later one is doubted."""
    good, other, more = transaction(amount=5), transaction(amount=7, reward_id=REWARDS[2]), transaction(amount=9)
    doubted = transaction(issued_at="2030-01-01T00:00:00Z", reward_id=REWARDS[3])
    lines = [as_bytes(transactions(*each)) for each in ([good], [more, good, doubted], [other], [good, other])]
    assert_each_lawful(Kind.TRANSACTIONS, lines)
    bought = order(purchase_id="a"), order(purchase_id="b")
    lines = [as_bytes(events(event(order=bought[0]), event(order=bought[1], **each))) for each in ({}, {"x": 1}, {})]
    assert_each_lawful(Kind.EVENTS, lines)


def assert_each_lawful(kind, lines):
    """Each line alone, and all of them."""
    for line in lines:
        assert LAWS[kind].holds([line]), line
    assert_lawful(kind, lines)


@pytest.mark.parametrize("share", [0.99, 0.994, 0.9951, 1.0, 1.005, 1.0099, 1.0101, 1.02])
@pytest.mark.parametrize("value", [100, 0.5, 3])
def test_orders_that_nearly_add_up(share, value):
    """Around what may be off, with shipping and without."""
    lines = [
        as_bytes(events(event(order=order(value=value * share, discounted_value=0, products=products, **more))))
        for products in ([PRODUCT | {"amount": 1, "value": value}], [PRODUCT | {"amount": 2, "value": value / 2}] * 1)
        for more in ({}, {"shipping": {"value": value / 50}}, {"shipping": {"value": -value}})
    ]
    assert_lawful(Kind.EVENTS, lines)


def test_words_for_no_name():
    """In any case, padded, and once more with a character before or behind."""
    lines = [
        as_bytes(customer(name=spelt))
        for word in sorted(NOTHING)
        for spelt in (word, word.upper(), word.title(), f" {word}  ", f"{word}x", f"x{word}", f"\u00a0{word}")
    ]
    assert_lawful(Kind.CUSTOMERS, lines)


SPELT_NAMES = [
    *("Ana \U0001f469\U0001f3fd\u200d\U0001f680", "さくら", "ソラ", "김", "王", "\ufeffAna", "\u200bnull", "ﾊﾅ", "İ"),
    *(r"Jos\u00e9", r"\u00D1and\u00fa", r"Juan \"Pepe\" Ib\u00e1\u00f1ez", r"O\\Neil", r"\ud83d\ude00", r"null\""),
]
DOUBTED_NAMES = [
    r"\u006eull",
    r"n\/a",
    r"\u00a0null",
    r"Sof\u00c3\u00ada",
    r"a\u003fb",
    r"null\t",
    r"\ufffd",
    r" \u3000 ",
]


def test_names_of_the_world():
    """They may have any characters, and escapes of them. A line with one that may be no name is doubted."""
    lines = {name: as_bytes(customer(name="#")).replace(b'"#"', b'"%b"' % name.encode()) for name in SPELT_NAMES}
    law = LAWS[Kind.CUSTOMERS]
    assert law.unremarkable(lines.values()) == list(lines.values())
    doubted = [as_bytes(customer(name="#")).replace(b"#", name.encode()) for name in DOUBTED_NAMES]
    assert law.unremarkable(doubted) == []
    assert_lawful(Kind.CUSTOMERS, [*lines.values(), *doubted])


def test_white_space_of_the_world():
    """An id that ends with it is doubted, as is a name; all other characters are plain, but for two."""
    characters = [chr(number) for number in range(0x80, 0x3100)]
    ids = {as_bytes(customer(id=f"c{each}")): each.isspace() for each in characters}
    names = {as_bytes(customer(name=f"{each}null")): each.isspace() or each in "ÂÃ" for each in characters}
    for lines in (ids, names):
        assert LAWS[Kind.CUSTOMERS].unremarkable(lines) == [line for line, doubted in lines.items() if not doubted]


def test_points_that_never_expire():
    """Programs write the last day that there is."""
    balance = [{"reward_id": REWARD, "amount": 1, "expiration_date": "9999-12-31T23:59:59Z", "issued_at": DATE}]
    line = as_bytes(customer(balance=balance))
    assert LAWS[Kind.CUSTOMERS].unremarkable([line]) == [line]
    assert_lawful(Kind.CUSTOMERS, [line, line.replace(b"59Z", b"59+14:00"), line.replace(b"59Z", b"59-05:00")])


def test_types_that_are_nearly_a_purchase():
    """Texts that are one or two characters away, and others of the same characters."""
    chance = random.Random(1)
    types = {
        "PURCHASE"[:place] + other + "PURCHASE"[place + step :]
        for place in range(9)
        for other in ("", "X", "é", "-", "R", "pu")
        for step in (0, 1, 2)
    }
    types |= {"".join(chance.sample("PURCHASES", count)) for count in range(10) for _ in range(5)}
    lines = [as_bytes(events(event(type=text))) for text in sorted(types)]
    assert_lawful(Kind.EVENTS, lines)
    assert len(LAWS[Kind.EVENTS].unremarkable(lines)) > len(lines) / 4


def test_rewards_without_end():
    """More than one call keeps, on one line, on many, and spelt in two ways."""
    one = as_bytes(transactions(*(transaction(reward_id=reward, amount=2) for reward in REWARDS)))
    many = [as_bytes(transactions(transaction(reward_id=reward, amount=2))) for reward in REWARDS[::-1]]
    assert_lawful(Kind.TRANSACTIONS, [one, *many, one])
    assert_lawful(Kind.TRANSACTIONS, [*many, one])
    balance = [
        {"reward_id": REWARD, "amount": 1, "expiration_date": f"2024-01-{day:02}T00:00:00Z"} for day in range(1, 32)
    ]
    assert_lawful(
        Kind.CUSTOMERS, [as_bytes(customer(balance=found)) for found in (balance, balance * 2, balance + balance[:3])]
    )


def test_sums_without_end():
    """Amounts that add up to more than 64 bits hold."""
    largest = transaction(amount=1_125_899_906.84262)
    lines = [as_bytes(transactions(*[largest] * 900))] * 12
    law = LAWS[Kind.TRANSACTIONS]
    quick = law.unremarkable(lines)
    assert 0 < len(quick) < len(lines)
    assert law.is_lawful(lines[:4])


@pytest.mark.parametrize("kind", list(Kind))
def test_fields_that_the_api_does_not_know(kind):
    """They are counted on every line, in every object."""
    lines = with_unknown(kind, b'"nobody_knows":1,')
    assert_lawful(kind, [*lines, as_bytes(valid(kind)), *lines])
    many = [as_bytes(valid(kind) | {f"x{number % 45}": number, "y": 1}) for number in range(150)]
    assert_lawful(kind, [*many, *lines])
    assert_lawful(kind, [as_bytes(valid(kind) | {f"x{number % 60}": number}) for number in range(240)])


def with_unknown(kind, field):
    """Return lines with an unknown field, each in another object; they are plausible otherwise."""
    record = rich(kind)
    if kind is Kind.CUSTOMERS:
        record["balance"][1] = record["balance"][1] | {"reward_id": REWARDS[2]}
    elif kind is Kind.EVENTS:
        record["events"][0]["order"]["value"] = 4
    else:
        record["transactions"][1].pop("unknown")
    record.pop("unknown", None)
    body = as_bytes(record)
    return [body[: at.end()] + field + body[at.end() :] for at in re.finditer(rb"\{(?!\})", body)]


@pytest.mark.parametrize("kind", list(Kind))
def test_fields_that_were_seen_before_are_counted_without_decoding(kind):
    """Whatever their names and values are; known ones are as they were."""
    reader, spelt = LineReader(kind, watch=True), ('"ñ":null', '"":"x"', '"a b":{"id":[1,{}]}', '"zz":[true]', '"zz":0')
    lines = [line for field in spelt for line in with_unknown(kind, f"{field},".encode())]
    for line in lines:
        assert reader.read(line)
    looked = QuickLook(NOW, watch=True).look(kind, [(lines, range(len(lines)), 0, 0)], learnt=reader.learnt)
    assert looked.doubted == []
    for line, mark in zip(lines, array("Q", looked.marks), strict=True):
        reader.read(line)
        assert {field for index, field in enumerate(reader.learnt) if mark >> index & 1} == reader.unknown
    twice = next(line for line in lines if b'"zz":0,' in line).replace(b'"zz":0,', b'"zz":0,"zz":1,')
    assert QuickLook(NOW, watch=True).look(kind, [([twice], [0], 0, 0)], learnt=reader.learnt).doubted == [0]


def test_more_fields_than_an_object_may_have():
    """Lines with those that are too many are doubted."""
    learnt = [("", f"x{number}") for number in range(64)]
    lines = [as_bytes(valid(Kind.EVENTS) | {name: 1}) for _, name in learnt]
    looked = QuickLook(NOW, watch=True).look(Kind.EVENTS, [(lines, range(64), 0, 0)], learnt=learnt)
    assert 0 < len(looked.doubted) < 10
    marks = [each for each in array("Q", looked.marks) if each]
    assert marks == [1 << number for number in range(64 - len(looked.doubted))]


hashes = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), -1, 0, 2**63 - 1])
numbered_notes = st.lists(st.tuples(hashes, st.integers(0, 3), hashes), max_size=9)


@given(numbered_notes, numbered_notes, st.integers(1, 5), st.data())
def test_notes_are_divided_in_the_order_of_lines(plain, others, parts, data):
    """Those that Python takes go between the others, and rewards get their numbers."""
    numbers = data.draw(st.lists(st.integers(1, 2**54 - 1), min_size=3, max_size=3))
    wheres = data.draw(st.permutations([number < len(plain) for number in range(len(plain) + len(others))]))
    notes = {True: [], False: []}
    expected = [[] for _ in range(parts)]
    for where, of_plain in enumerate(wheres):
        taken = notes[of_plain]
        key, reward, value = (plain if of_plain else others)[len(taken)]
        taken.append((key, 5 | reward << REWARD_SHIFT, value, where, 6, 7))
        if of_plain and reward:
            reward = numbers[reward - 1]
        expected[key % parts].append((key, 5 | reward << REWARD_SHIFT, value, where, 6, 7))
    flat = {of_plain: array("q", chain.from_iterable(taken)) for of_plain, taken in notes.items()}
    found = divide(flat[True].tobytes(), flat[False], numbers, parts)
    assert found == [array("q", chain.from_iterable(of_part)).tobytes() for of_part in expected]


def test_what_cannot_be_divided():
    """Half a note, a reward without a number, no part."""
    note = array("q", [1, 5 | 2 << REWARD_SHIFT, 3, 4, 5, 6])
    for plain, others, numbers, parts in [
        (note[:5].tobytes(), note, [1, 2], 1),
        (note.tobytes(), note[:5], [1, 2], 1),
        (note.tobytes(), note, [1], 1),
        (note.tobytes(), note, [1, 2], 0),
        (array("q", [1, -1, 3, 4, 5, 6]).tobytes(), note, [1, 2], 1),
    ]:
        with pytest.raises(ValueError, match=r"six numbers|has a number|one part"):
            divide(plain, others, numbers, parts)
    numbered = array("q", [1, 5 | 8 << REWARD_SHIFT, 3, 4, 5, 6])
    assert divide(note.tobytes(), array("q"), [7, 8], 1) == [numbered.tobytes()]


def test_what_cannot_be_looked_at():
    """Each line has its offset, and a prover that does not look takes no notes."""
    quick = make_quick_look(None, watch=True, pure_python=False)
    for runs, error in (
        ([([b"{}"], [], 0, 0)], ValueError),
        ([b"{}"], TypeError),
        ([(["{}"], [0], 0, 0)], TypeError),
        ([(b"{}\n", [], 0, 0)], ValueError),
    ):
        with pytest.raises(error):
            quick.look(Kind.EVENTS, runs)
    for offsets, begin in (([4, 8], 5), ([5, 9], 5), ([5, 5], 5), ([6, 5], 5), ([-1, 2], -1), ([5, 2**63], 5)):
        with pytest.raises((ValueError, OverflowError)):
            quick.look(Kind.EVENTS, [(b"{}\n", offsets, 0, begin)])
    assert quick.look(Kind.EVENTS, [(b"{}\n", [5, 8], 0, 5), (b"{}\n", [9], 0, 5)]).doubted == [0]
    schema, _ = describe_rules(Rules(kind=Kind.EVENTS, max_line_bytes=100))
    with pytest.raises(ValueError, match="not known what to look for"):
        Prover(schema).look([], bytes(16), False)
    for key, shared in ((bytes(15), False), (bytes(65), True)):
        with pytest.raises(ValueError, match="a key has 16 bytes"):
            hash_of(key, shared, "")


LONG = ["", "x" * 128, "x" * 120, "\ud800", "é" * 64]
texts = st.text(max_size=9) | st.text(st.characters(), max_size=300) | st.sampled_from(LONG)


@given(texts, texts, st.binary(max_size=64))
def test_hashes_that_other_machines_have(one, other, key):
    """Of an id, and of a customer and a purchase."""
    shared = SharedHash(key)
    for value in (one, (one, other)):
        assert hash_of(key, True, value) == shared(value)


@given(texts, texts, st.binary(min_size=16, max_size=16))
def test_hashes_of_one_process(one, other, key):
    """SipHash-1-3; the key for a purchase is its customer's hash."""
    halves = struct.unpack("<QQ", key)
    of_one, of_other = (text.encode("utf-8", "surrogatepass") for text in (one, other))
    found = sip_hash(halves, of_one)
    assert hash_of(key, False, one) % 2**64 == found
    assert hash_of(key, False, (one, other)) % 2**64 == sip_hash((halves[0] ^ found, halves[1]), of_other)


def test_a_known_hash():
    """By the reference implementation: the key is 0, 1, … 15, the text 0, 1, … 14 (with two rounds in the middle)."""
    assert sip_hash(struct.unpack("<QQ", bytes(range(16))), bytes(range(15)), 2, 4) == 0xA129CA6149BE45E5


def sip_hash(key, text, between=1, last=3):
    """Return SipHash as its paper describes it."""
    words = 0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573
    v = [word ^ key[number % 2] for number, word in enumerate(words)]
    padded = text + bytes(7 - len(text) % 8) + bytes([len(text) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        for _ in range(between):
            v = sip_round(*v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(last):
        v = sip_round(*v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def sip_round(a, b, c, d):
    def add(one, other):
        return (one + other) % 2**64

    def rotate(word, bits):
        return (word << bits | word >> (64 - bits)) % 2**64

    a, c = add(a, b), add(c, d)
    b, d = rotate(b, 13) ^ a, rotate(d, 16) ^ c
    a, c = add(rotate(a, 32), d), add(c, b)
    return [a, rotate(b, 17) ^ c, rotate(c, 32), rotate(d, 21) ^ a]


def test_the_law_finds_what_breaks_it(monkeypatch):
    """It is no empty one: a note, a total or a finding that differs is noticed."""
    law, lines = LAWS[Kind.EVENTS], [as_bytes(events(event()))] * 3
    assert law.is_lawful(lines)
    for name, wrong in (("notes", b""), ("items", 9), ("value", 1), ("discounted", 1), ("records", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(Looked, name, wrong)
            assert not law.is_lawful(lines), name
