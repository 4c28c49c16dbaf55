"""Exactly the lines and events that findings name are held back, whatever blocks, runs and marks there are."""

from collections import Counter
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.checks.hold import MOST_LINES, lines_to_hold
from masivo_stream.core.reading.hold_back import hold_back
from masivo_stream.core.reading.sort_lines import Absence, LineSorter
from masivo_stream.model.entries import EntryRun, one_by_one
from masivo_stream.model.findings import HELD_AS, HELD_ITEMS, CheckName, ExportFault, HeldLine, LinePlace, RewardSums
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Rejected, Retried, Skipped, reject_entry

FILE = "export.ndjson"
HOLDING = [*HELD_AS, *HELD_ITEMS]

held_lines = st.lists(
    st.builds(
        lambda line, check, item, words: HeldLine(
            line=line, check=check, item=item if check in HELD_ITEMS else None, message=words
        ),
        st.integers(1, 12),
        st.sampled_from(HOLDING),
        st.integers(0, 4),
        st.sampled_from(["a:1", "b:2"]),
    ),
    max_size=8,
)


def body(line, items):
    events = ",".join(f'{{"order":{{"purchase_id":"p{line}-{index}"}}}}' for index in range(items))
    return f'{{"id":"c{line}","events":[{events}]}}'.encode()


def run_of(first, sizes):
    """Return lines that follow one another, each with this number of events."""
    bodies = [body(first + index, items) for index, items in enumerate(sizes)]
    return EntryRun(
        file=FILE,
        source=0,
        line=first,
        bodies=bodies,
        offsets=[100 * (first + index) for index in range(len(sizes))],
        customers=[f"c{first + index}" for index in range(len(sizes))],
        items=list(sizes),
    )


@st.composite
def blocks(draw):
    """Lines 1 to at most 12 in order: runs, single entries, rejected, skipped and blank ones."""
    found, line = [], 1
    while line <= 12 and draw(st.booleans()) | (line == 1):
        sort = draw(st.sampled_from(["run", "run", "entry", "rejected", "duplicate", "skipped", "blank"]))
        if sort == "run":
            sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
            found.append(run_of(line, sizes))
            line += len(sizes)
            continue
        entry = run_of(line, [draw(st.integers(1, 5))]).entry(0)
        match sort:
            case "entry":
                found.append(entry)
            case "rejected":
                found.append(reject_entry(entry, Reason.MISSING_FIELD, "it lacks a field"))
            case "duplicate":
                found.append(reject_entry(entry, Reason.DUPLICATE_ID, "an earlier line has it"))
            case "skipped":
                reason = SkipReason.DELETED_CUSTOMER
                found.append(Skipped(file=FILE, line=line, offset=0, reason=reason, items=1))
            case "blank":
                found.append(Blank(line))
        line += 1
    return found


def finder(held):
    """Return a look-up that also checks that it is asked about one file, in order."""

    def find(file, first, last):
        assert (file, first <= last) == (FILE, True)
        return {
            line: [each for each in held if each.line == line]
            for line in range(first, last + 1)
            if any(each.line == line for each in held)
        }

    return find


def wanted(result, held):
    """Return what must become of one line: a reason, or the events that came before."""
    of_line = [each for each in held if each.line == result.line]
    checks = [check for check in HELD_AS if any(each.check is check for each in of_line)]
    if isinstance(result, Rejected):
        better = [check for check in checks if check in (CheckName.DUPLICATE_ID, CheckName.SPLIT_TRANSACTIONS)]
        return HELD_AS[better[0]] if better and result.reason is Reason.DUPLICATE_ID else result.reason
    if not isinstance(result, Entry):
        return None
    if checks:
        return HELD_AS[checks[0]]
    items = range(result.items)
    same = {each.item for each in of_line if each.check is CheckName.DUPLICATE_EVENT and each.item in items}
    alike = {each.item for each in of_line if each.check is CheckName.DUPLICATE_PURCHASE and each.item in items}
    return tuple(sorted(same)), tuple(sorted(alike - same))


