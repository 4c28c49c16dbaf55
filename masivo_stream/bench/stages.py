"""Measure one case in a process of its own: do the work of the stage, and return its amount and time.

Only the work is timed, without the start of the interpreter and the imports.
"""

import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct

from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import Input, find_inputs, read_blocks
from masivo_stream.edges.secret import Credentials, Secret, load_credentials
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.pipeline.read_exports import Helpers, make_decoder, validate_sources
from masivo_stream.flow.sources import Source
from masivo_stream.model.bench_result import PURE_PYTHON, Failed, Job, Measured, Stage
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import Entries, Packable, count_lines
from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.results import Line, LineRun
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, TransactionsRecord, make_reader
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary

_SCHEMAS: dict[Kind, Any] = {  # a generic alias is no `type` to mypy
    Kind.CUSTOMERS: CustomerRecord,
    Kind.EVENTS: EventsRecord[Order],
    Kind.TRANSACTIONS: TransactionsRecord,
}
_MADE_UP_TOKEN = "bench"  # noqa: S105 - opens nothing
_PATIENCE = 15.0
"""Seconds after which a target that does not answer, or asks to wait, ends the measurement."""
_ENDED_WELL = (ExitCode.COMPLETE, ExitCode.DEAD_LETTERS)
_DENIED = (
    "a target has to take every batch: give --api-key-file if it asks for a key, and --rounds 1 with a single number"
    " of --uploaders if it remembers what it has taken"
)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""`ru_maxrss` counts kilobytes, on macOS bytes."""


class WorkDone(Struct, frozen=True, kw_only=True):
    """The amount of work."""

    records: int = 0
    items: int = 0
    bytes: int = 0
    requests: int = 0


class Stopwatch:
    """Adds up wall time and CPU time of blocks of code, including the CPU time of children that have ended."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the block."""
        wall, cpu = time.perf_counter(), _cpu()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - wall
            self.cpu_seconds += _cpu() - cpu


def work(job: Job) -> Measured | Failed:
    """Do the job. Called once per process, since the peak memory of a process cannot be reset."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(dir=job.directory) as state:
        try:
            done = anyio.run(partial(_STAGES[job.case.stage], job, settings_of(job, state), watch))
        except MasivoStreamError as error:
            return Failed(
                message=str(error),
                exit_code=error.exit_code,
                operation=error.operation,
                place=error.place,
                hint=error.hint,
            )
    if isinstance(done, Failed):
        return done
    return Measured(
        seconds=watch.seconds,
        cpu_seconds=watch.cpu_seconds,
        peak_rss_bytes=_peak_rss(),
        records=done.records,
        items=done.items,
        bytes=done.bytes,
        requests=done.requests,
    )


def settings_of(job: Job, state: str) -> Settings:
    """Return the settings: the defaults, except for those that the case varies and those that would wait for hours.

    Nothing comes from the environment, and nothing is shared with other runs.
    """
    return load_settings(
        flags={
            "base_url": job.url,
            "limit": "none",
            "outage_limit": _PATIENCE,
            "longest_hold": _PATIENCE,
            "isolation_budget": 1,  # a refused batch ends the run: otherwise isolation would be measured
            "sample": 0,  # no record can be read back from a sink
            "state_dir": str(Path(state, "state")),
            "shared_dir": str(Path(state, "shared")),
            "workers": 1,
            **{name: bool(value) if name == PURE_PYTHON else value for name, value in job.case.settings.items()},
        }
    )


async def _decode(job: Job, settings: Settings, watch: Stopwatch) -> WorkDone:
    """Decode every line; the time of reading and splitting does not count."""
    decode = make_reader(_SCHEMAS[job.case.kind])
    for source in find_inputs(job.paths):
        lines = LineSplitter(max_line_bytes=settings.validation.max_line_bytes)
        async with aclosing(_pieces(source, lines, settings.source.block_bytes)) as pieces:
            async for piece in pieces:
                bodies = piece.bodies if isinstance(piece, LineRun) else [piece.body]
                with watch.running():
                    for body in bodies:
                        try:
                            decode(body)
                        except (ValueError, RecursionError):
                            continue  # a faulty line counts as well
    return WorkDone()


async def _pieces(source: Input, lines: LineSplitter, block_bytes: int) -> AsyncGenerator[LineRun | Line, None]:
    async with aclosing(read_blocks(source, block_bytes=block_bytes)) as blocks:
        async for block in blocks:
            for piece in lines.cut(block):
                yield piece
    for piece in lines.flush():
        yield piece


async def _validate(job: Job, settings: Settings, watch: Stopwatch) -> WorkDone:
    records = items = size = 0
    sources = [Source(found) for found in find_inputs(job.paths)]
    decoder = make_decoder(job.case.kind, settings)
    with watch.running():
        blocks = validate_sources(
            sources,
            decoder,
            block_bytes=settings.source.block_bytes,
            max_line_bytes=settings.validation.max_line_bytes,
            helpers=Helpers(workers=settings.upload.workers or 1),
        )
        async with aclosing(blocks) as validated_blocks:
            async for validated in validated_blocks:
                records += count_lines(validated.found)
                items += Entries(each for each in validated.found if isinstance(each, Packable)).items
                size += validated.bytes_read
    return WorkDone(records=records, items=items, bytes=size)


async def _pack(job: Job, settings: Settings, watch: Stopwatch) -> WorkDone | Failed:
    with watch.running():
        found = await plan(settings, _exports(job))
    return _ended(found.summary, WorkDone(records=found.records, items=found.items))


async def _send(job: Job, settings: Settings, watch: Stopwatch) -> WorkDone | Failed:
    credentials = _credentials(job.api_key_file)
    with watch.running():
        summary = await migrate(settings, credentials, _exports(job))
    sent = summary.kinds[job.case.kind]
    done = WorkDone(records=sent.accepted, items=sent.items_accepted, bytes=sent.bytes_sent, requests=sent.requests)
    return _ended(summary, done)


_STAGES = {Stage.DECODE: _decode, Stage.VALIDATE: _validate, Stage.PACK: _pack, Stage.SEND: _send}


def _exports(job: Job) -> Exports:
    """Return the job's exports, of one kind only: a migration of one kind does not wait for effects of another."""
    paths = {kind: job.paths if kind is job.case.kind else () for kind in Kind}
    return Exports(customers=paths[Kind.CUSTOMERS], events=paths[Kind.EVENTS], transactions=paths[Kind.TRANSACTIONS])


def _credentials(api_key_file: str) -> Credentials:
    """Return the target's key, if given. A key in the environment belongs to an account, and is never sent here."""
    if api_key_file:
        return load_credentials({}, api_key_file=api_key_file)
    return Credentials(token=Secret(_MADE_UP_TOKEN))


def _ended(summary: Summary, done: WorkDone) -> WorkDone | Failed:
    """Return the amount of work, or a failure if the run was stopped: the time of half a run is meaningless."""
    if summary.exit_code in _ENDED_WELL:
        return done
    return Failed(
        message=summary.message or f"the run ended as {summary.outcome}",
        exit_code=summary.exit_code,
        operation="measure a migration",
        hint=_DENIED if summary.exit_code == ExitCode.DENIED else summary.hint,
    )


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_rss() -> int:
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(peaks) * _RSS_UNIT
