"""The plan: requests, times and what is left of the quota; the library's dry run."""

import json
from contextlib import closing
from datetime import timedelta

import pytest
from fakes import record, transaction, write_export
from msgspec import UNSET

from masivo_stream.core.accounting.error_budget import describe_excess
from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.edges.shared_dir.quota import Lane, open_quota
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.rate_limit import find_account, quota_path
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.window import parse_windows

KEY = Credentials(api_key=Secret("k"))


def settings(tmp_path, **flags):
    return load_settings(flags={"shared_dir": str(tmp_path / "shared"), **flags})


def three_kinds(tmp_path, records=1100):
    """Write 2 + 3 + 3 requests' worth of records; the balances are those of the transactions."""
    balance = {"balance": [{"reward_id": transaction()["reward_id"], "amount": 3}]}
    return {
        kind.value: [
            write_export(
                tmp_path / kind,
                [
                    record(kind, number, items=2, **(balance if kind is Kind.CUSTOMERS else {}))
                    for number in range(records)
                ],
            )
        ]
        for kind in Kind
    }


async def planned(flags, kinds, *, clock=None, credentials=None):
    return await plan(flags, Exports(**kinds), credentials=credentials, runtime=Runtime(clock=clock or FakeClock()))


async def test_the_kinds_add_up(tmp_path):
    """Records, items, requests and seconds of a plan are the sums of its kinds'."""
    found = await planned(settings(tmp_path), three_kinds(tmp_path))
    kinds = found.kinds.values()
    assert [kind.requests for kind in kinds] == [2, 3, 3]
    assert (found.records, found.items, found.requests, found.requests_lower_bound) == (3300, 5500, 8, 8)
    for account, seconds in found.seconds.items():
        assert seconds == sum(kind.seconds[account] for kind in kinds) == 35
    assert found.finished_at == found.kinds["transactions"].finished_at == found.starts_at + timedelta(seconds=35)
    assert found.kinds["customers"].finished_at == found.starts_at + timedelta(seconds=5)


async def test_a_canary_has_a_request_of_its_own(tmp_path):
    """In requests, times and the fewest possible; all three leave before the others. Nothing else changes."""
    exports = three_kinds(tmp_path)
    found = await planned(settings(tmp_path, canary=True), exports)
    assert [(each.kind, each.line, each.items) for each in found.canary] == [
        (Kind.CUSTOMERS, 1, 1),
        (Kind.EVENTS, 1, 2),
        (Kind.TRANSACTIONS, 1, 2),
    ]
    assert [kind.requests for kind in found.kinds.values()] == [3, 4, 4]
    assert (found.records, found.items, found.requests, found.requests_lower_bound) == (3300, 5500, 11, 11)
    assert [kind.seconds["configured"] for kind in found.kinds.values()] == [10, 20, 20]
    ends = [(kind.finished_at - found.starts_at).total_seconds() for kind in found.kinds.values()]
    assert ends == [20, 35, 50]
    assert (found.warnings, found.suggests_canary, found.canary_cost) == ([], False, UNSET)


async def test_a_canary_may_be_all_of_an_export(tmp_path):
    """Then it takes no request more; a kind without a record of the customer has no canary."""
    exports = three_kinds(tmp_path, records=1)
    found = await planned(settings(tmp_path, canary=True), exports)
    assert [kind.requests for kind in found.kinds.values()] == [1, 1, 1]
    ends = [(kind.finished_at - found.starts_at).total_seconds() for kind in found.kinds.values()]
    assert ends == [0, 5, 10]
    exports["events"] = [write_export(tmp_path / "others", [record(Kind.EVENTS, number) for number in (7, 8)])]
    found = await planned(settings(tmp_path, canary=True, skip_checks="unknown_customer"), exports)
    assert [each.kind for each in found.canary] == [Kind.CUSTOMERS, Kind.TRANSACTIONS]
    assert [kind.requests for kind in found.kinds.values()] == [1, 1, 1]
    ends = [(kind.finished_at - found.starts_at).total_seconds() for kind in found.kinds.values()]
    assert ends == [0, 10, 5]


