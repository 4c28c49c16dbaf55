"""A report with an example of everything, for tests of its output."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from masivo_stream.model.examples import Example
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.findings import (
    CheckResult,
    ExportChecks,
    ExportFinding,
    FileTotals,
    FoundField,
    FoundLine,
    KindTotals,
    RewardBalance,
    RewardSums,
    RewardTotals,
)
from masivo_stream.model.report import DecisionNote, DoubtPlace, Facts, InputFacts, KindTimes, Report
from masivo_stream.model.snapshot import Point
from masivo_stream.model.summary import Invocation, KindSummary, NextStep
from masivo_stream.model.verification import Finding, KindVerified, Seen, Verified

BEGAN = 1_767_225_600.0
FIGURES = KindSummary(
    read=1010,
    accepted=900,
    dead=70,
    skipped=20,
    in_doubt=12,
    pending=5,
    blank=3,
    items_read=2000,
    items_accepted=1800,
    items_dead=100,
    items_skipped=60,
    items_in_doubt=30,
    items_pending=10,
    requests=5,
    requests_lower_bound=4,
    throttled=1,
    bytes_sent=123_456,
    seconds=65.5,
    reasons={"missing_field": 60, "refused": 10},
)


def made_checks(word="events.ndjson"):
    """Return a finding and control totals in which everything that comes from outside is `word`."""
    sums = RewardSums(
        reward=word, name=word, balance=Decimal(10), transactions=Decimal("12.5"), difference=Decimal("2.5")
    )
    place = ExportFinding(
        file=word, line=21, offset=5013, others=tuple(FoundLine(file=word, line=22, offset=0) for _ in "ab"), sums=sums
    )
    found = CheckResult(
        check="balance_mismatch",
        severity="error",
        count=9,
        unit="rewards of customers",
        meaning="correct it",
        first=(place,) * 4,
    )
    field = FoundField(field=word, records=41, file=word, line=98, offset=0, nearest="balance[].amount")
    typo = CheckResult(
        check="misspelled_field", severity="warning", count=41, meaning="spell it", first=(), fields=(field,) * 11
    )
    moved = RewardTotals(
        reward=word, name=word, earned=Decimal("1234.56"), spent=Decimal(-200), left=Decimal("1034.56")
    )
    first, last = datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
    span = {"first": first, "last": last, "rewards": (moved,)}
    orders = {"orders": 4321, "value": Decimal("98765.43"), "discounted_value": Decimal("87654.3")}
    files = [
        FileTotals(kind="customers", file=word, records=700, items=700, **span),
        *(
            FileTotals(kind="events", file=word, records=800 + number, items=2160, **span, **orders)
            for number in (0, 1)
        ),
    ]
    return ExportChecks(
        results=(found, typo),
        totals=tuple(files),
        by_kind=(
            KindTotals(kind="customers", files=1, records=700, items=700, **span),
            KindTotals(kind="events", files=2, records=1601, items=4320, **span, **orders),
        ),
        rewards=(
            RewardBalance(
                reward=word,
                name=word,
                earned=Decimal("1234.56"),
                spent=Decimal(-200),
                left=Decimal("1034.56"),
                balances=Decimal("1034.5"),
            ),
        ),
    )


def made_report(word="events.ndjson", **changes):
    """Return a report in which everything that comes from outside is `word`."""
    example = Example(
        kind="events",
        reason="missing_field",
        letters=60,
        file=word,
        line=7,
        offset=4211,
        field="id",
        remedy="`correct` it",
    )
    group = FaultGroup(
        kind="events",
        reason="missing_field",
        field=word,
        cause=word,
        records=60,
        file=word,
        line=7,
        offset=4211,
        remedy="`correct` it",
    )
    doubt = DoubtPlace(
        batch="3f2a",
        kind="events",
        records=12,
        items=30,
        attempts=2,
        sent_at="2026-01-01T00:00:10+00:00",
        why=word,
        places=((word, 3, 14),),
    )
    decision = DecisionNote(at="2026-01-01T00:01:00+00:00", what="accept", batch="77c0", detail=word)
    source = InputFacts(
        kind="events", name=word, size=999, bytes_read=998, crc32="00c0ffee", line=12, modified_at="2026-01-01T00:00:00"
    )
    point = Point(at=BEGAN, seconds=1.0, requests=3, accepted=500, items=900, refused=1, latency=0.25, slowest=0.5)
    fields = {
        "checks": made_checks(word),
        "outcome": "in_doubt",
        "exit_code": 4,
        "kinds": {"events": FIGURES},
        "closes": True,
        "message": word,
        "hint": word,
        "examples": (example, msgspec.structs.replace(example, kind="customers", file="customers.ndjson")),
        "fault_groups": FaultGroups(listed=(group,), dead_letters={"events": 50}),
        "next_steps": (NextStep(text=word, command=word),),
        "verified": Verified(
            kinds={"events": KindVerified(looked_at=3, confirmed=2, different=1)},
            findings=(Finding(kind="events", file=word, line=9, seen=Seen.DIFFERENT, what=(word,)),),
            message=word,
        ),
        "told_at": "2026-01-01T00:02:00+00:00",
        "owner": "",
        "state_dir": word,
        "target": word,
        "facts": Facts(
            began_at="2026-01-01T00:00:00+00:00",
            invocation=Invocation(again=(word,), options=(word,)),
            settings={"api.base_url": word, "upload.uploaders": "2"},
            changed=("api.base_url",),
            versions={"masivo-stream": "0.1.0", "system": word},
        ),
        "inputs": (source,),
        "times": {
            "events": KindTimes(
                first_at="2026-01-01T00:00:00+00:00", last_at="2026-01-01T00:01:05+00:00", batches=5, refused=1
            )
        },
        "time_line": {"events": (point,)},
        "doubts": (doubt,),
        "doubts_left_out": 2,
        "decisions": (decision,),
        "decisions_left_out": 1,
    }
    return Report(**(fields | changes))
