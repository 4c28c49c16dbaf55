"""Write notices as log events: one line per batch and per anomaly, none per record.

The event names and their keys are a format that does not change (docs/log.md).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, assert_never

from msgspec import UnsetType
from msgspec.structs import asdict

from masivo_stream.model.contract import Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.moments import utc
from masivo_stream.model.notices import (
    AccountKnown,
    AccountShared,
    AccountUnguarded,
    BatchDeparted,
    BatchSent,
    BatchWaits,
    CanaryChosen,
    CanaryEnded,
    CanarySeen,
    ChecksEnded,
    ChecksStarted,
    CustomersAsked,
    DeadLettersTaken,
    ExportOverlaps,
    ExportsMeasured,
    IdsUnreadable,
    KindEnded,
    KindStarted,
    LimitLearned,
    LoopStalled,
    MinutePassed,
    MonitorFailed,
    MonitorListens,
    Notice,
    NotifyFailed,
    ObjectAwaited,
    OtherRuns,
    Paused,
    Progressed,
    ProxyUnused,
    PurchasesUnguarded,
    QuotaCorrected,
    QuotaUsed,
    ReadBack,
    ReadBackAwaited,
    RecordIsolated,
    Resumed,
    RetryPlanned,
    RunEnded,
    RunStarted,
    ScopeUse,
    SecondPassed,
    SettingsReread,
    SettingsUnread,
    SlotAwaited,
    Stopping,
    TakenBack,
    TotalsProgressed,
    TracingFailed,
    Visible,
    WaitingVisible,
    WorkProgressed,
)
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.summary import KindSummary, Summary

EVENTS = (
    "run_started",
    "account_known",
    "exports_measured",
    "object_awaited",
    "checks_started",
    "checks_ended",
    "phase_started",
    "slot_awaited",
    "quota_used",
    "batch_departed",
    "batch_sent",
    "batch_waits",
    "record_isolated",
    "limit_learned",
    "quota_corrected",
    "canary_chosen",
    "canary_seen",
    "canary_ended",
    "waiting_visible",
    "visible",
    "ids_unreadable",
    "read_back_awaited",
    "read_back",
    "progress",
    "phase_ended",
    "stopping",
    "paused",
    "resumed",
    "settings_reread",
    "settings_unread",
    "notify_failed",
    "tracing_failed",
    "account_shared",
    "account_unguarded",
    "export_overlaps",
    "purchases_unguarded",
    "proxy_unused",
    "retry_planned",
    "letters_taken",
    "customers_asked",
    "taken_back",
    "days_compared",
    "loop_stalled",
    "run_ended",
    "monitor_listens",
    "monitor_failed",
)
"""All event names a run may log, except for `SAMPLE_EVENT`."""

_RECENT = 60.0
"""Seconds for which it is said that the end has moved: each line about progress is a minute after the one before."""

SAMPLE_EVENT = "sample_read_back"
"""The event about the records that were read back at the end of a run."""


class LogSink(Protocol):
    """Where lines go, such as one of structlog's loggers."""

    def debug(self, event: str, **fields: object) -> object:
        """Write what is read only in search of a cause."""
        ...

    def info(self, event: str, **fields: object) -> object:
        """Write that something went as it should."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """Write what a person should know of."""
        ...


class LogObserver:
    """Write notices to a logger."""

    def __init__(self, logger: LogSink, snapshot: Callable[[], RunSnapshot] | None = None) -> None:
        """Write to `logger`; once a minute, write what `snapshot` returns."""
        self._log, self._snapshot = logger, snapshot

    def notify(self, notice: Notice) -> None:  # noqa: C901, PLR0912, PLR0915 - one case a notice
        """Write one line for the notice, or none."""
        match notice:
            case RunStarted(kinds=kinds, target=target, account=account):
                to = {name: text for name, text in (("target", target), ("account", account)) if text}
                self._log.info("run_started", kinds=[ahead.kind for ahead in kinds], **to)
            case ExportsMeasured(kinds=kinds):
                self._measured(kinds)
            case ObjectAwaited(url=url, why=why, seconds=seconds):
                self._log.warning("object_awaited", url=url, why=why, seconds=round(seconds, 3))
            case ChecksStarted(files=files, size=size):
                self._log.info("checks_started", files=files, bytes=size)
            case ChecksEnded(findings=findings, errors=errors, seconds=seconds, known=known):
                write = self._log.warning if errors else self._log.info
                rounded = round(seconds, 3)
                write("checks_ended", errors=errors, findings=findings, seconds=rounded, known=known)
            case KindStarted(kind=kind, files=files, size=size):
                self._log.info("phase_started", kind=kind, files=files, bytes=size)
            case SlotAwaited(seconds=seconds, why=why):
                self._log.debug("slot_awaited", seconds=round(seconds, 3), **({"why": why} if why else {}))
            case QuotaUsed(scopes=scopes):
                self._log.debug("quota_used", windows=[word for scope in scopes for word in _windows(scope)])
            case BatchDeparted(kind=kind, batch=batch, in_flight=in_flight):
                self._log.debug("batch_departed", kind=kind, batch=batch, in_flight=in_flight)
            case BatchSent():
                self._batch_sent(notice)
            case BatchWaits(kind=kind, batch=batch, why=why, seconds=seconds):
                self._log.warning("batch_waits", kind=kind, batch=batch, why=why, seconds=round(seconds, 3))
            case RecordIsolated(kind=kind, batch=batch, file=file, line=line, status=status):
                self._log.warning("record_isolated", kind=kind, batch=batch, file=file, line=line, status=status)
            case LimitLearned(kind=kind, max_body_bytes=most):
                self._log.warning("limit_learned", kind=kind, max_body_bytes=most)
            case QuotaCorrected(seconds=seconds, foreign=foreign):
                self._log.warning("quota_corrected", seconds=round(seconds, 1), foreign=foreign)
            case CanaryChosen(places=places):
                self._log.info("canary_chosen", records=[f"{kind} {file}:{line}" for kind, file, line in places])
            case CanarySeen():
                self._canary_seen(notice)
            case CanaryEnded(passed=passed, learnt=learnt):
                (self._log.info if passed else self._log.warning)("canary_ended", passed=passed, learnt=list(learnt))
            case WaitingVisible(kind=kind, seen=seen, probes=probes, next_probe=pause):
                self._log.info("waiting_visible", kind=kind, seen=seen, probes=probes, next_probe=round(pause, 1))
            case Visible(kind=kind, seconds=seconds, confirmed=confirmed):
                self._log.info("visible", kind=kind, seconds=round(seconds, 3), confirmed=confirmed)
            case IdsUnreadable(kind=kind, ids=ids, seconds=seconds):
                self._log.warning("ids_unreadable", kind=kind, ids=ids, seconds=round(seconds, 3))
            case ReadBackAwaited(kind=kind, number=number, records=records, seconds=seconds):
                rounded = round(seconds, 3)
                self._log.info("read_back_awaited", kind=kind, number=number, records=records, seconds=rounded)
            case ReadBack(kind=kind, number=number, records=records, found=found, seconds=seconds):
                self._log.info(
                    "read_back", kind=kind, number=number, records=records, found=found, seconds=round(seconds, 3)
                )
            case Progressed() | OtherRuns() | SecondPassed():
                pass  # too often to read; see MinutePassed
            case MinutePassed():
                if self._snapshot is not None:
                    self._log.info("progress", **_progress(self._snapshot()))
            case KindEnded(kind=kind, figures=figures):
                self._log.info("phase_ended", kind=kind, **_figures(figures))
            case Stopping(why=why, in_flight=in_flight, drain_time=longest):
                self._log.warning("stopping", why=why, in_flight=in_flight, drain_time=longest)
            case Paused(by=by, command=command, in_flight=in_flight):
                self._log.warning("paused", by=by, resume_with=command, in_flight=in_flight)
            case Resumed(seconds=seconds):
                self._log.warning("resumed", seconds=round(seconds, 1))
            case SettingsReread(changed=changed, left=left):
                write = self._log.warning if changed or left else self._log.info
                write(
                    "settings_reread", **{each.name: f"{each.old} -> {each.new}" for each in changed}, left=list(left)
                )
            case SettingsUnread(why=why, place=place, hint=hint):
                self._log.warning("settings_unread", why=why, place=place, hint=hint)
            case NotifyFailed(to=to, why=why):
                self._log.warning("notify_failed", to=to, why=why)
            case TracingFailed(why=why, spans=spans):
                self._log.warning("tracing_failed", why=why, spans=spans)
            case AccountKnown(account=account):
                self._log.debug("account_known", account=account)
            case AccountShared():
                self._log.warning("account_shared")
            case AccountUnguarded(shared_dir=shared, why=why):
                self._log.warning("account_unguarded", shared_dir=shared, why=why)
            case ExportOverlaps(kind=kind, file=file, other=other, lines=lines, bytes=size):
                self._log.warning("export_overlaps", kind=kind, file=file, other=other, lines=lines, bytes=size)
            case PurchasesUnguarded(why=why):
                self._log.warning("purchases_unguarded", why=why)
            case ProxyUnused(variable=variable, proxy=proxy):
                self._log.warning("proxy_unused", variable=variable, proxy=proxy)
            case RetryPlanned(kind=kind, counts=counts):
                self._log.info("retry_planned", kind=kind, to_send=counts.sent, **asdict(counts))
            case DeadLettersTaken(kind=kind, letters=letters, mended=mended, ignored=ignored):
                write = self._log.warning if ignored else self._log.info
                more = {"ignored": ignored} if ignored else {}
                write("letters_taken", kind=kind, letters=letters, mended=mended, **more)
            case CustomersAsked(asked=asked, of=of, gone=gone, wait=wait):
                self._log.info("customers_asked", asked=asked, of=of, gone=gone, wait_seconds=round(wait, 1))
            case TakenBack(kind=kind, records=records, items=items):
                self._log.info("taken_back", kind=kind, records=records, items=items)
            case TotalsProgressed(days=days, of=of, requests=requests, requests_needed=needed):
                self._log.info("days_compared", days=days, of=of, requests=requests, requests_needed=needed)
            case WorkProgressed():  # a terminal shows it; a log would be full of it
                pass
            case LoopStalled(seconds=seconds):
                self._log.info("loop_stalled", seconds=round(seconds, 3))
            case RunEnded(summary=summary):
                self._log.info(
                    "run_ended", outcome=summary.outcome, exit_code=summary.exit_code, **_what_to_do(summary)
                )
            case MonitorListens(url=url, exposed=exposed):
                (self._log.warning if exposed else self._log.info)("monitor_listens", url=url, exposed=exposed)
            case MonitorFailed(path=path, error=error):
                self._log.warning("monitor_failed", path=path, error=error)
            case _:
                assert_never(notice)

    def _measured(self, kinds: Mapping[Kind, Expected]) -> None:
        snapshot = None if self._snapshot is None else self._snapshot()
        self._log.info(
            "exports_measured",
            basis={kind.value: each.basis for kind, each in kinds.items()},
            records={kind.value: each.records for kind, each in kinds.items()},
            requests={kind.value: each.requests for kind, each in kinds.items()},
            **({} if snapshot is None else _ending(snapshot)),
        )

    def _canary_seen(self, found: CanarySeen) -> None:
        write = self._log.info if found.seen == "confirmed" else self._log.warning
        write(
            "canary_seen",
            kind=found.kind,
            file=found.file,
            line=found.line,
            outcome=found.outcome,
            seen=found.seen,
            **({"different": list(found.different)} if found.different else {}),
            **({} if found.seconds is None else {"seconds": round(found.seconds, 3)}),
        )

    def _batch_sent(self, sent: BatchSent) -> None:
        write = self._log.info if sent.outcome == "accepted" and not sent.remark else self._log.warning
        write(
            "batch_sent",
            kind=sent.kind,
            batch=sent.batch,
            records=sent.records,
            items=sent.items,
            bytes=sent.size,
            outcome=sent.outcome,
            seconds=round(sent.seconds, 3),
            **({"remark": sent.remark} if sent.remark else {}),
        )


class SampleLog:
    """When a run has ended, write one line about the records that were read back, if any were."""

    def __init__(self, logger: LogSink) -> None:
        """Write to `logger`."""
        self._log = logger

    def notify(self, notice: Notice) -> None:
        """Write the line: a warning if a record is not confirmed."""
        if not isinstance(notice, RunEnded) or isinstance(notice.summary.verified, UnsetType):
            return
        seen = notice.summary.verified
        write = self._log.info if seen.confirmed == seen.looked_at and not seen.message else self._log.warning
        names = ("missing", "different", "not_yet", "unread", "requests")
        counts = {name: sum(getattr(counted, name) for counted in seen.kinds.values()) for name in names}
        more = {"why": seen.message} if seen.message else {}
        write(SAMPLE_EVENT, looked_at=seen.looked_at, confirmed=seen.confirmed, **counts, **more)


def _windows(use: ScopeUse) -> Iterator[str]:
    for window in (window for window in use.windows if window.hours is None):
        yield f"{use.scope} {sum(age < window.seconds for age in use.ages)} of {window}"


def _progress(snapshot: RunSnapshot) -> dict[str, object]:
    """Return the figures of the whole run, what it waits for, and how long it will take."""
    figures = [phase.figures for phase in snapshot.phases]
    needed = [phase.requests_needed for phase in snapshot.phases]
    known = [requests for requests in needed if requests is not None]
    wait = snapshot.wait
    return {
        "states": {phase.kind.value: phase.state for phase in snapshot.phases},
        "accepted": sum(each.accepted for each in figures),
        "dead": sum(each.dead for each in figures),
        "in_doubt": sum(each.in_doubt for each in figures),
        "requests": sum(each.requests for each in figures),
        "requests_needed": sum(known) if len(known) == len(needed) else None,
        "throttled": snapshot.throttled,
        "in_flight": snapshot.in_flight,
        "waits_for": wait.what,
        "wait_seconds": None if wait.until is None else round(max(0.0, wait.until - snapshot.now), 1),
        **_ending(snapshot),
    }


def _ending(snapshot: RunSnapshot) -> dict[str, object]:
    """Return how much is left, and when it is done."""
    ends_at, moved = snapshot.ends_at, snapshot.moved
    return {
        "share": None if snapshot.share is None else round(snapshot.share, 4),
        "records_unread": snapshot.unread,
        "requests_left": snapshot.requests_left,
        "seconds_left": None if ends_at is None else round(max(0.0, ends_at - snapshot.now)),
        "ends_at": None if ends_at is None else utc(ends_at).isoformat(timespec="seconds"),
        **({"no_end": snapshot.no_end} if snapshot.no_end else {}),
        **({"end_moved": moved.why} if moved is not None and snapshot.now - moved.at <= _RECENT else {}),
    }


def _what_to_do(summary: Summary) -> dict[str, str]:
    """Return why a run has not gone through, or what it has left, and what to do: the words of its notification."""
    if summary.outcome == "complete":
        return {}
    command = next((step.command for step in summary.next_steps if step.command), "")
    words = {"message": summary.message, "hint": summary.hint, "command": command}
    return {name: text for name, text in words.items() if text}


def _figures(figures: KindSummary) -> dict[str, int | float]:
    return {
        "read": figures.read,
        "accepted": figures.accepted,
        "dead": figures.dead,
        "skipped": figures.skipped,
        "in_doubt": figures.in_doubt,
        "pending": figures.pending,
        "blank": figures.blank,
        "requests": figures.requests,
        "throttled": figures.throttled,
        "seconds": round(figures.seconds, 3),
    }
