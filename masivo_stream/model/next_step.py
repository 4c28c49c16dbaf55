"""What to do next after a run, and with which command."""

from msgspec import Struct


class NextStep(Struct, frozen=True, kw_only=True):
    """One step: in words, and the command line for it, quoted for a shell; empty if there is no command to paste."""

    text: str
    command: str = ""


class Invocation(Struct, frozen=True, kw_only=True):
    """How a run was started, so that the next commands can be shown ready to paste. It holds no secret."""

    again: tuple[str, ...] = ()
    """The words of the command that continues the run; empty if a program started it, not a person."""
    options: tuple[str, ...] = ()
    """Flags that every command about this run needs: its state directory, the API's address, limits."""
