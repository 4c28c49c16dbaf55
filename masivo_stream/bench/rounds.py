"""Measure in rounds: every case once, then every case again.

The speed of a machine changes: it gets warm, and other processes work on it. In the order A A A B B B such a change
looks like a difference between A and B. In the order A B A B A B it shows as a spread within each of them.
"""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import assert_never

from msgspec import Struct, structs

from masivo_stream import __version__
from masivo_stream.bench.helper_processes import Measurer, ServedSink, running_measurer, running_sink
from masivo_stream.core.reading.prover import describe_validator
from masivo_stream.model.bench_result import (
    PURE_PYTHON,
    Bench,
    BenchedExport,
    Case,
    Failed,
    Job,
    Machine,
    Measured,
    Stage,
    summarize,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import (
    BugError,
    ConfigurationError,
    DeniedError,
    ExitCode,
    InputError,
    MasivoStreamError,
    OutageError,
)

_ERRORS: dict[int, type[MasivoStreamError]] = {
    ExitCode.CONFIGURATION: ConfigurationError,
    ExitCode.INPUT: InputError,
    ExitCode.IN_DOUBT: OutageError,
    ExitCode.OUTAGE: OutageError,
    ExitCode.DENIED: DeniedError,
}


class BenchTarget(Struct, frozen=True, kw_only=True):
    """The server to send to instead of the bench's own sink."""

    url: str
    api_key_file: str = ""


class Step(Struct, frozen=True, kw_only=True):
    """The measurement that comes next."""

    number: int
    of: int
    round: int
    case: Case


_VARIES: dict[Stage, tuple[str, ...]] = {
    Stage.DECODE: (),
    Stage.VALIDATE: ("workers", PURE_PYTHON),
    Stage.PACK: ("workers",),
    Stage.SEND: ("workers", "uploaders"),
}
"""The settings that matter to a stage."""


def find_cases(kinds: Iterable[Kind], settings: Mapping[str, Sequence[int]]) -> list[Case]:
    """Return the cases to measure: each kind at each stage, with the values of each setting that matters to it.

    `settings` maps names of settings to values; of several settings, every combination is measured.
    """
    return [
        Case(kind=kind, stage=stage, settings=variant)
        for kind in kinds
        for stage in Stage
        for variant in _variants({name: settings[name] for name in _VARIES[stage] if name in settings})
    ]


def _variants(settings: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    return [dict(zip(settings, values, strict=True)) for values in product(*settings.values())]


def bench(
    exports: Mapping[Kind, Sequence[str]],
    *,
    settings: Mapping[str, Sequence[int]],
    rounds: int,
    directory: str,
    target: BenchTarget | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Bench:
    """Measure every case `rounds` times.

    Args:
        exports: paths by kind.
        settings: what to compare: `{"uploaders": [1, 4], "workers": [1, 2]}`.
        rounds: how often.
        directory: where journals are kept during the measurement; the speed of its disk counts.
        target: the server to send to; without it, a null sink on loopback, in a process of its own.
        on_step: called with each step before it is measured.

    Raises:
        MasivoStreamError: a case failed; the type of the error is that of the failure.
    """
    runs: dict[int, list[Measured]] = {}
    cases = find_cases(exports, settings)
    with ExitStack() as helpers:
        measurer = helpers.enter_context(running_measurer())
        sink = None if target else helpers.enter_context(running_sink())
        for number in range(rounds * len(cases)):
            place = number % len(cases)
            case = cases[place]
            on_step(Step(number=number + 1, of=rounds * len(cases), round=number // len(cases) + 1, case=case))
            job = Job(
                case=case,
                paths=tuple(exports[case.kind]),
                url=sink.url if sink else target.url if target else "",
                directory=directory,
                api_key_file=target.api_key_file if target else "",
            )
            runs.setdefault(place, []).append(_measure(job, measurer, sink))
    return _make_bench(cases, list(runs.values()), rounds=rounds, target=target)


def _measure(job: Job, measurer: Measurer, sink: ServedSink | None) -> Measured:
    """Measure one case once, and check that every request arrived."""
    before = sink.reset() if sink else None
    match measurer.measure(job):
        case Failed() as failed:
            raise _error(failed)
        case Measured() as measured:
            if sink is None or before is None:
                return measured
        case never:
            assert_never(never)
    counts = sink.reset()
    if counts.bodies != measured.requests or counts.bytes < measured.bytes * (job.case.stage is Stage.SEND):
        raise BugError(
            f"{measured.requests} requests were sent, but {counts.bodies} arrived",
            operation=f"measure {job.case.kind}: {job.case.label}",
        )
    return structs.replace(measured, sink_cpu_seconds=counts.cpu - before.cpu)


def _error(failed: Failed) -> MasivoStreamError:
    kind = _ERRORS.get(failed.exit_code, BugError)
    return kind(failed.message, operation=failed.operation, place=failed.place, hint=failed.hint)


def _make_bench(
    cases: Sequence[Case], runs: Sequence[list[Measured]], *, rounds: int, target: BenchTarget | None
) -> Bench:
    exports = {
        case.kind: BenchedExport(records=found[0].records, items=found[0].items, bytes=found[0].bytes)
        for case, found in zip(cases, runs, strict=True)
        if case.stage is Stage.VALIDATE  # the first stage that counts the whole export
    }
    return Bench(
        at=datetime.now(UTC),
        machine=describe_machine(),
        rounds=rounds,
        target=target.url if target else "",
        exports={kind.value: export for kind, export in exports.items()},
        results=[summarize(case, found, exports[case.kind]) for case, found in zip(cases, runs, strict=True)],
    )


def describe_machine() -> Machine:
    """Describe the machine on which this runs."""
    return Machine(
        cpu=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        version=__version__,
        validator=describe_validator(),
    )


def _processor() -> str:
    """Return the name of the processor; on Linux only `/proc/cpuinfo` has it."""
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        rows = []
    named = (row.partition(":")[2].strip() for row in rows if row.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
