"""When a person should hear of a run: at its end, at a stop, and if something needs them meanwhile. Sans I/O.

Each cause is reported once while it lasts: an outage that is longer than `notify_after`, the first batch in doubt that
only a person can decide about, a pause. An outage and a pause are also reported when they are over.
"""

from typing import NamedTuple

from msgspec import UNSET

from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.notices import BatchSent, Notice, Paused, Resumed, RunEnded
from masivo_stream.model.notification import NotifiedEvent
from masivo_stream.model.summary import Summary
from masivo_stream.observe.outage import OutageWatch

_ENDED = frozenset({"complete", "dead_letters", "in_doubt"})


class Occasion(NamedTuple):
    """What a person should hear of."""

    event: NotifiedEvent
    reason: str


class AttentionWatch:
    """Feed it notices. Moments are seconds of the monotonic clock."""

    def __init__(self, *, notify_after: float) -> None:
        """Report outages that are longer than `notify_after` seconds."""
        self._notify_after = notify_after
        self._outage = OutageWatch()
        self._outage_reported = self._doubt_reported = self._paused = False

    def feed(self, notice: Notice, now: float) -> list[Occasion]:
        """Take in a notice that comes at `now`; return the occasions that it is."""
        found: list[Occasion] = []
        self._outage.feed(notice, now)
        match notice:
            case BatchSent(kind=kind, outcome="in doubt") if not (self._doubt_reported or CONTRACTS[kind].repeatable):
                self._doubt_reported = True
                found.append(Occasion("attention", "in_doubt"))
            case Paused() if not self._paused:
                self._paused = True
                found.append(Occasion("attention", "paused"))
            case Resumed() if self._paused:
                self._paused = False
                found.append(Occasion("cleared", "paused"))
            case RunEnded(summary=summary):
                return [end_of(summary)]
            case _:
                pass
        lasts = bool(self._outage.what) and now - self._outage.since >= self._notify_after and not self._paused
        if lasts and not self._outage_reported:
            self._outage_reported = True
            found.append(Occasion("attention", "outage"))
        elif self._outage_reported and not self._outage.what:
            self._outage_reported = False
            found.append(Occasion("cleared", "outage"))
        return found


def end_of(summary: Summary) -> Occasion:
    """Return how a run has ended."""
    if summary.outcome in _ENDED:
        return Occasion("ended", summary.outcome)
    if summary.over_budget is not UNSET:
        return Occasion("stopped", "max_dead")
    if summary.canary is not UNSET and summary.exit_code == ExitCode.OUTAGE and not summary.canary.passed:
        return Occasion("stopped", "canary")
    return Occasion("stopped", reason_of(summary.exit_code))


def reason_of(exit_code: int) -> str:
    """Return the name of an exit code."""
    if exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        return "interrupted"
    return ExitCode(exit_code).name.lower()


class SharedOccasions:
    """What comes to several accounts of a fleet and is one thing for a person: an outage, a pause.

    It is reported once, with the first account that has it, and its end once, with the last one. Everything else is
    reported for each account.
    """

    def __init__(self) -> None:
        """Nothing has been reported yet."""
        self._lasting: dict[str, set[str]] = {}
        """By reason, the accounts that have it."""

    def passes(self, name: str, occasion: Occasion) -> bool:
        """Take in an occasion of an account; return whether to report it."""
        if occasion.event in {"ended", "stopped"}:
            for accounts in self._lasting.values():
                accounts.discard(name)
            return True
        if occasion.reason not in _OF_SEVERAL:
            return True
        accounts = self._lasting.setdefault(occasion.reason, set())
        if occasion.event == "cleared":
            had = name in accounts
            accounts.discard(name)
            return had and not accounts
        accounts.add(name)
        return len(accounts) == 1


_OF_SEVERAL = frozenset({"outage", "paused"})
