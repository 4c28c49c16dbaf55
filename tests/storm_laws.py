"""The laws that a migration must keep in any case, checked against what the server applied, not against the journal.

The evidence comes from independent sources: the sandbox's ledger, the exports and their list of faults, the dead
letters, the list of batches in doubt, and the summary. `find_broken_laws` returns every contradiction.
"""

import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from end_to_end_tools import KINDS

REPEATS = ("duplicate_id", "duplicate_email")
"""Faults that may be found only after a restart (docs/dead-letters.md): then the line may have been sent."""

NO_SUMMARY = "no summary"


@dataclass(frozen=True)
class Finding:
    """One broken law, and its place."""

    law: str
    kind: str
    where: str
    what: str

    def __str__(self):
        return f"{self.law}: {self.kind} {self.where}: {self.what}"


@dataclass(frozen=True)
class Evidence:
    """What a migration left behind."""

    exports: Path
    state: Path
    ledger: dict
    summary: dict | None
    code: int


@dataclass
class KindEvidence:
    """One kind's evidence, line by line."""

    kind: str
    applied: Counter
    """By the ledger's key: customer id, (customer id, purchase id), or customer id of transactions."""
    rows: list[bytes]
    faulty: dict[int, str]
    """The fault of each faulty line."""
    letters: list[dict]
    doubts: list[dict]
    sendable: dict[int, dict[int, object]] = field(default_factory=dict)
    """The items to send of each line that can be read: the ledger's key by index."""
    names: dict[int, set] = field(default_factory=dict)
    """Names that another line must not have."""
    skipped: int = 0
    items_skipped: Counter = field(default_factory=Counter)
    """By line."""
    dead: Counter = field(default_factory=Counter)
    """How often each (line, index) to send is a dead letter."""
    doubtful: Counter = field(default_factory=Counter)


def find_broken_laws(evidence):
    """Return every broken law; an empty list if all are kept."""
    all_facts = [read_kind(evidence, kind) for kind in KINDS]
    findings = [
        finding
        for facts in all_facts
        for law in (_dead_letters, _originals, _faulty_lines, _doubts, _ledger)
        for finding in law(facts)
    ]
    arrived = all_facts[0].applied
    findings += [finding for facts in all_facts[1:] for finding in _withheld(facts, arrived)]
    if evidence.summary is None:
        return [*findings, Finding(NO_SUMMARY, "", "", f"the run ended with {evidence.code} and without a summary")]
    for facts in all_facts:
        findings += _figures(facts, evidence.summary["kinds"].get(facts.kind, {}))
    return findings + list(_end(all_facts, evidence))


# Reading the evidence.


def read_kind(evidence, kind):
    """Read one kind's evidence."""
    facts = KindEvidence(
        kind=kind,
        applied=_applied(evidence.ledger[kind], kind),
        rows=(evidence.exports / f"{kind}.ndjson").read_bytes().split(b"\n")[:-1],
        faulty={fault["line"]: fault["what"] for fault in _lines(evidence.exports / f"{kind}.ndjson.faults.ndjson")},
        letters=_lines(evidence.state / f"dead-letter.{kind}.ndjson"),
        doubts=_lines(evidence.state / f"in-doubt.{kind}.ndjson"),
    )
    for number, row in enumerate(facts.rows, 1):
        if facts.faulty.get(number) in (None, *REPEATS):
            _note_record(facts, number, json.loads(row))
    facts.dead.update(place for letter in facts.letters for place in _places(facts, letter))
    facts.doubtful.update(place for doubt in facts.doubts for place in _places(facts, doubt))
    return facts


def _lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _applied(part, kind):
    if kind != "events":
        return Counter(part)
    return Counter({(customer, name): n for customer, purchases in part.items() for name, n in purchases.items()})


