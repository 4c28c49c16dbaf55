"""The canary: one record of each kind goes first, arrives as it was sent, and the rest follows; or nothing follows.

Processes may die at any operation (`mortal_world`), in virtual time. The API in memory shows what it has applied after
a while, like the vendor's.
"""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from fakes import LOST, REFUSED, FakeApi, Remembering, event, item_key, record, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters
from msgspec import UNSET

from masivo_stream.edges.api import Reply
from masivo_stream.model.attempt import Answer, Body
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, InputError
from masivo_stream.model.notices import CanaryChosen, CanaryEnded, CanarySeen
from masivo_stream.model.verification import Seen

REWARD = transaction()["reward_id"]
SHOWS_AFTER = 7.0
CANARY = "c4"
"""The first customer with a record of each kind, and a balance that adds up."""


class ShowingWorld(World):
    """A world whose API shows what it has applied, `SHOWS_AFTER` seconds later. `show` may change an answer's data."""

    def __init__(self, path, answer=None, limit="1/1s"):
        super().__init__(path, answer, limit=limit)
        self.bodies = {}
        """What was applied of each customer: kind, moment, entry."""
        self.show = lambda kind, data: data
        self.requests = []
        self.headers = {}

    def api(self, clock, life, answer):
        world = self

        class Api(FakeApi):
            async def send(self, kind, body, token, departed):
                life.operation()
                attempt = await super().send(kind, body, token, departed)
                world.requests.append((kind, [entry["id"] for entry in json.loads(body)["customers"]], attempt))
                return attempt

            def _apply(self, kind, customers):
                super()._apply(kind, customers)
                for entry in customers:
                    world.bodies.setdefault(entry["id"], []).append((kind, clock.wall(), entry))
                life.operation()

            def _shown(self, customer):
                now = clock.wall()
                return [
                    each for each in world.bodies.get(customer, []) if now - each[1] >= timedelta(seconds=SHOWS_AFTER)
                ]

            async def read_customer(self, customer):
                await clock.sleep(0.1)
                applied = self._shown(customer)
                known = next((entry for kind, _, entry in applied if kind is Kind.CUSTOMERS), None)
                if known is None:
                    return Reply(Answer(status=404, body=Body.OBJECT))
                events = [(at, each) for kind, at, entry in applied if kind is Kind.EVENTS for each in entry["events"]]
                about = {name: value for name, value in known.items() if name != "balance"} | {"status": "ACTIVE"}
                if events:
                    counted = {"number_of_purchases": len(events)}
                    about["metrics"] = {"lifetime": counted, "updated_at": max(at for at, _ in events).isoformat()}
                totals = [{"reward_id": each["reward_id"], "total": each["amount"]} for each in known["balance"]]
                data = world.show("customer", {"customer": about, "wallet": {"totals": totals}})
                shown = Answer(status=200, body=Body.OBJECT, limit="1000", remaining="990", reset="80000")
                return Reply(shown, json.dumps({"data": data}).encode())

            async def read_transactions(self, customer, year):
                booked = [
                    each
                    for kind, _, entry in self._shown(customer)
                    if kind is Kind.TRANSACTIONS
                    for each in entry["transactions"]
                ]
                data = world.show("transactions", booked)
                return Reply(Answer(status=200, body=Body.OBJECT), json.dumps({"data": data}).encode())

        api = Api(clock, answer=answer)
        api.applied = self.applied
        return api

    @property
    def sent(self):
        return [(kind, customers) for kind, customers, _ in self.requests]


def balanced(number, amounts):
    return record(Kind.CUSTOMERS, number, balance=[{"reward_id": REWARD, "amount": sum(amounts)}])


