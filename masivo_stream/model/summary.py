"""The summary: what became of every record, in figures that must close. Its JSON form is a fixed format."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.example import Example
from masivo_stream.model.next_step import NextStep
from masivo_stream.model.skipped import SkipExample
from masivo_stream.model.verification import Verified

OutcomeName = Literal["complete", "dead_letters", "in_doubt", "interrupted", "stopped"]


class KindSummary(Struct, frozen=True, kw_only=True):
    """One kind's figures: records unless the name says otherwise."""

    read: int = 0
    blank: int = 0
    accepted: int = 0
    dead: int = 0
    skipped: int = 0
    in_doubt: int = 0
    pending: int = 0
    items_read: int = 0
    items_accepted: int = 0
    items_dead: int = 0
    """Items of dead letters, as far as the line could be read that far."""
    items_skipped: int = 0
    items_in_doubt: int = 0
    items_pending: int = 0
    requests: int = 0
    requests_lower_bound: int = 0
    throttled: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = {}
    """Dead letters by reason."""
    skip_reasons: dict[str, int] = {}
    remarks: dict[str, int] = {}
    """Accepted batches by what was odd about the answer, such as another status than the contract names."""

    @property
    def closes(self) -> bool:
        """Whether every record and every item is accounted for."""
        records = self.accepted + self.dead + self.skipped + self.in_doubt + self.pending + self.blank
        items = self.items_accepted + self.items_dead + self.items_skipped + self.items_in_doubt + self.items_pending
        return self.read == records and self.items_read == items


class Summary(Struct, frozen=True, kw_only=True):
    """A run's summary, as `--json` prints it."""

    schema: int = 1
    outcome: OutcomeName
    exit_code: int
    kinds: dict[str, KindSummary]
    closes: bool
    message: str = ""
    """Why the run stopped, where it did."""
    hint: str = ""
    examples: tuple[Example, ...] = ()
    """Dead letters by kind and reason, the most frequent first, each with a place to look at."""
    skipped_examples: tuple[SkipExample, ...] = ()
    """Skipped records by kind and reason, each with the first place."""
    next_steps: tuple[NextStep, ...] = ()
    """In the order in which they are to be done."""
    report: str = ""
    """Where the page with all of this lies; empty where none was written."""
    warnings: tuple[str, ...] = ()
    """What changes nothing of the outcome, and should be known: what went wrong beside the run, odd acceptances."""
    target: str = ""
    """Where it goes: scheme, host and port of the API; empty where nothing was sent yet."""
    account: str = ""
    """The beginning of the account's fingerprint, as far as it is known."""
    verified: Verified | UnsetType = UNSET
    """What was seen of a few of the records that this process sent; changes neither outcome nor figures."""


class Status(Summary, frozen=True, kw_only=True):
    """What `status` tells: a summary, and who is at work."""

    owner: str = ""
    """Process and host that own the state directory at this moment; empty for nobody."""
