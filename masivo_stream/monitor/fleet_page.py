"""The overview of a fleet: one table, drawn by the server. A script fetches it again; without scripts, it reloads."""

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from masivo_stream.core.accounting.forecast import percent as as_percent
from masivo_stream.core.redact import printable
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.moments import utc
from masivo_stream.monitor.browser_security import page_policy
from masivo_stream.observe.fleet_lines import accounts_without_end, end_of_fleet, fleet_warnings_lasting, what_to_do
from masivo_stream.observe.templating import policy_hash, read_style
from masivo_stream.observe.warning_counts import counted

_PARTS = Path(__file__).with_name("page")


class FleetPage:
    """The page, read from the package once."""

    def __init__(self) -> None:
        """Read its parts."""
        parts = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PARTS), autoescape=True, undefined=jinja2.StrictUndefined
        )
        parts.filters.update(
            printable=printable, percent=percent, lamp=lamp, moment=moment, counted=counted, what_to_do=what_to_do
        )
        self._template = parts.get_template("fleet.html")
        self._style = read_style(_PARTS / "fleet.css")
        self._script = (_PARTS / "fleet.js").read_text(encoding="utf-8")
        self.policy = page_policy(script=policy_hash(self._script), style=policy_hash(self._style))
        """Its content security policy."""

    def render(self, snapshot: FleetSnapshot) -> bytes:
        """Return the document."""
        return self._template.render(
            fleet=snapshot,
            end=end_of_fleet(snapshot),
            without_end=accounts_without_end(snapshot),
            needing=[row for row in snapshot.accounts if row.command],
            warnings=fleet_warnings_lasting(snapshot),
            ended=sum(row.ended for row in snapshot.accounts),
            script=Markup(self._script),  # noqa: S704 - a file of this package, named by its hash
            style=Markup(self._style),  # noqa: S704 - a file of this package, named by its hash
        ).encode()


def percent(row: AccountRow) -> str:
    """Return which part of its records has its outcome, else which part of its requests was sent; empty if unknown."""
    share = row.share
    if share is None:
        share = min(1.0, row.requests / row.requests_needed) if row.requests_needed else None
    return "" if share is None else f"{as_percent(share)} %"


def moment(seconds: float) -> Markup:
    """Return an element with a moment in UTC, which the script shows in the reader's time zone."""
    date = utc(seconds)
    return Markup("<time datetime={}>{}</time>").format(f"{date:%Y-%m-%dT%H:%M:%SZ}", f"{date:%d %b %H:%M} UTC")


def lamp(row: AccountRow) -> str:
    """Return the class of an account's lamp."""
    if row.exit_code:
        return "warn" if row.exit_code in {3, 4} else "bad"
    if row.attention:
        return "warn"
    return "good" if row.ended else "working" if row.read else ""


@cache
def load_fleet_page() -> FleetPage:
    """Return the page, which is read once."""
    return FleetPage()
