"""Write a customer's history as a line of a transactions export: what each purchase earned and redeemed."""

from masivo_stream.generate.customer_history import CustomerHistory, Visit
from masivo_stream.generate.export_dates import rfc3339
from masivo_stream.generate.programme import PLACES, money, quoted
from masivo_stream.generate.seeded_random import Draw, pick
from masivo_stream.model.sample_programme import CASHBACK, POINTS

_PLACED = 0.6
_EXTRAS = 0.4

_REDEEMED_AFTER_SECONDS = 300
"""A redemption is later than the purchase that may have earned it."""

_EXTRA_MEMBERS = (
    ',"resolved_at":null',
    ',"details":null',
    ',"details":"Promoción «2 por 1» ☕"',
    ',"cost":0.15',
    ',"cost":null',
    ',"funded_by":"brand-ñandú"',
    ',"funded_by":null',
    ',"event":null',
    ',"event":{"type":"PURCHASE","order":{"payment_method":"CASH","products":[]}}',
)


def transactions_json(past: CustomerHistory, draw: Draw) -> tuple[str, int]:
    """Return all transactions of the customer as one record, and their number."""
    transactions: list[str] = []
    for visit in past.visits:
        if visit.points:
            transactions.extend(_of_visit(past, visit, draw))
    return f'{{"id":{quoted(past.id)},"transactions":[{",".join(transactions)}]}}', len(transactions)


def _of_visit(past: CustomerHistory, visit: Visit, draw: Draw) -> list[str]:
    issued = rfc3339(visit.moment, past.zone)
    found = [_transaction(POINTS, "ACCUMULATION", str(visit.points), issued, draw)]
    if visit.cashback:
        found.append(_transaction(CASHBACK, "ACCUMULATION", money(visit.cashback), issued, draw))
    if visit.points_redeemed or visit.cashback_redeemed:
        issued = rfc3339(visit.moment + _REDEEMED_AFTER_SECONDS, past.zone)
        reward, amount = (
            (POINTS, str(visit.points_redeemed))
            if visit.points_redeemed
            else (CASHBACK, money(visit.cashback_redeemed))
        )
        found.append(_transaction(reward, "REDEMPTION", f"-{amount}", issued, draw))
    return found


def _transaction(reward: str, kind: str, amount: str, issued: str, draw: Draw) -> str:
    place = f",{pick(draw, PLACES)}" if draw() < _PLACED else ""
    extra = pick(draw, _EXTRA_MEMBERS) if draw() < _EXTRAS else ""
    return f'{{"reward_id":"{reward}","type":"{kind}","amount":{amount},"issued_at":"{issued}"{place}{extra}}}'
