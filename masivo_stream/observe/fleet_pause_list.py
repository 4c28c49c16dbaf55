"""Print which accounts of a fleet are paused now: a line for each, and the command that resumes them."""

from msgspec import UnsetType
from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.fleet import AccountPause, FleetPause
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.pause_text import describe_pause


def print_fleet_pause(console: Console, found: FleetPause) -> None:
    """Print what `fleet pause` or `fleet resume` has done."""
    width = max((len(printable(each.name)) for each in found.accounts), default=0)
    for each in found.accounts:
        print_hanging(console, _describe(each), f"{printable(each.name):<{width}}  ")
    if found.command:
        console.print(Text(f"resume with: {printable(found.command)}"), soft_wrap=True)


def _describe(account: AccountPause) -> str:
    if not isinstance(account.failure, UnsetType):
        return printable(f"{account.failure.message}; {account.failure.hint}")
    if isinstance(account.answer, UnsetType):
        return ""
    answer = account.answer
    work = "at work" if answer.owner else "no process is at work" if account.begun else "not begun"
    if isinstance(answer.paused, UnsetType):
        return f"{'resumed' if answer.changed else 'it was not paused'}; {work}"
    what = describe_pause(answer.paused.since.timestamp(), answer.paused.by)
    return printable(f"{what if answer.changed else f'it was paused already: {what}'}; {work}")
