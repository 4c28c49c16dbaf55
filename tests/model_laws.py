"""The laws of the model test: journal, files, server and exports must agree.

Apart from the schema of the journal, nothing here uses the code under test: rows are read as they are.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing

import msgspec
from model_exports import take_apart

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.progress import Figures
from masivo_stream.model.results import Position

_place = msgspec.msgpack.Decoder(Position).decode
_figures = msgspec.msgpack.Decoder(Figures).decode
_consumed = msgspec.msgpack.Decoder(list[tuple[int, int, int, int]]).decode
_indexes = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_WORST = ("ACCEPTED", "DEAD", "IN_DOUBT")


def _file(name):
    return int(name.partition(".ndjson")[0][-1])


class Audit:
    """One kind's rows, read at a moment at which no process is alive."""

    def __init__(self, world, kind):
        self.world, self.kind = world, kind
        self.lines = world.exports.lines_in_order(kind)
        self.letters, self.doubts = world.files(kind)
        with closing(sqlite3.connect(world.state / "journal.db")) as journal:
            row = journal.execute(
                "SELECT read_position, checkpoint, figures, consumed, letters_bytes FROM progress WHERE kind = ?",
                (kind,),
            ).fetchone()
            self.states = dict(journal.execute("SELECT id, state FROM batches WHERE kind = ?", (kind,)).fetchall())
            dead = journal.execute("SELECT source, line, indexes, reason FROM dead WHERE kind = ?", (kind,)).fetchall()
            named = journal.execute("SELECT number, name, line FROM sources WHERE kind = ?", (kind,)).fetchall()
        # An input of the journal is a file, or the lines that were added to a file.
        self.file_of = {number: _file(name) for number, name, _ in named}
        self.begins = sorted(((_file(name), line, number) for number, name, line in named), reverse=True)
        self.dead = [
            (self.file_of[source], line, blob and _indexes(blob), reason) for source, line, blob, reason in dead
        ]
        self.begun = row is not None
        if row:
            self.read_position, self.checkpoint, self.figures = _place(row[0]), _place(row[1]), _figures(row[2])
            self.consumed = {}
            for number, offset, _, _ in _consumed(row[3]):
                file = self.file_of[number]
                self.consumed[file] = max(offset, self.consumed.get(file, 0))
            self.dead_letters_bytes = row[4]
        else:
            self.read_position = self.checkpoint = Position(0, 1, 0)
            self.figures, self.consumed, self.dead_letters_bytes = Figures(), {}, 0
        self.read = [line for line in self.lines if line.offset < self.consumed.get(line.source, 0)]
        self.by_place = {line.place: line for line in self.read}
        self.outcomes = self._outcomes()

    def _outcomes(self):
        """Return the outcomes of each item that has to be sent, by its name."""
        outcomes = defaultdict(list)
        for batch, state in self.states.items():
            if state in ("refused", "unanswered") or (state == "sending" and CONTRACTS[self.kind].repeatable):
                continue
            for key in self.keys_of(batch):
                outcomes[key].append(state)
        for source, number, indexes, _ in self.dead:
            line = self.by_place.get((source, number))
            assert line is not None, f"line {number} of {source} is dead before it was read"
            for index in line.travelling if indexes is None else indexes:
                outcomes[line.keys[index]].append("dead")
        return outcomes

    def keys_of(self, batch):
        """Return the names of a batch's items."""
        keys = []
        for source, number, indexes in self.world.noted[batch][1]:
            line = self.by_place.get((self.file_of[source], number))
            assert line is not None, f"batch {batch} holds line {number} of {source}, which was not read"
            keys.extend(line.keys[index] for index in (line.travelling if indexes is None else indexes))
        return keys

    def reading_place(self, line):
        """Return the journal's input and line for a line of an export."""
        source, number = line.place
        return next((found, number) for file, begin, found in self.begins if file == source and begin <= number)

    def keys(self, outcome):
        return {key for key, outcomes in self.outcomes.items() if outcome in outcomes}

    @property
    def pending(self):
        """Return the items read that have no outcome, by name, including what a dead process had in flight."""
        return {
            key
            for line in self.read
            for key in line.keys
            if key is not None and not set(self.outcomes[key]) - {"sending"}
        }


def hold(audit):
    """Check every law about one kind."""
    one_outcome_each(audit)
    figures_agree(audit)
    dead_letters_agree(audit)
    doubts_agree(audit)
    server_agrees(audit)
    reported_outcomes_are_noted(audit)


