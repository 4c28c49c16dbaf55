"""Collect what valid lines name by id: rewards, tiers, brands, stores, channels, and types of event.

Lines are decoded once more, into types that hold nothing but references. Most parts of records (a transaction, a line
of a balance, an event) name the same few combinations of ids. So combinations are counted, by C code, a block at a
time, and a combination is taken apart only once, when the counts are folded into those of single ids.

Memory is bounded: combinations are folded when there are `MOST_COMBINATIONS` of them, or when the lines in which new
ones were found hold `MOST_BYTES`. Of each sort `most_distinct` ids are listed; the uses of further ones are counted.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from operator import attrgetter
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.references import ReferenceList, References, ReferenceUse, RewardOfBrand
from masivo_stream.model.results import Entry

MOST_DISTINCT = 2000
"""Ids listed of each sort: twice what an account may hold of any (`contract.MOST_IN_ACCOUNT`)."""

MOST_COMBINATIONS = 8192
MOST_BYTES = 32 * 1024 * 1024

LONGEST_ID = 100
"""Characters of an id that are kept. A longer one is kept by its beginning and its hash."""

_UUIDS = frozenset({ReferenceSort.REWARD, ReferenceSort.TIER})
"""Sorts whose ids are UUIDs: upper and lower case are the same (RFC 9562)."""


class _Placed(Struct, frozen=True, gc=False):
    brand_id: str | None = None
    channel_id: str | None = None
    store_id: str | None = None


class _Amount(_Placed, frozen=True, gc=False):
    reward_id: str | None = None


class _Period(Struct, frozen=True, gc=False):
    tier_id: str | None = None


class _Metrics(Struct, frozen=True, gc=False):
    lifetime: _Period | None = None
    last_year: _Period | None = None
    this_year: _Period | None = None
    last_month: _Period | None = None
    this_month: _Period | None = None
    last_quarter: _Period | None = None
    this_quarter: _Period | None = None
    last_semester: _Period | None = None
    this_semester: _Period | None = None


class _Redeemed(Struct, frozen=True, gc=False):
    id: str | None = None


class _Redeeming(Struct, frozen=True, gc=False):
    redeem: tuple[_Redeemed, ...] = ()


class _Order(_Redeeming, frozen=True, gc=False):
    channel_id: str | None = None
    store_id: str | None = None
    products: tuple[_Redeeming, ...] = ()
    shipping: _Redeeming = _Redeeming()


class _Event(_Placed, frozen=True, gc=False):
    type: str | None = None
    order: _Order = _Order()


class _Customer(Struct, gc=False):
    balance: tuple[_Amount, ...] = ()
    metrics: _Metrics = _Metrics()


class _Events(Struct, gc=False):
    events: tuple[_Event, ...]


class _Transactions(Struct, gc=False):
    transactions: tuple[_Amount, ...]


_Part = _Amount | _Metrics | _Event
_Record = _Customer | _Events | _Transactions

_RECORDS: dict[Kind, type[_Record]] = {
    Kind.CUSTOMERS: _Customer,
    Kind.EVENTS: _Events,
    Kind.TRANSACTIONS: _Transactions,
}


def _parts_of_customer(record: _Customer) -> Sequence[_Part]:
    return (*record.balance, record.metrics)


_PARTS: dict[Kind, Callable[..., Sequence[_Part]]] = {
    Kind.CUSTOMERS: _parts_of_customer,
    Kind.EVENTS: attrgetter("events"),
    Kind.TRANSACTIONS: attrgetter("transactions"),
}


def _named(part: _Part) -> Iterator[tuple[ReferenceSort, str | None]]:
    """Yield every id in a part of a record, None for one that is absent."""
    match part:
        case _Metrics():
            periods: Iterable[_Period | None] = msgspec.structs.astuple(part)
            yield from ((ReferenceSort.TIER, period.tier_id) for period in periods if period is not None)
            return
        case _Amount():
            yield ReferenceSort.REWARD, part.reward_id
        case _Event():
            yield ReferenceSort.EVENT_TYPE, part.type
            order = part.order
            yield ReferenceSort.CHANNEL, order.channel_id
            yield ReferenceSort.STORE, order.store_id
            for place in (order, order.shipping, *order.products):
                yield from ((ReferenceSort.REWARD, redeemed.id) for redeemed in place.redeem)
    yield ReferenceSort.BRAND, part.brand_id
    yield ReferenceSort.CHANNEL, part.channel_id
    yield ReferenceSort.STORE, part.store_id


class _Used(Struct, gc=False):
    """How often an id came, and where first."""

    id: str
    uses: int
    file: str
    line: int


KeyT = TypeVar("KeyT", bound=Hashable)


class _Ids(Generic[KeyT]):
    """Ids by a key that is the same for every way to write one of them; at most a number of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.used: dict[KeyT, _Used] = {}
        self.further = 0
        """Uses of ids for which there was no place."""

    def add(self, key: KeyT, id_: str, uses: int, place: tuple[str, int]) -> None:
        known = self.used.get(key)
        if known is not None:
            known.uses += uses
        elif len(self.used) < self._most:
            self.used[key] = _Used(id_, uses, *place)
        else:
            self.further += uses

    def result(self) -> ReferenceList:
        listed = [
            ReferenceUse(id=used.id, uses=used.uses, file=used.file, line=used.line) for used in self.used.values()
        ]
        return ReferenceList(
            distinct=len(listed) + (self.further > 0),
            complete=not self.further,
            uses=sum(used.uses for used in listed) + self.further,
            listed=listed,
        )


