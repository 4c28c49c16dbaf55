"""A retry of a run that came to its end: no memory is left of what it sent, but its own notes of purchases.

A line with a fault is compared with no other line. Corrected, it may hold an event that another line brought already.
"""

import json

import pytest
from fakes import event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import PurchasesUnguarded

FAULTY = {"issued_at": "2024-01-30"}


def of(who, *events):
    return {"id": who, "events": [event(each) if isinstance(each, str) else each for each in events]}


class Finished:
    """A run that is complete, apart from its dead letters."""

    def __init__(self, path, *records, answer=None, **flags):
        self.world = World(path, answer) if answer else World(path)
        self.world.flags = {"shared_dir": str(path / "shared"), **flags}
        self.world.observer, self.lost = self, []
        self.world.export(Kind.EVENTS, records)
        assert self.world.live(Life()).exit_code == 3

    def notify(self, notice):
        if isinstance(notice, PurchasesUnguarded):
            self.lost.append(notice.why)

    def dead_letters(self):
        return [(each["line"], each["reason"], each["items"]) for each in self.world.dead_letters(Kind.EVENTS)]

    def correct(self, **by_line):
        """Write other records into dead letters: `line_3` is that of line 3."""
        found = self.world.dead_letters(Kind.EVENTS)
        for letter in found:
            if (corrected := by_line.get(f"line_{letter['line']}")) is not None:
                letter["raw"] = json.dumps(corrected)
        text = "".join(json.dumps(letter) + "\n" for letter in found)
        (self.world.state / "dead-letter.events.ndjson").write_text(text)

    def retry(self, life=None):
        summary = self.world.live(life or Life(), retry_dead_letters)
        assert summary is None or summary.closes
        return summary

    @property
    def counts(self):
        """How often each purchase was applied."""
        found = {}
        for (_, _, item), count in self.world.applied.items():
            name = json.loads(item)["order"]["purchase_id"]
            found[name] = found.get(name, 0) + count
        return dict(sorted(found.items()))


def test_a_corrected_record_holds_an_event_that_was_sent(tmp_path):
    """Its other event is sent; the one that another line brought is a duplicate, as it had been without the fault."""
    run = Finished(tmp_path, of("c1", "a", "b"), of("c1", "a", event("d", **FAULTY)))
    run.correct(line_2=of("c1", "a", "d"))
    assert run.retry().exit_code == 3
    assert (run.dead_letters(), run.counts) == ([(2, "duplicate_event", [0])], {"a": 1, "b": 1, "d": 1})
    assert run.retry().exit_code == 3  # unchanged, it stays what it is
    assert (run.dead_letters(), run.counts) == ([(2, "duplicate_event", [0])], {"a": 1, "b": 1, "d": 1})
    run.correct(line_2=of("c1", "e"))
    assert run.retry().exit_code == 0
    assert run.counts == {"a": 1, "b": 1, "d": 1, "e": 1}


def test_a_record_is_corrected_to_what_was_sent(tmp_path):
    run = Finished(tmp_path, of("c1", "a"), of("c1", event("x", **FAULTY)))
    run.correct(line_2=of("c1", "a"))
    assert run.retry().exit_code == 3
    assert (run.dead_letters(), run.counts) == ([(2, "duplicate_event", None)], {"a": 1})


def test_what_an_earlier_retry_sent_was_sent(tmp_path):
    run = Finished(tmp_path, of("c1", event("x", **FAULTY)), of("c1", event("y", **FAULTY)))
    run.correct(line_1=of("c1", "a"))
    run.retry()
    run.correct(line_2=of("c1", "a", "b"))
    run.retry()
    assert (run.dead_letters(), run.counts) == ([(2, "duplicate_event", [0])], {"a": 1, "b": 1})


def test_another_event_of_the_purchase_is_sent(tmp_path):
    """Such an event is sent from an export, too, with a warning."""
    run = Finished(tmp_path, of("c1", "a"), of("c1", event("a", **FAULTY)))
    run.correct(line_2=of("c1", event("a", issued_at="2024-02-01T10:00:00Z")))
    assert run.retry().exit_code == 0
    assert run.counts == {"a": 2}


