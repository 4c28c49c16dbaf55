"""`masivo-stream prepare`."""

import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import Parameter

from masivo_stream.cli.options import (
    CommonFlags,
    SchedulerFlags,
    Switch,
    ValidationFlags,
    check_not_empty,
    settings_from,
)
from masivo_stream.model.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from masivo_stream.model.plan import Plan
    from masivo_stream.model.settings import LogSettings, Settings
    from masivo_stream.prepare.engine.record_origins import OriginsOfLines
    from masivo_stream.prepare.engine.run import ShowStep, StepProgress

SECONDS_PER_LINE = 10.0
"""Seconds between two lines of progress, if standard error is no terminal."""

FEW_PERCENT = 0.02
"""The share of the work that has to be done before a time is estimated."""

_FINE = 10_000
"""Steps of the share that a terminal shows."""


@Parameter(name="*")
@dataclass(kw_only=True)
class StartFlags:
    """What is written to begin with."""

    init: str | None = None
    "Write a commented mapping for these files, from a preset such as shopify+smile; --print-sql list names all."
    print_sql: Annotated[str | None, Parameter(negative="")] = None
    "Print the mapping of a preset, to copy from; `list` names all presets."


@Parameter(name="*")
@dataclass(kw_only=True)
class ShareFlags:
    """Work that several machines share."""

    part: Annotated[str | None, Parameter(negative="")] = None
    "Make one part of the work, such as 2/4 (auto/4 in a job of numbered tasks), in the directory that -o names."
    parts: Annotated[str | None, Parameter(negative="")] = None
    "Write the exports from the parts in this directory."
    scheduler: Annotated[str | None, Parameter(negative="")] = None
    "With --parts: Dask scheduler whose workers make the parts that are missing. local, tls://HOST:PORT, or tcp://."


