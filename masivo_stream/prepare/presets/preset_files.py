"""Find and read presets. The first comment line of each is its title."""

import difflib
from pathlib import Path

from masivo_stream.model.errors import ConfigurationError

_DIRECTORY = Path(__file__).parent


def list_presets() -> dict[str, str]:
    """Return the titles of all presets by their names."""
    paths = sorted(_DIRECTORY.glob("*.toml"), key=lambda path: path.stem)
    return {path.stem: path.read_text().partition("\n")[0].removeprefix("# ") for path in paths}


def read_preset(name: str) -> str:
    """Return the text of a preset.

    Raises:
        ConfigurationError: there is no such preset.
    """
    known = list_presets()
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        raise ConfigurationError(
            f"{name}: there is no such preset",
            operation="read the command",
            hint=f"did you mean {close[0]}?" if close else f"the presets are: {', '.join(known)}",
        )
    return (_DIRECTORY / f"{name}.toml").read_text()
