"""The result of `status`. Its JSON form is fixed."""

from msgspec import UNSET, UnsetType

from masivo_stream.model.pause import Pause
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.summary import Summary


class Status(Summary, frozen=True, kw_only=True):
    """A summary, which process is at work, and what its run shows."""

    owner: str = ""
    """Process and host that own the state directory now; empty if no process does."""
    paused: Pause | UnsetType = UNSET
    """The pause that a person has asked for; left out if the run is not paused."""
    run: RunSnapshot | UnsetType = UNSET
    """When the run at work is done, what is left of it, and what it waits for, as of the snapshot's `now`."""
    asked_at: float = 0.0
    """When all of this was read, in Unix seconds."""
