import random

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.sandbox import parse_faults
from masivo_stream.sandbox.fault_injection import ArrivalFaults, ExchangeFaults, FaultInjector
from masivo_stream.sandbox.fault_types import CallTarget, StatusFault


def injector(*specs: str, seed: int = 0) -> FaultInjector:
    return FaultInjector(parse_faults(specs), random.Random(seed))


def endings(machine: FaultInjector, target: CallTarget, n: int) -> list[bool]:
    return [machine.draw_for_exchange(target).ending is not None for _ in range(n)]


def test_a_sandbox_without_faults_answers_normally():
    """Without faults nothing happens."""
    assert injector().draw_for_exchange(CallTarget.EVENTS) == ExchangeFaults()
    assert injector().draw_on_arrival(CallTarget.EVENTS) == ArrivalFaults()


def test_times_limits_the_number_of_hits():
    """`times=N` applies to the first N matching requests only."""
    assert endings(injector("status=503,times=2"), CallTarget.EVENTS, 4) == [True, True, False, False]


def test_at_picks_one_matching_request():
    """`at=K` applies to the K-th matching request; other requests do not count."""
    machine = injector("status=503,at=2,on=events")
    assert endings(machine, CallTarget.CUSTOMERS, 3) == [False] * 3
    assert endings(machine, CallTarget.EVENTS, 3) == [False, True, False]


@given(st.integers(), st.floats(0, 1))
def test_one_seed_gives_the_same_faults(seed, rate):
    """The same seed gives the same requests a fault."""
    spec = f"status=503,rate={rate:f}"
    assert endings(injector(spec, seed=seed), CallTarget.EVENTS, 50) == endings(
        injector(spec, seed=seed), CallTarget.EVENTS, 50
    )


def test_rate_is_the_share_of_requests_struck():
    """`rate=0.1` applies to about one request in ten, 0 to none, 1 to all."""
    assert 50 < sum(endings(injector("status=503,rate=0.1"), CallTarget.EVENTS, 1000)) < 150
    assert sum(endings(injector("status=503,rate=0"), CallTarget.EVENTS, 1000)) == 0
    assert sum(endings(injector("status=503,rate=1"), CallTarget.EVENTS, 1000)) == 1000


def test_the_first_ending_wins():
    """Of two faults that end an exchange, the first one given counts."""
    assert injector("status=503", "status=500").draw_for_exchange(CallTarget.EVENTS).ending == StatusFault(code=503)


def test_faults_of_different_types_add_up():
    """A late, vague answer that never comes."""
    course = injector("late=5", "late=3", "vague", "delay=1,where=answer", "hang=2,applied=yes").draw_for_exchange(
        CallTarget.EVENTS
    )
    assert (course.late, course.vague, course.delay, course.applies) == (8.0, True, 1.0, True)


def test_faults_on_arrival_are_drawn_separately():
    """Delays on arrival and early resets are drawn on arrival, all other faults later."""
    machine = injector("delay=1,jitter=1", "reset,when=before,at=2")
    first, second = machine.draw_on_arrival(CallTarget.EVENTS), machine.draw_on_arrival(CallTarget.EVENTS)
    assert 1 <= first.delay < 2
    assert (first.cut, second.cut) == (False, True)
    assert machine.draw_for_exchange(CallTarget.EVENTS) == ExchangeFaults()