def _note_record(facts, number, record):
    """Note the items to send of a record: like `expected_ledger`, but by item, and without skipped ones."""
    facts.names[number] = {record["id"]}
    match facts.kind:
        case "customers":
            gone = record.get("deleted") or record.get("deleted_at") or record.get("status") == "DELETED"
            facts.skipped += bool(gone)
            facts.items_skipped[number] = int(bool(gone))
            facts.names[number] |= {record["email"]}
            facts.sendable[number] = {} if gone else {0: record["id"]}
        case "events":
            facts.sendable[number] = {
                index: (record["id"], event["order"]["purchase_id"])
                for index, event in enumerate(record["events"])
                if not (event.get("reversed_at") or event.get("status") == "REVERSED")
            }
            facts.items_skipped[number] = len(record["events"]) - len(facts.sendable[number])
        case "transactions":
            facts.sendable[number] = dict.fromkeys(range(len(record["transactions"])), record["id"])


def _places(facts, entry):
    """Return the (line, index) of all items that a dead letter or a doubt takes out of a record to send."""
    own = facts.sendable.get(entry["line"], {})
    if entry["line"] in facts.faulty and entry.get("reason") not in (None, "refused"):
        return [(entry["line"], index) for index in own]  # its `items` name the faults; the whole line is dead
    return [(entry["line"], index) for index in (own if entry.get("items") is None else entry["items"])]


# The laws of one kind.


def _dead_letters(facts):
    """No item is in two dead letters; no dead letter is of a line or item that does not exist or must not be sent."""
    for (line, index), count in facts.dead.items():
        if index not in facts.sendable.get(line, ()):
            yield Finding(
                "dead letter without an item", facts.kind, f"line {line}[{index}]", "there is no such item to send"
            )
        if count > 1:
            yield Finding("two dead letters", facts.kind, f"line {line}[{index}]", f"{count} dead letters")
    for letter in facts.letters:
        if letter["line"] > len(facts.rows):
            yield Finding(
                "dead letter without an item", facts.kind, f"line {letter['line']}", "the export ends before it"
            )
        elif letter["line"] not in facts.faulty and not facts.sendable[letter["line"]]:
            yield Finding("dead letter without an item", facts.kind, f"line {letter['line']}", "it is to be skipped")


def _originals(facts):
    """A dead letter holds the exact bytes of its line, and the right place."""
    starts = [0]
    for row in facts.rows:
        starts.append(starts[-1] + len(row) + 1)
    for letter in facts.letters:
        if letter["line"] > len(facts.rows) or "offset" not in letter:
            continue
        if letter["offset"] != starts[letter["line"] - 1]:
            yield Finding(
                "wrong place in a dead letter", facts.kind, f"line {letter['line']}", f"offset {letter['offset']}"
            )
        raw = letter["raw"].encode() if "raw" in letter else base64.b64decode(letter["raw_base64"])
        if letter["items"] is None and raw != facts.rows[letter["line"] - 1]:
            yield Finding("wrong bytes in a dead letter", facts.kind, f"line {letter['line']}", f"{len(raw)} bytes")


def _faulty_lines(facts):
    """Each faulty line is one dead letter; only a duplicate that is found after a restart may have been sent."""
    letters = Counter(letter["line"] for letter in facts.letters)
    doubtful = {doubt["line"] for doubt in facts.doubts}
    for line, what in facts.faulty.items():
        if letters[line] > 1:
            yield Finding(
                "two dead letters", facts.kind, f"line {line}", f"{letters[line]} dead letters of a faulty line"
            )
        elif not letters[line] and not (what in REPEATS and _duplicate_may_pass(facts, line, doubtful)):
            yield Finding("fault not found", facts.kind, f"line {line}", f"{what}, and no dead letter")


def _duplicate_may_pass(facts, line, doubtful):
    """Return whether it is unknown if a duplicate, or its original, arrived."""
    if line in doubtful:
        return True
    before = [number for number in facts.names if number < line and facts.names[number] & facts.names[line]]
    return any(facts.dead[number, index] or number in doubtful for number in before for index in facts.sendable[number])


