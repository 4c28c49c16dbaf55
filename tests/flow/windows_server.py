"""A server that enforces rate windows on arrivals, behind a road that takes its time, and one process's way to it."""

import json

import anyio
from core.made import entry

from masivo_stream.model.attempt import Answer
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.window import parse_window
from masivo_stream.sandbox.limits import Limiter, Passed


def numbered(number: int) -> Batch:
    """Make a batch that `Client` knows by its number."""
    return make_batch(Kind.EVENTS, [entry(Kind.EVENTS, line=number)])


class Account:
    """The server: it answers as the vendor's pages describe, and remembers what it accepted and what it refused."""

    def __init__(self, windows, forth, back, *, foreign_every=None):
        self.limiter = Limiter(map(parse_window, windows))
        self.forth, self.back, self.foreign_every = forth, back, foreign_every
        self.accepted, self.refused = [], []

    async def arrive(self, clock, number):
        await clock.sleep(self.forth())
        now = clock.now()
        admitted = self.limiter.arrive(now)
        passed = isinstance(admitted, Passed)
        (self.accepted if passed else self.refused).append((now, number))
        quota = admitted.quota
        headers = {"limit": str(quota.limit), "remaining": str(quota.remaining), "reset": str(quota.reset)}
        await clock.sleep(self.back())
        return Answer(status=201, **headers) if passed else Answer(status=429, retry_after=headers["reset"], **headers)

    async def someone_else(self, clock):
        """Another program uses the account, and knows nothing of us."""
        while True:
            await clock.sleep(self.foreign_every)
            self.limiter.arrive(clock.now())


class Client:
    """One process's way to the account. The network goes on when the process is gone."""

    def __init__(self, account, clock, road):
        self.account, self.clock, self.road = account, clock, road

    async def prepare(self):
        return "token"

    def fresh(self, token):
        return True

    def renew(self, token):
        return True

    async def send(self, kind, body, token, departed):
        departed()
        answered, came = [], anyio.Event()

        async def travel():
            (record,) = json.loads(body)["customers"]
            answered.append(await self.account.arrive(self.clock, int(record["id"].removeprefix("c"))))
            came.set()

        self.road.start_soon(travel)
        await came.wait()
        return answered[0]


class Silent:
    """Records nothing."""

    async def begin(self, batch):
        pass

    async def settle(self, batch, decision):
        pass

    def count_request(self, size):
        pass

    def count_throttled(self):
        pass

    def notify(self, notice):
        pass
