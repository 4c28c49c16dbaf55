"""The report's charts: how a run went over time. Positions are calculated here; the page's template draws them.

The template draws SVG that is scaled to any width. Text in it would be distorted, so the labels of the axes are HTML
beside it. A stretch of time is one unit wide, the scale is 100 units high. The bars of the kinds are stacked; each
shows its figures when the pointer is on it.
"""

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.model.moments import utc
from masivo_stream.model.snapshot import Point

_HIGH = 100
_GAP = 0.06
"""On either side of a bar."""
_FEW = 40
"""If there are more stretches, bars have no gap between them: that would look like a rate that goes up and down."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_DAY = 86_400
_LEAST = 1e-9
TimeLine = dict[str, tuple[Point, ...]]


class ChartBar(Struct, frozen=True, kw_only=True):
    """A rectangle, and the text that it shows when the pointer is on it."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str


class StepLine(Struct, frozen=True):
    """A path: level over each stretch, connected if the stretches are adjacent."""

    style: str
    d: str


class Chart(Struct, frozen=True, kw_only=True):
    """One chart, `stretches` units wide; `ys` are labels from top to bottom, `xs` from left to right."""

    title: str
    unit: str
    stretches: int
    height: int = _HIGH
    grid: tuple[float, ...] = (0, _HIGH / 2)
    """y of the level lines; the axis is the lower edge of the chart."""
    bars: tuple[ChartBar, ...] = ()
    lines: tuple[StepLine, ...] = ()
    ys: tuple[str, ...]
    xs: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]
    """CSS class and words."""


class Axis(Struct, frozen=True):
    """The time axis: where it begins, how long a stretch is, and the number of stretches."""

    first: float
    length: float
    count: int

    def place(self, point: Point) -> int:
        """Return the number of a point's stretch."""
        return round((point.at - self.first) / self.length)

    def describe(self, number: int) -> str:
        """Return when a stretch begins and ends."""
        begin = self.first + number * self.length
        return f"{self._clock(begin)} to {self._clock(begin + self.length)}"

    def marks(self) -> tuple[str, ...]:
        """Return the times at the beginning, the middle and the end."""
        return tuple(self._clock(self.first + part * self.count * self.length) for part in (0.0, 0.5, 1.0))

    def _clock(self, at: float) -> str:
        form = "%H:%M:%S" if self.length * self.count < 600 else "%H:%M" if self._is_short else "%m-%d %H:%M"  # noqa: PLR2004 - ten minutes
        return utc(at).strftime(form)

    @property
    def _is_short(self) -> bool:
        return self.length * self.count < _DAY


def make_axis(time_line: TimeLine) -> Axis | None:
    """Return the axis that all charts share; None if nothing was sent."""
    points = [point for kind in time_line.values() for point in kind]
    if not points:
        return None
    first, length = min(point.at for point in points), points[0].seconds
    return Axis(first, length, 1 + round((max(point.at for point in points) - first) / length))


def draw_records(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw the records accepted per second, the kinds stacked."""

    def describe(point: Point, kind: str) -> str:
        return f"{_count(point.accepted, 'record')} of {kind} accepted, {_count(point.items, 'item')}"

    layers = [(kind, kind, points, lambda point: point.accepted / point.seconds) for kind, points in time_line.items()]
    return _bars("Records accepted", "per second", axis, layers, describe, [(kind, kind) for kind in time_line])


def draw_requests(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw the requests of each stretch; the refused ones are on top."""

    def describe(point: Point, kind: str) -> str:
        refused = f", {point.refused:,} refused" if point.refused else ""
        return f"{_count(point.requests, 'request')} of {kind}{refused}"

    layers: list[_Layer] = [
        (kind, kind, points, lambda point: point.requests - point.refused) for kind, points in time_line.items()
    ]
    legend = [(kind, kind) for kind in time_line]
    if any(point.refused for points in time_line.values() for point in points):
        layers += [("refused", kind, points, lambda point: point.refused) for kind, points in time_line.items()]
        legend.append(("refused", "refused"))
    return _bars("Requests", f"per {_length(axis.length)}", axis, layers, describe, legend)


def draw_latency(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw the answer times: the mean and the slowest of each stretch."""
    means: dict[int, tuple[float, int]] = {}
    slowest: dict[int, float] = {}
    for points in time_line.values():
        for point in points:
            if point.latency is not None and point.slowest is not None:
                place = axis.place(point)
                total, count = means.get(place, (0.0, 0))
                means[place] = (total + point.latency * point.requests, count + point.requests)
                slowest[place] = max(slowest.get(place, 0.0), point.slowest)
    mean = {place: total / max(1, count) for place, (total, count) in means.items()}
    top = nice_top(max(slowest.values(), default=0.0))
    lines = StepLine("slowest", " ".join(_steps(slowest, top))), StepLine("mean", " ".join(_steps(mean, top)))
    legend = [("mean", "on average"), ("slowest", "the slowest")]
    return _chart("Answer times", "seconds", axis, top, legend, lines=lines)


_Layer = tuple[str, str, Sequence[Point], Callable[[Point], float]]
"""CSS class, kind, points, and the function that gives the height of a bar."""


def _bars(
    title: str,
    unit: str,
    axis: Axis,
    layers: Sequence[_Layer],
    describe: Callable[[Point, str], str],
    legend: Sequence[tuple[str, str]],
) -> Chart:
    heights: dict[int, float] = {}
    stacked: list[tuple[str, str, int, float, float]] = []
    for style, kind, points, measure in layers:
        for point in points:
            if (value := measure(point)) > 0:
                place = axis.place(point)
                below = heights.get(place, 0.0)
                heights[place] = below + value
                stacked.append((style, f"{axis.describe(place)}: {describe(point, kind)}", place, below, value))
    top = nice_top(max(heights.values(), default=0.0))
    gap = _GAP if axis.count <= _FEW else 0.0
    bars = tuple(
        ChartBar(
            x=place + gap,
            y=_y(below + value, top),
            width=1 - 2 * gap,
            height=_round(value / top * _HIGH),
            style=style,
            title=title,
        )
        for style, title, place, below, value in stacked
    )
    return _chart(title, unit, axis, top, legend, bars=bars)


def _chart(
    title: str,
    unit: str,
    axis: Axis,
    top: float,
    legend: Sequence[tuple[str, str]],
    *,
    bars: tuple[ChartBar, ...] = (),
    lines: tuple[StepLine, ...] = (),
) -> Chart:
    ys = tuple(f"{top * part:,.4g}" if top < 1000 else f"{top * part:,.0f}" for part in (1.0, 0.5, 0.0))  # noqa: PLR2004 - digits
    return Chart(
        title=title,
        unit=unit,
        stretches=axis.count,
        bars=bars,
        lines=lines,
        ys=ys,
        xs=axis.marks(),
        legend=tuple(legend),
    )


def nice_top(value: float) -> float:
    """Return the upper end of a scale: a round number above 0 that is not below `value`."""
    if value < _LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _NICE if step * power >= value), 10.0 * power)


def _steps(values: dict[int, float], top: float) -> Iterator[str]:
    """Move to the beginning of each connected part, and draw a level line over each stretch."""
    last = None
    for place in sorted(values):
        y = _y(values[place], top)
        yield f"{'L' if last == place - 1 else 'M'} {place} {y} L {place + 1} {y}"
        last = place


def _y(value: float, top: float) -> float:
    return _round(_HIGH - value / top * _HIGH)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _length(seconds: float) -> str:
    for size, name in ((_DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return name if count == 1 else f"{count} {name}s"
    return f"{seconds:g} s"


def _round(value: float) -> float:
    return round(value, 2)
