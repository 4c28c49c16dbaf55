"""A migration holds back what the checks over all files find, and the clean rest arrives without a refusal."""

import gzip
import json
import os
import signal
import sqlite3
import threading
from contextlib import asynccontextmanager

import anyio
import pytest
from fakes import event, record, transaction, write_export
from flow.migration import Migration

from masivo_stream.edges.files.findings_file import FINDINGS, UNDER_WAY
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.commands.retry import retry
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.pipeline import read_exports
from masivo_stream.flow.retry_copies import writing_dead_letters
from masivo_stream.generate.planted_findings import PLANTS, write_planted
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.findings import ALWAYS_MADE, HELD_AS, OF_PURCHASES, CheckName
from masivo_stream.model.notices import BatchSent, ChecksEnded, ChecksStarted, RunStarted
from masivo_stream.model.reason import Reason
from masivo_stream.sandbox import SandboxOptions, running

pytestmark = pytest.mark.slow

RECORDS = 500
SHARES = dict.fromkeys(PLANTS, 0.03)


class Watched:
    """Keeps the notices."""

    def __init__(self):
        self.notices = []

    def notify(self, notice):
        self.notices.append(notice)

    def of(self, *sorts):
        return [notice for notice in self.notices if isinstance(notice, sorts)]

    @property
    def refusals(self):
        return [notice for notice in self.of(BatchSent) if notice.outcome != "accepted"]


@asynccontextmanager
async def opened(folder):
    async with running(SandboxOptions(visible_after=0.05)) as sandbox:
        yield Migration(folder, sandbox)


def plant(run, count=RECORDS, shares=SHARES, seed=5):
    """Write the exports; return what must be found, as kind, line, check and the earlier line."""
    wanted = []
    for kind in Kind:
        listed = run.folder / "listed"
        with run.path(kind).open("wb") as stream, listed.open("wb") as list_stream:
            write_planted(stream, list_stream, kind=kind, count=count, seed=seed, plants=shares)
        found = [json.loads(line) for line in listed.read_bytes().splitlines()]
        wanted += [(each["kind"], each["line"], CheckName(each["check"]), each["other"]) for each in found]
    return wanted


def to_hold(wanted):
    """Return the dead letters that belong to the findings: kind, line and reason of each."""
    letters = {(kind, line, HELD_AS[check]) for kind, line, check, _ in wanted if check in HELD_AS}
    letters |= {(kind, line, "duplicate_event") for kind, line, check, _ in wanted if check == "duplicate_event"}
    return letters | {
        (kind, other, HELD_AS[check]) for kind, _, check, other in wanted if check == "split_transactions"
    }


def read_dead_letters(directory):
    return [
        json.loads(line)
        for kind in Kind
        if (directory / f"dead-letter.{kind}.ndjson").exists()
        for line in (directory / f"dead-letter.{kind}.ndjson").read_bytes().splitlines()
    ]


def places(letters):
    assert len({(each["kind"], each["line"]) for each in letters}) == len(letters)
    return {(each["kind"], each["line"], each["reason"]) for each in letters}


def named(run):
    return Exports(**{kind.value: [str(run.path(kind))] for kind in Kind if run.path(kind).exists()})


class AskingStatus(Watched):
    """Asks for the status at some notices, as another process would."""

    def __init__(self, state_dir):
        super().__init__()
        self.state_dir, self.told = str(state_dir), []

    def notify(self, notice):
        super().notify(notice)
        if isinstance(notice, RunStarted | ChecksStarted | ChecksEnded):
            self.told.append(status(self.state_dir))