def make_world(path, answer=None, limit="1/1s"):
    """Thirty customers; the fourth is the first one who has everything. Lines before it are faulty, or dead letters."""
    world = ShowingWorld(path, answer, limit)
    customers = [balanced(number, range(1, 4)) for number in range(30)]
    customers[3]["balance"][0]["amount"] = 1
    events = [record(Kind.EVENTS, number, items=2) for number in (0, 2, 3, *range(4, 20))]
    transactions = [record(Kind.TRANSACTIONS, number, items=3) for number in (1, 3, *range(29, 3, -1))]
    for each in transactions:  # before the run begins in virtual time: later ones count as the customer's own
        each["transactions"] = [booked | {"issued_at": "2020-01-30T17:50:19Z"} for booked in each["transactions"]]
    world.export(Kind.CUSTOMERS, [{"id": 5}, *customers])
    world.export(Kind.EVENTS, [*events[:2], {"id": "c2"}, *events[2:]])
    world.export(Kind.TRANSACTIONS, transactions)
    world.canary = True

    def items(records, field):
        return {(each["id"], item_key(item)) for each in records for item in each[field]}

    valid = {
        Kind.CUSTOMERS: {(each["id"], '""') for each in customers},
        Kind.EVENTS: items(events, "events"),
        Kind.TRANSACTIONS: items(transactions, "transactions"),
    }
    return world, valid, {Kind.CUSTOMERS: [1], Kind.EVENTS: [3], Kind.TRANSACTIONS: []}


FIRST = [(kind, [CANARY]) for kind in Kind]


def test_one_record_of_each_kind_is_sent_before_the_rest(tmp_path):
    """It costs one request of each kind, and everything arrives once."""
    for name in ("canary", "without"):
        (tmp_path / name).mkdir()
    world, valid, dead = make_world(tmp_path / "canary")
    notices = world.observer = Remembering()
    summary = world.live(Life())
    world.check(summary, valid, dead)
    assert world.sent[:3] == FIRST
    assert all(CANARY not in customers for _, customers in world.sent[3:])
    assert summary.canary.passed
    assert [(each.kind, each.line, each.seen) for each in summary.canary.records] == [
        (Kind.CUSTOMERS, 6, Seen.CONFIRMED),
        (Kind.EVENTS, 5, Seen.CONFIRMED),
        (Kind.TRANSACTIONS, 28, Seen.CONFIRMED),
    ]
    assert all(SHOWS_AFTER <= each.seconds <= 4 * SHOWS_AFTER for each in summary.canary.records)
    assert summary.canary.records[0].added == ("status",)
    assert "still the exported balance" in "\n".join(summary.canary.learnt)
    assert "probably a development account" in "\n".join(summary.canary.learnt)
    kinds = [type(notice) for notice in notices.notices if type(notice) in {CanaryChosen, CanarySeen, CanaryEnded}]
    assert notes(world) == ["canary chosen", "canary passed"]
    assert kinds == [CanaryChosen, CanarySeen, CanarySeen, CanarySeen, CanaryEnded]
    plain, valid, dead = make_world(tmp_path / "without")
    plain.canary = False
    without = plain.live(Life())
    plain.check(without, valid, dead)
    assert {kind: figures.requests for kind, figures in summary.kinds.items()} == {
        kind: figures.requests + 1 for kind, figures in without.kinds.items()
    }
    assert without.canary is UNSET
    assert notes(plain) == []


def test_a_run_that_has_passed_or_begun_has_no_canary(tmp_path):
    """A second process sends nothing; nor does a run that began without a canary send one later."""
    world, valid, dead = make_world(tmp_path)
    world.canary = False
    world.live(Life(9))
    world.canary = True
    summary = world.live(Life())
    world.check(summary, valid, dead)
    assert summary.canary is UNSET
    before = len(world.requests)
    world.check(world.live(Life()), valid, dead)
    assert len(world.requests) == before


