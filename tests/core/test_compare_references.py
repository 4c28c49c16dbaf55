"""What the exports name, compared with a catalogue and with the most that an account may hold."""

import pytest

from masivo_stream.core.compare_references import compare_references
from masivo_stream.model.contract import MOST_IN_ACCOUNT, ReferenceSort
from masivo_stream.model.references import (
    Catalogue,
    CatalogueItem,
    CatalogueReward,
    CatalogueTier,
    FindingReason,
    ReferenceList,
    References,
    ReferenceUse,
    RewardOfBrand,
)

REWARD = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"


def named(sort, *ids, complete=True, pairs=()):
    listed = [ReferenceUse(id=id_, uses=2, file="f", line=line) for line, id_ in enumerate(ids, 1)]
    ids_of = ReferenceList(distinct=len(ids), complete=complete, uses=2 * len(ids), listed=listed)
    return References(by_sort={sort: ids_of}, rewards_of_brands=list(pairs))


def found(references, **lists):
    return [(each.reason, each.sort, each.id, each.line) for each in compare_references(references, Catalogue(**lists))]


@pytest.mark.parametrize("sort", ReferenceSort)
def test_each_reference_that_the_catalogue_lacks_is_found(sort):
    """With its place; an empty list lacks everything, and what is not known lacks nothing."""
    references = named(sort, "a", "b")
    items = {ReferenceSort.REWARD: CatalogueReward, ReferenceSort.TIER: CatalogueTier}.get(sort, CatalogueItem)
    assert found(references) == []
    assert found(references, **{sort.value: [items(id="a")]}) == [(FindingReason.UNKNOWN, sort, "b", 2)]
    assert len(found(references, **{sort.value: []})) == 2


def test_only_uuids_are_compared_regardless_of_case():
    """RFC 9562 says so of UUIDs; a brand's id is any text."""
    assert found(named(ReferenceSort.REWARD, REWARD.upper()), rewards=[CatalogueReward(id=REWARD)]) == []
    assert len(found(named(ReferenceSort.BRAND, "A"), brands=[CatalogueItem(id="a")])) == 1


def test_purchases_are_in_every_account():
    """They need not be listed, and are no custom type."""
    assert found(named(ReferenceSort.EVENT_TYPE, "PURCHASE"), event_types=[]) == []
    types = [f"T{number}" for number in range(MOST_IN_ACCOUNT[ReferenceSort.EVENT_TYPE])]
    assert found(named(ReferenceSort.EVENT_TYPE, *types, "PURCHASE")) == []


@pytest.mark.parametrize("sort", ReferenceSort)
@pytest.mark.parametrize("complete", [True, False])
def test_too_many_references_for_an_account_are_found(sort, complete):
    """At the place of the first one beyond; exactly as many are no finding."""
    most = MOST_IN_ACCOUNT[sort]
    ids = [f"{number}" for number in range(most + 3)]
    assert found(named(sort, *ids[:most])) == []
    references = named(sort, *ids, complete=complete)
    assert found(references) == [(FindingReason.TOO_MANY, sort, f"{most}", most + 1)]
    (finding,) = compare_references(references, Catalogue())
    assert finding.message.startswith(f"{most + 3:,} {'' if complete else 'or more '}different ")


def test_a_reward_belongs_to_its_brand():
    """One without a brand belongs to all of them."""
    pair = RewardOfBrand(reward_id=REWARD.upper(), brand_id="b", uses=1, file="f", line=5)
    references = named(ReferenceSort.REWARD, REWARD, pairs=[pair])
    for brand in ("b", None):
        assert found(references, rewards=[CatalogueReward(id=REWARD, brand_id=brand)]) == []
    (finding,) = compare_references(references, Catalogue(rewards=[CatalogueReward(id=REWARD, brand_id="c")]))
    assert (finding.reason, finding.file, finding.line) == (FindingReason.OTHER_BRAND, "f", 5)
    assert finding.message == "the reward belongs to the brand c, and is named with b"
