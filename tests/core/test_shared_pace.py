"""Slots of an account that several runs use: they take turns, so the last request of one of them is known."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.pacing.shared_pace import slots_until_done
from masivo_stream.model.contract import Kind

C, E, T = Kind
REQUESTS = st.integers(1, 60)
LEFT = st.lists(REQUESTS, min_size=1, max_size=3).map(lambda numbers: list(zip(Kind, numbers, strict=False)))
OTHERS = st.lists(LEFT.map(dict), max_size=4)


def taking_turns(own, others, *, place):
    """Let runs take turns, this one at a place among them; return how many slots have left when it is done."""
    runs = [*others[:place], own, *others[place:]]
    slots = 0
    while True:
        for number, left in enumerate(runs):
            if left:
                runs[number] -= 1
                slots += 1
                if number == place and not runs[place]:
                    return slots


@given(left=LEFT, others=OTHERS, data=st.data())
def test_the_last_request_leaves_when_it_is_said(left, others, data):
    """To the slot, but for the turn of each other run in the last round."""
    place = data.draw(st.integers(0, len(others)))
    own = sum(number for _, number in left)
    truth = taking_turns(own, [sum(other.values()) for other in others], place=place)
    said = sum(number for _, number in slots_until_done(left, others, by_kind=False))
    assert truth <= said <= truth + len(others)


@given(left=LEFT, others=OTHERS)
def test_windows_of_one_kind_are_not_used_by_another(left, others):
    """Other runs at other kinds change nothing; at most all of them are at the same one."""
    found = slots_until_done(left, others, by_kind=True)
    together = slots_until_done(left, others, by_kind=False)
    own = sum(number for _, number in left)
    assert own <= sum(number for _, number in found) <= sum(number for _, number in together) + len(left)
    ahead = [{T: None}] * len(others)
    assert slots_until_done(left[:2], ahead, by_kind=True) == left[:2]
    assert slots_until_done(left, [{}, *others], by_kind=True) == found


def test_a_run_of_which_nothing_is_known_always_has_more():
    """Also if only one of its kinds is not known."""
    assert slots_until_done([(C, 10), (E, 5)], [{C: 1, E: None}], by_kind=False) == [(C, 20), (E, 10)]
    assert slots_until_done([(C, 10)], [{C: None}, {}], by_kind=False) == [(C, 20)]
    assert slots_until_done([(C, 10), (E, 5)], [{C: 1, E: None}], by_kind=True) == [(C, 11), (E, 10)]
    assert slots_until_done([(C, 10), (E, 5)], [{C: 10, E: 2}], by_kind=True) == [(C, 20), (E, 7)]
    assert slots_until_done([(E, 5)], [{C: 100, E: 5}], by_kind=True) == [(E, 5)]
    assert slots_until_done([], [{C: 1}], by_kind=False) == []
    assert slots_until_done([(C, 0)], [{C: 1}], by_kind=False) == []
