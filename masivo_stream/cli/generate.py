"""`masivo-stream generate`."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from cyclopts import Parameter

from masivo_stream.model.errors import ConfigurationError, StorageError


def generate(
    kind: Literal["customers", "events", "transactions"],
    /,
    *,
    records: int,
    seed: int = 0,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    invalid: float = 0.0,
    faults: str | None = None,
    skipped: float = 0.0,
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
    invalid
        Share of faulty lines to add to the valid records, 0 to 0.9.
    faults
        File that lists the faulty lines and their faults. Default: OUTPUT.faults.ndjson.
    skipped
        Share of deleted customers or reversed events to mix in.
    """
    from masivo_stream.generate.export import write
    from masivo_stream.model.contract import Kind

    if records < 0:
        raise _wrong("--records must not be negative", "use 0 or more")
    if invalid and faults is None:
        if output is None:
            raise _wrong("--invalid on standard output needs a file for the list of faults", "give --faults FILE")
        faults = f"{output}.faults.ndjson"
    with ExitStack() as files:
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


def _open(name: str, files: ExitStack) -> BinaryIO:
    try:
        return files.enter_context(Path(name).open("wb"))
    except OSError as error:
        raise StorageError(
            f"cannot write: {error.strerror}",
            operation="generate an export",
            place=name,
            hint="choose another file",
        ) from error


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="generate an export", hint=hint)