def test_no_canary_is_sent_twice_after_a_death_at_every_operation(tmp_path):
    """Whatever is the last operation of a process, the next one goes on; what is in doubt waits for a person."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, valid, dead = make_world(path)
        died = world.live(Life(dies_at)) is None
        summary = world.live(Life())
        if summary.outcome == "stopped":  # it died while the canary of events or transactions was on the wire
            assert (summary.exit_code, summary.closes) == (ExitCode.IN_DOUBT, True)
            assert "in doubt" in summary.message
            assert all(len(customers) == 1 for _, customers in world.sent)
            world.canary = False
            summary = world.live(Life())
        world.check(summary, valid, dead)
        assert set(world.applied.values()) == {1} or _only_customers_twice(world)
        dies_at += 1
    assert dies_at > 30


def _only_customers_twice(world):
    return {kind for (kind, *_), count in world.applied.items() if count > 1} <= {"customers"}


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives=st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=7),
    limit=st.sampled_from(["1/1s", "none"]),
)
def test_a_run_survives_any_number_of_deaths_with_and_without_a_canary(tmp_path_factory, lives, limit):
    """Processes with `--canary` and without, one after the other, reach the same end as one that lives."""
    world, valid, dead = make_world(tmp_path_factory.mktemp("world"), limit=limit)
    for dies_at, canary in lives:
        world.canary = canary
        world.live(Life(dies_at))
    world.canary = False
    world.check(world.live(Life()), valid, dead)


def stopped(world):
    """Run once; the canary stops it, and nothing but the canary is sent."""
    summary = world.live(Life())
    assert (summary.outcome, summary.closes, summary.canary.passed) == ("stopped", True, False)
    assert all(customers == [CANARY] for _, customers in world.sent)
    return summary


def goes_on(world, valid, dead):
    """Without the canary, everything else is sent, once."""
    world.canary = False
    world.check(world.live(Life()), valid, dead)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_refusal_stops_the_run(tmp_path, kind):
    """Its record is a dead letter, and a second process with a canary stops at once, without a request."""

    def answer(of, entries, *_):
        return REFUSED if of is kind and any(entry["id"] == CANARY for entry in entries) else None

    world, valid, dead = make_world(tmp_path, answer)
    summary = stopped(world)
    assert summary.exit_code == ExitCode.OUTAGE
    assert "was refused" in summary.message
    assert summary.canary.records[-1].outcome == "refused"
    before = list(world.sent)
    assert len(before) == 1 + list(Kind).index(kind)
    again = stopped(world)
    assert (again.message, world.sent) == (summary.message, before)
    (letter,) = [each for each in world.dead_letters(kind) if each["reason"] == "refused"]
    places = dict(zip(Kind, (6, 5, 28), strict=True))
    assert letter["line"] == places[kind]
    held = list(Kind)[list(Kind).index(kind) :] if kind is Kind.CUSTOMERS else [kind]
    for of in held:
        valid[of] = {item for item in valid[of] if item[0] != CANARY}
        dead[of] = [*dead[of], places[of]]
    goes_on(world, valid, dead)


@pytest.mark.parametrize("dies_at", [None, *range(3, 40, 6)])
def test_a_refused_canary_is_corrected_at_once(tmp_path, dies_at):
    """A retry takes its dead letter before anything else is sent: its copy is read, and its line is not."""
    refusing = [True]

    def answer(of, entries, *_):
        return REFUSED if of is Kind.EVENTS and refusing[0] and entries[0]["id"] == CANARY else None

    world, valid, dead = make_world(tmp_path, answer)
    stopped(world)
    refusing[0] = False
    (letter,) = world.dead_letters(Kind.EVENTS)
    assert letter["line"] == 5
    world.canary = False
    for each in (dies_at, None):
        work = retry_dead_letters if world.dead_letters(Kind.EVENTS) else None
        summary = world.live(Life(each), work)
    world.check(summary, valid, dead)
    assert all(count == 1 for (kind, *_), count in world.applied.items() if kind != "customers")


def test_an_export_may_grow_after_its_canary(tmp_path):
    """The run was stopped after the canary; what is added to a file since is read in its turn."""
    world, valid, dead = make_world(tmp_path)
    world.show = lambda what, data: data | {"wallet": {"totals": []}} if what == "customer" else data
    stopped(world)
    path = tmp_path / "customers.ndjson"
    added = balanced(90, [1, 2, 3])
    path.write_bytes(path.read_bytes() + json.dumps(added).encode() + b"\n")
    valid[Kind.CUSTOMERS].add((added["id"], '""'))
    goes_on(world, valid, dead)


def test_a_difference_stops_the_run_and_is_compared_again(tmp_path):
    """A wallet that is not the balance stops it; when it is, the same command goes on, and sends nothing twice."""
    world, valid, dead = make_world(tmp_path)
    wrong = [True]

    def show(what, data):
        if what == "customer" and wrong[0]:
            data["wallet"]["totals"][0]["total"] += 1
        return data

    world.show = show
    summary = stopped(world)
    assert summary.exit_code == ExitCode.OUTAGE
    assert "something else: wallet" in summary.message
    assert (summary.canary.records[-1].seen, summary.canary.records[-1].different) == (Seen.DIFFERENT, ("wallet",))
    assert world.sent == FIRST[:1]
    stopped(world)
    assert world.sent == FIRST[:1]
    wrong[0] = False
    summary = world.live(Life())
    world.check(summary, valid, dead)
    assert summary.canary.passed
    assert world.sent[:3] == FIRST
    assert summary.canary.records[0].seconds is None  # an earlier process got the answer


def test_the_run_notes_who_sends_the_rest_without_the_canary(tmp_path):
    """Once, whatever follows; a run whose canary has passed, or that had no canary, has no such note."""
    world, valid, dead = make_world(tmp_path)
    world.show = lambda what, data: data | {"wallet": {"totals": []}} if what == "customer" else data
    stopped(world)
    assert notes(world) == ["canary chosen", "canary stopped the run"]
    goes_on(world, valid, dead)
    goes_on(world, valid, dead)
    assert notes(world) == ["canary chosen", "canary stopped the run", "canary overruled"]


def notes(world):
    with closing(sqlite3.connect(world.state / "journal.db")) as journal:
        return [what for (what,) in journal.execute("SELECT what FROM notes ORDER BY rowid")]


def test_transactions_that_change_the_wallet_stop_the_run(tmp_path):
    """The account adds the transactions to the balance that came with the customer: all balances would be wrong."""
    world, valid, dead = make_world(tmp_path)

    def show(what, data):
        booked = [kind for kind, *_ in world.bodies[CANARY] if kind is Kind.TRANSACTIONS]
        if what == "customer" and booked:
            data["wallet"]["totals"][0]["total"] *= 2
        return data

    world.show = show
    summary = stopped(world)
    assert "wallet, since its transactions were sent" in summary.message
    assert world.sent == FIRST
    goes_on(world, valid, dead)


@pytest.mark.parametrize(("what", "count"), [("customer", 1), ("transactions", 3)])
def test_a_canary_that_never_shows_stops_the_run(tmp_path, what, count):
    """What was accepted is given `visible_timeout` to show."""
    world, *_ = make_world(tmp_path)
    world.flags["visible_timeout"] = 200
    world.show = lambda of, data: [] if of == "transactions" == what else data
    if what == "customer":
        world.bodies = type("Nothing", (dict,), {"get": lambda *_: []})()
    summary = stopped(world)
    assert "does not show" in summary.message
    assert len(world.sent) == count
    assert summary.canary.records[-1].seen is Seen.MISSING


def test_a_lost_answer_leaves_doubt_and_stops_the_run(tmp_path):
    """It is not known whether the events arrived: a person decides first, as always."""
    world, valid, dead = make_world(tmp_path, lambda kind, *_: LOST if kind is Kind.EVENTS else None)
    summary = stopped(world)
    assert summary.exit_code == ExitCode.IN_DOUBT
    assert "masivo-stream resolve" in summary.hint
    assert summary.canary.records[-1].outcome == "in doubt"
    assert world.sent == FIRST[:2]
    world.answer = None
    goes_on(world, valid, dead)
    assert [doubt["customer"] for doubt in world.doubts(Kind.EVENTS)] == [CANARY] * 1


def test_a_run_without_a_suitable_record_reports_it(tmp_path):
    """Nothing is sent: every customer has an id that cannot be read back for certain."""
    world = ShowingWorld(tmp_path)
    world.canary = True
    world.export(Kind.CUSTOMERS, [record(Kind.CUSTOMERS, 1) | {"id": "a/b"}])
    summary = world.live(Life())
    assert (summary.outcome, summary.exit_code, world.requests) == ("stopped", ExitCode.CONFIGURATION, [])
    assert "--no-canary" in summary.hint
    world.canary = False
    assert world.live(Life()).outcome == "complete"


def far_apart(path):
    """A world whose canary is in the second block of each export: all others lack a record of a kind."""
    world = ShowingWorld(path)
    world.canary = True
    world.export(Kind.CUSTOMERS, [balanced(number, [1]) for number in range(600)])
    world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in (*range(300), 550, *range(300, 400))])
    transactions = [record(Kind.TRANSACTIONS, number) for number in (*range(400, 600),)]
    world.export(Kind.TRANSACTIONS, transactions)
    return world


@pytest.mark.parametrize("limit", ["1/1s", "none"])
def test_a_canary_may_be_far_into_an_export(tmp_path, limit):
    """What is in front of it is read in its turn; a death in between changes nothing, and it is not sent again."""
    for dies_at in (None, 26, 30, 34, 40, 44, 50, 60):
        path = tmp_path / str(dies_at)
        path.mkdir()
        world = far_apart(path)
        world.limit, world.flags = limit, {"max_body_bytes": 20_000}
        world.live(Life(dies_at))
        for kind in Kind:
            (path / f"{kind}.ndjson").touch()  # so the next process compares what was read with its checksum
        world.canary = False
        summary = world.live(Life())
        alone = [(kind, customers) for kind, customers in world.sent if customers == ["c550"]]
        assert dies_at is not None or world.sent[:3] == alone == [(kind, ["c550"]) for kind in Kind]
        doubts = {doubt["customer"] for kind in Kind for doubt in world.doubts(kind)}
        once = {key: count for key, count in world.applied.items() if key[0] != "customers"}
        assert set(once.values()) == {1}
        assert summary.closes
        applied = {kind: {customer for of, customer, _ in world.applied if of == kind} for kind in Kind}
        assert len(applied[Kind.CUSTOMERS]) == 600
        assert len(applied[Kind.EVENTS] | doubts) >= 401
        assert summary.kinds[Kind.CUSTOMERS].read == 600
        assert world.live(Life()).closes  # the exports are recognised


def test_an_export_that_has_changed_since_is_refused(tmp_path):
    """A line in front of the canary is changed while the run is stopped: its places would be wrong."""
    world, *_ = make_world(tmp_path)
    world.show = lambda what, data: data | {"wallet": {"totals": []}} if what == "customer" else data
    stopped(world)
    path = tmp_path / "customers.ndjson"
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError):
        world.live(Life())


def test_kinds_without_a_record_of_the_customer_are_not_tried(tmp_path):
    """The customer has no events, and a run of two kinds has no third one."""
    world = ShowingWorld(tmp_path)
    world.canary = True
    world.export(Kind.CUSTOMERS, [balanced(1, [4]), balanced(2, [1])])
    world.export(Kind.EVENTS, [{"id": "c1", "events": [event("p", type="VISIT")]}, record(Kind.EVENTS, 99)])
    world.export(Kind.TRANSACTIONS, [record(Kind.TRANSACTIONS, 2)])
    summary = world.live(Life())
    assert [each.kind for each in summary.canary.records] == [Kind.CUSTOMERS, Kind.TRANSACTIONS]
    assert any(sentence.startswith("events: not tried") for sentence in summary.canary.learnt)
    assert summary.closes


def test_what_an_earlier_run_sent_is_no_canary(tmp_path):
    """The first record's purchase is in the account already: the next customer's goes first, and each counts once."""
    purchases = [{"id": f"c{number}", "events": [event(f"p{number}")]} for number in range(3)]
    for name, records in (("first", purchases[:1]), ("second", purchases)):
        (tmp_path / name).mkdir()
        world = ShowingWorld(tmp_path / name)
        world.flags = {"shared_dir": str(tmp_path / "shared")}
        world.export(Kind.CUSTOMERS, [balanced(number, [1]) for number in range(len(records))])
        world.export(Kind.EVENTS, records)
        world.canary = name == "second"
        summary = world.live(Life())
    assert [customers for kind, customers in world.sent if kind is Kind.EVENTS] == [["c1"], ["c2"]]
    assert [(each["reason"], each["line"]) for each in world.dead_letters(Kind.EVENTS)] == [("sent_before", 1)]
    assert (summary.exit_code, summary.closes, summary.canary.passed) == (ExitCode.DEAD_LETTERS, True, True)
