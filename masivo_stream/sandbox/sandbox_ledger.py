"""The ledger: how often each record took effect, as evidence that no record is lost or sent twice.

The counts are of effects: a request in the queue does not count, an event that was sent twice counts two. A revert does
not lower them; what it took back is counted under `reverted`, so the present state of the account is the difference.
The ledger is read in pages, so that a million ids neither block the server nor fill its memory.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import Kind

_PAGE = 2000

_CUSTOMERS = """
SELECT id, '', count(*) AS n FROM customers {hint}
WHERE {rows}visible_at <= :now AND id > :customer GROUP BY id ORDER BY id LIMIT :page
"""
_EVENTS = """
SELECT customer, purchase_id, count(*) AS n FROM events {hint}
WHERE {rows}visible_at <= :now AND (customer, purchase_id) > (:customer, :purchase)
GROUP BY customer, purchase_id ORDER BY customer, purchase_id LIMIT :page
"""
_TRANSACTIONS = """
SELECT customer, '', count(*) AS n FROM transactions {hint}
WHERE {rows}native = 0 AND visible_at <= :now AND customer > :customer
GROUP BY customer ORDER BY customer LIMIT :page
"""
_QUERIES = {Kind.CUSTOMERS: _CUSTOMERS, Kind.EVENTS: _EVENTS, Kind.TRANSACTIONS: _TRANSACTIONS}

Row = tuple[str, str, int]


class Applied(Struct, frozen=True, kw_only=True):
    """How often each record took effect. A kind that was not requested is empty."""

    customers: dict[str, int] = {}
    """By customer id."""
    events: dict[str, dict[str, int]] = {}
    """By customer id and `purchase_id`."""
    transactions: dict[str, int] = {}
    """Migrated transactions by customer id."""


class SandboxLedger(Applied, frozen=True, kw_only=True):
    """The ledger at one moment."""

    reverted: Applied = Applied()
    """The part of these that a revert took back."""
    requests: dict[str, dict[str, int]] = {}
    """By target and outcome: an HTTP status, or the fault in its place."""
    queue: int = 0
    """Requests accepted but not applied yet."""


class LedgerPages:
    """Reads the ledger through a store's connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def read(self, now: float, kinds: Iterable[Kind] = Kind) -> SandboxLedger:
        """Return the ledger of `kinds` at `now` (wall seconds)."""
        return msgspec.json.decode(b"".join(self.pieces(now, kinds)), type=SandboxLedger)

    def pieces(self, now: float, kinds: Iterable[Kind] = Kind) -> Iterator[bytes]:
        """Yield the ledger's JSON in pieces of at most a page of rows."""
        chosen = tuple(kinds)
        queue = self._db.execute("SELECT count(*) FROM batches WHERE visible_at > ?", (now,)).fetchone()[0]
        yield b'{"queue":%d,"requests":%b' % (queue, msgspec.json.encode(self._requests()))
        yield from self._applied(now, chosen, b",", reverted=False)
        yield b',"reverted":{'
        yield from self._applied(now, chosen, b"", reverted=True)
        yield b"}}"

    def _requests(self) -> dict[str, dict[str, int]]:
        rows = self._db.execute("SELECT target, outcome, n FROM requests ORDER BY target, outcome").fetchall()
        return {target: {outcome: n for _, outcome, n in group} for target, group in groupby(rows, lambda row: row[0])}

    def _applied(self, now: float, kinds: tuple[Kind, ...], lead: bytes, *, reverted: bool) -> Iterator[bytes]:
        rows = "reverted_at IS NOT NULL AND " if reverted else ""
        for kind in kinds:
            # Without the hint SQLite walks the larger index, and reads every row even if nothing was reverted.
            hint = f"INDEXED BY {kind}_reverted" if reverted else ""
            yield b'%b"%b":{' % (lead, kind.value.encode())
            pages = self._pages(_QUERIES[kind].format(hint=hint, rows=rows), now)
            yield from _nested(pages) if kind is Kind.EVENTS else _flat(pages)
            yield b"}"
            lead = b","

    def _pages(self, query: str, now: float) -> Iterator[list[Row]]:
        customer, purchase = "", ""
        while True:
            values = {"now": now, "customer": customer, "purchase": purchase, "page": _PAGE}
            rows: list[Row] = self._db.execute(query, values).fetchall()
            if not rows:
                return
            customer, purchase, _ = rows[-1]
            yield rows


def _flat(pages: Iterator[list[Row]]) -> Iterator[bytes]:
    lead = b""
    for page in pages:
        yield lead + b",".join(b"%b:%d" % (msgspec.json.encode(customer), n) for customer, _, n in page)
        lead = b","


def _nested(pages: Iterator[list[Row]]) -> Iterator[bytes]:
    """Write rows, sorted by customer, as objects in an object. A customer's rows may continue on the next page."""
    current: str | None = None
    for page in pages:
        piece = bytearray()
        for customer, purchase, n in page:
            if customer != current:
                piece += b"" if current is None else b"},"
                piece += msgspec.json.encode(customer) + b":{"
                current = customer
            else:
                piece += b","
            piece += b"%b:%d" % (msgspec.json.encode(purchase), n)
        yield bytes(piece)
    if current is not None:
        yield b"}"
