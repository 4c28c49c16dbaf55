"""Isolation in a run: names are used, messages are kept, budgets hold, and a restart remembers."""

import json

import pytest
from fakes import LOST, REFUSED, PipelineUnderTest, record, write_export
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.core.sending.refusal_limits import IN_A_ROW, SYSTEMATIC
from masivo_stream.model.attempt import Answer, Body, NamedFault
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import DeniedError, ExitCode
from masivo_stream.model.notices import LimitLearned


def refusing(bad, name="customers[{}] is not taken"):
    """Refuse every request with one of these customers. The message names the first one, in the given form, if any."""

    def answer(_kind, entries, _body, _number):
        places = [place for place, entry in enumerate(entries) if entry["id"] in bad]
        if not places:
            return None
        details = name.format(places[0], entries[places[0]]["id"]) if name else "no"
        return Answer(status=422, error="Invalid customer entry", details=details)

    return answer


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", ["customers[{0}].x is not taken", "customer {1} is not taken", '[{{"index": {0}}}]'])
async def test_a_named_bad_record_costs_one_request(kind, name, tmp_path):
    """It is left out, and the rest proves that it was the bad record. The refusal's message is in its dead letter."""
    path = write_export(tmp_path / "in", [record(kind, f"-{number:04}x") for number in range(3000)])
    pipeline = PipelineUnderTest(kind, [path], answer=refusing({"c-0700x", "c-2100x"}, name))
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.requests) == (2998, 2, figures.requests_lower_bound + 2)
    assert sorted(json.loads(letter.raw)["id"] for letter in pipeline.memory.letters) == ["c-0700x", "c-2100x"]
    assert all(letter.message.endswith(refusal_of(letter, name)) for letter in pipeline.memory.letters)


def refusal_of(letter, name):
    return name.format("700", json.loads(letter.raw)["id"]).split("700")[-1][-9:]


async def test_bad_records_named_one_after_the_other_cost_one_request_each(tmp_path):
    """Each one is named when the one before is left out. Each dead letter has the message that was about it."""
    bad = {f"c{number}" for number in (10, 20, 30, 990)}
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(1000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=refusing(bad, "customer {1} is not taken"))
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.requests) == (996, 4, 5)
    for letter in pipeline.memory.letters:
        assert f"customer {json.loads(letter.raw)['id']} " in letter.message


async def test_a_whole_export_that_is_refused_stops_at_the_budget(tmp_path):
    """There is one bad record after another, with good ones in between: at some point the export is at fault."""
    records = [record(Kind.CUSTOMERS, number) for number in range(400)]
    path = write_export(tmp_path / "in", records)
    pipeline = PipelineUnderTest(
        Kind.CUSTOMERS,
        [path],
        answer=refusing({f"c{number}" for number in range(0, 400, 4)}, ""),
        isolation_budget=60,
    )
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert "isolation_budget" in str(pipeline.stop.cause)
    assert sum(status == 422 for *_, status in pipeline.api.requests) == 60
    assert figures.closes


async def test_refusals_with_different_messages_take_longer_to_stop_a_run(tmp_path):
    """They may be about records, each about its own."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(400)])

    def answer(_kind, _entries, _body, number):
        return Answer(status=422, error=f"no {number}", details="")

    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=answer)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    most = max(IN_A_ROW, 4 * SYSTEMATIC)
    assert most <= figures.requests <= most + 1


async def test_a_limit_in_bytes_is_learned_with_few_requests(tmp_path):
    """Down to half, or to the largest body that was accepted, if that is larger. The next process knows the limit."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(4000)])
    largest = 70_000

    def answer(_kind, _entries, body, _number):
        return Answer(status=413) if len(body) > largest else None

    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=answer)
    figures = await pipeline.run()
    learned = [notice.max_body_bytes for notice in pipeline.memory.notices if isinstance(notice, LimitLearned)]
    assert figures.accepted == 4000
    assert sum(status == 413 for *_, status in pipeline.api.requests) <= 4
    assert learned[-1] <= largest
    assert pipeline.journal.learned == learned[-1]


RECORDS = 64


class Answers:
    """Refuses each body with the bad record; remembers every body."""

    def __init__(self, culprit):
        self.culprit = culprit
        self.refused, self.validated = [], 0

    def __call__(self, _kind, entries, body, _number):
        self.validated += 1
        if any(entry["id"] == self.culprit for entry in entries):
            self.refused.append(body)
            return REFUSED
        return None


