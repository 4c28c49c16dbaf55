"""Write a customer's history as a line of a customers export."""

import unicodedata

from masivo_stream.generate.customer_history import PURCHASE, CustomerHistory
from masivo_stream.generate.export_dates import DAY, REFERENCE, START, rfc3339
from masivo_stream.generate.programme import (
    BRANDS,
    COUNTRIES,
    DOCUMENT_TYPES,
    EMAIL_DOMAINS,
    FIRST_NAMES,
    LAST_NAMES,
    NICKNAMES,
    NOTES,
    PLATFORMS,
    SEGMENTS,
    money,
    quoted,
    tier_of,
)
from masivo_stream.generate.seeded_random import Draw, pick
from masivo_stream.model.sample_programme import CASHBACK, POINTS

_YEAR = 365 * DAY

_NICKNAME = 0.03
_PERSONAL = 0.7
_DOCUMENTED = 0.6
_METADATA = 0.5
_METRICS = 0.4
_LAST_YEAR = 0.5
_DEVICE = 0.3
_SECOND_DEVICE = 0.1
_DEVICE_EXPIRES = 0.5
_SPLIT_BALANCE = 0.3

_GENDERS = ("MALE", "FEMALE")
_NOTES = tuple(quoted(note) for note in NOTES)
_SEGMENTS = tuple(quoted(segment) for segment in SEGMENTS)
_BALANCE_TAILS = (
    "",
    ',"brand_id":null,"channel_id":null,"store_id":null,"funded_by":null',
    f',"brand_id":{quoted(BRANDS[0])},"expiration_date":null',
    f',"funded_by":{quoted(BRANDS[1])}',
)
_DEVICE_MODELS = (',"model":"Pixel 8"', ',"model":"Redmi Note 13","osVersion":"14"', "")


def _plain(name: str) -> str:
    """Return a name as in an email address: without accents; a name without Latin letters becomes `user`."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalnum()) or "user"


_FIRST_NAMES = tuple((name, _plain(name)) for name in FIRST_NAMES)
_LAST_NAMES = tuple((name, _plain(name)) for name in LAST_NAMES)


def customer_json(past: CustomerHistory, draw: Draw, *, mark: str = "") -> str:
    """Return the customer as one JSON object; `mark` holds members to add, each after a comma."""
    parts = [_identity(past, draw), f',"registration_date":"{rfc3339(past.registered, past.zone)}"']
    if draw() < _PERSONAL:
        parts.append(_person(draw))
    if draw() < _DOCUMENTED:
        parts.append(f',"document_type":"{pick(draw, DOCUMENT_TYPES)}","document_number":"{int(draw() * 1e10):010}"')
    if draw() < _METADATA:
        source = f'{{"table":"clientes","key":"{past.tag}"}}'
        parts.append(f',"metadata":{{"note":{pick(draw, _NOTES)},"source":{source}}}')
        parts.append(f',"tags":{{"segment":{pick(draw, _SEGMENTS)}}}')
    if draw() < _METRICS:
        parts.append(_metrics(past, draw))
    parts.append(_balance(past, draw))
    if draw() < _DEVICE:
        parts.append(_devices(past, draw))
    parts.append(mark)
    parts.append("}")
    return "".join(parts)


def _identity(past: CustomerHistory, draw: Draw) -> str:
    first, plain_first = pick(draw, _FIRST_NAMES)
    last, plain_last = pick(draw, _LAST_NAMES)
    name = f"{first} {pick(draw, NICKNAMES)} {last}" if draw() < _NICKNAME else f"{first} {last}"
    email = f"{plain_first}.{plain_last}.{past.tag.lower()}@{pick(draw, EMAIL_DOMAINS)}"
    return f'{{"id":{quoted(past.id)},"name":{quoted(name)},"email":"{email}"'


def _person(draw: Draw) -> str:
    born = f"{1940 + int(draw() * 67)}-{1 + int(draw() * 12):02}-{1 + int(draw() * 28):02}T00:00:00Z"
    return f',"gender":"{pick(draw, _GENDERS)}","dob":"{born}","country":"{pick(draw, COUNTRIES)}"'


def _metrics(past: CustomerHistory, draw: Draw) -> str:
    """Return the metrics that follow from the history: lifetime, and for some customers the last year."""
    periods = f'"lifetime":{_period(past, START)}'
    if draw() < _LAST_YEAR:
        periods += f',"last_year":{_period(past, REFERENCE - _YEAR)}'
    return f',"metrics":{{{periods},"updated_at":"{rfc3339(REFERENCE, past.zone)}"}}'


def _period(past: CustomerHistory, since: int) -> str:
    purchases = [visit for visit in past.visits if visit.type == PURCHASE and visit.moment >= since]
    spent = sum(visit.paid for visit in purchases)
    last = f'"{rfc3339(purchases[-1].moment, past.zone)}"' if purchases else "null"
    return (
        f'{{"from":"{rfc3339(since, past.zone)}","to":"{rfc3339(REFERENCE, past.zone)}"'
        f',"tier_id":"{tier_of(spent).id}","last_visit":{last}'
        f',"spend_total":{money(spent)},"number_of_purchases":{len(purchases)}}}'
    )


def _balance(past: CustomerHistory, draw: Draw) -> str:
    """Return the balance: for each reward that was earned one line, or two that expire at different times."""
    lines = _balance_lines(past, draw, POINTS, past.points, 1)
    if any(visit.cashback for visit in past.visits):
        lines += _balance_lines(past, draw, CASHBACK, past.cashback, 100)
    return f',"balance":[{",".join(lines)}]'


def _balance_lines(past: CustomerHistory, draw: Draw, reward: str, amount: int, parts: int) -> list[str]:
    """Return `amount`, counted in units (`parts` 1) or in hundredths (100), as one line or as two."""
    sooner = int(amount * draw()) if draw() < _SPLIT_BALANCE else 0
    lines = [_balance_line(reward, amount - sooner, parts, pick(draw, _BALANCE_TAILS))]
    if sooner:
        expires = rfc3339(REFERENCE + int(draw() * _YEAR), past.zone)
        issued = rfc3339(past.visits[0].moment, past.zone)
        lines.append(_balance_line(reward, sooner, parts, f',"expiration_date":"{expires}","issued_at":"{issued}"'))
    return lines


def _balance_line(reward: str, amount: int, parts: int, tail: str) -> str:
    return f'{{"amount":{money(amount) if parts > 1 else amount},"reward_id":"{reward}"{tail}}}'


def _devices(past: CustomerHistory, draw: Draw) -> str:
    devices = [_device(past, draw) for _ in range(2 if draw() < _SECOND_DEVICE else 1)]
    return f',"devices":[{",".join(devices)}]'


def _device(past: CustomerHistory, draw: Draw) -> str:
    token = f"{int(draw() * (1 << 52)):013x}:{past.tag}"
    created = rfc3339(past.registered, past.zone)
    expires = f',"expires_at":"{rfc3339(REFERENCE + _YEAR, past.zone)}"' if draw() < _DEVICE_EXPIRES else ""
    info = f'{{"platform":"{pick(draw, PLATFORMS)}"{pick(draw, _DEVICE_MODELS)}}}'
    return f'{{"device_token":"{token}","device_info":{info},"created_at":"{created}"{expires}}}'
