"""What the comparison of totals by day has found: counts, sums of each reward, and the first days that differ."""

from collections import Counter

from msgspec import Struct

from masivo_stream.core.accounting.day_totals import (
    DayFilter,
    DayTotals,
    compare_day,
    requests_of_day,
    together,
    worst,
)
from masivo_stream.flow.readback.list_days import ListedDay, Shifts, date_of, is_askable
from masivo_stream.flow.readback.totals_choice import TotalsChoice, describe_zone
from masivo_stream.model.day_totals import (
    DayFinding,
    DaysCompared,
    DayState,
    DaySums,
    RewardCompared,
    TotalsVerification,
)
from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.moments import DAY, HOUR, Moment
from masivo_stream.model.notices import TotalsProgressed
from masivo_stream.model.summary import KindSummary

QUARTER = HOUR // 4
"""Time zones begin at quarters of an hour."""

MOST_ZONE = 14 * HOUR
"""What a time zone is apart from UTC at most."""

MOST_FINDINGS = 1000
"""Rewards of days that are listed; the others are counted."""

GO_ON = "start the same command again later: it goes on with the days that are left"
_LOOK_CLOSER = (
    "masivo-stream verify --all compares customer by customer, and names file and line of each record that differs"
)
_DECIDE = "masivo-stream resolve decides about what is in doubt"
_BY_CREATION = "the account lists transactions by the day on which it created them, not by the day of issued_at"
_OTHER_DAYS = "the account lists transactions by a day that is not the day of issued_at"
_USE_SAMPLE = "totals cannot be compared by day with this account: masivo-stream verify reads customers back instead"


class DayResult(Struct, frozen=True):
    """What shows of one day."""

    day: int
    state: DayState
    rewards: dict[str, tuple[DayState, DaySums, DaySums]]
    """By reward: what shows, what is the run's, and what is not."""
    listed: ListedDay


