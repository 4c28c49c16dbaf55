"""A run is taken back in part: `--only-missing` sends exactly that again, and the run continues."""

import json
from contextlib import asynccontextmanager

import msgspec
import pytest
from fakes import event, record, transaction
from flow.taken_back import FAR, LONG_AGO, TakenBack

from masivo_stream.edges.export.identity import decode_identity, encode_identity
from masivo_stream.flow.commands.resolve import Decisions, resolve
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError, OutageError
from masivo_stream.sandbox import SandboxOptions, parse_faults, running

pytestmark = pytest.mark.slow


@asynccontextmanager
async def sandbox(folder, *faults, port=0):
    """Serve an account that outlives the sandbox; at the same port it is the same one."""
    options = SandboxOptions(visible_after=0.05, store=str(folder / "store.db"), port=port, faults=parse_faults(faults))
    async with running(options) as served:
        yield served


@pytest.fixture
async def run(tmp_path):
    """Three kinds, to be migrated."""
    async with sandbox(tmp_path) as served:
        yield TakenBack(tmp_path, served)


async def whole(run, summary, *, without=()):
    """Check that the run is complete, and that the account holds all of the exports once."""
    assert (summary.outcome, summary.exit_code, summary.closes) == ("complete", 0, True), summary
    assert await run.account() == run.wanted(without)
    assert run.status().outcome == "complete"


async def requests(run):
    """Return how many batches arrived."""
    found = (await run.settled()).requests
    return {kind: sum(found.get(kind, {}).values()) for kind in Kind}


async def test_reverted_records_are_sent_once_more(run):
    """If the API says how many it took back, and that many may have been, only a few are read back."""
    run.generate(60)
    await run.migrate_in_goes(30, 30)
    assert (await run.revert(LONG_AGO, run.moments[0])).customers == 30
    assert len((await run.account())["customers"]) == 30
    await whole(run, await run.only_missing())
    assert run.asked() == 10
    assert {(each.kind, each.records) for each in run.said("TakenBack")} == {(kind, 30) for kind in Kind}
    found = await run.verify()
    assert (found.exit_code, found.kinds["customers"].confirmed) == (0, 60)


async def test_all_possibly_reverted_customers_are_read_back_without_a_number(run):
    """All that may have been taken back are read back, and no others; their later records go with them."""
    run.generate(60)
    events = run.path(Kind.EVENTS).read_bytes()
    run.path(Kind.EVENTS).unlink()
    await run.migrate_in_goes(20, 20, 20)
    run.path(Kind.EVENTS).write_bytes(events)
    await run.migrate()
    await run.revert(run.moments[0], run.moments[1])
    run.forget_number()
    await whole(run, await run.only_missing())
    assert run.asked() == 20


async def test_a_customer_who_has_bought_since_is_not_doubled(run):
    """Such a customer stays when others are taken back, and keeps what is theirs."""
    run.generate(40)
    await run.migrate_in_goes(20, 20)
    stay = run.ids[3], run.ids[17]
    for customer in stay:
        await run.buy(customer)
    assert (await run.revert(LONG_AGO, run.moments[0])).customers == 18
    await whole(run, await run.only_missing())
    ledger = await run.settled()
    assert all(ledger.customers[customer] == 1 for customer in stay)


@pytest.mark.parametrize("told", [True, False])
async def test_a_customer_who_has_bought_since_prevents_a_fresh_start(run, told):
    """The number shows it; without a number, the hint names the case and what to do."""
    run.generate(30)
    await run.migrate_in_goes(30)
    await run.buy(run.ids[7])
    done = await run.revert(LONG_AGO, FAR)
    assert (done.customers, "--only-missing" in done.hint) == (29, True)
    if told:
        with pytest.raises(ConfigurationError, match="part of this run was taken back"):
            await run.migrate()
    else:
        run.forget_number(whole=True)
        assert "made a transaction of their own" in run.status().hint
    await whole(run, await run.only_missing())


async def test_customers_at_the_edge_of_the_period_are_read_back(run):
    """Their times do not show it: each of them is read back."""
    run.generate(40)
    await run.migrate_in_goes(20, 20)
    ((middle,),) = run.journal("SELECT sent_at FROM batches WHERE kind = 'customers' ORDER BY seq LIMIT 1 OFFSET 1")
    await run.revert(LONG_AGO, middle)
    left = len((await run.account())["customers"])
    assert 0 < left < 40
    await whole(run, await run.only_missing())