def prepare(
    *paths: str,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    check: Annotated[bool, Switch] = False,
    start: StartFlags | None = None,
    in_parts: ShareFlags | None = None,
    validation: ValidationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Write exports from tables: CSV, Parquet, JSON, SQLite, or standard input. A mapping says how.

    Writes customers.ndjson, events.ndjson and transactions.ndjson; left-out.csv, which names every row that was left
    out, merged, corrected or guessed, by file and line; and prepare.json with the sums. Then it validates and checks
    them as validate does. If it was stopped, the same command continues. Several machines can share the work: --part.

    Ends with 0; with 3 if the API would refuse records; with 1 if the figures do not close.

    Example: `masivo-stream prepare mapping.toml -o export`, then `masivo-stream migrate --from export`

    Parameters
    ----------
    paths
        The mapping; with --init, the files or directories to write a mapping for.
    output
        The directory to write to; with --init, the mapping to write.
    check
        Write nothing: only show what would be written and left out.
    """
    start = start or StartFlags()
    in_parts = in_parts or ShareFlags()
    _check_output(output)
    _check_parts(in_parts.parts)
    if start.print_sql is not None or start.init is not None:
        _check_begins(in_parts, check=check)
    if start.print_sql is not None:
        return _print_preset(start.print_sql)
    if start.init is not None:
        _check_no_table(start.init, "a preset")
        return _init(start.init, paths, output)
    if len(paths) != 1:
        raise _wrong("needs one mapping", "masivo-stream prepare --init shopify src/ -o mapping.toml writes one")
    _check_no_table(paths[0], "a mapping")
    common = common or CommonFlags()
    settings = settings_from(common, validation, SchedulerFlags(scheduler=in_parts.scheduler))
    if in_parts.scheduler and not in_parts.parts:
        raise _wrong(
            "needs a directory for the parts that workers make", "name one that all of them share: --parts parts"
        )
    if in_parts.part is not None:
        return _make_part(paths[0], in_parts, output, settings, common, check=check)
    work = _Work(paths[0], in_parts.parts)
    if check:
        with tempfile.TemporaryDirectory(prefix="masivo-prepare-") as nowhere:
            return _prepare(work, Path(nowhere), settings, common, output="")
    if output is None:
        raise _wrong("needs a directory to write to", "name it: -o export; or write nothing: --check")
    _check_directory(Path(output))
    if any(Path(output).glob("share-*-of-*")):
        raise _wrong("would mix an export with parts", "name another directory for the export: -o export")
    return _prepare(work, Path(output), settings, common, output=output)


@dataclass(frozen=True)
class _Work:
    """What exports are made from."""

    mapping: str
    parts: str | None
    """The directory of parts; None: the sources."""


def _prepare(work: _Work, directory: Path, settings: "Settings", common: CommonFlags, *, output: str) -> int:
    import anyio
    from msgspec.structs import replace

    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands import plan as planning
    from masivo_stream.flow.exports import exports_in
    from masivo_stream.flow.remote_files import ObjectStorage
    from masivo_stream.model.settings import SchedulerSettings
    from masivo_stream.prepare.engine.record_origins import OriginsOfLines
    from masivo_stream.prepare.engine.run import prepare as run
    from masivo_stream.prepare.parts.take_up import PartsToTakeUp, take_up

    with OriginsOfLines() as origins:
        with _ending_as_signals_say(), _showing(settings.log, quiet=common.quiet) as show:
            remote = ObjectStorage(settings.retry)
            if work.parts is None:
                found = run(work.mapping, directory, show, remote, origins)
            else:
                if settings.scheduler.scheduler:
                    from masivo_stream.cli.shares_on_workers import SharesToMake, make_missing_shares

                    make_missing_shares(SharesToMake(work.mapping, work.parts, settings), show)
                found = take_up(PartsToTakeUp(work.mapping, work.parts, remote), directory, show, origins)
        settings = replace(settings, scheduler=SchedulerSettings())  # the exports are on this machine
        planned = None
        if found.kinds:
            with showing_work(settings.log, quiet=common.quiet) as observer:
                planned = anyio.run(partial(planning.plan, settings, exports_in(str(directory)), observer=observer))
        if planned is not None:
            planned = _with_origins(planned, origins)
    if planned is not None and not output:
        planned = _without(str(directory), planned)
    code = planned.summary.exit_code if planned is not None else ExitCode.DEAD_LETTERS
    if common.json:
        return print_json({"preparation": found, "plan": planned}, code)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.preparation_table import print_preparation

    return answer(lambda: print_preparation(Output(), found, planned, output), code, question=True)


def _with_origins(planned: "Plan", origins: "OriginsOfLines") -> "Plan":
    """Return a plan whose findings name the rows of sources from which lines were made."""
    from msgspec import UnsetType, structs

    from masivo_stream.core.checks.name_origins import name_origins

    checks = planned.summary.checks
    if isinstance(checks, UnsetType):
        return planned
    summary = structs.replace(planned.summary, checks=name_origins(checks, origins.find))
    return structs.replace(planned, summary=summary)


def _make_part(
    mapping: str, in_parts: ShareFlags, output: str | None, settings: "Settings", common: CommonFlags, *, check: bool
) -> int:
    import shlex

    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.core.reading.object_urls import shown_url
    from masivo_stream.flow.commands.validate_part import read_part
    from masivo_stream.flow.remote_files import ObjectStorage
    from masivo_stream.prepare.engine.output_files import SUMMARY_FILE
    from masivo_stream.prepare.engine.share import Share
    from masivo_stream.prepare.parts.make_share import request_share, take_share

    share = Share(*read_part(in_parts.part or "", os.environ))
    if in_parts.parts is not None or check:
        raise _wrong("makes a part, or looks at all of them", "leave out --part, or --parts and --check")
    if output is None:
        raise _wrong("needs a directory for the part", "name it, the same for all parts: -o parts")
    _check_directory(Path(output))
    if (Path(output) / SUMMARY_FILE).exists():
        raise _wrong("would mix parts with an export", "name a directory of their own for the parts: -o parts")
    with _ending_as_signals_say(), _showing(settings.log, quiet=common.quiet) as show:
        remote = ObjectStorage(settings.retry)
        made = take_share(request_share(mapping, output, share, remote), show, remote)
    if common.json:
        return print_json({"part": made}, question=True)
    groups = f"{made.partitions:,} of {made.of_partitions:,} groups of customers"
    was = "is there already" if made.was_there else "is made"
    next_step = f"masivo-stream prepare {shlex.quote(shown_url(mapping))} --parts {shlex.quote(output)} -o export"
    text = f"part {made.number} of {made.of} {was}: {groups}\nnext, when all parts are there:\n  {next_step}\n"
    return answer(lambda: sys.stdout.write(text), question=True)


def _without(directory: str, planned: "Plan") -> "Plan":
    """Return a plan that names files without their directory, which will be gone."""
    import msgspec

    prefix = msgspec.json.encode(f"{directory}/")[1:-1]
    return msgspec.json.decode(msgspec.json.encode(planned).replace(prefix, b""), type=type(planned))


def _print_preset(name: str) -> int:
    from masivo_stream.prepare.presets.preset_files import list_presets, read_preset

    if name == "list":
        for each, title in list_presets().items():
            sys.stdout.write(f"{each}: {title}\n")
    else:
        sys.stdout.write(read_preset(name))
    return ExitCode.COMPLETE


def _init(preset: str, paths: tuple[str, ...], output: str | None) -> int:
    from masivo_stream.core.reading.object_urls import is_url, shown_url
    from masivo_stream.prepare.presets.begin_mapping import begin_mapping

    for url in filter(is_url, paths):
        raise ConfigurationError(
            "a mapping is begun from files on this machine",
            operation="write the mapping",
            place=shown_url(url),
            hint="download one file of each kind and name these; then write the URLs in their place into the mapping",
        )
    text = begin_mapping(preset, paths)
    if output is None:
        sys.stdout.write(text)
        return ExitCode.COMPLETE
    path = Path(output)
    if path.exists():
        raise ConfigurationError(
            "exists already", operation="write the mapping", place=output, hint="name another file with -o"
        )
    path.write_text(text)
    sys.stderr.write(f"written: {output}\nnext: read its comments, then masivo-stream prepare {output} --check\n")
    return ExitCode.COMPLETE


def _check_begins(in_parts: ShareFlags, *, check: bool) -> None:
    if check or any(each is not None for each in (in_parts.part, in_parts.parts, in_parts.scheduler)):
        raise _wrong(
            "begins a mapping, or works by one",
            "leave out --part, --parts, --scheduler and --check: they are for the mapping when it is written",
        )


def _check_output(output: str | None) -> None:
    """Refuse a URL: work that was stopped continues in the directory, and a mapping is for a person to read."""
    from masivo_stream.core.reading.object_urls import is_url

    check_not_empty(output, "-o")
    if output is not None and is_url(output):
        raise ConfigurationError(
            "prepare writes to this machine",
            operation="read the command",
            place="-o",
            hint="name a directory (with --init, a file), and copy it when it is written, for example with aws s3 cp"
            " --recursive; migrate --from takes the URL of its copy",
        )


def _check_directory(output: Path) -> None:
    existing = next((path for path in (output, *output.parents) if path.exists()), output)
    if existing.exists() and not existing.is_dir():
        raise ConfigurationError(
            "this is a file, not a directory",
            operation="read the command",
            place=f"-o {existing}",
            hint="name a directory with -o",
        )


def _check_parts(parts: str | None) -> None:
    from masivo_stream.core.reading.object_urls import is_url

    check_not_empty(parts, "--parts")
    if parts is not None and is_url(parts):
        raise ConfigurationError(
            "parts are read from this machine",
            operation="read the command",
            place="--parts",
            hint="copy them to a directory, and name that",
        )


@contextmanager
def _ending_as_signals_say() -> "Iterator[None]":
    """End as a signal says also if it comes while the database works, which turns it into an error of its own."""
    seen: list[int] = []

    def note(number: int, _frame: object) -> NoReturn:
        seen.append(number)
        raise _end_by(number)

    obeyed = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, note) for number in obeyed}
    try:
        yield
    except Exception:
        if not seen:
            raise
        raise _end_by(seen[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_by(number: int) -> BaseException:
    return SystemExit(ExitCode.TERMINATED) if number == signal.SIGTERM else KeyboardInterrupt()


@contextmanager
def _showing(log: "LogSettings", *, quiet: bool) -> "Iterator[ShowStep]":
    """Yield what shows progress with the time left: in place on a terminal, as a line now and then elsewhere."""
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.model.notices import WorkProgressed

    with showing_work(log, quiet=quiet) as line:

        def show_in_place(step: "StepProgress") -> None:
            done = round(step.share * _FINE)
            line.notify(WorkProgressed(step=step.step, done=done, of=_FINE, unit="parts"))

        def show_nothing(_step: "StepProgress") -> None:
            return

        yield show_nothing if quiet else show_in_place if sys.stderr.isatty() else _show_as_lines()


def _show_as_lines() -> "ShowStep":
    """Return what writes a line now and then."""
    from masivo_stream.model.moments import rough_duration

    begin = time.monotonic()
    last = begin
    first_share: float | None = None

    def show(step: "StepProgress") -> None:
        nonlocal last, first_share
        first_share = step.share if first_share is None else first_share  # above 0 if earlier work is continued
        now = time.monotonic()
        if now - last < SECONDS_PER_LINE:
            return
        last, done, left = now, step.share - first_share, ""
        if done > FEW_PERCENT:
            left = f", about {rough_duration((now - begin) * (1 - step.share) / done)} left"
        sys.stderr.write(f"{step.share:4.0%} {step.step}{left}\n")

    return show


_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".json", ".ndjson", ".jsonl", ".db", ".sqlite", ".sqlite3", ".xlsx")


def _check_no_table(name: str, wanted: str) -> None:
    """Check that a name is not that of a table, which people give in the place of what is `wanted`."""
    if name.lower().removesuffix(".gz").removesuffix(".zst").endswith(_TABLES):
        import shlex

        from masivo_stream.core.reading.object_urls import shown_url

        shown = shlex.quote(shown_url(name))
        raise _wrong(
            f"takes {wanted} here, and {shown} is a table",
            f"this writes a mapping to begin with: masivo-stream prepare --init three-tables {shown} -o mapping.toml",
        )


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"prepare {what}", operation="read the command", hint=hint)
