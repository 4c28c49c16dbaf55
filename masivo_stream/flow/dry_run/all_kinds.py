"""A dry run over all exports: the validation and the packing of a migration, with nothing sent.

`validate` and `plan` are views of it.
"""

from collections.abc import Iterable
from contextlib import ExitStack

from msgspec import UNSET, Struct, structs

from masivo_stream.core.accounting.error_budget import ErrorBudget, KindCount, describe_excess
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.flow.dry_run.kind_dry_run import (
    DryRunDeadLetters,
    DuplicatePurchases,
    KindDryRun,
    KindDryRunResult,
    OpenDeadLetters,
    OpenSkipped,
)
from masivo_stream.flow.exports import Exports, check_inputs
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.flow.outcome import summarise
from masivo_stream.flow.protocols import SkippedSink, UnchangedSkipped
from masivo_stream.flow.reporting.find_examples import describe_places, dry_run_examples
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.ports import Clock
from masivo_stream.model.results import Rejected
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary

_HINT = (
    "correct these lines in the export before you migrate; or migrate, correct the dead letters, then start"
    " masivo-stream retry"
)


class DryRun(Struct, frozen=True, kw_only=True):
    """What a dry run found: the summary, and more by kind. Nothing is accepted; records ready to send are pending."""

    summary: Summary
    kinds: dict[str, KindDryRunResult]


def discard_skipped(_kind: Kind, _files: ExitStack) -> SkippedSink:
    """Count the skipped records, and list none."""
    return UnchangedSkipped(0, 0)


def discard_dead_letters(_kind: Kind, _files: ExitStack) -> DryRunDeadLetters:
    """Count dead letters, and keep none."""
    return _NoDeadLetters()


class DryRunFiles(Struct, frozen=True):
    """Where a dry run writes its dead letters, and its lists of skipped records. By default it writes neither."""

    dead_letters: OpenDeadLetters = discard_dead_letters
    skipped: OpenSkipped = discard_skipped


async def dry_run(settings: Settings, exports: Exports, files: DryRunFiles, clock: Clock) -> DryRun:
    """Validate and pack everything. A damaged export does not stop the others from being read.

    Raises:
        ConfigurationError: no export is named, or one is named twice.
        InputError: an export does not exist, or is no export.
    """
    inputs = exports.find()
    check_inputs(inputs)
    await inspect_exports(inputs)
    expected = ExpectedCustomers(remember=settings.validation.remember_ids) if Kind.CUSTOMERS in inputs else None
    budget = ErrorBudget(settings.validation.max_dead, dict.fromkeys(inputs, KindCount()))
    kinds: dict[str, KindDryRunResult] = {}
    failure: InputError | None = None
    for kind, found in inputs.items():
        of_kind = KindDryRun(kind, settings, clock, expected, budget)
        with ExitStack() as opened:
            failure = await of_kind.run(found, files.dead_letters(kind, opened), files.skipped(kind, opened)) or failure
        kinds[kind] = of_kind.result()
    over = budget.exceeded() or next((each.over for each in kinds.values() if each.over is not None), None)
    return DryRun(summary=_summarise(kinds, failure, over), kinds=kinds)


def _summarise(kinds: dict[str, KindDryRunResult], failure: InputError | None, over: OverBudget | None) -> Summary:
    figures = {kind: each.figures for kind, each in kinds.items()}
    summary = summarise(figures, failure, closes=all(each.closes for each in figures.values()))
    if summary.outcome == "dead_letters":  # a run's hint is to retry, but there is no run yet
        summary = structs.replace(summary, hint=_HINT)
    examples = [found for kind, each in kinds.items() for found in dry_run_examples(kind, each.dead_letters)]
    duplicates = [describe_duplicates(each.duplicates) for each in kinds.values() if each.duplicates is not None]
    return structs.replace(
        summary,
        examples=tuple(examples),
        skipped_examples=tuple(example for each in kinds.values() for example in each.skipped),
        warnings=(*([] if over is None else [describe_over(over)]), *duplicates),
        over_budget=UNSET if over is None else over,
    )


def describe_over(over: OverBudget) -> str:
    """Return the warning about an export that exceeds the error budget."""
    return (
        f"over budget: {describe_excess(over)}; a migration with this budget stops there (exit 6): correct the lines"
        " first, or allow more with --max-dead"
    )


def describe_duplicates(duplicates: DuplicatePurchases) -> str:
    """Return the warning about events whose purchase came before: how many they are, and what to do."""
    return (
        f"{describe_places(duplicates.events, duplicates.places)}: each would be sent and counted; if they are one"
        " purchase, --duplicate-purchase reject makes dead letters of the later ones"
    )


class _NoDeadLetters:
    def append(self, dead_letters: Iterable[Rejected]) -> None:
        pass
