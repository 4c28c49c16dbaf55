"""The laws of the storm: a good migration breaks none, and each law finds what breaks it."""

import json
from collections import Counter

import pytest
from storm_laws import Evidence, find_broken_laws

CUSTOMER = {"name": "Ana", "registration_date": "2020-01-01T00:00:00Z"}


def rows():
    """Four lines per kind: a good one, a faulty one, a good one in doubt or dead, and one to be skipped."""
    customers = [
        {**CUSTOMER, "id": "c-1", "email": "1"},
        {"id": 5},
        {**CUSTOMER, "id": "c-3", "email": "3"},
        {**CUSTOMER, "id": "c-4", "email": "4", "deleted": True},
    ]
    events = [
        {"id": "c-1", "events": [{"order": {"purchase_id": "p-1"}}, {"order": {"purchase_id": "p-2"}}]},
        {"id": 5},
        {"id": "c-3", "events": [{"order": {"purchase_id": name}} for name in "abc"]},
        {
            "id": "c-1",
            "events": [{"order": {"purchase_id": "p-1"}}, {"order": {"purchase_id": "p-4"}, "reversed_at": 1}],
        },
    ]
    transactions = [{"id": "c-1", "transactions": [{}, {}]}, {"id": 5}, {"id": "c-3", "transactions": [{}]}]
    return {"customers": customers, "events": events, "transactions": transactions}


class Case:
    """Evidence that a test can change."""

    def __init__(self, path):
        self.path, self.rows = path, rows()
        self.ledger = {
            "customers": {"c-1": 2, "c-3": 1},
            "events": {"c-1": {"p-1": 2, "p-2": 1}, "c-3": {"b": 1}},
            "transactions": {"c-1": 2},
        }
        self.dead_letters = {kind: [self.dead_letter(kind, 2)] for kind in self.rows}
        self.dead_letters["events"].append({**self.dead_letter("events", 3), "items": [0], "reason": "refused"})
        self.dead_letters["transactions"].append({**self.dead_letter("transactions", 3), "reason": "refused"})
        self.doubts = {"customers": [], "events": [{"line": 3, "items": [1, 2]}], "transactions": []}
        self.code = 4
        self.figures = {
            "customers": figures(
                read=4, accepted=2, dead=1, skipped=1, items_skipped=1, items_accepted=2, invalid_json=1
            ),
            "events": figures(
                read=4, accepted=2, dead=1, in_doubt=1, items_skipped=1, items_in_doubt=2, items_accepted=3,
                invalid_json=1, refused=1,
            ),
            "transactions": figures(read=3, accepted=1, dead=2, items_accepted=2, invalid_json=1, refused=1),
        }  # fmt: skip

    def line(self, kind, number):
        return json.dumps(self.rows[kind][number - 1])

    def dead_letter(self, kind, number):
        offset = sum(len(self.line(kind, before)) + 1 for before in range(1, number))
        return {
            "line": number, "offset": offset, "items": None, "reason": "invalid_json", "raw": self.line(kind, number),
        }  # fmt: skip

    def laws(self):
        """Return the laws that are broken."""
        state = self.path / "state"
        state.mkdir()
        for kind in self.rows:
            write(self.path / f"{kind}.ndjson", self.rows[kind])
            write(self.path / f"{kind}.ndjson.faults.ndjson", [{"line": 2, "what": "invalid_json"}])
            write(state / f"dead-letter.{kind}.ndjson", self.dead_letters[kind])
            write(state / f"in-doubt.{kind}.ndjson", self.doubts[kind])
        summary = {"closes": True, "exit_code": 4, "kinds": self.figures}
        return Counter(
            finding.law for finding in find_broken_laws(Evidence(self.path, state, self.ledger, summary, self.code))
        )


def figures(**told):
    reasons = {name: told.pop(name) for name in ("invalid_json", "refused") if name in told}
    names = ("blank", "skipped", "in_doubt", "pending", "items_skipped", "items_in_doubt", "items_pending")
    return {**dict.fromkeys(names, 0), **told, "reasons": reasons}


def write(path, values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values))


def test_a_good_migration_is_accepted(tmp_path):
    """A customer sent twice, a record whose parts have different outcomes, a purchase in two records: all are good."""
    assert Case(tmp_path).laws() == {}


def _lose(case):
    del case.ledger["events"]["c-1"]["p-2"]


def _lose_customer(case):
    del case.ledger["customers"]["c-1"]


def _double(case):
    case.ledger["transactions"]["c-1"] = 4


def _double_in_doubt(case):
    case.ledger["events"]["c-3"]["b"] = 2


def _apply_dead(case):
    case.ledger["transactions"]["c-3"] = 1


def _apply_skipped(case):
    case.ledger["customers"]["c-4"] = 1


def _duplicate_dead_letter(case):
    case.dead_letters["customers"] *= 2


def _forget_dead_letter(case):
    case.dead_letters["customers"] = []


def _misquote(case):
    case.dead_letters["customers"][0]["raw"] = "{}"


def _misplace(case):
    case.dead_letters["customers"][0]["offset"] = 0


def _list_twice(case):
    case.doubts["events"] *= 2


def _two_outcomes(case):
    case.doubts["events"][0]["items"] = [0, 1, 2]


def _doubt_customer(case):
    case.doubts["customers"] = [{"line": 1}]


def _doubt_faulty(case):
    case.doubts["events"].append({"line": 2})


def _miscount(case):
    case.figures["customers"]["accepted"] += 1


def _end_well(case):
    case.code = 0


def _withhold(case):
    case.dead_letters["transactions"][1]["reason"] = "customer_not_migrated"
    case.figures["transactions"]["reasons"] = {"invalid_json": 1, "customer_not_migrated": 1}


@pytest.mark.parametrize(
    ("doctor", "law"),
    [
        (_lose, "lost"),
        (_lose_customer, "lost"),
        (_double, "applied twice"),
        (_double_in_doubt, "applied twice"),
        (_apply_dead, "must not be applied"),
        (_apply_skipped, "must not be applied"),
        (_duplicate_dead_letter, "two dead letters"),
        (_forget_dead_letter, "fault not found"),
        (_misquote, "wrong bytes in a dead letter"),
        (_misplace, "wrong place in a dead letter"),
        (_list_twice, "sent again"),
        (_two_outcomes, "two outcomes"),
        (_doubt_customer, "customers in doubt"),
        (_doubt_faulty, "in doubt without an item"),
        (_miscount, "figures"),
        (_end_well, "exit code"),
        (_withhold, "wrong reason"),
    ],
)
def test_each_law_finds_its_violation(tmp_path, doctor, law):
    """Changed in one place, the evidence breaks the law in question."""
    case = Case(tmp_path)
    doctor(case)
    assert law in case.laws()