async def test_status_and_log_of_a_run_that_checks(tmp_path):
    """It checks the exports, and names no account before a token does; also if a killed one left its mark."""
    async with opened(tmp_path) as run:
        plant(run)
        (tmp_path / "state").mkdir(mode=0o700)
        (tmp_path / "state" / UNDER_WAY).touch(mode=0o600)
        seen = AskingStatus(tmp_path / "state")
        summary = await run.migrate(observer=seen)
        checking = [
            each.message.endswith(": it checks the exports as a whole, before anything is sent") for each in seen.told
        ]
        assert checking[1:] == [True, False]
        assert [each.account for each in seen.told] == ["", "", ""]
        (began,) = seen.of(RunStarted)
        assert (began.account, len(summary.account)) == ("", 8)
        assert not (tmp_path / "state" / UNDER_WAY).exists()
        await run.migrate(observer=seen)
        assert seen.of(RunStarted)[-1].account == summary.account


async def test_the_clean_rest_arrives_without_a_refusal(tmp_path):
    """Exactly what was planted are dead letters, as the plan said; nothing is refused, and no request is wasted."""
    async with opened(tmp_path) as run:
        wanted = plant(run)
        with writing_dead_letters(str(tmp_path / "plan")) as files:
            planned = await plan(run.settings, named(run), files=files)
        seen = Watched()
        summary = await run.migrate(observer=seen)
        letters = read_dead_letters(tmp_path / "state")
        assert places(letters) == to_hold(wanted)
        assert (summary.exit_code, seen.refusals, summary.closes) == (3, [], True)
        assert {kind: each.requests for kind, each in planned.kinds.items()} == {
            kind: each.requests for kind, each in summary.kinds.items()
        }
        of_plan = read_dead_letters(tmp_path / "plan")
        assert [{**each, "at": ""} for each in of_plan] == [{**each, "at": ""} for each in letters]
        assert summary.checks == planned.summary.checks
        assert {each.check: each.count for each in summary.checks.results} == {
            check: sum(found == check for _, _, found, _ in wanted) for check in {each[2] for each in wanted}
        }
        (ended,) = seen.of(ChecksEnded)
        assert (ended.errors, ended.known) == (summary.checks.errors, False)
        assert status(str(tmp_path / "state")).checks == summary.checks


async def test_messages_name_both_sides(tmp_path):
    """Sums, difference, and file and line of both sides; nothing else of the record."""
    async with opened(tmp_path) as run:
        wanted = plant(run)
        await run.migrate()
        by_place = {(each["kind"], each["line"]): each for each in read_dead_letters(tmp_path / "state")}
        for kind, line, check, other in wanted:
            letter = by_place.get((kind, line))
            if check is CheckName.BALANCE_MISMATCH:
                assert "a difference of -1" in letter["message"]
                assert f"{run.path(Kind.CUSTOMERS)}:" in letter["message"]
                assert f"{run.path(Kind.TRANSACTIONS)}:{line}" in letter["message"]
            elif letter is not None and other is not None:
                assert f"{run.path(Kind(kind))}:{other}" in letter["message"]
            if letter is not None:
                assert json.loads(letter["raw"])["id"] not in letter["message"]


@pytest.mark.parametrize("workers", [1, 2])
async def test_workers_and_parts_make_no_difference(workers, tmp_path, monkeypatch):
    """Files cut in many parts, some of them compressed, and small blocks: the same records are held back."""
    monkeypatch.setattr(read_exports, "is_much", lambda *_: True)
    async with opened(tmp_path) as run:
        wanted = plant(run)
        names = {}
        for kind in Kind:
            lines = run.path(kind).read_bytes().splitlines(keepends=True)
            parts = [b"".join(lines[start : start + 40]) for start in range(0, len(lines), 40)]
            for number, part in enumerate(parts):
                path = tmp_path / f"{kind}-{number:02}{'.gz' if number % 2 else ''}"
                path.write_bytes(gzip.compress(part) if number % 2 else part)
                names.setdefault(kind.value, []).append(str(path))
        seen = Watched()
        settings = run.settings_with(workers=workers, block_bytes=4096, remember_ids=100)
        summary = await migrate(settings, run.credentials, Exports(**names), observer=seen)
        found = places_in_parts(read_dead_letters(tmp_path / "state"))
        assert (found, seen.refusals, summary.closes) == (to_hold(wanted), [], True)


