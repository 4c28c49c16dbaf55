"""Purchases of earlier runs: notes of 12 bytes recognise them, on any line and in any shape, and no other purchases."""

import json

import msgspec
import pytest
from core.made import as_bytes, decoder, event, events, order
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.purchases import Purchases
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, ask
from masivo_stream.core.reading.sort_lines import LineSorter
from masivo_stream.core.sent_purchases import (
    KEY_BYTES,
    NOTE_BYTES,
    EarlierPurchases,
    PurchaseKeys,
    PurchaseNotes,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.earlier_runs import EarlierRun
from masivo_stream.model.entries import EntryRun, one_by_one
from masivo_stream.model.results import Entry, Rejected
from masivo_stream.model.slicing import take_part

SALT = b"s" * 32
RUN = EarlierRun(state_dir="/old", at="2026-01-01T00:00:00+00:00")
UNSURE = msgspec.structs.replace(RUN, sure=False)


class Noted:
    """What runs have noted, in a dictionary."""

    def __init__(self):
        self.found = {}

    def add(self, run, notes):
        assert len(notes) % NOTE_BYTES == 0
        for at in range(0, len(notes), NOTE_BYTES):
            key, content = notes[at : at + KEY_BYTES], notes[at + KEY_BYTES : at + NOTE_BYTES]
            self.found.setdefault(key, []).append((int.from_bytes(content, "big"), run))

    def find(self, keys):
        return {index: self.found[key] for index, key in enumerate(keys) if key in self.found}


def cut(records):
    return LineSplitter(max_line_bytes=1 << 20).feed(b"".join(as_bytes(each) + b"\n" for each in records))


def accept(noted, run, records, *, salt=SALT):
    """Note what a run sends of records, all of which is accepted."""
    found = decoder(Kind.EVENTS).validate_all(cut(records), "old")
    noted.add(run, PurchaseNotes(salt).of([each for each in found if isinstance(each, Entry | EntryRun)]))


def knowing(noted, *, salt=SALT, **settings):
    memory = EarlierPurchases(Purchases(capacity=100), PurchaseKeys(salt), noted)
    return decoder(Kind.EVENTS, purchases=memory, **settings)


def marked(noted, records, **settings):
    """Return, for each record, its items that an earlier run sent: the same event or not, and which run."""
    found = knowing(noted, **settings).validate_all(cut(records), "new")
    return [
        [(item.item, item.same, item.run) for item in each.sent] if isinstance(each, Entry) else None
        for each in one_by_one(found)
    ]


def bought(purchase, **fields):
    return event(order=order(purchase_id=purchase), **fields)


def test_a_purchase_is_recognised_on_another_line():
    """The same event, another event of the purchase, a new purchase, and another customer's."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"), bought("q")), events(bought("r"), id="d")])
    new = [
        events(bought("new"), bought("p")),
        events(bought("q", type="REFUND")),
        events(bought("r")),
        events(bought("s"), id="d"),
    ]
    assert marked(noted, new) == [[(1, True, RUN)], [(0, False, RUN)], [], []]


@pytest.mark.parametrize(
    "other",
    [
        event(order=order(value=2.0)),
        event(order=order(metadata={"a": 1})),
        event(note="x"),
        dict(reversed(event().items())),
        event(issued_at="2023-11-07T00:31:56-05:00"),
    ],
)
def test_the_same_event_is_recognised_in_another_spelling(other):
    """Numbers, order of fields, what is free-form: no difference."""
    noted = Noted()
    accept(noted, RUN, [events(event())])
    assert marked(noted, [events(other)]) == [[(0, True, RUN)]]


def test_a_part_of_a_record_notes_its_own_items_only():
    """The others were not sent."""
    noted = Noted()
    (run,) = decoder(Kind.EVENTS).validate_all(cut([events(bought("p"), bought("q"), bought("r"))]), "old")
    noted.add(RUN, PurchaseNotes(SALT).of([take_part(run, [1], "events")]))
    assert marked(noted, [events(bought("p"), bought("q"), bought("r"))]) == [[(1, True, RUN)]]


def test_reversed_events_are_neither_noted_nor_marked():
    """They are not sent."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p", status="REVERSED"), bought("q"))])
    assert marked(noted, [events(bought("q", status="REVERSED"), bought("p"), bought("q"))]) == [[(2, True, RUN)]]


@pytest.mark.parametrize(
    "fields",
    [
        {"issued_at": "2023-11-07T05:31:56.1234567Z"},
        {"resolved_at": "2023-11-07T05:31:56.123456789012Z"},
        {"issued_at": "0001-01-01T00:00:00+09:00"},
        {"x": 10**400},
        {"x": "\\u00e9"},
    ],
)
def test_lines_that_need_the_strict_decoder_are_recognised(fields):
    """Odd dates and numbers, escapes."""
    noted = Noted()
    odd = events(bought("pé", **fields))
    accept(noted, RUN, [odd])
    assert marked(noted, [events(bought("a")), odd]) == [[], [(0, True, RUN)]]