def test_another_customer_may_have_the_same_purchase_id(tmp_path):
    run = Finished(tmp_path, of("c1", "a"), of("c2", event("a", **FAULTY)))
    run.correct(line_2=of("c2", "a"))
    assert run.retry().exit_code == 0
    assert run.counts == {"a": 2}


def test_what_was_refused_was_not_sent(tmp_path):
    """It leaves no note, so it is no duplicate of itself when it is sent again."""
    refuses = [True]

    def answer(_kind, entries, _body, _number):
        named = {item["order"]["purchase_id"] for entry in entries for item in entry["events"]}
        return Answer(status=422) if refuses[0] and "no" in named else None

    run = Finished(tmp_path, of("c1", "a"), of("c2", "no", "b"), of("c3", "c"), answer=answer)
    refuses[0] = False
    assert run.retry().exit_code == 0
    assert run.counts == {"a": 1, "b": 1, "c": 1, "no": 1}


@pytest.mark.parametrize(("setting", "times"), [("reject", 1), ("warn", 2), ("allow", 2)])
def test_the_setting_decides(setting, times, tmp_path):
    run = Finished(tmp_path, of("c1", "a"), of("c1", event("x", **FAULTY)), duplicate_purchase=setting)
    run.correct(line_2=of("c1", "a"))
    run.retry()
    assert run.counts == {"a": times}


def test_notes_that_are_lost_are_not_needed(tmp_path):
    """They are a help: without them the retry goes on."""
    run = Finished(tmp_path, of("c1", "a"), of("c1", event("b", **FAULTY)))
    for path in (tmp_path / "shared" / "purchases").iterdir():
        path.write_bytes(b"?")
    run.correct(line_2=of("c1", "b"))
    assert run.retry().exit_code == 0
    assert run.counts == {"a": 1, "b": 1}
    assert run.lost


def test_a_record_that_was_sent_in_part_is_no_duplicate_of_itself(tmp_path):
    """The rest of it is sent by the next process, which reads the record once more."""
    denies, names = [False], [f"b{number}" for number in range(6)]

    def answer(_kind, entries, _body, _number):
        return Answer(status=403) if denies[0] and "b5" in json.dumps(entries) else None

    run = Finished(tmp_path, of("c1", "a"), of("c2", event("x", **FAULTY)), answer=answer, max_body_bytes=1200)
    run.correct(line_2=of("c2", *names))
    denies[0] = True
    assert run.retry().kinds[Kind.EVENTS].items_pending > 0
    assert 1 < len(run.counts) < 7
    denies[0] = False
    assert run.world.live(Life()).exit_code == 0
    assert (run.dead_letters(), run.counts) == ([], dict.fromkeys(["a", *names], 1))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(1, 25), max_size=3))
def test_a_retry_may_die_at_any_operation(tmp_path_factory, deaths):
    """What one of its processes had accepted is no duplicate of itself for the next one, and nothing counts twice."""
    path = tmp_path_factory.mktemp("world")
    records = [of("c1", "a", "b"), of("c1", "a", event("d", **FAULTY)), of("c2", event("e", **FAULTY), "f")]
    run = Finished(path, *records, of("c3", "g"), of("c3", event("g", **FAULTY), "h"))
    run.correct(line_2=of("c1", "a", "d"), line_3=of("c2", "e", "f"), line_5=of("c3", "g", "h"))
    for dies_at in deaths:
        run.retry(Life(dies_at))
    run.retry()
    doubtful = {each["customer"] for each in run.world.doubts(Kind.EVENTS)}
    assert set(run.counts.values()) == {1}
    assert set("abg") <= set(run.counts)
    if not doubtful:
        assert list(run.counts) == [*"abdefgh"]
        assert run.dead_letters() == [(2, "duplicate_event", [0]), (5, "duplicate_event", [0])]
