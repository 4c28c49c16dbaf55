"""Draw what the bench measured: one SVG file, without scripts, for light and dark.

The bars are horizontal and show MB/s. There is one panel per kind, and all panels have the same scale, so that they can
be compared. A line on each bar goes from the slowest round to the fastest. Colours carry no information of their own:
each bar has its label. Positions are calculated here; the template `bench.svg` draws them.
"""

from functools import cache

import jinja2
from msgspec import Struct

from masivo_stream.model.bench_result import MEGA, Bench, BenchedExport, BenchResult
from masivo_stream.observe.templating import make_environment

_LEFT = 200
"""x where the bars begin; their labels are to the left."""
_BAR_ROOM = 400
"""Width of the longest bar; its figures are to the right."""
_HEAD = 66
_ROW = 24
_PANEL_HEAD = 34
_PANEL_GAP = 14
_FOOT = 46


class BenchBar(Struct, frozen=True, kw_only=True):
    """One result: a bar as long as its median, and a line from the slowest round to the fastest."""

    y: int
    width: float
    least: float
    most: float
    """Both are x coordinates of the image."""
    varies: bool
    """Whether there is a line: not if all rounds took the same time."""
    style: str
    label: str
    figures: str


class Panel(Struct, frozen=True, kw_only=True):
    """One kind, from `y` to `end`."""

    y: int
    end: int
    kind: str
    size: str
    bars: tuple[BenchBar, ...]


def draw_bench(found: Bench) -> str:
    """Return the chart as the text of an SVG file."""
    most = max((result.mb_per_second.most for result in found.results), default=0.0) or 1.0
    panels: list[Panel] = []
    foot = _HEAD
    for kind, export in found.exports.items():
        results = [result for result in found.results if result.kind == kind]
        panels.append(_panel(foot, kind, export, results, _BAR_ROOM / most))
        foot = panels[-1].end + _PANEL_GAP
    image = _template().render(found=found, panels=panels, left=_LEFT, foot=foot, height=foot + _FOOT)
    return f"{image}\n"


@cache
def _template() -> jinja2.Template:
    return make_environment().get_template("bench.svg")


def _panel(y: int, kind: str, export: BenchedExport, results: list[BenchResult], scale: float) -> Panel:
    first = y + _PANEL_HEAD
    return Panel(
        y=y,
        end=first + _ROW * len(results),
        kind=kind,
        size=f"{export.records:,} records, {export.items:,} items, {export.bytes / MEGA:,.1f} MB",
        bars=tuple(_bar(first + row * _ROW, result, scale) for row, result in enumerate(results)),
    )


def _bar(y: int, result: BenchResult, scale: float) -> BenchBar:
    speed = result.mb_per_second
    return BenchBar(
        y=y,
        width=_round(speed.median * scale),
        least=_round(_LEFT + speed.least * scale),
        most=_round(_LEFT + speed.most * scale),
        varies=speed.most > speed.least,
        style=result.stage.name.lower(),
        label=result.label,
        figures=f"{speed.median:,.1f} MB/s, {result.items_per_second.median:,.0f} items/s",
    )


def _round(value: float) -> float:
    return round(value, 1)
