"""The laws of the ledger: after every step its figures close, and the checkpoint is the lowest open line."""

from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.accounting.ledger import Ledger
from masivo_stream.core.accounting.missing import MissingCustomers, hash_customer
from masivo_stream.core.packing.pack import Packer
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import ValidatedBlock
from masivo_stream.model.progress import Resume
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Blank, Entry, Position, Skipped, reject_entry

SALT = b"salt"
LENGTH = 10


def make_ledger(kind=Kind.EVENTS, resume=None, missing=None, max_body_bytes=150):
    packer = Packer(CONTRACTS[kind], max_body_bytes=max_body_bytes, look_ahead=1)
    return Ledger(kind, resume or Resume(), packer, missing or MissingCustomers(salt=SALT))


def entry(line, customer=None):
    body = b'{"id":"%d","events":[1]}' % line
    return Entry(
        file="f", line=line, offset=LENGTH * (line - 1), length=LENGTH, body=body, customer=customer or str(line),
        items=1, record_items=1,
    )  # fmt: skip


def other(what, line):
    """Return the result of a line that is no entry."""
    place = {"file": "f", "line": line, "offset": LENGTH * (line - 1)}
    match what:
        case "rejected":
            return reject_entry(entry(line), Reason.WRONG_TYPE, "a word")
        case "skipped":
            return Skipped(**place, reason=SkipReason.CUSTOMER_DELETED, items=1)
        case "blank":
            return Blank(line)


def read(ledger, results, following):
    """Take up a block; `following` is the line after it."""
    block = ValidatedBlock(results, 0, Position(0, following, LENGTH * (following - 1)), 0)
    ledger.take_up(block, ledger.sort(block))


def take_progress(ledger):
    return ledger.progress(seconds=0.0, dead_letters=(0, 0), skipped=(0, 0))


class Model:
    """A ledger and what it should know, line by line."""

    def __init__(self, ledger):
        self.ledger, self.open, self.batches, self.read = ledger, set(), [], 0
        self.outcomes = {"accepted": 0, "dead": 0, "in_doubt": 0, "skipped": 0, "blank": 0}

    def read_block(self, kinds):
        results = []
        for line, what in enumerate(kinds, self.read + 1):
            if what == "entry":
                results.append(entry(line))
                self.open.add(line)
            else:
                results.append(other(what, line))
                self.outcomes["dead" if what == "rejected" else what] += 1
        self.read += len(kinds)
        read(self.ledger, results, self.read + 1)

    def pack(self, *, everything):
        packed = self.ledger.flush() if everything else self.ledger.pack()
        assert packed.too_large == []
        self.batches += packed.batches

    def settle(self, batch, how, of):
        entries = batch.entries
        match how:
            case "accept":
                self.ledger.accept(batch)
                self.close(entries, "accepted")
            case "doubt":
                self.ledger.doubt(batch)
                self.close(entries, "in_doubt")
            case "repack":
                self.ledger.repack(entries)
            case "isolate":
                bad, *good = entries[of % len(entries) :] + entries[: of % len(entries)]
                self.ledger.to_dead_letter(bad, reject_entry(bad, Reason.REFUSED, "no"))
                self.close([bad], "dead")
                if good:
                    self.ledger.repack(good)
        self.ledger.done_with(batch)

    def close(self, entries, outcome):
        self.open -= {each.line for each in entries}
        self.outcomes[outcome] += len(entries)

    def check(self):
        summary = self.ledger.summary(0.0)
        assert summary.closes
        assert {name: getattr(summary, name) for name in self.outcomes} == self.outcomes
        assert (summary.read, summary.pending) == (self.read, len(self.open))
        progress = take_progress(self.ledger)
        assert progress.checkpoint.line == min(self.open, default=self.read + 1)
        assert progress.read_position.line == self.read + 1 or not self.read
        return progress


