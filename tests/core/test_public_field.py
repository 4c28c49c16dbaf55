"""Paths of fields: only the API's own names leave the dead-letter file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.redact import public_field


@pytest.mark.parametrize(
    "path", ["id", "email", "events[3].order.products[12].value", "transactions[0].type", "events"]
)
def test_the_apis_names_are_shown(path):
    """As they are."""
    assert public_field(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "maria@example.com",
        "events[3].maria",
        "events[3].order.metadata.maria_lopez",
        "<script>",
        "email\n",
        "email.",
        "events[12345678]",
        "customers 17 email",
    ],
)
def test_foreign_names_are_not_shown(path):
    """Names of foreign fields may be anything."""
    assert public_field(path) == ""


@given(st.text())
def test_any_text_is_shown_whole_or_not_at_all(text):
    """It is shown whole, or not at all."""
    assert public_field(text) in {"", text}
