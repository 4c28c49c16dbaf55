"""Settle points: balances and transactions of one customer, which have to add up, reward by reward."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, structs

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import ANY_WORD, LEAVE_OUT, Policies, TransactionType
from masivo_stream.prepare.settling.customers import first_moment
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.returned_twice import drop_returned_twice
from masivo_stream.prepare.settling.rows import BalanceRow, LedgerRow, moment_key
from masivo_stream.prepare.settling.written_records import WrittenBalance, WrittenTransaction, number, text

MOST_TRANSACTIONS = CONTRACTS[Kind.TRANSACTIONS].max_items

OPENING = "opening balance"
CORRECTION = "correction: the entries did not add up to the balance"


class RewardIds(Struct, frozen=True):
    """The ids of rewards, by the names that SELECTs use."""

    by_name: dict[str, str]
    """With each id as a name of itself."""

    def find(self, written: str | None) -> str | None:
        """Return the id of a reward; None if it is not known."""
        return None if written is None else self.by_name.get(written) or _as_uuid(written)


_HEX = frozenset("0123456789abcdefABCDEF")
_GROUPS = (8, 4, 4, 4, 12)


def _as_uuid(written: str) -> str | None:
    """Return a UUID in its text form (RFC 9562, section 4), or None."""
    groups = written.split("-")
    fits = [*map(len, groups)] == [*_GROUPS] and _HEX.issuperset("".join(groups))
    return written if fits else None


class LedgerEntry(Struct, frozen=True, gc=False):
    """An entry that will be written, or merged into one."""

    reward_id: str
    type: str
    amount: int
    issued_at: str
    place: int
    """Of the balance, for an entry that was added."""
    details: str | None = None
    brand_id: str | None = None
    channel_id: str | None = None
    store_id: str | None = None
    corrects: bool = False
    """Whether it was added so that the sum is right."""


class SettledPoints(Struct):
    """What is written of a customer's points."""

    balances: list[WrittenBalance]
    transactions: list[WrittenTransaction]
    remarks: list[Remark]


class PointsMapping(Struct, frozen=True):
    """What the mapping says about points."""

    rewards: RewardIds
    types: dict[str, TransactionType]
    policies: Policies
    writes_balances: bool = True
    """Whether customers are written, and balances with them. If not, balances only decide about transactions."""


def settle_points(
    balances: Iterable[BalanceRow], ledger: Iterable[LedgerRow], registered: str | None, mapping: PointsMapping
) -> SettledPoints:
    """Return balances and transactions that add up, reward by reward.

    `registered` dates an opening entry. If it is not known, the first entry of the reward does; without any entry, the
    balance is left out.
    """
    remarks: list[Remark] = []
    balances = drop_returned_twice(FlatTable.BALANCES, balances, remarks)
    ledger = drop_returned_twice(FlatTable.TRANSACTIONS, ledger, remarks)
    kept = [each for each in balances if _is_usable(each, mapping.rewards, remarks)]
    entries = [entry for row in ledger if (entry := _read_entry(row, mapping, remarks)) is not None]
    by_reward: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        by_reward.setdefault(entry.reward_id, []).append(entry)
    of_reward: dict[str, list[BalanceRow]] = {}
    for row in kept:
        of_reward.setdefault(mapping.rewards.find(row.reward) or "", []).append(row)
    written: list[WrittenBalance] = []
    agreed: list[LedgerEntry] = []
    for reward in sorted({*by_reward, *of_reward}):
        rows, known = _drop_same(of_reward.get(reward, []), remarks), by_reward.get(reward, [])
        begin = registered or first_moment(entry.issued_at for entry in known) or ""
        if not begin and sum((row.amount or 0 for row in rows), 0):  # there is no entry to take the date of
            remarks += [_left(FlatTable.BALANCES, Why.MISSING_DATE, row.place, row.amount or 0) for row in rows]
            continue
        noted: list[Remark] = []
        agreed += _agree(reward, rows, known, begin, mapping, written, noted)
        if not mapping.writes_balances:
            noted = [each for each in noted if each.table is not FlatTable.BALANCES]
            noted += [_left(FlatTable.BALANCES, Why.NOT_WRITTEN, row.place, row.amount or 0) for row in rows]
        remarks += noted
    written = written if mapping.writes_balances else []
    agreed = _merge(agreed, mapping.policies, remarks)
    agreed.sort(key=_by_date)
    return SettledPoints(written, [_write(entry) for entry in agreed], remarks)


