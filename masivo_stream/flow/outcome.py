"""The outcome and exit code of a run, from its journal or from the figures of the process."""

from collections.abc import Mapping

from msgspec import UNSET

from masivo_stream.core.accounting.tally import Tally
from masivo_stream.edges.journal import JournalReader
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import BudgetError, ExitCode, InputError, Interrupted, MasivoStreamError, StorageError
from masivo_stream.model.states import BatchState
from masivo_stream.model.summary import KindSummary, OutcomeName, Summary


def agrees(journal: JournalReader, kind: Kind, figures: KindSummary) -> bool:
    """Return whether the journal's batches, counted again, agree with the figures."""
    counted = journal.recount(kind)
    return (counted.get(BatchState.ACCEPTED, 0), counted.get(BatchState.IN_DOUBT, 0)) == (
        figures.items_accepted,
        figures.items_in_doubt,
    )


def summarise_kinds(journal: JournalReader) -> dict[str, KindSummary]:
    """Return the figures of every kind of a run, as the journal notes them."""
    found: dict[str, KindSummary] = {}
    for kind in Kind:
        figures = journal.figures(kind)
        if figures is not None:
            tally = Tally(CONTRACTS[kind], figures)
            records, items = tally.outstanding
            found[kind.value] = tally.summary_with_pending(records=records, items=items, seconds=0.0)
    return found


def count_requests(kinds: Mapping[str, KindSummary]) -> int:
    """Return how many requests were sent for all kinds."""
    return sum(figures.requests for figures in kinds.values())


def warn_of(kinds: Mapping[str, KindSummary]) -> tuple[str, ...]:
    """Return the warnings about unusual acceptances, one for each kind and sort."""
    return tuple(
        f"{count:,} {'batch' if count == 1 else 'batches'} of {kind} accepted by an answer that is not the documented"
        f" one ({remark}): masivo-stream verify shows what arrived"
        for kind, figures in kinds.items()
        for remark, count in figures.remarks.items()
    )


def summarise(kinds: Mapping[str, KindSummary], cause: MasivoStreamError | None, *, closes: bool) -> Summary:
    """Return the summary. Its outcome is what stopped the run; else the worst of what is left.

    The first of these cases that holds decides:

    1. The figures do not close: a bug.
    2. The run was interrupted, or stopped.
    3. Batches are in doubt.
    4. There are dead letters.
    """
    outcome: OutcomeName
    message, hint = (str(cause), cause.hint) if cause else ("", "")
    if isinstance(cause, InputError) and cause.place:
        message = f"{cause.place}: {cause}"
    if isinstance(cause, StorageError) and cause.place:
        message = f"{cause} ({cause.place})"
    if not closes:
        outcome, code = "stopped", ExitCode.BUG
        message = "the figures do not add up: please report this, and keep the state directory"
    elif isinstance(cause, Interrupted):
        outcome, code = "interrupted", cause.exit_code
    elif cause is not None:
        outcome, code = "stopped", cause.exit_code
    elif any(figures.in_doubt for figures in kinds.values()):
        outcome, code = "in_doubt", ExitCode.IN_DOUBT
        hint = "masivo-stream resolve shows what is known about them, and takes your decision"
    elif any(figures.dead for figures in kinds.values()):
        outcome, code = "dead_letters", ExitCode.DEAD_LETTERS
        hint = (
            "dead-letter.<kind>.ndjson in the state directory holds them: correct `raw`, then start masivo-stream retry"
        )
    else:
        outcome, code = "complete", ExitCode.COMPLETE
    return Summary(
        outcome=outcome,
        exit_code=int(code),
        kinds=dict(kinds),
        closes=closes,
        message=message,
        hint=hint,
        warnings=warn_of(kinds),
        over_budget=cause.over if isinstance(cause, BudgetError) else UNSET,
    )
