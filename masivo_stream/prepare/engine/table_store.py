"""Where tables of sources may be that were loaded before, or are loaded by others at this time."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from masivo_stream.prepare.engine.spill_dir import LoadedTable


def remarks_beside(table: Path) -> Path:
    """Return the path of the remarks about the rows of a table."""
    return table.with_suffix(".csv")


class TableStore(Protocol):
    """Tables that several processes load once, together."""

    def choose(self, names: list[str]) -> str:
        """Return which of these tables is taken or loaded next."""
        ...

    def take(self, name: str, table: Path) -> LoadedTable | None:
        """Put a table and its remarks in their place; None if it is not there."""
        ...

    def claim(self, name: str) -> AbstractContextManager[object]:
        """Let others know that a table is being loaded."""
        ...

    def give(self, name: str, table: Path, loaded: LoadedTable) -> None:
        """Keep a table for others."""
        ...


class NoStore:
    """Nothing is shared: each table is loaded, in the order of the mapping."""

    def choose(self, names: list[str]) -> str:
        """Return the first one."""
        return names[0]

    def take(self, name: str, table: Path) -> LoadedTable | None:  # noqa: ARG002 - as the protocol says
        """Return None."""
        return None

    def claim(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002 - the same
        """Do nothing."""
        return nullcontext()

    def give(self, name: str, table: Path, loaded: LoadedTable) -> None:
        """Do nothing."""
