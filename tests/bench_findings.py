"""Made-up results of a bench."""

from datetime import UTC, datetime

from masivo_stream.model.bench_result import Bench, BenchedExport, Case, Machine, Measured, Stage, summarize
from masivo_stream.model.contract import Kind

EXPORT = BenchedExport(records=1_000, items=20_000, bytes=5_000_000)
MACHINE = Machine(cpu="a processor", cores=2, system="Linux 6", python="3.12.1", version="0.1.0")


def run(seconds=1.0, **changes):
    fields = {"seconds": seconds, "cpu_seconds": seconds / 2, "peak_rss_bytes": 50_000_000, "requests": 20}
    return Measured(**(fields | changes))


THREE_RUNS = (run(1.0), run(2.0), run(4.0))


def made(runs=THREE_RUNS, **changes):
    """Return one kind's results: each stage with the same runs."""
    cases = [Case(kind=Kind.EVENTS, stage=stage) for stage in (Stage.DECODE, Stage.VALIDATE, Stage.PACK)]
    cases += [Case(kind=Kind.EVENTS, stage=Stage.SEND, settings={"uploaders": number}) for number in (1, 16)]
    fields = {
        "at": datetime(2026, 5, 1, tzinfo=UTC),
        "machine": MACHINE,
        "rounds": len(runs),
        "target": "",
        "exports": {"events": EXPORT},
        "results": [summarize(case, runs, EXPORT) for case in cases],
    }
    return Bench(**(fields | changes))