async def test_the_canary_is_a_record_of_the_first_file(tmp_path):
    """It is not the same line of another file, and nothing that findings hold back."""
    customers = [{**record(Kind.CUSTOMERS, number), "balance": []} for number in range(4)]
    files = [write_export(tmp_path / f"c{place}", customers[2 * place : 2 * place + 2]) for place in range(2)]
    found = await planned(settings(tmp_path, canary=True), {"customers": files})
    assert [(each.file, each.line) for each in found.canary] == [(files[0], 1)]
    assert (found.requests, found.kinds["customers"].requests_lower_bound) == (2, 2)
    booked = [write_export(tmp_path / "t", [record(Kind.TRANSACTIONS, number) for number in (0, 1)])]
    found = await planned(settings(tmp_path, canary=True), {"customers": files, "transactions": booked})
    assert [each.kind for each in found.canary] == [Kind.CUSTOMERS]
    assert found.kinds["transactions"].requests == 0


async def test_a_plan_says_what_the_suggested_canary_costs(tmp_path):
    """At most a request of each kind that is sent, and their time; a plan with it takes no more than that."""
    exports = three_kinds(tmp_path, records=200) | {"events": [write_export(tmp_path / "none", [])]}
    small = {"max_body_bytes": 3000}
    without = await planned(settings(tmp_path, **small), exports)
    assert (without.suggests_canary, without.canary, without.canary_cost.requests) == (True, [], 2)
    assert without.canary_cost.seconds == {"configured": 10, "prod": 10, "dev": 10}
    found = await planned(settings(tmp_path, canary=True, **small), exports)
    assert without.requests <= found.requests <= without.requests + 2


async def test_all_windows_of_an_account_count(tmp_path):
    """A development account's daily limit of all calls counts, and so do the configured windows."""
    exports = three_kinds(tmp_path)
    found = await planned(settings(tmp_path, limit="1/s", general_limit="5/m"), exports)
    both = [ScheduledScope(parse_windows("1/s")), ScheduledScope(parse_windows("5/m"))]
    assert found.seconds["configured"] == last_departure(8, both) == 62
    assert found.windows["configured"] == ["1/s", "5/m all"]
    assert found.windows["dev"] == ["1/5s", "250/h", "1000/d all"]


@pytest.fixture
def used(tmp_path):
    """Return a clock, and a function that notes departures in the account's quota file."""
    clock = FakeClock()

    def depart(scope, times, hold=0.0):
        path = quota_path(*find_account(settings(tmp_path), KEY))
        with closing(open_quota(path, clock)) as quota:
            for _ in range(times):
                quota.reserve([Lane(scope, 10.0)], lambda _: 0.0)
            if hold:
                quota.hold(scope, hold)

    return clock, depart


async def test_the_used_quota_delays_the_plan(used, tmp_path):
    """Ten of twelve per hour are used: two leave now, the others in an hour. `seconds` are those of a fresh quota."""
    clock, depart = used
    depart("migration", 10)
    clock.advance(600)
    limits = settings(tmp_path, limit="12/h")
    found = await planned(limits, three_kinds(tmp_path), credentials=KEY, clock=clock)
    assert found.quota.known
    assert [(left.scope, left.window, left.used) for left in found.quota.windows] == [("migration", "12/h", 10)]
    assert found.starts_at == clock.wall()
    assert found.finished_at == clock.wall() + timedelta(seconds=3000)
    assert found.kinds["customers"].finished_at == clock.wall()
    assert found.seconds["configured"] == 0


async def test_calls_of_all_kinds_count_in_the_general_limit(used, tmp_path):
    """Such as reads that were made before."""
    clock, depart = used
    depart("general", 20)
    found = await planned(
        settings(tmp_path, limit="1/s", general_limit="24/h"), three_kinds(tmp_path), credentials=KEY, clock=clock
    )
    assert found.finished_at == clock.wall() + timedelta(seconds=3600 + 3)
    assert [left.used for left in found.quota.windows] == [0, 20]


