"""The laws a migration must keep, whatever befell it: held against what the server applied, not against its journal.

The evidence comes from hands that do not know each other: the sandbox's ledger, the exports and their list of faults,
the dead letters, the list of what is in doubt, and the summary. `judge` names whatever does not fit together.
"""

import base64
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from end_to_end_tools import KINDS

REPEATS = ("duplicate_id", "duplicate_email")
"""Faults that are caught anew after a restart (README, "Dead letters"): then the line may have been sent."""

UNTOLD = "no summary"


@dataclass(frozen=True)
class Finding:
    """One broken law, and where."""

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
class Book:
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
    """What another line must not repeat."""
    skipped: int = 0
    items_skipped: Counter = field(default_factory=Counter)
    """By line."""
    dead: Counter = field(default_factory=Counter)
    """How often each (line, index) to send is a dead letter."""
    doubtful: Counter = field(default_factory=Counter)


def validate(evidence):
    """Return every broken law; nothing where all are kept."""
    books = [open_book(evidence, kind) for kind in KINDS]
    findings = [
        finding
        for book in books
        for law in (_letters, _originals, _faulty_lines, _doubts, _ledger)
        for finding in law(book)
    ]
    arrived = books[0].applied
    findings += [finding for book in books[1:] for finding in _withheld(book, arrived)]
    if evidence.summary is None:
        return [*findings, Finding(UNTOLD, "", "", f"the run ended with {evidence.code} and without a summary")]
    for book in books:
        findings += _figures(book, evidence.summary["kinds"].get(book.kind, {}))
    return findings + list(_end(books, evidence))


# Reading the evidence.


def open_book(evidence, kind):
    """Read one kind's evidence."""
    book = Book(
        kind=kind,
        applied=_applied(evidence.ledger[kind], kind),
        rows=(evidence.exports / f"{kind}.ndjson").read_bytes().split(b"\n")[:-1],
        faulty={fault["line"]: fault["what"] for fault in _lines(evidence.exports / f"{kind}.ndjson.faults.ndjson")},
        letters=_lines(evidence.state / f"dead-letter.{kind}.ndjson"),
        doubts=_lines(evidence.state / f"in-doubt.{kind}.ndjson"),
    )
    for number, row in enumerate(book.rows, 1):
        if book.faulty.get(number) in (None, *REPEATS):
            _enter(book, number, json.loads(row))
    book.dead.update(place for letter in book.letters for place in _places(book, letter))
    book.doubtful.update(place for doubt in book.doubts for place in _places(book, doubt))
    return book


def _lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _applied(part, kind):
    if kind != "events":
        return Counter(part)
    return Counter({(customer, name): n for customer, purchases in part.items() for name, n in purchases.items()})


def _enter(book, number, record):
    """Note what is to be sent of a record: as `expected_ledger` counts, but by item, and without what is skipped."""
    book.names[number] = {record["id"]}
    match book.kind:
        case "customers":
            gone = record.get("deleted") or record.get("deleted_at") or record.get("status") == "DELETED"
            book.skipped += bool(gone)
            book.items_skipped[number] = int(bool(gone))
            book.names[number] |= {record["email"]}
            book.sendable[number] = {} if gone else {0: record["id"]}
        case "events":
            book.sendable[number] = {
                index: (record["id"], event["order"]["purchase_id"])
                for index, event in enumerate(record["events"])
                if not (event.get("reversed_at") or event.get("status") == "REVERSED")
            }
            book.items_skipped[number] = len(record["events"]) - len(book.sendable[number])
        case "transactions":
            book.sendable[number] = dict.fromkeys(range(len(record["transactions"])), record["id"])


def _places(book, entry):
    """Return the (line, index) of all items that a dead letter or a doubt takes out of a record to send."""
    own = book.sendable.get(entry["line"], {})
    if entry["line"] in book.faulty and entry.get("reason") not in (None, "refused"):
        return [(entry["line"], index) for index in own]  # its `items` name what is wrong; the whole line is dead
    return [(entry["line"], index) for index in (own if entry.get("items") is None else entry["items"])]


# The laws of one kind.


def _letters(book):
    """No item is a dead letter twice; no letter speaks of what is not there, or not to be sent."""
    for (line, index), count in book.dead.items():
        if index not in book.sendable.get(line, ()):
            yield Finding("letter of nothing", book.kind, f"line {line}[{index}]", "there is no such item to send")
        if count > 1:
            yield Finding("letter twice", book.kind, f"line {line}[{index}]", f"{count} dead letters")
    for letter in book.letters:
        if letter["line"] > len(book.rows):
            yield Finding("letter of nothing", book.kind, f"line {letter['line']}", "the export ends before it")
        elif letter["line"] not in book.faulty and not book.sendable[letter["line"]]:
            yield Finding("letter of nothing", book.kind, f"line {letter['line']}", "it is to be skipped")


def _originals(book):
    """A letter holds its line's own bytes and tells their place."""
    starts = [0]
    for row in book.rows:
        starts.append(starts[-1] + len(row) + 1)
    for letter in book.letters:
        if letter["line"] > len(book.rows) or "offset" not in letter:
            continue
        if letter["offset"] != starts[letter["line"] - 1]:
            yield Finding("letter misplaced", book.kind, f"line {letter['line']}", f"offset {letter['offset']}")
        raw = letter["raw"].encode() if "raw" in letter else base64.b64decode(letter["raw_base64"])
        if letter["items"] is None and raw != book.rows[letter["line"] - 1]:
            yield Finding("letter misquotes", book.kind, f"line {letter['line']}", f"{len(raw)} bytes")


