"""Stop a run whose dead letters exceed its error budget. `core.accounting.error_budget` decides; this does it."""

from collections.abc import Iterable, Sequence

from masivo_stream.core.accounting.error_budget import ErrorBudget, KindCount, count_reasons, describe_excess
from masivo_stream.core.accounting.ledger import Ledger
from masivo_stream.core.accounting.tally import Tally
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import BudgetError
from masivo_stream.model.max_dead import MaxDead, OverBudget


class BudgetWatch:
    """Watches the dead letters of all kinds of one run."""

    def __init__(self, budget: ErrorBudget, stop: StopControl) -> None:
        """Stop the run by `stop`; requests in flight may finish."""
        self._budget, self._stop = budget, stop

    def begin(self) -> None:
        """Check the dead letters of earlier processes, before anything is read or sent.

        Raises:
            BudgetError: they exceed the budget.
        """
        if (over := self._budget.exceeded()) is not None:
            raise _error(over)

    def look(self, ledger: Ledger) -> None:
        """Look at the dead letters of a kind, and stop the run if there are too many."""
        if self._budget and (over := self._budget.count(ledger.kind, ledger.counted)) is not None:
            self._stop.begin(_error(over))


def watch_budget(
    budgets: Sequence[MaxDead], journal: JournalReader, kinds: Iterable[Kind], stop: StopControl
) -> BudgetWatch:
    """Return the watch of a run that migrates `kinds`."""
    counts = _count_known(journal, kinds) if budgets else {}
    return BudgetWatch(ErrorBudget(budgets, counts), stop)


def _count_known(journal: JournalReader, kinds: Iterable[Kind]) -> dict[Kind, KindCount]:
    """Return the counts of `kinds` and of all others of the run, as earlier processes have left them."""
    found = dict.fromkeys(kinds, KindCount())
    for kind in Kind:
        figures = journal.figures(kind)
        if figures is not None:
            tally = Tally(CONTRACTS[kind], figures)
            found[kind] = KindCount(
                read=tally.records_read,
                reasons=count_reasons(tally.reasons, journal.to_retry(kind)),
                read_all=journal.read_all(kind),
            )
    return found


def _error(over: OverBudget) -> BudgetError:
    return BudgetError(
        describe_excess(over),
        over,
        operation="migrate",
        hint="correct the dead letters and retry them, or start the same command again with a larger --max-dead: either"
        " continues from here",
    )
