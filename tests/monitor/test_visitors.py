"""Whose questions are answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.monitor.visitors import is_ours

LOCAL = ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "localhost.", "[::1]", "[::1]:8080", "127.9.9.9:80"]
FOREIGN = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1:8080", "localhost.evil.example"]
NONSENSE = [None, "", "@", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1:x", "[", "127.0.0.1#", "127.0.0.1\\@x", "?", " "]


@pytest.mark.parametrize("host", LOCAL)
def test_loopback_answers_to_its_own_names(host):
    """With any port: a tunnel may have another."""
    assert is_ours(host, loopback=True)


@pytest.mark.parametrize("host", [*FOREIGN, *NONSENSE])
def test_loopback_answers_to_no_other_name(host):
    """A page elsewhere whose name was made to point here is turned away (DNS rebinding)."""
    assert not is_ours(host, loopback=True)


@pytest.mark.parametrize("host", [*LOCAL, *FOREIGN])
def test_elsewhere_any_name_may_be_ours(host):
    """What a cluster calls us is not known."""
    assert is_ours(host, loopback=False)


@given(st.text())
def test_no_host_breaks_it(host):
    """Whatever is sent as a host is judged, and what is ours on loopback is so elsewhere."""
    assert not is_ours(host, loopback=True) or is_ours(host, loopback=False)
