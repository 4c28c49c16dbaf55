"""What the account holds, in SQLite: in memory, or in one file of mode 0600 that remains when the process ends.

The queue is not a table: every row has a time `visible_at`, and counts as applied from then on. So no row has to be
moved, effects appear in the order of their times, and no step gets slower with a longer queue. A revert sets
`reverted_at` and deletes no applied row, so that the ledger keeps the history.

Times are wall seconds and are passed as arguments. There is one connection, in one thread, and no method awaits
anything: each method is one transaction, so requests take effect one after the other.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from msgspec import Struct

from masivo_stream.model.contract import PURCHASE
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.sandbox.customer_metrics import Purchase
from masivo_stream.sandbox.parsed_batch import Batch, Customers, Events, Transaction, Transactions
from masivo_stream.sandbox.sandbox_ledger import LedgerPages
from masivo_stream.sandbox.store_file import open_store


class StoredTransaction(Struct, frozen=True, kw_only=True):
    """One applied transaction. `body` is the transaction as received, `applied_at` wall seconds."""

    seq: int
    native: bool
    reward_id: str
    type: str
    amount: Decimal
    body: bytes
    applied_at: float


class Store:
    """The data of one account. Close it in the thread that opened it."""

    def __init__(self, path: str, *, one_email: bool = False, one_purchase: bool = False) -> None:
        """Open or create the store at `path`; `:memory:` for a store without a file.

        Args:
            path: of the file.
            one_email: emails that differ only in upper and lower case are one.
            one_purchase: a customer's events of one `purchase_id` are one; later ones have no effect.

        Raises:
            ConfigurationError: the file is not a store of a sandbox, belongs to another user, or is in use.
        """
        try:
            self._db = open_store(path)
        except (OSError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise ConfigurationError(
                f"the sandbox cannot use {path} as its store: {why}",
                operation="open the sandbox's store",
                place=path,
                hint="name a new file, or stop the other sandbox that uses it",
            ) from error

        self.ledger = LedgerPages(self._db)
        self._one_email, self._one_purchase = one_email, one_purchase

    def close(self) -> None:
        """Write everything and close the file."""
        self._db.close()

    def secret(self) -> bytes:
        """Return the key that signs tokens. It is made with the store, so tokens stay valid after a restart."""
        (value,) = self._db.execute("SELECT value FROM meta WHERE name = 'secret'").fetchone()
        return bytes(value)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Writing

    def enqueue(self, batch: Batch, visible_at: float) -> None:
        """Add a batch that the rules accepted; its effects count from `visible_at` on."""
        with self._transaction():
            self._db.execute("INSERT INTO batches (visible_at) VALUES (?)", (visible_at,))
            match batch:
                case Customers():
                    self._insert_customers(batch, visible_at)
                case Events():
                    self._insert_events(batch, visible_at)
                case Transactions():
                    self._insert_transactions(batch, visible_at)

    def _insert_customers(self, batch: Customers, visible_at: float) -> None:
        for entry in batch.entries:
            repeat = self.body_of(entry.id) is not None
            self._db.execute(
                "INSERT INTO customers (id, email, body, repeat, visible_at) VALUES (?, ?, ?, ?, ?)",
                (entry.id, entry.email, b"" if repeat else entry.body, repeat, visible_at),
            )

    def _insert_events(self, batch: Events, visible_at: float) -> None:
        self._db.executemany(
            "INSERT INTO events (customer, purchase_id, type, spend, issued, issued_at, visible_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    entry.id,
                    event.purchase_id,
                    event.type,
                    str(event.spend),
                    event.issued,
                    event.issued_at,
                    visible_at,
                )
                for entry in batch.entries
                for event in entry.events
                if not (self._one_purchase and self._has_purchase(entry.id, event.purchase_id))
            ),
        )

    def _has_purchase(self, customer: str, purchase: str) -> bool:
        """Return whether an event of a purchase is applied or queued."""
        question = "SELECT 1 FROM events WHERE customer = ? AND purchase_id = ? AND reverted_at IS NULL"
        return self._db.execute(question, (customer, purchase)).fetchone() is not None

    def _insert_transactions(self, batch: Transactions, visible_at: float) -> None:
        for entry in batch.entries:
            for transaction in entry.transactions:
                self._insert_transaction(entry.id, transaction, visible_at, native=False)

    def _insert_transaction(self, customer: str, transaction: Transaction, visible_at: float, *, native: bool) -> None:
        self._db.execute(
            "INSERT INTO transactions"
            " (customer, native, reward_id, brand_id, type, amount, body, issued_at, visible_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                customer,
                native,
                transaction.reward_id,
                transaction.brand_id,
                transaction.type,
                str(transaction.amount),
                transaction.body,
                transaction.issued_at,
                visible_at,
            ),
        )

    def add_native(self, customer: str, transaction: Transaction, now: float) -> None:
        """Record a transaction that the customer made after the migration: no revert takes them back any more."""
        with self._transaction():
            self._insert_transaction(customer, transaction, now, native=True)

    def count(self, target: str, outcome: str) -> None:
        """Count one request for the ledger."""
        self._db.execute(
            "INSERT INTO requests (target, outcome, n) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
            (target, outcome),
        )

    def revert(
        self, begin: float, end: float, now: float, after: tuple[float, int], most: int
    ) -> list[tuple[float, int]]:
        """Take back up to `most` customers applied from `begin` to `end` without a native transaction.

        Their events and transactions are taken back as well; what is queued for them is deleted. Returns the places
        of the customers taken back: call again with the last one as `after` until the list is empty.
        """
        with self._transaction():
            rows = self._db.execute(
                "SELECT visible_at, seq, id FROM customers AS c"
                " WHERE repeat = 0 AND reverted_at IS NULL AND visible_at >= ? AND visible_at <= min(?, ?)"
                " AND (visible_at, seq) > (?, ?) AND NOT EXISTS"
                " (SELECT 1 FROM transactions WHERE customer = c.id AND native = 1 AND reverted_at IS NULL)"
                " ORDER BY visible_at, seq LIMIT ?",
                (begin, end, now, *after, most),
            ).fetchall()
            for _, _, customer in rows:
                self._revert_customer(customer, now)
        return [(visible_at, seq) for visible_at, seq, _ in rows]

    def _revert_customer(self, customer: str, now: float) -> None:
        self._db.execute("DELETE FROM customers WHERE id = ? AND visible_at > ?", (customer, now))
        self._db.execute("DELETE FROM events WHERE customer = ? AND visible_at > ?", (customer, now))
        self._db.execute("DELETE FROM transactions WHERE customer = ? AND visible_at > ?", (customer, now))
        stamp = (now, customer)
        self._db.execute("UPDATE customers SET reverted_at = ? WHERE id = ? AND reverted_at IS NULL", stamp)
        self._db.execute("UPDATE events SET reverted_at = ? WHERE customer = ? AND reverted_at IS NULL", stamp)
        self._db.execute("UPDATE transactions SET reverted_at = ? WHERE customer = ? AND reverted_at IS NULL", stamp)

    # Reading

    def body_of(self, customer: str) -> bytes | None:
        """Return the record of a customer who is applied or queued."""
        row = self._db.execute(
            "SELECT body FROM customers WHERE id = ? AND repeat = 0 AND reverted_at IS NULL", (customer,)
        ).fetchone()
        return None if row is None else bytes(row[0])

    def mailbox_of(self, email: str) -> str:
        """Return what is equal for emails that the account takes for one. SQLite knows the case of ASCII only."""
        if not self._one_email:
            return email
        return "".join(character.lower() if character.isascii() else character for character in email)

    def owner_of(self, email: str) -> str | None:
        """Return the id of the customer, applied or queued, who has this email."""
        same = "lower(email) = lower(?)" if self._one_email else "email = ?"
        row = self._db.execute(
            f"SELECT id FROM customers WHERE {same} AND repeat = 0 AND reverted_at IS NULL",  # noqa: S608 - ours
            (email,),
        ).fetchone()
        return None if row is None else str(row[0])

    def visible(self, customer: str, now: float) -> tuple[bytes, float] | None:
        """Return the record of a customer who is applied, and since when."""
        row = self._db.execute(
            "SELECT body, visible_at FROM customers"
            " WHERE id = ? AND repeat = 0 AND reverted_at IS NULL AND visible_at <= ?",
            (customer, now),
        ).fetchone()
        return None if row is None else (bytes(row[0]), float(row[1]))

    def has_transactions(self, customer: str, until: float) -> bool:
        """Return whether this customer has migrated transactions that are applied by `until`."""
        row = self._db.execute(
            "SELECT 1 FROM transactions WHERE customer = ? AND native = 0 AND reverted_at IS NULL AND visible_at <= ?",
            (customer, until),
        ).fetchone()
        return row is not None

    def purchases(self, customer: str, now: float) -> list[Purchase]:
        """Return the applied PURCHASE events of a customer."""
        rows = self._db.execute(
            "SELECT spend, issued, issued_at, visible_at FROM events"
            " WHERE customer = ? AND type = ? AND reverted_at IS NULL AND visible_at <= ?",
            (customer, PURCHASE, now),
        )
        return [
            Purchase(spend=Decimal(spend), issued=issued, issued_at=issued_at, applied_at=applied_at)
            for spend, issued, issued_at, applied_at in rows
        ]

    def transactions(
        self,
        customer: str,
        now: float,
        *,
        issued: tuple[float, float] = (float("-inf"), float("inf")),
        brand_id: str | None = None,
        reward_id: str | None = None,
        type_: str | None = None,
    ) -> list[StoredTransaction]:
        """Return a customer's applied transactions issued from `issued[0]` up to before `issued[1]`, newest first."""
        rows = self._db.execute(
            f"{_TRANSACTIONS} AND customer = :customer ORDER BY issued_at DESC, seq DESC",
            {"customer": customer, "now": now, "begin": issued[0], "end": issued[1]}
            | {"brand_id": brand_id, "reward_id": reward_id, "type": type_},
        )
        return [_stored(*row) for row in rows]

    def transactions_of_all(
        self,
        now: float,
        *,
        day: tuple[float, float],
        by_creation: bool,
        after: int,
        most: int,
        filters: Mapping[str, str | None],
    ) -> list[StoredTransaction]:
        """Return applied transactions of all customers whose number is above `after`, in the order in which they came.

        They were issued, or created, from `day[0]` up to before `day[1]`. `filters` has `brand_id`, `reward_id` and
        `type`, None for any.
        """
        rows = self._db.execute(
            # `+`: the index by date is used
            f"{_OF_DAYS_CREATED if by_creation else _TRANSACTIONS} AND +seq > :after ORDER BY +seq LIMIT :most",
            {"now": now, "begin": day[0], "end": day[1], "after": after, "most": most, **filters},
        )
        return [_stored(*row) for row in rows]


_TRANSACTIONS = """
SELECT seq, native, reward_id, type, amount, body, visible_at FROM transactions
WHERE reverted_at IS NULL AND visible_at <= :now AND issued_at >= :begin AND issued_at < :end
AND (:brand_id IS NULL OR brand_id = :brand_id)
AND (:reward_id IS NULL OR lower(reward_id) = lower(:reward_id))
AND (:type IS NULL OR type = :type)
"""

_OF_DAYS_CREATED = _TRANSACTIONS.replace("issued_at", "visible_at")


def _stored(
    seq: int, native: int, reward: str, kind: str, amount: str, body: bytes, applied_at: float
) -> StoredTransaction:
    return StoredTransaction(
        seq=seq,
        native=bool(native),
        reward_id=reward,
        type=kind,
        amount=Decimal(amount),
        body=bytes(body),
        applied_at=applied_at,
    )
