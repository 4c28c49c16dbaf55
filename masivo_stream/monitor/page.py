"""The monitor's page: one document with its script and style inside, so that it needs no other file.

Script and style never change while the program runs; the page's policy names them by their hashes. The script fetches
the run's figures and sets them as text. Without scripts, the page shows a table (jinja2, autoescaped) instead.
"""

from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from masivo_stream.core.redact import printable
from masivo_stream.model.moments import utc
from masivo_stream.model.reason import REMEDIES
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.monitor.browser_security import page_policy
from masivo_stream.observe.templating import policy_hash, read_style

_PARTS = Path(__file__).with_name("page")
_SCRIPTS = ("words.js", "elements.js", "charts.js", "sections.js", "main.js")


class Page:
    """The page, read from the package once."""

    def __init__(self) -> None:
        """Read its parts."""
        parts = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PARTS), autoescape=True, undefined=jinja2.StrictUndefined
        )
        parts.filters["printable"] = printable
        self._template = parts.get_template("page.html")
        self._style = read_style(_PARTS / "page.css")
        self._script = "".join(_read(name) for name in _SCRIPTS)
        self.policy = page_policy(script=policy_hash(self._script), style=policy_hash(self._style))
        """Its content security policy."""

    def render(self, snapshot: RunSnapshot) -> bytes:
        """Return the document; the snapshot is shown to readers without scripts."""
        return self._template.render(
            snapshot=snapshot,
            made_at=utc(snapshot.now).strftime("%Y-%m-%d %H:%M:%S UTC"),
            ends_at=_clock_time(snapshot.ends_at),
            remedies={reason.value: remedy for reason, remedy in REMEDIES.items()},
            script=Markup(self._script),  # noqa: S704 - a file of this package, named by its hash
            style=Markup(self._style),  # noqa: S704 - the same
        ).encode()


@cache
def load_page() -> Page:
    """Return the page, which is read once."""
    return Page()


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _clock_time(moment: float | None) -> str:
    return "" if moment is None else utc(moment).strftime("%Y-%m-%d %H:%M UTC")
