"""Which `Host` names the monitor answers to, and what a browser may do with its answers.

A foreign web page in a browser on this machine can reach the monitor even if other machines cannot (DNS rebinding): the
page's owner lets a name of their own resolve to this machine, or to the near end of a tunnel. Such a request has that
name in its `Host` header. So on loopback the monitor answers only to the names of loopback. On other addresses it also
answers to addresses, which no DNS entry can redirect; to names of one label, which have no public owner; and to the
name that it listens on.
"""

import ipaddress
from urllib.parse import urlsplit

from masivo_stream.monitor.address import Address, is_literal

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "masivo-stream",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of every answer that is not a page."""


def page_policy(*, style: str, script: str = "") -> str:
    """Return a page's policy: this style, this script if it has one (as `sha256-…`), requests to this server."""
    scripts = f"script-src '{script}'; " if script else ""
    return (
        f"default-src 'none'; {scripts}style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def is_own_name(host: str | None, listening: Address) -> bool:
    """Return whether a `Host` header names the server that listens on `listening`."""
    name = _name(host or "")
    if is_literal(name):
        return not listening.loopback or ipaddress.ip_address(name).is_loopback
    if listening.loopback:
        return name == "localhost"
    return bool(name) and ("." not in name or name == listening.host.lower())


def _name(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises on nonsense
    except ValueError:
        return ""
    plain = parts.netloc == host and "@" not in host
    return (parts.hostname or "").rstrip(".") if plain else ""
