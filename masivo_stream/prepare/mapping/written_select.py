"""The place of a SELECT in the file of its mapping, so that an error of the database names line and column."""

import re

from msgspec import Struct

_SHOWN = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)
_CUT = "..."
"""What the database writes for the beginning and the end of a long line."""


class WrittenMapping(Struct, frozen=True):
    """The file of a mapping."""

    file: str
    text: str


class WrittenSelect(Struct, frozen=True):
    """The SELECT of one section of a mapping."""

    mapping: WrittenMapping
    table: str
    select: str
    lines_above: int = 0
    """How many lines come before the SELECT in what the database was given."""

    def below(self, lines: int) -> "WrittenSelect":
        """Return the same SELECT, below some lines of our own."""
        return WrittenSelect(self.mapping, self.table, self.select, lines)

    def place_of(self, message: str) -> str:
        """Return file, section, line and column of what a message of the database points to; empty if not known."""
        shown = _SHOWN.search(message)
        if shown is None or not self.mapping.file:
            return ""
        lines = self.select.split("\n")
        number = int(shown[1]) - self.lines_above
        if not 1 <= number <= len(lines):
            return ""
        begin = len(f"LINE {shown[1]}: ")
        pointed = len(shown[3]) - begin
        part = shown[2]
        if part.startswith(_CUT):
            part, pointed = part[len(_CUT) :], pointed - len(_CUT)
        at = lines[number - 1].find(part.removesuffix(_CUT))
        first = self._first_line()
        if at < 0 or first is None:
            return f"{self.mapping.file}: [{self.table}] select, line {number}"
        line, column = first
        column = at + pointed + (column if number == 1 else 1)
        return f"{self.mapping.file}:{line + number - 1}:{column}: [{self.table}] select"

    def _first_line(self) -> tuple[int, int] | None:
        """Return line and column of the SELECT in the file; None if it is written with escapes."""
        section = re.search(rf"^[ \t]*\[[ \t]*{self.table}[ \t]*\]", self.mapping.text, re.MULTILINE)
        at = self.mapping.text.find(self.select, section.end()) if section is not None and self.select else -1
        if at < 0:
            return None
        return self.mapping.text.count("\n", 0, at) + 1, at - self.mapping.text.rfind("\n", 0, at)


NOWHERE = WrittenSelect(WrittenMapping("", ""), "", "")