async def test_a_hold_delays_the_plan(used, tmp_path):
    """The wait that a 429 asks for outlives its process; a wait that is too long stops a run at once."""
    clock, depart = used
    depart("migration", 1, hold=7200.0)
    found = await planned(settings(tmp_path), three_kinds(tmp_path), credentials=KEY, clock=clock)
    assert found.quota.held_seconds == 7200
    assert found.starts_at == clock.wall() + timedelta(seconds=7200)
    assert any("longest_hold" in warning for warning in found.warnings)


async def test_a_plan_makes_no_files_and_needs_no_key(tmp_path):
    """Neither a quota file nor a directory is made. Without a key the plan takes the quota to be unused."""
    exports = three_kinds(tmp_path, records=3)
    for credentials in (None, KEY):
        found = await planned(settings(tmp_path), exports, credentials=credentials)
        assert (found.requests, found.quota.known) == (3, credentials is not None)
        assert found.warnings == []
    assert not (tmp_path / "shared").exists()


async def test_a_quota_that_cannot_be_read_is_reported(tmp_path):
    """And the plan assumes that it is unused."""
    path = quota_path(*find_account(settings(tmp_path), KEY))
    path.parent.mkdir()
    path.write_bytes(b"rubbish " * 1000)
    found = await planned(settings(tmp_path), three_kinds(tmp_path, records=3), credentials=KEY)
    assert not found.quota.known
    assert [warning for warning in found.warnings if "shared_dir" in warning]


async def test_predicted_dead_letters_are_listed_by_reason(tmp_path):
    """How many, the place of the first one, what is wrong with it and what helps; the most frequent reason first."""
    bad = [{**record(Kind.CUSTOMERS, number), "name": 5} for number in range(3)]
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, 9), {"id": "c8"}, *bad])
    found = await planned(settings(tmp_path), {"customers": [path]})
    first, second = found.kinds["customers"].dead_letters
    assert (first.reason, first.records, first.file, first.line, first.field) == ("wrong_type", 3, path, 3, "name")
    assert (second.reason, second.records, second.line) == ("missing_field", 1, 2)
    assert first.remedy == REMEDIES[Reason.WRONG_TYPE]
    assert (found.summary.exit_code, found.summary.outcome, found.summary.closes) == (3, "dead_letters", True)
    assert "export" in found.summary.hint


async def test_a_plan_holds_back_records_of_a_customer_with_a_dead_letter(tmp_path):
    """Its events and transactions are dead letters of the plan, too. A good record elsewhere brings the customer."""
    customers = [record(Kind.CUSTOMERS, number) for number in range(6)]
    customers[2] = {"id": "c2"}
    customers.append({"id": "c3"})
    exports = {
        "customers": [write_export(tmp_path / "customers", customers)],
        "events": [write_export(tmp_path / "events", [record(Kind.EVENTS, number) for number in range(6)])],
        "transactions": [write_export(tmp_path / "transactions", [record(Kind.TRANSACTIONS, 2)])],
    }
    found = await planned(settings(tmp_path), exports)
    assert [kind.records for kind in found.kinds.values()] == [5, 5, 0]
    for kind in ("events", "transactions"):
        held = found.kinds[kind].dead_letters
        assert [(dead.reason, dead.records) for dead in held] == [("customer_not_migrated", 1)]
    assert found.kinds["transactions"].requests == 0
    assert found.kinds["events"].dead_letters[0].line == 3


