"""Progress on a terminal: one line that says where the run stands."""

from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from masivo_stream.model.notices import (
    BatchWaits,
    Notice,
    PhaseEnded,
    PhaseStarted,
    Progressed,
    Stopping,
    Visible,
    WaitingVisible,
)


class TerminalProgress:
    """Show notices on `console`. A context manager: the line goes when it ends."""

    def __init__(self, console: Console) -> None:
        """Write to `console`, a terminal."""
        self._status = Status("starting", console=console)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._status.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Clear the line."""
        self._status.stop()

    def notify(self, notice: Notice) -> None:
        """Change the line."""
        text = _line(notice)
        if text:
            self._status.update(Text(text))


def _line(notice: Notice) -> str:
    match notice:
        case PhaseStarted(kind=kind, files=files):
            return f"{kind}: reading {files} file{'s' if files != 1 else ''}"
        case Progressed(kind=kind, figures=figures) | PhaseEnded(kind=kind, figures=figures):
            dead = f", {figures.dead:,} dead letters" if figures.dead else ""
            doubt = f", {figures.in_doubt:,} in doubt" if figures.in_doubt else ""
            return (
                f"{kind}: {figures.accepted:,} of {figures.read:,} records accepted in {figures.requests:,} requests"
                f"{dead}{doubt}"
            )
        case BatchWaits(kind=kind, why=why, seconds=seconds):
            return f"{kind}: a batch is {why}, again in {seconds:.0f} s"
        case WaitingVisible(kind=kind, seen=seen, probes=probes, next_probe=pause):
            return f"{kind} becoming visible: {seen} of {probes} probes, next in {pause:.0f} s"
        case Visible(kind=kind):
            return f"{kind}: visible"
        case Stopping(why=why, in_flight=in_flight):
            return f"{why}: waiting for {in_flight} requests in flight; Ctrl-C again leaves at once"
        case _:
            return ""