@given(blocks(), held_lines)
def test_exactly_the_records_of_findings_are_held_back(block, held):
    """Line by line, as a person would decide; every other line stays as it is, in its place."""
    before = list(one_by_one(block))
    after = list(one_by_one(hold_back(block, finder(held)).results))
    assert [each.line for each in after] == [each.line for each in before]
    for old, new in zip(before, after, strict=True):
        expected = wanted(old, held)
        if isinstance(new, Entry):
            assert (new.same, new.alike) == expected
            assert msgspec.structs.replace(new, same=(), alike=()) == old
        elif isinstance(new, Rejected):
            assert new.reason is expected
            raw, items = (old.raw, old.item_count) if isinstance(old, Rejected) else (old.body, old.items)
            assert (new.raw, new.item_count, new.offset) == (raw, items, old.offset)
        else:
            assert new is old


@given(blocks(), held_lines, st.sampled_from(["auto", "reject", "warn", "allow"]), st.sets(st.integers(1, 12)))
def test_no_record_is_lost_or_doubled(block, held, purchase, gone):
    """Of every entry each item is packed or in one dead letter, or the customer's record is skipped."""

    def why(customer):
        return Absence.GONE if int(customer[1:]) in gone else None

    lines = LineSorter(purchase, finder(held)).sort(block, why)
    seen = Counter()
    for each in one_by_one(lines.to_pack):
        seen.update((each.line, index) for index in each.indexes or range(each.items))
    for letter, part in lines.dead_letters:
        items = part.indexes if part is not None else letter.items or range(letter.item_count)
        seen.update((letter.line, index) for index in items)
    for each in lines.results:
        if isinstance(each, Skipped):
            seen.update((each.line, index) for index in range(each.items))
    expected = Counter()
    for each in one_by_one(block):
        if not isinstance(each, Blank):
            count = each.item_count if isinstance(each, Rejected) else each.items
            expected.update((each.line, index) for index in range(count))
    assert seen == expected


def test_a_block_without_findings_is_unchanged():
    """No line is opened or copied."""
    block = [run_of(1, [1, 2]), Blank(3), run_of(4, [1]).entry(0)]
    assert hold_back(block, lambda *_: {}).results is block
    assert list(hold_back([Blank(1)], lambda *_: pytest.fail("nothing to ask")).results) == [Blank(1)]


def test_only_the_line_concerned_is_opened():
    """What is before and after it stays together."""
    held = [HeldLine(line=3, check=CheckName.UNKNOWN_CUSTOMER, message="m")]
    before, letter, after = hold_back([run_of(1, [1] * 6)], finder(held)).results
    assert (len(before), letter.line, len(after), after.line) == (2, 3, 3, 4)


def test_an_event_that_came_before_names_the_first_place():
    """In the message of its dead letter, which holds it alone."""
    held = [HeldLine(line=1, check=CheckName.DUPLICATE_EVENT, item=1, message="first.ndjson:7")]
    lines = LineSorter("auto", finder(held)).sort([run_of(1, [3]).entry(0)], None)
    ((letter, part),) = lines.dead_letters
    assert letter.message.endswith(": first.ndjson:7")
    assert (letter.items, part.indexes, letter.field) == ((1,), (1,), "events[1].order.purchase_id")
    (rest,) = lines.to_pack
    assert rest.indexes == (0, 2)


def test_a_reversed_event_is_not_counted_twice():
    """An event that is skipped anyway cannot be a dead letter, too."""
    entry = msgspec.structs.replace(run_of(1, [2]).entry(0), indexes=(0, 2), skipped_items=1)
    held = [HeldLine(line=1, check=CheckName.DUPLICATE_EVENT, item=item, message="m") for item in (1, 2)]
    (marked,) = hold_back([entry], finder(held)).results
    assert marked.same == (2,)


def test_a_retried_dead_letter_is_not_held_back():
    """A person has corrected it, even if its copy has the name of an export."""
    old = Retried(
        row=1, source=0, file=FILE, line=1, offset=0, length=1, items=None, count=1, whole=True, validated=True,
        customer=None, earlier=(),
    )  # fmt: skip
    entry = msgspec.structs.replace(run_of(1, [1]).entry(0), retried=old)
    held = [HeldLine(line=1, check=check, item=None, message="m") for check in HELD_AS]
    for result in (entry, reject_entry(entry, Reason.DUPLICATE_ID, "m")):
        assert list(hold_back([result], finder(held)).results) == [result]


