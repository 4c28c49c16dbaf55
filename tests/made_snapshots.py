"""Made-up snapshots for the monitor's tests: early, working, waiting, done; and one full of hostile text."""

import math

import msgspec
from hostile import HOSTILE

from masivo_stream.model.contract import Kind
from masivo_stream.model.snapshot import Anomaly, KindSnapshot, Point, RunSnapshot, RunWarning, Wait, WindowUse
from masivo_stream.model.summary import KindSummary, NextStep

NOW = 1_790_300_000.0
HOUR = 3600.0


def figures(read, **fields):
    """Return figures that close: records without another outcome are accepted, with two items per record."""
    dead, skipped, in_doubt, pending = (fields.get(name, 0) for name in ("dead", "skipped", "in_doubt", "pending"))
    accepted = read - dead - skipped - in_doubt - pending
    outcomes = {"read": read, "accepted": accepted, "dead": dead, "skipped": skipped}
    outcomes |= {"in_doubt": in_doubt, "pending": pending}
    return KindSummary(
        **{f"items_{outcome}": 2 * number for outcome, number in outcomes.items()}, **(fields | outcomes)
    )


CUSTOMERS = KindSnapshot(
    kind=Kind.CUSTOMERS,
    state="done",
    figures=figures(
        412_300,
        dead=118,
        skipped=2041,
        requests=413,
        requests_lower_bound=411,
        bytes_sent=91_000_000,
        seconds=2075.0,
        reasons={"missing_field": 61, "duplicate_email": 40, "invalid_value": 17},
    ),
    size=93_120_331,
    bytes_read=93_120_331,
    requests_needed=413,
)

EVENTS = KindSnapshot(
    kind=Kind.EVENTS,
    state="working",
    figures=figures(
        733_210,
        dead=307,
        in_doubt=1000,
        pending=3000,
        requests=1840,
        requests_lower_bound=1835,
        throttled=1,
        bytes_sent=1_130_000_000,
        seconds=9265.0,
        reasons={"invalid_value": 180, "customer_not_migrated": 102, "refused": 25},
    ),
    size=2_410_000_000,
    bytes_read=1_412_000_000,
    requests_needed=3140,
    unread=518_000,
)

TRANSACTIONS = KindSnapshot(kind=Kind.TRANSACTIONS, size=610_000_000)


def time_line(hours=3.15):
    """Return a run with one request in five seconds, with an outage in it."""
    began, width = NOW - hours * HOUR, max(1.0, hours * HOUR / 240)
    line = []
    for number in range(int(hours * HOUR / width)):
        quiet = 0.55 < number / (hours * HOUR / width) < 0.59
        sent = 0 if quiet else round(width / 5)
        latency = 0.42 + 0.12 * math.sin(number / 9) + 0.05 * math.sin(number * 1.7)
        line.append(
            Point(
                at=began + number * width,
                seconds=width,
                requests=sent,
                accepted=round(sent * (990 + 9 * math.sin(number))),
                items=sent * 1000,
                bytes_sent=sent * 600_000,
                latency=latency if sent else None,
                slowest=latency * 1.8 if sent else None,
            )
        )
    return tuple(line)


WORKING = RunSnapshot(
    version="0.1.0",
    began=NOW - 3.15 * HOUR,
    now=NOW,
    phases=(CUSTOMERS, EVENTS, TRANSACTIONS),
    wait=Wait(what="slot", until=NOW + 3.2, text="next slot"),
    windows=(
        WindowUse(scope="migration", limit=1, seconds=5.0, used=1, free_at=NOW + 3.2),
        WindowUse(scope="migration", limit=1000, seconds=3600.0, used=704),
        WindowUse(scope="general", limit=10, seconds=60.0, used=7),
    ),
    in_flight=1,
    ends_at=NOW + 2.4 * HOUR,
    throttled=1,
    stall=0.043,
    resident=61_300_000,
    anomalies=(
        Anomaly(at=NOW - 5000, event="batch_waits", text="events: a batch is unreachable, again in 4 s"),
        Anomaly(at=NOW - 4990, event="batch_sent", text="events: in doubt, the connection was reset after the request"),
        Anomaly(at=NOW - 900, event="record_isolated", text="events-0412.ndjson.gz, line 88120: refused (422)"),
    ),
    time_line=time_line(),
)

