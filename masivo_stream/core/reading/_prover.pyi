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
        look: tuple[int, int, int, bytes, tuple[bytes, ...]] | None = ...,
    ) -> Self: ...
    def prove(
        self, lines: Sequence[bytes], /
    ) -> tuple[list[int], list[str], list[int], list[str], list[str], list[int]]: ...
    def look(
        self, lines: Sequence[bytes], /
    ) -> tuple[
        list[int],
        list[int],
        list[int],
        list[int],
        list[int],
        list[str],
        list[str],
        list[int],
        list[int],
        list[int],
        list[int],
        list[tuple[str, int, int, int]],
        list[int],
    ]: ...
