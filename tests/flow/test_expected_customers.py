"""Which customers would arrive, which would not, and which are in no line of the export."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.sort_lines import Absence
from masivo_stream.flow.dry_run.expected_customers import ExpectedCustomers
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Rejected, Skipped

IDS = st.sampled_from([f"c{number}" for number in range(12)])


def dead_letter(customer, reason=Reason.MISSING_FIELD):
    return Rejected(
        file="f", line=1, offset=0, length=2, reason=reason, field="", message="", raw=b"{}", customer=customer
    )


def deleted(customer):
    return Skipped(file="f", line=1, offset=0, reason=SkipReason.DELETED_CUSTOMER, items=1, customer=customer)


@given(results=st.lists(st.tuples(st.sampled_from(["good", "dead", "deleted"]), IDS)), asked=IDS)
def test_one_good_record_is_enough_to_arrive(results, asked):
    """In any order.

    Otherwise a dead letter can be corrected, a deleted one cannot, and without a line it is unlisted.
    """
    expected = ExpectedCustomers(remember=100)
    for result, customer in results:
        match result:
            case "good":
                expected.send([customer])
            case "dead":
                expected.to_dead_letter([dead_letter(customer)])
            case "deleted":
                expected.skip([deleted(customer)])
    expected.close(complete=True)
    own = {result for result, customer in results if customer == asked}
    why = None if "good" in own else Absence.DEAD if "dead" in own else Absence.GONE if own else None
    assert expected.why(asked) is why
    assert expected.unlisted([asked, asked]) == ([] if own else [0, 1])


def test_a_duplicate_proves_nothing_against_its_customer():
    """Nor does a dead letter without a customer."""
    expected = ExpectedCustomers(remember=100)
    expected.to_dead_letter([dead_letter("c1", Reason.DUPLICATE_ID), dead_letter(None)])
    expected.close(complete=True)
    assert expected.why("c1") is None


def test_no_customer_is_unlisted_unless_all_are_known():
    """An export read in part, or more customers than are remembered."""
    partly, many = ExpectedCustomers(remember=100), ExpectedCustomers(remember=1)
    partly.close(complete=False)
    many.send(["c1", "c2"])
    many.send(["c3"])
    many.to_dead_letter([dead_letter("c4")])
    many.close(complete=True)
    assert partly.unlisted(["c1"]) == []
    assert many.unlisted(["c9"]) == []
    assert many.why("c4") is Absence.DEAD
    assert many.why("c1") is None
