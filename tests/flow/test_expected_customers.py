"""The roster: who would arrive, who would not, and who is in no line of the export."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.sort_lines import Absence
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Rejected, Skipped

IDS = st.sampled_from([f"c{number}" for number in range(12)])


def letter(customer, reason=Reason.MISSING_FIELD):
    return Rejected(
        file="f", line=1, offset=0, length=2, reason=reason, field="", message="", raw=b"{}", customer=customer
    )


def deleted(customer):
    return Skipped(file="f", line=1, offset=0, reason=SkipReason.DELETED_CUSTOMER, items=1, customer=customer)


@given(fates=st.lists(st.tuples(st.sampled_from(["good", "dead", "deleted"]), IDS)), asked=IDS)
def test_one_good_record_is_enough_to_arrive(fates, asked):
    """In whatever order; else a dead one may be mended, a deleted one may not, and with no record one is a stranger."""
    roster = ExpectedCustomers(remember=100)
    for fate, customer in fates:
        match fate:
            case "good":
                roster.send([customer])
            case "dead":
                roster.to_dead_letter([letter(customer)])
            case "deleted":
                roster.skip([deleted(customer)])
    roster.close(complete=True)
    own = {fate for fate, customer in fates if customer == asked}
    why = None if "good" in own else Absence.DEAD if "dead" in own else Absence.GONE if own else None
    assert roster.why(asked) is why
    assert roster.is_migrated_elsewhere(asked) == (not own)
    assert roster.objects_to(asked) == ("good" not in own)


def test_a_repeat_says_nothing_against_its_customer():
    """Nor does a letter without a customer say anything about anybody."""
    roster = ExpectedCustomers(remember=100)
    roster.to_dead_letter([letter("c1", Reason.DUPLICATE_ID), letter(None)])
    roster.close(complete=True)
    assert roster.why("c1") is None


def test_nobody_is_a_stranger_where_not_everybody_is_known():
    """An export read in part, or more customers than are remembered."""
    partly, many = ExpectedCustomers(remember=100), ExpectedCustomers(remember=1)
    partly.close(complete=False)
    many.send(["c1", "c2"])
    many.send(["c3"])
    many.to_dead_letter([letter("c4")])
    many.close(complete=True)
    assert not partly.is_migrated_elsewhere("c1")
    assert not many.is_migrated_elsewhere("c9")
    assert many.why("c4") is Absence.DEAD
    assert many.why("c1") is None