def one_outcome_each(audit):
    """Every item that was read has at most one outcome, and exactly one before the checkpoint."""
    for key, outcomes in audit.outcomes.items():
        assert len(outcomes) == 1, f"{key}: {outcomes}"
    dead_lines = Counter((source, number) for source, number, _, _ in audit.dead)
    for line in audit.read:
        if line.result == "faulty":
            assert dead_lines[line.place] == 1, f"{line} is dead {dead_lines[line.place]} times"
        if line.result in ("blank", "skipped"):
            assert dead_lines[line.place] == 0, f"{line} is dead"
        if line.result == "valid" and audit.reading_place(line) < (audit.checkpoint.source, audit.checkpoint.line):
            lost = [line.keys[i] for i in line.travelling if audit.outcomes[line.keys[i]] in ([], ["sending"])]
            assert not lost, f"no outcome before the checkpoint: {lost}"


def figures_agree(audit):
    """The figures are those of the lines and their outcomes, counted here, and they add up."""
    figures, valid = audit.figures, [line for line in audit.read if line.result == "valid"]
    faulty = [line for line in audit.read if line.result == "faulty"]
    outcomes = Counter(outcome.upper() for outcomes in audit.outcomes.values() for outcome in outcomes)
    items = {name: outcomes[name] for name in _WORST}
    items["DEAD"] += sum(line.items for line in faulty)
    records = Counter(DEAD=len(faulty))
    for line in valid:
        own = {
            audit.outcomes[line.keys[index]][0].upper() for index in line.travelling if audit.outcomes[line.keys[index]]
        }
        whole = all(audit.outcomes[line.keys[index]] for index in line.travelling)
        if whole and "SENDING" not in own:
            records[max(own, key=_WORST.index)] += 1
    counted = {
        "read": len(audit.read),
        "blank": sum(line.result == "blank" for line in audit.read),
        "skipped": sum(line.result == "skipped" for line in audit.read),
        "items_read": sum(line.items for line in audit.read),
        "records": {name: records[name] for name in _WORST},
        "items": items,
    }
    told = {name: getattr(figures, name) for name in counted}
    for name in ("records", "items"):
        told[name] = {outcome: told[name].get(outcome, 0) for outcome in _WORST}
    differ = {name: (told[name], counted[name]) for name in counted if told[name] != counted[name]}
    assert not differ, f"{audit.kind}, reported and counted: {differ}"
    _summary_agrees(audit, counted)


def _summary_agrees(audit, counted):
    summary = audit.world.endings[-1].summary if audit.world.endings else None
    if summary is None or audit.kind not in summary.kinds:
        return
    told = summary.kinds[audit.kind]
    pending = audit.pending
    records = {audit.world.exports.places[key][0].place for key in pending}
    wanted = (counted["read"], len(records), len(pending), *(counted["records"][name] for name in _WORST))
    figures = (told.read, told.pending, told.items_pending, told.accepted, told.dead, told.in_doubt)
    assert figures == wanted, f"{audit.kind}, in the summary and counted: {figures}, {wanted}"
    assert told.closes, told


def dead_letters_agree(audit):
    """Every dead letter is in the file once, with its place and its bytes. Nothing else is counted there."""
    assert len(audit.letters) >= audit.dead_letters_bytes, "counted dead letters are not in the file"
    counted = audit.letters[: audit.dead_letters_bytes]
    assert counted == b"" or counted.endswith(b"\n"), "a torn line is counted"
    letters = [_parsed(line) for line in counted.splitlines()]
    told = Counter((_file(letter["file"]), letter["line"]) for letter in letters)
    rows = Counter((source, line) for source, line, _, _ in audit.dead)
    assert told == rows, f"dead letters and rows: {told - rows}, {rows - told}"
    seen = set()
    for letter in letters:
        line = audit.by_place[_file(letter["file"]), letter["line"]]
        assert (letter["offset"], letter["length"]) == (line.offset, len(line.raw)), f"{letter} of {line}"
        assert _dead_letter_is_right(audit, line, letter), f"{letter} of {line}"
        name = (line.place, letter.get("raw"))
        assert name not in seen, f"twice: {letter}"
        seen.add(name)
    last = audit.world.endings[-1] if audit.world.endings else None
    if last is not None and last.summary is not None and audit.kind in last.begun:  # stopped before, it cuts nothing
        assert len(audit.letters) == audit.dead_letters_bytes, "the file holds what is not counted"


def _parsed(line):
    try:
        return json.loads(line)
    except ValueError as error:
        raise AssertionError(f"no dead letter: {line!r}") from error


