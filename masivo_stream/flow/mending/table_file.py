"""Read a table of corrections from a file."""

import codecs
from collections.abc import Iterator

from masivo_stream.core.mending.table import Table, TableError, read_table
from masivo_stream.core.redact import named
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a table begins that a spreadsheet has saved as "Unicode text"."""

_OPERATION = "read the corrections"


def read_table_file(path: str, kind: Kind, schema: object) -> Table:
    """Return the corrections of a CSV file for records of a kind, which have this schema.

    Raises:
        InputError: it cannot be read, or is no table of corrections.
    """
    line = 0

    def lines() -> Iterator[str]:
        nonlocal line
        with open(path, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - may be a device
            for text in file:
                line += 1
                yield text

    try:
        return read_table(lines(), kind, schema)
    except TableError as error:
        raise InputError(
            str(error), operation=_OPERATION, place=f"{named(path)}:{error.line}", hint=error.hint
        ) from error
    except UnicodeDecodeError as error:
        if error.object[:2] in _UTF_16:
            raise InputError(
                "the table is UTF-16",
                operation=_OPERATION,
                place=named(path),
                hint='save it as "CSV UTF-8", or convert it: iconv -f utf-16 -t utf-8',
            ) from error
        raise InputError(
            "the table is not UTF-8",
            operation=_OPERATION,
            place=f"{named(path)}, after line {line}",
            hint='save it as "CSV UTF-8", or convert it: iconv -f latin1 -t utf-8',
        ) from error
    except OSError as error:
        raise InputError(
            f"the table cannot be read: {error.strerror}",
            operation=_OPERATION,
            place=named(path),
            hint="name a CSV file that can be read",
        ) from error
