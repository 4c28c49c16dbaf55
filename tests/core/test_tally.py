from collections import Counter

import msgspec
import pytest
from core.made import entry, in_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.accounting.tally import RecordOutcome, Tally
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Death, Entry, LineResult, Rejected, Retried, Skipped, reject_entry

EVENTS = CONTRACTS[Kind.EVENTS]
WHOLE = entry(Kind.EVENTS)

outcomes = st.sampled_from(list(RecordOutcome))


def record(line: int, items: int, skipped: int = 0) -> Entry:
    return msgspec.structs.replace(WHOLE, line=line, items=items, record_items=items, skipped_items=skipped)


def parts(whole: Entry, sizes: list[int]) -> list[Entry]:
    """Cut an entry into parts of these sizes, the rest in one."""
    made, start = [], 0
    for size in [*sizes, whole.items]:
        end = min(start + size, whole.items)
        if end > start:
            made.append(msgspec.structs.replace(whole, items=end - start, indexes=tuple(range(start, end))))
        start = end
    return made


def rejected(line: int, items: int, reason: Reason) -> Rejected:
    return Rejected(
        file="f", line=line, offset=0, length=1, reason=reason, field="", message="m", raw=b"x", item_count=items
    )


@st.composite
def results_of_lines(draw: st.DrawFn) -> list[LineResult]:
    made: list[LineResult] = []
    for line in range(1, draw(st.integers(0, 12)) + 1):
        items = draw(st.integers(1, 9))
        match draw(st.sampled_from(["entry", "entry", "rejected", "skipped", "blank"])):
            case "entry":
                made.append(record(line, items, draw(st.integers(0, 2))))
            case "rejected":
                made.append(rejected(line, draw(st.integers(0, 9)), draw(st.sampled_from(list(Reason)))))
            case "skipped":
                made.append(
                    Skipped(file="f", line=line, offset=0, reason=draw(st.sampled_from(list(SkipReason))), items=items)
                )
            case _:
                made.append(Blank(line))
    return made


@pytest.mark.slow
@given(results_of_lines())
def test_a_block_counts_like_its_lines(lines):
    """Counted a block at a time or a line at a time, the figures are the same."""
    by_line, by_block = Tally(EVENTS), Tally(EVENTS)
    for result in lines:
        by_line.validated(result)
    for found in in_runs(lines):
        by_block.validated(found)
    assert by_block.figures(seconds=0) == by_line.figures(seconds=0)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(results_of_lines(), st.data())
def test_the_figures_add_up_after_every_step(lines, data):
    """Validate lines and settle parts of records in any order: at any time everything read is accounted for, once."""
    tally, waiting, worst = Tally(EVENTS), [], {}
    items, letters = Counter(), Counter()
    todo = list(lines)
    while todo or waiting:
        if todo and (not waiting or data.draw(st.booleans())):
            result = todo.pop(0)
            tally.validated(result)
            if isinstance(result, Entry):
                waiting += parts(result, data.draw(st.lists(st.integers(1, 4), max_size=3)))
        else:
            part = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            outcome = data.draw(outcomes)
            worst[part.line] = max(worst.get(part.line, RecordOutcome.ACCEPTED), outcome)
            items[outcome] += part.items
            reason = data.draw(st.sampled_from(list(Reason))) if outcome is RecordOutcome.DEAD else None
            letters[reason] += reason is not None
            tally.settled([part], outcome, reason)
        assert tally.summary(waiting, seconds=1.0).closes
    records, figures = Counter(worst.values()), tally.summary([], seconds=1.0)
    refused = [line for line in lines if isinstance(line, Rejected)]
    assert all(parted.open_items == 0 for parted in tally._parted.values())
    assert figures.read == len(lines)
    assert figures.blank == sum(isinstance(line, Blank) for line in lines)
    assert figures.skipped == sum(isinstance(line, Skipped) for line in lines)
    assert (figures.accepted, figures.in_doubt) == (records[RecordOutcome.ACCEPTED], records[RecordOutcome.IN_DOUBT])
    assert figures.dead == records[RecordOutcome.DEAD] + len(refused)
    assert (figures.items_accepted, figures.items_in_doubt) == (
        items[RecordOutcome.ACCEPTED],
        items[RecordOutcome.IN_DOUBT],
    )
    assert figures.items_dead == items[RecordOutcome.DEAD] + sum(line.item_count for line in refused)
    assert figures.skip_reasons == Counter(line.reason for line in lines if isinstance(line, Skipped))
    assert figures.reasons == +letters + Counter(line.reason for line in refused)


