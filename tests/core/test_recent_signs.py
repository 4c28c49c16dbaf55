"""Signs that are kept until events are accepted: the notes are those of events that are signed again."""

from itertools import pairwise

from core.made import as_bytes, decoder, event, events, order
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.purchases import Purchases
from masivo_stream.core.reading.recent_signs import FEW_RECORDS, RecentSigns
from masivo_stream.core.sent_purchases import PurchaseNotes
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun
from masivo_stream.model.results import Entry
from masivo_stream.model.slicing import take_part

SALT = b"s" * 32


def bought(number, items, **fields):
    own = [event(order=order(purchase_id=f"p-{number}-{item}"), **fields) for item in range(items)]
    return events(*own, id=f"c-{number}")


def read(recent, blocks, *, source=0, line=1):
    """Return the entries of blocks of records, read by a decoder that keeps the signs; `None` is a faulty line."""
    found, splitter = [], LineSplitter(max_line_bytes=1 << 20, number=line)
    of_kind = decoder(Kind.EVENTS, purchases=recent.around(Purchases(capacity=1000)))
    for block in blocks:
        text = b"".join((b"{}" if each is None else as_bytes(each)) + b"\n" for each in block)
        found += of_kind.validate_all(splitter.cut(text), "events", source)
    return [each for each in found if isinstance(each, Entry | EntryRun)]


def cut(parts, cuts):
    """Return the same records, with the runs cut after some of their records; single records are divided."""
    for each in parts:
        if not isinstance(each, EntryRun):
            yield each
            continue
        ends = sorted({0, len(each), *(at % len(each) for at in cuts)})
        for begin, end in pairwise(ends):
            yield from (each.part(begin, end),) if end - begin > 1 else divided(each.entry(begin), cuts)


def divided(entry, cuts):
    """Return the parts of an entry: items go to the first or to the second one."""
    items = range(entry.items)
    first = [item for item in items if item in cuts]
    parts = [first, [item for item in items if item not in first]]
    return [take_part(entry, part, "events") for part in parts if part] if first else [entry]


def some_blocks():
    items = st.one_of(st.none(), st.integers(1, 4))
    return st.lists(st.lists(items, max_size=3 * FEW_RECORDS), max_size=4)


@given(blocks=some_blocks(), cuts=st.lists(st.integers(0, 100), max_size=5), most=st.integers(0, 60), data=st.data())
def test_notes_are_the_same_as_those_of_events_signed_again(blocks, cuts, most, data):
    """In any order, however batches are cut, whatever was dropped, and if lines are read twice."""
    records, number = [], 0
    for block in blocks:
        records.append([])
        for items in block:
            number += 1
            fields = {"status": "REVERSED"} if number % 11 == 0 else {"note": "é"} if number % 13 == 0 else {}
            records[-1].append(None if items is None else bought(number, items, **fields))
    recent = RecentSigns(most)
    if data.draw(st.booleans()):
        read(recent, records[:1])  # for a canary
    parts = data.draw(st.permutations(list(cut(read(recent, records), cuts))))
    parts += cut(read(recent, records, source=1), cuts)
    kept, again = PurchaseNotes(SALT, recent), PurchaseNotes(SALT)
    assert [kept.of([part]) for part in parts] == [again.of([part]) for part in parts]
    assert kept.of(parts) == again.of(parts)


def test_what_was_accepted_is_kept_no_longer():
    """Taken in parts, in any order, then gone."""
    recent = RecentSigns()
    (run,) = read(recent, [[bought(number, 2) for number in range(20)]])
    assert recent.take(run.part(15, 20)).purchases == [
        f"p-{number}-{item}" for number in range(15, 20) for item in (0, 1)
    ]
    assert recent.take(run.part(0, 15)).purchases[:3] == ["p-0-0", "p-0-1", "p-1-0"]
    assert recent.take(run.part(0, 15)) is None
    assert recent.kept == 0


def test_a_divided_record_is_kept_until_all_its_parts_were_accepted():
    """The part of a record has the signs of its items, in their order."""
    recent = RecentSigns()
    (run,) = read(recent, [[bought(number, 4) for number in range(10)]])
    parts = [take_part(run.entry(9), items, "events") for items in ((1, 3), (0,), (2,))]
    assert [recent.take(each).purchases for each in (parts[0], parts[1])] == [["p-9-1", "p-9-3"], ["p-9-0"]]
    assert len(recent.take(run.part(0, 9)).purchases) == 36
    assert recent.kept == 40
    assert recent.take(parts[2]).purchases == ["p-9-2"]
    assert (recent.kept, recent.take(parts[2])) == (0, None)


def test_what_is_kept_is_bounded():
    """The last ones are kept; a short run is not kept at all."""
    recent = RecentSigns(most_items=100)
    blocks = [[bought(20 * block + number, 2) for number in range(20)] for block in range(5)]
    found = [run for block in range(5) for run in read(recent, blocks[block : block + 1], line=1 + 20 * block)]
    assert recent.kept == 80
    assert [recent.take(run) is not None for run in found] == [False, False, False, True, True]
    few = RecentSigns()
    (run,) = read(few, [[bought(number, 1) for number in range(FEW_RECORDS - 1)]])
    assert (few.kept, few.take(run)) == (0, None)


def test_other_sources_and_lines_have_other_signs():
    """Nothing is found of lines that were not read, or that go on beyond a run."""
    recent = RecentSigns()
    (run,) = read(recent, [[bought(number, 1) for number in range(10)]], line=5)
    (other,) = read(RecentSigns(), [[bought(number, 1) for number in range(10)]], line=6)
    (before,) = read(RecentSigns(), [[bought(number, 1) for number in range(10)]], line=1)
    (elsewhere,) = read(RecentSigns(), [[bought(number, 1) for number in range(10)]], source=1, line=5)
    assert [recent.take(each) for each in (other, before, elsewhere)] == [None, None, None]
    assert recent.take(run) is not None


def test_runs_of_one_block_have_signs_of_their_own():
    """A faulty line is between them."""
    recent = RecentSigns()
    good = [bought(number, 2) for number in range(20)]
    first, second = read(recent, [[*good[:10], None, *good[10:]]])
    assert recent.take(second).purchases == [f"p-{number}-{item}" for number in range(10, 20) for item in (0, 1)]
    assert recent.take(first).purchases == [f"p-{number}-{item}" for number in range(10) for item in (0, 1)]
