"""`masivo-stream bench`: how fast this machine validates, packs and sends."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.ask import agreed
from masivo_stream.cli.options import ExportFlags, Switch
from masivo_stream.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from masivo_stream.bench.rounds import BenchTarget, Step
    from masivo_stream.model.bench_result import Bench
    from masivo_stream.model.contract import Kind

_OPERATION = "measure this machine"
_UPLOADERS = (1, 4, 16)
_MOST_UPLOADERS = 256
"""The limit of the setting `uploaders`."""

Numbers = Annotated[list[int] | None, Parameter(consume_multiple=True, negative="")]


@Parameter(name="*")
@dataclass(kw_only=True)
class DataFlags:
    """What is measured with, if no export is named."""

    records: int = 5000
    "Records to generate of each kind, if no export is named."
    seed: int = 1
    "The same seed generates the same records."


@Parameter(name="*")
@dataclass(kw_only=True)
class RoundFlags:
    """What is compared, and how often."""

    rounds: int = 3
    "How often each case is measured."
    uploaders: Numbers = None
    "Requests in flight to compare. Default: 1 4 16."
    workers: Numbers = None
    "Processes to compare, such as 1 2: all but one validate lines. Default: 1. Exports below 16 MiB use one."


@Parameter(name="*")
@dataclass(kw_only=True)
class TargetFlags:
    """A server to send to instead of the null sink."""

    target: str = ""
    "URL of your own server to send to instead of the null sink. Never the vendor's."
    api_key_file: str = ""
    "File (mode 0600) that holds the target's API key; a key from the environment is never sent."
    yes: Annotated[bool, Switch] = False
    "Do not ask before sending to a target that is not this machine."


@Parameter(name="*")
@dataclass(kw_only=True)
class ResultFlags:
    """Where files and results go."""

    directory: str | None = None
    "Directory for generated exports and journals; the speed of its disk counts. Default: the temporary directory."
    svg: str | None = None
    "File for a chart of the results."
    json: Annotated[bool, Switch] = False
    "Print one JSON document on standard output, and nothing else there."


def bench(
    *,
    exports: ExportFlags | None = None,
    data: DataFlags | None = None,
    rounds: RoundFlags | None = None,
    target: TargetFlags | None = None,
    results: ResultFlags | None = None,
) -> int:
    """Measure how fast this machine validates, packs and sends: generated data, sent to a null sink.

    Each kind is decoded, validated, packed, and sent with its journal on and no rate limit. Each of these steps runs in
    a process of its own, all of them in turn, several times. Settings are the defaults; validation is also measured
    without the extension that proves lines, if there is one. Nothing is left behind.

    Example: `masivo-stream bench --records 20000 --uploaders 1 4 --svg bench.svg`
    """
    from masivo_stream.bench.rounds import bench as run
    from masivo_stream.cli.output import print_json, show_bench
    from masivo_stream.core.reading.prover import is_built
    from masivo_stream.model.bench_result import PURE_PYTHON

    data, rounds, results = data or DataFlags(), rounds or RoundFlags(), results or ResultFlags()
    chosen = rounds.uploaders or list(_UPLOADERS)
    _check_numbers(data.records, rounds.rounds, [*chosen, *(rounds.workers or ())])
    known = _find_exports(exports or ExportFlags())
    aim = _aim(target or TargetFlags(), own_data=bool(known))
    _check_picture(results.svg)
    with _workplace(results.directory) as place, _showing_steps() as show:
        found = run(
            known or _generate(place, records=data.records, seed=data.seed),
            settings={
                "uploaders": chosen,
                **({"workers": rounds.workers} if rounds.workers else {}),
                **({PURE_PYTHON: [0, 1]} if is_built() else {}),
            },
            rounds=rounds.rounds,
            directory=str(place),
            target=aim,
            on_step=show,
        )
    if results.svg is not None:
        _draw(found, results.svg)
    return print_json(found, question=True) if results.json else show_bench(found)


def _check_numbers(records: int, rounds: int, others: list[int]) -> None:
    if records < 1 or rounds < 1 or not all(1 <= number <= _MOST_UPLOADERS for number in others):
        raise _wrong(
            "these numbers leave nothing to measure",
            f"use --records and --rounds of 1 or more, --uploaders and --workers from 1 to {_MOST_UPLOADERS}",
        )


def _find_exports(exports: ExportFlags) -> "dict[Kind, list[str]]":
    """Return the paths of the named exports, by kind.

    Raises:
        ConfigurationError: standard input is named, which can be read only once.
        InputError: an export does not exist.
    """
    from masivo_stream.core.reading.object_urls import is_url
    from masivo_stream.edges.export.source import STDIN
    from masivo_stream.model.settings import RetrySettings

    named = exports.named()
    if any(map(is_url, (*named.customers, *named.events, *named.transactions))):
        raise _wrong("a benchmark measures this machine, not object storage", "download the exports first")
    found = {kind: [source.path for source in inputs] for kind, inputs in named.find(RetrySettings()).items()}
    if any(STDIN in paths for paths in found.values()):
        raise _wrong("standard input can be read only once", "write the export to a file first")
    return found


def _aim(target: TargetFlags, *, own_data: bool) -> "BenchTarget | None":
    """Return the server to send to: only one that belongs to the user.

    Raises:
        ConfigurationError: it is the vendor's server; or it is another machine, and the user did not agree.
    """
    from masivo_stream.bench.rounds import BenchTarget
    from masivo_stream.edges.config import is_loopback, is_vendor, load_settings

    url = target.target
    if not url:
        return None
    load_settings(flags={"base_url": url})  # raises if the URL is wrong
    if is_vendor(url):
        raise _wrong("the vendor's servers must not be measured", "name a server of your own, or leave --target out")
    if not (is_loopback(url) or target.yes or _agreed(url, own_data=own_data)):
        raise _wrong("not confirmed: nothing was sent", "answer yes, or give --yes")
    return BenchTarget(url=url, api_key_file=target.api_key_file)


def _agreed(url: str, *, own_data: bool) -> bool:
    what = "the records of your exports" if own_data else "made-up records"
    return agreed(f"Send {what} again and again, as fast as possible, to {url}?")


@contextmanager
def _workplace(directory: str | None) -> Iterator[Path]:
    """Yield a directory that is removed afterwards."""
    try:
        place = tempfile.TemporaryDirectory(prefix="masivo-bench-", dir=directory)
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror}",
            operation=_OPERATION,
            place=directory or tempfile.gettempdir(),
            hint="choose another --directory",
        ) from error
    with place as name:
        yield Path(name)


def _generate(place: Path, *, records: int, seed: int) -> "dict[Kind, list[str]]":
    from masivo_stream.generate.export import write_exports

    return write_exports(place, records=records, seed=seed)


@contextmanager
def _showing_steps() -> "Iterator[Callable[[Step], None]]":
    """Yield a function that shows on a terminal what is being measured."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("generating exports") as status:
        yield lambda step: status.update(f"{step.number} of {step.of}: {step.case.kind}, {step.case.label}")


def _check_picture(name: str | None) -> None:
    """Check before measuring that the chart can be written: afterwards the results would be lost."""
    if name is not None and (Path(name).is_dir() or not os.access(Path(name).parent, os.W_OK)):
        raise StorageError("cannot write here", operation="draw a chart", place=name, hint="choose another file")


def _draw(found: "Bench", name: str) -> None:
    from masivo_stream.observe.bench_chart import draw_bench

    try:
        Path(name).write_text(draw_bench(found), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror}", operation="draw a chart", place=name, hint="choose another file"
        ) from error


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation=_OPERATION, hint=hint)
