"""Settle one customer: all flat rows in, at most one record of each kind out, and remarks about everything else."""

from collections.abc import Iterable

from msgspec import UNSET, Struct

from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import (
    FIRST_ACTIVITY,
    LEAVE_OUT,
    CustomersMapping,
    EventsMapping,
    Mapping,
    Policies,
)
from masivo_stream.prepare.settling.customers import choose_row, first_moment, fixed_date, registration, write_customer
from masivo_stream.prepare.settling.points import (
    PointsMapping,
    RewardIds,
    SettledPoints,
    leave_out_points,
    settle_points,
)
from masivo_stream.prepare.settling.purchases import SettledPurchases, leave_out_purchases, settle_purchases
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.rows import BalanceRow, CustomerRow, CustomerRows, LedgerRow, LineItemRow
from masivo_stream.prepare.settling.written_records import (
    WrittenCustomer,
    WrittenEvents,
    WrittenTransactions,
)


class SettledCustomer(Struct):
    """What is written about one customer."""

    customer: WrittenCustomer | None
    events: WrittenEvents | None
    transactions: WrittenTransactions | None
    remarks: list[Remark]


class SettlingRules(Struct, frozen=True):
    """The parts of a mapping that decide about rows."""

    customers: CustomersMapping | None
    """None: customers were migrated before."""
    events: EventsMapping
    points: PointsMapping
    policies: Policies


def make_rules(mapping: Mapping) -> SettlingRules:
    """Return the rules of a mapping."""
    ids = {**{id_: id_ for id_ in mapping.rewards.values()}, **mapping.rewards}
    types = mapping.transactions.types if mapping.transactions is not None else {}
    return SettlingRules(
        customers=mapping.customers,
        events=mapping.events or EventsMapping(select=""),
        points=PointsMapping(RewardIds(ids), types, mapping.policies, writes_balances=mapping.customers is not None),
        policies=mapping.policies,
    )


def settle(rows: CustomerRows, rules: SettlingRules) -> SettledCustomer:
    """Decide what becomes of the rows of a customer, of whom there is a row of customers if these are mapped at all."""
    if rules.customers is None:
        return _settle_belongings(rows, rules)
    chosen = choose_row(rows.customers, rules.policies, rules.customers.statuses)
    remarks, why, row = chosen.remarks, chosen.why, chosen.row
    if row is not None and why is None and rows.email_lost:
        why = Why.EMAIL_TWICE
    if row is not None and why is None:
        activity = first_activity(rows) if row.registration_date is None else None
        registered = registration(row, rules.policies, activity)
        if registered.date is not None:
            return _write(rows, row, registered.date, rules, remarks, guessed=registered.guessed)
        why = Why.MISSING_DATE
    if row is not None and why is not None:
        remarks.append(Remark(FlatTable.CUSTOMERS, Action.LEFT_OUT, why, row.place))
    whole = Why.CUSTOMER_DELETED if why is Why.CUSTOMER_DELETED else Why.CUSTOMER_LEFT_OUT
    remarks += leave_out_points(rows.balances, rows.ledger, whole)
    remarks += leave_out_purchases(rows.line_items, whole)
    return SettledCustomer(None, None, None, remarks)


def _settle_belongings(rows: CustomerRows, rules: SettlingRules) -> SettledCustomer:
    """Settle what belongs to a customer who was migrated before, and of whom nothing but the id is known."""
    begin = first_activity(rows) if rules.policies.missing_date == FIRST_ACTIVITY else None
    if rules.policies.missing_date not in {FIRST_ACTIVITY, LEAVE_OUT}:
        begin = fixed_date(rules.policies.missing_date)
    points = settle_points(rows.balances, rows.ledger, begin, rules.points)
    purchases = settle_purchases(rows.line_items, rules.events, rules.policies)
    return _settled(rows.id, None, points, purchases, [])


def first_activity(rows: CustomerRows) -> str | None:
    """Return the first date of what belongs to a customer; None without any."""
    return first_moment([*(item.issued_at for item in rows.line_items), *(entry.issued_at for entry in rows.ledger)])


def _settled(
    id_: str,
    customer: WrittenCustomer | None,
    points: SettledPoints,
    purchases: SettledPurchases,
    remarks: list[Remark],
) -> SettledCustomer:
    return SettledCustomer(
        customer,
        WrittenEvents(id_, purchases.events) if purchases.events else None,
        WrittenTransactions(id_, points.transactions) if points.transactions else None,
        [*remarks, *points.remarks, *purchases.remarks],
    )


def leave_out_rows(table: FlatTable, rows: Iterable[object], why: Why) -> Iterable[Remark]:
    """Yield a remark per row of a table, without collecting rows: of a customer who is unknown, or of none."""
    if table is FlatTable.EVENTS:
        yield from leave_out_purchases((row for row in rows if isinstance(row, LineItemRow)), why)
    for row in rows if table is not FlatTable.EVENTS else ():
        match row:
            case BalanceRow() | LedgerRow():
                yield Remark(table, Action.LEFT_OUT, why, row.place, points=row.amount or 0)
            case CustomerRow():
                yield Remark(table, Action.LEFT_OUT, why, row.place)


def _write(
    rows: CustomerRows, row: CustomerRow, registered: str, rules: SettlingRules, remarks: list[Remark], *, guessed: bool
) -> SettledCustomer:
    if guessed:
        remarks.append(Remark(FlatTable.CUSTOMERS, Action.GUESSED, Why.MISSING_DATE, row.place))
    if row.name is None:
        remarks.append(Remark(FlatTable.CUSTOMERS, Action.GUESSED, Why.MISSING_NAME, row.place))
    customer = write_customer(row, row.name or rules.policies.missing_name, registered, remarks)
    # A row of customers that does not count must not give its balance a second time.
    not_counted = {
        each.place: each.why for each in remarks if each.action is Action.LEFT_OUT and each.place != row.place
    }
    for balance in rows.balances:
        if (why := not_counted.get(balance.place)) is not None:
            remarks += leave_out_points([balance], [], why)
    balances = [balance for balance in rows.balances if balance.place not in not_counted]
    points = settle_points(balances, rows.ledger, registered, rules.points)
    purchases = settle_purchases(rows.line_items, rules.events, rules.policies)
    customer.balance = points.balances or UNSET
    return _settled(rows.id, customer, points, purchases, remarks)
