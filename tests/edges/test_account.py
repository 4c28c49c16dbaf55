import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.secret import identify, name_quota, name_receiver, origin_of, subject_of
from masivo_stream.model.account import note, unify_origin

URL = "https://example.test/v1"
KEY = "9d7e3d8f-0000-4000-8000-6d617369766f"


def token(**claims):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({}, claims)]
    return ".".join([*parts, "signature"])


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://app.example.test/api/v1", "https://app.example.test"),
        ("https://app.example.test/api/v1/", "https://app.example.test"),
        ("HTTPS://APP.Example.TEST", "https://app.example.test"),
        ("https://app.example.test:443/x", "https://app.example.test"),
        ("https://app.example.test:0443/x", "https://app.example.test"),
        ("https://app.example.test:/x", "https://app.example.test"),
        ("https://app.example.test./x", "https://app.example.test"),
        ("https://app.example.test:80/x", "https://app.example.test:80"),
        ("http://app.example.test:80/x", "http://app.example.test"),
        ("https://user:secret@app.example.test/x", "https://app.example.test"),
        ("http://127.0.0.1:8080/x?y#z", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("http://[0:0:0:0:0:0:0:1]:8080/x", "http://[::1]:8080"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, origin):
    """However they are spelt, and whatever is around them."""
    assert origin_of(url) == origin


def test_accounts_differ_by_origin_and_owner():
    """A fresh token is the same account; another key, subject, host, port or header is another one."""
    first = identify(URL, api_key=None, token=token(sub="a", iat=1, exp=2, jti="x"))
    assert first == identify("https://Example.test:443/", api_key=None, token=token(sub="a", iat=5, exp=6, jti="y"))
    others = [
        identify(URL, api_key=None, token=token(sub="b", iat=1, exp=2)),
        identify("https://example.test:444/v1", api_key=None, token=token(sub="a", iat=1, exp=2)),
        identify("http://example.test/v1", api_key=None, token=token(sub="a", iat=1, exp=2)),
        identify("https://api.example.test/v1", api_key=None, token=token(sub="a", iat=1, exp=2)),
        identify(URL, api_key=KEY, token=None),
        identify(URL, api_key=KEY[:-1] + "e", token=None),
        identify(URL, api_key=KEY, token=None, headers={"X-Account-Id": "1"}),
        identify(URL, api_key=KEY, token=None, headers={"x-account-id": "2"}),
        identify(URL, api_key=None, token="no.jwt.at-all"),
        identify(URL, api_key=None, token=token(iat=1)),
        identify(URL, api_key=None, token="\ud800.\udfff.x"),
    ]
    found = [first, *others]
    assert len({name_quota(account) for account in found}) == 12
    for one, other in itertools.combinations(found, 2):
        assert not note(one, "").is_for(other)


LOOPBACK = ["http://localhost:8080/v1", "http://127.0.0.1:8080/v1", "http://[::1]:8080/v1", "http://LOCALHOST.:8080"]


@pytest.mark.parametrize("secret", [{"api_key": KEY, "token": None}, {"api_key": None, "token": token(sub="a")}])
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(LOOPBACK, 2)))
def test_names_of_this_machine_are_one_account(one, other, secret):
    """In its journal, in its quota, and in what it has got; it is shown as it was spelt last."""
    first, second = (identify(url, **secret) for url in (one, other))
    assert note(first, "").is_for(second)
    assert note(second, "").is_for(first)
    assert name_quota(first) == name_quota(second)
    assert name_receiver(first.origin, first.owner) == name_receiver(second.origin, second.owner)
    assert note(first, "").with_names_of(second).origin == origin_of(other)


def test_a_token_may_prove_a_key_under_another_name_of_this_machine():
    """As under the same name."""
    ready = note(identify(LOOPBACK[0], api_key=None, token=token(sub="a")), "")
    assert ready.may_be_for(identify(LOOPBACK[2], api_key=KEY, token=None))
    assert not ready.may_be_for(identify(URL, api_key=KEY, token=None))


@pytest.mark.parametrize(
    ("url", "unified"),
    [
        ("http://localhost", "http://127.0.0.1"),
        ("https://localhost:8443", "https://127.0.0.1:8443"),
        ("http://[::1]:1", "http://127.0.0.1:1"),
        ("http://127.0.0.2:8080", "http://127.0.0.2:8080"),
        ("http://localhost.example.test:8080", "http://localhost.example.test:8080"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://app.example.test", "https://app.example.test"),
    ],
)
def test_only_loopback_has_several_names(url, unified):
    """Another scheme or port is another account; another loopback address may be another server."""
    assert unify_origin(origin_of(url)) == unified


def test_headers_that_choose_no_account_do_not_count():
    """A trace id may change with every start."""
    plain = identify(URL, api_key=KEY, token=None)
    assert identify(URL, api_key=KEY, token=None, headers={"x-trace": "1"}) == plain


def test_no_secret_can_be_seen():
    """Neither in an account nor in what a journal notes of it."""
    for account in (identify(URL, api_key=KEY, token=None), identify(URL, api_key=None, token=token(sub="ana@x.test"))):
        shown = f"{account!r} {account} {note(account, '')!r}"
        assert KEY not in shown
        assert "ana@x.test" not in shown


def test_a_key_and_a_token_of_one_subject_are_one_account():
    """As soon as a token that was got with the key has named it."""
    subject = subject_of(token(account_id="7", sub="u", iat=1))
    key = identify(URL, api_key=KEY, token=None)
    ready = identify(URL, api_key=None, token=token(account_id="7", sub="u", iat=9))
    begun_with_key = note(key, "").with_names_of(type(key)(origin=key.origin, owner=key.owner, subject=subject))
    assert begun_with_key.is_for(ready)
    assert note(ready, "").may_be_for(key)
    assert not note(ready, "").is_for(key)
    other = identify(URL, api_key=None, token=token(account_id="8", sub="u"))
    assert not begun_with_key.is_for(other)
    assert not begun_with_key.is_for(type(key)(origin=key.origin, owner=key.owner, subject=other.subject))


@pytest.mark.parametrize("claim", ["sub", "account_id", "accountId", "tenant", "org_id", "brandId", "company"])
def test_a_claim_that_names_an_account_distinguishes_tokens(claim):
    """Whatever a service calls it; what changes with every token does not."""
    one, same, other = (token(**{claim: value, "jti": str(at), "iat": at}) for at, value in enumerate(["a", "a", "b"]))
    assert subject_of(one) == subject_of(same) != subject_of(other)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "..", "\ud800.\ud800.x", token(iat=1, exp=2), token(sub="")])
def test_a_token_that_names_no_account_has_no_subject(text):
    """It may be opaque, or not be one at all."""
    assert subject_of(text) == ""


@given(st.text())
def test_any_text_may_be_a_token(text):
    """What is no JWT is known by itself."""
    assert identify(URL, api_key=None, token=text) == identify(URL, api_key=None, token=text)
