"""What is wrong with the dead letters of a run, in groups of the same fault. No value of a record is in them."""

from msgspec import Struct


class FaultGroup(Struct, frozen=True, kw_only=True):
    """Dead letters of a kind with the same fault. A record with several faults is in several groups."""

    kind: str
    reason: str
    field: str
    """Its path with `[]` for every index, such as `events[].order.value`; names that are not the API's are `…`."""
    cause: str
    """The message, with `…` for values."""
    records: int
    """Dead letters that have this fault."""
    file: str
    """The place of the first one in the dead-letter file."""
    line: int
    offset: int
    remedy: str

    @property
    def place(self) -> str:
        """File and line as editors take them."""
        return f"{self.file}:{self.line}"


class FaultGroups(Struct, frozen=True, kw_only=True):
    """The groups of all kinds, or of one."""

    listed: tuple[FaultGroup, ...] = ()
    """The largest first."""
    left_out: int = 0
    """Further groups."""
    dead_letters: dict[str, int] = {}
    """By kind: the dead letters that were looked at. Others are no longer in the dead-letter file, or far behind."""
    corrected: dict[str, int] = {}
    """By kind: those of them that `mend` has corrected, and that are in no group: they wait for a retry."""
    given_up: dict[str, int] = {}
    """By kind: dead letters that `mend` has set aside. They are not in the dead-letter file, and counted as dead."""
