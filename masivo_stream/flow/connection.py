"""The connection of a command to its account: the client, and the limiters through which its requests leave."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from msgspec import Struct

from masivo_stream.flow.client import Client, open_client
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.limiters import RateLimiters, open_limiters
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.readback.paced_reader import PacedReader
from masivo_stream.model.attempt import Attempt
from masivo_stream.model.settings import Settings


class ApiConnection(Struct, frozen=True):
    """What sends requests to the API, and what paces them."""

    client: Client
    limiters: RateLimiters

    @property
    def reader(self) -> PacedReader:
        """Reads customers and transactions back, through the general limiter."""
        return PacedReader(self.client, self.limiters.general)


@asynccontextmanager
async def open_connection(
    settings: Settings,
    binding: AccountBinding,
    exports: Iterable[str],
    *,
    observer: Observer,
    note: Callable[[Attempt], None],
) -> AsyncIterator[ApiConnection]:
    """Claim the exports at these paths for this process, then open the limiters and the client. Nothing is sent.

    `note` receives every attempt.

    Raises:
        ConfigurationError: another run is sending one of the exports to this account.
    """
    with open_limiters(settings, binding.credentials, exports, observer, binding.clock) as limiters:
        async with open_client(
            settings.api, binding.credentials, binding.clock, limiters, admit=binding.admit, note=note
        ) as client:
            yield ApiConnection(client, limiters)