def leave_out_points(balances: Iterable[BalanceRow], ledger: Iterable[LedgerRow], why: Why) -> Iterable[Remark]:
    """Yield a remark per row of a customer who is left out."""
    for balance in balances:
        yield _left(FlatTable.BALANCES, why, balance.place, balance.amount or 0)
    for row in ledger:
        yield _left(FlatTable.TRANSACTIONS, why, row.place, row.amount or 0)


def _left(table: FlatTable, why: Why, place: int, points: int) -> Remark:
    return Remark(table, Action.LEFT_OUT, why, place, points=points)


def _is_usable(row: BalanceRow, rewards: RewardIds, remarks: list[Remark]) -> bool:
    why = None
    if row.fault is not None:
        why = Why(row.fault)
    elif rewards.find(row.reward) is None:
        why = Why.UNKNOWN_REWARD
    elif row.amount is None:
        why = Why.MISSING_AMOUNT
    if why is not None:
        remarks.append(_left(FlatTable.BALANCES, why, row.place, row.amount or 0))
    return why is None


def _drop_same(rows: list[BalanceRow], remarks: list[Remark]) -> list[BalanceRow]:
    """Return each balance of one reward once: rows that say the same come from exports that overlap.

    Rows that differ in nothing but the amount may be old and new, or two parts of one balance: they are listed.
    """
    kept: list[BalanceRow] = []
    known = set()
    for row in rows:
        about = (row.expiration_date, row.issued_at, row.brand_id)
        if (row.amount, about) in known:
            remarks.append(_left(FlatTable.BALANCES, Why.SAME_ROW_TWICE, row.place, row.amount or 0))
            continue
        if about in known:
            remarks.append(Remark(FlatTable.BALANCES, Action.GUESSED, Why.BALANCE_TWICE, row.place))
        known |= {about, (row.amount, about)}
        kept.append(row)
    return kept


def _read_entry(row: LedgerRow, mapping: PointsMapping, remarks: list[Remark]) -> LedgerEntry | None:
    """Return an entry, or None with a remark."""
    reward, why = mapping.rewards.find(row.reward), None
    if row.fault is not None:
        why = Why(row.fault)
    elif reward is None:
        why = Why.UNKNOWN_REWARD
    elif row.amount is None:
        why = Why.MISSING_AMOUNT
    elif row.amount == 0:
        why = Why.ZERO_AMOUNT
    elif row.issued_at is None:
        why = Why.MISSING_DATE
    meaning = mapping.types.get(row.type or "", mapping.types.get(ANY_WORD)) if mapping.types else "by_sign"
    if why is None and meaning is None:
        why = Why.UNMAPPED_TYPE
    elif why is None and meaning == "left_out":
        why = Why.TYPE_LEFT_OUT
    if why is not None or reward is None or row.amount is None or row.issued_at is None or meaning is None:
        remarks.append(_left(FlatTable.TRANSACTIONS, why or Why.MISSING_AMOUNT, row.place, row.amount or 0))
        return None
    kind = _type(meaning, row.amount)
    if meaning not in {"by_sign", kind}:
        remarks.append(Remark(FlatTable.TRANSACTIONS, Action.CORRECTED, Why.TYPE_UNLIKE_SIGN, row.place))
    return LedgerEntry(
        reward, kind, row.amount, row.issued_at, row.place, row.details, row.brand_id, row.channel_id, row.store_id
    )


def _type(meaning: str, amount: int) -> str:
    """Return the type to write: the mapped one if it fits the amount's sign, else the sign's own."""
    takes = amount < 0
    if meaning in {"MIGRATION", "TRANSFER", "REVERSAL"} or meaning in (_TAKING if takes else _ADDING):
        return meaning
    return "REDEMPTION" if takes else "ACCUMULATION"


_TAKING = frozenset({"REDEMPTION", "EXPIRATION"})
_ADDING = frozenset({"ACCUMULATION"})


