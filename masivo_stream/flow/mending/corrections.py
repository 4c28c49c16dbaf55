"""The corrections that were made of dead letters, as files in the state directory keep them, and how one is written.

Each correction has a number and a file `mend-N.KIND.ndjson`: what was done, when and by whom; then each line of the
dead-letter file that it changed or took out, as it was; at last how many. Undone, it is called `undone-N.KIND.ndjson`.

A correction is two files: this one, and the new dead-letter file. Both are written beside the others and made durable;
then this one gets its name, then the dead-letter file its place. If the process dies in between, the new dead-letter
file is still beside the old one: then the correction was not made, and the next one removes what is left of it
(`clear_unfinished`). So a reader finds either the old dead letters or the new ones.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.mending.letter import Mark, sign
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import Kind
from masivo_stream.model.mending import MadeCorrection

MADE, UNDONE = "mend", "undone"

_NAME = re.compile(r"(mend|undone)-(\d+)\.(customers|events|transactions)\.ndjson")
_BESIDE = re.compile(r"\.dead-letter\.(customers|events|transactions)\.ndjson\.(mend|undone)-(\d+)")
_DRAFT = re.compile(r"\.mend-\d+\.\w+\.ndjson\.new")
_TAIL = 4096
_encode = msgspec.json.Encoder().encode


class Head(Struct, frozen=True, kw_only=True):
    """The first line of a correction's file."""

    mend: int
    kind: str
    what: str
    at: str
    person: str
    gave_up: str = ""


class _Foot(Struct, frozen=True):
    dead_letters: int


class Kept(Struct, frozen=True):
    """A line of the dead-letter file as it was before a correction."""

    line: str
    after: str | None
    """The signature of the line that took its place (`letter.sign`); None if it was given up."""


def name_of(state: str, number: int, kind: Kind | str) -> str:
    """Return the name of a correction's file; `state` is `MADE` or `UNDONE`."""
    return f"{state}-{number}.{kind}.ndjson"


def draft_of(number: int, kind: Kind | str) -> str:
    """Return the name of a correction's file until it is whole."""
    return f".{name_of(MADE, number, kind)}.new"


def beside(kind: Kind, state: str, number: int) -> str:
    """Return the name of a new dead-letter file before it takes the place of the old one."""
    return f".{dead_letter_name(kind)}.{state}-{number}"


def next_number(state: StateDir) -> int:
    """Return the number of the next correction."""
    return 1 + max((number for _, number, _ in _files(state)), default=0)


def clear_unfinished(state: StateDir) -> None:
    """Remove what is left of a correction, or of its undoing, that did not come to its end. Own the lock."""
    for path in sorted(state.path.iterdir()):
        found = _BESIDE.fullmatch(path.name)
        if found is None:
            if _DRAFT.fullmatch(path.name):
                state.remove(path.name)
            continue
        kind, what, number = found[1], found[2], int(found[3])
        with suppress(FileNotFoundError):
            if what == MADE:
                state.rename(name_of(MADE, number, kind), draft_of(number, kind))
            else:
                state.rename(name_of(UNDONE, number, kind), name_of(MADE, number, kind))
        state.remove(path.name)
        state.remove(draft_of(number, kind))


def read_corrections(state: StateDir) -> list[MadeCorrection]:
    """Return the corrections that were made, oldest first; not one that did not come to its end."""
    unfinished = {(match[3], match[1]) for path in state.path.iterdir() if (match := _BESIDE.fullmatch(path.name))}
    found: list[MadeCorrection] = []
    for made, number, kind in sorted(_files(state), key=lambda file: file[1]):
        if (str(number), kind) in unfinished:
            continue
        name = name_of(made, number, kind)
        with suppress(ValueError, StopIteration):
            head = msgspec.json.decode(next(state.lines(name)), type=Head)
            foot = msgspec.json.decode(_last_line(state, name), type=_Foot)
            found.append(
                MadeCorrection(
                    number=number,
                    kind=kind,
                    what=head.what,
                    dead_letters=foot.dead_letters,
                    at=head.at,
                    person=head.person,
                    gave_up=head.gave_up,
                    undone=made == UNDONE,
                )
            )
    return found


def count_given_up(corrections: list[MadeCorrection]) -> dict[str, int]:
    """Return by kind how many dead letters are given up."""
    counts: dict[str, int] = {}
    for each in corrections:
        if each.gave_up and not each.undone:
            counts[each.kind] = counts.get(each.kind, 0) + each.dead_letters
    return counts


def kept_lines(state: StateDir, number: int, kind: Kind) -> Iterator[Kept]:
    """Yield the lines that a correction changed or took out, as they were."""
    lines = state.lines(name_of(MADE, number, kind))
    next(lines, None)
    for line in lines:
        with suppress(msgspec.ValidationError):  # the last line
            yield msgspec.json.decode(line, type=Kept)


def kept_at(state: StateDir, mark: Mark, kind: Kind) -> Kept | None:
    """Return the line at an offset of a correction's file; None if there is no such line."""
    try:
        return msgspec.json.decode(next(state.lines(name_of(MADE, mark.mend, kind), begin=mark.original)), type=Kept)
    except (StopIteration, ValueError):
        return None


class Draft:
    """A correction that is being written: add every line of the dead-letter file, in its order.

    `write_letters` and `write_kept` write lines to the two new files.
    """

    def __init__(self, head: Head, write_letters: Any, write_kept: Any) -> None:  # noqa: ANN401 - of `creating`
        """Begin the correction's file."""
        self._letters, self._keep = write_letters, write_kept
        self._at, self.changed = 0, 0
        self._write_kept(head)

    @property
    def mark(self) -> int:
        """The offset at which the next line is kept."""
        return self._at

    def pass_on(self, line: bytes) -> None:
        """Keep a line as it is."""
        self._letters((line if line.endswith(b"\n") else line + b"\n",))

    def change(self, line: bytes, new: bytes) -> None:
        """Write a new line in the place of one."""
        self._letters((new,))
        self._write_kept(Kept(line.decode(), sign(new)))
        self.changed += 1

    def give_up(self, line: bytes) -> None:
        """Take a line out."""
        self._write_kept(Kept(line.decode(), None))
        self.changed += 1

    def end(self) -> None:
        """End the correction's file."""
        self._write_kept(_Foot(self.changed))

    def _write_kept(self, value: Struct) -> None:
        line = _encode(value) + b"\n"
        self._keep((line,))
        self._at += len(line)


def _files(state: StateDir) -> Iterator[tuple[str, int, str]]:
    for path in state.path.iterdir():
        if found := _NAME.fullmatch(path.name):
            yield found[1], int(found[2]), found[3]


def _last_line(state: StateDir, name: str) -> bytes:
    with (state.path / name).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        return file.read().rstrip(b"\n").rpartition(b"\n")[2]