async def test_all_customers_are_read_back_if_the_clock_is_far_wrong(run):
    """If the API reports that it took back more than the times allow, all customers of the run are read back."""
    run.generate(30)
    await run.migrate_in_goes(15, 15)
    for moment in ("sent_at", "settled_at"):
        sql = "UPDATE batches SET {0} = '2031' || substr({0}, 5) WHERE kind = 'customers' AND seq % 2 = 0"
        run.journal(sql.format(moment))
    await run.revert(LONG_AGO, run.moments[0])
    await whole(run, await run.only_missing())


async def test_several_reverts_in_a_row_all_count(run):
    """All of them count; a revert of another period changes nothing."""
    run.generate(60)
    await run.migrate_in_goes(20, 20, 20)
    await run.revert(LONG_AGO, run.moments[0])
    await run.revert(run.moments[1], run.moments[2])
    await run.revert(LONG_AGO, "2001-01-01T00:00:00Z")
    assert set((await run.account())["customers"]) == set(run.ids[20:40])
    await whole(run, await run.only_missing())


async def test_a_run_may_be_reverted_again_and_again(run):
    """A part, another part, what was sent again, and everything; in the end the run starts over."""
    run.generate(40)
    await run.migrate_in_goes(20, 20)
    await run.revert(LONG_AGO, run.moments[0])
    await whole(run, await run.only_missing())
    run.moments.append((await run.settled()) and run.journal("SELECT max(settled_at) FROM batches")[0][0])
    await run.revert(run.moments[1], FAR)  # what was sent once more
    assert set((await run.account())["customers"]) == set(run.ids[20:])
    await whole(run, await run.only_missing())
    assert (await run.verify()).exit_code == 0
    await run.revert(run.moments[0], run.moments[1])
    await whole(run, await run.only_missing())
    assert (await run.verify()).exit_code == 0
    assert (await run.revert(LONG_AGO, FAR)).customers == 40
    assert (run.state / "reverted-1" / "journal.db").exists()
    assert (run.state / "reverted-1" / "taken-back-1.customers.ndjson").exists()
    await whole(run, await run.migrate())


async def test_the_rest_may_be_reverted_as_well(run):
    """Then the run starts over, without what was left of it."""
    run.generate(40)
    await run.migrate_in_goes(20, 20)
    await run.revert(LONG_AGO, run.moments[0])
    words = run.status().hint.rpartition("masivo-stream revert --from ")[2].split()
    await run.revert(words[0], words[2])
    await whole(run, await run.migrate())


async def test_a_second_time_sends_nothing(run):
    """Nothing is missing any more."""
    run.generate(30)
    await run.migrate_in_goes(15, 15)
    await run.revert(LONG_AGO, run.moments[0])
    await run.only_missing()
    before = await requests(run)
    await whole(run, await run.only_missing())
    assert await requests(run) == before


async def test_the_command_is_refused_without_a_revert(run):
    """It is refused, also after a revert of another period, and after a revert of the whole run."""
    run.generate(10)
    with pytest.raises(ConfigurationError, match="there is no run in this state directory"):
        await run.only_missing()
    assert not run.state.exists()
    await run.migrate_in_goes(10)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="nothing of this run was taken back") as error:
            await run.only_missing()
        assert "without --only-missing" in error.value.hint
        await run.revert(LONG_AGO, "2001-01-01T00:00:00Z")
    await run.revert(LONG_AGO, FAR)
    with pytest.raises(ConfigurationError, match="all of the run was taken back"):
        await run.only_missing()
    await whole(run, await run.migrate())


async def test_other_commands_are_refused_until_the_missing_records_are_sent(run):
    """`migrate`, `retry` and `resolve` show the command that is needed, ready to paste."""
    run.generate(20)
    await run.migrate_in_goes(10, 10)
    await run.revert(LONG_AGO, run.moments[0])
    for work in (run.migrate, run.retry, lambda: resolve(run.settings, run.credentials)):
        with pytest.raises(ConfigurationError) as error:
            await work()
        assert f"masivo-stream migrate --state-dir {run.state} --only-missing" in error.value.hint
    await whole(run, await run.only_missing(named=False))


