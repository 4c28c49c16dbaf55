"""A census knows exactly who was enlisted, and what was noted of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.customers.table import CustomerTable

ids = st.text(max_size=20)


def enlisted(customers, salt=b"salt"):
    table = CustomerTable(salt)
    for customer in customers:
        table.add(customer)
    table.close()
    return table


@given(st.lists(ids), st.sets(ids), st.binary(min_size=16, max_size=16))
def test_exactly_who_was_enlisted_is_there(customers, others, salt):
    """Once, however often they came."""
    table = enlisted(customers, salt)
    assert len(table) == len(set(customers)) == table.count(0)
    assert all(customer in table for customer in customers)
    assert not any(customer in table for customer in others - set(customers))


@given(st.dictionaries(ids, st.integers(0, 3)))
def test_what_is_noted_of_each_is_kept(known):
    """For each their own; of who was not enlisted nothing is known."""
    table = enlisted(known)
    for customer, found in known.items():
        table[customer] = found
    assert {customer: table[customer] for customer in known} == known
    assert [table.count(found) for found in range(4)] == [list(known.values()).count(found) for found in range(4)]
    table.replace(1, 2)
    assert all(table[customer] == (2 if found == 1 else found) for customer, found in known.items())
    assert table["somebody else, of more than twenty characters"] == 0


def test_nothing_is_noted_of_who_was_not_enlisted():
    """That would be a bug."""
    with pytest.raises(KeyError):
        enlisted(["a"])["b"] = 1