def places_in_parts(letters):
    return {
        (each["kind"], int(each["file"].rpartition("-")[2][:2]) * 40 + each["line"], each["reason"]) for each in letters
    }


async def test_a_continued_run_does_not_check_again(tmp_path):
    """The same exports, policy and settings: known. Another policy, or an export that has grown: checked again."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 200)
        seen = Watched()
        await run.migrate(observer=seen, max_dead="1")  # stops before it has read all
        await run.migrate(observer=seen, max_dead="1000")
        first, second = seen.of(ChecksEnded)
        assert (first.known, second.known, len(seen.of(ChecksStarted))) == (False, True, 1)
        assert first.findings == second.findings
        assert places(read_dead_letters(tmp_path / "state")) == to_hold(wanted)
        await run.migrate(observer=seen)
        assert len(seen.of(ChecksEnded)) == 2  # nothing is left to read
        with run.path(Kind.TRANSACTIONS).open("ab") as stream:
            again = run.path(Kind.TRANSACTIONS).read_bytes().splitlines()[0]
            stream.write(again + b"\n")
        summary = await run.migrate(observer=seen)
        assert len(seen.of(ChecksStarted)) == 2
        letters = places(read_dead_letters(tmp_path / "state")) - to_hold(wanted)
        lines = len(run.path(Kind.TRANSACTIONS).read_bytes().splitlines())
        assert letters == {("transactions", lines, "duplicate_id")}  # the first one has arrived
        assert (seen.refusals, summary.closes) == ([], True)


async def test_a_skipped_check_holds_nothing_back(tmp_path):
    """The others do; the API decides about the rest."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 200)
        await run.migrate(skip_checks="balance_mismatch")
        left = {each for each in wanted if each[2] is not CheckName.BALANCE_MISMATCH}
        found = places(read_dead_letters(tmp_path / "state"))
        assert {each for each in found if each[2] != "refused"} == to_hold(left)
        refused = {each[:2] for each in found if each[2] == "refused"}
        assert refused == {each[:2] for each in wanted if each[2] is CheckName.BALANCE_MISMATCH}


@pytest.mark.parametrize("name", sorted(ALWAYS_MADE))
async def test_a_check_whose_records_could_not_arrive_is_always_made(name, tmp_path):
    """No run begins that says otherwise, also among other names."""
    async with opened(tmp_path) as run:
        plant(run, 3)
        for names in (name, f"{name},unknown_customer", f"all,{name}"):
            with pytest.raises(ConfigurationError, match="cannot be left out") as caught:
                await run.migrate(skip_checks=names)
            assert ("--duplicate-purchase" in caught.value.hint) == (name in OF_PURCHASES)


@pytest.mark.parametrize("name", sorted(set(HELD_AS) - ALWAYS_MADE))
async def test_what_a_check_holds_back_is_sent_without_it(name, tmp_path):
    """Each finding that can be left out: nothing of it is a dead letter for that reason, and the API decides."""
    async with opened(tmp_path) as run:
        plant(run, 200, {"balance": 0.05, "orphans": 0.05})
        summary = await run.migrate(skip_checks=name)
        assert name not in summary.kinds["transactions"].reasons
        assert summary.closes


async def test_nothing_is_held_back_without_checks(tmp_path):
    """Neither file nor notice; what the decoder remembers is found as before."""
    async with opened(tmp_path) as run:
        plant(run, 200, {"balance": 0.02, "split": 0.05})
        seen = Watched()
        summary = await run.migrate(observer=seen, skip_checks="all")
        assert seen.of(ChecksStarted, ChecksEnded) == []
        assert not (tmp_path / "state" / FINDINGS).exists()
        assert set(summary.kinds["transactions"].reasons) == {"duplicate_id", "refused"}
        with pytest.raises(ConfigurationError, match="no check"):
            await run.migrate(skip_checks="balances")


