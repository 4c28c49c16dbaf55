"""What all templates and pages share: how text is escaped, their colours, and how a page's policy names its parts.

Everything is escaped. Names from outside are made `printable` first: no mark in them reverses the line.
"""

import base64
import hashlib
from pathlib import Path

import jinja2

from masivo_stream.core.redact import printable

TEMPLATES = Path(__file__).with_name("templates")

_PALETTE = TEMPLATES / "palette.css"


def make_environment() -> jinja2.Environment:
    """Return a new environment: filters that the caller adds to it reach no other template."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # and not `select_autoescape`, which leaves .svg out
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )


def read_style(own: Path) -> str:
    """Return a page's style: the colours of all pages, then the rules of its own file."""
    return _PALETTE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Return how a content security policy names an inline script or style (W3C CSP 3, "hash-source")."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