def _doubts(facts):
    """Records in doubt were to be sent, were sent once, and are no dead letters; customers are never in doubt."""
    if facts.kind == "customers" and facts.doubts:
        yield Finding("customers in doubt", facts.kind, f"line {facts.doubts[0]['line']}", "they can be sent again")
    for (line, index), count in facts.doubtful.items():
        where = f"line {line}[{index}]"
        if index not in facts.sendable.get(line, ()):
            yield Finding("in doubt without an item", facts.kind, where, "there is no such item to send")
        if count > 1:
            yield Finding("sent again", facts.kind, where, f"in doubt {count} times")
        if facts.dead[line, index]:
            yield Finding("two outcomes", facts.kind, where, "in doubt, and a dead letter")
    for doubt in facts.doubts:
        if not facts.sendable.get(doubt["line"]):
            yield Finding("in doubt without an item", facts.kind, f"line {doubt['line']}", "no line to be sent")


def _ledger(facts):
    """A record without another outcome was applied once (a customer: at least once), one in doubt at most once."""
    sure, maybe = Counter(), Counter()
    for line, items in facts.sendable.items():
        for index, key in items.items():
            if not facts.dead[line, index]:
                (maybe if facts.doubtful[line, index] or line in facts.faulty else sure)[key] += 1
    for key in sure.keys() | maybe.keys() | facts.applied.keys():
        applied, least, most = facts.applied[key], sure[key], sure[key] + maybe[key]
        if facts.kind == "customers" and least:
            least, most = 1, max(most, applied)  # a duplicate changes nothing
        if applied < least:
            yield Finding("lost", facts.kind, repr(key), f"applied {applied} times, not {least}")
        elif applied > most:
            law = "applied twice" if most else "must not be applied"  # dead, skipped, faulty, or of no export
            yield Finding(law, facts.kind, repr(key), f"applied {applied} times, at most {most} expected")


def _withheld(facts, arrived):
    """No record is held back for a customer who did arrive."""
    for letter in facts.letters:
        if letter["reason"] == "customer_not_migrated":
            customer = json.loads(letter["raw"])["id"]
            if arrived[customer]:
                yield Finding("wrong reason", facts.kind, f"line {letter['line']}", f"{customer} did arrive")


# The laws of the summary.


def _figures(facts, told):
    """The summary's figures are those of the files."""
    doubtful = {line for line, _ in facts.doubtful}
    dead = {letter["line"] for letter in facts.letters} - doubtful
    held_back = {letter["line"] for letter in facts.letters if letter["reason"] == "customer_not_migrated"}
    items = {(line, index) for line, own in facts.sendable.items() for index in own}
    counted = {
        "read": len(facts.rows),
        "blank": 0,
        "skipped": facts.skipped,
        "dead": len(dead),
        "in_doubt": len(doubtful),
        "pending": 0,
        "accepted": len(facts.rows) - facts.skipped - len(dead) - len(doubtful),
        # If a whole record is held back, none of its items counts as skipped.
        "items_skipped": sum(count for line, count in facts.items_skipped.items() if line not in held_back),
        "items_in_doubt": len(facts.doubtful),
        "items_pending": 0,
        "items_accepted": len(items - facts.dead.keys() - facts.doubtful.keys()),
        "reasons": dict(Counter(letter["reason"] for letter in facts.letters)),
    }
    for name, count in counted.items():
        if told.get(name) != count:
            yield Finding("figures", facts.kind, name, f"the summary says {told.get(name)}, the files {count}")


def _end(all_facts, evidence):
    """The summary closes, and its outcome and exit code agree: the worst of what is left."""
    code = 4 if any(facts.doubts for facts in all_facts) else 3 if any(facts.letters for facts in all_facts) else 0
    if not evidence.summary["closes"]:
        yield Finding("figures", "", "summary", "does not close")
    if not code == evidence.code == evidence.summary["exit_code"]:
        told = evidence.summary["exit_code"]
        yield Finding("exit code", "", "", f"ended with {evidence.code}, said {told}, the files say {code}")


def dead_letters_of_good_records(evidence):
    """Count the dead letters of good records by kind and reason: no law forbids them, but each needs an explanation."""
    all_facts = [read_kind(evidence, kind) for kind in KINDS]
    return Counter(
        (facts.kind, letter["reason"])
        for facts in all_facts
        for letter in facts.letters
        if letter["line"] not in facts.faulty
    )
