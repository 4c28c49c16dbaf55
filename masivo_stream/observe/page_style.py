"""What all our pages have in common: their colours, by light and dark, and how a part is named in a page's policy."""

import base64
import hashlib
from pathlib import Path

_PALETTE = Path(__file__).with_name("templates") / "palette.css"


def read_style(own: Path) -> str:
    """Return a page's style: the colours of all pages, and the rules of its own file."""
    return _PALETTE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Return how a content security policy names an inline script or style (W3C CSP 3, "hash-source")."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