def test_another_salt_recognises_nothing():
    """Notes are of no use without it."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"))])
    assert marked(noted, [events(bought("p"))], salt=b"t" * 32) == [[]]


@pytest.mark.parametrize("run", [UNSURE, msgspec.structs.replace(RUN, comparable=False)])
def test_what_is_unsure_is_never_called_the_same(run):
    """A revert may have taken it back; or contents were hashed in another way."""
    noted = Noted()
    accept(noted, run, [events(bought("p"))])
    assert marked(noted, [events(bought("p"))]) == [[(0, False, run)]]


def test_a_sure_note_counts_before_an_unsure_one():
    """It was sent again after the revert."""
    noted = Noted()
    for run in (UNSURE, RUN):
        accept(noted, run, [events(bought("p"))])
    assert marked(noted, [events(bought("p"))]) == [[(0, True, RUN)]]


def test_workers_mark_the_same():
    """A worker decodes, this process looks into the notes."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"))])
    records = [events(bought("a")), events(bought("b"), bought("p")), events(bought("c"))]
    own = knowing(noted)
    pieces = cut(records)
    question = ask(pieces, max_line_bytes=1 << 20)
    answer = RemoteDecoder(own.rules).answer(question)
    results = AnswerReader(own).read(answer, pieces, "new", 0)
    assert [each.sent for each in one_by_one(results)] == [
        each.sent for each in one_by_one(knowing(noted).validate_all(pieces, "new"))
    ]
    assert [len(each.sent) for each in one_by_one(results)] == [0, 1, 0]


PURCHASES = st.builds(
    lambda name, kind: bought(name, type=kind), st.sampled_from("pqrs"), st.sampled_from(["PURCHASE", "REFUND"])
)
RECORDS = st.lists(
    st.builds(
        lambda who, found: events(*found, id=who), st.sampled_from("cd"), st.lists(PURCHASES, min_size=1, max_size=4)
    ),
    max_size=5,
)


@given(earlier=st.lists(st.tuples(st.booleans(), RECORDS), max_size=3), new=RECORDS)
def test_it_marks_what_a_list_of_all_events_marks(earlier, new):
    """By the plain rule: the purchase was noted; and the same event by a run that is sure."""
    noted, known = Noted(), {}
    for number, (sure, records) in enumerate(earlier):
        run = EarlierRun(state_dir=f"/{number}", at="", sure=sure)
        accept(noted, run, records)
        for record in records:
            for each in record["events"]:
                known.setdefault((record["id"], each["order"]["purchase_id"]), []).append((each["type"], run))
    wanted = []
    for record in new:
        items = []
        for index, each in enumerate(record["events"]):
            sent = known.get((record["id"], each["order"]["purchase_id"]), [])
            same = [run for kind, run in sent if kind == each["type"] and run.sure]
            if sent:
                items.append((index, bool(same), same[0] if same else sent[0][1]))
        wanted.append(items)
    assert marked(noted, new) == wanted


# What the sorter does with them.


def sort(noted, records, setting):
    found = knowing(noted).validate_all(cut(records), "new")
    lines = LineSorter(setting).sort(found, None)
    dead = [(each.reason, each.line, each.items, each.message) for each, _ in lines.dead_letters]
    return dead, [json.loads(each.body) for each in one_by_one(lines.to_pack)], lines.sent_before


@pytest.mark.parametrize(
    ("setting", "dead", "left", "warned"),
    [
        ("auto", [(0,)], ["q", "r"], 1),
        ("reject", [(0,), (1,)], ["r"], 0),
        ("warn", [], ["p", "q", "r"], 2),
        ("allow", [], ["p", "q", "r"], 0),
    ],
)
def test_the_setting_decides(setting, dead, left, warned):
    """The same event, another one of a purchase, and a new purchase."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"), bought("q"))])
    found, sent, before = sort(noted, [events(bought("p"), bought("q", type="REFUND"), bought("r"))], setting)
    assert [(reason, items) for reason, _, items, _ in found] == [("sent_before", items) for items in dead]
    assert [each["order"]["purchase_id"] for record in sent for each in record["events"]] == left
    assert before == [("new", 1)] * warned
    assert all("/old" in message and "2026-01-01" in message for _, _, _, message in found)


@pytest.mark.parametrize("setting", ["auto", "reject", "warn", "allow"])
def test_what_is_unsure_is_always_sent(setting):
    """With a warning, unless there is no check."""
    noted = Noted()
    accept(noted, UNSURE, [events(bought("p"))])
    dead, sent, before = sort(noted, [events(bought("p"))], setting)
    assert (dead, len(sent), len(before)) == ([], 1, setting != "allow")


def test_a_record_that_was_sent_as_a_whole_is_one_dead_letter():
    """By one run; not one for each event."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"), bought("q"))])
    found = knowing(noted).validate_all(cut([events(bought("p"), bought("q"))]), "new")
    lines = LineSorter().sort(found, None)
    ((letter, part),) = lines.dead_letters
    assert (isinstance(letter, Rejected), letter.items, part, lines.to_pack) == (True, None, None, [])
    assert letter.field == "events[0].order.purchase_id"


def test_an_event_that_came_before_in_both_ways_is_one_dead_letter():
    """It is counted once."""
    noted = Noted()
    accept(noted, RUN, [events(bought("p"))])
    dead, sent, _ = sort(noted, [events(bought("p"), bought("p"))], "auto")
    assert [(reason, items) for reason, _, items, _ in dead] == [("duplicate_event", (1,)), ("sent_before", (0,))]
    assert sent == []
