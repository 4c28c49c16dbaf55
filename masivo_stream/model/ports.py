"""Ports: what the inner floors expect of the world outside, so that any implementation fits.

A protocol belongs here if two rooms that must not import each other both need it.
"""

from datetime import datetime
from typing import Protocol

from masivo_stream.model.attempt import Attempt


class Clock(Protocol):
    """Time, passed in as an argument. `edges.clock` has the machine's clock, and a fake one for tests."""

    def now(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    def wall(self) -> datetime:
        """Return the date and time in UTC, for people."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; can be cancelled."""
        ...


class ReadAnswer(Protocol):
    """What a request to read something back came back with."""

    @property
    def attempt(self) -> Attempt:
        """The answer's status and headers, or why there is no complete answer."""
        ...

    @property
    def body(self) -> bytes:
        """The answer's body; empty without one."""
        ...


class CustomerReader(Protocol):
    """Reads customers back, within the account's general limit."""

    async def read_customer(self, customer: str) -> ReadAnswer:
        """Read one customer back.

        Raises:
            DeniedError: the API does not let us read.
        """
        ...


class TransactionReader(CustomerReader, Protocol):
    """Reads customers and their transactions back, within the account's general limit."""

    async def read_transactions(self, customer: str, year: int) -> ReadAnswer:
        """Read one customer's transactions of a year.

        Raises:
            DeniedError: the API does not let us read.
        """
        ...
