"""The target API's contract: every outside number and path, each once, with its source.

Client and sandbox both read this module, so that they cannot drift apart. Our own numbers are in `model.settings`.
Sources are the vendor's public pages at docs.masivo.ai, named by their path:

* `customers/migrate/post`, `customers/migrate/events/post`, `customers/migrate/transactions/post`
* `customers/[id]/get`, `customers/[id]/transactions/get`, `rewards/get`, `tiers/get`, `transactions/get`
* `guides/migrate-customers` (rules and limits of a migration), `guides/integrate-with-masivo` (auth)
* `resources/resource-limits` (rate limits)

If the pages say nothing, the line says *decision*.
"""

import enum
from urllib.parse import urlencode

import msgspec

BASE_URL = "https://app.masivo.ai/api/storefront/v1"
"""Server of `customers/migrate/events/post`; the guide also shows `https://api.masivo.ai`. *Decision:* the first."""

VENDOR_DOMAIN = "masivo.ai"
"""Hosts under this domain are the vendor's: a run without limits is refused there."""

AUTHORIZE_PATH = "/auth/authorize"
"""GET with `x-api-key`; answers `{"data": "<JWT>"}` (guides/integrate-with-masivo)."""

TOKEN_LIFETIME_SECONDS = 3600.0
"""A token ends one hour after it was issued (guides/integrate-with-masivo)."""

TOKEN_REFRESH_EARLY_SECONDS = 300.0
"""The vendor's example refreshes five minutes before the end (guides/integrate-with-masivo)."""

PURCHASE = "PURCHASE"
"""The only type of event that makes the system recalculate a customer's metrics (guides/migrate-customers)."""

ENQUEUED_STATUS = 201
"""The answer to a migration (customers/migrate/post and its like). *Decision:* whatever its body."""

ACCEPTED_STATUSES_TOO = frozenset({200, 202, 204})
"""*Decision:* without a body, or with a JSON object that reports no error, these count as accepted, with a warning."""

REVERT_PATH = "/customers/migrate"
"""DELETE with `{"start_date", "end_date"}` (guides/migrate-customers). *Decision:* any 2xx is success."""

MIGRATION_WINDOWS_PROD = ("1/5s", "1000/h")
"""All migration endpoints together, production account (resources/resource-limits)."""

MIGRATION_WINDOWS_DEV = ("1/5s", "250/h")
"""All migration endpoints together, development account (resources/resource-limits)."""

GENERAL_WINDOWS_DEV = ("1000/d",)
"""All endpoints of a development account together; an older page says 2500 (resources/resource-limits)."""

GENERAL_WINDOWS_DEV_OLDER = ("2500/d",)
"""What an older page says in the same place."""

LIMIT_HEADER = "X-RateLimit-Limit"
REMAINING_HEADER = "X-RateLimit-Remaining"
RESET_HEADER = "X-RateLimit-Reset"
"""Seconds until the window resets (resources/resource-limits)."""
RETRY_AFTER_HEADER = "Retry-After"
"""Seconds, with a 429 (resources/resource-limits); RFC 9110 10.2.3 allows a date as well."""

MAX_BODY_BYTES = 4_000_000
"""*Decision:* no page states a limit; this is under the smallest common gateway limit (Vercel Functions: 4.5 MB)."""

REWARDS_PATH = "/rewards"
"""GET with `from` and `to`; also `brand_id` and `type` (rewards/get).

*Decision:* `from` counts rewards from 0, and `to` is the number of the first reward that is not wanted."""

REWARD_TYPES = ("POINTS", "DISCOUNT", "GIFT_CARD", "PRODUCT")
"""The types of rewards (rewards/get)."""

TIERS_PATH = "/tiers"
"""GET; answers all tiers (tiers/get)."""

TRANSACTIONS_PATH = "/transactions"
"""GET with `date` (DD-MM-YYYY); also `cursor` (the last id of the page before), `reward_id`, `brand_id` and `type`
(transactions/get). The page does not say which date counts, nor whether a row names its customer. *Decision for the
sandbox:* the date of `issued_at` in UTC; no row names its customer."""

MOST_TRANSACTIONS_LISTED = 1000
"""Rows in one answer to `TRANSACTIONS_PATH` (transactions/get)."""

PRODUCTION_ACCOUNT_RECORDS = 5_000
"""Records from which a Production account is advised: guides/migrate-customers says "several thousands". *Decision.*"""


class Kind(enum.StrEnum):
    """What is migrated, in the order that the guide prescribes: each kind needs the ones before it."""

    CUSTOMERS = "customers"
    EVENTS = "events"
    TRANSACTIONS = "transactions"


