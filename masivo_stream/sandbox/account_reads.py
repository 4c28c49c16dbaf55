"""The reads about the whole account: `rewards/get`, `tiers/get` and `transactions/get`.

Rewards and tiers are those of `model.sample_programme`; a migration does not change them. *Decisions* for what the
pages do not say:

* A reward without a brand belongs to every brand, so a `brand_id` in the query leaves out rewards of other brands only.
* Transactions are listed by the day of `issued_at` in UTC, in the order in which they came; `DayRule` has other days.
  `date` has to be there.
* No row names its customer.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from masivo_stream.model import contract
from masivo_stream.model.sample_programme import REWARDS, TIERS
from masivo_stream.sandbox.customer_answers import TransactionView, make_transaction_view, sequence_of
from masivo_stream.sandbox.http_answers import SandboxAnswer, answer, refusal
from masivo_stream.sandbox.sandbox_options import DayRule
from masivo_stream.sandbox.store import Store, StoredTransaction

LARGEST_INDEX = 999_999_999
"""The largest `from` or `to`."""

_INDEX = re.compile(r"\A[0-9]{1,9}\Z", re.ASCII)
_DATE = re.compile(r"\A([0-9]{2})-([0-9]{2})-([0-9]{4})\Z", re.ASCII)
_DAY = dt.timedelta(days=1)


class RewardView(Struct, kw_only=True):
    """A reward."""

    id: str
    brand_id: str | None = None
    name: str
    description: str = ""
    type: str
    conditions: dict[str, str] = {}
    attributes: dict[str, str] = {}


class RewardsAnswer(Struct):
    """The body of `rewards/get`."""

    data: list[RewardView]


class TierView(Struct, kw_only=True):
    """A tier."""

    id: str
    name: str
    status: str = "ACTIVE"
    level: int


class TiersAnswer(Struct):
    """The body of `tiers/get`."""

    data: list[TierView]


class ListedTransaction(TransactionView, kw_only=True):
    """A row of `transactions/get`."""

    reward_type: str | None
    event_type: str | None
    receiver_id: str | None = None
    sender_id: str | None = None


class ListedTransactionsAnswer(Struct):
    """The body of `transactions/get`."""

    data: list[ListedTransaction]


class _OfEvent(Struct):
    type: object = None


class _WithEvent(Struct):
    event: _OfEvent | None = None


_REWARD_TYPES = {reward.id: reward.type for reward in REWARDS}


def list_rewards(query: Mapping[str, str]) -> SandboxAnswer:
    """Answer `rewards/get`."""
    for name in ("from", "to"):
        if name in query and not _INDEX.match(query[name]):
            return refusal(422, f"{name}: expected a whole number from 0 to {LARGEST_INDEX}")
    wanted = query.get("type")
    if wanted is not None and wanted not in contract.REWARD_TYPES:
        return refusal(422, f"type: expected one of {', '.join(contract.REWARD_TYPES)}")
    found = [
        RewardView(id=reward.id, name=reward.name, type=reward.type)
        for reward in REWARDS
        if wanted in (None, reward.type)
    ]
    return answer(200, RewardsAnswer(found[int(query.get("from", 0)) : int(query.get("to", LARGEST_INDEX))]))


def list_tiers() -> SandboxAnswer:
    """Answer `tiers/get`."""
    return answer(
        200, TiersAnswer([TierView(id=tier.id, name=tier.name, level=at) for at, tier in enumerate(TIERS, 1)])
    )


def list_transactions(store: Store, query: Mapping[str, str], now: float, days: DayRule) -> SandboxAnswer:
    """Answer `transactions/get`."""
    day = _day(query.get("date", ""))
    if day is None:
        return refusal(422, "date: expected a day such as 31-12-2024")
    after = _sequence(query.get("cursor"))
    if after is None:
        return refusal(422, "cursor: expected the id of a transaction")
    entries = store.transactions_of_all(
        now,
        day=(day[0] - days.zone, day[1] - days.zone),
        by_creation=days.by_creation,
        after=after,
        most=contract.MOST_TRANSACTIONS_LISTED,
        filters={name: query.get(name) for name in ("brand_id", "reward_id", "type")},
    )
    return answer(200, ListedTransactionsAnswer([_list(entry) for entry in entries]))


def _day(text: str) -> tuple[float, float] | None:
    """Return the span of a day in wall seconds, None if the text names no day."""
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        begin = dt.datetime(int(found[3]), int(found[2]), int(found[1]), tzinfo=dt.UTC)
    except ValueError:
        return None
    return begin.timestamp(), begin.timestamp() + _DAY.total_seconds()


def _sequence(cursor: str | None) -> int | None:
    """Return the number after which the page begins, 0 without a cursor, None if the cursor is no id."""
    if cursor is None:
        return 0
    try:
        return sequence_of(uuid.UUID(cursor))
    except ValueError:
        return None


def _list(entry: StoredTransaction) -> ListedTransaction:
    event = msgspec.json.decode(entry.body, type=_WithEvent).event
    return ListedTransaction(
        **msgspec.structs.asdict(make_transaction_view(entry)),
        reward_type=_REWARD_TYPES.get(entry.reward_id.lower()),
        event_type=event.type if event is not None and isinstance(event.type, str) else None,
    )
