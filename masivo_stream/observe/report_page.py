"""The report as a page: one HTML file that needs no other file, script, image or font, and that can be printed.

Its content security policy allows its own style, by hash, and nothing else. So even if a name got past the escaping, it
could not load or run anything.
"""

from datetime import UTC, datetime
from functools import cache

import jinja2
from markupsafe import Markup
from msgspec import UnsetType

from masivo_stream.core.accounting.forecast import percent
from masivo_stream.core.next_steps import count_all_given_up
from masivo_stream.model.moments import duration
from masivo_stream.model.report import Report
from masivo_stream.model.summary import KindSummary
from masivo_stream.observe.dead_letter_rows import make_dead_letter_table
from masivo_stream.observe.figure_words import RECORD_OUTCOMES, decimal, describe_rest, equation, shown_figures
from masivo_stream.observe.report_charts import Chart, draw_latency, draw_records, draw_requests, make_axis
from masivo_stream.observe.templating import TEMPLATES, make_environment, policy_hash, read_style

_LAMPS = {"complete": "good", "dead_letters": "warn", "in_doubt": "warn", "interrupted": "warn", "stopped": "bad"}
_TITLES = {
    "complete": "Complete",
    "dead_letters": "Complete, with dead letters",
    "in_doubt": "Some batches are in doubt",
    "interrupted": "Interrupted",
    "stopped": "Stopped",
}
_KILO = 1000
MOST_REWARDS, MOST_FILES = 50, 50
"""Rewards and files whose control totals are on the page."""


def draw_report(report: Report) -> str:
    """Return the page as the text of an HTML file."""
    style = read_style(TEMPLATES / "report.css")
    share = report.share if report.target and report.share is not None and report.share < 1 else None
    unread = report.unread if share is not None and any(report.unread.values()) else {}
    kinds = report.kinds | {kind: KindSummary() for kind in unread if kind not in report.kinds}
    moments = [_moment(each) for times in report.times.values() for each in (times.first_at, times.last_at)]
    return _template().render(
        report=report,
        title=_title(report, share),
        rest="" if share is None else describe_rest(report),
        kinds=kinds,
        unread=unread,
        all_settled=share is None and not any(each.pending or each.in_doubt for each in kinds.values()),
        lamp="working" if report.owner else _LAMPS[report.outcome],
        total=_total(kinds),
        equations=(equation(kinds.values()), equation(kinds.values(), of_items=True)),
        began=min(moments, default=None),
        ended=max(moments, default=None),
        elapsed=(max(moments) - min(moments)).total_seconds() if moments else None,
        charts=_charts(report),
        verified=None if isinstance(report.verified, UnsetType) else report.verified,
        dead_letters=make_dead_letter_table(report),
        **_checks(report),
        style=Markup(style),  # noqa: S704 - a file of this package, named by its hash
        policy=f"default-src 'none'; style-src '{policy_hash(style)}'; base-uri 'none'; form-action 'none'",
    )


def _title(report: Report, share: float | None) -> str:
    """Return what a person reads first: the share that is done, and how the run ended."""
    words = "Run under way" if report.owner else _TITLES[report.outcome]
    if count_all_given_up(report):
        words = "Complete, with dead letters given up"
    return words if share is None else f"{percent(share)} % done: {words[0].lower()}{words[1:]}"


@cache
def _template() -> jinja2.Template:
    parts = make_environment()
    parts.filters |= {"number": "{:,}".format, "duration": duration, "size": _size, "when": _when}
    parts.filters["number_if_any"] = lambda number: f"{number:,}" if number else ""
    parts.filters["decimal"], parts.filters["date"] = decimal, _date
    parts.globals |= {"RECORD_OUTCOMES": RECORD_OUTCOMES}
    return parts.get_template("report.html")


def _charts(report: Report) -> list[Chart]:
    axis = make_axis(report.time_line)
    return (
        [] if axis is None else [draw(report.time_line, axis) for draw in (draw_records, draw_requests, draw_latency)]
    )


def _checks(report: Report) -> dict[str, object]:
    """Return what the page shows of the checks over all files, and of the control totals."""
    if isinstance(report.checks, UnsetType):
        return {"checks": None}
    checks = report.checks
    several = {each.kind for each in checks.by_kind if each.files > 1}
    return {
        "checks": checks,
        "reward_figures": shown_figures(checks.rewards),
        "files": [each for each in checks.totals if each.kind in several],
        "most_rewards": MOST_REWARDS,
        "most_files": MOST_FILES,
    }


def _total(kinds: dict[str, KindSummary]) -> dict[str, float]:
    numbers = [name for name in KindSummary.__struct_fields__ if not name.endswith(("reasons", "remarks"))]
    return {name: sum(getattr(figures, name) for figures in kinds.values()) for name in numbers}


def _size(count: float) -> str:
    """Write a number of bytes for people."""
    if count < _KILO:
        return f"{count:,.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= _KILO
        if count < _KILO:
            return f"{count:,.1f} {unit}"
    return f"{count / _KILO:,.1f} TB"


def _when(moment: str | datetime) -> str:
    """Write a moment, or its ISO 8601 text, for people."""
    found = moment if isinstance(moment, datetime) else _moment(moment)
    return found.strftime("%Y-%m-%d %H:%M:%S UTC")


def _date(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
