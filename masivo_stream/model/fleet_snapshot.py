"""The snapshot of a fleet at work: a row per account. Its JSON form is fixed; moments are Unix seconds (UTC)."""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.snapshot import KindSnapshot, RunSnapshot


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


def describe_account(name: str, run: RunSnapshot | None, *, exit_code: int | None, failure: str) -> AccountRow:
    """Return the row of an account: of its run if there is one, and of its result if there is one."""
    if run is None:
        state = failure or ("not begun" if exit_code is None else "ended")
        return AccountRow(name=name, state=state, ended=exit_code is not None, exit_code=exit_code, attention=failure)
    figures = [phase.figures for phase in run.phases]
    dead, in_doubt = sum(each.dead for each in figures), sum(each.in_doubt for each in figures)
    return AccountRow(
        name=name,
        state=failure or run.outcome.replace("_", " ") or _at_work(run),
        ended=exit_code is not None,
        exit_code=exit_code,
        read=sum(each.read for each in figures),
        accepted=sum(each.accepted for each in figures),
        dead=dead,
        in_doubt=in_doubt,
        requests=sum(each.requests for each in figures),
        requests_needed=_needed(run.phases),
        ends_at=run.ends_at,
        attention=failure or _attention(run, dead=dead, in_doubt=in_doubt),
    )


def _at_work(run: RunSnapshot) -> str:
    present = next((phase for phase in run.phases if phase.state in {"working", "visible"}), None)
    if present is None:
        return "beginning"
    return f"{present.kind}: {run.wait.text or 'working'}"


def _attention(run: RunSnapshot, *, dead: int, in_doubt: int) -> str:
    if in_doubt:
        return f"{in_doubt:,} in doubt"
    if run.wait.what == "retry":
        return run.wait.text
    return f"{dead:,} dead letters" if dead else ""


def _needed(phases: Iterable[KindSnapshot]) -> int | None:
    needed = [phase.requests_needed for phase in phases]
    known = [each for each in needed if each is not None]
    return sum(known) if known and len(known) == len(needed) else None