LINES = st.lists(st.sampled_from(["entry", "entry", "entry", "rejected", "skipped", "blank"]), min_size=1, max_size=8)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), LINES),
        st.tuples(st.sampled_from(["pack", "flush", "shrink"]), st.just(())),
        st.tuples(st.sampled_from(["accept", "doubt", "repack", "isolate"]), st.integers(0, 20)),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(STEPS)
def test_figures_add_up_and_the_checkpoint_is_the_lowest_open_line(steps):
    """Whatever is read, packed and settled, in any order."""
    model, dead = Model(make_ledger()), []
    for what, how in steps:
        match what:
            case "read":
                model.read_block(how)
            case "pack" | "flush":
                model.pack(everything=what == "flush")
            case "shrink":
                model.ledger.shrink(100)
            case _ if model.batches:
                model.settle(model.batches.pop(how % len(model.batches)), what, how)
        dead += model.check().dead
    assert len(dead) == model.outcomes["dead"]  # each is handed out once


def test_only_open_entries_are_taken_up_after_a_restart():
    """Lines of an earlier process are not counted again, and hold the checkpoint until they are reached."""
    first = Model(make_ledger())
    first.read_block(["entry", "rejected", "entry", "entry"])
    first.pack(everything=False)
    first.pack(everything=True)
    (batch,) = first.batches
    gone = batch.entries[1]
    first.ledger.to_dead_letter(gone, reject_entry(gone, Reason.REFUSED, "no"))
    kept = take_progress(first.ledger)
    covered = {(0, row.line): None for row in kept.dead}
    resume = Resume(
        start=kept.checkpoint, read_position=kept.read_position, figures=kept.figures, covered=covered,
        consumed={number: known for number, *known in kept.consumed},
    )  # fmt: skip
    second = make_ledger(resume=resume)
    assert second.summary(0.0).pending == 2
    read(second, [entry(1), other("rejected", 2)], 3)
    assert take_progress(second).checkpoint == Position(0, 1, 0)
    (*_, packed) = (*second.pack().batches, *second.flush().batches)
    second.accept(packed)
    second.done_with(packed)
    assert take_progress(second).checkpoint == Position(0, 3, 20)  # that far it has caught up
    read(second, [entry(3), entry(4), entry(5)], 6)
    assert [each.line for each in second._to_pack] == [4, 5]
    figures = second.summary(0.0)
    assert (figures.read, figures.accepted, figures.dead, figures.pending, figures.closes) == (5, 1, 2, 2, True)


def test_an_unknown_customer_holds_back_later_records():
    """If an event is refused because the account lacks its customer, later ones of that customer are not sent."""
    ledger = make_ledger()
    read(ledger, [entry(1, "c")], 2)
    ledger.pack()
    (batch,) = ledger.flush().batches
    ledger.to_dead_letter(batch.entries[0], reject_entry(batch.entries[0], Reason.REFUSED, "no"), missing=True)
    read(ledger, [entry(2, "c"), entry(3, "d")], 4)
    assert ledger.summary(0.0).reasons == {"refused": 1, "customer_not_migrated": 1}
    assert [row.customer for row in take_progress(ledger).dead] == [hash_customer("c", SALT), None]


def test_an_entry_too_large_for_any_request_is_handed_over_alone():
    """It is in a batch of its own, holds the checkpoint, and is pending until it is a dead letter."""
    ledger = make_ledger(Kind.CUSTOMERS, max_body_bytes=30)
    read(ledger, [entry(1)], 2)
    packed = ledger.pack()
    ((large, batch),) = packed.too_large
    assert packed.batches == []
    assert (ledger.summary(0.0).pending, take_progress(ledger).checkpoint.line) == (1, 1)
    ledger.to_dead_letter(large.entry, reject_entry(large.entry, Reason.TOO_LARGE, "no"))
    ledger.done_with(batch)
    assert (ledger.summary(0.0).pending, take_progress(ledger).checkpoint.line) == (0, 2)
