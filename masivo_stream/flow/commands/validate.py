"""Validate and plan: the same judgement and the same packing as a migration's, nothing sent."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from msgspec import Struct, structs

from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.flow.dry_run.kind_dry_run import (
    DryRunDeadLetters,
    DuplicatePurchases,
    KindDryRun,
    KindDryRunResult,
    OpenDeadLetters,
    OpenSkipped,
)
from masivo_stream.flow.identity.inspect_exports import look_at_exports
from masivo_stream.flow.outcome import conclude
from masivo_stream.flow.pipeline.ports import SkippedSink, UnchangedSkipped
from masivo_stream.flow.reporting.examples import dry_run_examples, tell_places
from masivo_stream.flow.session import check_inputs
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.results import Rejected
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary

_HINT = "mend these lines in the export before migrating; or migrate, mend its dead letters, and masivo-stream retry"


class DryRun(Struct, frozen=True, kw_only=True):
    """What a dry run found: the summary (nothing accepted, what would be sent is pending), and more by kind."""

    summary: Summary
    kinds: dict[str, KindDryRunResult]


def discard_skips(_kind: Kind, _files: ExitStack) -> SkippedSink:
    """Count what is skipped, and list nothing."""
    return UnchangedSkipped(0, 0)


def discard_letters(_kind: Kind, _files: ExitStack) -> DryRunDeadLetters:
    """Count dead letters, and keep none."""
    return _Nowhere()


async def validate(
    settings: Settings,
    *,
    customers: Iterable[str] = (),
    events: Iterable[str] = (),
    transactions: Iterable[str] = (),
    dead_letters: OpenDeadLetters = discard_letters,
    skipped: OpenSkipped = discard_skips,
    clock: Clock | None = None,
) -> Summary:
    """Judge every line, send nothing. Records that would be sent stand under `pending`.

    Raises:
        ConfigurationError: no export is named.
        InputError: an export does not exist. One that turns out unreadable on the way is told in the summary.
    """
    dry = await dry_run(
        settings,
        {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions},
        dead_letters=dead_letters,
        skipped=skipped,
        clock=clock or SystemClock(),
    )
    return dry.summary


async def dry_run(
    settings: Settings,
    patterns: Mapping[Kind, Iterable[str]],
    *,
    dead_letters: OpenDeadLetters,
    skipped: OpenSkipped = discard_skips,
    clock: Clock,
) -> DryRun:
    """Validate and pack everything; see `validate` and `plan`. A damaged export does not keep the others from it."""
    inputs = {kind: found for kind, names in patterns.items() if (found := find_inputs(names))}
    check_inputs(inputs)
    await look_at_exports(inputs)
    expected = ExpectedCustomers(remember=settings.validation.remember_ids) if Kind.CUSTOMERS in inputs else None
    kinds: dict[str, KindDryRunResult] = {}
    failure: InputError | None = None
    for kind, found in inputs.items():
        of_kind = KindDryRun(kind, settings, clock, expected)
        with ExitStack() as files:
            failure = await of_kind.run(found, dead_letters(kind, files), skipped(kind, files)) or failure
        kinds[kind] = of_kind.result()
    figures = {kind: each.figures for kind, each in kinds.items()}
    closes = all(each.closes for each in figures.values())
    summary = conclude(figures, failure, closes=closes)
    if summary.outcome == "dead_letters":  # a run's hint is to retry; here is no run yet
        summary = structs.replace(summary, hint=_HINT)
    examples = [found for kind, each in kinds.items() for found in dry_run_examples(kind, each.dead_letters)]
    summary = structs.replace(
        summary,
        examples=tuple(examples),
        skipped_examples=tuple(example for each in kinds.values() for example in each.skipped),
        warnings=tuple(tell_repeated(each.duplicates) for each in kinds.values() if each.duplicates is not None),
    )
    return DryRun(summary=summary, kinds=kinds)


def tell_repeated(repeated: DuplicatePurchases) -> str:
    """Say of how many events the purchase came before, and what to do."""
    return (
        f"{tell_places(repeated.events, repeated.places)}: each would be sent and counted; where it is one purchase,"
        " --duplicate-purchase reject makes a dead letter of it"
    )


class _Nowhere:
    def append(self, letters: Iterable[Rejected]) -> None:
        pass
