"""Compare what the exports name with what the account has, and with the most that any account may hold."""

from collections.abc import Iterable, Iterator

from masivo_stream.model.contract import BUILT_IN_EVENT_TYPES, MOST_IN_ACCOUNT, ReferenceSort
from masivo_stream.model.references import (
    Catalogue,
    CatalogueReward,
    FindingReason,
    ReferenceFinding,
    ReferenceList,
    References,
    ReferenceUse,
    RewardOfBrand,
)

NOUNS = {
    ReferenceSort.REWARD: "reward",
    ReferenceSort.TIER: "tier",
    ReferenceSort.BRAND: "brand",
    ReferenceSort.STORE: "store",
    ReferenceSort.CHANNEL: "channel",
    ReferenceSort.EVENT_TYPE: "type of event",
}
PLURALS = {
    ReferenceSort.REWARD: "rewards",
    ReferenceSort.TIER: "tiers",
    ReferenceSort.BRAND: "brands",
    ReferenceSort.STORE: "stores",
    ReferenceSort.CHANNEL: "channels",
    ReferenceSort.EVENT_TYPE: "types of event",
}
"""Words for people."""

_CREATE = "create it in the account, or correct the id in the export; then check again"
_MATCH = "correct the id of the brand or of the reward in the export, then check again"
_LOOK = "look at the field at this place: it probably holds ids of something else; correct the export, then check again"


def compare_references(references: References, catalogue: Catalogue) -> Iterator[ReferenceFinding]:
    """Yield what does not fit, by sort, in the order of the first places. What is not known is not compared.

    UUIDs are compared regardless of case (RFC 9562), other ids character by character.
    """
    for sort, named in references.by_sort.items():
        yield from _beyond_most(sort, named)
        has = catalogue.items(sort)
        if has is None:
            continue
        known = {_key(sort, each.id) for each in has}
        if sort is ReferenceSort.EVENT_TYPE:
            known |= BUILT_IN_EVENT_TYPES
        for used in named.listed:
            if _key(sort, used.id) not in known:
                message = f"the account has no {NOUNS[sort]} with this id"
                yield _finding(FindingReason.UNKNOWN, sort, used, message, remedy=_CREATE)
    yield from _of_other_brands(references.rewards_of_brands, catalogue.rewards or ())


def _of_other_brands(named: Iterable[RewardOfBrand], has: Iterable[CatalogueReward]) -> Iterator[ReferenceFinding]:
    """Yield rewards that belong to one brand and are named with another one."""
    brands = {_key(ReferenceSort.REWARD, reward.id): reward.brand_id for reward in has}
    for pair in named:
        brand = brands.get(_key(ReferenceSort.REWARD, pair.reward_id))
        if brand is not None and brand != pair.brand_id:
            used = ReferenceUse(id=pair.reward_id, uses=pair.uses, file=pair.file, line=pair.line)
            message = f"the reward belongs to the brand {brand}, and is named with {pair.brand_id}"
            yield _finding(FindingReason.OTHER_BRAND, ReferenceSort.REWARD, used, message, remedy=_MATCH)


def _beyond_most(sort: ReferenceSort, named: ReferenceList) -> Iterator[ReferenceFinding]:
    counted = [
        used for used in named.listed if sort is not ReferenceSort.EVENT_TYPE or used.id not in BUILT_IN_EVENT_TYPES
    ]
    most = MOST_IN_ACCOUNT[sort]
    if len(counted) > most:
        number = f"{len(counted):,}{'' if named.complete else ' or more'}"
        message = f"{number} different {PLURALS[sort]} are named, and an account holds {most:,} at most"
        yield _finding(FindingReason.TOO_MANY, sort, counted[most], message, remedy=_LOOK)


def _finding(
    reason: FindingReason, sort: ReferenceSort, used: ReferenceUse, message: str, *, remedy: str
) -> ReferenceFinding:
    return ReferenceFinding(
        reason=reason,
        sort=sort,
        id=used.id,
        uses=used.uses,
        file=used.file,
        line=used.line,
        message=message,
        remedy=remedy,
    )


def _key(sort: ReferenceSort, id_: str) -> str:
    return id_.lower() if sort in {ReferenceSort.REWARD, ReferenceSort.TIER} else id_
