"""Find the other runs at work on the account, on this machine, and what they have left to send.

Each process notes its state directory in the account's quota file. A run at work shows there what is left of it
(`edges.files.progress_file`).
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from masivo_stream.edges.files.progress_file import read_progress
from masivo_stream.edges.files.state_dir import is_owned
from masivo_stream.model.contract import Kind
from masivo_stream.model.snapshot import requests_left


def find_left(state_dirs: Iterable[str]) -> Iterator[Mapping[Kind, int | None]]:
    """Yield what each run at work there has left, by kind: a number of requests, None if it is not known.

    Runs that are paused, or stop, take no further slots, and are left out. So are processes that show nothing of
    themselves: they read back, or are killed.
    """
    for name in state_dirs:
        path = Path(name)
        owner = is_owned(path)
        run = read_progress(path, owner) if owner else None
        if run is not None and run.paused is None and run.wait.what not in {"drain", "done"}:
            yield {phase.kind: requests_left(phase) for phase in run.phases}
