"""The CRC-32 of bytes that follow one another, from the CRC-32 of each piece: the pieces need not be in one place.

As zlib does it: to append a zero bit multiplies by a matrix over the field of two elements, and to append
many is a power of it (M. Adler).
"""

from collections.abc import Sequence

_POLYNOMIAL = 0xEDB88320
_BITS = 32
_Matrix = list[int]


def join_crcs(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two pieces, the second of which has `length` bytes."""
    power = _ONE_ZERO_BYTE
    while length:
        if length & 1:
            first = _times(power, first)
        power = [_times(power, row) for row in power]
        length >>= 1
    return first ^ second


def _times(matrix: Sequence[int], vector: int) -> int:
    total = 0
    for row in matrix:
        if not vector:
            break
        if vector & 1:
            total ^= row
        vector >>= 1
    return total


def _one_zero_byte() -> _Matrix:
    matrix = [_POLYNOMIAL, *(1 << bit for bit in range(_BITS - 1))]
    for _ in range(3):  # one bit, two, four, eight
        matrix = [_times(matrix, row) for row in matrix]
    return matrix


_ONE_ZERO_BYTE = _one_zero_byte()
