"""The summary: the outcome of every record, in figures that must close, and the next steps. Its JSON form is fixed."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.canary import CanaryResult
from masivo_stream.model.examples import Example, SkipExample
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.findings import ExportChecks
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.verification import Verified


class NextStep(Struct, frozen=True, kw_only=True):
    """One step: in words, and the command line for it, quoted for a shell; empty if there is no command to paste."""

    text: str
    command: str = ""


class Invocation(Struct, frozen=True, kw_only=True):
    """How a run was started, so that the next commands can be shown ready to paste. It holds no secret."""

    again: tuple[str, ...] = ()
    """The words of the command that continues the run; empty if a program started it, not a person."""
    options: tuple[str, ...] = ()
    """Flags that every command about this run needs: its state directory, the API's address, limits."""
    directory: str = ""
    """The working directory in which these words hold; empty if it is not known."""


OutcomeName = Literal["complete", "dead_letters", "in_doubt", "interrupted", "stopped"]


class KindSummary(Struct, frozen=True, kw_only=True):
    """One kind's figures: numbers of records, unless the name says otherwise."""

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
    """Items of dead letters, if the line could be read that far."""
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
    """Accepted batches by what was unusual about the answer, such as another status than the contract names."""

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
    """Why the run stopped, empty if it did not."""
    hint: str = ""
    examples: tuple[Example, ...] = ()
    """Dead letters by kind and reason, the most frequent first, each with the position of one."""
    fault_groups: FaultGroups = FaultGroups()
    """Dead letters by kind, reason, field and cause, all faults of a record counted."""
    skipped_examples: tuple[SkipExample, ...] = ()
    """Skipped records by kind and reason, each with the position of the first one."""
    next_steps: tuple[NextStep, ...] = ()
    """In the order in which a person should take them."""
    report: str = ""
    """The path of the page with all of this; empty if it was not written."""
    published: str = ""
    """The URL of the folder to which dead letters and report were copied; empty if they were not."""
    warnings: tuple[str, ...] = ()
    """Sentences that do not change the outcome but should be known: what failed beside the run, odd acceptances."""
    target: str = ""
    """Scheme, host and port of the API; empty if nothing was sent yet."""
    account: str = ""
    """The beginning of the account's fingerprint, empty if it is not known."""
    verified: Verified | UnsetType = UNSET
    """The sample of this process's records that was read back; it changes neither outcome nor figures."""
    over_budget: OverBudget | UnsetType = UNSET
    """What exceeds the error budget: it stopped the run, or would stop one of which this is the plan."""

    canary: CanaryResult | UnsetType = UNSET
    """What the records that were sent first show; only of a run that had a canary in this process."""
    share: float | None = None
    """The share of all records that have their outcome, from 0 to 1; None if that is not known."""
    unread: dict[str, int] = {}
    """Records that were not read yet, by kind; empty if that is not known."""
    unread_exact: bool = False
    """Whether these are counted, not estimated."""
    checks: ExportChecks | UnsetType = UNSET
    """What the checks over all files found, and control totals; only of a command that makes them."""
