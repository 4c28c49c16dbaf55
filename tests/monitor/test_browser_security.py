"""Whose questions are answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.monitor.address import Address
from masivo_stream.monitor.browser_security import is_own_name

LOOPBACK, EVERYWHERE = Address("127.0.0.1", 8080), Address("0.0.0.0", 8080)  # noqa: S104 - not listened on
LOCAL = ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "localhost.", "[::1]", "[::1]:8080", "127.9.9.9:80"]
NEAR = ["10.0.0.1:8080", "[fd00::1]:8080", "masivo-monitor", "masivo-monitor:8080"]
FOREIGN = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1.nip.io"]
NONSENSE = [None, "", "@", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1:x", "[", "127.0.0.1#", "127.0.0.1\\@x", "?", "."]


@pytest.mark.parametrize("host", LOCAL)
def test_loopback_answers_to_its_own_names(host):
    """With any port: a tunnel may have another. So does who listens everywhere."""
    assert is_own_name(host, LOOPBACK)
    assert is_own_name(host, EVERYWHERE)


@pytest.mark.parametrize("host", [*NEAR, *FOREIGN, *NONSENSE])
def test_loopback_answers_to_no_other_name(host):
    """A page elsewhere whose name was made to point here is turned away (DNS rebinding)."""
    assert not is_own_name(host, LOOPBACK)


@pytest.mark.parametrize("host", NEAR)
def test_elsewhere_addresses_and_names_that_nobody_owns_are_ours(host):
    """Probes and scrapers ask by address, people in a cluster by a service's name."""
    assert is_own_name(host, EVERYWHERE)


@pytest.mark.parametrize("host", [*FOREIGN, *NONSENSE])
def test_elsewhere_a_name_that_somebody_owns_is_not_ours(host):
    """It could point at the near end of a tunnel to us; unless it is the one that was given."""
    assert not is_own_name(host, EVERYWHERE)
    assert is_own_name("evil.example:80", Address("Evil.example", 8080))


@given(st.text())
def test_no_host_breaks_it(host):
    """Whatever is sent as a host is judged, and what is ours on loopback is so elsewhere."""
    assert not is_own_name(host, LOOPBACK) or is_own_name(host, EVERYWHERE)
