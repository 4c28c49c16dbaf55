"""What the bench found, as a picture: an SVG file of its own, without scripts, for light and dark.

Horizontal bars of MB/s, one panel a kind, all of one scale, so that panels compare; on each bar a line from the least
to the most of all rounds. Colour only tells apart what is written beside it.
"""

from collections.abc import Iterator
from html import escape

import svg

from masivo_stream.core.printable import printable
from masivo_stream.model.bench import MEGA, Bench, BenchResult

_WIDTH = 820
_LEFT = 200
"""Where bars begin: labels stand before them."""
_BAR_ROOM = 400
"""Width of the longest; its figure stands behind it."""
_HEAD = 66
_ROW = 24
_BAR = 14
_PANEL_HEAD = 34
_PANEL_GAP = 14
_FOOT = 46

_STYLE = """
svg { background: #ffffff; font: 13px system-ui, sans-serif; }
text { fill: #1f2328; }
.title { font-size: 18px; font-weight: 600; }
.kind { font-weight: 600; }
.quiet { fill: #59636e; font-size: 12px; }
.end { text-anchor: end; }
.base { stroke: #afb8c1; }
.range { stroke: #1f2328; stroke-width: 1.5; }
.decode { fill: #8c959f; }
.judge { fill: #54aeff; }
.pack { fill: #2da44e; }
.send { fill: #8250df; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; }
text { fill: #e6edf3; }
.quiet { fill: #9198a1; }
.base { stroke: #484f58; }
.range { stroke: #f0f6fc; }
.decode { fill: #6e7681; }
.judge { fill: #388bfd; }
.pack { fill: #3fb950; }
.send { fill: #a371f7; }
}
"""


def draw_bench(found: Bench) -> str:
    """Return the picture as the text of an SVG file."""
    panels = {kind: [result for result in found.results if result.kind == kind] for kind in found.exports}
    most = max((result.mb_per_second.most for result in found.results), default=0.0) or 1.0
    elements: list[svg.Element] = [svg.Style(text=_STYLE), *_head(found)]
    top = _HEAD
    for kind, results in panels.items():
        export = found.exports[kind]
        size = f"{export.records:,} records, {export.items:,} items, {export.bytes / MEGA:,.1f} MB"
        elements += _panel(top, kind, size, results, _BAR_ROOM / most)
        top += _PANEL_HEAD + _ROW * len(results) + _PANEL_GAP
    elements += (_text(20, top + 12 + 18 * row, line, "quiet") for row, line in enumerate(_foot(found)))
    height = top + _FOOT
    box = svg.ViewBoxSpec(0, 0, _WIDTH, height)
    picture = svg.SVG(width=_WIDTH, height=height, viewBox=box, extra={"role": "img"}, elements=elements)
    return f"{picture}\n"


def _head(found: Bench) -> Iterator[svg.Element]:
    machine = found.machine
    name = "masivo-stream: megabytes of export a second"
    yield svg.Title(elements=[], text=escape(name))
    yield _text(20, 30, name, "title")
    where = f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}"
    yield _text(20, 50, f"{where}; masivo-stream {machine.version}; {found.at:%Y-%m-%d %H:%M} UTC", "quiet")


def _panel(top: int, kind: str, size: str, results: list[BenchResult], scale: float) -> Iterator[svg.Element]:
    yield _text(20, top + 20, kind, "kind")
    yield _text(_LEFT, top + 20, size, "quiet")
    first = top + _PANEL_HEAD
    for row, result in enumerate(results):
        yield from _bar(first + row * _ROW, result, scale)
    end = first + _ROW * len(results)
    yield svg.Line(x1=_LEFT, x2=_LEFT, y1=first - 4, y2=end, class_=["base"])


def _bar(top: int, result: BenchResult, scale: float) -> Iterator[svg.Element]:
    speed, middle = result.mb_per_second, top + _BAR / 2
    least, most = _LEFT + speed.least * scale, _LEFT + speed.most * scale
    yield _text(_LEFT - 10, top + 12, result.label, "end")
    yield svg.Rect(x=_LEFT, y=top, width=_round(speed.median * scale), height=_BAR, class_=[result.stage.value])
    if speed.most > speed.least:
        yield svg.Line(x1=_round(least), x2=_round(most), y1=middle, y2=middle, class_=["range"])
    figures = f"{speed.median:,.1f} MB/s, {result.items_per_second.median:,.0f} items/s"
    yield _text(_round(most) + 8, top + 12, figures, "quiet")


def _foot(found: Bench) -> Iterator[str]:
    times = "once" if found.rounds == 1 else f"{found.rounds} times, in turn; bars are medians, lines the range"
    yield f"Each measured {times}. decode is msgspec's typed decoder alone, the yardstick."
    yield f"Sent to {found.target or 'a null sink on this machine'}, without a rate limit."


def _text(x: float, y: float, text: str, style: str) -> svg.Text:
    """Return a text. The library writes it as it is, so it is escaped here."""
    return svg.Text(x=x, y=y, class_=[style], text=escape(printable(text)))


def _round(value: float) -> float:
    return round(value, 1)
