"""Find the entry for which a batch is refused, and set the rest free.

One refused batch is known to hold a culprit. Half of the suspects is sent as a batch of its own: if it is refused, the
culprit is among it, and nothing is known of the other half; if it is accepted, those entries have arrived, and the
culprit must be in the other half, which need not be sent to know it. After at most ⌈log2 n⌉ requests one culprit stands
alone. Everything about which nothing is known goes back to the packer and travels with others, so no request is half
empty; should it hold a further culprit, its batch will be refused in turn. (Binary splitting: Du and Hwang,
"Combinatorial Group Testing and Its Applications", 2nd ed., chapter 2.)

Premise, from the contract's decisions: a refused request applied nothing.
"""

from collections.abc import Sequence

from masivo_stream.model.record import Entry


class Isolation:
    """Ask `part` what to send, tell `settle` what came of it, until `culprit` is known."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Start from the entries of a refused batch (at least one)."""
        self._suspects = list(entries)
        self._rest: list[Entry] = []

    @property
    def culprit(self) -> Entry | None:
        """The entry that stands alone, or None while there is still something to send."""
        return self._suspects[0] if len(self._suspects) == 1 else None

    @property
    def rest(self) -> list[Entry]:
        """Entries about which nothing is known: for the packer."""
        return self._rest

    @property
    def suspects(self) -> list[Entry]:
        """Entries among which a culprit is."""
        return self._suspects

    @property
    def part(self) -> list[Entry]:
        """The entries to send next. Only while `culprit` is None."""
        return self._suspects[: len(self._suspects) // 2]

    def settle(self, *, accepted: bool) -> None:
        """Take what became of `part`."""
        half = len(self._suspects) // 2
        tested, untested = self._suspects[:half], self._suspects[half:]
        if accepted:
            self._suspects = untested
        else:
            self._suspects = tested
            self._rest = untested + self._rest
