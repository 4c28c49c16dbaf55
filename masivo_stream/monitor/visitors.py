"""Who may ask, and what a browser may do with the answer.

A monitor that listens on this machine only is safe from other machines, but not from their pages in a browser here: a
name they own may be made to point at 127.0.0.1 (DNS rebinding). Such a request carries that name in its `Host`, so on
loopback only loopback's own names are answered. Elsewhere any name is: what a cluster calls us is not known here.
"""

import ipaddress
from urllib.parse import urlsplit

from masivo_stream.monitor.address import is_literal

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
"""The content security policy of all that is no page."""


def page_policy(script: str, style: str) -> str:
    """Return the page's policy: this script, this style (as `sha256-…`), questions to ourselves, and nothing else."""
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def is_ours(host: str | None, *, loopback: bool) -> bool:
    """Tell whether a `Host` header names us."""
    name = _name(host or "")
    if not loopback:
        return bool(name)
    return name == "localhost" or (is_literal(name) and ipaddress.ip_address(name).is_loopback)


def _name(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises on nonsense
    except ValueError:
        return ""
    plain = parts.netloc == host and "@" not in host
    return (parts.hostname or "").rstrip(".") if plain else ""
