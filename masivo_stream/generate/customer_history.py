"""A customer's history in the programme. All three kinds of record are written from it, so that they are consistent.

It depends only on the seed and the customer's number. Every history has these properties:

* there is at least one purchase; each purchase earns points, some also earn cashback, and nothing else earns;
* a customer redeems only what was earned before, so that no balance is ever negative;
* the balance is the sum earned minus the sum redeemed, in whole points and whole cents.
"""

from msgspec import Struct

from masivo_stream.generate.export_dates import DAY, REFERENCE, START, ZONES, Zone
from masivo_stream.generate.programme import PRODUCTS, SOCIAL_EVENTS, SoldProduct
from masivo_stream.generate.seeded_random import Draw, DrawStream, pick, run_length

PURCHASE = "PURCHASE"

MOST_VISITS = 300
"""Longest history. A visit makes at most three transactions, so that all of them fit one request (1000)."""

_ONE_MORE_VISIT = 0.6
_REGULAR_CUSTOMERS = 0.02
_TWICE_AS_MANY_VISITS = 0.5
_SOCIAL = 0.15
_ONE_MORE_PRODUCT = 0.35
_DISCOUNTED = 0.2
_CASHBACK = 0.2
_CASHBACK_PERCENT = 3
_REDEEMS_POINTS = 0.25
_REDEEMS_CASHBACK = 0.1

_LETTERS = {DrawStream.CUSTOMER: "C", DrawStream.DELETED: "D", DrawStream.FAULTY: "F", DrawStream.PLANTED: "P"}
_ODD_ID = 0.01
_ODD_IDS = ("{}/2", "tienda {}", "{}+ventas@example.com", "ñ:{}", "50%{}", "{}?a=b&c#d")
"""Ids as other systems make them: they must be percent-encoded in a path segment."""


class Bought(Struct, frozen=True, gc=False):
    """One line of a basket."""

    product: SoldProduct
    quantity: int


class Visit(Struct, frozen=True, gc=False, kw_only=True):
    """One event, and for a purchase its effect on the balance. Money is in cents."""

    type: str
    moment: int
    basket: tuple[Bought, ...]
    value: int
    paid: int
    points: int = 0
    cashback: int = 0
    points_redeemed: int = 0
    cashback_redeemed: int = 0


class CustomerHistory(Struct, frozen=True, gc=False, kw_only=True):
    """One customer. `visits` are in the order in which they happened."""

    id: str
    tag: str
    """Unique like the id, but short and plain: for emails, purchases and tokens of the customer."""
    zone: Zone
    registered: int
    visits: tuple[Visit, ...]
    points: int
    cashback: int


def make_history(draw: Draw, stream: DrawStream, number: int) -> CustomerHistory:
    """Return customer `number` of a stream; `draw` is what `draws` returns for both, not used before."""
    tag = f"{_LETTERS[stream]}{number:08}"
    id_ = pick(draw, _ODD_IDS).format(tag) if draw() < _ODD_ID else tag
    registered = START + int(draw() * draw() * (REFERENCE - START - DAY))
    span = REFERENCE - DAY - registered
    moments = sorted([registered + int(draw() * span) for _ in range(_visit_count(draw))])
    visits: list[Visit] = []
    points = cashback = 0
    for moment in moments:
        if visits and draw() < _SOCIAL:
            visits.append(_social(draw, moment))
            continue
        visit = _purchase(draw, moment, points, cashback)
        points += visit.points - visit.points_redeemed
        cashback += visit.cashback - visit.cashback_redeemed
        visits.append(visit)
    return CustomerHistory(
        id=id_,
        tag=tag,
        zone=pick(draw, ZONES),
        registered=registered,
        visits=tuple(visits),
        points=points,
        cashback=cashback,
    )


def _visit_count(draw: Draw) -> int:
    """Return a number of visits: most customers have a few, some have many.

    Repeated doubling gives a tail as long as in real programmes.
    """
    if draw() >= _REGULAR_CUSTOMERS:
        return 1 + run_length(draw, _ONE_MORE_VISIT)
    return min(MOST_VISITS, int((8 + 8 * draw()) * 2 ** min(run_length(draw, _TWICE_AS_MANY_VISITS), 10)))


def _social(draw: Draw, moment: int) -> Visit:
    product = pick(draw, PRODUCTS)
    return Visit(
        type=pick(draw, SOCIAL_EVENTS),
        moment=moment,
        basket=(Bought(product, 1),),
        value=product.cents,
        paid=product.cents,
    )


def _purchase(draw: Draw, moment: int, points: int, cashback: int) -> Visit:
    """Return a purchase by a customer who has `points` points and `cashback` cents of cashback."""
    basket = [Bought(pick(draw, PRODUCTS), 1 + int(3 * draw() * draw()))]
    while draw() < _ONE_MORE_PRODUCT:
        basket.append(Bought(pick(draw, PRODUCTS), 1))
    value = 0
    for line in basket:
        value += line.product.cents * line.quantity
    paid = value - value * int(1 + 30 * draw()) // 100 if draw() < _DISCOUNTED else value
    earned = max(1, paid // 100)
    back = max(1, paid * _CASHBACK_PERCENT // 100) if draw() < _CASHBACK else 0
    luck = draw()
    points_redeemed = cashback_redeemed = 0
    if luck < _REDEEMS_POINTS:
        points_redeemed = 1 + int(draw() * (points + earned))
    elif luck < _REDEEMS_POINTS + _REDEEMS_CASHBACK and cashback + back:
        cashback_redeemed = 1 + int(draw() * (cashback + back))
    return Visit(
        type=PURCHASE,
        moment=moment,
        basket=tuple(basket),
        value=value,
        paid=paid,
        points=earned,
        cashback=back,
        points_redeemed=points_redeemed,
        cashback_redeemed=cashback_redeemed,
    )
