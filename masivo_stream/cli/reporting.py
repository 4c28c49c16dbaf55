"""What the flow is told for the reports of a run: the commands that may follow, and who draws the page."""

from dataclasses import fields
from typing import TYPE_CHECKING

from masivo_stream.cli.options import Common, Exports, Judging, Sending

if TYPE_CHECKING:
    from masivo_stream.flow.report import Reporting
    from masivo_stream.model.report import Report

_ONCE = frozenset({"json", "quiet", "verbose", "monitor"})
"""Flags of one command, not of the run."""


def reporting(
    command: str, groups: "tuple[Common | Judging | Sending | None, ...]", exports: Exports | None = None
) -> "Reporting":
    """Return what a command that was given these flags tells about itself."""
    from masivo_stream.flow.report import Reporting
    from masivo_stream.model.next_step import Invocation

    options = tuple(word for group in groups if group is not None for word in spell_flags(group))
    named = spell_flags(exports) if exports is not None else []
    again = ("masivo-stream", command, *named, *options)
    return Reporting(invocation=Invocation(again=again, options=options), draw=draw)


def spell_flags(group: Exports | Common | Judging | Sending) -> list[str]:
    """Return the flags of a group as they would be typed, but for what stands at its default."""
    words: list[str] = []
    for field in fields(group):
        value, name = getattr(group, field.name), f"--{field.name.replace('_', '-')}"
        if field.name in _ONCE or value is None or value is False:
            continue
        if value is True:
            words.append(name)
        elif not isinstance(value, list):
            words += [name, str(value)]
        elif isinstance(group, Exports):
            words += [name, *value]
        else:
            words += [word for each in value for word in (name, each)]
    return words


def draw(report: "Report") -> str:
    """Draw the page. What draws is imported now, for a migration has no use for it before its end."""
    from masivo_stream.observe.report_page import draw_report

    return draw_report(report)
