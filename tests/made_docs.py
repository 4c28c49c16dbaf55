"""Load the programs under docs/make, which make pages, a schema and the site."""

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAKE = ROOT / "docs" / "make"


def program(name):
    """Return a program as a module."""
    if str(MAKE) not in sys.path:
        sys.path.append(str(MAKE))
    return import_module(name)
