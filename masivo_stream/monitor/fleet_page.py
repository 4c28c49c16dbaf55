"""The overview of a fleet: one table, drawn by the server. A script fetches it again; without scripts, it reloads."""

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from masivo_stream.core.redact import printable
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.moments import rough_duration, utc
from masivo_stream.monitor.browser_security import page_policy
from masivo_stream.observe.templating import policy_hash, read_style

_PARTS = Path(__file__).with_name("page")


class FleetPage:
    """The page, read from the package once."""

    def __init__(self) -> None:
        """Read its parts."""
        parts = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PARTS), autoescape=True, undefined=jinja2.StrictUndefined
        )
        parts.filters.update(printable=printable, percent=percent, lamp=lamp)
        self._template = parts.get_template("fleet.html")
        self._style = read_style(_PARTS / "fleet.css")
        self._script = (_PARTS / "fleet.js").read_text(encoding="utf-8")
        self.policy = page_policy(script=policy_hash(self._script), style=policy_hash(self._style))
        """Its content security policy."""

    def render(self, snapshot: FleetSnapshot) -> bytes:
        """Return the document."""
        ends = snapshot.ends_at
        return self._template.render(
            fleet=snapshot,
            made_at=utc(snapshot.now).strftime("%Y-%m-%d %H:%M:%S UTC"),
            ends_at="" if ends is None else utc(ends).strftime("%Y-%m-%d %H:%M UTC"),
            left="" if ends is None else rough_duration(max(0.0, ends - snapshot.now)),
            clock=lambda moment: "" if moment is None else utc(moment).strftime("%d %b %H:%M"),
            ended=sum(row.ended for row in snapshot.accounts),
            script=Markup(self._script),  # noqa: S704 - a file of this package, named by its hash
            style=Markup(self._style),  # noqa: S704 - a file of this package, named by its hash
        ).encode()


def percent(row: AccountRow) -> int | None:
    """Return which part of its requests an account has sent; None if that is not known."""
    if not row.requests_needed:
        return None
    share = min(1.0, row.requests / row.requests_needed)
    return int(share * 100)


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