def _dead_letter_is_right(audit, line, letter):
    """Return whether a dead letter holds its line's bytes, and a reason that is true."""
    raw = letter["raw"].encode() if "raw" in letter else line.raw
    if line.result == "faulty" or letter["reason"] in ("duplicate_id", "customer_not_migrated"):
        true = {
            "duplicate_id": line.duplicate,
            "customer_not_migrated": audit.kind is not Kind.CUSTOMERS,
        }.get(letter["reason"], line.result == "faulty")
        return true and (raw == line.raw or audit.kind is Kind.EVENTS)
    fields, items = take_apart(audit.kind, raw)
    own_fields, own_items = line.slices()
    same = raw == line.raw or (fields == own_fields and all(own_items[key] == item for key, item in items.items()))
    if letter["status"] is None:
        least = min(ending.process.most_bytes for ending in audit.world.endings)
        return same and letter["reason"] == "too_large" and len(raw) > least - 16
    said = _was_refused(audit.world.server.attempts, letter["status"], set(items))
    return same and said and letter["reason"] == ("too_large" if letter["status"] == 413 else "refused")


def _was_refused(attempts, status, items):
    """Return whether items were refused alone, or together with others that have all arrived."""
    arrived = {key for attempt in attempts if attempt.accepted for key in attempt.keys}
    return any(
        attempt.status == status
        and items <= set(attempt.keys)
        and (attempt.entries == 1 or (status != 413 and set(attempt.keys) - items <= arrived))
        for attempt in attempts
    )


def doubts_agree(audit):
    """What is in doubt is listed. It was in flight without an answer, or was about to be sent when a process died."""
    listed = defaultdict(list)
    for line in audit.doubts.splitlines():
        found = _parsed(line)
        items = found.get("items")
        listed[found["batch"]].append((_file(found["file"]), found["line"], items and tuple(items)))
    in_doubt = {batch for batch, state in audit.states.items() if state == "in_doubt"}
    last = audit.world.endings[-1] if audit.world.endings else None
    if last is not None and last.summary is not None and audit.kind in last.summary.kinds:
        assert listed.keys() == in_doubt, "the list of what is in doubt is another than the journal's"
    for batch in listed.keys() & in_doubt:
        noted = [(audit.file_of[source], line, indexes) for source, line, indexes in audit.world.noted[batch][1]]
        assert Counter(listed[batch]) == Counter(noted), f"listed: {listed[batch]}"
    if CONTRACTS[audit.kind].repeatable:
        assert not in_doubt, "customers are never in doubt"
        return
    open_attempts = {
        frozenset(each.keys)
        for each in audit.world.server.attempts
        if each.kind is audit.kind and not each.harmless and not each.accepted
    }
    unexplained = [batch for batch in in_doubt if frozenset(audit.keys_of(batch)) not in open_attempts]
    allowed = sum(ending.process.uploaders for ending in audit.world.endings if ending.summary is None)
    # A process may also die after an answer and before its outcome is written: that batch's attempt was answered.
    assert len(unexplained) <= allowed, f"in doubt for no reason: {unexplained}"


def server_agrees(audit):
    """What is accepted was applied, what is dead was not, and nothing was applied twice or without an outcome."""
    server = audit.world.server
    coming = Counter(key for _, keys, _ in server.due for key in keys)
    applied = Counter({key: server.applied[key] + coming[key] for key in audit.world.exports.places})
    own = {key for key, (line, _) in audit.world.exports.places.items() if line.kind is audit.kind}
    there = {key for key in own if applied[key]}
    wrong = there & audit.keys("dead")
    assert not wrong, f"dead, and applied: {wrong}"
    wrong = audit.keys("accepted") - there
    assert not wrong, f"accepted, but not applied: {wrong}"
    if CONTRACTS[audit.kind].repeatable:
        return
    assert all(applied[key] == 1 for key in there), f"twice: {[key for key in there if applied[key] > 1]}"
    settled = audit.keys("accepted") | audit.keys("in_doubt") | audit.keys("sending")
    assert there <= settled, f"applied, with no outcome: {there - settled}"
    yes = Counter(key for attempt in server.attempts if attempt.accepted for key in attempt.keys)
    assert all(yes[key] == 1 for key in audit.keys("accepted")), "not accepted in exactly one request"


def reported_outcomes_are_noted(audit):
    """A batch that was reported as accepted is accepted in the journal."""
    for batch in audit.world.told:
        if audit.world.noted[batch][0] is audit.kind:
            assert audit.states.get(batch) == "accepted", f"reported accepted, noted {audit.states.get(batch)}"


def everything_is_settled(audit):
    """Every line of the exports was read, nothing is pending, and what the server lacks is dead or in doubt."""
    assert len(audit.read) == len(audit.lines), "lines were never read"
    assert not audit.pending, f"pending at the end: {audit.pending}"
    valid = {line.keys[index] for line in audit.lines for index in line.travelling}
    applied = {key for key in valid if audit.world.server.applied[key]}
    lost = valid - applied - audit.keys("dead") - audit.keys("in_doubt")
    assert not lost, f"lost: {lost}"
