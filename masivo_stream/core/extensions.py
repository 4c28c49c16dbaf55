"""The extensions in C, all of them optional: which are at work, for a person who wonders why it is slow."""

from collections.abc import Mapping

from masivo_stream.core import sent_purchases
from masivo_stream.core.checks.choose_notes import NoteChooser
from masivo_stream.core.reading import memory, prover


def find_extensions() -> dict[str, bool]:
    """Return by the name of its module whether each extension was built from the sources that are here."""
    return {
        "core.reading._prover": prover.is_built(),
        "core.reading._memory": memory.has_tables(),
        "core.checks._remarkable": NoteChooser().chooses,
        "core._sent_notes": sent_purchases.is_made_in_c(),
    }


def describe_extensions(found: Mapping[str, bool], *, pure_python: bool = False) -> str:
    """Return a sentence for a report of a bug; `pure_python` is the setting."""
    missing = [name for name, is_built in found.items() if not is_built]
    if not missing:
        return f"all {len(found)} {'built, none at work: pure_python is set' if pure_python else 'at work'}"
    if len(missing) == len(found):
        return "no extension was built: install the package again where there is a C compiler, and it is faster"
    return f"{', '.join(missing)} not built, or built from other sources: install the package again"