@pytest.mark.slow
@pytest.mark.parametrize("culprit", [0, 37])
def test_isolation_continues_where_its_process_died(culprit, tmp_path_factory):
    """Killed at any operation: no set that is known to hold the bad record is sent again, and few requests are lost."""
    whole = Answers(f"c{culprit}")
    live(tmp_path_factory.mktemp("whole"), whole, None)
    for dies_at in range(3, 110):
        answers = Answers(f"c{culprit}")
        world, first = live(tmp_path_factory.mktemp("killed"), answers, dies_at)
        if first is not None:
            break
        summary = world.live(Life())
        assert len(answers.refused) == len(set(answers.refused)), f"killed at {dies_at}"
        assert answers.validated <= whole.validated + 3, f"killed at {dies_at}"
        figures = summary.kinds["events"]
        assert figures.accepted + figures.dead + figures.in_doubt == RECORDS
        assert summary.closes
    else:
        raise AssertionError("it lives longer than that")


def live(path, answers, dies_at):
    world = World(path, answers)
    world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in range(RECORDS)])
    return world, world.live(Life(dies_at))


@pytest.mark.slow
def test_a_batch_in_doubt_during_isolation_is_not_sent_again(tmp_path_factory):
    """What is before the checkpoint has an outcome, although a refused batch without a bad record begins before it."""

    def answers():
        lost = []

        def answer(_kind, entries, _body, _number):
            named = {entry["id"] for entry in entries}
            if "c90" in named:
                return REFUSED
            if "c60" in named and not lost:
                lost.append(named)
                return LOST
            return None

        return answer

    for dies_at in range(18, 30):  # while the doubt is there, and what follows it has no outcome
        world = World(tmp_path_factory.mktemp("doubt"), answers())
        world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in range(100)])
        assert world.live(Life(dies_at)) is None
        summary = world.live(Life())
        figures = summary.kinds["events"]
        assert summary.closes, f"killed at {dies_at}"
        assert set(world.applied.values()) == {1}, f"killed at {dies_at}"
        assert figures.accepted + figures.dead + figures.in_doubt == 100


@pytest.mark.parametrize("second", [REFUSED, LOST])
def test_a_retried_record_is_not_a_suspect_of_its_old_batch(second, tmp_path):
    """Migrate, retry, migrate, retry: each dead letter once, each record applied once, whatever the retry achieved."""
    moods = [REFUSED, second, None]

    def answer(_kind, entries, _body, _number):
        return moods[0] if any(entry["id"] == "c9" for entry in entries) else None

    world = World(tmp_path, answer)
    world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in range(10)])
    for mood, work in ((0, None), (1, retry_dead_letters), (1, None), (2, retry_dead_letters)):
        moods[0] = (REFUSED, second, None)[mood]
        summary = world.live(Life(), work)
        figures = summary.kinds["events"]
        assert summary.closes
        assert figures.accepted + figures.dead + figures.in_doubt == 10
        assert len(world.dead_letters(Kind.EVENTS)) == figures.dead
    assert set(world.applied.values()) == {1}
    assert (figures.accepted, figures.in_doubt) == ((10, 0) if second is REFUSED else (9, 1))


PAGE = Answer(status=403, body=Body.PAGE, server="cloudflare", trace="CF-Ray: 8f1")
WHO = "403 from a firewall or proxy (Server: cloudflare, CF-Ray: 8f1), not from the API"


def disliking(bad, page=PAGE):
    """Answer a page to every request with one of these customers."""
    return lambda _kind, entries, _body, _number: page if any(entry["id"] in bad for entry in entries) else None


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("bad", [{0}, {999}, {1000}, {0, 1, 2}, {0, 700}, {5, 6, 1400, 1401}])
@pytest.mark.parametrize("uploaders", [1, 2])
async def test_a_record_that_a_firewall_blocks_is_found(kind, bad, uploaders, tmp_path):
    """Wherever it is, all others arrive once, and its dead letter names the firewall."""
    path = write_export(tmp_path / "in", [record(kind, number) for number in range(1500)])
    pipeline = PipelineUnderTest(kind, [path], answer=disliking({f"c{number}" for number in bad}), uploaders=uploaders)
    figures = await pipeline.run()
    assert pipeline.stop.cause is None
    assert (figures.accepted, figures.dead, figures.closes) == (1500 - len(bad), len(bad), True)
    assert {letter.line - 1 for letter in pipeline.memory.letters} == bad
    assert {(letter.message, letter.status) for letter in pipeline.memory.letters} == {(WHO, 403)}
    assert set(pipeline.api.applied.values()) == {1}
    assert figures.requests <= figures.requests_lower_bound + 13 * len(bad) + 2


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("records", [1, 2, 3, 1000, 5000])
async def test_a_firewall_that_blocks_every_request_makes_no_dead_letter(kind, records, tmp_path):
    """It soon stops the run. Nothing is in doubt, and everything can be sent when requests pass again."""
    path = write_export(tmp_path / "in", [record(kind, number) for number in range(records)])
    pipeline = PipelineUnderTest(kind, [path], answer=lambda *_: PAGE)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert WHO in str(pipeline.stop.cause)
    assert "firewall" in pipeline.stop.cause.hint
    assert (figures.dead, figures.in_doubt, figures.closes) == (0, 0, True)
    assert pipeline.memory.letters == []
    assert figures.requests <= 2 * 2 * SYSTEMATIC


