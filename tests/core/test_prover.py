"""The extension that proves lines: what it calls clean is clean, and most of what is clean it calls so."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Annotated

import msgspec
import pytest
from core import proving
from core.adversarial import NO, ROWS, YES
from core.made import as_bytes, decoder, event, events, order, transaction, valid
from core.odd_lines import MAY_DOUBT, MUST_NOT_TAKE, MUST_TAKE, mutate, rich
from core.proving import VARIANTS, Law, Proving
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, structs

from masivo_stream.core import reading
from masivo_stream.core.reading import prover as prover_module
from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.marks import read_raw_mark
from masivo_stream.core.reading.prover import NodeKind, Role, Sign, is_built, make_prover, make_tree
from masivo_stream.core.reading.purchases import Purchases
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import one_by_one
from masivo_stream.model.proof import Proof

pytestmark = pytest.mark.skipif(not is_built(), reason="the extension is not built: there was no C compiler")

SOURCE = Path(prover_module.__file__).with_name("_prover.c").read_text()
PROVING = {index: Proving(rules) for index, rules in enumerate(VARIANTS)} if is_built() else {}
PLAIN = {kind: next(each for each in PROVING.values() if each.law.rules.kind is kind) for kind in Kind if PROVING}
LONE = dict(zip(Kind, map(as_bytes, map(valid, Kind)), strict=True))


def holding(value, kind=Kind.CUSTOMERS, name="nobody_knows"):
    """Return a valid line with a further field of this value, spelt as it is."""
    return LONE[kind][:-1] + b',"%b":%b}' % (name.encode(), value)


def beginning_with(value, kind):
    """Return a valid line that begins with a further field of this value, spelt as it is."""
    return b'{"nobody_knows":' + value + b"," + LONE[kind][1:]


# The law.


@pytest.mark.parametrize("number", range(len(VARIANTS)))
def test_lines_that_careless_validation_gets_wrong(number):
    """Each is doubted, or lawfully called clean."""
    assert PROVING[number].breaches([body for _, body, _ in ROWS]) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_lines_that_are_usual_are_proved(kind):
    """Lines as exports have them are not doubted: the extension would be of no use."""
    for record in (valid(kind), rich(kind), dict(reversed(rich(kind).items()))):
        assert PLAIN[kind].is_clean(as_bytes(record))
        assert PLAIN[kind].is_clean(json.dumps(record).encode())
        assert PLAIN[kind].is_clean(json.dumps(record, indent=1).replace("\n", "\t").encode())


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "make", [lambda body, at: body[:at], lambda body, at: body[at:], lambda body, at: body[:at] + body[at + 1 :]]
)
def test_lines_that_are_cut(kind, make):
    """The beginning of a line, its end, and a line without one of its bytes."""
    body = as_bytes(rich(kind))
    assert PLAIN[kind].breaches([make(body, at) for at in range(1, len(body))]) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_line_that_is_not_whole_is_doubted(kind):
    """Nothing is taken for granted about what comes behind the last byte."""
    body = as_bytes(rich(kind))
    doubted = PLAIN[kind].prove([body[:end] for end in range(len(body))]).doubted
    assert doubted == list(range(len(body)))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_byte_in_every_place(kind):
    """Each byte of a line is replaced, or preceded, by each of those that mean something, and by some that do not."""
    body = as_bytes(valid(kind))
    some = b' \t\r\n\x00\x0b\x1f",:{}[]\\/-+.0179eEnulltrfsTZtz~\x7f\x80\xbf\xc2\xe0\xed\xf4\xff'
    assert (
        PLAIN[kind].breaches([body[:at] + bytes([byte]) + body[at + 1 :] for at in range(len(body)) for byte in some])
        == []
    )
    assert (
        PLAIN[kind].breaches([body[:at] + bytes([byte]) + body[at:] for at in range(len(body)) for byte in some]) == []
    )


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(range(len(VARIANTS))))
def test_mutated_lines(chance, number):
    """Lines that are nearly right."""
    kind = VARIANTS[number].kind
    lines = [
        as_bytes(rich(kind)),
        as_bytes(valid(kind)),
        *(body for of, body, _ in ROWS if of is kind and len(body) < 2000),
    ]
    assert PROVING[number].breaches([mutate(chance, chance.choice(lines)) for _ in range(40)]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(JSON, st.booleans(), st.sampled_from([None, (", ", ": "), (",", ":")]), st.sampled_from(list(Kind)))
def test_any_value_in_an_unknown_field(value, ascii_only, separators, kind):
    """As a program writes it: most of it is proved, all of it lawfully."""
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    try:
        line = holding(text.encode(), kind)
    except UnicodeEncodeError:
        return
    assert PLAIN[kind].breaches([line, holding(text.encode(), kind, "metadata"), text.encode()]) == []


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("name", ["nobody_knows", "metadata"])
def test_texts_that_a_parser_must_take(kind, name):
    """They are proved in a field that the schema does not have; a free-form field takes those that are objects."""
    lines = [holding(text, kind, name) for text in MUST_TAKE]
    assert PLAIN[kind].prove([beginning_with(text, kind) for text in MUST_TAKE]).doubted == []
    assert PLAIN[kind].breaches(lines) == []
    free = kind is Kind.CUSTOMERS and name == "metadata"
    expected = [index for index, text in enumerate(MUST_TAKE) if free and not text.startswith(b"{")]
    assert PLAIN[kind].prove(lines).doubted == expected


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("wrap", [b"%b", b"[%b]", b'{"a":%b}', b'{"a":[%b,1]}', b" %b "])
def test_texts_that_a_parser_must_not_take(kind, wrap):
    """They are doubted wherever they are."""
    in_list = {b"", b" ", b"1,5"} if b"[" in wrap else set()  # there, they are two numbers, or nothing
    texts = [wrap % text for text in MUST_NOT_TAKE if text not in in_list]
    lines = [line for text in texts for line in (holding(text, kind), beginning_with(text, kind))]
    assert PLAIN[kind].prove(lines).doubted == list(range(len(lines)))


@pytest.mark.parametrize("kind", list(Kind))
def test_texts_that_parsers_differ_about(kind):
    """They are doubted, or lawfully called clean."""
    lines = [holding(wrap % text, kind) for text in MAY_DOUBT for wrap in (b"%b", b"[%b]", b'{"a":%b}')]
    assert PLAIN[kind].breaches(lines) == []


@pytest.mark.parametrize("text", [*MUST_TAKE, *MUST_NOT_TAKE, *MAY_DOUBT], ids=lambda text: repr(text[:30]))
def test_texts_in_place_of_values(text):
    """A customer's name, a balance, a date, an amount of a transaction, an order's value, an id."""
    for kind in Kind:
        body = as_bytes(rich(kind))
        places = [found.span() for found in re.finditer(rb'(?<=":)("[^"]*"|[0-9.-]+|null|true)', body)]
        assert PLAIN[kind].breaches([body[:start] + text + body[end:] for start, end in places]) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_known_field_that_is_twice_is_doubted(kind):
    """In every object of the schema, whatever its value; a further field that is twice does not matter."""
    body = as_bytes(rich(kind))
    names = {found[1] for found in re.finditer(rb'"(\w+)":', body)}
    for name in names - {b"a", b"b", b"c", b"unknown"}:
        for found in re.finditer(rb'"%b":("[^"]*"|[0-9.-]+|null|true|false|\{\}|\[\])' % name, body):
            doubled = body[: found.end()] + b"," + found[0] + body[found.end() :]
            assert not PLAIN[kind].is_clean(doubled)
    assert PLAIN[kind].is_clean(LONE[kind][:-1] + b',"x":1,"x":2}')


@pytest.mark.parametrize("kind", list(Kind))
def test_an_escaped_name_is_doubted(kind):
    """It may spell a known field a second time."""
    assert not PLAIN[kind].is_clean(LONE[kind][:-1] + rb',"\u00f1":1}')
    assert not PLAIN[kind].is_clean(LONE[kind][:-1] + rb',"\u0069d":"again"}')
    assert PLAIN[kind].is_clean(LONE[kind][:-1] + ',"ñ":1}'.encode())


@pytest.mark.parametrize("mark", YES + NO + ("1.5", "[]", "{}", '"maybe"', '"0001-01-01"', '"0000-00-00"'))
def test_marks(mark):
    """A deleted customer and a reversed event are never clean."""
    for name in ("deleted", "deleted_at", "status"):
        PLAIN[Kind.CUSTOMERS].is_clean(holding(mark.encode(), Kind.CUSTOMERS, name))
    for name in ("reversed_at", "status"):
        line = as_bytes(events(event(x=1))).replace(b'"x":1', b'"%b":%b' % (name.encode(), mark.encode()))
        clean = PLAIN[Kind.EVENTS].is_clean(line)
        assert not (clean and mark in YES)


def test_marks_that_are_clean_mean_no():
    """The reader of marks decides."""
    *_, texts = make_tree(msgspec.Raw, {})
    assert b"null" in texts
    assert all(read_raw_mark(text) is False for text in texts)


@pytest.mark.parametrize("number", [number for number, rules in enumerate(VARIANTS) if rules.reject_unknown_fields])
def test_unknown_fields_that_are_rejected_are_doubted(number):
    """Wherever they are, but for free-form objects."""
    proving_ = PROVING[number]
    kind = proving_.law.rules.kind
    record = rich(kind)
    record.pop("unknown", None)
    for item in record.get("transactions", []):
        item.pop("unknown", None)
    if kind is Kind.TRANSACTIONS:
        record["transactions"].pop()  # the guide's types only
    body = as_bytes(record)
    assert proving_.is_clean(body)
    for found in re.finditer(rb"\{(?!\})", body):
        free = re.search(rb'"(metadata|tags|event)":$|"a":\[1,$', body[: found.start()])
        changed = body[: found.end()] + b'"nobody_knows":1,' + body[found.end() :]
        assert proving_.is_clean(changed) == bool(free)


def test_a_record_with_too_many_items_is_doubted():
    """One request cannot carry it."""
    most = CONTRACTS[Kind.TRANSACTIONS].max_items
    for count, clean in ((most - 1, True), (most, True), (most + 1, False)):
        body = as_bytes({"id": "c", "transactions": [transaction()] * count})
        assert PLAIN[Kind.TRANSACTIONS].is_clean(body) == clean
    assert PLAIN[Kind.EVENTS].is_clean(as_bytes(events(*[event()] * 1500)))


# Signs of events.


def signs_of(line):
    """Return the contents that are proved of a line, which is clean."""
    proof = PLAIN[Kind.EVENTS].prove([line])
    assert proof.doubted == []
    assert PLAIN[Kind.EVENTS].law.breaches([line], proof) == []
    return proof.contents


@settings(max_examples=300, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value == 0 or 1e-90 < abs(value) < 1e90),
    st.integers(-(10**20), 10**20) | st.decimals(-(10**9), 10**9, places=2).map(float),
)
def test_amounts_are_the_doubles_that_python_reads(value, paid):
    """However many digits they have; otherwise the sign would not be that of the same event."""
    line = as_bytes(events(event(order=order(value=value, discounted_value=paid))))
    assert len(signs_of(line)) == 1


@pytest.mark.parametrize(
    "number",
    [
        *("9007199254740992", "9007199254740993", "9007199254740994", "18446744073709551615", "18446744073709551616"),
        *("0.1", "0.30000000000000004", "1e22", "1e23", "123e22", "8.5e-22", "1e-23", "0.1e-22", "5e-90", "1e90"),
        *("179769313486231570000000000000000000e50", "4.35", "2.675", "1.0000000000000002", "0.000001", "100e-2"),
        *("9999999999999999999999999999999999999999e99", "0." + "0" * 39 + "1", "1." + "0" * 40, "-0", "-0.0", "0e99"),
        *("7205759403792793.5", "7205759403792793.50001", "1.7976931348623157", "2.2250738585072011e-60"),
    ],
)
def test_amounts_that_are_hard_to_read(number):
    """Those between two doubles, and those beside the limits of the quick way."""
    for name in (b'"value":2,', b'"discounted_value":1.5'):
        field = name.rpartition(b":")[0] + b":" + number.encode() + (b"," if name.endswith(b",") else b"")
        assert len(signs_of(as_bytes(events()).replace(name, field, 1))) == 1


FIRST_DATE, LAST_DATE = (datetime.fromisoformat(text) for text in ("1000-01-01T00:00:00", "9999-12-31T23:59:59"))


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(FIRST_DATE, LAST_DATE) | st.integers(0, 200_000).map(lambda each: LAST_DATE - timedelta(seconds=each)),
    st.integers(-1439, 1439),
    st.sampled_from(["", ".0", ".5", ".999999", ".1234567", ".9999989", ".123456789", ".000000001"]),
)
def test_dates_are_the_moments_that_python_reads(moment, offset, fraction):
    """From the year 1000 to 9999, whatever their digits, and their zone if it does not lead beyond these years."""
    zone = moment.replace(tzinfo=timezone(timedelta(minutes=offset))).isoformat()[-6:]
    line = as_bytes(events(event(issued_at=(spelt := moment.isoformat()[:19] + fraction + zone), resolved_at=spelt)))
    if moment.year == 9999 and offset < 0:
        assert not PLAIN[Kind.EVENTS].is_clean(line)
    else:
        assert len(signs_of(line)) == 1


def test_signs_of_a_doubted_line_do_not_stay():
    """Its events that come before the doubt have no sign; later lines have their own."""
    good, other = events(event()), event(order=order(purchase_id="other", value=9))
    lines = [as_bytes(each) for each in (events(other, event(fulfilled=1)), good, events(other, other, x=1), good)]
    proof = PLAIN[Kind.EVENTS].prove(lines)
    assert (proof.doubted, proof.purchases) == ([0], ["p", "other", "other", "p"])
    assert PLAIN[Kind.EVENTS].law.breaches(lines, proof) == []


def test_a_moment_that_may_be_rounded_up_is_doubted():
    """The second would be another one."""
    line = as_bytes(events(event(issued_at="2024-12-31T23:59:59.9999996Z")))
    assert not PLAIN[Kind.EVENTS].is_clean(line)


def test_every_day_of_a_leap_cycle():
    """Four hundred years, then the calendar repeats: a day exists, or is doubted."""
    lines = [
        as_bytes(events(event(issued_at=f"{year}-{month:02}-{day:02}T00:00:00Z")))
        for year in (1600, 1700, 1899, 1900, 1999, 2000, 2023, 2024, 2100, 2400)
        for month in range(14)
        for day in range(33)
    ]
    proof = PLAIN[Kind.EVENTS].prove(lines)
    assert PLAIN[Kind.EVENTS].law.breaches(lines, proof) == []
    assert len(lines) - len(proof.doubted) == 365 * 6 + 366 * 4


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="utf-8"), max_size=20))
def test_types_and_purchases(type_, purchase):
    """Of any characters; what needs an escape is doubted."""
    line = as_bytes(events(event(type=type_, order=order(purchase_id=purchase)), id="ñ"))
    assert PLAIN[Kind.EVENTS].breaches([line]) == []


# Whole decoders: with the extension and without, the results are the same, and so is what they remember.

BODIES = {
    kind: [
        *(body for of, body, _ in ROWS if of is kind and b"\n" not in body and len(body) < 4096),
        as_bytes(events(event(), event(fulfilled=1), id="e")),
        b"x" * 4097,
    ]
    for kind in Kind
}
FEW = {
    kind: [
        *(
            as_bytes(valid(kind) | {"id": who} | ({"email": mail} if kind is Kind.CUSTOMERS else {}))
            for who in "abc"
            for mail in ("x", "y")
        ),
        as_bytes(rich(kind)),
        as_bytes(events(event(), event(order=order(value=3)), id="a")),
    ]
    for kind in Kind
}
"""Lines that are clean but come again and again: what came before decides about them."""


@settings(max_examples=120, deadline=None)
@given(st.data(), st.sampled_from(list(Kind)), st.booleans(), st.booleans())
def test_decoders_with_and_without_it_agree(data, kind, strict, thorough):
    """Whatever the lines, in whatever order, cut into runs in any way."""
    lines = data.draw(st.lists(st.sampled_from(FEW[kind]) | st.sampled_from(BODIES[kind]), max_size=30))
    export = b"".join(line + data.draw(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"])) for line in lines)
    size = data.draw(st.sampled_from([60, 700, len(export) + 1]))
    found = []
    for pure in (False, True):
        memory = Purchases(capacity=100) if kind is Kind.EVENTS else None
        rules = {"max_line_bytes": 4096, "reject_unknown_fields": strict, "thorough": thorough, "pure_python": pure}
        own, splitter = decoder(kind, purchases=memory, **rules), LineSplitter(max_line_bytes=4096)
        results = [
            each
            for at in range(0, len(export), size)
            for each in own.validate_all(splitter.cut(export[at : at + size]), "f")
        ]
        found.append(list(one_by_one(results)))
    assert found[0] == found[1]


def test_the_stretches_of_a_proof():
    """Proved and doubted lines take turns; both ends may be either."""
    proof = Proof([0, 1, 4], ["a", "b", "c"], [1, 2, 1], [], ["p", "q", "r", "s"], [1, 2, 3, 4])
    assert list(proof.stretches(6)) == [
        (range(0), Proof([], [], [], [], [], []), range(2)),
        (range(2, 4), Proof([], ["a", "b"], [1, 2], [], ["p", "q", "r"], [1, 2, 3]), range(4, 5)),
        (range(5, 6), Proof([], ["c"], [1], [], ["s"], [4]), range(6, 6)),
    ]
    assert list(Proof([], [], [], [], [], []).stretches(0)) == []


# The schema.


def test_the_names_in_both_languages_have_the_same_values():
    """Kinds of nodes, roles and signs are written in C, too."""
    for python, name, prefix in ((NodeKind, "Kind", "KIND_"), (Role, "Role", "ROLE_")):
        body = re.sub(r"/\*.*?\*/", "", re.search(rf"enum {name} \{{(.*?)\}};", SOURCE, re.DOTALL)[1], flags=re.DOTALL)
        names = [found.removeprefix(prefix) for found in re.findall(r"\w+", body) if found.startswith(prefix)]
        assert names == [each.name for each in python]
    assert {found[0]: int(found[1]) for found in re.findall(r"SIGN_(NEGATIVE|ZERO|POSITIVE) = (\d)", SOURCE)} == {
        each.name: each.value for each in Sign
    }


def test_no_field_is_named_in_the_source():
    """There is one schema, and it is not there."""
    code = re.sub(r"/\*.*?\*/", "", SOURCE, flags=re.DOTALL)
    texts = set(re.findall(r'"(\w+)"', code))
    assert not texts & {"id", "email", "events", "transactions", "amount", "issued_at", "purchase_id", "PURCHASE"}


def test_an_extension_of_other_sources_is_not_used(monkeypatch):
    """It may have any names, or none of those that are wanted."""
    old = ModuleType(f"{reading.__name__}._prover")
    monkeypatch.setitem(sys.modules, old.__name__, old)
    monkeypatch.setattr(reading, "_prover", old, raising=False)
    spec = importlib.util.spec_from_file_location("prover_beside_an_old_extension", prover_module.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert not again.is_built()
    assert again.describe_validator().endswith("built from other sources")


class Own(Struct):
    amount: float

    def __post_init__(self):
        pass


class Listed(Struct, array_like=True):
    amount: float


class Closed(Struct, forbid_unknown_fields=True):
    amount: float


@pytest.mark.parametrize(
    "schema",
    [
        *(int, dict[str, int], list[int], str | float, bytes, msgspec.Raw | int, Own, Listed, Closed, tuple[str, ...]),
        *(msgspec.Meta, datetime, Sign),
    ]
    + [
        Annotated[kind, meta]
        for kind, meta in [
            (str, Meta(min_length=2)),
            (str, Meta(max_length=9)),
            (str, Meta(pattern="^a")),
            (float, Meta(ge=0)),
            (float, Meta(gt=1)),
            (float, Meta(lt=-1)),
            (float, Meta(multiple_of=2)),
            (float, Meta(extra={"other": True})),
            (list[str], Meta(max_length=3)),
            (list[str], Meta(min_length=2)),
        ]
    ],
    ids=str,
)
def test_what_cannot_be_proved_is_an_error(schema):
    """A type or a bound that the extension does not know is no guess."""
    with pytest.raises(TypeError):
        make_tree(schema, {})


class Optional(Struct):
    id: str | msgspec.UnsetType = msgspec.UNSET


class Null(Struct):
    id: str | None


@pytest.mark.parametrize("schema", [Optional, Null])
def test_what_is_noted_is_on_every_line(schema):
    """Otherwise a line would get what was noted of the line before."""
    make_tree(schema, {})
    with pytest.raises(TypeError, match="noted"):
        make_tree(schema, {"id": Role.EMAIL})


@pytest.mark.parametrize(
    "tree",
    [
        *(
            (),
            (0,),
            (99, 0, False, None),
            (0, 99, False, None),
            (0, -1, False, None),
            (5, 0, False, ()),
            [0, 0, False, None],
        ),
        *((5, 0, False, ("text",)), (5, 0, False, (b"",)), (7, 0, False, None), (8, 0, False, ((), None)), None, 7),
        *((8, 0, False, (((b'"a"', True, (99, 0, False, None)),), None)), (2, 0, False, "x"), (5, 0, False, b"x")),
        (8, 0, False, (((b'"a"', True, (0, 0, False, False)),) * 65, None)),
        (8, 0, False, (((b'"a"', True, (0, 0, False, False)),), (0, 0, (1,)))),
        (8, 0, False, (((b'"a"', True, (5, 0, False, (b'"x"',))),), (0, 9, (1,)))),
        *(
            (8, 0, False, (((b'"a"', True, (5, 0, null, (b'"x"',))), (b'"b"', True, (2, 0, True, 7))), (0, 1, (1,))))
            for null in (False, True)
        ),
    ],
)
def test_what_is_no_schema_is_refused(tree):
    """With an exception, and without a trace left."""
    with pytest.raises((TypeError, ValueError, SystemError)):
        prover_module.Prover(tree)


def test_a_schema_that_is_nested_too_deeply_is_refused():
    """Its depth is bounded, like that of a line."""
    tree = (0, 0, False, False)
    for _ in range(100):
        tree = (7, 0, False, (False, tree))
    with pytest.raises(ValueError, match="nested"):
        prover_module.Prover(tree)


@pytest.mark.parametrize("lines", [None, 7, ["text"], [b"", None], [bytearray(b"{}")]])
def test_lines_are_bytes(lines):
    """Nothing else is read."""
    with pytest.raises(TypeError):
        make_prover(VARIANTS[0]).prove(lines)


def test_a_text_is_cut_at_a_byte_of_it():
    """Nothing is read before that byte, or behind the text."""
    prover = make_prover(VARIANTS[1])
    for begin, most in ((-1, 1), (4, 1), (0, 0)):
        with pytest.raises(ValueError, match="a byte of the text, and at least one line"):
            prover.prove_text(b"{}\n", begin, 0, most)
    with pytest.raises(TypeError):
        prover.prove_text("{}\n", 0, 0, 1)
    assert prover.prove_text(b"{}\n", 3, 0, 1) == prover.prove_text(b"{}", 0, 0, 1) == []
    ((text, offsets, columns),) = prover.prove_text(b"{}\n\n{", 0, 1 << 40, 9)
    assert (text, offsets, columns[0]) == (b"{}\n\n", [1 << 40, (1 << 40) + 3, (1 << 40) + 4], [0, 1])


def test_no_lines():
    """Nothing is proved of nothing."""
    assert make_prover(VARIANTS[0]).prove([]) == ([], [], [], [], [], [])


def test_rules_may_do_without_it():
    """Then there is no prover."""
    assert make_prover(structs.replace(VARIANTS[0], pure_python=True)) is None


# Memory and threads.


def test_several_threads_prove_by_one_prover():
    """What they find is the same: guesses are each thread's own while it reads."""
    prover = make_prover(VARIANTS[1])
    lists = [
        [as_bytes(rich(Kind.EVENTS) | {"id": f"c-{number}-{line}"}) for line in range(400)] + [b"{}"]
        for number in range(4)
    ]
    lists[1] = [as_bytes(dict(reversed(json.loads(line).items()))) for line in lists[1]]
    found = {}

    def work(number):
        found[number] = [prover.prove(lists[number]) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, proofs in found.items():
        assert all(proof == make_prover(VARIANTS[1]).prove(lists[number]) for proof in proofs)


_MEMORY = """
import resource
from core.made import as_bytes, events
from core.proving import VARIANTS
from masivo_stream.core.reading.prover import Prover, describe_rules, make_prover

def used():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

lines = [as_bytes(events(id=str(number))) for number in range(300)] + [b"", b"{", b"[" * 999]
tree, options = describe_rules(VARIANTS[1])
broken = (8, 0, False, (((b'"a"', True, tree), (b'"b"', True, (99, 0, False, None))), None))

def work():
    for _ in range(300):
        make_prover(VARIANTS[1]).prove(lines)
        for wrong in (broken, (5, 0, False, (b"a", "b"))):
            try:
                Prover(wrong)
            except (TypeError, ValueError):
                pass
        try:
            make_prover(VARIANTS[1]).prove([*lines, None])
        except TypeError:
            pass

work()
before = used()
work()
print(used() - before)
"""

_NO_MEMORY = """
import resource
from core.made import as_bytes, events, event
from core.proving import VARIANTS
from masivo_stream.core.reading.prover import make_prover

prover = make_prover(VARIANTS[1])
line = as_bytes(events(*[event()] * 1000))
lines = [line] * 3000  # a hundred megabytes of signs
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), used + (32 << 20)))
try:
    prover.prove(lines)
except MemoryError:
    print("no memory")
print(prover.prove([line])[2])
"""


def run(code):
    path = os.pathsep.join([str(Path(proving.__file__).parent.parent), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": path}
    ).stdout.split("\n")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read in /proc")
def test_nothing_is_left_behind():
    """Provers, proofs, wrong schemas and wrong lines: their memory is given back."""
    assert int(run(_MEMORY)[0]) < 2_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts what is reserved")
def test_there_may_be_no_memory():
    """It is said, and the next lines are proved."""
    assert run(_NO_MEMORY)[:2] == ["no memory", "[1000]"]


def test_the_law_finds_what_breaks_it():
    """The law itself is no empty one."""
    law = Law(VARIANTS[1])
    line = as_bytes(events(event(), event(order=order(value=math.pi))))
    lawful = law.validated(line)
    assert lawful is not None
    assert law.holds(line, *lawful)
    customer_, items, emails, purchases, contents = lawful
    assert not law.holds(line, "other", items, emails, purchases, contents)
    assert not law.holds(line, customer_, 1, emails, purchases, contents)
    assert not law.holds(line, customer_, items, ("e",), purchases, contents)
    assert not law.holds(line, customer_, items, emails, (*purchases[::-1], "x"), contents)
    assert not law.holds(line, customer_, items, emails, purchases, (contents[0], contents[1] ^ 1))
    assert law.validated(b"{}") is None
    proof = Proof([], ["c"], [2], [], list(purchases), [contents[0], contents[1] ^ 1])
    assert [broken.line for broken in law.breaches([line], proof)] == [line]


def test_a_rule_that_a_prover_does_not_know_is_noticed():
    """A new rule has to be thought about here: may a prover ignore it?"""
    known = {
        "reject_unknown_fields",
        "discounted_value_optional",
        "guide_types_only",
        "sign_events",
    }  # `describe_rules`
    ignored = {"thorough", "max_line_bytes"}  # what is twice is doubted anyway; the length is looked at before
    assert set(Rules.__struct_fields__) == {"kind", "pure_python"} | known | ignored
