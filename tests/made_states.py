"""The states of a run that a person may look at, as snapshots and as reports: for the pictures, and for tests of both.

Every picture of the page, of the report and of the terminal shows one of these, so they can be compared.
"""

import math
from datetime import UTC, datetime
from decimal import Decimal

from made_snapshots import CUSTOMERS, EVENTS, HOUR, NOW, TRANSACTIONS, WORKING, figures
from msgspec import structs

from masivo_stream.core.accounting.forecast import share_done
from masivo_stream.model.contract import Kind
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.findings import ExportChecks, KindTotals, RewardBalance
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.report import DecisionNote, DoubtPlace, Facts, InputFacts, KindTimes, Report
from masivo_stream.model.snapshot import Anomaly, KindSnapshot, Point, RunWarning, Wait, WindowUse
from masivo_stream.model.summary import Invocation, NextStep

NAMES = {"customers": "customers.ndjson", "events": "events-0412.ndjson.gz", "transactions": "transactions.ndjson"}
TARGET, ACCOUNT = "https://api.masivo.ai", "4f2a9c1e"
OPTIONS = "--state-dir masivo-state"
AGAIN = (
    "masivo-stream", "migrate", "--customers", "customers.ndjson", "--events", "events-*.ndjson.gz",
    "--transactions", "transactions.ndjson", "--state-dir", "masivo-state",
)  # fmt: skip
STATES = ("working", "paced", "outage", "in doubt", "interrupted", "done")


CONTINUE = NextStep(text="start the same command again: it continues from here", command=" ".join(AGAIN))
RESOLVE = NextStep(
    text="see what is known about the batches in doubt, then decide", command=f"masivo-stream resolve {OPTIONS}"
)
MEND = NextStep(
    text="see the dead letters by cause, and correct all of one cause at once, or give them up",
    command=f"masivo-stream mend {OPTIONS}",
)
RETRY = NextStep(
    text="correct `raw` in masivo-state/dead-letter.{customers,events}.ndjson, then send the corrected records",
    command=f"masivo-stream retry {OPTIONS}",
)
VERIFY = NextStep(
    text="optional: read a sample back; accepted only means enqueued, and this shows what arrived",
    command=f"masivo-stream verify {OPTIONS}",
)


def paced_line(seconds, *, stop=0.0, pace=5.0):
    """Return a time line with a request in every slot, and none in the last `stop` seconds."""
    width = 1.0
    while seconds > 240 * width:
        width *= 2
    points, slots = [], int(seconds / pace) + 1
    for number in range(math.ceil((seconds - stop) / width)):
        first, after = (min(slots, math.ceil(moment * width / pace)) for moment in (number, number + 1))
        sent = after - first
        points.append(
            Point(
                at=NOW - seconds + number * width,
                seconds=width,
                requests=sent,
                accepted=sent * 995,
                items=sent * 1000,
                bytes_sent=sent * 600_000,
                latency=0.42 if sent else None,
                slowest=0.61 if sent else None,
            )
        )
    return tuple(points)


ALL = {Kind.CUSTOMERS: 412_300, Kind.EVENTS: 1_251_300, Kind.TRANSACTIONS: 460_000}
"""Records of the exports."""


def _with_what_is_left(snapshot, **fields):
    """Return a snapshot that says how much is left."""
    phases = tuple(
        structs.replace(phase, unread=ALL[phase.kind] - phase.figures.read, exact=phase.state != "ahead")
        for phase in snapshot.phases
    )
    unread = sum(phase.unread for phase in phases)
    share = share_done([phase.figures for phase in phases], unread)
    return structs.replace(snapshot, phases=phases, unread=unread, share=share, **fields)


RUN = structs.replace(
    WORKING, target=TARGET, account=ACCOUNT, anomalies=(), throttled=0, about=True,
    time_line=paced_line(3.15 * HOUR),
)  # fmt: skip

BASE = _with_what_is_left(
    structs.replace(
        RUN,
        phases=(
            structs.replace(CUSTOMERS, figures=figures(412_300, requests=413, seconds=2075.0, skipped=2041)),
            structs.replace(EVENTS, figures=figures(733_210, pending=3000, requests=1840, seconds=9265.0)),
            TRANSACTIONS,
        ),
    )
)

PACED = _with_what_is_left(
    structs.replace(
        RUN,
        began=NOW - 240,
        ends_at=NOW + 5.5 * HOUR,
        time_line=paced_line(240),
        phases=(
            KindSnapshot(
                kind=Kind.CUSTOMERS, state="working", size=93_120_331, bytes_read=11_700_000, requests_needed=413,
                figures=figures(51_000, pending=3000, requests=48, seconds=240.0),
            ),
            KindSnapshot(kind=Kind.EVENTS, size=2_410_000_000),
            TRANSACTIONS,
        ),
    )
)  # fmt: skip

