"""Write a customer's history as a line of an events export: one event per visit."""

from masivo_stream.generate.customer_history import PURCHASE, Bought, CustomerHistory, Visit
from masivo_stream.generate.export_dates import rfc3339
from masivo_stream.generate.programme import (
    PAYMENT_METHODS,
    PLACES,
    PRODUCTS,
    SoldProduct,
    money,
    quoted,
)
from masivo_stream.generate.seeded_random import Draw, DrawStream, draws, pick, run_length
from masivo_stream.model.sample_programme import CASHBACK, POINTS

_UNFULFILLED_SOCIAL = 0.2
"""Share of the events that earn nothing. A purchase is always fulfilled, since otherwise it earns nothing."""

_EXTRAS = 0.3

_ORDER_EXTRAS = (
    ',"channel_id":"WEB"',
    ',"store_id":"store-lima-04","channel_id":"POS"',
    ',"shipping":{"value":4.99,"discounted_value":0,"tags":{"carrier":"Envía"}}',
    ',"shipping":{}',
    ',"metadata":{"cashier":"Íñigo","lines":[1,2,{"gift":true}],"comment":"sin bolsa 🌱"}',
    ',"redeem":[]',
)


def _product_texts(product: SoldProduct) -> tuple[str, ...]:
    """Return the ways to write a product without its amount: with and without optional members."""
    head = f'"sku":{quoted(product.sku)},"value":{money(product.cents)}'
    return (
        f"{head}}}",
        f'{head},"discounted_value":{money(product.cents)}}}',
        f'{head},"tags":{{"category":{quoted(product.category)}}}}}',
        f'{head},"tags":{{}},"metadata":{{"lot":"L-{product.cents}","organic":true}}}}',
    )


_PRODUCTS = {product.sku: _product_texts(product) for product in PRODUCTS}


def events_json(past: CustomerHistory, draw: Draw) -> str:
    """Return all events of the customer as one record."""
    return _record(past, [_event(past, index, visit, draw) for index, visit in enumerate(past.visits)])


def events_json_with_reversed(
    past: CustomerHistory, draw: Draw, *, seed: int, number: int, share: float
) -> tuple[str, int]:
    """Return the record of `events_json` with reversed events between the others, and the number of these."""
    chance = draws(DrawStream.REVERSED, seed, number)
    events: list[str] = []
    for index, visit in enumerate(past.visits):
        events.extend(_reversed_event(past, visit, chance) for _ in range(run_length(chance, share)))
        events.append(_event(past, index, visit, draw))
    return _record(past, events), len(events) - len(past.visits)


def _record(past: CustomerHistory, events: list[str]) -> str:
    return f'{{"id":{quoted(past.id)},"events":[{",".join(events)}]}}'


def _reversed_event(past: CustomerHistory, visit: Visit, draw: Draw) -> str:
    """Return an order that was reversed before it earned anything, marked in one of the ways of real exports."""
    marks = (',"status":"REVERSED"', f',"reversed_at":"{rfc3339(visit.moment + 60, past.zone)}"')
    return f"{_event(past, int(1e6 + draw() * 1e6), visit, draw)[:-1]}{pick(draw, marks)}}}"


def _event(past: CustomerHistory, index: int, visit: Visit, draw: Draw) -> str:
    issued = rfc3339(visit.moment, past.zone)
    if visit.type == PURCHASE or draw() >= _UNFULFILLED_SOCIAL:
        state = f'"fulfilled":true,"issued_at":"{issued}","resolved_at":"{issued}"'
    else:
        state = f'"fulfilled":false,"issued_at":"{issued}","resolved_at":null'
    return f'{{"type":"{visit.type}","order":{_order(past, index, visit, draw)},{state},{pick(draw, PLACES)}}}'


def _order(past: CustomerHistory, index: int, visit: Visit, draw: Draw) -> str:
    products = ",".join([_product(line, draw) for line in visit.basket])
    extras = pick(draw, _ORDER_EXTRAS) if draw() < _EXTRAS else ""
    if visit.points_redeemed:
        extras = f',"redeem":[{{"id":"{POINTS}","amount":{visit.points_redeemed}}}]'
    elif visit.cashback_redeemed:
        extras = f',"redeem":[{{"id":"{CASHBACK}","amount":{money(visit.cashback_redeemed)}}}]'
    return (
        f'{{"purchase_id":"{past.tag}-{index}","value":{money(visit.value)}'
        f',"discounted_value":{money(visit.paid)},"products":[{products}]'
        f',"payment_method":"{pick(draw, PAYMENT_METHODS)}"{extras}}}'
    )


def _product(line: Bought, draw: Draw) -> str:
    return f'{{"amount":{line.quantity},{pick(draw, _PRODUCTS[line.product.sku])}'
