"""A server that enforces rate windows on arrivals, and a road to it that takes its time."""

import heapq
from collections.abc import Callable, Iterable

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.model.window import Window


def travel(
    pacer: Pacer, *, forth: Callable[[], float], back: Callable[[], float], requests: int, uploaders: int
) -> tuple[list[float], list[float]]:
    """Send as many requests as the pacer allows; return when they departed and when they arrived, in seconds."""
    now, under_way, departed, arrived = 0.0, [], [], []
    while len(departed) < requests:
        while under_way and under_way[0][0] <= now:
            answered, ticket = heapq.heappop(under_way)
            pacer.arrived(ticket, answered)
        wait = pacer.reserve(now)
        if len(under_way) >= uploaders:
            now = under_way[0][0]
        elif wait > 0:
            now = min(now + wait, under_way[0][0]) if under_way else now + wait
        else:
            ticket, there = pacer.depart(now), now + forth()
            departed.append(now)
            arrived.append(there)
            heapq.heappush(under_way, (there + back(), ticket))
    return departed, arrived


def refusals(windows: Iterable[Window], arrivals: Iterable[float]) -> int:
    """Count the arrivals a server with these windows refuses; a refused one uses no slot."""
    accepted: list[float] = []
    refused = 0
    for arrival in sorted(arrivals):
        full = [
            window
            for window in windows
            if len(accepted) >= window.limit and arrival - accepted[-window.limit] < window.seconds - 1e-9
        ]
        if full:
            refused += 1
        else:
            accepted.append(arrival)
    return refused
