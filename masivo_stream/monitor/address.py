"""The address on which the monitor listens: `8080`, `127.0.0.1:8080`, `[::1]:8080`.

A port alone means loopback: only this machine can reach the monitor.
"""

import ipaddress

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
_MOST = 65535


class Address(Struct, frozen=True):
    """A host and a port; port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_literal(self.host) and ipaddress.ip_address(self.host).is_loopback


def parse_address(text: str) -> Address:
    """Read an address.

    Brackets are allowed around an IPv4 address as well: a script may insert an address without knowing its version.

    Raises:
        ConfigurationError: the text is not an address.
    """
    host, colon, port = text.strip().rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > _MOST or (colon and not host):
        raise _wrong(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not is_literal(host):
            raise _wrong(text)
    elif ":" in host:  # ambiguous: `::1:8080` is an IPv6 address by itself, too
        raise _wrong(text)
    if host.lower() in ("", "localhost"):  # the name may mean two addresses (IPv4 and IPv6), and with port 0 two ports
        host = LOOPBACK
    return Address(host, int(port))


def is_literal(host: str) -> bool:
    """Return whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"the monitor cannot listen on {text!r}: this is not HOST:PORT",
        operation="start the monitor",
        place="--monitor",
        hint="write it like 8080 (this machine only), 127.0.0.1:8080 or [::1]:8080; 0 takes a free port",
    )
