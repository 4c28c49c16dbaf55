"""What all templates and pages share: how text is escaped, their colours, and how a page's policy names its parts.

Everything is escaped. Names from outside are made `printable` first: no mark in them reverses the line.
"""

import base64
import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from masivo_stream import __version__
from masivo_stream.core.redact import printable

TEMPLATES = Path(__file__).with_name("templates")

_PALETTE = TEMPLATES / "palette.css"


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Keep compiled templates in a directory, as Python keeps compiled modules: compiling takes a tenth of a short run.

    A template is taken from there if it is the same, and is compiled in the same way: by this file, in this version. If
    the directory cannot be read or written, as where another user installed this, each process compiles for itself.
    """

    def __init__(self, directory: Path, *, writes: bool) -> None:
        """Take compiled templates from `directory`, and put new ones there if it `writes`."""
        super().__init__(str(directory))
        self._directory, self._writes = directory, writes

    def get_source_checksum(self, source: str) -> str:
        """Return the digest of all on which the compiled template depends."""
        return super().get_source_checksum(f"{__version__}\n{Path(__file__).read_text(encoding='utf-8')}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a compiled template, if it is there."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, if that is possible."""
        if self._writes:
            with suppress(OSError):
                self._directory.mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


def make_environment() -> jinja2.Environment:
    """Return a new environment: filters that the caller adds to it reach no other template."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # and not `select_autoescape`, which leaves .svg out
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=CompiledTemplates(TEMPLATES / "__pycache__", writes=not sys.dont_write_bytecode),
        finalize=lambda value: printable(value) if type(value) is str else value,
    )


def read_style(own: Path) -> str:
    """Return a page's style: the colours of all pages, then the rules of its own file."""
    return _PALETTE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """Return how a content security policy names an inline script or style (W3C CSP 3, "hash-source")."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
