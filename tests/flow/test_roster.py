"""The roster: who would arrive, who would not, and who is in no line of the export."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.roster import Roster
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Rejected

IDS = st.sampled_from([f"c{number}" for number in range(12)])


def letter(customer, reason=Reason.MISSING_FIELD):
    return Rejected(
        file="f", line=1, offset=0, length=2, reason=reason, field="", message="", raw=b"{}", customer=customer
    )


@given(fates=st.lists(st.tuples(st.booleans(), IDS)), asked=IDS)
def test_one_good_record_is_enough_to_arrive(fates, asked):
    """In whatever order; who has dead letters only does not arrive, and with no good record one is a stranger."""
    roster = Roster(remember=100)
    for good, customer in fates:
        if good:
            roster.send([customer])
        else:
            roster.bury([letter(customer)])
    roster.close(complete=True)
    assert roster.lacks(asked) == ((False, asked) in fates and (True, asked) not in fates)
    assert roster.is_stranger(asked) == ((True, asked) not in fates)


def test_a_repeat_says_nothing_against_its_customer():
    """Nor does a letter without a customer say anything about anybody."""
    roster = Roster(remember=100)
    roster.bury([letter("c1", Reason.DUPLICATE_ID), letter(None)])
    roster.close(complete=True)
    assert not roster.lacks("c1")


def test_nobody_is_a_stranger_where_not_everybody_is_known():
    """An export read in part, or more customers than are remembered."""
    partly, many = Roster(remember=100), Roster(remember=1)
    partly.close(complete=False)
    many.send(["c1", "c2"])
    many.send(["c3"])
    many.bury([letter("c4")])
    many.close(complete=True)
    assert not partly.is_stranger("c1")
    assert not many.is_stranger("c9")
    assert many.lacks("c4")
    assert not many.lacks("c1")
