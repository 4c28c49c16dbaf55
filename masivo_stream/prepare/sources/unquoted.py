r"""Text in which nothing is quoted: PostgreSQL's text format, `mysql --batch`, `SELECT … INTO OUTFILE`.

A line ends with a line feed, and with nothing else: `mysql --batch` prints carriage returns of a value as they are.
With escapes, a backslash protects the character after it, also a delimiter or a line feed, as PostgreSQL ("COPY",
section "Text Format") and MySQL ("SELECT … INTO", section "ESCAPED BY") document it. `\.` alone on a line ends
PostgreSQL's data in a dump, and is no row.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from masivo_stream.prepare.sources.source_rows import LONGEST_FIELD

END_OF_DATA = r"\."


def split_lines(lines: Iterable[str], delimiter: str, *, escapes: bool) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the line on which each row begins, counted from 1, and its fields with their escapes.

    Instead of fields, None says that a row cannot be read. An empty line is an empty list.
    """
    begin, text = 1, ""
    for number, line in enumerate(lines, start=1):
        text += line
        if escapes and _goes_on(line.removesuffix("\n")):
            if len(text) > LONGEST_FIELD:
                yield begin, None
                begin, text = number + 1, ""
            continue
        plain = text.removesuffix("\n").removesuffix("\r")
        if not escapes or plain != END_OF_DATA:
            yield begin, _split(plain, delimiter, escapes=escapes)
        begin, text = number + 1, ""
    if text:  # the last line ends with a backslash
        yield begin, None


def _split(text: str, delimiter: str, *, escapes: bool) -> list[str]:
    if not text:
        return []
    if not escapes or "\\" not in text:
        return text.split(delimiter)
    return _field(delimiter).findall(delimiter + text)


@lru_cache
def _field(delimiter: str) -> re.Pattern[str]:
    """Return what finds a field after its delimiter."""
    mark = re.escape(delimiter)
    return re.compile(rf"{mark}((?:[^\\{mark}]|\\.)*\\?)", re.DOTALL)


def _goes_on(line: str) -> bool:
    """Return whether a line ends with a backslash that is not itself protected."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
