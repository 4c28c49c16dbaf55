"""The loyalty programme that `generate` writes about and that the sandbox has: its rewards and tiers. It is invented.

The ids are in both, so an export that was generated names nothing that the sandbox's account lacks.
"""

from msgspec import Struct

POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
"""The reward of every purchase: one point for each whole unit of currency."""

CASHBACK = "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21"
"""The reward of some purchases: a share of the price, with two decimals."""


class SampleReward(Struct, frozen=True):
    """A reward of the programme; it belongs to all brands."""

    id: str
    name: str
    type: str
    """One of `contract.REWARD_TYPES`."""


REWARDS = (
    SampleReward(POINTS, "Puntos", "POINTS"),
    SampleReward(CASHBACK, "Cashback", "DISCOUNT"),
)


class Tier(Struct, frozen=True, gc=False):
    """A level of the programme, reached by spending."""

    id: str
    from_cents: int
    name: str


TIERS = (
    Tier("0b8f7c52-64d1-4e3a-8f29-1d5c7a9e3b60", 0, "Semilla"),
    Tier("2e6a9d84-37f0-4c1b-b5d8-6f4e2c0a8b17", 50_000, "Brote"),
    Tier("94c3e1f7-5b28-4d6a-9e70-3a8d1f6c2b45", 250_000, "Árbol"),
    Tier("d1f5b3a9-8c76-4e02-a4b1-5e9c7d3f0a68", 1_000_000, "Bosque"),
)
"""From the lowest to the highest."""
