"""The time line: what requests achieved, stretch by stretch, in a bounded number of stretches, however long the run is.

Stretches are equally long and follow one another without gaps from the start of the run. When there are too many, each
two neighbours become one, twice as long: sums do not change.
"""

from itertools import zip_longest

from msgspec import Struct

from masivo_stream.model.snapshot import Point

MOST = 240
"""The most stretches: a pixel or two each on any screen."""

FIRST = 1.0
"""Seconds per stretch at first."""


class Sent(Struct, frozen=True, kw_only=True):
    """What one request achieved."""

    requests: int = 1
    accepted: int = 0
    items: int = 0
    bytes_sent: int = 0
    refused: int = 0
    throttled: int = 0
    latency: float | None = None
    """Seconds from departure to answer; None without an answer."""


class _Stretch(Struct):
    requests: int = 0
    accepted: int = 0
    items: int = 0
    bytes_sent: int = 0
    refused: int = 0
    throttled: int = 0
    answers: int = 0
    latencies: float = 0.0
    slowest: float = 0.0


class TimeLine:
    """Add what happens; ask for the points."""

    def __init__(self, began: float) -> None:
        """Begin at a moment, in seconds."""
        self._began = began
        self._seconds = FIRST
        self._stretches: list[_Stretch] = []

    def add(self, at: float, sent: Sent) -> None:
        """Count a request. A moment before the start (a wall clock that was set back) counts as the start."""
        stretch = self._stretch(max(0.0, at - self._began))
        stretch.requests += sent.requests
        stretch.accepted += sent.accepted
        stretch.items += sent.items
        stretch.bytes_sent += sent.bytes_sent
        stretch.refused += sent.refused
        stretch.throttled += sent.throttled
        if sent.latency is not None:
            stretch.answers += 1
            stretch.latencies += sent.latency
            stretch.slowest = max(stretch.slowest, sent.latency)

    def _stretch(self, after: float) -> _Stretch:
        while after >= MOST * self._seconds:
            self._halve()
        place = int(after / self._seconds)
        while len(self._stretches) <= place:
            self._stretches.append(_Stretch())
        return self._stretches[place]

    def _halve(self) -> None:
        evens, odds = self._stretches[::2], self._stretches[1::2]
        self._stretches = [_join(*pair) for pair in zip_longest(evens, odds, fillvalue=_Stretch())]
        self._seconds *= 2

    def points(self, shift: float = 0.0) -> tuple[Point, ...]:
        """Return the stretches, oldest first, up to the last that is not empty; moments are moved by `shift`."""
        return tuple(
            Point(
                at=self._began + shift + place * self._seconds,
                seconds=self._seconds,
                requests=stretch.requests,
                accepted=stretch.accepted,
                items=stretch.items,
                bytes_sent=stretch.bytes_sent,
                refused=stretch.refused,
                throttled=stretch.throttled,
                latency=stretch.latencies / stretch.answers if stretch.answers else None,
                slowest=stretch.slowest if stretch.answers else None,
            )
            for place, stretch in enumerate(self._stretches)
        )


def _join(one: _Stretch, other: _Stretch) -> _Stretch:
    return _Stretch(
        requests=one.requests + other.requests,
        accepted=one.accepted + other.accepted,
        items=one.items + other.items,
        bytes_sent=one.bytes_sent + other.bytes_sent,
        refused=one.refused + other.refused,
        throttled=one.throttled + other.throttled,
        answers=one.answers + other.answers,
        latencies=one.latencies + other.latencies,
        slowest=max(one.slowest, other.slowest),
    )


MOST_STRETCHES = 120

_DAY = 86_400
_LENGTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)


def cut(begin: float, end: float) -> tuple[float, float]:
    """Return where the first stretch begins and how long each is; moments in seconds, `end` not before `begin`.

    At most `MOST_STRETCHES` of them hold every moment from `begin` to `end`. They begin at whole multiples of their
    length, as clocks are read.
    """
    for length in _LENGTHS:
        first = begin // length * length
        if (end - first) // length < MOST_STRETCHES:
            return first, float(length)
    days = 1 + int((end - begin) // (_DAY * (MOST_STRETCHES - 1)))
    return begin // (_DAY * days) * (_DAY * days), float(_DAY * days)
