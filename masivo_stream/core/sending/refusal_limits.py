"""Recognise that refusals are no longer about single records, and stop before thousands of requests are spent on them.

Four reasons to stop, the surest first:

1. SYSTEMATIC answers in a row come from a firewall or proxy, whatever is sent: the API does not answer at all.
2. Nothing of the kind was ever accepted, and SYSTEMATIC refusals in a row say the same: the whole export, the account
   or the address is at fault. The words are shown if the refused requests have no customer in common, because then they
   cannot quote one.
3. IN_A_ROW refusals without an acceptance, whatever they say.
4. More refusals in total than the budget: a fault in that many records should be corrected where the export is made.
"""

from masivo_stream.core.sending.backoff import Halt
from masivo_stream.model.errors import ExitCode

SYSTEMATIC = 13
"""Refusals in a row, times the uploaders. To find the only bad record of a batch takes eleven refusals, two more bad
ones in the batch one each: 13. Each uploader may be isolating such a batch, and so may the batches that wait to be read
back."""

IN_A_ROW = 50
"""Refusals in a row, or twice those of SYSTEMATIC if that is more: finding four bad records side by side takes
fewer."""


class Refusals:
    """Count the refusals of one kind, and say when to stop."""

    def __init__(self, budget: int, *, uploaders: int, accepted_before: bool = False) -> None:
        """Stop after `budget` refusals in total; 0 means no budget.

        `accepted_before`: an earlier process of the run had something of the kind accepted.
        """
        self._budget, self._uploaders = budget, uploaders
        self._read_backs = self._most_read_backs = 0
        """Refused batches that wait, besides those of the uploaders: now, and the most since the last acceptance."""
        self._in_common: frozenset[str] | None = None
        """Customers that every request refused since the last acceptance has in common."""
        self._ever = accepted_before
        self._in_all = self._in_a_row = 0
        self._complaints: set[str] = set()
        """What the refusals since the last acceptance say; at most two texts, as only one text is a sign."""
        self.answered = 0
        """Requests that reached the API: accepted, or refused by the API itself."""
        self._blocked = 0
        """Requests in a row that a firewall or proxy refused."""

    @property
    def ever(self) -> bool:
        """Whether anything of the kind was ever accepted."""
        return self._ever

    def accepted(self) -> None:
        """Note that a request was accepted."""
        self._ever, self._in_a_row, self._blocked, self._most_read_backs = True, 0, 0, self._read_backs
        self.answered += 1
        self._complaints.clear()
        self._in_common = None

    def count_read_backs(self, batches: int) -> None:
        """Note how many refused batches are read back at present: they are isolated in turn with the uploaders' own."""
        self._read_backs, self._most_read_backs = batches, max(batches, self._most_read_backs)

    def refused(self, status: int, complaint: str, customers: frozenset[str], by: str = "") -> Halt | None:
        """Note that a request with these customers was refused.

        Args:
            status: of the answer.
            complaint: the general words of the refusal.
            customers: the ids in the request.
            by: who has refused it, in a sentence; empty for the API itself.

        Returns:
            The stop, if there is a reason for one.
        """
        self._blocked = self._blocked + 1 if by else 0
        self.answered += not by
        self._in_common = customers if self._in_common is None else self._in_common & customers
        self._in_all += 1
        self._in_a_row += 1
        if len(self._complaints) < 2:  # noqa: PLR2004 - one text, or more than one
            self._complaints.add(complaint)
        systematic = SYSTEMATIC * (self._uploaders + self._most_read_backs)
        if self._blocked >= systematic:
            return self.blocked(by)
        if not self._ever and self._in_a_row >= systematic and len(self._complaints) == 1:
            said = f": {complaint}" if complaint and not self._in_common else ""
            return Halt(
                ExitCode.DENIED,
                f"{self._in_a_row} requests in a row were refused with {status}, and nothing was ever accepted{said}",
                "the cause is not in single records: check the account, base_url and the fields of the export",
            )
        if self._in_a_row >= max(IN_A_ROW, 2 * systematic):
            return Halt(
                ExitCode.DENIED,
                f"{self._in_a_row} requests in a row were refused with {status}, nothing was accepted",
                "see the messages of the last dead letters; check the account, base_url and the fields of the export",
            )
        if self._budget and self._in_all >= self._budget:
            return Halt(
                ExitCode.DENIED,
                f"{self._in_all} requests were refused, as many as isolation_budget allows",
                "the dead letters give the reasons: correct the export, start again with a fresh budget, or raise"
                " isolation_budget",
            )
        return None

    def blocked(self, by: str) -> Halt:
        """Return the stop for a firewall or proxy that lets nothing pass; `by` is the sentence that names it."""
        return Halt(
            ExitCode.DENIED,
            f"{self._blocked} requests in a row were refused, none of them by the API: {by}",
            "make the firewall or proxy let requests to base_url pass, or bypass it, then start the same command again",
        )
