"""The survey before a revert: what the run of a state directory sent in a period, near it, and outside of it."""

from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from masivo_stream.core.reading.schema_faults import is_rfc3339
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.flow.revert_state import only_missing, stands
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError

_OPERATION = "revert a migration"


class Survey(Struct, frozen=True, kw_only=True):
    """What a journal says about a period: records by kind, accepted or in doubt."""

    within: dict[str, int]
    """Customers who were sent in it; where they are all of the run's, its other kinds, too."""
    near: int
    """Customers who were sent so near its begin or end that they may have been migrated in it."""
    beyond: int
    """Customers who were not."""
    others: dict[str, int]
    """What was sent of other kinds. It goes with its customer, whenever it was sent."""
    first: str
    last: str
    """When the run's first batch was sent and its last one settled, by this machine's clock."""
    command: str
    """What sends afterwards what was taken back."""

    @property
    def whole(self) -> bool:
        """Whether the period holds every customer of the run."""
        return bool(self.within.get(Kind.CUSTOMERS)) and not self.near and not self.beyond

    @property
    def must_hold(self) -> bool:
        """Whether customers of the run were migrated in it for certain, or all its customers are another run's."""
        return bool(self.within.get(Kind.CUSTOMERS)) or (bool(self.others) and not self.near and not self.beyond)

    @property
    def holds(self) -> bool:
        """Whether it may hold anything of the run; whose customers another run migrated, nobody here can tell."""
        customers = self.within.get(Kind.CUSTOMERS, 0) + self.near
        return bool(customers) or (bool(self.others) and not self.beyond)


def survey(state_dir: str, start: str, end: str, *, slack: float) -> Survey | None:
    """Return what the run of a state directory sent in a period and outside of it; None where no run stands.

    Customers are migrated some time after they were sent, at most `slack` seconds, and clocks differ no more than that.

    Raises:
        ConfigurationError: a date is none, the period is empty, or the journal cannot be read.
    """
    read_period(start, end)
    path = Path(state_dir) / StateDir.JOURNAL
    if not path.exists():
        return None
    with closing(open_journal(path, SystemClock().wall, writable=False)) as journal:
        return survey_journal(journal, start, end, slack, state_dir)


def is_gone(found: Survey | None, customers: int | None) -> bool:
    """Return whether all that a run has sent was taken back, by its period and the API's number of customers."""
    return found is not None and found.whole and customers == found.within.get(Kind.CUSTOMERS)


def survey_journal(journal: Journal, start: str, end: str, slack: float, state_dir: str) -> Survey:
    """Compare what was sent with a period, and with those that were taken back before."""
    periods = [read_period(start, end), *(read_period(done.start, done.end) for done in stands(journal.read).done)]
    around = timedelta(seconds=slack)
    customers: Counter[str] = Counter()
    others: Counter[str] = Counter()
    sent = journal.read.sent()
    for kind, first, last, records in sent:
        if kind != Kind.CUSTOMERS:
            others[kind] += records
        elif any(begins <= first and last <= ends for begins, ends in periods):
            customers["within"] += records
        elif first - around <= periods[0][1] and periods[0][0] <= last + around:
            customers["near"] += records
        else:
            customers["beyond"] += records
    moments = [moment.isoformat(timespec="seconds") for _, *pair, _ in sent for moment in pair]
    all_of_them = bool(customers["within"]) and not customers["near"] and not customers["beyond"]
    within = {Kind.CUSTOMERS.value: customers["within"]} if customers["within"] else {}
    return Survey(
        within=within | (others if all_of_them else {}),
        near=customers["near"],
        beyond=customers["beyond"],
        others=dict(others),
        first=min(moments, default=""),
        last=max(moments, default=""),
        command=only_missing(journal, state_dir),
    )


def read_period(start: str, end: str) -> tuple[datetime, datetime]:
    """Return the moments.

    Raises:
        ConfigurationError: they are none, or the period is empty.
    """
    for name, text in (("--from", start), ("--to", end)):
        if not is_rfc3339(text):
            raise ConfigurationError(
                f"{name} is no date-time with zone",
                operation=_OPERATION,
                place=name,
                hint="such as 2026-01-31T00:00:00Z",
            )
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if begins >= ends:
        raise ConfigurationError(
            "the period is empty: --from is not before --to", operation=_OPERATION, place="--from", hint="swap them"
        )
    return begins, ends
