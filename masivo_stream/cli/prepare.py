"""`masivo-stream prepare`."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, Switch, ValidationFlags, settings_from
from masivo_stream.model.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from masivo_stream.model.plan import Plan
    from masivo_stream.model.settings import Settings
    from masivo_stream.prepare.engine.run import ShowStep

SECONDS_PER_LINE = 10.0
"""Seconds between two lines of progress, if standard error is no terminal."""

FEW_PERCENT = 0.02
"""The share of the work that has to be done before a time is estimated."""


@Parameter(name="*")
@dataclass(kw_only=True)
class StartFlags:
    """What is written to begin with."""

    init: str | None = None
    "Write a commented mapping for these files, from a preset such as shopify+smile; --print-sql list names all."
    print_sql: Annotated[str | None, Parameter(negative="")] = None
    "Print the mapping of a preset, to copy from; `list` names all presets."


def prepare(
    *paths: str,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    check: Annotated[bool, Switch] = False,
    start: StartFlags | None = None,
    validation: ValidationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Write exports from tables: CSV, Parquet, JSON, SQLite, or standard input. A mapping says how.

    Writes customers.ndjson, events.ndjson and transactions.ndjson; left-out.csv, which names every row that was left
    out, merged, corrected or guessed, by file and line; and prepare.json with the sums. Then it validates and checks
    them as validate does. If it was stopped, the same command continues.

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
    if start.print_sql is not None:
        return _print_preset(start.print_sql)
    if start.init is not None:
        return _init(start.init, paths, output)
    if len(paths) != 1:
        raise _wrong("needs one mapping", "masivo-stream prepare --init shopify src/ -o mapping.toml writes one")
    common = common or CommonFlags()
    settings = settings_from(common, validation)
    if check:
        with tempfile.TemporaryDirectory(prefix="masivo-prepare-") as nowhere:
            return _prepare(paths[0], Path(nowhere), settings, common, output="")
    if output is None:
        raise _wrong("needs a directory to write to", "name it: -o export; or write nothing: --check")
    return _prepare(paths[0], Path(output), settings, common, output=output)


def _prepare(mapping: str, directory: Path, settings: "Settings", common: CommonFlags, *, output: str) -> int:
    import anyio

    from masivo_stream.cli.options import exports_in
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.flow.commands import plan as planning
    from masivo_stream.prepare.engine.run import prepare as run

    with _ending_as_signals_say(), _showing(quiet=common.quiet) as show:
        found = run(mapping, directory, show)
    planned = anyio.run(planning.plan, settings, exports_in(str(directory))) if found.kinds else None
    if planned is not None and not output:
        planned = _without(str(directory), planned)
    code = planned.summary.exit_code if planned is not None else ExitCode.DEAD_LETTERS
    if common.json:
        return print_json({"preparation": found, "plan": planned}, code)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.preparation_table import print_preparation

    return answer(lambda: print_preparation(Output(), found, planned, output), code, question=True)


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
    from masivo_stream.prepare.presets.begin_mapping import begin_mapping

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
def _showing(*, quiet: bool) -> "Iterator[ShowStep]":
    """Yield what shows progress with the time left: in place on a terminal, as a line now and then elsewhere."""
    from masivo_stream.model.moments import rough_duration
    from masivo_stream.prepare.engine.run import StepProgress

    begin = time.monotonic()
    last = begin
    first_share: float | None = None

    def describe(step: StepProgress) -> str:
        nonlocal first_share
        first_share = step.share if first_share is None else first_share  # above 0 if earlier work is continued
        spent, done, left = time.monotonic() - begin, step.share - first_share, ""
        if done > FEW_PERCENT:
            left = f", about {rough_duration(spent * (1 - step.share) / done)} left"
        return f"{step.share:4.0%} {step.step}{left}"

    def show_in_place(step: StepProgress) -> None:
        sys.stderr.write(f"\r\x1b[K{describe(step)}")
        sys.stderr.flush()

    def show_as_line(step: StepProgress) -> None:
        nonlocal last
        described = describe(step)
        if time.monotonic() - last >= SECONDS_PER_LINE:
            last = time.monotonic()
            sys.stderr.write(f"{described}\n")

    def show_nothing(_step: StepProgress) -> None:
        return

    terminal = sys.stderr.isatty()
    chosen: Callable[[StepProgress], None] = show_in_place if terminal else show_as_line
    try:
        yield show_nothing if quiet else chosen
    finally:
        if terminal and not quiet:
            sys.stderr.write("\r\x1b[K")


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"prepare {what}", operation="read the command", hint=hint)
