"""What to do next after a run, and with which command."""

from msgspec import Struct


class NextStep(Struct, frozen=True, kw_only=True):
    """One step: in words, and the command line for it, quoted for a shell; empty where there is none to paste."""

    text: str
    command: str = ""


class Invocation(Struct, frozen=True, kw_only=True):
    """How a run was started, so that the next commands can be told ready to paste. No secret is in it."""

    again: tuple[str, ...] = ()
    """The words of the command that goes on with the run; empty where a program started it, not a person."""
    options: tuple[str, ...] = ()
    """Flags that every command about this run wants: its state directory, the API's address, limits."""
