"""How far a fleet is, when it is done, and what a person must do: lines for people."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.core.accounting.forecast import percent
from masivo_stream.core.redact import printable
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.moments import rough_duration
from masivo_stream.model.snapshot import RunWarning
from masivo_stream.observe.end_lines import clock_time
from masivo_stream.observe.warning_counts import warning_line

_MOST_NAMED = 3
_MOST_STEPS = 3


class FleetEnd(Struct, frozen=True, kw_only=True):
    """How far a fleet is, and when its last account ends."""

    words: str
    """The share, and how long it still takes; empty if neither is known."""
    at: float | None = None
    """When the last account ends, of those whose end is known."""
    last: str = ""
    """Which account that is, if there are several and all have an end."""


def end_of_fleet(fleet: FleetSnapshot) -> FleetEnd:
    """Return how far a fleet is and when its last account ends; of how many accounts, if some have no end."""
    at_work = [row for row in fleet.accounts if not row.ended]
    ends = [(row.ends_at, row) for row in at_work if row.ends_at is not None]
    share = _share(fleet)
    if not ends:
        return FleetEnd(words=share)
    at, row = max(ends, key=lambda each: each[0])
    of_all = len(ends) == len(at_work)
    about = "about " if any(each.about for _, each in ends) else ""
    whose = "" if of_all else f"{count_accounts(len(ends))}: "
    left = f"{whose}{about}{rough_duration(max(0.0, at - fleet.now))} left"
    last = f"{printable(row.name)}{' ends last' if len(ends) > 1 else ''}" if of_all and len(fleet.accounts) > 1 else ""
    return FleetEnd(words=", ".join(filter(None, (share, left))), at=at, last=last)


def accounts_without_end(fleet: FleetSnapshot) -> list[str]:
    """Return, by reason, which accounts have no end."""
    reasons: dict[str, list[str]] = {}
    for each in fleet.accounts:
        if not each.ended and each.no_end and not each.paused:  # what a person must do says so
            reasons.setdefault(each.no_end, []).append(each.name)
    return [f"{name_accounts(names)}: {printable(why)}" for why, names in reasons.items()]


def fleet_end_lines(fleet: FleetSnapshot) -> Iterator[str]:
    """Yield how far a fleet is and when its last account ends; then, by reason, which accounts have no end."""
    end = end_of_fleet(fleet)
    until = "" if end.at is None else f", until {clock_time(fleet, end.at)}"
    last = f" ({end.last})" if end.last else ""
    if end.words:
        yield f"{end.words}{until}{last}"
    yield from accounts_without_end(fleet)


def _share(fleet: FleetSnapshot) -> str:
    if fleet.share is None:
        return ""
    partial = any(row.share is None for row in fleet.accounts)
    return f"{percent(fleet.share)} %{' of what has begun is' if partial else ''} done"


def count_accounts(number: int) -> str:
    """Return `1 account`, `2 accounts`."""
    return f"{number:,} account{'s' if number != 1 else ''}"


def more_accounts(number: int) -> str:
    """Return `1 more account is`, `2 more accounts are`."""
    return f"{number:,} more account{'s are' if number != 1 else ' is'}"


def name_accounts(names: Sequence[str]) -> str:
    """Return the names of a few accounts, and how many more there are."""
    shown = [printable(name) for name in (names if len(names) <= _MOST_NAMED else names[: _MOST_NAMED - 1])]
    more = len(names) - len(shown)
    last = [f"{more:,} more"] if more else shown[-1:]
    first = shown if more else shown[:-1]
    return " and ".join(filter(None, (", ".join(first), *last)))


def what_to_do(row: AccountRow) -> str:
    """Return what an account needs a person for."""
    when = "" if row.ended or row.paused else ", to do when it has ended"
    return f"{printable(row.attention or row.state)}{when}"


def fleet_step_lines(rows: Iterable[AccountRow]) -> Iterator[tuple[str, str]]:
    """Yield what a person must do, by account, and the command; each with its style. The most are a few accounts."""
    needing = [row for row in rows if row.command]
    for row in needing[:_MOST_STEPS]:
        yield f"{printable(row.name)}: {what_to_do(row)}", "red" if row.in_doubt else "yellow"
        yield f"  {printable(row.command)}", "dim"
    if (more := len(needing) - _MOST_STEPS) > 0:
        yield f"{more_accounts(more)} for you to look at, below", "yellow"


def fleet_warning_lines(fleet: FleetSnapshot, *, most: int) -> list[str]:
    """Return what lasts in the accounts, one line for each cause, the latest ones."""
    latest = fleet_warnings_lasting(fleet)
    return [warning_line(warning, fleet.now) for warning in latest[max(0, len(latest) - most) :]]


def fleet_warnings_lasting(fleet: FleetSnapshot) -> list[RunWarning]:
    """Return what lasts in the accounts, one warning for each cause, the latest one last."""
    causes: dict[tuple[str, str], list[tuple[str, RunWarning]]] = {}
    for row in fleet.accounts:
        for warning in row.warnings:
            causes.setdefault((warning.event, warning.text), []).append((row.name, warning))
    latest = sorted(causes.values(), key=lambda found: max(warning.at for _, warning in found))
    return [_joined(found) for found in latest]


def _joined(found: Sequence[tuple[str, RunWarning]]) -> RunWarning:
    """Return one warning for one cause in several accounts: tried again as soon as the first of them."""
    warnings = [warning for _, warning in found]
    tries = [warning.again_at for warning in warnings if warning.again_at is not None]
    return RunWarning(
        first_at=min(warning.first_at for warning in warnings),
        at=max(warning.at for warning in warnings),
        event=warnings[0].event,
        text=f"{name_accounts([name for name, _ in found])}: {warnings[0].text}",
        times=max(warning.times for warning in warnings),
        again_at=min(tries, default=None),
    )
