"""Find the extension in C that remembers many values in one call (`_memory.c`, with its theory of operation).

It is built when the package is installed, if there is a C compiler. Without it, `duplicates` and `purchases` do the
same in Python: what they promise to notice is the same with it and without.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masivo_stream.core.reading._memory import PurchaseTable, ValueTable

_INTERFACE = 3
"""An extension with another one was built from other sources, and is not used."""

try:
    from masivo_stream.core.reading import _memory
except ImportError:  # it was not built, or does not fit this Python
    _FITS = False
else:
    _FITS = getattr(_memory, "INTERFACE", 0) == _INTERFACE


def has_tables() -> bool:
    """Return whether there is an extension that can be used."""
    return _FITS


def make_value_table(*, capacity: int) -> "ValueTable | None":
    """Return a table that remembers at least the last `capacity` distinct values; None if there is no extension."""
    return _memory.ValueTable(capacity=capacity) if _FITS else None


def make_purchase_table(*, capacity: int) -> "PurchaseTable | None":
    """Return a table that remembers at least the last `capacity` events; None if there is no extension."""
    return _memory.PurchaseTable(capacity=capacity) if _FITS else None
