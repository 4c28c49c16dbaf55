"""Find out which customers the account has: each is read back, and nothing uncertain is guessed.

A 404 means that a customer is not there only if the API itself answers it: a web page is a gateway's. And gateways
refuse ids with an escaped slash, whatever the account has. So a 404 to such an id counts only if another such id came
through.
"""

import enum
import math
from collections.abc import AsyncIterator

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.answer_body import is_foreign
from masivo_stream.core.sending.path_ids import UNREADABLE_IDS
from masivo_stream.flow.customers import CustomerTable
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.readback.account_data import read_customer_answer
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import MasivoStreamError, OutageError
from masivo_stream.model.notices import CustomersAsked
from masivo_stream.model.ports import CustomerReader
from masivo_stream.model.settings import Settings

_OK, _NOT_FOUND, _THROTTLED = 200, 404, 429

_TRIES = 3
"""How often a customer is read back if the API gives no legible answer."""

_IN_A_ROW = 10
"""Customers in a row without a legible answer that make an outage: no more are read back then."""

_NOTICE_EVERY = 10.0
"""Seconds between two notices of the progress."""


class Whereabouts(enum.IntEnum):
    """What a table knows about a customer."""

    UNASKED = 0
    ASKED = 1
    THERE = 2
    GONE = 3
    REFUSED = 4
    """Not found, with an id that a gateway may refuse."""
    UNREAD = 5
    """No legible answer now; perhaps later."""
    UNREADABLE = 6
    """No answer can be trusted, now or later."""


class WhereaboutsCheck:
    """Reads customers back, as many at a time as there are uploaders."""

    def __init__(self, reader: CustomerReader, settings: Settings, stop: StopControl, observer: Observer) -> None:
        """Read through `reader`. An error goes to `stop`."""
        self._reader, self._stop, self._clock, self._observer = reader, stop, stop.clock, observer
        self._readers, self._hand_off = settings.upload.uploaders, settings.upload.hand_off
        self._visible = settings.visible
        self._in_a_row = 0
        self._asked = self._of = self._gone = 0
        self._noticed_at = -math.inf
        self._let_through = False
        """Whether an id that a gateway may refuse was found."""

    async def ask(self, customers: AsyncIterator[str], table: CustomerTable, *, of: int) -> None:
        """Read back the customers that are `UNASKED` in the table, at most `of`, and note the answers in it."""
        self._of += of
        give, take = anyio.create_memory_object_stream[str](self._hand_off)
        async with anyio.create_task_group() as tasks, give:
            with take:
                for _ in range(self._readers):
                    tasks.start_soon(self._work, take.clone(), table)
            try:
                async for customer in customers:
                    if table[customer] == Whereabouts.UNASKED:
                        table[customer] = Whereabouts.ASKED
                        await give.send(customer)
            except MasivoStreamError as error:
                self._stop.begin(error)
        self._notice(now=True)

    def settle_refused(self, table: CustomerTable, *, known_gone: bool) -> None:
        """Settle the refused ones: gone if that is known otherwise, or if another such id was found."""
        gone = known_gone or self._let_through
        table.replace(Whereabouts.REFUSED, Whereabouts.GONE if gone else Whereabouts.UNREADABLE)

    async def _work(self, customers: MemoryObjectReceiveStream[str], table: CustomerTable) -> None:
        with customers:
            async for customer in customers:
                try:
                    table[customer] = found = await self._find(customer)
                except MasivoStreamError as error:
                    self._stop.begin(error)
                    return
                self._asked += 1
                self._gone += found in {Whereabouts.GONE, Whereabouts.REFUSED}
                self._notice()

    async def _find(self, customer: str) -> Whereabouts:
        if customer in UNREADABLE_IDS:
            return Whereabouts.UNREADABLE
        pauses, tries, why = doubling_pauses(self._visible.first_probe, self._visible.longest_probe), 0, ""
        while tries < _TRIES:
            if tries:
                await self._clock.sleep(next(pauses))
            read = await self._reader.read_customer(customer)
            match read.attempt:
                case Answer(status=status) as answer if status == _NOT_FOUND and not is_foreign(answer):
                    self._in_a_row = 0
                    return Whereabouts.REFUSED if is_odd(customer) else Whereabouts.GONE
                case Answer(status=status) if status == _OK and read_customer_answer(read.body) is not None:
                    self._in_a_row = 0
                    self._let_through = self._let_through or is_odd(customer)
                    return Whereabouts.THERE
                case Answer(status=status) if status == _THROTTLED:
                    continue  # the reader holds the limiter
                case Answer(status=status):
                    why = f"status {status}"
                case failure:
                    why = failure.cause.value
            tries += 1
        self._in_a_row += 1
        if self._in_a_row >= _IN_A_ROW:
            raise OutageError(
                f"customers cannot be read back ({why}): nothing was changed",
                operation="find out which customers were taken back",
                hint="start the same command again later",
            )
        return Whereabouts.UNREAD

    def _notice(self, *, now: bool = False) -> None:
        moment = self._clock.now()
        if now or moment - self._noticed_at >= _NOTICE_EVERY:
            self._noticed_at = moment
            self._observer.notify(CustomersAsked(asked=self._asked, of=max(self._of, self._asked), gone=self._gone))


def is_odd(customer: str) -> bool:
    """Return whether a gateway may refuse an escaped id: it holds a separator of path segments (RFC 3986 3.3)."""
    return any(character in customer for character in "/\\%")
