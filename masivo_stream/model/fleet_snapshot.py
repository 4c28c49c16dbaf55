"""The snapshot of a fleet at work: a row per account. Its JSON form is fixed; moments are Unix seconds (UTC)."""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.snapshot import KindSnapshot, PauseShown, RunSnapshot, RunWarning


class AccountRow(Struct, frozen=True, kw_only=True):
    """What is shown of one account."""

    name: str
    state: str
    """What it does or waits for, for people; how it ended, once it has."""
    ended: bool = False
    exit_code: int | None = None
    """None until its run has ended."""
    read: int = 0
    accepted: int = 0
    dead: int = 0
    in_doubt: int = 0
    requests: int = 0
    requests_needed: int | None = None
    """Estimated from what was read; None if it is not known for every kind."""
    ends_at: float | None = None
    attention: str = ""
    """Why a person should look at it; empty if there is no reason."""
    share: float | None = None
    """The share of its records that have their outcome, from 0 to 1; None if that is not known."""
    unread: int | None = None
    """Records that were not read yet; None if that is not known for each kind."""
    about: bool = False
    """Whether `ends_at` and what is left are estimates."""
    no_end: str = ""
    """Why no end is forecast of an account that has not ended; empty with `ends_at`."""
    paused: bool = False
    """Whether a person has paused it."""
    command: str = ""
    """The command to start first, of an account that needs a person; empty if it needs none."""
    warnings: tuple[RunWarning, ...] = ()
    """What lasts at this moment: an outage, refusals."""


class FleetSnapshot(Struct, frozen=True, kw_only=True):
    """The fleet."""

    schema: int = 1
    version: str
    began: float
    now: float
    resident: int = 0
    """Resident memory of this process."""
    accounts: tuple[AccountRow, ...]
    """In the sequence of the fleet file."""
    ends_at: float | None = None
    """When the last account ends; None if that is not known for all that are at work."""
    share: float | None = None
    """The share of all records that have their outcome, of the accounts of which it is known; None if of none."""


def describe_fleet(rows: tuple[AccountRow, ...], *, version: str, began: float, now: float) -> FleetSnapshot:
    """Return the snapshot of a fleet with these accounts."""
    ends = [row.ends_at for row in rows if not row.ended]
    known = [moment for moment in ends if moment is not None]
    return FleetSnapshot(
        version=version,
        began=began,
        now=now,
        accounts=rows,
        ends_at=max(known) if known and len(known) == len(ends) else None,
        share=describe_fleet_share(rows),
    )


def describe_fleet_share(rows: Iterable[AccountRow]) -> float | None:
    """Return the share of all records that have their outcome; 1 only if all have theirs."""
    known = [(row.share, row.read + (row.unread or 0)) for row in rows if row.share is not None]
    every = sum(records for _, records in known)
    if not every:
        return None if not known else min(share for share, _ in known)
    share = sum(share * records for share, records in known) / every
    return share if all(own == 1 for own, _ in known) else min(share, _ALMOST)


_ALMOST = 1 - 1e-9


def describe_account(
    name: str, run: RunSnapshot | None, *, exit_code: int | None, failure: str, message: str = "", command: str = ""
) -> AccountRow:
    """Return the row of an account: of its run if there is one, and of its result if there is one.

    `message` is why its run has stopped, `command` what its result says to start first.
    """
    if run is None:
        state = failure or ("not begun" if exit_code is None else "ended")
        no_end = "not begun" if exit_code is None else ""
        ended = exit_code is not None
        return AccountRow(
            name=name, state=state, ended=ended, exit_code=exit_code, attention=failure, no_end=no_end, command=command
        )
    figures = [phase.figures for phase in run.phases]
    dead, in_doubt = sum(each.dead for each in figures), sum(each.in_doubt for each in figures)
    ended = exit_code is not None
    return AccountRow(
        name=name,
        state=failure or run.outcome.replace("_", " ") or _at_work(run),
        ended=ended,
        exit_code=exit_code,
        read=sum(each.read for each in figures),
        accepted=sum(each.accepted for each in figures),
        dead=dead,
        in_doubt=in_doubt,
        requests=sum(each.requests for each in figures),
        requests_needed=_needed(run.phases),
        ends_at=run.ends_at,
        attention=failure or message or _attention(run, dead=dead, in_doubt=in_doubt),
        share=run.share,
        unread=run.unread,
        about=run.about,
        no_end="" if ended else _no_end(run),
        paused=run.paused is not None,
        command=command if ended and exit_code else _command(run, in_doubt=in_doubt) if not ended else "",
        warnings=run.warnings,
    )


def _no_end(run: RunSnapshot) -> str:
    """Return why no end of a run at work is forecast, in words that are the same for several accounts."""
    if run.ends_at is not None:
        return ""
    if run.paused is not None:
        return "paused"
    return run.no_end or ("stopping" if run.wait.what == "drain" else "no finishing time yet")


def _command(run: RunSnapshot, *, in_doubt: int) -> str:
    """Return the command that a run at work needs first: it is paused, or has records in doubt."""
    if run.paused is not None:
        return run.paused.command
    return next((step.command for step in run.to_do if step.command), "") if in_doubt else ""


def _paused(pause: PauseShown) -> str:
    return f"paused by {pause.by}" if pause.by else "paused"


_SAY_IT_ALL = ("retry", "visible", "read_back", "drain")
"""Waits whose words name the kind, or are about the whole run."""


def _at_work(run: RunSnapshot) -> str:
    if run.paused is not None:
        return _paused(run.paused)
    if run.wait.what in _SAY_IT_ALL:
        return run.wait.text
    present = next((phase for phase in run.phases if phase.state in {"working", "visible"}), None)
    if present is None:
        return run.wait.text or "beginning"
    return f"{present.kind}: {run.wait.text or 'working'}"


def _attention(run: RunSnapshot, *, dead: int, in_doubt: int) -> str:
    if in_doubt:
        return f"{in_doubt:,} in doubt"
    if run.paused is not None:
        return _paused(run.paused)
    if run.wait.what == "retry":
        return run.wait.text
    return f"{dead:,} dead letter{'s' if dead > 1 else ''}" if dead else ""


def _needed(phases: Iterable[KindSnapshot]) -> int | None:
    needed = [phase.requests_needed for phase in phases]
    known = [each for each in needed if each is not None]
    return sum(known) if known and len(known) == len(needed) else None
