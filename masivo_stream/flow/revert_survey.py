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
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.identity.account_binding import identify_account
from masivo_stream.flow.identity.remembered import other_runs
from masivo_stream.flow.revert_state import only_missing, read_revert_state
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import Settings

_OPERATION = "revert a migration"


class Survey(Struct, frozen=True, kw_only=True):
    """What a journal says about a period: numbers of records by kind, accepted or in doubt."""

    within: dict[str, int]
    """Customers that were sent in it; if they are all customers of the run, its other kinds too."""
    near: int
    """Customers that were sent so near its start or end that they may have been migrated in it."""
    beyond: int
    """Customers that were certainly not migrated in it."""
    others: dict[str, int]
    """Records of other kinds. They are taken back with their customer, whenever they were sent."""
    first: str
    last: str
    """When the run's first batch was sent and its last one settled, by this machine's clock."""
    command: str
    """The command that sends again what was taken back."""

    @property
    def whole(self) -> bool:
        """Whether the period holds every customer of the run."""
        return bool(self.within.get(Kind.CUSTOMERS)) and not self.near and not self.beyond

    @property
    def must_hold(self) -> bool:
        """Whether customers of the run were certainly migrated in it, or all its customers belong to another run."""
        return bool(self.within.get(Kind.CUSTOMERS)) or (bool(self.others) and not self.near and not self.beyond)

    @property
    def holds(self) -> bool:
        """Whether it may hold anything of the run. If another run migrated the customers, this journal cannot know."""
        customers = self.within.get(Kind.CUSTOMERS, 0) + self.near
        return bool(customers) or (bool(self.others) and not self.beyond)


def survey(state_dir: str, start: str, end: str, *, slack: float) -> Survey | None:
    """Return what the run of a state directory sent in a period and outside of it; None if there is no run.

    Customers are migrated at most `slack` seconds after they were sent, and clocks differ by no more than that.

    Raises:
        ConfigurationError: `start` or `end` is no date-time, the period is empty, or the journal cannot be read.
    """
    read_period(start, end)
    path = Path(state_dir) / StateDir.JOURNAL
    if not path.exists():
        return None
    with closing(open_journal(path, SystemClock().wall, writable=False)) as journal:
        return survey_journal(journal, start, end, slack, state_dir)


class OtherRun(Struct, frozen=True):
    """Another run of this machine that has sent to the same account."""

    state_dir: str
    customers: int | None
    """How many customers it sent in the period, or near its start or end; None if its journal cannot be read."""


def survey_others(settings: Settings, credentials: Credentials, start: str, end: str) -> list[OtherRun]:
    """Return the other runs whose customers a revert of this period may take back, too.

    Raises:
        ConfigurationError: `start` or `end` is no date-time, or the period is empty.
    """
    others = []
    for state_dir, readable in other_runs(settings, identify_account(settings, credentials)):
        found = survey(state_dir, start, end, slack=settings.visible.visible_timeout) if readable else None
        customers = None if found is None else found.within.get(Kind.CUSTOMERS, 0) + found.near
        if customers != 0:
            others.append(OtherRun(state_dir, customers))
    return others


def is_gone(found: Survey | None, customers: int | None) -> bool:
    """Return whether all that a run has sent was taken back, by its period and the API's number of customers."""
    return found is not None and found.whole and customers == found.within.get(Kind.CUSTOMERS)


def survey_journal(journal: Journal, start: str, end: str, slack: float, state_dir: str) -> Survey:
    """Compare what was sent with a period, and with those that were taken back before."""
    periods = [
        read_period(start, end),
        *(read_period(done.start, done.end) for done in read_revert_state(journal.read).done),
    ]
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
    """Return the moments at which the period starts and ends.

    Raises:
        ConfigurationError: a text is no date-time with a zone, or the period is empty.
    """
    for name, text in (("--from", start), ("--to", end)):
        if not is_rfc3339(text):
            raise ConfigurationError(
                f"{name} is not a date-time with a time zone",
                operation=_OPERATION,
                place=name,
                hint="write it like 2026-01-31T00:00:00Z",
            )
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if begins >= ends:
        raise ConfigurationError(
            "the period is empty: --from is not before --to",
            operation=_OPERATION,
            place="--from",
            hint="swap --from and --to",
        )
    return begins, ends
