"""Control totals of several files together: by kind, and by reward over all kinds."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from masivo_stream.core.checks.amounts import add, plain
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import FileTotals, KindTotals, RewardBalance, RewardTotals


def sum_by_kind(totals: Sequence[FileTotals]) -> tuple[KindTotals, ...]:
    """Return the totals of each kind, in the order in which kinds come first."""
    kinds = dict.fromkeys(each.kind for each in totals)
    return tuple(_sum_kind(kind, [each for each in totals if each.kind == kind]) for kind in kinds)


def sum_by_reward_over_all(totals: Sequence[FileTotals]) -> tuple[RewardBalance, ...]:
    """Return of each reward what its transactions and its balances come to. Kinds without an export are not known."""
    kinds = {each.kind: each for each in sum_by_kind(totals)}
    nothing = RewardTotals(reward="")
    of_kind = {
        kind: {each.reward: each for each in kinds[kind].rewards}
        for kind in (Kind.CUSTOMERS, Kind.TRANSACTIONS)
        if kind in kinds
    }
    found = []
    for reward in sorted({reward for rewards in of_kind.values() for reward in rewards}):
        moved = of_kind[Kind.TRANSACTIONS].get(reward, nothing) if Kind.TRANSACTIONS in of_kind else None
        held = of_kind[Kind.CUSTOMERS].get(reward, nothing) if Kind.CUSTOMERS in of_kind else None
        found.append(
            RewardBalance(
                reward=reward,
                earned=None if moved is None else moved.earned,
                spent=None if moved is None else moved.spent,
                left=None if moved is None else moved.left,
                balances=None if held is None else held.left,
            )
        )
    return tuple(found)


def _sum_kind(kind: str, files: Sequence[FileTotals]) -> KindTotals:
    firsts = [each.first for each in files if each.first is not None]
    lasts = [each.last for each in files if each.last is not None]
    return KindTotals(
        kind=kind,
        files=len(files),
        records=sum(each.records for each in files),
        items=sum(each.items for each in files),
        orders=sum(each.orders for each in files),
        value=_sum(each.value for each in files),
        discounted_value=_sum(each.discounted_value for each in files),
        rewards=_sum_rewards(files),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
    )


def _sum_rewards(files: Iterable[FileTotals]) -> tuple[RewardTotals, ...]:
    by_reward: dict[str, list[RewardTotals]] = {}
    for file in files:
        for each in file.rewards:
            by_reward.setdefault(each.reward, []).append(each)
    return tuple(
        RewardTotals(
            reward=reward,
            earned=_sum(each.earned for each in parts),
            spent=_sum(each.spent for each in parts),
            left=_sum(each.left for each in parts),
        )
        for reward, parts in sorted(by_reward.items())
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = add(total, amount)
    return plain(total)
