"""Who may ask, and what a browser may do with the answer.

What other machines cannot reach, their pages in a browser here may: a name they own can be made to point at us, also
at the near end of a tunnel (DNS rebinding). Such a request carries that name in its `Host`. So on loopback only
loopback's own names are answered. Elsewhere, as well: addresses, which nobody can make point elsewhere; names of one
label, which nobody owns; and the name that the monitor was told to listen on.
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
"""The content security policy of all that is no page."""


def page_policy(script: str, style: str) -> str:
    """Return the page's policy: this script, this style (as `sha256-…`), questions to ourselves, and nothing else."""
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def is_own_name(host: str | None, listening: Address) -> bool:
    """Tell whether a `Host` header names who listens there."""
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