async def test_a_stopped_run_continues(tmp_path):
    """What was taken back and what was not sent yet: both are sent."""
    async with sandbox(tmp_path) as served:
        run = TakenBack(tmp_path, served)
        run.generate(40)
        await run.migrate_in_goes(20, 10)
    whole_export = {kind: run.path(kind).read_bytes() for kind in Kind}
    run.generate(40)
    late = {kind: run.path(kind).read_bytes() for kind in Kind}
    for kind in Kind:
        known = {json.loads(line)["id"] for line in whole_export[kind].splitlines()}
        more = [line for line in late[kind].splitlines(keepends=True) if json.loads(line)["id"] not in known]
        run.path(kind).write_bytes(whole_export[kind] + b"".join(more))
    async with sandbox(tmp_path, "status=403,on=events", port=run.sandbox.port) as served:
        stopped = await TakenBack(tmp_path, served).migrate()
        assert stopped.exit_code == 7
    async with sandbox(tmp_path, port=run.sandbox.port) as served:
        run.sandbox = served
        run.settings = run.settings_with()
        await run.revert(LONG_AGO, run.moments[0])
        await whole(run, await run.only_missing())


async def test_an_export_may_have_grown_meanwhile(run):
    """What was added is sent as well."""
    run.generate(40)
    whole_export = {kind: run.path(kind).read_bytes().splitlines(keepends=True) for kind in Kind}
    first = set(run.ids[:20])
    later = set(run.ids[20:])
    for kind in Kind:
        run.path(kind).write_bytes(b"".join(line for line in whole_export[kind] if json.loads(line)["id"] in first))
    await run.migrate_in_goes(10, 10)
    await run.revert(LONG_AGO, run.moments[0])
    for kind in Kind:
        with run.path(kind).open("ab") as export:
            export.writelines(line for line in whole_export[kind] if json.loads(line)["id"] in later)
    await whole(run, await run.only_missing())


