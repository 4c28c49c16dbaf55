import base64

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.sandbox import tokens

SECRET = b"secret"


def claims(token: str) -> dict[str, float]:
    payload = token.split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@given(st.floats(0, 4e9), st.integers(1, 100_000))
def test_a_token_expires_one_lifetime_after_it_was_issued(now, lifetime):
    """`exp - iat` is the lifetime in whole seconds; the token is valid until `exp`, and not from then on."""
    token = tokens.issue(SECRET, now, lifetime)
    said = claims(token)
    assert said["exp"] - said["iat"] == lifetime
    assert isinstance(said["exp"], int)
    assert said["iat"] <= now < said["iat"] + 1
    assert tokens.is_valid(SECRET, token, said["exp"] - 0.001)
    assert not tokens.is_valid(SECRET, token, said["exp"])


def test_a_token_names_its_account():
    """The id is the same as long as the store exists; another store is another account; the secret is not visible."""
    first, later = claims(tokens.issue(SECRET, 0, 100)), claims(tokens.issue(SECRET, 50, 10))
    other = claims(tokens.issue(b"another", 0, 100))
    assert first["account_id"] == later["account_id"] != other["account_id"]
    assert SECRET.hex() not in first["account_id"]


@given(st.data())
def test_a_changed_token_is_refused(data):
    """A token with any changed character is refused."""
    token = tokens.issue(SECRET, 0, 100)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(exclude_categories=()))  # lone surrogates as well: a header may hold any byte
    changed = token[:place] + other + token[place + 1 :]
    assert tokens.is_valid(SECRET, changed, 1) == (changed == token)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_checked_without_an_error(text):
    """A token is compared, never trusted: any other text is simply not valid."""
    assert not tokens.is_valid(SECRET, text, 0)


def test_another_secret_makes_another_token():
    """A token of one sandbox is refused by another."""
    assert not tokens.is_valid(b"another", tokens.issue(SECRET, 0, 100), 1)


def test_a_signed_payload_without_claims_is_refused():
    """A right signature alone does not make a token."""
    signed = b"x." + base64.urlsafe_b64encode(b"[]").rstrip(b"=")
    assert not tokens.is_valid(SECRET, (signed + b"." + tokens._signature(SECRET, signed)).decode(), 0)


def test_keys_are_compared_as_a_whole():
    """Keys are compared as a whole, with any characters that a header may hold."""
    assert tokens.same_key("abc", "abc")
    assert not tokens.same_key("ab", "abc")
    assert not tokens.same_key("\udcff", "abc")
    assert not tokens.same_key("\ud800", "abc")