EARLY = RunSnapshot(version="0.1.0", began=NOW - 0.4, now=NOW, phases=())

BEGUN = msgspec.structs.replace(
    WORKING,
    began=NOW - 12,
    phases=(
        KindSnapshot(
            kind=Kind.CUSTOMERS,
            state="working",
            size=93_120_331,
            bytes_read=700_000,
            figures=figures(3000, requests=3, requests_lower_bound=3, seconds=12.0, bytes_sent=660_000),
        ),
        KindSnapshot(kind=Kind.EVENTS, size=2_410_000_000),
        TRANSACTIONS,
    ),
    ends_at=None,
    anomalies=(),
    throttled=0,
    time_line=time_line(12 / HOUR),
)

WAITING = msgspec.structs.replace(
    WORKING,
    phases=(
        msgspec.structs.replace(CUSTOMERS, state="visible", probes=(1, 3)),
        KindSnapshot(kind=Kind.EVENTS, size=2_410_000_000),
        TRANSACTIONS,
    ),
    wait=Wait(what="visible", until=NOW + 41, text="customers becoming visible: 1 of 3 probes seen, next probe"),
    windows=(
        WindowUse(scope="migration", limit=1, seconds=5.0, used=0),
        WindowUse(scope="migration", limit=1000, seconds=3600.0, used=413),
    ),
    in_flight=0,
    ends_at=None,
    anomalies=(),
    time_line=time_line(0.6),
)

DONE = msgspec.structs.replace(
    WORKING,
    phases=tuple(
        msgspec.structs.replace(phase, kind=kind, state="done", bytes_read=phase.size, figures=CUSTOMERS.figures)
        for kind, phase in zip(Kind, (CUSTOMERS, EVENTS, TRANSACTIONS), strict=True)
    ),
    wait=Wait(what="done"),
    in_flight=0,
    ends_at=None,
    outcome="dead_letters",
    to_do=(NextStep(text="correct it, then send it", command="masivo-stream retry --state-dir s"),),
)

FINISHING = msgspec.structs.replace(DONE, outcome="", wait=Wait())

ATTACKS = (
    *HOSTILE[:11],  # a lone surrogate is not valid JSON, and no snapshot holds one
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<svg onload=alert(3)>",
    '"><a href="javascript:alert(4)">x</a>',
    "{{ 7 * 7 }}",
    "verylongname" * 200,
    "\u202egpj.exe",
)

HOSTILE_SNAPSHOT = msgspec.structs.replace(
    WORKING,
    version="<b>1</b>",
    phases=(
        msgspec.structs.replace(
            CUSTOMERS,
            figures=msgspec.structs.replace(
                CUSTOMERS.figures, reasons={**dict.fromkeys(ATTACKS, 3), "__proto__": 1, "constructor": 1}
            ),
        ),
        EVENTS,
    ),
    wait=Wait(what="slot", until=NOW + 3, text="<img src=x onerror=alert(5)>\u202e"),
    windows=(WindowUse(scope="<i>\u202emigration</i>" + "x" * 300, limit=1, seconds=5.0, used=1),),
    anomalies=tuple(Anomaly(at=NOW - 10, event=attack, text=f"{attack}.ndjson, line 1") for attack in ATTACKS),
    warnings=tuple(RunWarning(first_at=NOW - 10, at=NOW - 9, text=attack, times=3) for attack in ATTACKS[-3:]),
    to_do=tuple(NextStep(text=attack, command=attack) for attack in ATTACKS),
)