class DayFindings:
    """Compare days, and note the results."""

    def __init__(self, totals: DayTotals, counted: DayFilter) -> None:
        """Compare with `totals`."""
        self._totals, self._filter = totals, counted
        self._chosen: list[int] = []
        self._read_before = 0
        self._states: Counter[DayState] = Counter()
        self._transactions = self._others = self._rows = self._left_out = 0
        self._rewards: dict[str, tuple[DaySums, DaySums]] = {}
        self._found: list[DayFinding] = []
        self._shifts: Shifts | None = None
        self._by_creation = False
        self.requests = 0
        self.days_elsewhere = 0
        """Days with rows that were issued on other days."""
        self.first_different: int | None = None

    def begin(self, chosen: list[int], *, read_before: int) -> None:
        """Begin with these days; an earlier command has read some of them."""
        self._chosen, self._read_before = chosen, read_before

    def compare(self, day: int, listed: ListedDay, *, settled: bool) -> DayResult:
        """Compare a day; `settled` if nothing of it can be in the queue any more."""
        found = compare_day(self._totals.sent(day), listed.rewards, self._totals.in_doubt(day), settled=settled)
        return DayResult(day, worst(state for state, _, _ in found.values()), found, listed)

    def note(self, result: DayResult) -> None:
        """Count the result of a day, once."""
        sent, nothing = self._totals.sent(result.day), DaySums()
        self._states[result.state] += 1
        self._rows += result.listed.rows
        for reward, (state, own, others) in result.rewards.items():
            exported = sent.get(reward, nothing)
            self._transactions += exported.count
            self._others += others.count
            known = self._rewards.get(reward, (nothing, nothing))
            self._rewards[reward] = together(known[0], exported), together(known[1], own)
            if state is not DayState.EQUAL:
                doubtful = self._totals.in_doubt(result.day).get(reward, nothing)
                self._list(
                    DayFinding(
                        day=date_of(result.day).isoformat(),
                        reward=reward,
                        state=state,
                        exported=exported,
                        account=own,
                        others=others,
                        in_doubt=doubtful,
                    )
                )
        self.look_at_dates(result.listed)
        if result.state is DayState.DIFFERENT and self.first_different is None:
            self.first_different = result.day

    def look_at_dates(self, listed: ListedDay) -> None:
        """See whether what is listed for a day was issued on that day."""
        shifts = listed.shifts
        if shifts is not None:
            self.days_elsewhere += shifts.is_elsewhere
            self._shifts = shifts if self._shifts is None else self._shifts.with_row(shifts.least, shifts.most)

    def note_unread(self, day: int, why: str) -> None:
        """Count a day for which there is no legible answer."""
        self._states[DayState.UNREAD] += 1
        self._list(DayFinding(day=date_of(day).isoformat(), state=DayState.UNREAD, why=why))

    def note_day_of_acceptance(self, listed: ListedDay) -> None:
        """Take in what is listed for the day on which the last transactions were accepted."""
        self._by_creation = listed.shifts is not None and listed.shifts.is_elsewhere

    @property
    def shows_nothing(self) -> bool:
        """Whether the account lists no transaction at all for the days that were compared."""
        return bool(self._states[DayState.DIFFERENT]) and not self._rows

    @property
    def is_complete(self) -> bool:
        """Whether every chosen day has its final result."""
        return not (self._unasked or self._states[DayState.UNREAD] or self._states[DayState.NOT_YET])

    def progress(self) -> TotalsProgressed:
        """Return how far it is."""
        return TotalsProgressed(
            days=self._states.total(),
            of=len(self._chosen),
            all_days=len(self._totals.days),
            requests=self.requests,
            requests_needed=self._needed,
        )

    def result(
        self,
        choice: TotalsChoice,
        cause: MasivoStreamError | None,
        figures: KindSummary | None,
        *,
        left_out: tuple[str, ...],
    ) -> TotalsVerification:
        """Return all of it; `cause` is why it ended early, `left_out` the exports that cannot be read again."""
        code, message, hint = self._settle(choice, cause)
        proves_nothing = self._by_creation or self.days_elsewhere
        return TotalsVerification(
            exit_code=int(code),
            days=self._count(choice),
            reward=choice.reward,
            brand=choice.brand,
            rewards=tuple(
                RewardCompared(reward=reward, exported=exported, account=account)
                for reward, (exported, account) in sorted(self._rewards.items())
            ),
            others=self._others,
            not_compared={} if figures is None else _not_delivered(figures),
            findings=() if proves_nothing else tuple(sorted(self._found, key=lambda found: (found.day, found.reward))),
            findings_left_out=0 if proves_nothing else self._left_out,
            left_out=left_out,
            message=message,
            hint=hint,
        )

    @property
    def _unasked(self) -> int:
        return len(self._chosen) - self._states.total()

    @property
    def _needed(self) -> int:
        return sum(requests_of_day(self._totals.days[day]) for day in self._chosen)

    def _settle(self, choice: TotalsChoice, cause: MasivoStreamError | None) -> tuple[ExitCode, str, str]:
        """Return exit code, message and hint."""
        code, message, hint = ExitCode.OUTAGE, "", ""
        zone = self._other_zone()
        if cause is not None:
            code, hint = ExitCode(cause.exit_code), cause.hint
            message = ": ".join(filter(None, (cause.place, str(cause))))
        elif self._by_creation:
            message, hint = _BY_CREATION, _USE_SAMPLE
        elif self.days_elsewhere and zone:
            here = describe_zone(self._filter.zone)
            message = f"the account's days are not those of {here}: they seem to be those of {zone}"
            hint = f"compare with --day-zone {zone}"
        elif self.days_elsewhere:
            message, hint = _OTHER_DAYS, _USE_SAMPLE
        elif self._states[DayState.DIFFERENT]:
            code, hint = ExitCode.DEAD_LETTERS, _LOOK_CLOSER
        elif self._unasked:
            number = f"{self._unasked:,} of {len(self._chosen):,} days were not asked"
            message = (
                f"{number}: the account lists more than was sent, and {choice.most_requests:,} requests were allowed"
            )
            hint = GO_ON
        elif not self.is_complete:
            hint = GO_ON
        elif self._states[DayState.IN_DOUBT]:
            code, hint = ExitCode.COMPLETE, _DECIDE
        else:
            code = ExitCode.COMPLETE
        return code, message, hint

    @property
    def may_learn_the_zone(self) -> bool:
        """Whether several time zones explain the rows so far, so that those of further days help."""
        return len(self._beginnings()) > 1

    def _beginnings(self) -> list[Moment]:
        """Return when the account's days may begin after ours: at full hours, or at quarters if no hour is possible.

        All rows of a day are issued within the 24 hours after its beginning.
        """
        shifts = self._shifts or Shifts()
        low, high = max(shifts.most - DAY + 1, -MOST_ZONE), min(shifts.least, MOST_ZONE)
        for step in (HOUR, QUARTER):
            if found := list(range(-(-low // step) * step, high + 1, step)):
                return found
        return []

    def _other_zone(self) -> str:
        """Return the time zone nearest to ours whose days explain all rows; empty if no zone does."""
        found = self._beginnings()
        return describe_zone(self._filter.zone - min(found, key=abs)) if found else ""

    def _count(self, choice: TotalsChoice) -> DaysCompared:
        days, states = self._totals.days, self._states
        known = [day for day in days if is_askable(day)]
        return DaysCompared(
            zone=choice.zone,
            days=len(days),
            first=date_of(min(known)).isoformat() if known else "",
            last=date_of(max(known)).isoformat() if known else "",
            transactions=sum(days.values()),
            chosen=len(self._chosen),
            requests_needed=self._needed,
            most_requests=choice.most_requests,
            compared=states.total() - states[DayState.UNREAD],
            compared_transactions=self._transactions,
            equal=states[DayState.EQUAL],
            different=states[DayState.DIFFERENT],
            in_doubt=states[DayState.IN_DOUBT],
            not_yet=states[DayState.NOT_YET],
            unread=states[DayState.UNREAD],
            read_before=self._read_before,
            requests=self.requests,
        )

    def _list(self, finding: DayFinding) -> None:
        if len(self._found) < MOST_FINDINGS:
            self._found.append(finding)
        else:
            self._left_out += 1


def _not_delivered(figures: KindSummary) -> dict[str, int]:
    counts = {
        "dead": figures.items_dead,
        "skipped": figures.items_skipped,
        "in_doubt": figures.items_in_doubt,
        "pending": figures.items_pending,
    }
    return {name: count for name, count in counts.items() if count}
