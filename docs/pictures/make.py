"""Take pictures of what a person sees: run `masivo-stream demo` on a terminal of our own, and draw its screen as SVG.

    python docs/pictures/make.py

writes `demo-80.svg` and `demo-120.svg` beside this file: the moment at which the last kind is being sent. The
demo's directory and port change from run to run, so the pictures change too; nothing else does. Needs the `dev` extra.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).parent / "masivo-stream"
LINES = 24
WIDTHS = (80, 120)

_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)
"""Rich's, without the fonts that it would load from another host."""

_SINGLE_SPACE = re.compile(r"(?<![>;])&#160;(?![&<])")
"""A space between two words. Several together, or at an end, would be lost as ordinary ones."""


def frames(command: Sequence[str], *, columns: int, lines: int = LINES, step: int = 1 << 16) -> Iterator[pyte.Screen]:
    """Run `command` on a terminal and yield its screen whenever it has changed; the same object each time.

    At most `step` bytes are read at once. If they are many, a screen is seldom half drawn; if few, no screen is missed.
    """
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, {**os.environ, "TERM": "xterm-256color"})  # noqa: S606 - ours
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    try:
        while True:
            select.select([terminal], [], [])
            try:
                found = os.read(terminal, step)
            except OSError:  # Linux: the other end is closed
                break
            if not found:
                break
            stream.feed(found)
            yield screen
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def text_of(screen: pyte.Screen) -> Text:
    """Return what a screen shows, in its colours, without the empty lines at its end."""
    rows = [_row(screen, number) for number in range(screen.lines)]
    while rows and not rows[-1].plain.strip():
        rows.pop()
    return Text("\n").join(rows)


def _row(screen: pyte.Screen, number: int) -> Text:
    row = Text()
    for column in range(screen.columns):
        cell = screen.buffer[number][column]
        colour = None if cell.fg == "default" else cell.fg.replace("brown", "yellow").replace("bright", "bright_")
        if colour and re.fullmatch("[0-9a-f]{6}", colour):
            colour = "#" + colour
        row.append(cell.data, Style(color=colour, bold=cell.bold))
    row.rstrip()
    return row


def draw(shown: Text, path: Path, *, columns: int, title: str) -> None:
    """Write what is shown as a picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=columns, force_terminal=True, legacy_windows=False)
        console.print(shown, soft_wrap=True)
    svg = console.export_svg(title=title, code_format=_FORMAT, unique_id=path.stem, theme=SVG_EXPORT_THEME)
    path.write_text(_SINGLE_SPACE.sub(" ", svg))


def sending_last(columns: int) -> Text:
    """Return the screen at the last moment at which transactions were being sent."""
    shown = Text()
    for screen in frames([str(COMMAND), "demo", "--invalid", "0.002"], columns=columns):
        if any(row.startswith("transactions") and " of " in row for row in screen.display):
            shown = text_of(screen)
    return shown


def main() -> None:
    """Make all pictures. On a busy machine a run may be throttled; then another run is pictured."""
    for columns in WIDTHS:
        while "throttled" in (shown := sending_last(columns)).plain:
            pass
        draw(shown, HERE / f"demo-{columns}.svg", columns=columns, title="masivo-stream demo")


if __name__ == "__main__":
    main()
