"""The help of a command: its flags in groups, by what a person asks. `-h` is one screen, `--help` is all of it.

Written by hand, without the renderer of the parser, which takes longer to import than all of this takes to run. Which
flags there are, and what they mean, comes from the parser.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import Argument

OWN = "What to do"
"""The flags that only one command has, and what it cannot do without."""

GROUPS = {
    "What to send": "customers events transactions from parts catalogue only-missing others-stayed again",
    "Where to": "state-dir base-url auth-url api-key-file same-account moved publish config fleet ca-file proxy",
    "How fast": (
        "limit general-limit time-zone uploaders workers scheduler max-body-bytes request-timeout connect-timeout"
        " drain-time outage-limit visible-timeout events-settle"
    ),
    "How strict": (
        "canary no-verify max-dead skip-checks unknown-fields discounted-value duplicate-purchase transaction-types"
        " max-line-bytes"
    ),
    "What to see": "monitor notify notify-command json quiet verbose log-level log-format",
}
"""Flags that several commands share, in the order in which they are shown. The first three are what matters most."""

IDLE = "No effect here"
"""The flags that a command takes because others do, so that one list of flags fits both; they change nothing of it."""

_PACKING = "workers max-body-bytes max-dead skip-checks duplicate-purchase"
_VALIDATING = f"{_PACKING} unknown-fields discounted-value transaction-types max-line-bytes"
_IDLE = {
    **dict.fromkeys(("status", "report"), _VALIDATING),
    **dict.fromkeys(("mend", "dead-letters"), _PACKING),
    **dict.fromkeys(("check", "verify"), "max-dead"),
}

_VALUES = {
    "FILE": ("customers events transactions catalogue api-key-file ca-file config faults planted store port-file svg"),
    "PATH": "output",
    "DIR": "from parts state-dir directory out",
    "URL": "base-url auth-url proxy publish notify target",
    "RATE": "limit general-limit limits",
    "ID": "accept discard resend reward brand",
    "NAME": "only skip-checks",
    "SECONDS": "events-settle visible-after token-lifetime",
    "OLD=NEW": "moved map",
    "VALUE": "set",
    "FIELD": "copy rename field",
    "REASON": "reason give-up",
    "FILE:NAME": "fleet",
    "ZONE": "time-zone day-zone zone",
    "COMMAND": "notify-command",
    "ADDRESS": "scheduler monitor host",
    "BUDGET": "max-dead",
    "WORD": (
        "unknown-fields discounted-value duplicate-purchase transaction-types log-level log-format refusals"
        " same-purchase email-case try"
    ),
    "I/N": "part",
}
"""What is written for a value, by the flag's name; else by its type."""

_OF_EXPORTS = frozenset({"validate", "check", "plan", "migrate"})
"""Commands about exports: which ones comes before their own flags."""

_MOST, _LEAST = 100, 60
_FIRST = 3
_MARGIN = 30


def asks_for_help(arguments: list[str]) -> str:
    """Return the flag that asks for help: `--help`, `-h`, or none, which is the empty text."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return next((flag for flag in ("--help", "-h") if flag in before), "")


def help_of(app: "App", command: str, *, short: bool = False, width: int | None = None) -> str:
    """Describe a command: usage, what it does, an example, its flags; `short` explains the most important only."""
    width = width or max(_LEAST, min(_MOST, shutil.get_terminal_size().columns))
    sub = app[command]
    flags = [each for each in sub.assemble_argument_collection(parse_docstring=True) if each.show]
    texts = list(_paragraphs(sub.default_command.__doc__ or ""))
    example = [text for text in texts if text.startswith("Example:")]
    about = [text for text in texts if text not in example]
    described = [_wrapped(text, width) for text in (_usage(command, flags), *(about[:1] if short else about))]
    described += [text.replace("Example: ", "Example:\n  ") for text in example]  # not wrapped: it is to be pasted
    groups = _in_groups(flags, frozenset(_IDLE.get(command, "").split()), exports_first=command in _OF_EXPORTS)
    shown = [flag for members in groups.values() for flag in members][: _FIRST if short else None]
    for head, members in groups.items():
        if explained := [flag for flag in members if flag in shown]:
            described.append(_group(head, explained, width))
    if short:
        described.append(_rest(command, groups, shown, width))
    elif command == "sandbox":
        from masivo_stream.sandbox.fault_forms import describe_faults

        described.append(describe_faults(width))
    return "\n\n".join(filter(None, described))


def _usage(command: str, flags: list["Argument"]) -> str:
    needed = [f"{_names(flag)[0]} {_value(flag)}" for flag in flags if flag.required and flag.index is None]
    placed = [_placed(flag) for flag in flags if flag.index is not None]
    return " ".join(["Usage: masivo-stream", command, *placed, *needed, "[FLAGS]"])


def _placed(flag: "Argument") -> str:
    """Return how a word without a flag is called."""
    name = flag.name.lstrip("-").upper()
    several = "…" if get_origin(flag.hint) is tuple else ""
    return f"{name}{several}" if flag.required else f"[{name}{several}]"


def _paragraphs(docstring: str) -> Iterator[str]:
    """Yield the paragraphs of a command's docstring, up to its parameters."""
    text = textwrap.dedent("    " + docstring).split("\n    Parameters\n")[0].split("\nParameters\n")[0]
    for paragraph in text.split("\n\n"):
        if plain := " ".join(paragraph.split()):
            yield plain.replace("`", "")


