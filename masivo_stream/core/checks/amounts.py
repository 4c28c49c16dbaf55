"""Exact sums of amounts: in millionths as integers where a double determines them, else as decimals.

JSON numbers are read as doubles, which is fast. A decimal number with at most six places below 2^50 millionths is
determined by its double: neighbouring ones are further apart than the doubles there, and the product below is off by
less than a half. All others, which are rare, are read again as decimals, by their digits in the export.

A double says nothing of digits that it cannot hold: 10.000000000000000000000000001 is 10 to it, and 1e-400 is 0. With
at most 16 digits, two decimal numbers of which one has at most six places are never one double below 2^53. So lines
with a longer number are read again, too.
"""

import re
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


_MOST_DIGITS = 16
_DIGITS = bytes(48 if chr(code) in "0123456789." else 32 for code in range(256))
_RUN = b"0" * (_MOST_DIGITS + 1)
_LONG_NUMBER = re.compile(rb"(?<=[:,\[\s])-?([0-9][0-9.]{16,})")
_TINY_NUMBER = re.compile(rb"[0-9][eE]-[0-9]{3,}(?=[\s,}\]])")


def hides_digits(body: bytes) -> bool:
    """Return whether a number on a line may have more digits than a double tells apart, zeros at its ends not counted.

    Almost no line has that many digits in one place. This is looked at first, because it costs a nanosecond per byte.
    """
    if body.translate(_DIGITS).find(_RUN) < 0:
        return False
    return any(len(found.replace(b".", b"").strip(b"0")) > _MOST_DIGITS for found in _LONG_NUMBER.findall(body))


def hides_tiny(body: bytes) -> bool:
    """Return whether a number on a line may be so small that its double is zero."""
    return (b"e-" in body or b"E-" in body) and _TINY_NUMBER.search(body) is not None


def all_millionths(amounts: list[float], body: bytes) -> list[int] | None:
    """Return the amounts on a line in millionths, None if it has to be read again."""
    if hides_digits(body):
        return None
    numbers = _many_millionths(amounts)
    return None if numbers is None or (0 in numbers and hides_tiny(body)) else numbers


def _many_millionths(amounts: list[float]) -> list[int] | None:
    """Return what `millionths` returns of each, None if it does so of any. Small ones cost no call of it each."""
    if amounts and min(amounts) > -_SMALL and max(amounts) < _SMALL:
        small = [round(amount * 1e6) for amount in amounts]
        return small if [number / 1e6 for number in small] == amounts else None
    numbers = [number for amount in amounts if (number := millionths(amount)) is not None]
    return numbers if len(numbers) == len(amounts) else None


def in_units(number: int) -> Decimal:
    """Return millionths as a decimal number without trailing zeros."""
    return plain(EXACT.scaleb(Decimal(number), -6))


def add(one: Decimal, other: Decimal) -> Decimal:
    """Return the exact sum."""
    return EXACT.add(one, other)


LONGEST = 40
"""Characters of an amount that people read at most."""


def for_people(amount: Decimal, form: str = "f") -> str:
    """Return an amount in the form of a format specification; a very long one with an exponent.

    If its digits are too many for that, too, it begins with "about". What programs read always has all digits.
    """
    text = format(amount, form)
    if len(text) <= LONGEST:
        return text
    short = format(EXACT.normalize(amount), "e")
    return short if len(short) <= LONGEST else f"about {amount:.10e}"


_MOST_ZEROS = 400
"""Zeros before the point that are written out: a double has at most 308."""


def plain(amount: Decimal) -> Decimal:
    """Return an amount without trailing zeros, and never with an exponent that hides places before the point."""
    short = EXACT.normalize(amount)
    digits = short.as_tuple().exponent
    return EXACT.quantize(short, Decimal(1)) if isinstance(digits, int) and 0 < digits < _MOST_ZEROS else short