OUTAGE = structs.replace(
    BASE,
    wait=Wait(what="retry", until=NOW + 9, text="events: the connection is refused, next try"),
    no_end="no finishing time while the API does not answer",
    in_flight=0,
    ends_at=None,
    anomalies=(Anomaly(at=NOW - 7, event="batch_waits", text="events: the connection is refused, 3 times"),),
    warnings=(
        RunWarning(
            first_at=NOW - 61,
            at=NOW - 7,
            event="batch_waits",
            text="events: the connection is refused",
            times=3,
            again_at=NOW + 9,
        ),
    ),
    time_line=paced_line(3.15 * HOUR, stop=90.0),
    windows=(
        WindowUse(scope="migration", limit=1, seconds=5.0, used=0),
        WindowUse(scope="migration", limit=1000, seconds=3600.0, used=698),
    ),
)

IN_DOUBT = _with_what_is_left(
    structs.replace(
        RUN,
        phases=WORKING.phases,
        to_do=(RESOLVE, MEND, RETRY),
        anomalies=(
            Anomaly(at=NOW - 4990, event="batch_waits", text="events: the connection is refused, 2 times"),
            Anomaly(
                at=NOW - 4990,
                event="batch_sent",
                text="events: 1,000 records are in doubt: the connection was reset after the request",
            ),
            Anomaly(at=NOW - 900, event="batch_sent", text="events: the API refuses a request (422), 25 times"),
        ),
    )
)  # fmt: skip

INTERRUPTED = _with_what_is_left(
    structs.replace(
        IN_DOUBT,
        phases=(
            CUSTOMERS,
            structs.replace(
                EVENTS,
                state="left",
                figures=figures(
                    399_700, dead=307, in_doubt=1000, pending=3000, requests=1002, requests_lower_bound=998,
                    bytes_sent=610_000_000, seconds=5010.0, reasons=EVENTS.figures.reasons,
                ),
            ),
            TRANSACTIONS,
        ),
        wait=Wait(what="done"),
        began=NOW - 7100.0,
        time_line=paced_line(7100.0),
        in_flight=0,
        ends_at=None,
        outcome="interrupted",
        to_do=(CONTINUE, RESOLVE, MEND, RETRY),
    )
)  # fmt: skip

DONE = _with_what_is_left(
    structs.replace(
        BASE,
        phases=tuple(
            structs.replace(
                phase, kind=kind, state="done", bytes_read=phase.size,
                figures=figures(
                    ALL[kind], requests=number, requests_lower_bound=number - 2, seconds=5.0 * number,
                    bytes_sent=number * 600_000, skipped=2041 if kind is Kind.CUSTOMERS else 0,
                ),
            )
            for kind, phase, number in zip(Kind, (CUSTOMERS, EVENTS, TRANSACTIONS), (413, 3140, 1806), strict=True)
        ),
        began=NOW - 26_800.0,
        time_line=paced_line(26_800.0),
        wait=Wait(what="done"),
        in_flight=0,
        ends_at=None,
        outcome="complete",
        to_do=(VERIFY,),
    )
)  # fmt: skip

SNAPSHOTS = dict(zip(STATES, (BASE, PACED, OUTAGE, IN_DOUBT, INTERRUPTED, DONE), strict=True))


def _iso(moment):
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _group(kind, reason, field, cause, records, line):
    return FaultGroup(
        kind=kind,
        reason=reason,
        field=field,
        cause=cause,
        records=records,
        file=NAMES[kind],
        line=line,
        offset=line * 225,
        remedy=REMEDIES[Reason(reason)],
    )


GROUPS = FaultGroups(
    listed=(
        _group("events", "invalid_value", "events[].order.value", "expected a number from 0 on", 180, 12_406),
        _group("events", "customer_not_migrated", "customer_id", "the customer is a dead letter", 102, 981),
        _group("customers", "missing_field", "email", "object missing required field", 61, 88_120),
        _group("customers", "duplicate_email", "email", "an earlier customer has this email", 40, 1_204),
        _group("events", "refused", "", "metadata is too deeply nested", 25, 55_217),
        _group("customers", "invalid_value", "balance[].amount", "expected a number below 10\u2076", 17, 301_777),
    ),
    dead_letters={"customers": 118, "events": 307},
)