def _shorten(name: str) -> str:
    if len(name) <= LONGEST_ID:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{name[:LONGEST_ID]}…{digest}"


class ReferenceCollector:
    """Give it the results of all lines, in reading order, one kind after the other; then take its result."""

    def __init__(self, *, most_distinct: int = MOST_DISTINCT, most_combinations: int = MOST_COMBINATIONS) -> None:
        """List at most `most_distinct` ids of each sort."""
        self._sorts = {sort: _Ids[str](most_distinct) for sort in ReferenceSort}
        self._pairs = _Ids[tuple[str, str]](most_distinct)
        """Rewards with a brand."""
        self._most = most_combinations
        self._decoders = {kind: msgspec.json.Decoder(record).decode for kind, record in _RECORDS.items()}
        self._combinations: Counter[_Part] = Counter()
        self._first: dict[_Part, tuple[str, int]] = {}
        self._bytes = 0

    def add(self, kind: Kind, found: Iterable[LineResults]) -> None:
        """Count what the valid ones of these lines name; others are left out."""
        for each in found:
            if isinstance(each, EntryRun):
                self.add_lines(kind, each.bodies, each.file, each.line)
            elif isinstance(each, Entry):
                self.add_lines(kind, [each.body], *each.record)

    def result(self) -> References:
        """Return what was named."""
        self._fold()
        return References(
            by_sort={sort: ids.result() for sort, ids in self._sorts.items()},
            rewards_of_brands=[
                RewardOfBrand(reward_id=used.id, brand_id=brand, uses=used.uses, file=used.file, line=used.line)
                for (_, brand), used in self._pairs.used.items()
            ],
        )

    def add_lines(self, kind: Kind, bodies: Sequence[bytes], file: str, line: int) -> None:
        """Count what valid lines of a file name that follow one another from `line` on."""
        parts = list(map(_PARTS[kind], map(self._decoders[kind], bodies)))
        known = len(self._combinations)
        self._combinations.update(chain.from_iterable(parts))
        if len(self._combinations) == known:  # almost always, after the first few blocks
            return
        for number, of_line in enumerate(parts, line):
            known = len(self._first)
            for part in of_line:
                self._first.setdefault(part, (file, number))
            if len(self._first) > known:
                self._bytes += len(bodies[number - line])
        if len(self._combinations) > self._most or self._bytes > MOST_BYTES:
            self._fold()

    def _fold(self) -> None:
        """Add the combinations to the ids that they name, and forget them."""
        for part, place in self._first.items():
            uses = self._combinations[part]
            for sort, name in _named(part):
                if name is not None:
                    id_ = _shorten(name)
                    self._sorts[sort].add(id_.lower() if sort in _UUIDS else id_, id_, uses, place)
            if isinstance(part, _Amount) and part.reward_id is not None and part.brand_id is not None:
                reward = _shorten(part.reward_id)
                self._pairs.add((reward.lower(), _shorten(part.brand_id)), reward, uses, place)
        self._combinations.clear()
        self._first.clear()
        self._bytes = 0
