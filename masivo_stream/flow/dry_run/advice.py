"""Advice: what a person should know before sending. One sentence each: how many, the consequence, and what to do.

A healthy plan of a large export has one warning, that it needs a production account. Every other one needs attention.
"""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.flow.dry_run.all_kinds import DryRun
from masivo_stream.flow.dry_run.kind_dry_run import KindDryRunResult
from masivo_stream.model import contract
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.moments import duration
from masivo_stream.model.plan import DeadReason, KindPlan, QuotaLeft
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.settings import Settings

WORTH_A_WARNING = 0.03
"""Requests above the lower bound, as a share of it: bin packing alone stays below this."""

MANY_SKIPPED = 0.1
"""Skipped records, as a share of a kind's records. Above it, the fields that mark deleted ones are probably misread."""

ROUND_BYTES = 100_000
"""A proposed `max_body_bytes` is rounded up to a multiple of this."""


def warn_of_plan(settings: Settings, dry: DryRun, kinds: Mapping[str, KindPlan], quota: QuotaLeft) -> Iterator[str]:
    """Yield the warnings of a plan."""
    yield from dry.summary.warnings
    yield from _about_account(kinds)
    yield from _about_canary(settings, dry)
    yield from _about_limits(settings, sum(kind.requests for kind in kinds.values()), quota)
    for name, found in dry.kinds.items():
        yield from _about_records(name, found)
        yield from _about_dead_letters(name, found, dry)
        yield from _about_packing(settings, name, found, kinds[name])
    yield from _about_customers(settings, dry)


def _about_account(kinds: Mapping[str, KindPlan]) -> Iterator[str]:
    records = sum(kind.records for kind in kinds.values())
    if records == 0:
        yield "nothing would be sent: name exports that hold records to migrate"
    if records > contract.PRODUCTION_ACCOUNT_RECORDS:
        prod, dev = (sum(kind.seconds[account] for kind in kinds.values()) for account in ("prod", "dev"))
        slower = f"; a development account takes {duration(dev)} instead of {duration(prod)}" if dev > prod else ""
        yield (
            f"{records:,} records need a Production account (guides/migrate-customers): ask the vendor to set one up"
            f" first{slower}"
        )


def _about_canary(settings: Settings, dry: DryRun) -> Iterator[str]:
    if settings.verify.canary and not any(found.canary for found in dry.kinds.values()):
        yield (
            "no record near the beginning of the exports is fit to be sent first as a canary, so a migration with"
            " --canary ends before it sends anything (exit 2): correct the records there, or give --no-canary"
        )


def _about_limits(settings: Settings, requests: int, quota: QuotaLeft) -> Iterator[str]:
    limits = settings.limits
    if not limits.limit:
        yield (
            "no limit is configured: every request leaves at once, and an account with limits answers 429; give the"
            " account's limits, for example --limit 1/5s --limit 1000/h"
        )
    alone = last_departure(requests, [ScheduledScope(limits.limit)])
    together = last_departure(requests, [ScheduledScope(limits.limit), ScheduledScope(limits.general_limit)])
    if together > alone:
        windows = ", ".join(str(window) for window in limits.general_limit if window.hours is None)
        yield (
            f"the limit of {windows} over all calls is the bottleneck: {requests:,} requests take {duration(together)}"
            f" instead of {duration(alone)}, and each read-back is one more request; a Production account does not"
            " have this limit"
        )
    if quota.unreadable:
        yield (
            f"the plan assumes that the account's quota is unused, because it cannot be read ({quota.unreadable}):"
            " repair shared_dir, otherwise the first requests may be answered with 429"
        )
    if quota.held_seconds > limits.longest_hold:
        yield (
            f"the server asks to wait {duration(quota.held_seconds)} more, which is longer than longest_hold: a"
            " migration that starts now stops at once (exit 6); start it later"
        )


def _about_records(kind: str, found: KindDryRunResult) -> Iterator[str]:
    reasons = {dead.reason: dead for dead in found.dead_letters}
    if large := reasons.get(Reason.TOO_MANY_ITEMS):
        most = CONTRACTS[Kind(kind)].max_items
        yield (
            f"{_count(large.records, 'customer')} with more than {most} {kind}, which must not be split over requests:"
            f" none of these would be sent, the first at {_place(large)}; merge each customer's oldest ones"
        )
    if large := reasons.get(Reason.TOO_LARGE):
        yield (
            f"{_count(large.records, 'record')} of {kind} too large for any request, the first at {_place(large)}:"
            f" shorten these records, or raise max_body_bytes if the target takes larger bodies"
        )
    figures = found.figures
    records = figures.read - figures.blank
    marked = [each for each in found.skipped if each.reason != SkipReason.CUSTOMER_DELETED]
    if marked and figures.skipped > MANY_SKIPPED * records:
        yield (
            f"{figures.skipped:,} of {records:,} records of {kind} would be skipped, the first at {marked[0].place}:"
            " if these records are not deleted or reversed, export the fields `deleted`, `deleted_at`, `status` and"
            " `reversed_at` without a value, or leave the fields out; of exports that prepare has written, correct"
            " `statuses` in the mapping"
        )


