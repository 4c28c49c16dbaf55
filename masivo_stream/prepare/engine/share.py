"""A share of the work: the whole of it, or the customers of a group of partitions."""

from msgspec import Struct


class Share(Struct, frozen=True):
    """One of several shares, counted from 1. Together they are the whole work, and no two have anything in common."""

    number: int = 1
    of: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether there is no other share."""
        return self.of == 1

    def partitions(self, count: int) -> range:
        """Return the partitions of this share: neighbours, so that shares follow each other in the exports."""
        return range(-(-(self.number - 1) * count // self.of), -(-self.number * count // self.of))

    def chosen(self, place: str) -> str:
        """Return the condition, behind another one, that this share looks whether a row of a source was returned."""
        return "" if self.is_whole else f" AND {place} % {self.of} = {self.number - 1}"


WHOLE = Share()
