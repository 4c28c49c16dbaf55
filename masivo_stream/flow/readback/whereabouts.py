"""Ask the API which customers are there: each is read back, and what is not certain is not guessed.

A 404 says that a customer is not there only where the API says it: a web page is a gateway's. And gateways refuse ids
with an escaped slash, whatever the account holds, so of such an id a 404 counts only if another one came through.
"""

import enum
import math
from collections.abc import AsyncIterator

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from masivo_stream.core.sending.answered_by import is_foreign
from masivo_stream.core.sending.path_ids import UNREADABLE_IDS
from masivo_stream.flow.customers.table import CustomerTable
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.wait_visible import CustomerReader
from masivo_stream.flow.readback.account_data import read_held
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import MasivoStreamError, OutageError
from masivo_stream.model.notices import CustomersAsked
from masivo_stream.model.settings import Settings

_OK, _NOT_FOUND, _THROTTLED = 200, 404, 429

_TRIES = 3
"""How often a customer is asked for of whom the API gives no legible answer."""

_IN_A_ROW = 10
"""Customers in a row without a legible answer: then it is an outage, and no more are asked for."""

_TOLD_EVERY = 10.0
"""Seconds between two notices of how far it has come."""


class Whereabouts(enum.IntEnum):
    """What a census knows of a customer."""

    UNASKED = 0
    ASKED = 1
    THERE = 2
    GONE = 3
    REFUSED = 4
    """Not found, by an id that a gateway may not let through."""
    UNREAD = 5
    """No legible answer now; perhaps later."""
    UNREADABLE = 6
    """No answer that could be trusted, now or later."""


class WhereaboutsCheck:
    """Asks for customers, as many at a time as there are uploaders."""

    def __init__(self, reader: CustomerReader, settings: Settings, stop: StopControl, observer: Observer) -> None:
        """Read by `reader`; an error pulls `brake`."""
        self._reader, self._stop, self._clock, self._observer = reader, stop, stop.clock, observer
        self._readers, self._hand_off = settings.upload.uploaders, settings.upload.hand_off
        self._visible = settings.visible
        self._in_a_row = 0
        self._asked = self._of = self._gone = 0
        self._told = -math.inf
        self._let_through = False
        """Whether an id that a gateway may not let through was found."""

    async def ask(self, customers: AsyncIterator[str], census: CustomerTable, *, of: int) -> None:
        """Find out where customers are whom `census` knows as `UNASKED`; there are so many of them at most."""
        self._of += of
        give, take = anyio.create_memory_object_stream[str](self._hand_off)
        async with anyio.create_task_group() as tasks, give:
            with take:
                for _ in range(self._readers):
                    tasks.start_soon(self._work, take.clone(), census)
            try:
                async for customer in customers:
                    if census[customer] == Whereabouts.UNASKED:
                        census[customer] = Whereabouts.ASKED
                        await give.send(customer)
            except MasivoStreamError as error:
                self._stop.pull(error)
        self._tell(now=True)

    def judge_refused(self, census: CustomerTable, *, known_gone: bool) -> None:
        """Settle what a gateway may have refused: gone if that is known otherwise, or if another such id was found."""
        gone = known_gone or self._let_through
        census.turn(Whereabouts.REFUSED, Whereabouts.GONE if gone else Whereabouts.UNREADABLE)

    async def _work(self, customers: MemoryObjectReceiveStream[str], census: CustomerTable) -> None:
        with customers:
            async for customer in customers:
                try:
                    census[customer] = found = await self._find(customer)
                except MasivoStreamError as error:
                    self._stop.pull(error)
                    return
                self._asked += 1
                self._gone += found in {Whereabouts.GONE, Whereabouts.REFUSED}
                self._tell()

    async def _find(self, customer: str) -> Whereabouts:
        if customer in UNREADABLE_IDS:
            return Whereabouts.UNREADABLE
        pause, tries, why = self._visible.first_probe, 0, ""
        while tries < _TRIES:
            if tries:
                await self._clock.sleep(pause)
                pause = min(pause * 2, self._visible.longest_probe)
            read = await self._reader.read_customer(customer)
            match read.attempt:
                case Answer(status=status) as answer if status == _NOT_FOUND and not is_foreign(answer):
                    self._in_a_row = 0
                    return Whereabouts.REFUSED if is_odd(customer) else Whereabouts.GONE
                case Answer(status=status) if status == _OK and read_held(read.body) is not None:
                    self._in_a_row = 0
                    self._let_through = self._let_through or is_odd(customer)
                    return Whereabouts.THERE
                case Answer(status=status) if status == _THROTTLED:
                    continue  # the reader holds the gate
                case Answer(status=status):
                    why = f"status {status}"
                case failure:
                    why = failure.cause.value
            tries += 1
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            raise OutageError(
                f"customers cannot be read back ({why}): nothing was changed",
                operation="find out who was taken back",
                hint="start the same command again later",
            )
        return Whereabouts.UNREAD

    def _tell(self, *, now: bool = False) -> None:
        moment = self._clock.now()
        if now or moment - self._told >= _TOLD_EVERY:
            self._told = moment
            self._observer.notify(CustomersAsked(asked=self._asked, of=max(self._of, self._asked), gone=self._gone))


def is_odd(customer: str) -> bool:
    """Tell whether a gateway may take an escaped id for something else (RFC 3986 3.3: what separates segments)."""
    return any(character in customer for character in "/\\%")