@pytest.mark.parametrize("begins", [1, 2, 5])
@pytest.mark.parametrize("lasts", [1, 3, 11, 12])
async def test_a_firewall_that_blocks_for_a_while_makes_no_dead_letter(begins, lasts, tmp_path):
    """As with too many requests: what it refused is sent once more before it counts against a record."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(6000)])

    def answer(_kind, _entries, _body, number):
        return PAGE if begins <= number < begins + lasts else None

    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=answer, uploaders=1)
    figures = await pipeline.run()
    assert (pipeline.stop.cause, figures.accepted, figures.dead) == (None, 6000, 0)
    assert set(pipeline.api.applied.values()) == {1}


def test_a_refusal_by_a_firewall_does_not_count_in_the_next_process(tmp_path):
    """What it refused alone is not a bad record when the same command continues. Then everything arrives."""
    moods = [PAGE]
    world = World(tmp_path, lambda *_: moods[0])
    world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in range(40)])
    first = world.live(Life())
    assert (first.exit_code, first.kinds["events"].pending, first.closes) == (ExitCode.DENIED, 40, True)
    moods[0] = None
    second = world.live(Life())
    assert (second.outcome, second.kinds["events"].accepted) == ("complete", 40)
    assert set(world.applied.values()) == {1}


async def test_a_firewall_and_the_api_may_refuse_different_records(tmp_path):
    """Each dead letter has the message of the one that refused it."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(2000)])

    def answer(kind, entries, body, number):
        return disliking({"c3", "c4", "c1700"})(kind, entries, body, number) or (
            REFUSED if any(entry["id"] in {"c5", "c900"} for entry in entries) else None
        )

    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=answer)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead) == (1995, 5)
    told = {letter.line - 1: letter.message == WHO for letter in pipeline.memory.letters}
    assert told == {3: True, 4: True, 1700: True, 5: False, 900: False}


@pytest.mark.parametrize("shape", [("", '["customers[{0}].x"]'), ("customers[{0}].x is bad", ""), ("customer {1}", "")])
async def test_a_bad_record_may_be_named_in_either_part_of_the_message(shape, tmp_path):
    """If a refusal is one sentence, it names the bad record there."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, f"-{number:04}x") for number in range(1000)])

    def answer(_kind, entries, _body, _number):
        places = [place for place, entry in enumerate(entries) if entry["id"] == "c-0700x"]
        words = [part.format(*places, "c-0700x") for part in shape] if places else []
        return Answer(status=422, error=words[0], details=words[1]) if places else None

    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=answer)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.requests) == (999, 1, 2)


@pytest.mark.parametrize("kind", Kind)
async def test_the_dead_letter_has_every_fault_that_the_api_names(kind, tmp_path):
    """Of a batch that names several records, each dead letter has what is about its own."""
    bad = {"c-0003x": ["email", "name"], "c-0007x": ["id"]}

    def answer(_kind, entries, _body, _number):
        places = [(place, field) for place, each in enumerate(entries) for field in bad.get(each["id"], [])]
        faults = tuple(NamedFault(place, (field,), f"{field} is wrong") for place, field in places)
        details = "; ".join(f"customers[{place}].{field} is wrong" for place, field in places)
        return Answer(status=422, error="no", details=details, faults=faults) if faults else None

    path = write_export(tmp_path / "in", [record(kind, f"-{number:04}x") for number in range(20)])
    pipeline = PipelineUnderTest(kind, [path], answer=answer)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead) == (18, 2)
    found = {
        json.loads(letter.raw)["id"]: [(fault.reason, fault.field, fault.message) for fault in letter.faults]
        for letter in pipeline.memory.letters
    }
    assert found == {
        customer: [("refused", field, f"{field} is wrong") for field in fields] for customer, fields in bad.items()
    }
    assert all((letter.field, letter.message[:4]) == ("", "no: ") for letter in pipeline.memory.letters)


async def test_a_refusal_that_names_no_field_is_its_own_fault(tmp_path):
    """The list is never empty."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(8)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=refusing({"c3"}, ""))
    await pipeline.run()
    (letter,) = pipeline.memory.letters
    assert [(fault.reason, fault.field, fault.message) for fault in letter.faults] == [("refused", "", letter.message)]
