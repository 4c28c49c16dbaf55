"""Which `Host` names are answered."""

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
    """With any port, since a tunnel may have another one; also if the monitor listens on all addresses."""
    assert is_own_name(host, LOOPBACK)
    assert is_own_name(host, EVERYWHERE)


@pytest.mark.parametrize("host", [*NEAR, *FOREIGN, *NONSENSE])
def test_loopback_answers_to_no_other_name(host):
    """A page whose name resolves to this machine is refused (DNS rebinding)."""
    assert not is_own_name(host, LOOPBACK)


@pytest.mark.parametrize("host", NEAR)
def test_elsewhere_addresses_and_names_without_an_owner_are_accepted(host):
    """Probes and scrapers use the address, people in a cluster the name of a service."""
    assert is_own_name(host, EVERYWHERE)


@pytest.mark.parametrize("host", [*FOREIGN, *NONSENSE])
def test_elsewhere_a_name_with_an_owner_is_refused(host):
    """It could resolve to the near end of a tunnel; only the name that it listens on is accepted."""
    assert not is_own_name(host, EVERYWHERE)
    assert is_own_name("evil.example:80", Address("Evil.example", 8080))


@given(st.text())
def test_no_host_name_raises_an_error(host):
    """Any text can be checked, and a name that is accepted on loopback is accepted elsewhere."""
    assert not is_own_name(host, LOOPBACK) or is_own_name(host, EVERYWHERE)
