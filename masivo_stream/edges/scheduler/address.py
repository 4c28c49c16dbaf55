"""Which schedulers may be used: one that is started here, one on this machine, or one behind TLS.

A scheduler runs code of its clients, and sends code to its workers: pickles. Without TLS, every machine that reaches
its port can do that (github.com/dask/distributed/issues/9283). So plain TCP is used on this machine only.
"""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from masivo_stream.model.errors import ConfigurationError

LOCAL = "local"
DEFAULT_PORT = 8786
_FORMS = "local, tls://HOST:PORT, or tcp://HOST:PORT on this machine"


def check_address(scheduler: str) -> str:
    """Return the address to connect to: that of a scheduler in the settings, a loopback host as a number.

    Raises:
        ConfigurationError: it is no address, or one that must not be used.
    """
    try:
        parts = urlsplit(scheduler)
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError as error:
        raise _wrong(scheduler, f"this is no address: {error}") from error
    if parts.scheme not in {"tcp", "tls"} or not host or _has_more(parts):
        raise _wrong(scheduler, "this is no address of a scheduler")
    if parts.scheme == "tcp":
        host = _loopback(scheduler, host)
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"


def _has_more(parts: SplitResult) -> bool:
    return bool(parts.path.strip("/") or parts.query or parts.fragment or parts.username)


def _loopback(scheduler: str, host: str) -> str:
    """Return the number of a host on this machine: what a name stands for cannot change between check and connection.

    Raises:
        ConfigurationError: it is not on this machine, or there is no such host.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise _wrong(scheduler, "the host of the scheduler cannot be found") from error
    if not all(ipaddress.ip_address(number.partition("%")[0]).is_loopback for number in found):
        raise ConfigurationError(
            "a scheduler on another machine is used with TLS only: without it, every machine in the network could run"
            " code on the workers and here",
            operation="open the scheduler",
            place=scheduler,
            hint="start the scheduler and its workers with certificates, and name it as tls://HOST:PORT",
        )
    return min(found, key=lambda number: ":" in number)  # Dask itself listens for IPv4 if no host is named


def _wrong(scheduler: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        operation="read the settings",
        place=scheduler,
        hint=f"use {_FORMS}",
    )
