"""Who is there and who is not: only what the API itself says counts."""

import anyio
import pytest
from fakes import Remembering

from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.customers.table import CustomerTable
from masivo_stream.flow.readback.whereabouts import Whereabouts, WhereaboutsCheck
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Answer, Body, Cause, Failure
from masivo_stream.model.errors import OutageError

HELD = b'{"data":{"customer":{"id":"c"}}}'
FOUND, MISSING, BUSY = Reply(Answer(status=200), HELD), Reply(Answer(status=404)), Reply(Answer(status=429))
BROKEN, LOST = Reply(Answer(status=503)), Reply(Failure(cause=Cause.RESET, sent=True))
PAGE, NO_PAGE = (
    Reply(Answer(status=200, body=Body.PAGE), b"<html>"),
    Reply(Answer(status=404, body=Body.PAGE), b"<html>"),
)


class Account:
    """Answers for each customer, one after the other; the last one stays."""

    def __init__(self, answers):
        self.answers = {customer: list(given) for customer, given in answers.items()}
        self.reads = []

    async def read_customer(self, customer):
        self.reads.append(customer)
        given = self.answers[customer]
        return given.pop(0) if len(given) > 1 else given[0]


async def inquire(answers, *, known_gone=False):
    """Ask for customers; return what is known of each, the error that stopped it, and who was read."""
    account, clock, table, memory = Account(answers), FakeClock(), CustomerTable(b"salt"), Remembering()
    for customer in answers:
        table.add(customer)
    table.close()
    stop = StopControl(clock, drain_time=0)
    inquiry = WhereaboutsCheck(account, load_settings(flags={"uploaders": 2}), stop, memory)

    async def names():
        for customer in [*answers, *answers]:
            yield customer

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        with stop.work:
            await inquiry.ask(names(), table, of=len(answers))
            inquiry.settle_refused(table, known_gone=known_gone)
        tasks.cancel_scope.cancel()
    return {customer: Whereabouts(table[customer]) for customer in answers}, stop.cause, account.reads


@pytest.mark.parametrize(
    ("given", "known", "reads"),
    [
        ([FOUND], Whereabouts.THERE, 1),
        ([MISSING], Whereabouts.GONE, 1),
        ([BROKEN, LOST, MISSING], Whereabouts.GONE, 3),
        ([BUSY] * 9 + [FOUND], Whereabouts.THERE, 10),
        ([BROKEN], Whereabouts.UNREAD, 3),
        ([LOST], Whereabouts.UNREAD, 3),
        ([PAGE], Whereabouts.UNREAD, 3),
        ([NO_PAGE], Whereabouts.UNREAD, 3),
        ([Reply(Answer(status=200), b"{}")], Whereabouts.UNREAD, 3),
        ([Reply(Answer(status=410))], Whereabouts.UNREAD, 3),
        ([Reply(Answer(status=204))], Whereabouts.UNREAD, 3),
    ],
)
async def test_only_the_apis_own_word_counts(given, known, reads):
    """Anything else is asked for again, and then left open; each customer is asked for once."""
    found, error, read = await inquire({"c": given})
    assert (found, error, len(read)) == ({"c": known}, None, reads)


@pytest.mark.parametrize("customer", [".", ".."])
async def test_ids_that_mean_another_path_are_not_asked_for(customer):
    """Whatever lies between would read something else."""
    found, _, read = await inquire({customer: [FOUND]})
    assert (found, read) == ({customer: Whereabouts.UNREADABLE}, [])


@pytest.mark.parametrize("customer", ["a/b", "a\\b", "a%2Fb"])
async def test_a_404_of_an_odd_id_counts_where_another_one_came_through(customer):
    """Or where it is known otherwise; else a gateway may have said it."""
    assert (await inquire({customer: [MISSING]}))[0] == {customer: Whereabouts.UNREADABLE}
    assert (await inquire({customer: [MISSING], "c": [FOUND]}))[0][customer] == Whereabouts.UNREADABLE
    assert (await inquire({customer: [MISSING]}, known_gone=True))[0] == {customer: Whereabouts.GONE}
    found, _, _ = await inquire({customer: [MISSING], "other/one": [FOUND]})
    assert found == {customer: Whereabouts.GONE, "other/one": Whereabouts.THERE}


async def test_an_outage_ends_it():
    """Ten in a row without a legible answer: no more are asked for. One that answers in between begins anew."""
    _, error, read = await inquire({f"c{number}": [BROKEN] for number in range(50)})
    assert isinstance(error, OutageError)
    assert len(set(read)) <= 12
    answers = {f"c{number}": [BROKEN] if number % 8 else [MISSING] for number in range(50)}
    found, error, _ = await inquire(answers)
    assert error is None
    assert list(found.values()).count(Whereabouts.GONE) == 7