CHECKS = ExportChecks(
    by_kind=(
        KindTotals(
            kind="customers", files=1, records=410_141, items=410_141,
            first=datetime(2019, 3, 1, tzinfo=UTC), last=datetime(2026, 9, 30, tzinfo=UTC),
        ),
        KindTotals(
            kind="events", files=12, records=1_251_300, items=3_102_400, orders=2_980_113,
            value=Decimal("151230412.50"), discounted_value=Decimal("140118220.75"),
            first=datetime(2021, 1, 1, tzinfo=UTC), last=datetime(2026, 9, 30, tzinfo=UTC),
        ),
        KindTotals(
            kind="transactions", files=1, records=301_220, items=1_804_511,
            first=datetime(2021, 1, 1, tzinfo=UTC), last=datetime(2026, 9, 30, tzinfo=UTC),
        ),
    ),
    rewards=(
        RewardBalance(
            reward="3c90c3cc-0d44-4b50-8888-8dd25736052a", name="Points", earned=Decimal("88120411.5"),
            spent=Decimal(-61200100), left=Decimal("26920311.5"), balances=Decimal("26920311.5"),
        ),
    ),
)  # fmt: skip


def _report(snapshot, outcome, code, **fields):
    kinds = {phase.kind.value: phase.figures for phase in snapshot.phases if phase.figures.read}
    began, whole = snapshot.began, snapshot.now - snapshot.began
    times, lines, at = {}, {}, began
    for kind, found in kinds.items():
        length = whole * found.requests / max(1, sum(each.requests for each in kinds.values()))
        times[kind] = KindTimes(first_at=_iso(at), last_at=_iso(at + length), batches=found.requests, refused=0)
        lines[kind] = tuple(point for point in paced_line(whole) if at <= point.at < at + length)
        at += length
    facts = Facts(
        began_at=_iso(began),
        invocation=Invocation(again=AGAIN, options=("--state-dir", "masivo-state")),
        settings={"api.base_url": TARGET, "limits.limit": "1/5s, 1000/h", "upload.uploaders": "2"},
        changed=("limits.limit",),
        versions={"masivo-stream": "0.1.0", "Python": "3.12.1", "SQLite": "3.45.1"},
    )
    inputs = tuple(
        InputFacts(
            kind=phase.kind.value,
            name=NAMES[phase.kind],
            size=phase.size,
            bytes_read=phase.bytes_read,
            crc32=f"{phase.bytes_read % 2**32:08x}",
            line=phase.figures.read + 1,
            modified_at=_iso(NOW - 9 * 24 * HOUR),
        )
        for phase in snapshot.phases
    )
    return Report(
        share=snapshot.share,
        unread={phase.kind.value: phase.unread for phase in snapshot.phases},
        unread_exact=not snapshot.unread,
        outcome=outcome,
        exit_code=code,
        kinds=kinds,
        closes=True,
        told_at=_iso(NOW + 2),
        state_dir="masivo-state",
        target=TARGET,
        account=ACCOUNT,
        facts=facts,
        inputs=inputs,
        times=times,
        time_line=lines,
        **({"checks": CHECKS} | fields),
    )


DOUBT = DoubtPlace(
    batch="3f2a77c0",
    kind="events",
    records=1000,
    items=1000,
    attempts=1,
    sent_at=_iso(NOW - 4990),
    why="the connection was reset after the request",
    places=(("events-0412.ndjson.gz", 88_120, 89_119),),
)
_ENDED = _with_what_is_left(
    structs.replace(
        DONE,
        phases=(
            structs.replace(CUSTOMERS, state="done"),
            structs.replace(
                DONE.phases[1],
                figures=structs.replace(
                    DONE.phases[1].figures, accepted=1_249_993, dead=307, in_doubt=1000, reasons=EVENTS.figures.reasons,
                    items_accepted=2_499_986, items_dead=614, items_in_doubt=2000,
                ),
            ),
            DONE.phases[2],
        ),
    )
)  # fmt: skip

REPORTS = {
    "in doubt": _report(
        _ENDED, "in_doubt", 4, next_steps=(RESOLVE, MEND, RETRY), doubts=(DOUBT,), fault_groups=GROUPS,
        decisions=(DecisionNote(at=_iso(NOW - 60), what="accept", batch="77c0", detail="seen in the dashboard"),),
    ),
    "interrupted": _report(
        INTERRUPTED, "interrupted", 6, message="stopped by SIGTERM", next_steps=(CONTINUE, RESOLVE, MEND, RETRY),
        doubts=(DOUBT,), fault_groups=GROUPS,
    ),
    "done": _report(DONE, "complete", 0, next_steps=(VERIFY,)),
}  # fmt: skip
