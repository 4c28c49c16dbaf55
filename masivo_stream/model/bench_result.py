"""The cases and results of the bench. The JSON form of `Bench` is what `bench --json` prints.

Times are seconds, sizes bytes. A megabyte is a million bytes of the uncompressed export, at every stage.
"""

import enum
from collections.abc import Iterable
from datetime import datetime
from statistics import median

from msgspec import Struct

from masivo_stream.model.contract import Kind

MEGA = 1e6
PURE_PYTHON = "pure_python"
"""The setting, as a number: 1 for validation without the extension that proves lines."""


class Stage(enum.StrEnum):
    """How far the records go. Each stage does all of the one before it."""

    DECODE = "decode"
    """msgspec's typed decoder over the same lines, and nothing else, for comparison."""
    VALIDATE = "judge"
    """Read, cut into lines, decode, and validate: the first part of every command that reads an export.

    The value keeps the stage's first name, which programs read in the JSON form; people are shown `validate`."""
    PACK = "pack"
    """Fill batches as well, and send none: what `validate` and `plan` do."""
    SEND = "send"
    """The whole of `migrate`, with its journal, and without a rate limit."""


class Case(Struct, frozen=True, kw_only=True):
    """One thing to measure."""

    kind: Kind
    stage: Stage
    settings: dict[str, int] = {}
    """The settings it varies, by name: `{"uploaders": 4}`."""

    @property
    def label(self) -> str:
        """What people call it beside its kind: `send, 4 uploaders`."""
        counts = [(name, value) for name, value in self.settings.items() if name != PURE_PYTHON]
        named = (f"{value} {name if value != 1 else name.removesuffix('s')}" for name, value in counts)
        pure = ["msgspec alone"] if self.settings.get(PURE_PYTHON) else []
        return ", ".join([self.stage.name.lower(), *named, *pure])


class Job(Struct, frozen=True, kw_only=True):
    """A case, and what the process that measures it needs."""

    case: Case
    paths: tuple[str, ...]
    """Exports of its kind."""
    url: str
    directory: str
    """Where the process may keep its journal."""
    api_key_file: str = ""
    """The target's key; if it is empty, a made-up token is used."""


class Measured(Struct, frozen=True, kw_only=True, tag=True):
    """What one process took for one case, without its start."""

    seconds: float
    cpu_seconds: float
    """Of the process and of its children."""
    peak_rss_bytes: int
    """Of the largest of these."""
    records: int = 0
    items: int = 0
    bytes: int = 0
    requests: int = 0
    sink_cpu_seconds: float = 0.0


class Failed(Struct, frozen=True, kw_only=True, tag=True):
    """A case that did not come to its end: an error's parts, for an error itself does not cross processes."""

    message: str
    exit_code: int
    operation: str
    place: str = ""
    hint: str = ""


class BenchFigures(Struct, frozen=True, kw_only=True):
    """One quantity over all rounds."""

    median: float
    least: float
    most: float


class BenchedExport(Struct, frozen=True, kw_only=True):
    """What was read of one kind."""

    records: int
    items: int
    bytes: int
    """Of plain export, unpacked."""


class BenchResult(Struct, frozen=True, kw_only=True):
    """What one case took."""

    kind: Kind
    stage: Stage
    settings: dict[str, int]
    label: str
    seconds: BenchFigures
    cpu_seconds: BenchFigures
    peak_rss_bytes: int
    """The highest of all rounds."""
    mb_per_second: BenchFigures
    items_per_second: BenchFigures
    requests: int
    requests_per_second: BenchFigures
    sink_busy: float
    """Largest share of the time that the sink was at work: near 1, it is the sink that was measured."""


class Machine(Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    cpu: str
    cores: int
    system: str
    python: str
    version: str
    """Ours."""
    validator: str = ""
    """Which validator was at work, unless a case says something else."""


class Bench(Struct, frozen=True, kw_only=True):
    """All that was found."""

    schema: int = 1
    at: datetime
    machine: Machine
    rounds: int
    target: str
    """The URL that was sent to; empty for the bench's own sink."""
    exports: dict[str, BenchedExport]
    results: list[BenchResult]


def summarize(case: Case, runs: Iterable[Measured], export: BenchedExport) -> BenchResult:
    """Return what all rounds of one case come to."""
    runs = list(runs)
    return BenchResult(
        kind=case.kind,
        stage=case.stage,
        settings=case.settings,
        label=case.label,
        seconds=_figures(run.seconds for run in runs),
        cpu_seconds=_figures(run.cpu_seconds for run in runs),
        peak_rss_bytes=max(run.peak_rss_bytes for run in runs),
        mb_per_second=_figures(_rate(export.bytes / MEGA, run) for run in runs),
        items_per_second=_figures(_rate(export.items, run) for run in runs),
        requests=max(run.requests for run in runs),
        requests_per_second=_figures(_rate(run.requests, run) for run in runs),
        sink_busy=max(_rate(run.sink_cpu_seconds, run) for run in runs),
    )


def _rate(amount: float, run: Measured) -> float:
    return amount / run.seconds if run.seconds else 0.0  # nothing takes no time


def _figures(values: Iterable[float]) -> BenchFigures:
    values = list(values)
    return BenchFigures(median=median(values), least=min(values), most=max(values))