def _in_groups(flags: list["Argument"], idle: frozenset[str], *, exports_first: bool) -> dict[str, list["Argument"]]:
    """Return the flags by group, in the order of the table; a command's own come first, in the order of its code."""
    place = {name: (head, at) for head, names in GROUPS.items() for at, name in enumerate(names.split())}
    first, *others = GROUPS
    heads = (first, OWN, *others) if exports_first else (OWN, first, *others)
    found: dict[str, list[tuple[int, Argument]]] = {head: [] for head in (*heads, IDLE)}
    for flag in flags:
        own = flag.required or flag.index is not None
        name = flag.name.lstrip("-")
        head, at = (OWN, 0) if own else place.get(name, (OWN, 0))
        found[IDLE if name in idle else head].append((at, flag))
    return {
        head: [flag for _, flag in sorted(members, key=lambda member: member[0])]
        for head, members in found.items()
        if members
    }


def _group(head: str, flags: Iterable["Argument"], width: int) -> str:
    return "\n".join([_bold(head), *(_explained(flag, width) for flag in flags)])


def _explained(flag: "Argument", width: int) -> str:
    """Return the lines of one flag: name and value to the left, what it does to the right."""
    left = f"  {_called(flag)}"
    indent = " " * _MARGIN
    text = textwrap.fill(_meaning(flag), width, initial_indent=indent, subsequent_indent=indent, **_AT_WORDS)
    if len(left) < _MARGIN - 1 and text:
        return left + text[len(left) :]
    return f"{left}\n{text}"


def _called(flag: "Argument") -> str:
    if flag.index is not None:
        return _placed(flag).strip("[]")
    names = ", ".join(sorted(_names(flag), key=len))
    return f"{names} {_value(flag)}".rstrip()


def _names(flag: "Argument") -> tuple[str, ...]:
    return tuple(name for name in flag.names if name.startswith("-"))


def _value(flag: "Argument") -> str:
    """Return what stands for the value of a flag; a switch has none."""
    kinds = [kind for kind in (get_args(flag.hint) or (flag.hint,)) if kind is not type(None)]
    kind = kinds[0] if get_origin(flag.hint) not in (list, tuple, Literal) else flag.hint
    several = get_origin(kind) in (list, tuple)
    inner = get_args(kind)[0] if several else kind
    if inner is bool:
        return ""
    if flag.required and flag.name in ("--from", "--to"):
        return "MOMENT"
    return f"{_word(flag.name.lstrip('-'), inner)}{'…' if several and flag.parameter.consume_multiple else ''}"


def _word(name: str, kind: Any) -> str:  # noqa: ANN401 - any annotation of a flag
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    known = next((word for word, names in _VALUES.items() if name in names.split()), None)
    return known or {int: "N", float: "SECONDS" if name.endswith(("timeout", "time", "limit")) else "X"}.get(
        kind, "TEXT"
    )


def _meaning(flag: "Argument") -> str:
    text = " ".join((flag.parameter.help or "").split()).replace("`", "")
    default = flag.field_info.default
    choices = get_args(flag.hint) if get_origin(flag.hint) is Literal else ()
    if any(str(choice) not in text for choice in choices):
        text = f"{text} One of {', '.join(map(str, choices))}."
    if flag.required and flag.index is None:
        return f"{text} Required."
    if (
        isinstance(default, str | int | float)
        and not isinstance(default, bool)
        and default != ""
        and "Default" not in text
    ):
        return f"{text} Default: {default}."
    return text


def _rest(command: str, groups: dict[str, list["Argument"]], shown: list["Argument"], width: int) -> str:
    """Return the names of the flags that are not explained, by group."""
    lines = []
    widest = max(map(len, groups)) + 4
    for head, members in groups.items():
        names = [(_names(flag) or (_placed(flag),))[0] for flag in members if flag not in shown]
        if names:
            start = f"  {head}".ljust(widest)
            lines.append(
                textwrap.fill(" ".join(names), width, initial_indent=start, subsequent_indent=" " * widest, **_AT_WORDS)
            )
    if not lines:
        return ""
    return "\n".join([_wrapped(f"Further flags; masivo-stream {command} --help explains them:", width), *lines])


_AT_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, **_AT_WORDS)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text
