"""Claims: an export goes to an account by one run at a time, whichever state directories the runs have."""

import base64
import json
import os

import pytest

from masivo_stream.edges.claims import claim, name_account
from masivo_stream.model.errors import ConfigurationError


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "events.ndjson"
    path.touch()
    return str(path)


def take(shared, account, exports, state_dir="other"):
    """Claim for a moment; whether others are at work on the account."""
    with claim(shared, account, exports, state_dir=state_dir) as others:
        return others


def test_an_export_is_sent_to_an_account_by_one_run(shared, export, tmp_path):
    """Under any of its names; who has it is told. Afterwards it is free."""
    link = tmp_path / "link.ndjson"
    link.symlink_to(export)
    with claim(shared, "a", [export], state_dir="mine"):
        for name in (export, str(link)):
            with pytest.raises(ConfigurationError, match=f"process {os.getpid()} on .*mine"):
                take(shared, "a", [name])
        take(shared, "b", [export])  # another account
    take(shared, "a", [export])


def test_other_runs_on_the_account_are_told(shared, export, tmp_path):
    """They share its quota; as long as one of them is at work, the next one hears of it."""
    other = tmp_path / "customers.ndjson"
    other.touch()
    with claim(shared, "a", [export], state_dir="mine") as others:
        assert others is False
        assert take(shared, "a", [str(other)]) is True
        assert take(shared, "a", [str(other)]) is True
        assert take(shared, "b", [str(other)]) is False
    assert take(shared, "a", [export]) is False


def jwt(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


def test_an_account_has_one_name():
    """Its tokens come and go, whose they are stays; the secret cannot be told from the name."""
    url = "https://a.example/v1"
    name = name_account(url, api_key=None, token=jwt(sub="ana", iat=1, exp=2, jti="x"))
    assert name == name_account(url + "/", api_key=None, token=jwt(exp=9, iat=8, sub="ana"))
    assert name != name_account(url, api_key=None, token=jwt(sub="eva", iat=1, exp=2))
    assert name != name_account("https://b.example/v1", api_key=None, token=jwt(sub="ana", iat=1, exp=2))
    assert "the-key" not in name_account(url, api_key="the-key", token=None)
