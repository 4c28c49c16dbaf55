"""Plan: how many requests a migration takes, how long it takes at the account's limits, and what would be rejected.

The number of requests is exact: a migration that follows, into an account that has nothing of it, sends that many. The
times follow from the windows alone, and from the hours in which some of them hold if the migration starts now. Slow
answers and the waits between two kinds make it longer. If each endpoint has windows of its own (`scope`), the plan
computes with shared ones, and the migration may end earlier. If the settings ask for a canary, its requests are among
those of the plan; its reads are not, and no other reads are.
"""

from collections.abc import Callable, Iterable
from itertools import accumulate

from msgspec import UNSET, structs

from masivo_stream.core.checks.name_rewards import name_in_summary
from masivo_stream.core.compare_references import compare_references
from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.core.packing.pack import lower_bound
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.core.reading.sampled_references import SampledReferences
from masivo_stream.edges.files.catalogue_file import read_catalogue
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.shared_dir.quota import QuotaUse
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.flow.dry_run.advice import warn_of_plan
from masivo_stream.flow.dry_run.all_kinds import DryRun, DryRunFiles, dry_run
from masivo_stream.flow.dry_run.kind_dry_run import KindDryRunResult
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.identity.account_binding import identify_account
from masivo_stream.flow.identity.remembered import predict_refusals
from masivo_stream.flow.look_up import read_small
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.pipeline.expect import leave_plan
from masivo_stream.flow.quota_left import (
    Windows,
    has_hours,
    quota_left,
    read_account_quota,
    scopes_left,
    timetable_from_now,
)
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.forecast import Expected
from masivo_stream.model.moments import after
from masivo_stream.model.plan import CanaryCost, KindPlan, Plan, PlannedReferences
from masivo_stream.model.ports import Clock
from masivo_stream.model.references import Catalogue
from masivo_stream.model.settings import LimitSettings, Settings
from masivo_stream.model.summary import Summary
from masivo_stream.model.window import parse_window


