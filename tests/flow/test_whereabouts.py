"""Which customers are there and which are not: only the API's own answers count."""

import anyio
import pytest
from fakes import Remembering

from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.customers import CustomerTable
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
    """Gives each customer's answers one after the other, then the last one again and again."""

    def __init__(self, answers):
        self.answers = {customer: list(given) for customer, given in answers.items()}
        self.reads = []

    async def read_customer(self, customer):
        self.reads.append(customer)
        given = self.answers[customer]
        return given.pop(0) if len(given) > 1 else given[0]


async def find_out(answers, *, known_gone=False):
    """Read customers back; return what is known about each, the error that ended it, and which were read."""
    account, clock, table, memory = Account(answers), FakeClock(), CustomerTable(b"salt"), Remembering()
    for customer in answers:
        table.add(customer)
    table.close()
    stop = StopControl(clock, drain_time=0)
    check = WhereaboutsCheck(account, load_settings(flags={"uploaders": 2}), stop, memory)

    async def names():
        for customer in [*answers, *answers]:
            yield customer

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        with stop.work:
            await check.ask(names(), table, of=len(answers))
            check.settle_refused(table, known_gone=known_gone)
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
async def test_only_the_apis_own_answer_counts(given, known, reads):
    """Otherwise the customer is read again, and then left open. Each customer is checked once."""
    found, error, read = await find_out({"c": given})
    assert (found, error, len(read)) == ({"c": known}, None, reads)


@pytest.mark.parametrize("customer", [".", ".."])
async def test_ids_that_mean_another_path_are_not_read_back(customer):
    """A gateway would read another path."""
    found, _, read = await find_out({customer: [FOUND]})
    assert (found, read) == ({customer: Whereabouts.UNREADABLE}, [])


@pytest.mark.parametrize("customer", ["a/b", "a\\b", "a%2Fb"])
async def test_a_404_to_an_odd_id_counts_if_another_one_came_through(customer):
    """Or if it is known otherwise. In other cases a gateway may have answered."""
    assert (await find_out({customer: [MISSING]}))[0] == {customer: Whereabouts.UNREADABLE}
    assert (await find_out({customer: [MISSING], "c": [FOUND]}))[0][customer] == Whereabouts.UNREADABLE
    assert (await find_out({customer: [MISSING]}, known_gone=True))[0] == {customer: Whereabouts.GONE}
    found, _, _ = await find_out({customer: [MISSING], "other/one": [FOUND]})
    assert found == {customer: Whereabouts.GONE, "other/one": Whereabouts.THERE}


async def test_an_outage_ends_the_search():
    """After ten in a row without a legible answer no more are read. An answer in between resets the count."""
    _, error, read = await find_out({f"c{number}": [BROKEN] for number in range(50)})
    assert isinstance(error, OutageError)
    assert len(set(read)) <= 12
    answers = {f"c{number}": [BROKEN] if number % 8 else [MISSING] for number in range(50)}
    found, error, _ = await find_out(answers)
    assert error is None
    assert list(found.values()).count(Whereabouts.GONE) == 7
