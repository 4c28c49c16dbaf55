"""Customers that did not arrive are known by salted hashes."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.missing import MissingCustomers, hash_customer

ids = st.text(max_size=20)


@given(st.sets(ids), st.sets(ids), st.binary(min_size=16, max_size=16))
def test_exactly_the_missing_customers_are_known(missing, others, salt):
    """Each missing customer is known, and no other one."""
    known = MissingCustomers(sorted(hash_customer(customer, salt) for customer in missing), salt)
    assert all(customer in known for customer in missing)
    assert not any(customer in known for customer in others - missing)


def test_a_hash_does_not_identify_a_customer():
    """Under another salt the same customer has another hash. Both fit SQLite's integers."""
    one, other = hash_customer("c-1", b"a" * 16), hash_customer("c-1", b"b" * 16)
    assert one != other
    assert all(-(2**63) <= found < 2**63 for found in (one, other))


def test_no_customer_is_missing_at_the_start():
    """Without hashes no customer is missing."""
    assert "c-1" not in MissingCustomers()