def test_a_dead_letter_lists_every_finding_of_its_line():
    """A customer's rewards, and other findings of the line: the first one is the reason."""
    held = [
        HeldLine(line=1, check=CheckName.BALANCE_MISMATCH, message="reward a"),
        HeldLine(line=1, check=CheckName.BALANCE_MISMATCH, message="reward b"),
        HeldLine(line=1, check=CheckName.SPLIT_TRANSACTIONS, message="lines"),
        HeldLine(line=1, check=CheckName.SPLIT_TRANSACTIONS, message="lines"),
    ]
    (letter,) = hold_back([run_of(1, [1]).entry(0)], finder(held)).results
    assert (letter.reason, letter.message) == (Reason.SPLIT_TRANSACTIONS, "lines")
    assert [(each.reason, each.message) for each in letter.faults] == [
        ("split_transactions", "lines"),
        ("balance_mismatch", "reward a"),
        ("balance_mismatch", "reward b"),
    ]


def test_the_customer_of_a_duplicate_can_still_arrive():
    """The earlier record is sent, so nothing that belongs to this customer waits. With a second email it waits."""
    for check, customer in ((CheckName.DUPLICATE_ID, None), (CheckName.DUPLICATE_EMAIL, "c1")):
        (letter,) = hold_back([run_of(1, [1]).entry(0)], finder([HeldLine(line=1, check=check, message="m")])).results
        assert letter.customer == customer


# The lines that a finding holds back.


def place(line, source=0):
    return LinePlace(source, line, 0, 1)


SUMS = RewardSums(reward="r", balance=Decimal(10), transactions=Decimal(9), difference=Decimal(-1))


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        (ExportFault(CheckName.BALANCE_MISMATCH, place(5), (place(1), place(6), place(9)), SUMS), [5, 6, 9]),
        (ExportFault(CheckName.SPLIT_TRANSACTIONS, place(5), (place(2),), holds_first=True), [5, 2]),
        (ExportFault(CheckName.SPLIT_TRANSACTIONS, place(5), (place(2),)), [5]),
        (ExportFault(CheckName.UNKNOWN_CUSTOMER, place(5)), [5]),
        (ExportFault(CheckName.DUPLICATE_ID, place(5), (place(2),)), [5]),
        (ExportFault(CheckName.DUPLICATE_EMAIL, place(5), (place(2),)), [5]),
        (ExportFault(CheckName.DUPLICATE_EVENT, place(5), (place(2),), item=3), [5]),
        (ExportFault(CheckName.DUPLICATE_PURCHASE, place(5), (place(2),), item=0), [5]),
        (ExportFault(CheckName.EMAIL_CASE, place(5), (place(2),)), []),
        (ExportFault(CheckName.NO_BALANCE, place(5), (place(2), place(6)), SUMS), [5, 6]),
        (ExportFault(CheckName.NO_TRANSACTIONS, place(5), (), SUMS), []),
        (ExportFault(CheckName.CUSTOMER_DELETED, place(5)), []),
        (ExportFault(CheckName.CUSTOMER_NOT_MIGRATED, place(5)), []),
    ],
)
def test_each_finding_has_its_lines(fault, lines):
    """Those that the API would refuse, or that would count twice; a warning holds nothing back."""
    found = list(lines_to_hold(fault, lambda _: "file"))
    assert [each.line for _, each in found] == lines
    for _, each in found:
        beside = fault.check is CheckName.SPLIT_TRANSACTIONS and not fault.holds_first
        assert (each.check, each.item) == (CheckName.DUPLICATE_ID if beside else fault.check, fault.item)
        for other in fault.others:
            assert f"file:{other.line}" in each.message


def test_a_message_names_some_of_many_lines():
    """The first ones, and how many more there are."""
    others = tuple(place(line) for line in range(2, 60))
    fault = ExportFault(CheckName.BALANCE_MISMATCH, place(1), others, SUMS)
    message = next(lines_to_hold(fault, lambda _: "f"))[1].message
    assert "reward r: the transactions add up to 9 (f:1, f:3" in message
    assert f"and {58 - MOST_LINES} more" in message
    assert "the balance is 10 (f:2): a difference of -1" in message