async def test_an_export_from_a_pipe_is_sent_unchecked(tmp_path):
    """With one warning. The other files are checked."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 200, {"balance": 0.05, "duplicate_events": 0.05})
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        content = run.path(Kind.CUSTOMERS).read_bytes()
        writer = threading.Thread(target=lambda: pipe.write_bytes(content))
        writer.start()
        exports = Exports(
            customers=[str(pipe)], events=[str(run.path(Kind.EVENTS))], transactions=[str(run.path(Kind.TRANSACTIONS))]
        )
        summary = await migrate(run.settings, run.credentials, exports)
        writer.join()
        (warning,) = summary.warnings
        assert warning.startswith("customers from a pipe are not checked as a whole")
        assert set(summary.kinds["transactions"].reasons) == {"refused"}
        events = {each for each in wanted if each[0] == "events"}
        assert {each for each in places(read_dead_letters(tmp_path / "state")) if each[0] == "events"} == to_hold(
            events
        )


async def test_a_retry_sends_corrected_records(tmp_path):
    """The customer added, the sums corrected, the lines put together: all of it arrives."""
    async with opened(tmp_path) as run:
        plant(run, 200, {"balance": 0.03, "split": 0.05})
        before = (await run.migrate()).kinds["transactions"]
        assert set(before.reasons) == {"balance_mismatch", "split_transactions"}
        unchanged = (await retry(run.settings, run.credentials)).kinds["transactions"]
        assert unchanged.reasons == before.reasons
        assert (await retry(run.settings, run.credentials, unchanged=True)).kinds["transactions"].reasons["refused"] > 0
        path = tmp_path / "state" / "dead-letter.transactions.ndjson"
        letters, whole = [json.loads(line) for line in path.read_bytes().splitlines()], {}
        for letter in letters:
            raw = json.loads(letter["raw"])
            if letter["reason"] == Reason.REFUSED:  # the API has refused the wrong sum
                raw["transactions"][0]["amount"] += 1
            if raw["id"] in whole:
                first = json.loads(whole[raw["id"]]["raw"])
                raw["transactions"] = first["transactions"] + raw["transactions"]
            whole[raw["id"]] = {**letter, "raw": json.dumps(raw)}
        path.write_text("".join(json.dumps(letter) + "\n" for letter in whole.values()))
        after = (await retry(run.settings, run.credentials)).kinds["transactions"]
        assert after.items_accepted + after.items_dead == after.items_read
        assert path.read_bytes() == b""


async def test_events_alone_have_no_unknown_customers(tmp_path):
    """A run of events only: their customers are in the account already."""
    async with opened(tmp_path) as run:
        plant(run, 50, {})
        everything = run.path(Kind.EVENTS).read_bytes(), run.path(Kind.TRANSACTIONS).read_bytes()
        run.path(Kind.EVENTS).unlink()
        run.path(Kind.TRANSACTIONS).unlink()
        assert (await run.migrate()).exit_code == 0
        await anyio.sleep(0.5)  # until they show
        run.path(Kind.CUSTOMERS).unlink()
        for kind, content in zip((Kind.EVENTS, Kind.TRANSACTIONS), everything, strict=True):
            run.path(kind).write_bytes(content)
        summary = await run.migrate(state_dir=str(tmp_path / "second"))
        assert (summary.exit_code, summary.kinds["events"].dead) == (0, 0)


async def test_reversed_events_of_an_unknown_customer_stay_skipped(tmp_path):
    """The dead letter names and holds the others, before a retry and after it."""
    async with opened(tmp_path) as run:
        write_export(run.path(Kind.CUSTOMERS), [record(Kind.CUSTOMERS, 0)])
        bought = [event("p-1", reversed_at="2024-01-01T00:00:00Z"), event("p-2"), event("p-3")]
        write_export(run.path(Kind.EVENTS), [{"id": "c1", "events": bought}])
        figures = (await run.migrate()).kinds["events"]
        assert (figures.reasons, figures.items_dead, figures.items_skipped) == ({"unknown_customer": 1}, 2, 1)
        (letter,) = read_dead_letters(tmp_path / "state")
        assert letter["items"] == [1, 2]
        assert [each["order"]["purchase_id"] for each in json.loads(letter["raw"])["events"]] == ["p-2", "p-3"]
        await retry(run.settings, run.credentials)  # no one corrected it: it stays as it is
        (again,) = read_dead_letters(tmp_path / "state")
        assert (again["items"], again["raw"]) == (letter["items"], letter["raw"])
        write_export(tmp_path / "more.ndjson", [record(Kind.CUSTOMERS, 1)])
        names = Exports(
            customers=[str(run.path(Kind.CUSTOMERS)), str(tmp_path / "more.ndjson")],
            events=[str(run.path(Kind.EVENTS))],
        )
        assert (await migrate(run.settings, run.credentials, names)).kinds["customers"].accepted == 2
        figures = (await retry(run.settings, run.credentials)).kinds["events"]
        assert (figures.items_accepted, figures.items_dead, figures.items_skipped) == (2, 0, 1)


async def test_a_plan_after_a_validation_does_not_check_again(tmp_path):
    """What was found is in the directory for dead letters, and says the same."""
    async with opened(tmp_path) as run:
        plant(run, 200)
        where = DryRunFiles(scratch=tmp_path)
        first = await plan(run.settings, named(run), files=where)
        with sqlite3.connect(tmp_path / FINDINGS) as database:
            database.execute("UPDATE about SET checks = replace(checks, 'the customer is in no', 'known:')")
        second = await plan(run.settings, named(run), files=where)
        assert (first.requests, first.records) == (second.requests, second.records)
        assert "known:" in str(second.summary.checks)
        third = await plan(run.settings_with(skip_checks="unknown_customer"), named(run), files=where)
        assert "unknown_customer" not in str(third.summary.checks.results)


async def test_the_canary_is_a_record_that_is_not_held_back(tmp_path):
    """The second file shows what is wrong with the transactions of the first customer: they are not tried."""
    async with opened(tmp_path) as run:
        balance = [{"amount": 4, "reward_id": transaction()["reward_id"]}]
        write_export(run.path(Kind.CUSTOMERS), [record(Kind.CUSTOMERS, number, balance=balance) for number in range(2)])
        for name, amount in (("transactions.ndjson", 3), ("more", 1)):
            write_export(tmp_path / name, [{"id": "c0", "transactions": [transaction(amount)]}])
        names = Exports(
            customers=[str(run.path(Kind.CUSTOMERS))],
            transactions=[str(run.path(Kind.TRANSACTIONS)), str(tmp_path / "more")],
        )
        seen = Watched()
        summary = await migrate(run.settings_with(canary=True), run.credentials, names, observer=seen)
        assert [each.kind for each in summary.canary.records] == ["customers"]
        assert (seen.refusals, summary.kinds["transactions"].reasons) == ([], {"split_transactions": 2})


async def test_records_that_are_corrected_are_appended(tmp_path):
    """Refused customers and what waits for them come once more at the end of the exports: then they are sent."""
    async with opened(tmp_path) as run:
        balance = [{"amount": 4, "reward_id": transaction()["reward_id"]}]
        customers = [record(Kind.CUSTOMERS, number, balance=balance) for number in range(3)]
        write_export(run.path(Kind.CUSTOMERS), [*customers[:2], {**customers[2], "email": customers[0]["email"]}])
        write_export(run.path(Kind.EVENTS), [{"id": "c2", "events": [event("p-1")]}])
        write_export(run.path(Kind.TRANSACTIONS), [{"id": "c2", "transactions": [transaction(4)]}])
        summary = await run.migrate()
        assert [each.dead for each in summary.kinds.values()] == [1, 1, 1]
        for kind in Kind:
            line = json.dumps(customers[2]).encode() + b"\n"
            with run.path(kind).open("ab+") as stream:
                stream.seek(0)
                last = stream.read().splitlines(keepends=True)[-1]
                stream.write(line if kind is Kind.CUSTOMERS else last)
        seen = Watched()
        summary = await run.migrate(observer=seen)
        assert [(each.accepted, each.dead) for each in summary.kinds.values()] == [(3, 1), (1, 1), (1, 1)]
        assert seen.refusals == []


async def test_a_dead_letter_of_the_run_is_not_missed(tmp_path):
    """After an export has grown, a customer whose transactions are dead letters is not said to have none."""
    async with opened(tmp_path) as run:
        balance = [{"amount": 4, "reward_id": transaction()["reward_id"]}]
        write_export(run.path(Kind.CUSTOMERS), [record(Kind.CUSTOMERS, number, balance=balance) for number in range(3)])
        moved = [{"id": f"c{number}", "transactions": [transaction(4 - number)]} for number in range(3)]
        write_export(run.path(Kind.TRANSACTIONS), moved[:2])
        first = await run.migrate()
        assert [each.check for each in first.checks.results] == ["balance_mismatch", "no_transactions"]
        write_export(run.path(Kind.TRANSACTIONS), moved)
        second = await run.migrate()
        assert {each.check: each.count for each in second.checks.results} == {"balance_mismatch": 1}
        assert second.kinds["transactions"].reasons == {"balance_mismatch": 2}


async def test_a_line_that_adds_up_alone_is_sent(tmp_path):
    """Another line with the same id is not a part of it: only that one is held back, whatever comes first."""
    async with opened(tmp_path) as run:
        balance = [{"amount": 4, "reward_id": transaction()["reward_id"]}]
        write_export(run.path(Kind.CUSTOMERS), [record(Kind.CUSTOMERS, 0, balance=balance)])
        amounts = (4, 7, 9)
        write_export(
            run.path(Kind.TRANSACTIONS), [{"id": "c0", "transactions": [transaction(each)]} for each in amounts]
        )
        seen = Watched()
        summary = await run.migrate(observer=seen)
        found = places(read_dead_letters(tmp_path / "state"))
        assert found == {("transactions", line, "duplicate_id") for line in (2, 3)}
        assert (seen.refusals, summary.kinds["transactions"].accepted) == ([], 1)


def far_apart(run):
    """Write customers that come again after many others; return the lines to hold back, each with the earlier one.

    The records of `mail` are right: only records that are held back have their emails, too.
    """
    groups = range(20)
    first = [record(Kind.CUSTOMERS, f"{number}-a") for number in groups]
    others = [record(Kind.CUSTOMERS, number) for number in range(1500)]
    again = [{**each, "email": f"new-{each['email']}"} for each in first[:10]]
    mail = [{**record(Kind.CUSTOMERS, f"{number}-b"), "email": each["email"]} for number, each in enumerate(again)]
    write_export(run.path(Kind.CUSTOMERS), [*first, *others, *again, *mail, *first[10:]])
    write_export(run.path(Kind.EVENTS), [record(Kind.EVENTS, each["id"][1:]) for each in (*first, *mail)])
    last = len(groups) + len(others)
    return {last + number: number for number in range(1, 11)} | {last + number: number - 10 for number in range(21, 31)}


@pytest.mark.parametrize("remember_ids", [1, 600_000])
async def test_what_the_decoder_has_forgotten_changes_nothing(remember_ids, tmp_path):
    """A record far behind the first one is held back for its id, and its email counts against no other one."""
    async with opened(tmp_path) as run:
        again = far_apart(run)
        planned = await plan(run.settings_with(remember_ids=remember_ids), named(run))
        seen = Watched()
        summary = await run.migrate(observer=seen, remember_ids=remember_ids)
        letters = read_dead_letters(tmp_path / "state")
        assert places(letters) == {("customers", line, "duplicate_id") for line in again}
        assert {each["line"]: int(each["message"].rpartition(":")[2]) for each in letters} == again
        assert (seen.refusals, summary.kinds["events"].accepted) == ([], 30)
        assert {each.check: each.count for each in planned.summary.checks.results} == {"duplicate_id": len(again)}
        assert [each.requests for each in planned.kinds.values()] == [each.requests for each in summary.kinds.values()]


class Signalling(Watched):
    """Sends a signal to this process when the checks begin."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def notify(self, notice):
        super().notify(notice)
        if isinstance(notice, ChecksStarted):
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_stops_the_checks(number, code, tmp_path):
    """At once and in an orderly way, before anything is sent; the same command begins them again."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 300)
        seen = Signalling(number)
        summary = await run.migrate(observer=seen, handle_signals=True)
        assert (summary.exit_code, summary.outcome) == (code, "interrupted")
        assert (seen.of(BatchSent), seen.of(ChecksEnded)) == ([], [])
        names = [path.name for path in (tmp_path / "state").iterdir()]
        assert [name for name in names if "findings" in name or "checks" in name] == []
        seen = Watched()
        await run.migrate(observer=seen)
        assert places(read_dead_letters(tmp_path / "state")) == to_hold(wanted)
        assert [ended.known for ended in seen.of(ChecksEnded)] == [False]


async def test_an_export_that_ends_within_a_line_is_sent_unchecked(tmp_path):
    """Its complete lines, with a warning. When it is finished, all of it is checked."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 200)
        whole = run.path(Kind.TRANSACTIONS).read_bytes()
        run.path(Kind.TRANSACTIONS).write_bytes(whole[:-5])
        seen = Watched()
        summary = await run.migrate(observer=seen)
        assert summary.exit_code == 5
        assert [each for each in summary.warnings if each.startswith("the exports are not checked as a whole")]
        assert not (tmp_path / "state" / FINDINGS).exists()
        run.path(Kind.TRANSACTIONS).write_bytes(whole)
        assert (await run.migrate(observer=seen)).checks.errors > 0
        assert "customers" in {kind for kind, *_ in wanted}


