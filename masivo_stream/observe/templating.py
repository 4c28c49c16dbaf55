"""The templates of what is drawn at the end: what holds in all of them, whatever their files' suffix.

Everything is escaped. Names from outside are made `printable` first: no mark turns the line around.
"""

from pathlib import Path

import jinja2

from masivo_stream.core.redact import printable

TEMPLATES = Path(__file__).with_name("templates")


def make_environment() -> jinja2.Environment:
    """Return an environment of its own for who asks: filters added to it are nobody else's."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # and not `select_autoescape`, which leaves .svg out
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
