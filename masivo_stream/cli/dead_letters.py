"""`masivo-stream dead-letters`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, Switch, ValidationFlags, check_here, settings_from
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.core.mending.list_rows import FaultRow

_STANDARD_OUTPUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_BOM = b"\xef\xbb\xbf"
_AT_ONCE = 1000
MOST_SHOWN = 50
"""Faults that the table shows."""
MOST_IN_JSON = 1000


@Parameter(name="*")
@dataclass(kw_only=True)
class ListFlags:
    """What is listed, and where."""

    csv: Annotated[bool, Switch] = False
    "Write the whole list as CSV, with ids and values, for whoever owns the data."
    output: Annotated[str | None, Parameter(name=("--output", "-o"))] = None
    "File for the CSV, which only you can read. It begins with a byte order mark, for spreadsheets."
    show_values: Annotated[bool, Switch] = False
    "Show ids and values in the table and in JSON, too."


def dead_letters(
    *, flags: ListFlags | None = None, validation: ValidationFlags | None = None, common: CommonFlags | None = None
) -> int:
    """List dead letters one by one: where each is, which field, what is wrong. Nothing is changed.

    With --csv it is the list for whoever owns the data, with the customer's id and the value at fault. Its last column,
    `correction`, is empty: `mend KIND --csv` takes the list back when it is filled in.

    Example: `masivo-stream dead-letters --csv -o dead-letters.csv`
    """
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands.dead_letters import dead_letter_rows

    common, flags = common or CommonFlags(), flags or ListFlags()
    check_here(flags.output, "--output")
    if flags.csv and common.json:
        raise _wrong("the list has one form", "use --csv or --json, not both")
    if flags.output is not None and not flags.csv:
        raise _wrong("only the CSV is written to a file", "give --csv too")
    settings = settings_from(common, validation)
    seen = flags.csv and flags.output in {None, *_STANDARD_OUTPUT} and sys.stdout.isatty()  # the list, as it is made
    with ExitStack() as shown:
        observer = shown.enter_context(showing_work(settings.log, quiet=common.quiet or seen))
        rows = dead_letter_rows(settings, observer=observer)
        if flags.csv:
            return _write(rows, flags.output, shown)
        listed = _FirstRows.of(rows, MOST_IN_JSON if common.json else MOST_SHOWN)
    return _print_json(listed, show=flags.show_values) if common.json else _print(listed, show=flags.show_values)


@dataclass(frozen=True)
class _FirstRows:
    """The first dead letters of a list, and how many more there are."""

    rows: "list[FaultRow]"
    more: int

    @classmethod
    def of(cls, rows: "Iterator[FaultRow]", most: int) -> "_FirstRows":
        """Take the first `most` of all rows."""
        return cls(list(islice(rows, most)), sum(1 for _ in rows))


def _write(rows: "Iterator[FaultRow]", output: str | None, shown: ExitStack) -> int:
    """Write the list as CSV; close `shown`, the line of its progress, before anything else is written."""
    from masivo_stream.cli.output import answer

    if output is None or output in _STANDARD_OUTPUT:
        first = next(rows, None)  # what is wrong with the state directory is said before anything is written

        def write() -> None:
            sys.stdout.flush()
            for text in _as_csv(chain(() if first is None else (first,), rows)):
                sys.stdout.buffer.write(text)

        return answer(write, question=True)

    from masivo_stream.edges.files.state_dir import replace_file

    path, text = Path(output), chain((_BOM,), _as_csv(rows))
    if path.is_symlink() or (path.exists() and not path.is_file()):  # a device or a link: not replaced by a file
        with path.open("wb") as file:
            file.writelines(text)
        return 0
    replace_file(path, text)
    shown.close()
    return answer(lambda: print(path), question=True)  # noqa: T201 - the answer


def _as_csv(rows: "Iterator[FaultRow]") -> Iterator[bytes]:
    from masivo_stream.core.mending.list_rows import COLUMNS, write_rows

    yield write_rows([COLUMNS])
    while some := list(islice(rows, _AT_ONCE)):
        yield write_rows(row.cells for row in some)


def _print_json(found: _FirstRows, *, show: bool) -> int:
    from masivo_stream.cli.output import print_json

    listed: list[dict[str, object]] = []
    for row in found.rows:
        values = {"id": row.id, "value": row.value} if show else {}
        cause = row.cause if show else row.public_cause
        listed.append(
            {"kind": row.kind, "file": row.file, "line": row.line, "reason": row.reason}
            | {"field": row.field, "cause": cause, **values}
        )
    return print_json({"schema": 1, "listed": listed, "left_out": found.more}, question=True)


def _print(found: _FirstRows, *, show: bool) -> int:
    from masivo_stream.cli.console import Output
    from masivo_stream.cli.output import answer
    from masivo_stream.observe.mend_list import print_rows

    return answer(lambda: print_rows(Output(), found.rows, found.more, show=show), question=True)


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="read the command", hint=hint)
