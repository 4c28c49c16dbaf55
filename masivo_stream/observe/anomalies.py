"""The notices that a person should know of: one sentence for each, with the name of its log event."""

from collections.abc import Sequence

from masivo_stream.core.reading.fingerprint import describe_overlap
from masivo_stream.core.redact import printable
from masivo_stream.model.moments import duration
from masivo_stream.model.notices import (
    AccountShared,
    AccountUnguarded,
    BatchSent,
    BatchWaits,
    DeadLettersTaken,
    ExportOverlaps,
    IdsUnreadable,
    LimitLearned,
    LoopStalled,
    Notice,
    NotifyFailed,
    ObjectAwaited,
    Paused,
    ProxyUnused,
    PurchasesUnguarded,
    QuotaCorrected,
    RecordIsolated,
    Resumed,
    SettingChange,
    SettingsReread,
    SettingsUnread,
    Stopping,
    TracingFailed,
)
from masivo_stream.observe.pause_text import describe_pause


def describe_changes(changed: Sequence[SettingChange], left: Sequence[str]) -> str:
    """Return a sentence about settings that were read again."""
    parts = [f"{change.name} was {change.old}, is now {change.new}" for change in changed]
    if left:
        parts.append(f"{', '.join(left)} {'count' if len(left) > 1 else 'counts'} from the next start on")
    return "settings read again: " + ("; ".join(parts) or "nothing has changed")


def anomaly(notice: Notice) -> tuple[str, str] | None:
    """Return the log event and the sentence for a notice that a person should know of; None for any other notice."""
    found = _describe(notice)
    return (found[0], printable(found[1])) if found else None


def _describe(notice: Notice) -> tuple[str, str] | None:  # noqa: C901, PLR0912 - one case a notice
    match notice:
        case BatchSent(outcome="accepted", remark=""):
            return None
        case BatchSent(kind=kind, batch=batch, outcome=outcome, remark=remark):
            return "batch_sent", f"{kind}: batch {batch} {outcome}{f': {remark}' if remark else ''}"
        case BatchWaits(kind=kind, batch=batch, why=why, seconds=seconds):
            return "batch_waits", f"{kind}: batch {batch}: {why}, next try in {duration(seconds)}"
        case ObjectAwaited(url=url, why=why, seconds=seconds):
            return "object_awaited", f"{url}: {why}, next try in {duration(seconds)}"
        case RecordIsolated(kind=kind, file=file, line=line, status=status):
            return "record_isolated", f"{kind}: refused ({status}) for {file}, line {line}"
        case LimitLearned(kind=kind, max_body_bytes=most):
            return "limit_learned", f"{kind}: the server takes at most {most:,} bytes per request"
        case QuotaCorrected(seconds=seconds, foreign=foreign):
            others = f", and counts {foreign:,} requests that this machine did not send" if foreign else ""
            return "quota_corrected", f"the server accepts no request for {duration(seconds)}{others}"
        case IdsUnreadable(kind=kind, seconds=seconds):
            return "ids_unreadable", (
                f"{kind}: the ids accepted last all need escaping in a URL, and none of them can be read back;"
                f" the run continues after {duration(seconds)}"
            )
        case Stopping(why=why):
            return "stopping", f"stopping cleanly: {why}"
        case AccountShared():
            return "account_shared", "another run on this machine shares the account's quota"
        case AccountUnguarded(shared_dir=shared, why=why):
            return "account_unguarded", f"runs cannot share the quota through {shared}: {why}"
        case ExportOverlaps(file=file, other=other, lines=lines, bytes=size):
            return "export_overlaps", describe_overlap(file, other, lines=lines, size=size)
        case PurchasesUnguarded(why=why):
            return "purchases_unguarded", f"purchases may be sent a second time unnoticed: {why}"
        case ProxyUnused(variable=variable, proxy=proxy):
            return "proxy_unused", f"{variable} names a proxy ({proxy}), which is used only if --proxy names it"
        case DeadLettersTaken(kind=kind, ignored=ignored) if ignored:
            return "letters_taken", f"{kind}: lines that are not dead letters of this run are in {ignored}"
        case Paused(since=since, by=by):
            return "paused", f"nothing is sent: {describe_pause(since, by)}"
        case Resumed(seconds=seconds):
            return "resumed", f"resumed after {duration(seconds)}"
        case SettingsReread(changed=changed, left=left) if changed or left:
            return "settings_reread", describe_changes(changed, left)
        case SettingsUnread(why=why):
            return "settings_unread", f"the settings were not read again, nothing changed: {why}"
        case NotifyFailed(to=to, why=why):
            return "notify_failed", f"a notification to {to} was not delivered: {why}"
        case TracingFailed(why=why):
            return "tracing_failed", f"spans of this run are not all in the collector: {why}"
        case LoopStalled(seconds=seconds):
            return "loop_stalled", f"one task kept this process busy for {duration(seconds)}"
        case _:
            return None