def _about_dead_letters(kind: str, found: KindDryRunResult, dry: DryRun) -> Iterator[str]:
    """Yield a warning if most records of a kind would be dead letters: where the cause is, in whatever export."""
    figures = found.figures
    records = figures.read - figures.blank
    if figures.dead * 2 <= records:
        return
    first, files = found.dead_letters[0], _customers_files(dry)
    empty = " and ".join(file for file, customers in files if not customers)
    if first.reason == Reason.UNKNOWN_CUSTOMER and empty:
        yield (
            f"{figures.dead:,} of {records:,} records of {kind} would be dead letters, most of them because no customer"
            f" in {empty} can be sent: export the customers again, or leave --customers out if the account has all of"
            " them"
        )
    elif first.reason == Reason.UNKNOWN_CUSTOMER:
        yield (
            f"{figures.dead:,} of {records:,} records of {kind} would be dead letters, most of them because"
            f" {' and '.join(file for file, _ in files)} lacks their customers: export all customers, with ids written"
            f" as at {_place(first)}"
        )
    elif first.reason == Reason.CUSTOMER_NOT_MIGRATED and (dead := dry.kinds[Kind.CUSTOMERS].dead_letters):
        yield (
            f"{figures.dead:,} of {records:,} records of {kind} would be dead letters, most of them because their"
            f" customers are dead letters: correct the customers first, beginning at {_place(dead[0])}"
        )
    else:
        yield (
            f"{figures.dead:,} of {records:,} records of {kind} would be dead letters, most of"
            f" them because of {first.reason}: the export as a whole is probably wrong; look at {_place(first)} and"
            " export again"
        )


def _customers_files(dry: DryRun) -> list[tuple[str, int]]:
    """Return the files of the customers export, each with the number of customers that can be sent."""
    checks = dry.summary.checks
    totals = () if checks is UNSET else checks.totals
    return [(each.file, each.records) for each in totals if each.kind == Kind.CUSTOMERS]


def _about_packing(settings: Settings, kind: str, found: KindDryRunResult, planned: KindPlan) -> Iterator[str]:
    requests, bound = planned.requests, planned.requests_lower_bound
    if found.limited_by_bytes and requests > bound:
        roomy = -(-found.roomy_body_bytes // ROUND_BYTES) * ROUND_BYTES
        yield (
            f"{found.limited_by_bytes:,} of {_count(requests, 'request')} of {kind} would be limited by bytes, not by"
            f" count; that makes {requests - bound:,} more requests than the fewest possible: --max-body-bytes {roomy}"
            " would fill them, if the target takes bodies of that size"
        )
    elif requests - bound > max(1, WORTH_A_WARNING * bound):
        yield (
            f"{_count(requests, 'request')} of {kind}, but the fewest possible are {bound:,}: a customer's record is"
            " never split, and these do not fit together better; if small records come long after large ones, a"
            f" larger look_ahead helps (now {settings.upload.look_ahead})"
        )


def _about_customers(settings: Settings, dry: DryRun) -> Iterator[str]:
    sent = {name: found for name, found in dry.kinds.items() if found.figures.pending}
    others = [name for name in sent if name != Kind.CUSTOMERS]
    checks = dry.summary.checks
    if others and Kind.CUSTOMERS not in dry.kinds:
        customers = "every customer" if checks is UNSET or not checks.customers else _all_of(checks.customers)
        yield (
            f"{' and '.join(others)} without a customers export: {customers} must be in the account already, because"
            " one unknown customer makes the API refuse a batch of 1000; if they are not, name the customers export"
            " too; migrate --canary finds out about one of them with a request of each kind"
        )
    if checks is not UNSET and not checks.unfinished:
        return  # they find unknown customers and duplicates exactly, and hold them back
    for name in others:
        unlisted = sent[name].unlisted
        if unlisted is not None:
            yield (
                f"{_count(unlisted.records, 'record')} of {name} for customers that are not in the customers export,"
                f" the first at {unlisted.file}:{unlisted.line}: unless the account has these customers, each costs"
                " about ten requests to isolate; leave the records out, or add the customers"
            )
    most = settings.validation.remember_ids
    many = [name for name in sent if name != Kind.EVENTS and sent[name].figures.pending > most]
    if many:
        yield (
            f"more than {most:,} {' and '.join(many)}: duplicates further apart than that are not noticed before they"
            " are sent, and each costs about ten requests to isolate; raise remember_ids to the number of records"
        )


def _all_of(customers: int) -> str:
    return f"all {customers:,} customers" if customers > 1 else "the one customer"


def _place(first: DeadReason) -> str:
    return f"{first.file}:{first.line}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
