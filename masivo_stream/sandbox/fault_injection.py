"""Decide which faults a request gets, and combine them.

No I/O. Chance comes from a `random.Random`, so the same seed gives the same faults. Each fault counts the requests that
match it. The faults are drawn in the order in which they were given.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

from masivo_stream.sandbox.fault_bodies import BodyCompression
from masivo_stream.sandbox.fault_types import (
    BadToken,
    Behaviour,
    CallTarget,
    CutPoint,
    Delay,
    DelayPlace,
    Drip,
    Empty,
    Fault,
    Firewall,
    Garbage,
    Hang,
    Html,
    Late,
    LateDuplicate,
    Lose,
    Multistatus,
    NoSlash,
    Pack,
    Partial,
    Redirect,
    Reset,
    Shape,
    Spoil,
    StatusFault,
    Vague,
)

Ending = StatusFault | Reset | Hang | Drip | Garbage | Html | Redirect | Empty
"""Behaviours that decide how an exchange ends; of several, the first one given counts."""


class ArrivalFaults(Struct, frozen=True, kw_only=True):
    """What happens to a request before it is read."""

    delay: float = 0.0
    cut: bool = False


class ExchangeFaults(Struct, frozen=True, kw_only=True):
    """What happens to a request that passed token and limits."""

    applies: bool = True
    late: float = 0.0
    """Seconds by which its effect is later than usual."""
    lost: int = 0
    """The number of customers, from the first, whose entries take no effect."""
    spoilt: int = 0
    """The number of customers, from the first, whose amounts are off by one."""
    vague: bool = False
    shape: Shape | None = None
    """How a refusal is written."""
    refused: int | None = None
    """The number of customers, from the first, whom a 207 refuses; None for no 207."""
    packings: tuple[BodyCompression, ...] = ()
    no_slash: NoSlash | None = None
    firewalls: tuple[Firewall, ...] = ()
    partial: bool = False
    late_duplicate: bool = False
    bad_token: bool = False
    ending: Ending | None = None
    delay: float = 0.0
    """Seconds between effect and answer."""


@dataclass
class _Count:
    matching: int = 0
    hits: int = 0


class FaultInjector:
    """All faults of one sandbox, and how often each one was injected."""

    def __init__(self, faults: Iterable[Fault], chance: random.Random) -> None:
        self._faults = [(fault, _Count()) for fault in faults]
        self._chance = chance

    def draw_on_arrival(self, target: CallTarget) -> ArrivalFaults:
        """Draw the faults of a request to `target` when it arrives."""
        delay, cut = 0.0, False
        for behaviour in self._draw(target, early=True):
            match behaviour:
                case Delay():
                    delay += self._seconds(behaviour)
                case _:
                    cut = True
        return ArrivalFaults(delay=delay, cut=cut)

    def draw_for_exchange(self, target: CallTarget) -> ExchangeFaults:
        """Draw the faults of a request to `target` that passed token and limits."""
        hits = self._draw(target, early=False)
        ending = next((hit for hit in hits if isinstance(hit, Ending)), None)
        return ExchangeFaults(
            applies=_applies(ending),
            late=sum(hit.seconds for hit in hits if isinstance(hit, Late)),
            lost=sum(hit.entries for hit in hits if isinstance(hit, Lose)),
            spoilt=sum(hit.entries for hit in hits if isinstance(hit, Spoil)),
            vague=any(isinstance(hit, Vague) for hit in hits),
            shape=next((hit for hit in hits if isinstance(hit, Shape)), None),
            refused=next((hit.entries for hit in hits if isinstance(hit, Multistatus)), None),
            packings=tuple(hit.packing for hit in hits if isinstance(hit, Pack)),
            firewalls=tuple(hit for hit in hits if isinstance(hit, Firewall)),
            no_slash=next((hit for hit in hits if isinstance(hit, NoSlash)), None),
            partial=any(isinstance(hit, Partial) for hit in hits),
            late_duplicate=any(isinstance(hit, LateDuplicate) for hit in hits),
            bad_token=any(isinstance(hit, BadToken) for hit in hits),
            ending=ending,
            delay=sum(self._seconds(hit) for hit in hits if isinstance(hit, Delay)),
        )

    def _draw(self, target: CallTarget, *, early: bool) -> list[Behaviour]:
        return [
            fault.behaviour
            for fault, count in self._faults
            if target in fault.on and _is_early(fault.behaviour) == early and self._hits(fault, count)
        ]

    def _hits(self, fault: Fault, count: _Count) -> bool:
        count.matching += 1
        if fault.at is not None and count.matching != fault.at:
            return False
        if fault.times is not None and count.hits >= fault.times:
            return False
        if fault.rate < 1 and self._chance.random() >= fault.rate:
            return False
        count.hits += 1
        return True

    def _seconds(self, delay: Delay) -> float:
        return delay.seconds + (self._chance.uniform(0, delay.jitter) if delay.jitter else 0.0)


def _is_early(behaviour: Behaviour) -> bool:
    match behaviour:
        case Delay(where=DelayPlace.ARRIVAL) | Reset(when=CutPoint.BEFORE):
            return True
        case _:
            return False


def _applies(ending: Ending | None) -> bool:
    match ending:
        case StatusFault(applied=applied) | Hang(applied=applied) | Garbage(applied=applied):
            return applied
        case Html(applied=applied) | Redirect(applied=applied):
            return applied
        case _:  # the others change only the answer
            return True
