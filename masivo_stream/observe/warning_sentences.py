"""What a person should know of while a run works, as sentences: one per cause, without ids of batches.

A cause may last, as an outage does: its notices repeat, and are counted. The log has every single one.
"""

from msgspec import Struct

from masivo_stream.core.redact import printable
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.moments import duration
from masivo_stream.model.notices import (
    BatchSent,
    BatchWaits,
    CanaryEnded,
    ChecksEnded,
    LoopStalled,
    MonitorFailed,
    Notice,
    ObjectAwaited,
    QuotaCorrected,
    RecordIsolated,
)
from masivo_stream.observe.anomalies import anomaly

_MOST_CHECKS = 3
"""Checks that are named in a line, those with most errors first."""

API = "api"
"""The group of causes that are over when the API answers."""


class Warned(Struct, frozen=True):
    """What a notice warns of."""

    cause: tuple[str, ...]
    """The same for all notices of one cause: the name of their log event, and what else they have in common."""
    text: str
    lasts: bool = False
    """Whether it may repeat."""
    again: float | None = None
    """In how many seconds it is tried again."""
    of: str = ""
    """What it is over with: `API` with a kind; empty if only time shows."""


def warning_of(notice: Notice) -> Warned | None:
    """Return what a notice warns of; None if a person need not know, or another notice says it better."""
    match notice:
        case BatchSent():
            return _of_answer(notice)
        case BatchWaits(kind=kind, why=why, seconds=seconds):
            return _lasting(("batch_waits", kind, why), f"{kind}: {why}", again=seconds, of=f"{API} {kind}")
        case ObjectAwaited(why=why, seconds=seconds):
            return _lasting(("object_awaited", why), f"object storage: {why}", again=seconds)
        case RecordIsolated(kind=kind, file=file, line=line, status=status):
            text = f"{kind}: the API refuses a record ({status}), a dead letter now: {file}, line {line:,}"
            return _lasting(("record_isolated", kind, str(status)), text)
        case QuotaCorrected(seconds=seconds, foreign=foreign):
            others = f", and counts {foreign:,} requests that this machine did not send" if foreign else ""
            return _lasting(("quota_corrected",), f"the API accepts no request for {duration(seconds)}{others}")
        case ChecksEnded(errors=errors) if errors:
            return _once("checks_ended", _of_checks(notice))
        case CanaryEnded(passed=False):
            return _once("canary_ended", "the canary does not show as it was sent: the run stops")
        case MonitorFailed(path=path):
            return _once("monitor_failed", f"the monitor cannot answer {path}; the run goes on")
        case LoopStalled():
            return None
        case _:
            found = anomaly(notice)
            return None if found is None else _once(*found)


def _of_checks(ended: ChecksEnded) -> str:
    """Return what the checks found, what is not sent for it, and where it is listed."""
    named = sorted(ended.wrong.items(), key=lambda each: -each[1])
    kinds = [f"{count:,} {check.replace('_', ' ')}" for check, count in named[:_MOST_CHECKS]]
    more = ["others"] if len(named) > _MOST_CHECKS else []
    found = f" ({', '.join((*kinds, *more))})" if kinds else ""
    held = " and ".join(f"{count:,} of {kind}" for kind, count in ended.held.items())
    back = f"records are held back, and will be dead letters: {held}; " if held else ""
    noun = "error" if ended.errors == 1 else "errors"
    return f"the checks over all files found {ended.errors:,} {noun}{found}: {back}masivo-stream status lists them"


def _of_answer(sent: BatchSent) -> Warned | None:
    kind, outcome = sent.kind, sent.outcome
    if outcome == "accepted":
        text = f"{kind}: accepted by an answer that is not the documented one ({sent.remark})"
        return _lasting(("batch_sent", kind, outcome, sent.remark), text) if sent.remark else None
    if outcome == "in doubt" and CONTRACTS[kind].repeatable:
        text = f"{kind}: {sent.records:,} record{'' if sent.records == 1 else 's'} may have arrived, and are sent again"
        return _lasting(("batch_sent", kind, outcome, sent.remark), f"{text}: {sent.remark}")
    if outcome == "in doubt":
        are = "record is" if sent.records == 1 else "records are"
        return _lasting(
            ("batch_sent", kind, outcome, sent.remark), f"{kind}: {sent.records:,} {are} in doubt: {sent.remark}"
        )
    if outcome.startswith("refused"):
        return _lasting(
            ("batch_sent", kind, outcome), f"{kind}: the API refuses a request {outcome.removeprefix('refused ')}"
        )
    if outcome == "token not taken":
        return _lasting(
            ("batch_sent", kind, outcome), f"{kind}: the API does not take the token; a fresh one is fetched"
        )
    return None  # what follows says it: a wait, a smaller limit, the end of the run


def _lasting(cause: tuple[str, ...], text: str, *, again: float | None = None, of: str = "") -> Warned:
    return Warned(cause, printable(text), lasts=True, again=again, of=of)


def _once(name: str, text: str) -> Warned:
    return Warned((name, text), printable(text))
