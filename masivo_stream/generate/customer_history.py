"""A customer's life in the programme, from which all three kinds of record are written, so that they agree.

It follows from the seed and the customer's number alone. What holds for every history:

* there is a purchase; each purchase earns points, some earn cashback too, nothing else earns;
* what is redeemed was earned before, so that no wallet is ever below zero;
* the balance is what was earned less what was redeemed, in whole points and whole cents.
"""

from msgspec import Struct

from masivo_stream.generate.export_dates import DAY, REFERENCE, START, ZONES, Zone
from masivo_stream.generate.programme import PRODUCTS, SOCIAL_EVENTS, SoldProduct
from masivo_stream.generate.seeded_random import Draw, DrawStream, pick, run

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

_LETTERS = {DrawStream.CUSTOMER: "C", DrawStream.DELETED: "D", DrawStream.FAULTY: "F"}
_ODD_ID = 0.01
_ODD_IDS = ("{}/2", "tienda {}", "{}+ventas@example.com", "ñ:{}", "50%{}", "{}?a=b&c#d")
"""Ids as other systems made them: a path segment carries them only when it is percent-encoded."""


class Bought(Struct, frozen=True, gc=False):
    """One line of a basket."""

    product: SoldProduct
    quantity: int


class Visit(Struct, frozen=True, gc=False, kw_only=True):
    """What happened once: an event, and for a purchase, what it did to the wallet. Money is in cents."""

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
    """One customer. `visits` stand in the order they happened."""

    id: str
    tag: str
    """Unique like the id, and short and plain: for what is named after the customer."""
    zone: Zone
    registered: int
    visits: tuple[Visit, ...]
    points: int
    cashback: int


def make_history(draw: Draw, stream: DrawStream, number: int) -> CustomerHistory:
    """Return customer `number` of a stream; `draw` is what `draws` gives for both, unused so far."""
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
    """Most have a few, some many: doubling with a chance makes a tail as long as those of real programmes."""
    if draw() >= _REGULAR_CUSTOMERS:
        return 1 + run(draw, _ONE_MORE_VISIT)
    return min(MOST_VISITS, int((8 + 8 * draw()) * 2 ** min(run(draw, _TWICE_AS_MANY_VISITS), 10)))


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
    """Return a purchase by a customer whose wallet holds so many points and cents of cashback."""
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
