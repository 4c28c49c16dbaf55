"""Ports: what the inner floors expect of the world outside, so that any implementation fits."""

from typing import Protocol

from masivo_stream.model.attempt import Attempt


class ReadAnswer(Protocol):
    """What a request to read something back came back with."""

    @property
    def attempt(self) -> Attempt:
        """The answer's status and headers, or why there is no complete answer."""
        ...

    @property
    def body(self) -> bytes:
        """The answer's body; empty if there is none."""
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
