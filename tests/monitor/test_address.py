"""The address on which the monitor listens."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.monitor.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("8080", "127.0.0.1", 8080, True),
        ("0", "127.0.0.1", 0, True),
        ("localhost:80", "127.0.0.1", 80, True),
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.7.7.7:8080", "127.7.7.7", 8080, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[127.0.0.1]:8080", "127.0.0.1", 8080, True),
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),  # noqa: S104 - read, not listened on
        ("[::]:8080", "::", 8080, False),
        ("10.1.2.3:8080", "10.1.2.3", 8080, False),
        ("host.example:8080", "host.example", 8080, False),
    ],
)
def test_an_address_is_read(text, host, port, loopback):
    """A port alone means this machine; brackets are allowed around any address."""
    address = parse_address(text)
    assert (address.host, address.port, address.loopback) == (host, port, loopback)


@pytest.mark.parametrize(
    "text", ["", ":", ":8080", "host", "host:", "host:http", "1:2:3", "::1:80", "[::1]", "[x]:80", "65536", "-1", "٣"]
)
def test_an_invalid_address_is_refused_with_an_example(text):
    """The error names the flag and shows an example."""
    with pytest.raises(ConfigurationError, match="not HOST:PORT") as caught:
        parse_address(text)
    assert caught.value.place == "--monitor"
    assert "127.0.0.1:8080" in caught.value.hint


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_read_as_it_is_written(host, port):
    """Every address is the same after writing and reading it."""
    address = Address(str(host), port)
    assert parse_address(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_a_configuration_error(text):
    """Any text is an address, or raises a ConfigurationError."""
    with suppress(ConfigurationError):
        parse_address(text)
