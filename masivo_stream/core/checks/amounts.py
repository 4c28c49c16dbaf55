"""Exact sums of amounts: in millionths as integers where a double determines them, else as decimals.

JSON numbers are read as doubles, which is fast. A decimal number with at most six places below 2^50 millionths is
determined by its double: neighbouring ones are further apart than the doubles there, and the product below is off by
less than a half. All others, which are rare, are read again as decimals, by their digits in the export.
"""

from decimal import Context, Decimal

MILLION = 1_000_000
_SMALL = 2**50 / MILLION
_WHOLE = 2**53

EXACT = Context(prec=2000)
"""Digits enough for any sum of doubles: the exponents range from -324 to 308."""


def millionths(amount: float) -> int | None:
    """Return an amount in millionths; None if the double does not determine it."""
    if -_SMALL < amount < _SMALL:
        number = round(amount * 1e6)
        if number / 1e6 == amount:
            return number
    elif amount.is_integer() and -_WHOLE < amount < _WHOLE:
        return int(amount) * MILLION
    return None


def exact(amount: Decimal) -> Decimal:
    """Return an amount read as a decimal; equal doubles give equal amounts wherever `millionths` knows them."""
    number = millionths(float(amount))
    return amount if number is None else in_units(number)


def in_units(number: int) -> Decimal:
    """Return millionths as a decimal number without trailing zeros."""
    return plain(EXACT.scaleb(Decimal(number), -6))


def add(one: Decimal, other: Decimal) -> Decimal:
    """Return the exact sum."""
    return EXACT.add(one, other)


_MOST_ZEROS = 400
"""Zeros before the point that are written out: a double has at most 308."""


def plain(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros, and never with an exponent that hides places before the point."""
    short = EXACT.normalize(amount)
    digits = short.as_tuple().exponent
    return EXACT.quantize(short, Decimal(1)) if isinstance(digits, int) and 0 < digits < _MOST_ZEROS else short