async def test_damaged_findings_are_found_again(tmp_path):
    """A run whose file of findings is no such file any more checks again."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 200)
        seen = Watched()
        await run.migrate(observer=seen, max_dead="1")
        (tmp_path / "state" / FINDINGS).write_bytes(b"x" * 5000)
        await run.migrate(observer=seen)
        assert [ended.known for ended in seen.of(ChecksEnded)] == [False, False]
        assert places(read_dead_letters(tmp_path / "state")) == to_hold(wanted)


async def test_many_files_are_checked_together(tmp_path):
    """Four hundred of them, with few lines each."""
    async with opened(tmp_path) as run:
        wanted = plant(run, 400, {"balance": 0.05, "orphans": 0.05, "duplicate_ids": 0.05})
        names = {}
        for kind in Kind:
            lines = run.path(kind).read_bytes().splitlines(keepends=True)
            for start in range(0, len(lines), 3):
                path = tmp_path / f"{kind}-{start:04}"
                path.write_bytes(b"".join(lines[start : start + 3]))
                names.setdefault(kind.value, []).append(str(path))
        assert sum(map(len, names.values())) > 400
        seen = Watched()
        await migrate(run.settings, run.credentials, Exports(**names), observer=seen)
        found = {
            (each["kind"], int(each["file"].rpartition("-")[2]) + each["line"], each["reason"])
            for each in read_dead_letters(tmp_path / "state")
        }
        assert (found, seen.refusals) == (to_hold(wanted), [])
