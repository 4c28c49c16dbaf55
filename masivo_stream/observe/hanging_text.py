"""Print a text whose further lines are indented to its beginning."""

from rich.console import Console
from rich.text import Text


def print_hanging(console: Console, text: str, prefix: str, style: str = "") -> None:
    """Print a text after a prefix; further lines are indented to the beginning of the text."""
    lines = Text(text).wrap(console, max(20, console.width - len(prefix)))
    for number, line in enumerate(lines):
        line.rstrip()
        console.print(Text(prefix if number == 0 else " " * len(prefix), style=style) + line, style=style)