async def test_a_plan_warns_where_a_migration_would_stop(tmp_path):
    """All bad records are at the beginning: 1 % is exceeded there, and not by the whole export."""
    bad, good = [{"id": number} for number in range(150)], [record(Kind.CUSTOMERS, number) for number in range(20_000)]
    kinds = {"customers": [write_export(tmp_path / "in", [*bad, *good])]}
    found = await planned(settings(tmp_path, max_dead="1%", block_bytes=65536), kinds)
    over = found.summary.over_budget
    assert (over.allowed, over.dead) == ("1%", 150)
    assert over.read < 10_000
    assert (found.summary.exit_code, found.warnings[0].split(";")[0]) == (3, f"over budget: {describe_excess(over)}")
    late = {"customers": [write_export(tmp_path / "late", [*good, *bad])]}
    assert (await planned(settings(tmp_path, max_dead="1%", block_bytes=65536), late)).summary.over_budget is UNSET


async def test_a_budget_that_is_not_exceeded_gives_no_warning(tmp_path):
    """As many dead letters as it allows."""
    kinds = three_kinds(tmp_path, 3) | {"customers": [write_export(tmp_path / "in", [{"id": 1}])]}
    limits = {"max_dead": "1,customers=100%", "skip_checks": "unknown_customer"}
    found = await planned(settings(tmp_path, **limits), kinds)
    assert (found.summary.over_budget, sum(each.dead for each in found.summary.kinds.values())) == (UNSET, 1)
    assert not [warning for warning in found.warnings if "over budget" in warning]
    over = (await planned(settings(tmp_path, max_dead="1"), kinds)).summary.over_budget
    assert (over.dead, over.reasons) == (7, {"unknown_customer": 6, "wrong_type": 1})


async def test_a_plan_counts_what_the_exports_name(tmp_path):
    """In the same pass; without a catalogue nothing is compared but the most that an account may hold."""
    exports = three_kinds(tmp_path, 300)
    found = await planned(settings(tmp_path), exports)
    references = found.references
    assert (references.looked_at, references.lines, references.findings) == (900, 900, ())
    rewards = references.by_sort[ReferenceSort.REWARD]
    assert (rewards.distinct, rewards.uses) == (1, 900)
    assert references.by_sort[ReferenceSort.EVENT_TYPE].uses == 600
    assert not found.suggests_check
    assert (await planned(settings(tmp_path), exports, credentials=KEY)).suggests_check


async def test_a_plan_compares_with_a_catalogue(tmp_path):
    """What it lacks ends the plan with 3; rewards have its names, in totals too."""
    exports = three_kinds(tmp_path, 3)
    reward = transaction()["reward_id"]
    path = tmp_path / "catalogue.json"
    for rewards, code in (([{"id": reward.upper(), "name": "Puntos"}], 0), ([], 3)):
        path.write_text(json.dumps({"rewards": rewards, "event_types": []}))
        found = await plan(
            settings(tmp_path),
            Exports(**exports),
            catalogue=str(path),
            runtime=Runtime(clock=FakeClock()),
            credentials=KEY,
        )
        assert (found.summary.exit_code, len(found.references.findings)) == (code, int(code == 3))
        assert [each.name for each in found.summary.checks.rewards] == (["Puntos"] if rewards else [""])
        assert (found.references.catalogue_file, found.suggests_check) == (str(path), False)
    assert "create what the account lacks" in found.summary.hint
    (finding,) = found.references.findings
    assert (finding.id, finding.uses, finding.line) == (reward, 9, 1)


async def test_lines_are_counted_once_however_often_they_are_read(tmp_path):
    """A finding that holds something back makes a plan read them again; what was found before is not looked for."""
    customers = [{**record(Kind.CUSTOMERS, number), "balance": []} for number in range(20)]
    exports = three_kinds(tmp_path, 20) | {"customers": [write_export(tmp_path / "c", customers)]}
    files = DryRunFiles(scratch=tmp_path)
    for _ in range(2):
        found = await plan(settings(tmp_path), Exports(**exports), files=files, runtime=Runtime(clock=FakeClock()))
        assert found.kinds["transactions"].records == 0
        assert found.summary.checks.errors == 20
        assert found.references.lines == found.references.looked_at == 60
        assert found.references.by_sort[ReferenceSort.REWARD].uses == 40