class ReferenceSort(enum.StrEnum):
    """Sorts of what records name, which the account has to have already (guides/migrate-customers)."""

    REWARD = "rewards"
    TIER = "tiers"
    BRAND = "brands"
    STORE = "stores"
    CHANNEL = "channels"
    EVENT_TYPE = "event_types"


MOST_IN_ACCOUNT: dict[ReferenceSort, int] = {
    ReferenceSort.REWARD: 1000,
    ReferenceSort.TIER: 10,
    ReferenceSort.BRAND: 200,
    ReferenceSort.STORE: 1000,
    ReferenceSort.CHANNEL: 50,
    ReferenceSort.EVENT_TYPE: 50,
}
"""The most that an account may hold (resources/resource-limits). Of event types, only custom ones count."""

BUILT_IN_EVENT_TYPES = frozenset({PURCHASE})
"""Types of event that every account has. *Decision:* no page lists them; the guide names this one."""


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind is migrated."""

    kind: Kind
    path: str
    """Under the base URL. The answer is 201 for "enqueued"."""
    item_field: str | None
    """The field of the record that holds its list of items; None if the record itself is the item."""
    max_records: int
    """Customers in one request at most."""
    max_items: int
    """Items in one request at most."""
    splittable: bool
    """Whether one record's items may travel in several requests."""
    repeatable: bool
    """Whether a request in doubt may be sent again without counting anything twice."""

    @property
    def stays_whole(self) -> bool:
        """Whether a record holds several items and may not be split: only then packing is bin packing."""
        return self.item_field is not None and not self.splittable


CONTRACTS: dict[Kind, Contract] = {
    Kind.CUSTOMERS: Contract(
        kind=Kind.CUSTOMERS,
        path="/customers/migrate",
        item_field=None,
        max_records=1000,  # guides/migrate-customers: at most 1000 users a payload
        max_items=1000,
        splittable=False,
        repeatable=True,  # ids are unique per account: a second one may be refused, it cannot double (decision)
    ),
    Kind.EVENTS: Contract(
        kind=Kind.EVENTS,
        path="/customers/migrate/events",
        item_field="events",
        max_records=1000,  # customers/migrate/events/post: 1..1000 customers
        max_items=1000,  # guides/migrate-customers: at most 1000 events in all, at least one each
        splittable=True,  # guides/migrate-customers: events can be migrated in several goes
        repeatable=False,  # decision: the same event sent twice is counted twice
    ),
    Kind.TRANSACTIONS: Contract(
        kind=Kind.TRANSACTIONS,
        path="/customers/migrate/transactions",
        item_field="transactions",
        max_records=1000,  # decision: as for events
        max_items=1000,  # guides/migrate-customers: at most 1000 transactions a payload
        splittable=False,  # guides/migrate-customers: they must match the balance and not be migrated again
        repeatable=False,  # decision: inside the queue's delay a second one may not be recognised
    ),
}


def customer_path(quoted_id: str) -> str:
    """Return the path of one customer; `quoted_id` is percent-encoded already (customers/[id]/get)."""
    return f"/customers/{quoted_id}"


def customer_transactions_path(quoted_id: str) -> str:
    """Return the path of one customer's transactions (customers/[id]/transactions/get)."""
    return f"/customers/{quoted_id}/transactions"


def rewards_path(start: int, end: int) -> str:
    """Return the path of the rewards number `start` up to before `end`, counted from 0 (rewards/get)."""
    return f"{REWARDS_PATH}?from={start}&to={end}"


def transactions_path(day: str, cursor: str = "", **filters: str) -> str:
    """Return the path of a day's transactions of all customers; `day` is DD-MM-YYYY (transactions/get).

    `cursor` is the last id of the page before; `filters` are `reward_id`, `brand_id` and `type`, left out if empty.
    """
    query = {"date": day, "cursor": cursor, **filters}
    return f"{TRANSACTIONS_PATH}?{urlencode({name: value for name, value in query.items() if value})}"


SANDBOX_API_KEY = "5a5d0b0c-0000-4000-8000-6d617369766f"
"""The fixed, public key of the sandbox, not the vendor's. It is refused for any host but this machine."""


def sandbox_key(number: int) -> str:
    """Return the public key of a sandbox's account; accounts are numbered from 1."""
    return f"{SANDBOX_API_KEY[:-4]}{int(SANDBOX_API_KEY[-4:], 16) + number - 1:04x}"


def is_sandbox_key(key: str) -> bool:
    """Return whether a key is that of any account of a sandbox."""
    return len(key) == len(SANDBOX_API_KEY) and key[:-4] == SANDBOX_API_KEY[:-4]