def customer(number, *, booked=0, **fields):
    """Return a customer whose balance is that of `booked` transactions, of 1, 2, 3 and so on."""
    balance = [{"amount": booked * (booked + 1) // 2, "reward_id": transaction()["reward_id"]}] if booked else []
    return record(Kind.CUSTOMERS, number, balance=balance, **fields)


def write(run, kind, records):
    run.path(kind).write_text("".join(json.dumps(each) + "\n" for each in records))


async def test_records_in_parts_and_unsent_items_are_restored(run):
    """A customer's events over several batches, some reversed, some of them dead letters; deleted customers."""
    customers = [customer(number, booked=40) for number in range(6)]
    customers[5]["deleted"] = True
    write(run, Kind.CUSTOMERS, customers)
    events = [{"id": f"c{number}", "events": [event(f"{number}-{i}") for i in range(90)]} for number in range(5)]
    for each in events[1]["events"][::3]:
        each["reversed_at"] = "2024-02-01T00:00:00Z"
    write(run, Kind.EVENTS, events)
    write(run, Kind.TRANSACTIONS, [record(Kind.TRANSACTIONS, number, 40) for number in range(5)])
    await run.migrate_in_goes(2, 4, max_body_bytes=6_000)
    await run.revert(LONG_AGO, run.moments[0])
    wanted = run.wanted(["c5"])
    wanted["events"]["c1"] = {f"1-{i}": 1 for i in range(90) if i % 3}
    summary = await run.only_missing(max_body_bytes=6_000)
    assert (summary.outcome, summary.closes) == ("complete", True), summary
    assert await run.account() == wanted
    assert summary.kinds["events"].items_skipped == 30
    assert summary.kinds["events"].accepted == 5
    assert (await run.verify()).exit_code == 0
    await run.revert(LONG_AGO, run.moments[1])
    assert (await run.only_missing(max_body_bytes=6_000)).outcome == "complete"
    assert await run.account() == wanted


def correct(run, kind, change):
    path = run.state / f"dead-letter.{kind}.ndjson"
    letters = [json.loads(line) for line in path.read_bytes().splitlines()]
    path.write_text(
        "".join(
            json.dumps(letter | {"raw": json.dumps(change(json.loads(letter["raw"])))}) + "\n" for letter in letters
        )
    )
    return letters


async def test_corrected_records_are_sent_again_and_dead_letters_are_not(run):
    """A corrected record is sent again as it was corrected; dead letters stay dead letters, and are not sent."""
    run.generate(30)
    right = run.path(Kind.CUSTOMERS).read_bytes().splitlines()
    bad = list(right)
    for number in (2, 4, 20):
        bad[number] = json.dumps(json.loads(right[number]) | {"name": 7}).encode()
    run.path(Kind.CUSTOMERS).write_bytes(b"".join(line + b"\n" for line in bad))
    assert (await run.migrate_in_goes(30)).kinds["customers"].dead == 3
    correct(run, Kind.CUSTOMERS, lambda raw: raw | {"name": "Ana"} if raw["id"] != json.loads(right[20])["id"] else raw)
    assert (await run.retry()).kinds["customers"].dead == 1
    dead = json.loads(right[20])["id"]
    assert await run.account() == run.wanted([dead])
    await run.buy(run.ids[0])
    await run.revert(LONG_AGO, FAR)
    summary = await run.only_missing()
    assert (summary.exit_code, summary.kinds["customers"].dead, summary.closes) == (3, 1, True)
    assert await run.account() == run.wanted([dead])
    correct(run, Kind.CUSTOMERS, lambda raw: raw | {"name": "Ana"})
    assert (await run.retry()).exit_code == 0
    assert await run.account() == run.wanted()
    assert (await run.verify()).exit_code == 0


async def test_a_customer_may_be_refused_the_second_time(run):
    """Their events and transactions are held back; when they are corrected, everything arrives once."""
    customers = [customer(number, booked=3) for number in range(8)]
    write(run, Kind.CUSTOMERS, customers)
    write(run, Kind.EVENTS, [record(Kind.EVENTS, number, 3) for number in range(8)])
    write(run, Kind.TRANSACTIONS, [record(Kind.TRANSACTIONS, number, 3) for number in range(8)])
    await run.migrate_in_goes(4, 4)
    await run.revert(LONG_AGO, run.moments[0])
    other = TakenBack(run.folder / "other", run.sandbox)
    other.folder.mkdir()
    write(other, Kind.CUSTOMERS, [record(Kind.CUSTOMERS, 99, email="c1@example.com")])
    await other.migrate()
    summary = await run.only_missing()
    assert (summary.exit_code, summary.kinds["customers"].dead, summary.kinds["events"].dead) == (3, 1, 1)
    (letter,) = correct(run, Kind.CUSTOMERS, lambda raw: raw | {"email": "new@example.com"})
    assert (letter["line"], [each["reason"] for each in letter["earlier"]]) == (2, ["taken_back"])
    summary = await run.retry()
    assert (summary.exit_code, summary.closes) == (0, True), summary
    account = await run.account()
    assert account["customers"].pop("c99") == 1
    assert account == run.wanted()


async def test_a_batch_in_doubt_stays_in_doubt(tmp_path):
    """It was not decided; afterwards it can be."""
    async with sandbox(tmp_path, "hang=0.05,applied=no,on=transactions,at=1") as served:
        run = TakenBack(tmp_path, served, first_delay=0.1)
        run.generate(20)
        doubtful = (await run.migrate_in_goes(20)).kinds["transactions"].in_doubt
        assert doubtful
        await run.buy(run.ids[0])
        await run.revert(LONG_AGO, FAR)
        summary = await run.only_missing()
        assert (summary.exit_code, summary.kinds["transactions"].in_doubt, summary.closes) == (4, doubtful, True)
        decided = await resolve(run.settings, run.credentials, Decisions(resend=("all",)))
        assert decided.exit_code == 0
        assert await run.account() == run.wanted()


async def test_all_customers_of_a_journal_of_version_0_1_0_are_read_back(run):
    """It does not know the lines of its batches: all accepted customers are read back."""
    run.generate(40)
    await run.migrate_in_goes(20, 20)
    run.journal("UPDATE batches SET spans = NULL")
    await run.revert(LONG_AGO, run.moments[0])
    run.forget_number()
    await whole(run, await run.only_missing())
    assert run.asked() == 40


async def test_events_of_another_runs_customers_are_held_until_they_are_back(run):
    """What is gone is held until its customer is back; then a retry sends it. What is not gone stays."""
    run.generate(20)
    others = {kind: run.path(kind).read_bytes() for kind in Kind if kind is not Kind.CUSTOMERS}
    for kind in others:
        run.path(kind).unlink()
    await run.migrate_in_goes(10, 10)
    second = TakenBack(run.folder / "second", run.sandbox)
    second.folder.mkdir()
    for kind, text in others.items():
        second.path(kind).write_bytes(text)
    await second.migrate()
    await run.settled()
    await second.revert(LONG_AGO, run.moments[0])
    with pytest.raises(ConfigurationError):
        await second.migrate()
    summary = await second.only_missing()
    figures = summary.kinds["events"]
    assert (summary.exit_code, figures.dead, figures.accepted, summary.closes) == (3, 10, 10, True)
    assert figures.reasons == {"customer_not_migrated": 10}
    with pytest.raises(ConfigurationError, match="nothing of this run"):
        await run.only_missing()  # its directory does not know yet
    assert (await run.revert(LONG_AGO, run.moments[0])).customers is None  # 0 of a period that held ten means nothing
    assert (await run.only_missing()).exit_code == 0
    await run.settled()
    summary = await second.retry()
    assert (summary.exit_code, summary.closes) == (0, True), summary
    for kind, text in others.items():
        run.path(kind).write_bytes(text)
    assert await run.account() == run.wanted()


class Two:
    """A run of customers, and another one, of the other kinds, of which some may have no customers of their own."""

    def __init__(self, run, *, kinds=(Kind.EVENTS, Kind.TRANSACTIONS)):
        self.first, self.kinds, self.times = run, kinds, 0
        self.second = TakenBack(run.folder / "second", run.sandbox)
        self.second.folder.mkdir()

    async def begin(self, *shares, of=None):
        """Migrate customers in goes, then what is theirs, or of the first `of` of them, from the other run."""
        self.first.generate(sum(shares))
        self.customers = self.first.path(Kind.CUSTOMERS).read_bytes().splitlines(keepends=True)
        self.theirs = {kind: self.first.path(kind).read_bytes().splitlines(keepends=True) for kind in self.kinds}
        for kind in set(Kind) - {Kind.CUSTOMERS}:
            self.first.path(kind).unlink()
        await self.first.migrate_in_goes(*shares)
        chosen = {json.loads(line)["id"] for line in self.customers[:of]}
        for kind, lines in self.theirs.items():
            self.theirs[kind] = [line for line in lines if json.loads(line)["id"] in chosen]
            self.second.path(kind).write_bytes(b"".join(self.theirs[kind]))
        await self.second.migrate()
        await self.first.settled()

    async def migrate_again(self, start, end):
        """Migrate some of the customers again, as their own run would."""
        self.times += 1
        again = TakenBack(self.first.folder / f"again-{self.times}", self.first.sandbox)
        again.folder.mkdir()
        again.path(Kind.CUSTOMERS).write_bytes(b"".join(self.customers[start:end]))
        assert (await again.migrate()).exit_code == 0
        await self.first.settled()

    async def whole(self):
        """Return whether the account holds everything once."""
        for kind, lines in self.theirs.items():
            self.first.path(kind).write_bytes(b"".join(lines))
        return await self.first.account() == self.first.wanted()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("kinds", [(Kind.EVENTS,), (Kind.TRANSACTIONS,), (Kind.EVENTS, Kind.TRANSACTIONS)])
async def test_another_runs_customers_migrated_again_are_not_taken_for_those_that_stayed(run, kinds, told):
    """Their presence proves nothing; taken back once more, what is theirs is sent in the order that works."""
    two = Two(run, kinds=kinds)
    await two.begin(6, 6)
    await two.second.revert(LONG_AGO, run.moments[0])
    if not told:
        two.second.forget_number()
    await two.migrate_again(0, 6)
    for _ in range(2):  # it has changed nothing
        with pytest.raises(ConfigurationError, match="12 customers that another run migrated are in") as error:
            await two.second.only_missing()
    assert "--others-stayed" in error.value.hint
    start = error.value.hint.partition("--from ")[2].partition(" ")[0]
    assert (await two.second.revert(start, FAR)).customers == 6
    summary = await two.second.only_missing(others_stayed=True)
    assert (summary.exit_code, summary.closes) == (3, True)
    await two.migrate_again(0, 5)
    await two.migrate_again(5, 6)
    assert (await two.second.retry()).exit_code == 0
    assert await two.whole()


async def test_some_of_another_runs_customers_may_be_migrated_again(run):
    """They cannot be distinguished from those that stayed."""
    two = Two(run)
    await two.begin(6, 6)
    await two.second.revert(LONG_AGO, run.moments[0])
    await two.migrate_again(0, 2)
    with pytest.raises(ConfigurationError, match="8 customers that another run migrated are in the account"):
        await two.second.only_missing()


@pytest.mark.parametrize("told", [True, False])
async def test_another_runs_customers_may_have_stayed(run, told):
    """A person may confirm it; if the number shows it, no confirmation is needed."""
    two = Two(run)
    await two.begin(6, 6)
    await two.second.revert(LONG_AGO, run.moments[0])
    if not told:
        two.second.forget_number()
        with pytest.raises(ConfigurationError, match="6 customers that another run migrated are in the account"):
            await two.second.only_missing()
    summary = await two.second.only_missing(others_stayed=not told)
    assert (summary.kinds["events"].dead, summary.kinds["events"].accepted) == (6, 6)
    await two.migrate_again(0, 6)
    assert (await two.second.retry()).exit_code == 0
    assert await two.whole()


async def test_more_customers_may_be_reverted_than_this_run_knows(run):
    """The other run had customers of which this one has sent nothing: only a person can confirm it."""
    two = Two(run)
    await two.begin(6, 6, of=4)
    assert (await two.second.revert(run.moments[0], FAR)).customers == 6
    with pytest.raises(ConfigurationError, match="4 customers that another run migrated are in the account"):
        await two.second.only_missing()
    summary = await two.second.only_missing(others_stayed=True)
    assert (summary.exit_code, summary.closes) == (0, True)
    await two.migrate_again(6, 12)
    assert await two.whole()


async def test_all_of_another_runs_customers_may_be_gone(run):
    """Then no customer is there that could have been migrated again, whatever number the API gave."""
    two = Two(run)
    await two.begin(6, 6, of=6)
    assert (await two.second.revert(LONG_AGO, FAR)).customers == 12
    assert (await two.second.only_missing()).kinds["events"].dead == 6
    await two.migrate_again(0, 12)
    assert (await two.second.retry()).exit_code == 0
    assert await two.whole()


@pytest.mark.parametrize("order", ["customers first", "customers after"])
async def test_a_revert_by_another_state_directory_is_found(run, order):
    """The API takes back nothing more then, and says 0: that is no proof that nothing is gone."""
    two = Two(run)
    await two.begin(6)
    assert (await run.revert(LONG_AGO, FAR)).customers == 6
    assert (await two.second.revert(LONG_AGO, FAR)).customers is None
    if order == "customers first":
        await two.migrate_again(0, 6)
        with pytest.raises(ConfigurationError, match="6 customers that another run migrated are in the account"):
            await two.second.only_missing()
        return
    assert (await two.second.only_missing()).exit_code == 3
    await two.migrate_again(0, 6)
    assert (await two.second.retry()).exit_code == 0
    assert await two.whole()


async def test_a_revert_without_a_state_directory_is_found(run):
    """Taken back once more with it, the API says 0."""
    run.generate(12)
    await run.migrate_in_goes(12)
    elsewhere = TakenBack(run.folder / "elsewhere", run.sandbox)
    assert (await elsewhere.revert(LONG_AGO, FAR)).customers == 12
    assert (await run.revert(LONG_AGO, FAR)).customers is None
    await whole(run, await run.only_missing())


async def test_events_of_another_runs_customers_prevent_a_fresh_start(run):
    """Besides its own customers' events the run sent those of customers that are still there: these would double."""
    run.generate(20, kinds=[Kind.CUSTOMERS, Kind.EVENTS])
    customers, events = (
        run.path(kind).read_bytes().splitlines(keepends=True) for kind in (Kind.CUSTOMERS, Kind.EVENTS)
    )
    old = TakenBack(run.folder / "old", run.sandbox)
    old.folder.mkdir()
    old.path(Kind.CUSTOMERS).write_bytes(b"".join(customers[:10]))
    await old.migrate_in_goes(10)
    run.path(Kind.CUSTOMERS).write_bytes(b"".join(customers[10:]))
    run.path(Kind.EVENTS).write_bytes(b"".join(events))
    await run.migrate(skip_checks=("unknown_customer",))
    await run.settled()
    assert (await run.revert(old.moments[0], FAR)).customers == 10
    with pytest.raises(ConfigurationError, match="part of this run"):
        await run.migrate()
    summary = await run.only_missing()
    assert (summary.exit_code, summary.closes) == (0, True), summary
    account = await run.account()
    assert account["events"] == run.wanted()["events"]
    assert set(account["customers"].values()) == {1}


async def test_a_revert_in_doubt_is_repeated_first(tmp_path):
    """Also by another one that does not hold all of its period; what it took back is found by reading."""
    async with sandbox(tmp_path) as served:
        run = TakenBack(tmp_path, served)
        run.generate(30)
        await run.migrate_in_goes(15, 15)
    async with sandbox(tmp_path, "hang=0.1,applied=yes,on=revert,at=1", port=run.sandbox.port) as served:
        run.sandbox = served
        run.settings = run.settings_with()
        with pytest.raises(OutageError, match="may have taken effect"):
            await run.revert(LONG_AGO, run.moments[0])
        for work in (run.only_missing, run.migrate):
            with pytest.raises(ConfigurationError, match="it is not known whether it took effect") as error:
                await work()
        assert f"--from {LONG_AGO} --to {run.moments[0]} " in error.value.hint
        await run.revert(LONG_AGO, "2001-01-01T00:00:00Z")
        with pytest.raises(ConfigurationError, match="it is not known whether it took effect"):
            await run.only_missing()
        await run.revert(LONG_AGO, run.moments[0])
        await whole(run, await run.only_missing())


@asynccontextmanager
async def taken_back(tmp_path, *faults, count=30, **flags):
    """Give a run half of which was taken back, without a number; from then on the API has these faults."""
    async with sandbox(tmp_path) as served:
        run = TakenBack(tmp_path, served, **flags)
        run.generate(count)
        await run.migrate_in_goes(count // 2, count - count // 2)
        await run.revert(LONG_AGO, run.moments[0])
        run.forget_number()
    async with sandbox(tmp_path, *faults, port=run.sandbox.port) as served:
        run.sandbox = served
        run.settings = run.settings_with()
        yield run


async def test_a_customer_who_cannot_be_read_back_is_not_touched(tmp_path):
    """This is reported with exit code 6, and all others arrive; the same command sends the rest later."""
    async with taken_back(tmp_path, "status=503,on=read,at=1", "status=503,on=read,at=2", "status=503,on=read,at=3",
                          uploaders=1) as run:  # fmt: skip
        summary = await run.only_missing()
        assert (summary.outcome, summary.exit_code, summary.closes) == ("stopped", 6, True)
        assert "1 customers could not be read back" in summary.message
        assert await run.account() == run.wanted([run.ids[0]])
        assert run.status().exit_code == 2
        with pytest.raises(ConfigurationError, match="part of this run"):
            await run.migrate()
        await whole(run, await run.only_missing())


@pytest.mark.parametrize("fault", ["status=503,on=read", "html,on=read", "status=404,on=auth", "reset,on=read"])
async def test_an_api_that_does_not_answer_changes_nothing(tmp_path, fault):
    """Neither a page nor a broken answer is taken for a customer who is gone."""
    async with taken_back(tmp_path, fault) as run:
        before = await run.account()
        with pytest.raises((OutageError, ConfigurationError, InputError, Exception)) as error:
            await run.only_missing()
        assert error.value.exit_code in (6, 7)
        assert await run.account() == before
        assert not list(run.state.glob("taken-back-*"))
    async with sandbox(tmp_path, port=run.sandbox.port) as served:
        run.sandbox = served
        run.settings = run.settings_with()
        await whole(run, await run.only_missing())


async def test_a_run_stopped_while_sending_continues_like_any_run(tmp_path):
    """What is not sent yet counts as taken back, the figures add up, and the plain command sends it."""
    async with taken_back(tmp_path, "status=403,on=events") as run:
        summary = await run.only_missing()
        assert (summary.exit_code, summary.closes) == (7, True)
        assert run.status().closes
        assert run.status().kinds["transactions"].reasons == {"taken_back": 15}
    async with sandbox(tmp_path, port=run.sandbox.port) as served:
        run.sandbox = served
        run.settings = run.settings_with()
        await whole(run, await run.migrate())


async def test_a_changed_export_is_refused_before_any_change(run):
    """Edited, removed, or validated with other settings: it is refused before anything is changed."""
    run.generate(20)
    await run.migrate_in_goes(10, 10)
    await run.revert(LONG_AGO, run.moments[0])
    before = await run.account()
    text = run.path(Kind.EVENTS).read_bytes()
    run.path(Kind.EVENTS).write_bytes(text.replace(b"PURCHASE", b"purchase", 1))
    with pytest.raises(InputError):
        await run.only_missing()
    run.path(Kind.EVENTS).unlink()
    with pytest.raises(InputError):
        await run.only_missing(named=False)
    run.path(Kind.EVENTS).write_bytes(text)
    with pytest.raises(InputError, match="validated as they are now"):
        await run.only_missing(max_line_bytes=1024)
    assert await run.account() == before
    await whole(run, await run.only_missing())


async def test_odd_ids_behind_a_gateway_need_other_evidence(run):
    """A 404 for one counts if another one is found, or if the API has said the number."""
    names = [*(f"a/{number}" for number in range(6)), "..", *(f"ana+{n}@ex ample.com" for n in range(3)), "é%", "{}"]
    write(run, Kind.CUSTOMERS, [customer(n, booked=1) | {"id": name} for n, name in enumerate(names)])
    write(run, Kind.EVENTS, [{"id": name, "events": [event(name)]} for name in names])
    write(run, Kind.TRANSACTIONS, [{"id": name, "transactions": [transaction(1)]} for name in names])
    await run.migrate_in_goes(3, len(names) - 3)
    await run.revert(LONG_AGO, run.moments[0])
    run.forget_number()
    await whole(run, await run.only_missing())
    await run.revert(run.moments[0], FAR)
    summary = await run.only_missing()
    assert summary.exit_code == 0
    assert await run.account() == run.wanted()


async def test_customers_with_only_odd_ids_are_not_sent_again(run):
    """Only such ids, and no number: they are not sent again, which is reported; the run continues."""
    names = ["a/0", "..", "c2", "c3"]
    write(run, Kind.CUSTOMERS, [customer(n) | {"id": name} for n, name in enumerate(names)])
    await run.migrate_in_goes(2, 2)
    await run.revert(LONG_AGO, run.moments[0])
    run.forget_number()
    summary = await run.only_missing()
    assert (summary.outcome, summary.exit_code, summary.closes) == ("stopped", 6, True)
    assert f"2 customers could not be read back, the first at {run.path(Kind.CUSTOMERS)}:1:" in summary.message
    assert await run.account() == run.wanted(names[:2])
    for later in (
        await run.migrate(),
        await run.only_missing(),
        run.status(),
    ):  # it is reported while the run is there
        assert later.exit_code == 0
        assert any("2 customers could not be read back after a revert" in warning for warning in later.warnings)


async def test_records_from_a_pipe_are_not_guessed(run):
    """It cannot be read again: this is reported, with what can be done instead."""
    run.generate(10, kinds=[Kind.CUSTOMERS])
    await run.migrate_in_goes(5, 5)
    await run.revert(LONG_AGO, run.moments[0])
    ((identity,),) = run.journal("SELECT identity FROM sources WHERE number = 0")
    stream = encode_identity(msgspec.structs.replace(decode_identity(identity), stream=True))
    run.journal("UPDATE sources SET identity = ? WHERE number = 0", stream)
    with pytest.raises(InputError, match="records from a pipe") as error:
        await run.only_missing(named=False)
    assert "take back the rest as well" in error.value.hint


async def test_several_processes_and_readers_give_the_same_result(run):
    """The result is the same."""
    run.flags |= {"workers": 2, "uploaders": 4}
    run.settings = run.settings_with()
    run.generate(60)
    await run.migrate_in_goes(30, 30)
    await run.revert(LONG_AGO, run.moments[0])
    run.forget_number()
    await whole(run, await run.only_missing())
