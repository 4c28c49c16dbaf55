"""What the journal reports of the course of a run: every batch once, in few stretches; and who decided what."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.core.accounting.time_line import MOST_STRETCHES
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.journal.schema import pack
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Reference
from masivo_stream.model.report import Facts
from masivo_stream.model.states import BatchState, Note, NoteKind, SettledBy
from masivo_stream.model.summary import Invocation

ACCEPTED, IN_DOUBT, REFUSED, SENDING = (
    BatchState.ACCEPTED,
    BatchState.IN_DOUBT,
    BatchState.REFUSED,
    BatchState.SENDING,
)

SETTLED_BY = {ACCEPTED: SettledBy.ANSWER, REFUSED: SettledBy.ANSWER}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def stamp(seconds):
    return None if seconds is None else (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.fixture
def journal(tmp_path):
    opened = open_journal(tmp_path / "journal.db", lambda: BEGAN)
    yield opened
    opened.close()


def fill(journal, rows):
    """Let the journal have these batches and no others: kind, state, sent, settled, attempts, settled by what."""
    connection = journal._connection
    connection.execute("BEGIN")
    connection.execute("DELETE FROM batches")
    connection.executemany(
        "INSERT INTO batches (id, kind, state, records, items, bytes, sent_at, settled_at, attempts, settled_by)"
        " VALUES (?, ?, ?, 10, 20, 300, ?, ?, ?, ?)",
        [(str(n), kind, state, stamp(sent), stamp(settled), *rest) for n, (kind, state, sent, settled, *rest) in rows],
    )
    connection.execute("COMMIT")


def reported(journal, rows):
    fill(journal, list(enumerate(rows)))
    return journal.history.time_line()


batches = st.tuples(
    st.sampled_from(["customers", "events", "transactions"]),
    st.sampled_from([ACCEPTED, REFUSED, IN_DOUBT, SENDING]),
    st.floats(0, 4e6),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(batches, max_size=30))
def test_every_batch_is_counted_once(journal, made):
    """Whatever the length of the run: sums are kept, stretches are few, aligned, and in order."""
    rows = [(kind, state, sent, sent + 0.5, 1, SETTLED_BY.get(state)) for kind, state, sent in made]
    found = reported(journal, rows)
    assert {kind: sum(point.requests for point in points) for kind, points in found.items()} == {
        kind: sum(row[0] == kind for row in rows) for kind in Kind if any(row[0] == kind for row in rows)
    }
    points = [point for each in found.values() for point in each]
    assert sum(point.accepted for point in points) == 10 * sum(row[1] == ACCEPTED for row in rows)
    assert sum(point.items for point in points) == 20 * sum(row[1] == ACCEPTED for row in rows)
    assert sum(point.bytes_sent for point in points) == 300 * len(rows)
    assert sum(point.refused for point in points) == sum(row[1] == REFUSED for row in rows)
    assert len({point.seconds for point in points}) <= 1
    for each in found.values():
        assert len(each) <= MOST_STRETCHES
        assert [point.at for point in each] == sorted({point.at for point in each})


def test_many_batches_make_few_points(journal):
    """The report of ten thousand is no longer than that of some hundred."""
    found = reported(
        journal, [("events", ACCEPTED, 5.0 * n, 5.0 * n + 0.25, 1, SettledBy.ANSWER) for n in range(10_000)]
    )
    (points,) = found.values()
    assert len(points) <= MOST_STRETCHES
    assert sum(point.requests for point in points) == 10_000
    assert all(point.latency == pytest.approx(0.25, abs=0.001) for point in points)


def test_only_a_first_answer_shows_the_latency(journal):
    """Not what was tried again, nor what a person settled, nor what is in doubt or under way."""
    found = reported(
        journal,
        [
            ("events", ACCEPTED, 0, 0.5, 1, SettledBy.ANSWER),
            ("events", REFUSED, 0, 1.5, 1, SettledBy.ANSWER),
            ("events", ACCEPTED, 0, 900, 2, SettledBy.ANSWER),
            ("events", ACCEPTED, 0, 5000, 1, SettledBy.PERSON),
            ("events", IN_DOUBT, 0, 60, 1, None),
            ("events", SENDING, 0, None, 1, None),
        ],
    )
    (point,) = found["events"]
    assert (point.latency, point.slowest) == (pytest.approx(1.0, abs=0.001), pytest.approx(1.5, abs=0.001))


def test_records_found_by_reading_back_count_as_no_request(journal):
    """Customers that were read back are accepted, in no request of their own."""
    (point,) = reported(journal, [("customers", ACCEPTED, 3, 3, 1, SettledBy.READ_BACK)])["customers"]
    assert (point.requests, point.accepted, point.bytes_sent, point.latency) == (0, 10, 0, None)


def test_a_run_ends_with_its_last_answer(journal):
    """Not with what a person decided days later."""
    rows = [("events", ACCEPTED, 5, 6, 1, SettledBy.ANSWER), ("events", ACCEPTED, 7, 90_000, 1, SettledBy.PERSON)]
    fill(journal, list(enumerate(rows)))
    times = journal.history.times()["events"]
    assert (times.first_at, times.last_at, times.batches, times.refused) == (stamp(5), stamp(7), 2, 0)


def test_batches_in_doubt_are_listed_with_their_lines(journal):
    """As many as asked for, and how many there are."""
    rows = [(n, ("events", IN_DOUBT, n, n + 1, 1, None)) for n in range(5)]
    fill(journal, rows)
    places = [Reference(0, line, 0, 1, 1, 1, None) for line in (17, 4, 9)] + [Reference(2, 1, 0, 1, 1, 1, None)]
    journal._connection.execute("UPDATE batches SET why = 'timeout', refs = ?", (pack(places),))
    found, count = journal.history.doubts(3)
    assert (len(found), count) == (3, 5)
    doubt, spans = found[0]
    assert (doubt.batch, doubt.why, spans) == ("0", "timeout", [(0, 4, 17), (2, 1, 1)])


def test_decisions_are_listed_oldest_first(journal):
    """The last ones, where there are too many."""
    for number in range(4):
        anyio.run(journal.take_note, Note(NoteKind.ACCEPT, f"reason {number}", person="ana"))
    found, count = journal.history.decisions(2)
    assert ([decision.detail for decision in found], count) == (["ana: reason 2", "ana: reason 3"], 4)


def test_facts_are_those_of_the_last_process(journal):
    """Nothing is known if no facts were noted, or by another version in an unknown form."""
    assert journal.read.facts() == Facts()
    for number in range(2):
        journal.describe(Facts(invocation=Invocation(again=(str(number),))))
    assert journal.read.facts().invocation.again == ("1",)
    journal._connection.execute("UPDATE meta SET value = '[1' WHERE name = 'facts'")
    assert journal.read.facts() == Facts()
