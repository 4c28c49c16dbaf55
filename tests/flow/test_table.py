"""A census knows exactly who was enlisted, and what was noted of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.customers.table import CustomerTable

ids = st.text(max_size=20)


def enlisted(customers, salt=b"salt"):
    census = CustomerTable(salt)
    for customer in customers:
        census.enlist(customer)
    census.close()
    return census


@given(st.lists(ids), st.sets(ids), st.binary(min_size=16, max_size=16))
def test_exactly_who_was_enlisted_is_there(customers, others, salt):
    """Once, however often they came."""
    census = enlisted(customers, salt)
    assert len(census) == len(set(customers)) == census.count(0)
    assert all(customer in census for customer in customers)
    assert not any(customer in census for customer in others - set(customers))


@given(st.dictionaries(ids, st.integers(0, 3)))
def test_what_is_noted_of_each_is_kept(known):
    """For each their own; of who was not enlisted nothing is known."""
    census = enlisted(known)
    for customer, found in known.items():
        census[customer] = found
    assert {customer: census[customer] for customer in known} == known
    assert [census.count(found) for found in range(4)] == [list(known.values()).count(found) for found in range(4)]
    census.turn(1, 2)
    assert all(census[customer] == (2 if found == 1 else found) for customer, found in known.items())
    assert census["somebody else, of more than twenty characters"] == 0


def test_nothing_is_noted_of_who_was_not_enlisted():
    """That would be a bug."""
    with pytest.raises(KeyError):
        enlisted(["a"])["b"] = 1
