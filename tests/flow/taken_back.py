"""A run that is reverted in part: exports migrated in several steps, and what the account has of them."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
from end_to_end_tools import expected_ledger
from flow.migration import Migration
from yarl import URL

from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.retry import retry
from masivo_stream.flow.commands.revert import revert
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.exports import Exports, OnlyMissing
from masivo_stream.model.contract import Kind

LONG_AGO, FAR = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
_APART = 0.35
"""Seconds between a moment and what is sent before and after it: longer than customers may take to show."""


class TakenBack(Migration):
    """Exports in a folder, and a sandbox; `moments` are between the steps."""

    def __init__(self, folder, sandbox, **flags):
        self.flags = {"max_body_bytes": 20_000, **flags}
        super().__init__(folder, sandbox)
        self.state = folder / "state"
        self.moments, self.notices = [], []

    def settings_with(self, **flags):
        return super().settings_with(**{**self.flags, **flags})

    def notify(self, notice):
        self.notices.append(notice)

    @property
    def ids(self):
        return [json.loads(line)["id"] for line in self.path(Kind.CUSTOMERS).read_bytes().splitlines()]

    async def migrate_in_goes(self, *shares, **flags):
        """Migrate these numbers of customers one after the other, each time with all their records."""
        whole = {
            kind: self.path(kind).read_bytes().splitlines(keepends=True) for kind in Kind if self.path(kind).exists()
        }
        ids = self.ids
        done = 0
        for share in shares:
            go, done = set(ids[done : done + share]), done + share
            for kind, lines in whole.items():
                former = self.path(kind).read_bytes() if len(self.moments) else b""
                own = [line for line in lines if json.loads(line)["id"] in go]
                self.path(kind).write_bytes(former + b"".join(own))
            summary = await self.migrate(**flags)
            await asyncio.sleep(_APART)
            self.moments.append(datetime.now(UTC).isoformat())
            await asyncio.sleep(_APART)
        return summary

    async def revert(self, start, end):
        return await revert(self.settings, self.credentials, start=start, end=end)

    async def only_missing(self, *, named=True, others_stayed=False, **flags):
        exports = {kind.value: [str(self.path(kind))] for kind in Kind if self.path(kind).exists()} if named else {}
        settings = self.settings_with(**flags)
        missing = OnlyMissing(exports=Exports(**exports), others_stayed=others_stayed)
        return await migrate(settings, self.credentials, missing, observer=self)

    async def retry(self, **flags):
        return await retry(self.settings_with(**flags), self.credentials)

    def status(self):
        return status(str(self.state))

    async def buy(self, customer):
        """Let a customer make a transaction of their own."""
        booked = {
            "reward_id": "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65",
            "type": "ACCUMULATION",
            "amount": 5,
            "issued_at": datetime.now(UTC).isoformat(),
        }
        url = f"{self.sandbox.origin}/__sandbox/customers/{quote(customer, safe='')}/transactions"
        async with aiohttp.ClientSession() as http, http.post(URL(url, encoded=True), json=booked) as answered:
            assert answered.status == 201

    async def settled(self):
        """Return the ledger when the queue is empty."""
        while (ledger := self.sandbox.ledger()).queue:  # noqa: ASYNC110 - its queue is a time, and has no event
            await asyncio.sleep(0.05)
        return ledger

    async def account(self):
        """Return what the account has: what was applied, less what was taken back."""
        ledger = await self.settled()
        back = ledger.reverted
        events = {
            customer: kept
            for customer, purchases in ledger.events.items()
            if (kept := _less(purchases, back.events.get(customer, {})))
        }
        return {
            "customers": _less(ledger.customers, back.customers),
            "events": events,
            "transactions": _less(ledger.transactions, back.transactions),
        }

    def wanted(self, without=()):
        """Return what the account has if all of the exports arrived once, except for the customers in `without`."""
        ledger = expected_ledger(self.folder)
        return {kind: {each: n for each, n in found.items() if each not in without} for kind, found in ledger.items()}

    def said(self, kind):
        return [notice for notice in self.notices if type(notice).__name__ == kind]

    def asked(self):
        """Return how many customers were read back."""
        return max((notice.asked for notice in self.said("CustomersAsked")), default=0)

    def journal(self, sql, *parameters):
        with closing(sqlite3.connect(self.state / "journal.db")) as journal:
            found = journal.execute(sql, parameters).fetchall()
            journal.commit()
            return found

    def forget_number(self, **changes):
        """Change the journal as if the API had not reported how many customers it took back."""
        for row, detail in self.journal("SELECT rowid, detail FROM notes WHERE what = 'reverted'"):
            told = json.loads(detail) | {"customers": None, "counted": False} | changes
            self.journal("UPDATE notes SET detail = ? WHERE rowid = ?", json.dumps(told), row)


def _less(applied, back):
    return {each: left for each, n in applied.items() if (left := n - back.get(each, 0))}
