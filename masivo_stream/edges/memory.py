"""How much memory this process uses."""

import os
import resource
import sys
from pathlib import Path

_PAGES = Path("/proc/self/statm")
"""Linux, see proc(5): the second number is the resident set, in pages."""


def resident_bytes() -> int:
    """Return the resident memory in bytes; if the system does not report it, the most that there has ever been."""
    try:
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
