"""Make dead letters of refused entries, but of none that arrived by an attempt whose answer was lost."""

from collections.abc import Sequence

import anyio
from msgspec.structs import replace

from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.flow.customers.unknown import UnknownCustomers
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.unanswered import Finder
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Rejected

_UNTOLD = "may have arrived by a request without an answer, and cannot be read back, for its id needs escaping in a URL"


class RefusedEntries:
    """Settles what was refused."""

    def __init__(self, account: Recorder, finder: Finder, unknown: UnknownCustomers | None = None) -> None:
        """Keep account in `account`; `finder` finds out which customers are there, `unknown` who is not."""
        self._account, self._finder, self._unknown = account, finder, unknown

    def must_wait(self, refused: Sequence[Entry]) -> bool:
        """Return whether some of `refused` are to be read back first, by `clear_up`: it may wait for them to show."""
        return bool(self._account.unanswered.fresh(refused))

    async def clear_up(self, refused: Sequence[Entry]) -> bool:
        """Settle those of `refused` that arrived by an attempt whose answer was lost; all the rest travels anew.

        Returns whether there were any; if not, nothing has changed, and they were given the time to show. Waits until
        that attempt's effects must show, unless they do before.
        """
        unanswered = self._account.unanswered
        fresh = unanswered.fresh(refused)
        since = unanswered.since(fresh)
        if since is None:
            return False
        found = await self._finder.find(fresh, since=since)
        if not found:
            unanswered.looked(fresh)
            return False
        with anyio.CancelScope(shield=True):
            await self._account.find(found)
        arrived = {id(entry) for entry in found}
        self._account.give_back([entry for entry in refused if id(entry) not in arrived])
        return True

    async def to_dead_letter(self, letter: Rejected, entry: Entry) -> bool:
        """Make an entry a dead letter, unless it arrived by an attempt whose answer was lost; whether it is one.

        Waits until that attempt's effects must show, where `must_wait` says so of it.
        """
        unanswered = self._account.unanswered
        suspect = bool(unanswered.among([entry]))
        repeatable = CONTRACTS[self._account.kind].repeatable
        refused = repeatable and letter.reason is Reason.REFUSED  # for another record of it?
        since = unanswered.since(unanswered.fresh([entry]))
        there = (suspect or refused) and bool(await self._finder.find([entry], since=since))
        if there and suspect:
            with anyio.CancelScope(shield=True):
                await self._account.find([entry])
            return False
        if suspect and not is_plain(entry.customer):
            letter = replace(letter, message=f"{letter.message}; it {_UNTOLD}")
        missing = None
        if repeatable:
            missing = not there
        elif self._unknown is not None and letter.reason is Reason.REFUSED:
            missing = await self._unknown.lacks(entry)
        self._account.to_dead_letter(entry, letter, missing=missing)
        return True
