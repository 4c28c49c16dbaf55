"""Print what reading back shows: a table of counts, and the places to check."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verification, Verified

MOST_PLACES = 20
"""Places shown; `--json` gives more."""

_WORDS = {
    Seen.CONFIRMED: "is confirmed",
    Seen.MISSING: "is missing",
    Seen.DIFFERENT: "is different",
    Seen.NOT_YET: "is not visible yet",
    Seen.UNREAD: "could not be read",
    Seen.UNTOLD: "cannot be checked by reading back",
}


def print_verification(console: Console, found: Verification) -> None:
    """Print what reading back shows of the accepted records."""
    console.print(_table(found.kinds))
    _print_places(console, found.findings[:MOST_PLACES])
    more = len(found.findings) - MOST_PLACES + found.findings_left_out
    if more > 0:
        console.print(Text(f"and {more:,} more places"))
    for kind, counted in found.kinds.items():
        if counted.untold:
            console.print(Text(f"{kind}: {counted.untold:,} cannot be checked by reading back"))
    for name in found.left_out:
        console.print(
            Text(f"{printable(name)} came from a pipe and cannot be read again: its records were not checked")
        )
    console.print(Text(_conclusion(found)))
    if found.hint:
        console.print(Text(f"  hint: {printable(found.hint)}"))


def print_sample(console: Console, seen: Verified) -> None:
    """Print what was seen of a few records at the end of a run: a line, and the places to check."""
    requests = sum(counted.requests for counted in seen.kinds.values())
    ended = f"; ended early: {printable(seen.message)}" if seen.message else ""
    console.print(
        Text(f"read back: {seen.confirmed} of {seen.looked_at} records confirmed, in {requests} requests{ended}")
    )
    _print_places(console, seen.findings)
    if seen.findings:
        console.print(Text("  hint: masivo-stream verify checks these records again, and more"))


def _print_places(console: Console, places: Iterable[Finding]) -> None:
    for place in places:
        what = f": {', '.join(place.what)}" if place.what else ""
        console.print(Text(f"{place.kind}: {printable(place.file)}:{place.line} {_WORDS[place.seen]}{what}"))


def _table(kinds: Mapping[str, KindVerified]) -> Table:
    table = Table(title="read back", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in ("checked", "confirmed", "missing", "different", "not yet", "unread"):
        table.add_column(name, justify="right")
    for kind, counted in kinds.items():
        seen = (counted.confirmed, counted.missing, counted.different, counted.not_yet, counted.unread)
        table.add_row(kind, *(f"{value:,}" for value in (counted.looked_at, *seen)))
    return table


def _conclusion(found: Verification) -> str:
    if found.message:
        return f"ended early: {printable(found.message)}"
    looked_at = sum(counted.looked_at for counted in found.kinds.values())
    confirmed = sum(counted.confirmed for counted in found.kinds.values())
    requests = sum(counted.requests for counted in found.kinds.values())
    if not looked_at:
        return "nothing to check: no accepted record can be checked by reading back"
    if confirmed == looked_at:
        return f"confirmed: all {looked_at:,} records checked, in {requests:,} requests"
    return f"NOT all confirmed: {confirmed:,} of the {looked_at:,} records checked, in {requests:,} requests"
