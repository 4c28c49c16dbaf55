"""Decide whether the dead letters of a run exceed its error budget (`max_dead`).

The decision depends on the figures alone, and the journal keeps these. So a restart decides as the process before it
would have, and dead letters of earlier processes count.

What counts: every dead letter of the run, under its reason, except

* those that a person gave up (`resolve --discard`): that was a decision, not an error of the export;
* records that a revert took back, and dead letters that a retry has taken: they are read again, and count if they are
  rejected again.

A percentage is of the records read so far, without blank lines. While the export is being read, it is of no fewer than
`FLOOR` records: otherwise the first bad record of an export would be 100 % of it. When everything is read, it is of
exactly what was read. So the percentage of a small export is always that of the whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.max_dead import MaxDead, OverBudget
from masivo_stream.model.reason import Reason

FLOOR = 10_000
"""Records. Ten full requests of customers, less than a minute at the vendor's limits; 0.1 % of them are ten records, so
a few bad ones side by side do not stop a run that is within its budget as a whole."""

MOST_REASONS = 3
"""Reasons that a sentence names, the most frequent first."""

_UNCOUNTED = frozenset({Reason.DISCARDED, Reason.TAKEN_BACK})


class KindCount(Struct, frozen=True, kw_only=True):
    """What the budget needs to know of one kind."""

    read: int = 0
    """Records read, without blank lines."""
    reasons: Mapping[str, int] = {}
    """Dead letters that count, by reason."""
    read_all: bool = False
    """Whether every input was read to its end."""

    @property
    def dead(self) -> int:
        """Dead letters that count."""
        return sum(self.reasons.values())


class ErrorBudget:
    """The budgets of a run, and the counts of its kinds."""

    def __init__(self, budgets: Sequence[MaxDead], counts: Mapping[Kind, KindCount]) -> None:
        """Go on from `counts` of all kinds of the run, those to come included. Without `budgets` nothing exceeds."""
        self._budgets, self._counts = budgets, dict(counts)

    def __bool__(self) -> bool:
        """Return whether there is a budget."""
        return bool(self._budgets)

    def count(self, kind: Kind, counted: KindCount) -> OverBudget | None:
        """Take the present count of a kind; return what exceeds a budget now, None if nothing does."""
        self._counts[kind] = counted
        return self.exceeded()

    def exceeded(self) -> OverBudget | None:
        """Return what exceeds a budget, the first of the budgets in their order; None if nothing does."""
        return next((over for budget in self._budgets if (over := self._over(budget)) is not None), None)

    def _over(self, budget: MaxDead) -> OverBudget | None:
        of = self._counts.values() if budget.kind is None else [self._counts.get(budget.kind, KindCount())]
        counted = _add_up(of)
        if not _exceeds(budget, counted):
            return None
        return OverBudget(
            kind=budget.kind or "",
            allowed=budget.amount,
            dead=counted.dead,
            read=counted.read,
            reasons=dict(Counter(counted.reasons).most_common()),
        )


def count_reasons(reasons: Mapping[str, int], to_retry: Mapping[str, int]) -> dict[str, int]:
    """Return which of the dead letters count, by reason; `to_retry` are those that a retry has not read again yet."""
    left = {reason: count - to_retry.get(reason, 0) for reason, count in reasons.items() if reason not in _UNCOUNTED}
    return {reason: count for reason, count in left.items() if count > 0}


def describe_excess(over: OverBudget) -> str:
    """Return one sentence, without its full stop: how many dead letters, the budget, and the largest reasons."""
    letters = f"{over.dead:,} dead letter{'' if over.dead == 1 else 's'} {f'of {over.kind}' if over.kind else 'in all'}"
    of = f" among {over.read:,} records read" if over.allowed.endswith("%") else ""
    named = [f"{count:,} {reason}" for reason, count in list(over.reasons.items())[:MOST_REASONS]]
    if (more := over.dead - sum(list(over.reasons.values())[:MOST_REASONS])) > 0:
        named.append(f"{more:,} for other reasons")
    return f"{letters}{of}, and max_dead allows {over.allowed}: {', '.join(named)}"


def _add_up(counts: Iterable[KindCount]) -> KindCount:
    known = list(counts)
    reasons: Counter[str] = Counter()
    for each in known:
        reasons.update(each.reasons)
    return KindCount(
        read=sum(each.read for each in known), reasons=reasons, read_all=all(each.read_all for each in known)
    )


def _exceeds(budget: MaxDead, counted: KindCount) -> bool:
    if not budget.percent:
        return counted.dead > budget.most
    records = counted.read if counted.read_all else max(counted.read, FLOOR)
    return counted.dead * 100 > budget.most * records
