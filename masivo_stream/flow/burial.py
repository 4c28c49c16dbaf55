"""Make dead letters of refused entries, but of none that arrived by an attempt whose answer was lost."""

from collections.abc import Sequence

import anyio

from masivo_stream.flow.account import Account
from masivo_stream.flow.unanswered import Finder
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, Rejected


class Burial:
    """Settles what was refused."""

    def __init__(self, account: Account, finder: Finder) -> None:
        """Keep account in `account`; `finder` finds out which customers are there."""
        self._account, self._finder = account, finder

    async def clear_up(self, refused: Sequence[Entry], others: Sequence[Entry] = ()) -> bool:
        """Settle those of `refused` that arrived by an attempt whose answer was lost; all the rest travels anew.

        Returns whether there were any; if not, nothing has changed.
        """
        found = await self._finder.find(self._account.unanswered.fresh(refused), patient=True)
        if not found:
            return False
        with anyio.CancelScope(shield=True):
            await self._account.find(found)
        arrived = {id(entry) for entry in found}
        self._account.give_back([entry for entry in (*refused, *others) if id(entry) not in arrived])
        return True

    async def bury(self, letter: Rejected, entry: Entry) -> bool:
        """Make an entry a dead letter, unless it arrived by an attempt whose answer was lost; whether it is one."""
        suspect = bool(self._account.unanswered.among([entry]))
        repeatable = CONTRACTS[self._account.kind].repeatable
        refused = repeatable and letter.reason is Reason.REFUSED  # for another record of it?
        there = (suspect or refused) and bool(await self._finder.find([entry], patient=suspect))
        if there and suspect:
            with anyio.CancelScope(shield=True):
                await self._account.find([entry])
            return False
        self._account.bury(entry, letter, arrived=there)
        return True
