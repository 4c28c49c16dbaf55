"""What a command contributes to the reports of its run: the commands that may follow, and what draws the page."""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from masivo_stream.cli.options import CommonFlags, ExportFlags, RunFlags, SendingFlags, ValidationFlags

if TYPE_CHECKING:
    from masivo_stream.flow.runtime import Reporting
    from masivo_stream.model.report import Report

Flags = CommonFlags | ExportFlags | RunFlags | SendingFlags | ValidationFlags

_ONCE = frozenset({"json", "quiet", "verbose", "catalogue", "notify", "notify_command"})
"""How a command prints and notifies, which is no matter of the run and may be secret, and what the run remembers."""


def reporting(
    command: str, shared: Sequence[Flags | None], own: Sequence[Flags | None] = (), *, catalogue: str | None = None
) -> "Reporting":
    """Return what a command contributes: the flags that other commands on its run need too, and its own flags.

    `catalogue` is the file with the names of rewards.
    """
    from masivo_stream.flow.commands_of_run import find_working_directory
    from masivo_stream.flow.runtime import Reporting
    from masivo_stream.model.summary import Invocation

    options, named = (
        tuple(word for group in groups if group is not None for word in spell_flags(group)) for groups in (shared, own)
    )
    return Reporting(
        invocation=Invocation(
            again=("masivo-stream", command, *named, *options), options=options, directory=find_working_directory()
        ),
        draw=draw,
        catalogue=catalogue or "",
    )


def spell_flags(group: Flags) -> list[str]:
    """Return the flags of a group as a person would type them, except those at their default."""
    words: list[str] = []
    for field in fields(group):
        value, name = getattr(group, field.name), f"--{field.name.rstrip('_').replace('_', '-')}"
        if field.name in _ONCE or value is None or value is False:
            continue
        if value is True:
            words.append(name)
        elif not isinstance(value, list):
            words += [name, str(value)]
        elif isinstance(group, ExportFlags):
            words += [name, *value]
        else:
            words += [word for each in value for word in (name, each)]
    return words


def draw(report: "Report") -> str:
    """Draw the page. The renderer is imported only now: a migration does not need it before it ends."""
    from masivo_stream.observe.report_page import draw_report

    return draw_report(report)
