"""Tell when refusals are not about records any more: stop, rather than spend thousands of requests to find that out.

Three signs, the surest first:

* nothing of the kind was ever accepted, and SYSTEMATIC refusals in a row say the same: a fault of the whole export, the
  account or the address. The same words about requests that have no customer in common quote none of them, so they
  can be told;
* IN_A_ROW refusals without an acceptance, whatever they say;
* more refusals in all than the budget: so many culprits are a fault that should be mended where the export is made.

And one sign that it is not the API at all: SYSTEMATIC answers in a row by a firewall or proxy, to whatever is sent.
"""

from masivo_stream.core.sending.backoff import Halt
from masivo_stream.model.errors import ExitCode

SYSTEMATIC = 13
"""Times the uploaders: a record that is alone to blame in its batch takes eleven refusals to find, two beside it one
each, and each uploader may be at such a batch; so may be what waits to be read back."""

IN_A_ROW = 50
"""At least, and twice as many as above: to find four culprits that stand side by side takes fewer."""


class Refusals:
    """Count the refusals of one kind. `accepted_before`: something of it was accepted by an earlier process."""

    def __init__(self, budget: int, *, uploaders: int, accepted_before: bool = False) -> None:
        """Stop after `budget` refusals in all; 0 is no budget."""
        self._budget, self._uploaders = budget, uploaders
        self._beside = self._most_beside = 0
        """Refused batches that wait beside the uploaders, now and at most since the last acceptance."""
        self._in_common: frozenset[str] | None = None
        """Customers that were in all requests refused since the last acceptance."""
        self._ever = accepted_before
        self._in_all = self._in_a_row = 0
        self._complaints: set[str] = set()
        """What refusals say since the last acceptance; two are as good as many."""
        self.answered = 0
        """Requests that got through to the API: accepted, or refused by the API itself."""
        self._blocked = 0
        """Requests in a row that a firewall or proxy refused."""

    @property
    def ever(self) -> bool:
        """Whether anything of the kind was ever accepted."""
        return self._ever

    def accepted(self) -> None:
        """Note that a request was accepted."""
        self._ever, self._in_a_row, self._blocked, self._most_beside = True, 0, 0, self._beside
        self.answered += 1
        self._complaints.clear()
        self._in_common = None

    def wait_beside(self, batches: int) -> None:
        """Note how many refused batches are put off at present: they are taken apart in turn with the uploaders'."""
        self._beside, self._most_beside = batches, max(batches, self._most_beside)

    def refused(self, status: int, complaint: str, customers: frozenset[str], by: str = "") -> Halt | None:
        """Note that a request with these customers was refused, with the general words `complaint`.

        `by`: who has refused it, in a sentence, if not the API.

        Returns:
            Why to stop, if that is so.
        """
        self._blocked = self._blocked + 1 if by else 0
        self.answered += not by
        self._in_common = customers if self._in_common is None else self._in_common & customers
        self._in_all += 1
        self._in_a_row += 1
        if len(self._complaints) < 2:  # noqa: PLR2004 - one, or not one
            self._complaints.add(complaint)
        systematic = SYSTEMATIC * (self._uploaders + self._most_beside)
        if self._blocked >= systematic:
            return self.blocked(by)
        if not self._ever and self._in_a_row >= systematic and len(self._complaints) == 1:
            said = f": {complaint}" if complaint and not self._in_common else ""
            return Halt(
                ExitCode.DENIED,
                f"{self._in_a_row} requests in a row were refused with {status}, and nothing was ever accepted{said}",
                "it is not about single records: check account, base_url and the export's fields",
            )
        if self._in_a_row >= max(IN_A_ROW, 2 * systematic):
            return Halt(
                ExitCode.DENIED,
                f"{self._in_a_row} requests in a row were refused with {status}, nothing was accepted",
                "see the messages of the last dead letters; check account, base_url and the export's fields",
            )
        if self._budget and self._in_all >= self._budget:
            return Halt(
                ExitCode.DENIED,
                f"{self._in_all} requests were refused, as many as isolation_budget allows",
                "the dead letters say why: mend the export, or start again with a fresh budget, or raise it",
            )
        return None

    def blocked(self, by: str) -> Halt:
        """Return the stop for a firewall or proxy, named in `by`, that lets nothing pass."""
        return Halt(
            ExitCode.DENIED,
            f"{self._blocked} requests in a row were refused, none of them by the API: {by}",
            "have the firewall or proxy let requests to base_url pass, or go without it, then start the same command"
            " again",
        )
