"""A dry run over all exports: the validation and the packing of a migration, with nothing sent.

`validate` and `plan` are views of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import UNSET, Struct, structs

from masivo_stream.core.accounting.error_budget import ErrorBudget, KindCount, describe_excess
from masivo_stream.core.fault_groups import join_groups
from masivo_stream.core.reading.hold_back import HeldOfLines
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.files.findings_file import read_findings
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.checks.policy import CheckPolicy, identify
from masivo_stream.flow.checks.whole_export import WholeExport
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.flow.dry_run.kind_dry_run import (
    DryRunDeadLetters,
    DuplicatePurchases,
    KindDryRun,
    KindDryRunResult,
    OpenDeadLetters,
    OpenSkipped,
    Watch,
)
from masivo_stream.flow.dry_run.sent_before import SentFindings
from masivo_stream.flow.exports import Exports, check_inputs
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.flow.identity.sent_purchases import SentByRuns, open_for_dry_run
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.outcome import summarise
from masivo_stream.flow.parts.spread_parts import answers_opener
from masivo_stream.flow.parts.take_parts import TakenParts
from masivo_stream.flow.pipeline.choose_canary import choose_canary, nothing_held
from masivo_stream.flow.pipeline.read_exports import LineAnswers
from masivo_stream.flow.protocols import SkippedSink, UnchangedSkipped
from masivo_stream.flow.reporting.find_examples import describe_places, describe_sent_before, dry_run_examples
from masivo_stream.flow.sources import number_sources
from masivo_stream.flow.work_progress import measured_reading
from masivo_stream.model.canary import CanaryPlace
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import LineResults
from masivo_stream.model.errors import ExitCode, InputError
from masivo_stream.model.findings import ExportChecks
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.ports import Clock
from masivo_stream.model.results import Rejected
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary

_HINT = (
    "correct these lines in the export before you migrate; or migrate, correct the dead letters, then start"
    " masivo-stream retry"
)

_FROM_A_PIPE = (
    "what the checks found is not left out of the requests, because an export from a pipe is read only once: write it"
    " to a file and name that file, then it is"
)

_HINT_OF_CHECKS = "correct what the checks found in the export before migrating: the API would refuse these records"


Once = Callable[[Kind, Sequence[LineResults]], None]
"""Looks at the results of lines, which come in reading order."""

HeldOfKind = Callable[[str, str, int, int], HeldOfLines]
"""Returns what findings hold back, by kind, file, first and last line."""


class DryRun(Struct, frozen=True, kw_only=True):
    """What a dry run found: the summary, and more by kind. Nothing is accepted; records ready to send are pending."""

    summary: Summary
    kinds: dict[str, KindDryRunResult]
    failure: InputError | None = None
    """Why an export could not be read to its end."""
    sent: SentFindings | None = None
    """Purchases that earlier runs have sent to the account."""


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
    scratch: Path | None = None
    """The directory for what the checks over all files keep on disk; a temporary one without it."""
    observer: Observer = Observers()
    """It receives notices of how far the work is."""


async def dry_run(
    settings: Settings,
    exports: Exports,
    files: DryRunFiles,
    clock: Clock,
    checks: CheckPolicy | None = None,
    credentials: Credentials | None = None,
    once: Once | None = None,
) -> DryRun:
    """Validate and pack everything. A damaged export does not stop the others from being read.

    With `checks`, the exports are checked as a whole, too. If a finding holds something back, they are read once more,
    so that requests and dead letters are those of a migration. What was found before of the same exports is not looked
    for again. With the `credentials` of an account, purchases are found that earlier runs have sent to it. `once` sees
    the results of all lines, one time. If the settings ask for a canary, its
    records are packed as they are sent: each alone. If the exports name answers of parts, these are taken up.

    Raises:
        ConfigurationError: no export is named, or one is named twice; or answers of parts are missing.
        InputError: an export does not exist, or is no export.
        StorageError: what the checks keep on disk cannot be written.
    """
    inputs = exports.find(settings.retry)
    check_inputs(inputs)
    await inspect_exports(inputs)
    open_answers = answers_opener(exports, settings, files.observer, clock)
    answers = await open_answers(inputs) if open_answers else None
    sent, warnings = await open_for_dry_run(settings, credentials, files.scratch)
    with nullcontext() if sent is None else closing(sent):
        found = await _check_and_read(_Reading(inputs, settings, files, clock, sent, once), checks, answers)
    summary = structs.replace(found.summary, warnings=(*found.summary.warnings, *warnings))
    return structs.replace(found, summary=summary)


async def _check_and_read(reading: "_Reading", checks: CheckPolicy | None, answers: TakenParts | None) -> DryRun:
    """Read the exports, twice if the checks hold something back."""
    reading.answers = answers
    if checks is None:
        return await reading.go()
    inputs, settings, files, clock = reading.inputs, reading.settings, reading.files, reading.clock
    with ExitStack() as stack:
        directory = files.scratch or Path(stack.enter_context(TemporaryDirectory(prefix=".checks-")))
        identity = identify(inputs, settings.validation, checks)
        known = read_findings(directory, identity) if identity else None
        if known is None:
            with WholeExport(inputs, checks, directory, clock.wall()) as whole:
                found = await reading.go(whole.take if answers is None else None)
                if found.failure is not None:
                    return add_checks(found, await whole.leave_unfinished())
                if answers is not None:
                    await whole.take_answers(answers)
                checked = await whole.finish(identity, files.observer, clock)
            if not checked.holds_back:
                return add_checks(found, checked)
            if not identity:
                return add_checks(_warn_of_pipes(found), checked)
            known = read_findings(directory, identity)
        if known is None:
            raise RuntimeError("the findings were just written")
        stack.callback(known.close)
        found = await reading.go(held=known.held)
        return add_checks(found, msgspec.json.decode(known.checks, type=ExportChecks))


class _Reading:
    """Reads and packs exports, as often as it is called."""

    def __init__(
        self,
        inputs: Mapping[Kind, Sequence[Input]],
        settings: Settings,
        files: DryRunFiles,
        clock: Clock,
        sent: SentByRuns | None,
        once: Once | None,
    ) -> None:
        """Read `inputs`; `once` sees the results of all lines the first time."""
        self.inputs, self.settings, self.files, self.clock = inputs, settings, files, clock
        self._sent, self._once = sent, once
        self.answers: LineAnswers | None = None
        """What other machines found in the lines."""

    async def go(self, watch: Watch | None = None, held: HeldOfKind | None = None) -> DryRun:
        """Read everything; `watch` sees the results of all lines, `held` returns what findings hold back."""
        shown, self._once = _together(watch, self._once), None
        files = [each for found in self.inputs.values() for each in found]
        step = "validating" if held is None else "packing what the checks let through"
        with measured_reading(step, files, observer=self.files.observer, clock=self.clock):
            return await self._read(shown, held)

    async def _read(self, shown: Watch, held: HeldOfKind | None) -> DryRun:
        validation = self.settings.validation
        sent = None if self._sent is None else SentFindings(self._sent, validation.duplicate_purchase)
        expected = None
        if Kind.CUSTOMERS in self.inputs:
            pure_python = self.settings.source.pure_python
            expected = ExpectedCustomers(remember=validation.remember_ids, pure_python=pure_python)
        budget = ErrorBudget(validation.max_dead, dict.fromkeys(self.inputs, KindCount()))
        ahead = await self._choose_canary(held)
        kinds: dict[str, KindDryRunResult] = {}
        failure: InputError | None = None
        for kind, found in self.inputs.items():
            of_kind = KindDryRun(
                kind, self.settings, self.clock, expected, budget, held and partial(held, kind.value), sent
            )
            with ExitStack() as opened:
                sinks = self.files.dead_letters(kind, opened), self.files.skipped(kind, opened)
                failure = await of_kind.run(found, *sinks, shown, ahead.get(kind), self.answers) or failure
            kinds[kind] = of_kind.result()
        over = budget.exceeded() or next((each.over for each in kinds.values() if each.over is not None), None)
        return DryRun(summary=_summarise(kinds, failure, over), kinds=kinds, failure=failure, sent=sent)

    async def _choose_canary(self, held: HeldOfKind | None) -> dict[Kind, CanaryPlace]:
        """Return where the records are that a migration with a canary sends first; nothing if it has no canary."""
        if not self.settings.verify.canary:
            return {}
        sources = {kind: number_sources(found) for kind, found in self.inputs.items()}
        places = await choose_canary(
            sources,
            self.settings,
            nothing_held if held is None else lambda kind: partial(held, kind.value),
            self._sent,
        )
        return {place.kind: place for place in places}


def _together(watch: Watch | None, once: Once | None) -> Watch:
    """Return what shows the results of lines to both of these, in their order."""

    async def show(kind: Kind, found: Sequence[LineResults]) -> None:
        if watch is not None:
            await watch(kind, found)
        if once is not None:
            once(kind, found)

    return show


def _warn_of_pipes(found: DryRun) -> DryRun:
    """Say that what findings hold back is not left out: what comes from a pipe cannot be read once more."""
    summary = structs.replace(found.summary, warnings=(*found.summary.warnings, _FROM_A_PIPE))
    return structs.replace(found, summary=summary)


def add_checks(found: DryRun, checked: ExportChecks) -> DryRun:
    """Return a dry run with what the checks found. Errors among it end the command as dead letters do."""
    checked = checked if found.sent is None else found.sent.join(checked)
    summary = structs.replace(found.summary, checks=checked)
    if checked.errors and summary.outcome == "complete":
        code = int(ExitCode.DEAD_LETTERS)
        summary = structs.replace(summary, outcome="dead_letters", exit_code=code, hint=_HINT_OF_CHECKS)
    return structs.replace(found, summary=summary)


def _summarise(kinds: dict[str, KindDryRunResult], failure: InputError | None, over: OverBudget | None) -> Summary:
    figures = {kind: each.figures for kind, each in kinds.items()}
    summary = summarise(figures, failure, closes=all(each.closes for each in figures.values()))
    if summary.outcome == "dead_letters":  # a run's hint is to retry, but there is no run yet
        summary = structs.replace(summary, hint=_HINT)
    examples = [found for kind, each in kinds.items() for found in dry_run_examples(kind, each.dead_letters)]
    duplicates = [describe_duplicates(each.duplicates) for each in kinds.values() if each.duplicates is not None]
    duplicates += [describe_sent(each.sent_before) for each in kinds.values() if each.sent_before is not None]
    return structs.replace(
        summary,
        examples=tuple(examples),
        fault_groups=join_groups(each.groups for each in kinds.values()),
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


def describe_sent(sent: DuplicatePurchases) -> str:
    """Return the warning about events whose purchase an earlier run sent: how many they are, and what to do."""
    return (
        f"{describe_sent_before(sent.events, sent.places)}: each would be sent and counted; if they are one purchase,"
        " --duplicate-purchase reject makes dead letters of them"
    )


class _NoDeadLetters:
    def append(self, dead_letters: Iterable[Rejected]) -> None:
        pass
