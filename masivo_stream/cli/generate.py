"""`masivo-stream generate`."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, NamedTuple

from cyclopts import Parameter

from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.short_disk import remedy_of

if TYPE_CHECKING:
    from masivo_stream.model.contract import Kind


@Parameter(name="*")
@dataclass(kw_only=True)
class WrongFlags:
    """What is wrong in the export."""

    invalid: float = 0.0
    "Share of faulty lines to add to the valid records, 0 to 0.9."
    faults: str | None = None
    "File that lists the faulty lines and their faults. Default: OUTPUT.faults.ndjson."
    plant: str | None = None
    "What the checks over all files must find, in shares: balance=0.01,orphans=0.005. Names: docs/checks.md."
    planted: str | None = None
    "File that lists what must be found. Default: OUTPUT.planted.ndjson."


def generate(
    kind: Literal["customers", "events", "transactions"],
    /,
    *,
    records: int,
    seed: int = 0,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    skipped: float = 0.0,
    wrong: WrongFlags | None = None,
) -> int:
    """Write a synthetic export. Exports of one seed agree: same customers, balances that match the transactions.

    Example: `masivo-stream generate customers --records 100000 --seed 1 -o customers.ndjson`

    Parameters
    ----------
    kind
        What to generate.
    records
        Number of valid records. Record k of every kind belongs to customer k.
    seed
        The same seed gives the same bytes.
    output
        File to write. Default: standard output.
    skipped
        Share of deleted customers or reversed events to mix in.
    """
    from masivo_stream.cli.options import check_here
    from masivo_stream.generate.export import write
    from masivo_stream.model.contract import Kind

    wrong = wrong or WrongFlags()
    invalid, faults = wrong.invalid, wrong.faults
    for path, flag in ((output, "--output"), (faults, "--faults"), (wrong.planted, "--planted")):
        check_here(path, flag)
    if records < 0:
        raise _wrong("--records must not be negative", "use 0 or more")
    if invalid and faults is None:
        if output is None:
            raise _wrong("--invalid on standard output needs a file for the list of faults", "give --faults FILE")
        faults = f"{output}.faults.ndjson"
    if wrong.plant is not None:
        if invalid:
            raise _wrong("--plant and --invalid cannot be combined", "generate two exports, one with each of them")
        if output is None and wrong.planted is None:
            raise _wrong("--plant on standard output needs a file for the list of findings", "give --planted FILE")
        wanted = _Wanted(Kind(kind), records, seed, skipped)
        return _plant(wanted, wrong.plant, output, wrong.planted or f"{output}.planted.ndjson")
    with _naming(output), ExitStack() as files:
        stream: BinaryIO = sys.stdout.buffer if output is None else _open(output, files)
        faults_stream = None if faults is None else _open(faults, files)
        try:
            written = write(
                stream,
                faults_stream,
                kind=Kind(kind),
                count=records,
                seed=seed,
                rate=invalid,
                skipped=skipped,
            )
            stream.flush()
        except ValueError as error:
            raise _wrong(f"a share is out of range: {error}", "use a share from 0 to 0.9") from error
    sys.stderr.write(
        f"{written.records} records, {written.items} items, {written.faulty} faulty lines, {written.skipped} to skip, "
        f"{written.bytes} bytes\n"
    )
    return 0


class _Wanted(NamedTuple):
    """What to generate."""

    kind: "Kind"
    records: int
    seed: int
    skipped: float


def _plant(wanted: _Wanted, plant: str, output: str | None, planted: str) -> int:
    from masivo_stream.generate.planted_findings import PLANTS, parse_plants, write_planted
    from masivo_stream.model.contract import Kind

    try:
        plants = parse_plants(plant)
    except ValueError as error:
        raise _wrong(f"--plant is wrong: {error}", f"shares of 0 to 0.9, by name: {', '.join(PLANTS)}") from error
    if wanted.kind is Kind.CUSTOMERS and wanted.skipped:
        raise _wrong("--plant mixes no deleted customers in", "leave --skipped out")
    with _naming(output), ExitStack() as files:
        stream: BinaryIO = sys.stdout.buffer if output is None else _open(output, files)
        written = write_planted(
            stream,
            _open(planted, files),
            kind=wanted.kind,
            count=wanted.records,
            seed=wanted.seed,
            plants=plants,
            skipped=wanted.skipped,
        )
        stream.flush()
    sys.stderr.write(
        f"{written.records} records, {written.items} items, {written.faulty} findings planted, {written.bytes} bytes\n"
    )
    return 0


def _open(name: str, files: ExitStack) -> BinaryIO:
    try:
        return files.enter_context(Path(name).open("wb"))
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror}",
            operation="generate an export",
            place=name,
            hint=remedy_of(error, "choose another file"),
        ) from error


@contextmanager
def _naming(output: str | None) -> Iterator[None]:
    """Name the file that cannot be written; standard output has no name."""
    try:
        yield
    except OSError as error:
        if output is None:
            raise
        raise StorageError(
            f"cannot write: {error.strerror}",
            operation="generate an export",
            place=output,
            hint=remedy_of(error, "choose another file"),
        ) from error


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="generate an export", hint=hint)
