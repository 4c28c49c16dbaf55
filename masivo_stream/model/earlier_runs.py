"""What is known of purchases that an earlier run sent to the same account."""

from msgspec import Struct


class EarlierRun(Struct, frozen=True, kw_only=True):
    """A run that sent purchases to the account before."""

    state_dir: str
    """Where its state directory was; empty if that is not known any more."""
    at: str
    """When the process that sent them had its first events accepted, ISO 8601."""
    sure: bool = True
    """Whether the account still has what it sent; not if a revert may have taken back a part of it."""
    comparable: bool = True
    """Whether it can be known that an event is the same one; not if another version of Python has sent it."""


THIS_RUN = EarlierRun(state_dir="", at="")
"""The run at work: it has sent the purchase from another line."""


class SentItem(Struct, frozen=True, gc=False):
    """An item of a record whose purchase an earlier run sent."""

    item: int
    """Its index in the record."""
    same: bool
    """Whether that run certainly sent the same event; else it may have been another event of the purchase."""
    run: EarlierRun
