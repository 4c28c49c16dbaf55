"""Print what to do about the accounts of a fleet; what is the same for several accounts comes once, at the end."""

import shlex
from collections.abc import Iterable, Iterator, Sequence

from msgspec import UnsetType
from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.fleet import AccountResult
from masivo_stream.model.status import Status
from masivo_stream.model.summary import NextStep, Summary
from masivo_stream.observe.fleet_lines import name_accounts
from masivo_stream.observe.summary_table import describe_end, print_step


def print_fleet_steps(console: Console, accounts: Iterable[AccountResult], only: Sequence[str]) -> None:
    """Print what to do next, by account; `only` names the accounts that were chosen, if not all."""
    found = [(account, [*dict.fromkeys((step, _for_all(step)) for step in _steps(account))]) for account in accounts]
    same: dict[tuple[str, str], list[str]] = {}
    for account, steps in found:
        for step, rest in steps:
            if rest:
                same.setdefault((step.text, rest), []).append(account.name)
    shared = {key: names for key, names in same.items() if len(names) > 1}
    alike: dict[str, list[str]] = {}
    for account, steps in found:
        words = _describe(account) if account.exit_code or steps else ""
        own = [step for step, rest in steps if (step.text, rest) not in shared]
        if own:
            _print_words(console, [account.name], words)
        elif words:
            alike.setdefault(words, []).append(account.name)
        for step in own:
            print_step(console, step)
    for words, names in alike.items():
        _print_words(console, names, words)
    for (text, rest), names in shared.items():
        # Without --only, too, nothing is sent twice: accounts that are complete send nothing.
        chosen = [word for name in names for word in ("--only", name)] if only else []
        shown = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} accounts"
        command = shlex.join([*shlex.split(rest), *chosen])
        print_step(console, NextStep(text=f"({shown}) {text}", command=command))


def _print_words(console: Console, names: Sequence[str], words: str) -> None:
    console.print(Text(f"{name_accounts(names)}: {printable(words)}", style="bold"))


_MOST_NAMED = 5
"""Accounts that are named; more are counted."""


def _for_all(step: NextStep) -> str:
    """Return the command of a step without the account that it is for; empty if it is not one of `fleet`."""
    words = shlex.split(step.command)
    if words[:2] != ["masivo-stream", "fleet"] or words[2] not in {"migrate", "resume"} or "--only" not in words:
        return ""
    at = words.index("--only")
    return shlex.join(words[:at] + words[at + 2 :])


def is_paused(summary: Summary) -> bool:
    """Return whether a person has paused a run, by its status."""
    return isinstance(summary, Status) and not isinstance(summary.paused, UnsetType)


def _describe(account: AccountResult) -> str:
    if not isinstance(account.failure, UnsetType):
        return account.failure.message
    return "" if isinstance(account.summary, UnsetType) else describe_end(account.summary)


def _steps(account: AccountResult) -> Iterator[NextStep]:
    if not isinstance(account.failure, UnsetType):
        failure = account.failure
        where = f"{failure.place}: " if failure.place and failure.message != "not begun" else ""
        yield NextStep(text=f"{where}{failure.hint or failure.message}", command=failure.command)
    elif not isinstance(account.summary, UnsetType) and (account.exit_code or is_paused(account.summary)):
        summary = account.summary
        if summary.hint and (summary.outcome == "stopped" or not summary.next_steps):
            yield NextStep(text=summary.hint)
        shown: set[str] = set()
        for step in summary.next_steps:
            if step.command not in shown or not step.text.startswith("start the same command again"):
                yield step
            shown.update([step.command] if step.command else ())