def _agree(
    reward: str,
    rows: list[BalanceRow],
    entries: list[LedgerEntry],
    registered: str,
    mapping: PointsMapping,
    written: list[WrittenBalance],
    remarks: list[Remark],
) -> list[LedgerEntry]:
    """Make balance and entries of one reward agree: add the balances to `written`, and return the entries."""
    earned = sum(entry.amount for entry in entries)
    balance = sum(row.amount or 0 for row in rows)
    if not rows:
        remarks.append(Remark(FlatTable.BALANCES, Action.ADDED, Why.NO_BALANCE, entries[0].place, points=earned))
        written.append(WrittenBalance(reward, number(earned)))
        return entries
    if earned == balance:
        written += map(_write_balance, rows, [reward] * len(rows))
        return entries
    place, difference = rows[0].place, balance - earned
    policy = mapping.policies.ledger_differs
    if policy == "trust_ledger" and entries:
        remarks += [_left(FlatTable.BALANCES, Why.LEDGER_DIFFERS, row.place, row.amount or 0) for row in rows]
        remarks.append(Remark(FlatTable.BALANCES, Action.ADDED, Why.LEDGER_DIFFERS, place, points=earned))
        written.append(WrittenBalance(reward, number(earned)))
        return entries
    written += map(_write_balance, rows, [reward] * len(rows))
    if policy == LEAVE_OUT:
        if not entries:
            remarks.append(Remark(FlatTable.BALANCES, Action.GUESSED, Why.LEDGER_DIFFERS, place))
        remarks += [_left(FlatTable.TRANSACTIONS, Why.LEDGER_DIFFERS, each.place, each.amount) for each in entries]
        return []
    if policy == "trust_balance" and entries:
        remarks += [_left(FlatTable.TRANSACTIONS, Why.LEDGER_DIFFERS, each.place, each.amount) for each in entries]
        entries, difference = [], balance
        if difference == 0:
            return entries
    remarks.append(Remark(FlatTable.TRANSACTIONS, Action.ADDED, Why.LEDGER_DIFFERS, place, points=difference))
    return [*entries, _correction(rows[0], reward, difference, entries, registered)]


def _correction(row: BalanceRow, reward: str, amount: int, entries: list[LedgerEntry], registered: str) -> LedgerEntry:
    """Return the entry that makes the sum right.

    What is missing comes first and what is too much goes last, so that the entry never makes the balance run lower on
    the way.
    """
    dates = [entry.issued_at for entry in entries]
    ends = min([registered, *dates], key=moment_key) if amount > 0 else max(dates, default=registered, key=moment_key)
    kind = "ACCUMULATION" if amount > 0 else "REDEMPTION"
    return LedgerEntry(reward, kind, amount, ends, row.place, CORRECTION if entries else OPENING, corrects=True)


def _write_balance(row: BalanceRow, reward: str) -> WrittenBalance:
    return WrittenBalance(
        reward, number(row.amount or 0), text(row.expiration_date), text(row.issued_at), text(row.brand_id)
    )


def _merge(entries: list[LedgerEntry], policies: Policies, remarks: list[Remark]) -> list[LedgerEntry]:
    """Return at most as many entries as a request takes; the oldest become one per reward and sign."""
    if len(entries) <= MOST_TRANSACTIONS:
        return entries
    if policies.too_many_transactions == LEAVE_OUT:
        remarks += [_left(FlatTable.TRANSACTIONS, Why.TOO_MANY, each.place, each.amount) for each in entries]
        return []
    entries = sorted(entries, key=_by_date)
    groups: dict[tuple[str, bool], list[LedgerEntry]] = {}
    taken = 0
    while len(entries) - taken + len(groups) > MOST_TRANSACTIONS:
        entry = entries[taken]
        groups.setdefault((entry.reward_id, entry.amount < 0), []).append(entry)
        taken += 1
    merged = []
    for group in groups.values():
        merged.append(_merge_group(group))
        if len(group) > 1:
            remarks += [
                Remark(FlatTable.TRANSACTIONS, Action.MERGED, Why.TOO_MANY, each.place, points=each.amount)
                for each in group
            ]
            amount, place = merged[-1].amount, merged[-1].place
            remarks.append(Remark(FlatTable.TRANSACTIONS, Action.ADDED, Why.TOO_MANY, place, points=amount))
    return [*merged, *entries[taken:]]


def _merge_group(group: list[LedgerEntry]) -> LedgerEntry:
    if len(group) == 1:
        return group[0]
    amount, last = sum(entry.amount for entry in group), group[-1]
    return structs.replace(
        last,
        amount=amount,
        type="ACCUMULATION" if amount > 0 else "REDEMPTION",
        details=f"{len(group)} older entries together",
        brand_id=None,
        channel_id=None,
        store_id=None,
    )


def _by_date(entry: LedgerEntry) -> tuple[str, int, int]:
    """Entries of one moment: those that add come before those that take, and corrections at both ends."""
    side = (entry.amount < 0) * 2 - 1
    return moment_key(entry.issued_at), side * (1 + entry.corrects), entry.place


def _write(entry: LedgerEntry) -> WrittenTransaction:
    return WrittenTransaction(
        entry.reward_id,
        entry.type,
        number(entry.amount),
        entry.issued_at,
        UNSET if entry.details is None else entry.details,
        text(entry.brand_id),
        text(entry.channel_id),
        text(entry.store_id),
    )
