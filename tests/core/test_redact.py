"""What looks like a secret or an address does not get into what is written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.redact import MASK, is_secret, mask

LETTERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=8, max_size=40)


@given(
    LETTERS,
    st.sampled_from(["Bearer {}", "x-api-key: {}", '"api_key": "{}"', "http://u:{}@proxy:8080", "{}@a.example"]),
)
def test_secrets_are_masked_anywhere_in_a_text(secret, form):
    """In a sentence, a header, a URL, an address."""
    shown = mask(f"the server says: {form.format(secret)}, and no more")
    assert secret not in shown
    assert MASK in shown
    assert shown.startswith("the server says: ")
    assert shown.endswith("and no more")


@given(LETTERS, LETTERS, LETTERS)
def test_tokens_are_recognised_by_their_form(head, body, signature):
    """A JSON Web Token without a word before it."""
    assert mask(f"a eyJ{head}.{body}.{signature} b") == f"a {MASK} b"


@pytest.mark.parametrize(
    "text",
    [
        "exports/events-2024-01.ndjson",
        "refused (422)",
        "customers: batch 3f2a9b: connection refused",
        "https://app.masivo.ai/api/storefront/v1",
        "2026-01-31T00:00:00Z",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_ordinary_words_are_not_masked(text):
    """A log must not mask what a person looks for."""
    assert mask(text) == text


@given(st.text(max_size=300))
def test_masking_any_text_twice_is_masking_it_once(text):
    """And masking twice is masking once."""
    assert mask(mask(text)) == mask(text)


def test_long_lines_are_masked_quickly():
    """No text of a server makes it search for ever."""
    for text in ("a" * 100_000, "a@" * 50_000, "bearer " * 20_000, "eyJ" * 30_000, "://" * 30_000):
        mask(text)


def test_secret_fields_are_recognised_by_their_names():
    """However they are spelled."""
    assert all(map(is_secret, ["Authorization", "x-api-key", "api_key", "token"]))
    assert not any(map(is_secret, ["kind", "batch", "key"]))