@given(results_of_lines(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(lines, chance):
    """The same results and outcomes in another order give the same figures."""
    shuffled = list(lines)
    chance.shuffle(shuffled)
    figures = []
    for order in (lines, shuffled):
        tally = Tally(EVENTS)
        for result in order:
            tally.validated(result)
            if isinstance(result, Entry):
                tally.settled(parts(result, [2]), RecordOutcome(result.line % len(RecordOutcome)))
        figures.append(tally.summary([], seconds=1.0))
    assert figures[0] == figures[1]


@given(st.lists(outcomes, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_a_record_in_parts_has_the_worst_outcome_of_its_parts(outcomes_of_parts, chance):
    """Until its last part is settled a record is pending; then in doubt beats dead beats accepted."""
    whole = record(1, len(outcomes_of_parts))
    settling = list(zip(parts(whole, [1] * whole.items), outcomes_of_parts, strict=True))
    chance.shuffle(settling)
    tally = Tally(EVENTS)
    tally.validated(whole)
    while settling:
        figures = tally.summary([part for part, _ in settling], seconds=0.0)
        assert (figures.pending, figures.accepted, figures.dead, figures.in_doubt) == (1, 0, 0, 0)
        part, outcome = settling.pop()
        tally.settled([part], outcome)
    figures = tally.summary([], seconds=0.0)
    counted = {
        RecordOutcome.ACCEPTED: figures.accepted,
        RecordOutcome.DEAD: figures.dead,
        RecordOutcome.IN_DOUBT: figures.in_doubt,
    }
    assert counted == {outcome: int(outcome is max(outcomes_of_parts)) for outcome in RecordOutcome}


def test_parts_of_equal_lines_of_two_files_are_two_records():
    """A record is known by file and line."""
    tally = Tally(EVENTS)
    for name in ("a", "b"):
        whole = msgspec.structs.replace(record(1, 2), file=name)
        tally.validated(whole)
        tally.settled(parts(whole, [1])[:1], RecordOutcome.ACCEPTED)
    waiting = [msgspec.structs.replace(record(1, 2), file=name, items=1) for name in ("a", "b")]
    assert tally.summary(waiting, seconds=0.0).closes
    tally.settled(waiting, RecordOutcome.DEAD)
    assert tally.summary([], seconds=0.0).dead == 2


def test_the_figures_do_not_add_up_if_an_entry_is_lost():
    """What no holder lists as waiting is missed: the figures are no tautology."""
    tally = Tally(EVENTS)
    tally.validated(record(1, 2))
    assert not tally.summary([], seconds=0.0).closes
    assert not tally.summary_with_pending(records=1, items=1, seconds=0.0).closes
    assert tally.summary_with_pending(records=1, items=2, seconds=0.0).closes


def test_requests_are_compared_with_their_lower_bound():
    """The lower bound counts what is sendable; requests, bytes and 429s are what departed."""
    tally = Tally(EVENTS)
    for result in (record(1, 999, skipped=1500), record(2, 2), rejected(3, 5000, Reason.WRONG_TYPE)):
        tally.validated(result)
    for size in (10, 20, 30):
        tally.sent(size)
    tally.throttled()
    figures = tally.summary([], seconds=2.5)
    assert (figures.requests, figures.bytes_sent, figures.throttled, figures.seconds) == (3, 60, 1, 2.5)
    assert figures.requests_lower_bound == 2


def test_the_most_frequent_reason_comes_first():
    """Reasons come in the order a reader wants them."""
    tally = Tally(EVENTS)
    for line, reason in enumerate([Reason.NO_ITEMS, Reason.WRONG_TYPE, Reason.WRONG_TYPE]):
        tally.validated(rejected(line, 0, reason))
    tally.settled([record(9, 1)], RecordOutcome.DEAD, Reason.REFUSED)
    assert next(iter(tally.summary([], seconds=0.0).reasons.items())) == (Reason.WRONG_TYPE, 2)
    assert tally.summary([], seconds=0.0).reasons[Reason.REFUSED] == 1


def again(row: Entry, *, whole: bool, validated: bool, reason: str) -> Retried:
    """Return what is known of a dead letter that is tried again."""
    died = Death(at="", reason=reason, field="", message="", status=None, batch=None)
    file, line = row.record  # in the export: a dead letter of a dead letter names no copy
    return Retried(
        row=1,
        source=0,
        file=file,
        line=line,
        offset=0,
        length=1,
        items=row.indexes,
        count=row.items,
        whole=whole,
        validated=validated,
        customer=None,
        earlier=(died,),
    )


def corrected(old: Retried, items: int, line: int) -> Entry:
    """Return the entry that a corrected dead letter makes, read from a copy's line."""
    return msgspec.structs.replace(WHOLE, file="copy", line=line, items=items, record_items=items, retried=old)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(results_of_lines(), st.data())
def test_the_figures_add_up_while_outcomes_change(lines, data):
    """Doubts are decided, dead letters tried again, in any order: every record counts once, under what it is now."""
    tally, doubts, letters = Tally(EVENTS), [], []
    for line in lines:
        settle_somehow(tally, line, letters, doubts, data)
    copied = 0
    for _ in range(data.draw(st.integers(0, 8))):
        if doubts and data.draw(st.booleans()):
            part = doubts.pop()
            outcome = data.draw(st.sampled_from([RecordOutcome.ACCEPTED, RecordOutcome.DEAD]))
            tally.moved(
                [part], RecordOutcome.IN_DOUBT, outcome, Reason.DISCARDED if outcome is RecordOutcome.DEAD else None
            )
            if outcome is RecordOutcome.DEAD:
                letters.append(again(part, whole=part.whole, validated=False, reason=Reason.DISCARDED))
        elif letters:
            copied += 1
            old = letters.pop(data.draw(st.integers(0, len(letters) - 1)))
            try_again(tally, old, copied, letters, doubts, data)
        assert tally.summary([], seconds=1.0).closes
    figures = tally.summary([], seconds=1.0)
    assert figures.read == len(lines)
    assert sum(figures.reasons.values()) == len(letters)
    assert figures.dead <= len(letters)
    assert (figures.in_doubt == 0) == (not doubts)
    assert Tally(EVENTS, tally.figures(seconds=0.0)).summary([], seconds=1.0) == figures


def settle_somehow(tally, line, letters, doubts, data):
    """Count a line, and give each part that is to be sent an outcome."""
    tally.validated(line)
    if isinstance(line, Rejected):
        row = record(line.line, line.item_count)
        letters.append(again(row, whole=True, validated=True, reason=line.reason))
    if not isinstance(line, Entry):
        return
    for part in parts(line, data.draw(st.lists(st.integers(1, 3), max_size=3))):
        outcome = data.draw(outcomes)
        tally.settled([part], outcome, Reason.REFUSED if outcome is RecordOutcome.DEAD else None)
        if outcome is RecordOutcome.IN_DOUBT:
            doubts.append(part)
        elif outcome is RecordOutcome.DEAD:
            letters.append(again(part, whole=part.whole, validated=False, reason=Reason.REFUSED))


def try_again(tally, old, line, letters, doubts, data):
    """Count a dead letter again; what is sent gets an outcome at once."""
    match data.draw(st.sampled_from(["entry", "rejected", "skipped"])):
        case "entry":
            entry = corrected(old, data.draw(st.integers(1, 4)), line)
            tally.revalidated(old, entry)
            assert tally.summary([entry], seconds=1.0).closes
            outcome = data.draw(outcomes)
            tally.settled([entry], outcome, Reason.REFUSED if outcome is RecordOutcome.DEAD else None)
            if outcome is RecordOutcome.IN_DOUBT:
                doubts.append(entry)
            elif outcome is RecordOutcome.DEAD:
                row = msgspec.structs.replace(entry, file=old.file, line=old.line, retried=None)
                letters.append(again(row, whole=old.whole, validated=False, reason=Reason.REFUSED))
        case "rejected":
            count = data.draw(st.integers(0, 3))
            died = msgspec.structs.replace(rejected(line, count, Reason.WRONG_TYPE), retried=old)
            tally.revalidated(old, died)
            row = msgspec.structs.replace(record(old.line, count), file=old.file)
            letters.append(again(row, whole=old.whole, validated=True, reason=Reason.WRONG_TYPE))
        case _:
            skip = Skipped(file="copy", line=line, offset=0, reason=SkipReason.REVERSED_EVENT, items=2, retried=old)
            tally.revalidated(old, skip)


def test_a_corrected_part_corrects_its_record():
    """Two parts of a record accepted, one dead; tried again and accepted, the record is accepted."""
    tally, whole = Tally(EVENTS), record(1, 3)
    tally.validated(whole)
    first, second, third = parts(whole, [1, 1])
    tally.settled([first, second], RecordOutcome.ACCEPTED)
    tally.settled([third], RecordOutcome.DEAD, Reason.REFUSED)
    assert tally.summary([], seconds=0).dead == 1
    entry = corrected(again(third, whole=False, validated=False, reason=Reason.REFUSED), 2, 1)
    tally.revalidated(entry.retried, entry)
    figures = tally.summary([entry], seconds=0)
    assert (figures.dead, figures.pending, figures.items_pending, figures.items_read) == (0, 1, 2, 4)
    tally.settled([entry], RecordOutcome.ACCEPTED)
    figures = tally.summary([], seconds=0)
    assert (figures.read, figures.accepted, figures.items_accepted, figures.reasons) == (1, 1, 4, {})


def test_items_that_are_skipped_count_for_a_record_that_is_held_back():
    """Its other items are dead; these are still read and skipped."""
    tally = Tally(CONTRACTS[Kind.EVENTS])
    tally.validated(
        reject_entry(record(1, items=3, skipped=2), Reason.CUSTOMER_NOT_MIGRATED, "its customer did not arrive")
    )
    figures = tally.summary([], seconds=0)
    assert (figures.items_read, figures.items_dead, figures.items_skipped) == (5, 3, 2)
    assert figures.closes


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(results_of_lines(), st.data())
def test_a_reverted_record_that_is_sent_again_counts_as_before(lines, data):
    """Of a record in parts all that was accepted comes again as one; in between the figures close."""
    tally, taken = Tally(EVENTS), []
    for line in lines:
        tally.validated(line)
        settled = {}
        for part in parts(line, data.draw(st.lists(st.integers(1, 3), max_size=3))) if isinstance(line, Entry) else ():
            outcome = data.draw(outcomes)
            tally.settled([part], outcome, Reason.REFUSED if outcome is RecordOutcome.DEAD else None)
            settled.setdefault(outcome, []).extend(part.indexes)
        if accepted := settled.get(RecordOutcome.ACCEPTED):
            taken.append(msgspec.structs.replace(line, items=len(accepted), indexes=tuple(accepted)))
    before = tally.summary([], seconds=1.0)
    for part in taken:
        tally.taken_back(part, Reason.TAKEN_BACK)
        assert tally.summary([], seconds=1.0).closes
    figures = tally.summary([], seconds=1.0)
    assert (figures.accepted, figures.items_accepted) == (0, 0)
    assert figures.reasons.get(Reason.TAKEN_BACK, 0) == before.reasons.get(Reason.TAKEN_BACK, 0) + len(taken)
    tally = Tally(EVENTS, tally.figures(seconds=0.0))
    for number, part in enumerate(taken, 1):
        old = again(part, whole=part.whole, validated=False, reason=Reason.TAKEN_BACK)
        entry = corrected(old, part.items, number)
        tally.revalidated(old, entry)
        tally.settled([entry], RecordOutcome.ACCEPTED)
        assert tally.summary([], seconds=1.0).closes
    assert tally.summary([], seconds=1.0) == before


@pytest.mark.slow
@given(st.integers(2, 9), st.data())
def test_parts_of_a_record_may_be_reverted_one_after_the_other(items, data):
    """Of a record that was accepted in several batches, each part has another position."""
    tally, whole = Tally(EVENTS), record(1, items)
    tally.validated(whole)
    found = parts(whole, data.draw(st.lists(st.integers(1, 4), max_size=4)))
    for part in found:
        tally.settled([part], RecordOutcome.ACCEPTED)
    before = tally.summary([], seconds=1.0)
    for part in found:
        tally.taken_back(part, Reason.TAKEN_BACK)
        figures = tally.summary([], seconds=1.0)
        assert (figures.closes, figures.dead, figures.accepted) == (True, 1, 0)
    for number, part in enumerate(found, 1):
        old = again(part, whole=part.whole, validated=False, reason=Reason.TAKEN_BACK)
        entry = corrected(old, part.items, number)
        tally.revalidated(old, entry)
        tally.settled([entry], RecordOutcome.ACCEPTED)
    assert tally.summary([], seconds=1.0) == before
