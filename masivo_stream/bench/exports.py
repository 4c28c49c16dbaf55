"""What is measured, where nobody names an export: three that the generator makes."""

from pathlib import Path

from masivo_stream.generate.export import write
from masivo_stream.model.contract import Kind


def make_exports(directory: Path, *, records: int, seed: int) -> dict[Kind, list[str]]:
    """Write an export of each kind, of so many records, into a directory; return their paths.

    Raises:
        OSError: they cannot be written.
    """
    made = {}
    for kind in Kind:
        path = directory / f"{kind}.ndjson"
        with path.open("wb") as stream:
            write(stream, None, kind=kind, count=records, seed=seed)
        made[kind] = [str(path)]
    return made
