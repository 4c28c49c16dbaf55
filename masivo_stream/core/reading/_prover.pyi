from array import array
from collections.abc import Sequence
from typing import Self

INTERFACE: int

class Prover:
    def __new__(
        cls,
        schema: tuple[object, ...],
        *,
        most_items: int = ...,
        reject_unknown: bool = ...,
        plain: bool = ...,
        look: tuple[int, int, int, bytes, tuple[bytes, ...], tuple[int, int, int, int]] | None = ...,
    ) -> Self: ...
    def prove(
        self, lines: Sequence[bytes], /
    ) -> tuple[list[int], list[str], list[int], list[str], list[str], list[int]]: ...
    def prove_text(
        self, text: bytes, begin: int, offset: int, most: int, /
    ) -> list[tuple[bytes, list[int], tuple[list[int], list[str], list[int], list[str], list[str], list[int]]]]: ...
    def look(
        self, runs: Sequence[tuple[Sequence[bytes] | bytes, Sequence[int], int, int]], key: bytes, shared: bool, /
    ) -> tuple[
        list[int],
        bytes,
        list[tuple[str, int, int, int]],
        int,
        int,
        int,
        int,
        tuple[int, int],
        tuple[int, int],
        tuple[int, int],
        bytes,
    ]: ...

def divide(plain: bytes, others: array[int], numbers: Sequence[int], parts: int, /) -> list[bytes]: ...
def hash_of(key: bytes, shared: bool, value: str | tuple[str, str], /) -> int: ...
