"""Figures of a run, and totals of its exports, as words: for tables on a terminal and for the page of the report."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from masivo_stream.core.checks.amounts import for_people
from masivo_stream.model.findings import RewardBalance, RewardSums, RewardTotals
from masivo_stream.model.summary import KindSummary, Summary

RECORD_OUTCOMES = ("accepted", "dead", "skipped", "in_doubt", "pending", "blank")
"""What can become of a record, in the order of the closing equation. An item cannot be blank."""

_FIGURES = ("earned", "spent", "left", "balances")


def describe_rest(summary: Summary) -> str:
    """Return how many records a run has, and how many of them have no outcome yet."""
    figures = summary.kinds.values()
    unread = sum(summary.unread.values())
    about = "about " if unread and not summary.unread_exact else ""
    rest = (
        (unread, f"{about}{{}} not read yet"),
        (sum(each.pending for each in figures), "{} pending"),
        (sum(each.in_doubt for each in figures), "{} in doubt"),
    )
    words = [text.format(f"{count:,}") for count, text in rest if count]
    every = unread + sum(each.read for each in figures)
    return f"of {about}{every:,} records, {_join_words(words)}"


def _join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def equation(figures: Iterable[KindSummary], *, of_items: bool = False) -> str:
    """Return the closing equation with its numbers."""
    known = list(figures)
    prefix, outcomes = ("items_", RECORD_OUTCOMES[:-1]) if of_items else ("", RECORD_OUTCOMES)
    read = sum(getattr(each, f"{prefix}read") for each in known)
    terms = (
        f"{sum(getattr(each, prefix + outcome) for each in known):,} {outcome_words(outcome)}" for outcome in outcomes
    )
    return f"{read:,} {'items' if of_items else 'records'} read = {' + '.join(terms)}"


def outcome_words(outcome: str) -> str:
    """Return an outcome as people read it."""
    return outcome.replace("_", " ")


def shown_figures(rewards: Sequence[RewardBalance]) -> list[str]:
    """Return the names of the figures that are known, in their order."""
    return [name for name in _FIGURES if any(getattr(each, name) is not None for each in rewards)]


def name_of(reward: RewardTotals | RewardBalance | RewardSums) -> str:
    """Return the id of a reward, and its name if it has one."""
    return f"{reward.reward} ({reward.name})" if reward.name else reward.reward


def decimal(amount: Decimal | None) -> str:
    """Return an amount for people; nothing for one that is not known."""
    return "" if amount is None else for_people(amount, ",f")
