"""What goes to a process that measures."""

from msgspec import Struct

from masivo_stream.model.bench import Case


class Job(Struct, frozen=True, kw_only=True):
    """A case, and what it needs."""

    case: Case
    paths: tuple[str, ...]
    """Exports of its kind."""
    url: str
    directory: str
    """Where it may keep its journal."""
    api_key_file: str = ""
    """The target's key; without it there is a made-up token."""
