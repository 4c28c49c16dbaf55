"""Plan: how many requests a migration takes, how long that is at the account's limits, and what would be refused."""

from collections.abc import Iterable
from datetime import timedelta

from masivo_stream.core.pack import lower_bound
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.flow.validate import OpenLetters, discard_letters, dry_run
from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.plan import KindPlan, Plan
from masivo_stream.model.settings import Settings
from masivo_stream.model.window import Window, parse_window


async def plan(
    settings: Settings,
    *,
    customers: Iterable[str] = (),
    events: Iterable[str] = (),
    transactions: Iterable[str] = (),
    dead_letters: OpenLetters = discard_letters,
    clock: Clock | None = None,
) -> Plan:
    """Judge and pack everything, send nothing, and tell what sending would take.

    Raises:
        ConfigurationError: no export is named.
        InputError: an export does not exist.
    """
    clock = clock or SystemClock()
    dry = await dry_run(
        settings,
        {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions},
        dead_letters=dead_letters,
        clock=clock,
    )
    kinds = {
        kind: KindPlan(
            records=figures.pending,
            items=figures.items_pending,
            requests=dry.requests[kind],
            requests_lower_bound=lower_bound(
                CONTRACTS[Kind(kind)], records=figures.pending, items=figures.items_pending
            ),
        )
        for kind, figures in dry.summary.kinds.items()
    }
    requests = sum(kind.requests for kind in kinds.values())
    windows = {
        "configured": settings.limits.limit,
        "prod": tuple(parse_window(text) for text in contract.MIGRATION_WINDOWS_PROD),
        "dev": tuple(parse_window(text) for text in contract.MIGRATION_WINDOWS_DEV),
    }
    seconds = {account: time_needed(requests, limit) for account, limit in windows.items()}
    records = sum(kind.records for kind in kinds.values())
    warnings = []
    if records > contract.PRODUCTION_ACCOUNT_RECORDS:
        warnings.append(f"{records} records want a Production account (guides/migrate-customers)")
    return Plan(
        summary=dry.summary,
        kinds=kinds,
        requests=requests,
        seconds=seconds,
        finished_at=clock.wall() + timedelta(seconds=seconds["configured"]),
        warnings=warnings,
    )


def time_needed(requests: int, windows: Iterable[Window]) -> float:
    """Return the seconds between the first and the last of so many departures, each as early as the windows allow.

    Greedy departures under several windows are those of the slowest in the long run; simulated exactly, in one pass.
    """
    limits = tuple(windows)
    if not limits or requests <= 1:
        return 0.0
    departures = [0.0]
    for number in range(1, requests):
        departures.append(
            max(
                departures[-1],
                *(departures[number - window.limit] + window.seconds for window in limits if number >= window.limit),
                0.0,
            )
        )
    return departures[-1]
