"""A pause that a person has asked for: the run of a state directory sends nothing until it is resumed."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType


class Pause(Struct, frozen=True, kw_only=True):
    """Since when, and who asked for it."""

    since: datetime
    by: str
    """User and host; empty if that is not known."""


class PauseAnswer(Struct, frozen=True, kw_only=True):
    """What `pause` and `resume` print with `--json`."""

    schema: int = 1
    state_dir: str
    paused: Pause | UnsetType = UNSET
    """The pause that counts now; left out if the run is not paused."""
    changed: bool
    """Whether this command has changed that."""
    owner: str = ""
    """Process and host that own the state directory now; empty if no process does."""
