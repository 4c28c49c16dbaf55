"""The report's charts: how a run went over time. Here is reckoned what stands where; the page's template draws it.

It draws SVG that stretches to any width, and what stretches must not hold text: axes are labelled in HTML beside it.
A stretch of time is one unit wide, the scale is 100 high. Bars of kinds stand on one another; each tells its figures
when pointed at.
"""

import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.model.moments import utc
from masivo_stream.model.snapshot import Point

_HIGH = 100
_GAP = 0.06
"""On either side of a bar."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_DAY = 86_400
_LEAST = 1e-9
TimeLine = dict[str, tuple[Point, ...]]


class ChartBar(Struct, frozen=True, kw_only=True):
    """A rectangle, and what it tells when pointed at."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str


class StepLine(Struct, frozen=True):
    """A path: level over each stretch, joined where stretches follow one another."""

    style: str
    d: str


class Chart(Struct, frozen=True, kw_only=True):
    """One chart: so many `stretches` wide; `ys` from top to bottom, `xs` from left to right."""

    title: str
    unit: str
    stretches: int
    height: int = _HIGH
    grid: tuple[float, ...] = (0, _HIGH / 2)
    """Where level lines lie; the axis closes the chart below."""
    bars: tuple[ChartBar, ...] = ()
    lines: tuple[StepLine, ...] = ()
    ys: tuple[str, ...]
    xs: tuple[str, ...]
    legend: tuple[tuple[str, str], ...]
    """Class and words."""


class Axis(Struct, frozen=True):
    """The time axis: where it begins, how long a stretch is, and how many there are."""

    first: float
    length: float
    count: int

    def place(self, point: Point) -> int:
        """Return the number of a point's stretch."""
        return round((point.at - self.first) / self.length)

    def tell(self, number: int) -> str:
        """Say when a stretch is."""
        begin = self.first + number * self.length
        return f"{self._clock(begin)} to {self._clock(begin + self.length)}"

    def marks(self) -> tuple[str, ...]:
        """Return the beginning, the middle and the end."""
        return tuple(self._clock(self.first + part * self.count * self.length) for part in (0.0, 0.5, 1.0))

    def _clock(self, at: float) -> str:
        form = "%H:%M:%S" if self.length * self.count < 600 else "%H:%M" if self._is_short else "%m-%d %H:%M"  # noqa: PLR2004 - ten minutes
        return utc(at).strftime(form)

    @property
    def _is_short(self) -> bool:
        return self.length * self.count < _DAY


def make_axis(time_line: TimeLine) -> Axis | None:
    """Return the axis that all charts share; None where nothing was sent."""
    points = [point for kind in time_line.values() for point in kind]
    if not points:
        return None
    first, length = min(point.at for point in points), points[0].seconds
    return Axis(first, length, 1 + round((max(point.at for point in points) - first) / length))


def draw_records(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw records accepted a second, kind upon kind."""

    def tell(point: Point, kind: str) -> str:
        return f"{_count(point.accepted, 'record')} of {kind} accepted, {_count(point.items, 'item')}"

    layers = [(kind, kind, points, lambda point: point.accepted / point.seconds) for kind, points in time_line.items()]
    return _bars("Records accepted", "a second", axis, layers, tell, [(kind, kind) for kind in time_line])


def draw_requests(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw requests a stretch; those refused stand on the others."""

    def tell(point: Point, kind: str) -> str:
        refused = f", {point.refused:,} refused" if point.refused else ""
        return f"{_count(point.requests, 'request')} of {kind}{refused}"

    layers: list[_Layer] = [
        (kind, kind, points, lambda point: point.requests - point.refused) for kind, points in time_line.items()
    ]
    legend = [(kind, kind) for kind in time_line]
    if any(point.refused for points in time_line.values() for point in points):
        layers += [("refused", kind, points, lambda point: point.refused) for kind, points in time_line.items()]
        legend.append(("refused", "refused"))
    return _bars("Requests", f"in {_say_length(axis.length)}", axis, layers, tell, legend)


def draw_latency(time_line: TimeLine, axis: Axis) -> Chart:
    """Draw how long answers took: the mean and the slowest of each stretch."""
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
"""Class, kind, points, height of a bar."""


def _bars(
    title: str,
    unit: str,
    axis: Axis,
    layers: Sequence[_Layer],
    tell: Callable[[Point, str], str],
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
                stacked.append((style, f"{axis.tell(place)}: {tell(point, kind)}", place, below, value))
    top = nice_top(max(heights.values(), default=0.0))
    bars = tuple(
        ChartBar(
            x=place + _GAP,
            y=_y(below + value, top),
            width=1 - 2 * _GAP,
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
    """Return a round number not below `value`, above 0: what a scale ends with."""
    if value < _LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _NICE if step * power >= value), 10.0 * power)


def _steps(values: dict[int, float], top: float) -> Iterator[str]:
    """Move to the beginning of what is joined, and draw a level line over each stretch."""
    last = None
    for place in sorted(values):
        y = _y(values[place], top)
        yield f"{'L' if last == place - 1 else 'M'} {place} {y} L {place + 1} {y}"
        last = place


def _y(value: float, top: float) -> float:
    return _round(_HIGH - value / top * _HIGH)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _say_length(seconds: float) -> str:
    for size, name in ((_DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"a {name}" if count == 1 and name != "hour" else f"an {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds:g} s"


def _round(value: float) -> float:
    return round(value, 2)
