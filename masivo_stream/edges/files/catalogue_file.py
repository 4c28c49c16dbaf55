"""Read a catalogue: a JSON file that lists what an account has, such as the output of `masivo-stream check --json`.

A run remembers the names of rewards of the catalogue that it was given last, for its reports.
"""

from pathlib import Path

import msgspec

from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import ReferenceSort
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.references import Catalogue, CatalogueReward

NAMES = "rewards.json"

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is no catalogue: it would hold far more than an account may have."""

_SHAPE = """it is one JSON object with lists such as {"rewards": [{"id": "…"}], "tiers": [{"id": "…"}]}"""
_HINT = f"{_SHAPE}; masivo-stream check --json > catalogue.json makes one from an account"


def read_catalogue(path: str, content: bytes | None = None) -> Catalogue:
    """Return the catalogue in a file. Fields that a catalogue does not have are ignored.

    `content`: what is in it, if it is no file on this machine.

    Raises:
        ConfigurationError: the file cannot be read, or holds no catalogue.
    """
    try:
        if content is None:
            with Path(path).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _unusable(path, f"it cannot be read: {why}") from error
    if len(content) > MOST_BYTES:
        raise _unusable(path, "it is too large")
    try:
        found = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=Catalogue)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable(path, str(error)) from error
    if all(found.items(sort) is None for sort in ReferenceSort):
        raise _unusable(path, "it lists nothing")
    return found


def remember_names(state: StateDir, catalogue: Catalogue) -> None:
    """Keep ids and names of the rewards of a catalogue in a state directory, and nothing else of it.

    Raises:
        StorageError: they cannot be written.
    """
    rewards = [{"id": each.id, "name": each.name} for each in catalogue.rewards or () if each.name]
    state.write(NAMES, msgspec.json.encode({"rewards": rewards}))


def recall_names(state_dir: Path) -> list[CatalogueReward]:
    """Return the rewards whose names are remembered; none if nothing was, or if the file is damaged."""
    try:
        return read_catalogue(str(state_dir / NAMES)).rewards or []
    except ConfigurationError:
        return []


def _unusable(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"this file is no catalogue: {why}", operation="read the catalogue", place=path, hint=_HINT
    )
