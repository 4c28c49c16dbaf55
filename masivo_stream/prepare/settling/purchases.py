"""Settle purchases: line items become orders, and orders become events."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from msgspec import UNSET, Struct

from masivo_stream.model.contract import PURCHASE
from masivo_stream.prepare.mapping.flat_columns import FlatTable
from masivo_stream.prepare.mapping.frame import ANY_WORD, LEAVE_OUT, EventsMapping, EventStatus, PaymentMethod, Policies
from masivo_stream.prepare.settling.remarks import Action, Remark, Why
from masivo_stream.prepare.settling.returned_twice import drop_line_items_returned_twice
from masivo_stream.prepare.settling.rows import LineItemRow, moment_key
from masivo_stream.prepare.settling.written_records import (
    WrittenEvent,
    WrittenOrder,
    WrittenProduct,
    WrittenShipping,
    number,
    text,
)

ORDER_FIELDS = (
    *("issued_at", "value", "discounted_value", "payment_method", "status", "resolved_at", "brand_id", "channel_id"),
    *("store_id", "shipping_value", "shipping_discounted_value"),
)
"""Fields of the order itself: equal in all of its rows, or missing in some (only the first row has them in Shopify)."""

MILLION = 1_000_000
NO_SKU = "unknown"
"""The SKU of the single line item that an order without any is given, unless `missing_sku` names another."""

_order_fields = attrgetter(*ORDER_FIELDS)


class SettledPurchases(Struct):
    """The events of one customer, and remarks about the rows of the others."""

    events: list[WrittenEvent]
    remarks: list[Remark]


def settle_purchases(rows: Iterable[LineItemRow], mapping: EventsMapping, policies: Policies) -> SettledPurchases:
    """Return the events of one customer in the order of their dates; `rows` are sorted by `purchase_id`."""
    settled = SettledPurchases([], [])
    for _, group in groupby(rows, key=lambda row: row.purchase_id):
        order = list(group)
        found = _settle_order(order, mapping, policies, settled.remarks)
        if isinstance(found, Why):
            settled.remarks += leave_out_purchases(order, found)
        else:
            settled.events.append(found)
    settled.events.sort(key=lambda event: (moment_key(event.issued_at), event.order.purchase_id))
    return settled


def leave_out_purchases(rows: Iterable[LineItemRow], why: Why) -> Iterable[Remark]:
    """Yield a remark per line item; `rows` are sorted by customer and order. Nothing is collected."""
    last: object = None
    valued = False
    for row in rows:
        order = (row.customer_id, row.purchase_id)
        if order != last:
            last, valued = order, False
        value = row.value if row.value is not None and not valued else 0
        valued = valued or row.value is not None
        yield Remark(FlatTable.EVENTS, Action.LEFT_OUT, why, row.place, row.line_place, money=value)


class _OrderFields(Struct, gc=False):
    """The fields of the order itself."""

    issued_at: str | None
    value: int | None
    discounted_value: int | None
    payment_method: str | None
    status: str | None
    resolved_at: str | None
    brand_id: str | None
    channel_id: str | None
    store_id: str | None
    shipping_value: int | None
    shipping_discounted_value: int | None


def _settle_order(
    rows: list[LineItemRow], mapping: EventsMapping, policies: Policies, remarks: list[Remark]
) -> WrittenEvent | Why:
    """Return the event of an order, or why it has no event. Remarks about an order that is written are added."""
    first = rows[0]
    for row in rows:
        if row.fault is not None:
            return Why(row.fault)
    if first.purchase_id is None:
        return Why.MISSING_PURCHASE_ID
    order = _agree(rows)
    if order is None:
        return Why.ORDER_FIELDS_DIFFER
    status = read_status(order.status, mapping.statuses)
    if isinstance(status, Why):
        return status
    if order.issued_at is None:
        return Why.MISSING_DATE
    if order.value is None or order.discounted_value is None:
        return Why.MISSING_VALUE
    payment = read_payment(order.payment_method, mapping.payments)
    if payment is None:
        return Why.UNMAPPED_PAYMENT
    noted: list[Remark] = []
    products = _products(drop_line_items_returned_twice(rows, noted), order.value, policies, noted)
    if isinstance(products, Why):
        return products
    remarks += noted
    shipping = (order.shipping_value, order.shipping_discounted_value)
    return WrittenEvent(
        type=PURCHASE,
        order=WrittenOrder(
            purchase_id=first.purchase_id,
            value=number(order.value),
            discounted_value=number(order.discounted_value),
            products=products,
            payment_method=payment,
            channel_id=text(order.channel_id),
            store_id=text(order.store_id),
            shipping=UNSET
            if shipping == (None, None)
            else WrittenShipping(*(UNSET if each is None else number(each) for each in shipping)),
        ),
        fulfilled=status != "unfulfilled",
        issued_at=order.issued_at,
        resolved_at=order.resolved_at,
        brand_id=order.brand_id,
        status="REVERSED" if status == "reversed" else UNSET,
    )


def _agree(rows: list[LineItemRow]) -> _OrderFields | None:
    """Return the fields of the order, None if its rows do not agree. A missing value agrees with any other."""
    found = _order_fields(rows[0])
    for row in rows[1:]:
        fields = _order_fields(row)
        if fields == found:
            continue
        for one, other in zip(found, fields, strict=True):
            if one is not None and other is not None and one != other:
                return None
        found = tuple(one if one is not None else other for one, other in zip(found, fields, strict=True))
    return _OrderFields(*found)


def read_status(word: str | None, statuses: dict[str, EventStatus]) -> EventStatus | Why:
    """Return what a status means, or why its order is left out. Without a table, every order is active."""
    if not statuses:
        return "active"
    meaning = statuses.get(word or "", statuses.get(ANY_WORD))
    if meaning is None:
        return Why.UNMAPPED_STATUS
    return Why.STATUS_LEFT_OUT if meaning == "left_out" else meaning


def read_payment(word: str | None, payments: dict[str, PaymentMethod]) -> str | None:
    """Return the API's payment method for a word, None if the mapping does not say. The API's own words are known."""
    word = word or ""
    if word in payments:
        return payments[word]
    if word in {"CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"}:
        return word
    return payments.get(ANY_WORD)


def _products(
    rows: list[LineItemRow], value: int, policies: Policies, remarks: list[Remark]
) -> list[WrittenProduct] | Why:
    """Return the line items in the order of their numbers, or why the order is left out."""
    lines = [row for row in rows if not (row.sku is None and row.quantity is None and row.line_value is None)]
    if not lines:
        if policies.orders_without_lines == LEAVE_OUT:
            return Why.NO_LINES
        remarks.append(Remark(FlatTable.EVENTS, Action.GUESSED, Why.NO_LINES, rows[0].place))
        remarks += [Remark(FlatTable.EVENTS, Action.LEFT_OUT, Why.NO_LINES, row.place) for row in rows[1:]]
        return [WrittenProduct(_spare_sku(policies), 1, number(value))]
    remarks += [
        Remark(FlatTable.EVENTS, Action.LEFT_OUT, Why.NO_LINES, row.place, row.line_place)
        for row in rows
        if row.sku is None and row.quantity is None and row.line_value is None
    ]
    if any(row.line_no is not None for row in lines):
        lines.sort(key=lambda row: (row.line_no is None, row.line_no or 0))
    products = []
    for row in lines:
        if row.quantity is None or row.line_value is None:
            return Why.INCOMPLETE_LINE
        sku = row.sku
        if sku is None:
            if policies.missing_sku == LEAVE_OUT:
                return Why.MISSING_SKU
            remarks.append(Remark(FlatTable.EVENTS, Action.GUESSED, Why.MISSING_SKU, row.place, row.line_place))
            sku = policies.missing_sku
        discounted = row.line_discounted_value
        products.append(
            WrittenProduct(
                sku,
                number(row.quantity),
                number(row.line_value),
                UNSET if discounted is None else number(discounted),
            )
        )
    return products


def _spare_sku(policies: Policies) -> str:
    return NO_SKU if policies.missing_sku == LEAVE_OUT else policies.missing_sku
