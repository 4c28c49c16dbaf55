"""A table knows exactly which customers were added, and what was noted about each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.customers import CustomerTable

ids = st.text(max_size=20)


def table_of(customers, salt=b"salt"):
    table = CustomerTable(salt)
    for customer in customers:
        table.add(customer)
    table.close()
    return table


@given(st.lists(ids), st.sets(ids), st.binary(min_size=16, max_size=16))
def test_exactly_the_added_customers_are_there(customers, others, salt):
    """Once, however often they were added."""
    table = table_of(customers, salt)
    assert len(table) == len(set(customers)) == table.count(0)
    assert all(customer in table for customer in customers)
    assert not any(customer in table for customer in others - set(customers))


@given(st.dictionaries(ids, st.integers(0, 3)))
def test_notes_about_each_customer_are_kept(known):
    """Each has its own; nothing is known about a customer who was not added."""
    table = table_of(known)
    for customer, found in known.items():
        table[customer] = found
    assert {customer: table[customer] for customer in known} == known
    assert [table.count(found) for found in range(4)] == [list(known.values()).count(found) for found in range(4)]
    table.replace(1, 2)
    assert all(table[customer] == (2 if found == 1 else found) for customer, found in known.items())
    assert table["another one, of more than twenty characters"] == 0


def test_nothing_can_be_noted_about_a_customer_who_was_not_added():
    """That would be a bug."""
    with pytest.raises(KeyError):
        table_of(["a"])["b"] = 1
