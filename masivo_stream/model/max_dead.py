"""The error budget: how many dead letters a run may make before it stops, and what went over that."""

import re
from decimal import Decimal

from msgspec import Struct

from masivo_stream.model.contract import Kind

_KINDS = "|".join(Kind)
_MAX_DEAD = re.compile(
    rf"\A\s*(?:({_KINDS})\s*=\s*)?(?:([0-9]{{1,12}})|([0-9]{{1,3}}(?:\.[0-9]{{1,6}})?)\s*%)\s*\Z", re.ASCII
)
_EVERYTHING = Decimal(100)


class MaxDead(Struct, frozen=True):
    """At most this many dead letters: of one kind, or of all kinds together."""

    most: Decimal
    """A number of dead letters, or a percentage of the records read."""
    percent: bool = False
    kind: Kind | None = None
    """None for all kinds together."""

    def __str__(self) -> str:
        """Return the spelling that `parse_max_dead` reads."""
        return self.amount if self.kind is None else f"{self.kind}={self.amount}"

    @property
    def amount(self) -> str:
        """The number or the percentage, without the kind."""
        return f"{self.most:f}%" if self.percent else f"{self.most:f}"


def parse_max_dead(text: str) -> MaxDead:
    """Read one budget, such as `100`, `0.5%` or `customers=10`.

    Raises:
        ValueError: the text is no budget; the message shows what one looks like.
    """
    match = _MAX_DEAD.match(text)
    if match is None or (match[3] and Decimal(match[3]) > _EVERYTHING):
        raise ValueError(
            'a budget is a number or a percentage, such as "100", "0.5%" or "customers=10"; "none" means no budget'
        )
    kind = Kind(match[1]) if match[1] else None
    return MaxDead(Decimal(match[2] or match[3]), percent=match[2] is None, kind=kind)


def parse_max_deads(text: str) -> tuple[MaxDead, ...]:
    """Read budgets separated by commas; `none` gives the empty tuple, no budget.

    Raises:
        ValueError: a part is no budget.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(parse_max_dead(part) for part in text.split(","))


class OverBudget(Struct, frozen=True, kw_only=True):
    """Dead letters that are more than the budget allows."""

    kind: str = ""
    """Empty for all kinds together."""
    allowed: str
    """The budget, such as `10` or `0.5%`."""
    dead: int
    read: int
    """Records read when this was found."""
    reasons: dict[str, int] = {}
    """The dead letters by reason, the most frequent first."""
