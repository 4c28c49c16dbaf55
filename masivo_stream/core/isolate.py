"""Find the entry for which a batch is refused, and set the rest free.

One refused batch is known to hold a culprit. Half of the suspects is sent as a batch of its own: if it is refused, the
culprit is among it, and nothing is known of the other half; if it is accepted, those entries have arrived, and the
culprit must be in the other half, which need not be sent as a whole to know it. The last suspect is sent alone once,
should the refusal not have been about one record, or not for ever: after at most ⌈log2 n⌉ + 1 requests a culprit stands
alone. Everything about which nothing is known goes back to the packer and travels with others, so no request is half
empty; should it hold a further culprit, its batch will be refused in turn. (Binary splitting: Du and Hwang,
"Combinatorial Group Testing and Its Applications", 2nd ed., chapter 2.)

Premise, from the contract's decisions: a refused request applied nothing.
"""

from collections.abc import Sequence

from masivo_stream.model.record import Entry


class Isolation:
    """Ask `part` what to send, tell `settle` what came of it, until `done`."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Start from the entries of a refused batch (at least one)."""
        self._suspects = list(entries)
        self._rest: list[Entry] = []
        self._confirmed = len(self._suspects) == 1
        """The suspect was refused alone."""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to send."""
        return not self._suspects or self._confirmed

    @property
    def culprit(self) -> Entry | None:
        """Once done: the entry that was refused alone, or None where every part was accepted after all."""
        return self._suspects[0] if self._confirmed else None

    @property
    def rest(self) -> list[Entry]:
        """Entries about which nothing is known: for the packer."""
        return self._rest

    @property
    def suspects(self) -> list[Entry]:
        """Entries among which a culprit is."""
        return self._suspects

    @property
    def left(self) -> list[Entry]:
        """Entries that are not in `part` and have no fate."""
        return [*self._suspects[len(self.part) :], *self._rest]

    @property
    def part(self) -> list[Entry]:
        """The entries to send next. Only while not `done`."""
        return self._suspects[: max(1, len(self._suspects) // 2)]

    def settle(self, *, accepted: bool) -> None:
        """Take what became of `part`."""
        half = len(self.part)
        tested, untested = self._suspects[:half], self._suspects[half:]
        if accepted:
            self._suspects = untested
        else:
            self._suspects = tested
            self._rest = untested + self._rest
            self._confirmed = len(tested) == 1
