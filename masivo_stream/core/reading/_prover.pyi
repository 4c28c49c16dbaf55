"""The extension in `_prover.c`, whose head explains how it works."""

class Prover:
    """Proves lines clean, or doubts them."""

    def __new__(
        cls, schema: tuple[object, ...], *, most_items: int = ..., reject_unknown: bool = ..., plain: bool = ...
    ) -> Prover:
        """Prove by a schema that `core.reading.prover` describes.

        Args:
            schema: the tree of nodes.
            most_items: a record with more items is doubted.
            reject_unknown: whether a field that its object does not have is doubted.
            plain: whether to do without the instructions of a certain processor, as on others.

        Raises:
            TypeError, ValueError: it is no schema.
        """

    def prove(self, lines: list[bytes], /) -> tuple[list[int], list[str], list[int], list[str], list[str], list[int]]:
        """Return what `core.reading.prover.Proof` has.

        Raises:
            TypeError: a line is not bytes.
        """
