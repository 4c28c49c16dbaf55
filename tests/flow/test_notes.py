"""What is noted in the journal, and when: before the wire and after it, whole, whatever is cancelled meanwhile."""

import pytest
from fakes import LOST, NO_CONNECTION, REFUSED, PipelineUnderTest, record, write_export

from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, Interrupted

THERE = Answer(status=409, details="exists")


def stop_at(pipeline, wanted):
    """Stop the run in the middle of a note."""

    def stop(what, _progress):
        if what == wanted:
            pipeline.stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))

    pipeline.journal.watch = stop


def notes(pipeline):
    return [what for what, _ in pipeline.api.log]


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.EVENTS])
@pytest.mark.parametrize(
    ("moment", "noted", "accepted"), [("send", ["send", "unsent"], 0), ("accepted", ["send", "wire", "accepted"], 1)]
)
async def test_a_stop_finds_no_attempt_half_noted(kind, moment, noted, accepted, tmp_path):
    """From the note of the attempt to the note of its outcome nothing can be cancelled. After a stop nothing leaves."""
    pipeline = PipelineUnderTest(kind, [write_export(tmp_path / "in", [record(kind, 1)])])
    stop_at(pipeline, moment)
    figures = await pipeline.run()
    assert notes(pipeline) == noted
    assert (figures.accepted, figures.pending, figures.closes) == (accepted, 1 - accepted, True)


async def test_a_stop_does_not_lose_customers_found_by_reading_back(tmp_path):
    """Customers that arrived by an attempt whose answer was lost are counted and noted, or neither."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(40)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=lambda _k, _c, _b, number: THERE if number else LOST)
    stop_at(pipeline, "found")
    figures = await pipeline.run()
    assert notes(pipeline)[-1] == "found"
    assert (figures.accepted, figures.closes) == (40, True)


async def test_a_stop_does_not_lose_a_customer_found_late(tmp_path):
    """Such a customer was first looked for in vain, then found when it was about to become a dead letter."""

    class Late(PipelineUnderTest):
        async def find(self, entries, *, since):
            return await super().find(entries, since=since) if len(entries) == 1 else []

    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(2)])
    pipeline = Late(Kind.CUSTOMERS, [path], answer=lambda _k, _c, _b, number: THERE if number else LOST)
    stop_at(pipeline, "found")
    figures = await pipeline.run()
    assert notes(pipeline)[-1] == "found"
    assert (figures.accepted, figures.pending, figures.dead, figures.closes) == (1, 1, 0, True)


async def test_a_stop_ends_with_a_note(tmp_path):
    """The next process knows what was read and not sent yet."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(3000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path])
    stop_at(pipeline, "send")
    figures = await pipeline.run()
    assert pipeline.journal.noted == 1
    assert pipeline.journal.progress.figures.read == figures.read


async def test_no_checkpoint_is_beyond_a_record_without_an_outcome(tmp_path):
    """A restart reads from there: every line before it was accepted or is dead, in whatever order that happened."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(5200)])

    def answer(_kind, entries, _body, number):
        if number == 0:
            return NO_CONNECTION  # the first batch waits, later ones go on
        return REFUSED if "c1500" in {entry["id"] for entry in entries} else None

    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=answer)
    checkpoints = watch_checkpoints(pipeline)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead) == (5199, 1)
    assert checkpoints == sorted(checkpoints)
    assert checkpoints[-1] == 5201


async def test_a_record_that_waits_for_its_batch_to_fill_holds_the_checkpoint(tmp_path):
    """However many of the records after it have left: no other record fits into its batch."""
    made = [record(Kind.TRANSACTIONS, number, items=600 + number if number else 500) for number in range(40)]
    pipeline = PipelineUnderTest(Kind.TRANSACTIONS, [write_export(tmp_path / "in", made)])
    checkpoints = watch_checkpoints(pipeline)
    assert (await pipeline.run()).accepted == 40
    assert checkpoints[-1] == 41


async def test_the_rest_of_a_refused_batch_holds_the_checkpoint(tmp_path):
    """Until it is packed again, while batches after it are sent."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(1000)])

    def answer(_kind, entries, _body, _number):
        return REFUSED if "c5" in {entry["id"] for entry in entries} else None

    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=answer, max_body_bytes=20_000)
    checkpoints = watch_checkpoints(pipeline)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, checkpoints[-1]) == (999, 1, 1001)


def watch_checkpoints(pipeline):
    """Compare each checkpoint with what the server has and with the dead letters; yield the lines as they come."""
    checkpoints = []

    def look(_what, progress):
        line = progress.checkpoint.line
        checkpoints.append(line)
        settled = {int(customer[1:]) + 1 for customer in pipeline.api.applied_customers}
        settled |= {letter.line for letter in pipeline.memory.letters}
        assert set(range(1, line)) <= settled

    pipeline.journal.watch = look
    return checkpoints
