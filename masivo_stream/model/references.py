"""What exports name by id, and what an account has: references, the catalogue, and how both are compared."""

import enum

from msgspec import Struct

from masivo_stream.model.contract import ReferenceSort


class ReferenceUse(Struct, frozen=True, kw_only=True):
    """One id (of event types, one name) that the exports name: how often, and where first."""

    id: str
    """As it is written first. A very long one is cut, and ends with a hash."""
    uses: int
    file: str
    line: int


class ReferenceList(Struct, frozen=True, kw_only=True):
    """The different ids of one sort that the exports name."""

    distinct: int
    """How many there are; if `complete` is false, at least this number."""
    complete: bool
    """Whether all of them are in the list. If not, the list was full, and further ids are only counted as uses."""
    uses: int
    """How often the exports name one of them."""
    listed: list[ReferenceUse]
    """In the order of their first places."""


class RewardOfBrand(Struct, frozen=True, kw_only=True):
    """A reward that the exports name together with a brand, in a balance or a transaction."""

    reward_id: str
    brand_id: str
    uses: int
    file: str
    line: int


class References(Struct, frozen=True, kw_only=True):
    """What the exports name."""

    by_sort: dict[ReferenceSort, ReferenceList]
    rewards_of_brands: list[RewardOfBrand]
    """In the order of their first places; not all of them if there are very many."""


class FindingReason(enum.StrEnum):
    """Why a reference is a finding."""

    UNKNOWN = "unknown"
    OTHER_BRAND = "other_brand"
    TOO_MANY = "too_many"


class ReferenceFinding(Struct, frozen=True, kw_only=True):
    """A reference that does not fit: the account lacks it, or it is the first one beyond the most that one may hold.

    Or it is a reward of one brand that the export names with another brand.
    """

    reason: FindingReason
    sort: ReferenceSort
    id: str
    uses: int
    file: str
    line: int
    message: str
    remedy: str


class CatalogueReward(Struct, frozen=True, kw_only=True):
    """A reward that an account has."""

    id: str
    name: str | None = None
    brand_id: str | None = None
    """The brand whose reward it is, None for all brands."""
    type: str | None = None


class CatalogueTier(Struct, frozen=True, kw_only=True):
    """A tier that an account has."""

    id: str
    name: str | None = None
    level: int | None = None
    status: str | None = None


class CatalogueItem(Struct, frozen=True, kw_only=True):
    """A brand, store, channel or type of event that an account has."""

    id: str
    name: str | None = None


class Catalogue(Struct, frozen=True, kw_only=True):
    """What an account has; None for what is not known. As a file it is one JSON object with some of these lists.

    The API lists rewards and tiers. A person can add the other lists to a file.
    """

    rewards: list[CatalogueReward] | None = None
    tiers: list[CatalogueTier] | None = None
    brands: list[CatalogueItem] | None = None
    stores: list[CatalogueItem] | None = None
    channels: list[CatalogueItem] | None = None
    event_types: list[CatalogueItem] | None = None

    def items(self, sort: ReferenceSort) -> list[CatalogueReward] | list[CatalogueTier] | list[CatalogueItem] | None:
        """Return what the account has of one sort, None if that is not known."""
        found: list[CatalogueReward] | list[CatalogueTier] | list[CatalogueItem] | None = getattr(self, sort.value)
        return found
