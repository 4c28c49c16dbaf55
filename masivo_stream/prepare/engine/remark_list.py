"""A list of remarks as it is written: a line of CSV each, and their sums."""

import csv
import io
from collections.abc import Callable

from masivo_stream.core.checks.amounts import in_units
from masivo_stream.prepare.settling.remarks import Remark, RemarkTally
from masivo_stream.prepare.sources.places import PlaceNames

_COLUMNS = ("table", "action", "reason", "file", "line", "line_item_file", "line_item_line", "money", "points")
HEADER = f"{','.join(_COLUMNS)}\n".encode()


class RemarkList:
    """Remarks in the order in which they are written."""

    def __init__(self, tally: RemarkTally, names: PlaceNames, write: Callable[[bytes], None]) -> None:
        """Go on with these sums."""
        self.tally = tally
        self.names = names
        self._write = write
        self._rows = io.StringIO()
        self._writer = csv.writer(self._rows, lineterminator="\n")

    def remark(self, remark: Remark) -> None:
        """Add a remark about a flat row."""
        place = self.names.describe(remark.place)
        self.tally.add(remark, *place)
        other = self.names.describe(remark.line_place) if remark.line_place is not None else ("", "")
        self._writer.writerow(
            (
                remark.table,
                remark.action,
                remark.why,
                *place,
                *other,
                f"{in_units(remark.money):f}" if remark.money else "",
                f"{in_units(remark.points):f}" if remark.points else "",
            )
        )
        if self._rows.tell() > 1 << 20:
            self.flush()

    def remark_source(self, source: str, action: str, why: str, file: str, line: int) -> None:
        """Add a remark about a row of a source."""
        self.tally.count(f"source {source}", action, why, file, line)
        self._writer.writerow((f"source {source}", action, why, file, line, "", "", "", ""))
        if self._rows.tell() > 1 << 20:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        self._write(self._rows.getvalue().encode("utf-8", "backslashreplace"))
        self._rows.seek(0)
        self._rows.truncate()
