from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain, oddities


@given(st.text(max_size=300))
def test_a_plain_id_is_sent_unescaped(customer):
    """Nothing of it is escaped, and nothing about it is odd; all others have an oddity."""
    assert is_plain(customer) == (not oddities(customer))
    if is_plain(customer):
        assert quote(customer, safe="") == customer


@pytest.mark.parametrize(
    ("customer", "odd"),
    [
        ("a/b", {"/"}),
        ("a b/c", {" ", "/"}),
        ("ñ-日", {"not ASCII"}),
        ("a\n", {"control"}),
        ("{}", {"{", "}"}),
        ("%2F", {"%"}),
        (".", {"reserved"}),
        ("..", {"reserved"}),
        ("", {"reserved"}),
        ("migrate", {"reserved"}),
        ("x" * 201, {"long"}),
        ("c-1.2_3~4", set()),
        ("...", set()),
    ],
)
def test_the_oddity_of_an_id_is_named(customer, odd):
    """Named by kind, so that one that was read back speaks for its like."""
    assert oddities(customer) == odd
    assert (customer in UNREADABLE_IDS) == (customer in {"", ".", ".."})