def _faulty_lines(book):
    """Each faulty line is one dead letter; but a repeat, caught anew after a restart, may have been sent."""
    letters = Counter(letter["line"] for letter in book.letters)
    doubtful = {doubt["line"] for doubt in book.doubts}
    for line, what in book.faulty.items():
        if letters[line] > 1:
            yield Finding("letter twice", book.kind, f"line {line}", f"{letters[line]} dead letters of a faulty line")
        elif not letters[line] and not (what in REPEATS and _repeat_may_pass(book, line, doubtful)):
            yield Finding("fault overlooked", book.kind, f"line {line}", f"{what}, and no dead letter")


def _repeat_may_pass(book, line, doubtful):
    """Tell whether nobody knows if a repeat, or what it repeats, arrived."""
    if line in doubtful:
        return True
    before = [number for number in book.names if number < line and book.names[number] & book.names[line]]
    return any(book.dead[number, index] or number in doubtful for number in before for index in book.sendable[number])


def _doubts(book):
    """What is in doubt was to be sent, was sent once, and is no dead letter; customers never are."""
    if book.kind == "customers" and book.doubts:
        yield Finding("customers in doubt", book.kind, f"line {book.doubts[0]['line']}", "they can be sent again")
    for (line, index), count in book.doubtful.items():
        where = f"line {line}[{index}]"
        if index not in book.sendable.get(line, ()):
            yield Finding("doubt of nothing", book.kind, where, "there is no such item to send")
        if count > 1:
            yield Finding("sent again", book.kind, where, f"in doubt {count} times")
        if book.dead[line, index]:
            yield Finding("two fates", book.kind, where, "in doubt, and a dead letter")
    for doubt in book.doubts:
        if not book.sendable.get(doubt["line"]):
            yield Finding("doubt of nothing", book.kind, f"line {doubt['line']}", "no line to be sent")


def _ledger(book):
    """What has no other fate was applied once (a customer: at least once), what is in doubt once at most."""
    sure, maybe = Counter(), Counter()
    for line, items in book.sendable.items():
        for index, key in items.items():
            if not book.dead[line, index]:
                (maybe if book.doubtful[line, index] or line in book.faulty else sure)[key] += 1
    for key in sure.keys() | maybe.keys() | book.applied.keys():
        applied, least, most = book.applied[key], sure[key], sure[key] + maybe[key]
        if book.kind == "customers" and least:
            least, most = 1, max(most, applied)  # a repeat changes nothing
        if applied < least:
            yield Finding("lost", book.kind, repr(key), f"applied {applied} times, not {least}")
        elif applied > most:
            law = "doubled" if most else "uninvited"  # dead, skipped, faulty, or of no export
            yield Finding(law, book.kind, repr(key), f"applied {applied} times, at most {most} expected")


def _withheld(book, arrived):
    """Nothing is held back for a customer who did arrive."""
    for letter in book.letters:
        if letter["reason"] == "customer_not_migrated":
            customer = json.loads(letter["raw"])["id"]
            if arrived[customer]:
                yield Finding("false reason", book.kind, f"line {letter['line']}", f"{customer} did arrive")


# The laws of the summary.


def _figures(book, told):
    """The summary's figures are those of the files."""
    doubtful = {line for line, _ in book.doubtful}
    dead = {letter["line"] for letter in book.letters} - doubtful
    held_back = {letter["line"] for letter in book.letters if letter["reason"] == "customer_not_migrated"}
    items = {(line, index) for line, own in book.sendable.items() for index in own}
    counted = {
        "read": len(book.rows),
        "blank": 0,
        "skipped": book.skipped,
        "dead": len(dead),
        "in_doubt": len(doubtful),
        "pending": 0,
        "accepted": len(book.rows) - book.skipped - len(dead) - len(doubtful),
        # Of a record that is held back whole, no item is counted as skipped.
        "items_skipped": sum(count for line, count in book.items_skipped.items() if line not in held_back),
        "items_in_doubt": len(book.doubtful),
        "items_pending": 0,
        "items_accepted": len(items - book.dead.keys() - book.doubtful.keys()),
        "reasons": dict(Counter(letter["reason"] for letter in book.letters)),
    }
    for name, count in counted.items():
        if told.get(name) != count:
            yield Finding("figures", book.kind, name, f"the summary says {told.get(name)}, the files {count}")


def _end(books, evidence):
    """The summary closes, and says what the exit code says: the worst that is left behind."""
    code = 4 if any(book.doubts for book in books) else 3 if any(book.letters for book in books) else 0
    if not evidence.summary["closes"]:
        yield Finding("figures", "", "summary", "does not close")
    if not code == evidence.code == evidence.summary["exit_code"]:
        told = evidence.summary["exit_code"]
        yield Finding("exit code", "", "", f"ended with {evidence.code}, said {told}, the files say {code}")


def innocent_letters(evidence):
    """Count the dead letters of good records by kind and reason: no law forbids them, each wants an explanation."""
    books = [open_book(evidence, kind) for kind in KINDS]
    return Counter(
        (book.kind, letter["reason"]) for book in books for letter in book.letters if letter["line"] not in book.faulty
    )