async def plan(
    settings: Settings,
    exports: Exports,
    *,
    credentials: Credentials | None = None,
    files: DryRunFiles | None = None,
    catalogue: str = "",
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> Plan:
    """Validate and pack everything, send nothing, and return what sending would take.

    Args:
        settings: see `load_settings`.
        exports: what to read.
        credentials: only name the account, so that the plan counts what this machine has used of its quota, and warns
            of exports and purchases that it has sent there already. Without them the quota is taken to be unused.
        files: where dead letters and lists of what is skipped are written; nowhere without it.
        catalogue: path of a JSON file that says what the account has: what the exports name is compared with it, and
            rewards have the names in it.
        observer: receives notices of how far the work is.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: no export is named, or a check that there is not; or the file is no catalogue.
        InputError: an export does not exist.
        StorageError: what the checks keep on disk cannot be written.
    """
    clock = (runtime or Runtime()).clock
    policy = read_policy(settings)
    exports = exports.found(settings.retry)
    has = read_catalogue(shown_url(catalogue), read_small(catalogue)) if catalogue else Catalogue()
    sampled = SampledReferences()
    files = structs.replace(files or DryRunFiles(), observer=Observers([observer] if observer else []))
    dry = await dry_run(settings, exports, files, clock, policy, credentials, sampled.add)
    references = _compare(sampled, has, catalogue)
    dry = structs.replace(dry, summary=add_reference_findings(name_in_summary(dry.summary, has), references))
    use, unreadable = read_account_quota(settings, credentials, clock)
    known: list[str] = []
    if credentials is not None:
        known = await predict_refusals(settings, identify_account(settings, credentials), exports.find(settings.retry))
    found = _make_plan(settings, dry, use, unreadable, clock, known)
    if files is not None and files.scratch is not None and dry.failure is None:
        leave_plan(StateDir(files.scratch), exports.find(settings.retry), _expected(found), settings)
    asks = credentials is not None and not catalogue
    return structs.replace(found, references=references, suggests_check=asks and bool(references.looked_at))


def _expected(plan: Plan) -> dict[Kind, Expected]:
    """Return what the exports hold, for the run that follows."""
    return {
        Kind(kind): Expected(
            basis="plan",
            records=plan.summary.kinds[kind].read,
            sendable=found.records,
            items=found.items,
            requests=found.requests,
            size=0,
        )
        for kind, found in plan.kinds.items()
    }


_HINT_OF_REFERENCES = (
    "create what the account lacks, or correct the ids, before migrating: the API would refuse these records"
)


def _compare(sampled: SampledReferences, has: Catalogue, file: str) -> PlannedReferences:
    named = sampled.result()
    return PlannedReferences(
        lines=sampled.lines,
        looked_at=sampled.looked_at,
        by_sort=named.by_sort,
        findings=tuple(compare_references(named, has)),
        catalogue_file=file,
    )


def add_reference_findings(summary: Summary, references: PlannedReferences) -> Summary:
    """Return a summary that ends the command as dead letters do if something is named that the account lacks."""
    if not references.findings or summary.outcome != "complete":
        return summary
    code = int(ExitCode.DEAD_LETTERS)
    return structs.replace(summary, outcome="dead_letters", exit_code=code, hint=_HINT_OF_REFERENCES)


WORTH_A_CANARY = 20
"""Requests from which on a canary is suggested: it takes a request of each kind, and about as long as these take."""

_Forecast = Callable[[int], dict[str, float]]
"""Returns when the last of a number of requests departs, by account, each with its quota unused."""


def _make_plan(
    settings: Settings, dry: DryRun, use: QuotaUse | None, unreadable: str, clock: Clock, known: Iterable[str]
) -> Plan:
    accounts = _accounts(settings.limits)
    time_zone, timetable = timetable_from_now(settings, clock)

    def forecast(requests: int) -> dict[str, float]:
        return {
            account: last_departure(requests, [ScheduledScope(windows) for windows in scopes], timetable=timetable)
            for account, scopes in accounts.items()
        }

    sent = list(accumulate((kind.requests for kind in dry.kinds.values()), initial=0))
    seconds = [forecast(requests) for requests in sent]
    left = scopes_left(accounts["configured"], use, clock.now())
    begin, last = clock.wall(), _number_last(dry.kinds.values())
    kinds = {}
    for place, (name, found) in enumerate(dry.kinds.items()):
        kinds[name] = KindPlan(
            records=found.figures.pending,
            items=found.figures.items_pending,
            requests=found.requests,
            requests_lower_bound=_fewest(Kind(name), found),
            seconds={account: end - seconds[place][account] for account, end in seconds[place + 1].items()},
            finished_at=after(begin, last_departure(last[place], left, timetable=timetable)),
            limited_by_bytes=found.limited_by_bytes,
            dead_letters=found.dead_letters,
            skipped=found.skipped,
        )
    suggests_canary = sent[-1] >= WORTH_A_CANARY and not settings.verify.canary
    quota = quota_left(accounts["configured"], left, timetable, known=use is not None, unreadable=unreadable)
    return Plan(
        summary=dry.summary,
        kinds=kinds,
        records=sum(kind.records for kind in kinds.values()),
        items=sum(kind.items for kind in kinds.values()),
        requests=sent[-1],
        requests_lower_bound=sum(kind.requests_lower_bound for kind in kinds.values()),
        seconds=seconds[-1],
        windows={account: _describe(scopes) for account, scopes in accounts.items()},
        quota=quota,
        starts_at=after(begin, last_departure(min(1, sent[-1]), left, timetable=timetable)),
        finished_at=after(begin, last_departure(sent[-1], left, timetable=timetable)),
        time_zone=time_zone if has_hours((*settings.limits.limit, *settings.limits.general_limit)) else "",
        warnings=[*known, *warn_of_plan(settings, dry, kinds, quota)],
        canary=[found.canary for found in dry.kinds.values() if found.canary is not None],
        suggests_canary=suggests_canary,
        canary_cost=_cost_of_canary(kinds.values(), forecast) if suggests_canary else UNSET,
    )


def _number_last(kinds: Iterable[KindDryRunResult]) -> list[int]:
    """Return which request is the last one of each kind, counted from 1. Those of a canary come before all others."""
    found = list(kinds)
    ahead = list(accumulate(each.canary is not None for each in found))
    others = list(accumulate(each.requests - (each.canary is not None) for each in found))
    return [
        place if each.canary is not None and each.requests == 1 else ahead[-1] + number
        for each, place, number in zip(found, ahead, others, strict=True)
    ]


def _fewest(kind: Kind, found: KindDryRunResult) -> int:
    """Return the fewest requests that could carry the records of a kind, its canary in one of its own."""
    records, items, canary = found.figures.pending, found.figures.items_pending, found.canary
    if canary is None:
        return lower_bound(CONTRACTS[kind], records=records, items=items)
    return 1 + lower_bound(CONTRACTS[kind], records=records - 1, items=items - canary.items)


def _cost_of_canary(kinds: Iterable[KindPlan], forecast: _Forecast) -> CanaryCost:
    """Return what a canary would add at most: a request of each kind of which something is sent."""
    planned = list(kinds)
    requests = sum(kind.requests for kind in planned)
    more = sum(kind.requests > 0 for kind in planned)
    without = forecast(requests)
    with_one = forecast(requests + more)
    return CanaryCost(requests=more, seconds={account: with_one[account] - without[account] for account in without})


def _accounts(limits: LimitSettings) -> dict[str, tuple[Windows, Windows]]:
    """Return the windows of each account in the plan: those of migration calls, and those of all calls together."""

    def parse(texts: tuple[str, ...]) -> Windows:
        return tuple(parse_window(text) for text in texts)

    return {
        "configured": (limits.limit, limits.general_limit),
        "prod": (parse(contract.MIGRATION_WINDOWS_PROD), ()),
        "dev": (parse(contract.MIGRATION_WINDOWS_DEV), parse(contract.GENERAL_WINDOWS_DEV)),
    }


def _describe(scopes: tuple[Windows, Windows]) -> list[str]:
    migration, general = scopes
    return [*map(str, migration), *(f"{window} all" for window in general)]
