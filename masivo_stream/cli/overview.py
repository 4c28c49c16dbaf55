"""`--help` and `--version`, answered at once, without the parser or anything that draws.

Both are written by hand because the parser and its renderer take several times longer to import than Python to start.
"""

from masivo_stream import __version__

ABOUT = "Stream customers, events and transactions into Masivo: nothing lost, nothing doubled,\nnot one request wasted."

COMMANDS = {
    "demo": "Migrate a generated export into a sandbox: needs nothing, takes seconds.",
    "prepare": "Write exports from tables: CSV, Parquet, JSON, SQLite.",
    "validate": "Validate every line of an export; send nothing.",
    "check": "Show what the account has, and what exports name that it lacks.",
    "plan": "Show how many requests a migration takes, and how long; send nothing.",
    "migrate": "Migrate an export.",
    "fleet": "Plan, migrate, show, pause or resume many accounts at once.",
    "resolve": "Show which batches are in doubt, and decide about them.",
    "dead-letters": "List dead letters, for whoever owns the data.",
    "mend": "Show dead letters by cause, correct all of one cause, or give them up.",
    "retry": "Send dead letters again, corrected or not.",
    "pause": "Let a run send nothing until it is resumed.",
    "resume": "Let a paused run send again.",
    "status": "Show the progress and outcome of a run.",
    "verify": "Read back what was accepted, and report what differs from what was sent.",
    "report": "Write the report of a run: one page, or JSON.",
    "revert": "Take back what was migrated in a period.",
    "sandbox": "Serve an emulation of the API on this machine.",
    "generate": "Write a synthetic export.",
    "bench": "Measure how fast this machine validates, packs and sends.",
    "completion": "Print the shell script that completes commands and flags.",
}
"""What each command does, in the order in which a user needs them."""

_OPTIONS = {
    "--help": "Show this, or the flags of a command: masivo-stream COMMAND --help",
    "-h": "The same of a command, on one screen: masivo-stream COMMAND -h",
    "--version": "Show the version; with -v also which validator is at work.",
}


def answer(arguments: list[str]) -> str | None:
    """Return help or version, if the arguments ask for them and name no command; else None."""
    match arguments:
        case [] | ["--help"] | ["-h"]:
            return overview()
        case ["--version"]:
            return __version__
        case ["--version", "-v" | "--verbose"] | ["-v" | "--verbose", "--version"]:
            return _details()
        case _:
            return None


def _details() -> str:
    """Describe what is installed: a few lines for a report of a bug."""
    import os
    import platform

    from masivo_stream.core.extensions import describe_extensions, find_extensions
    from masivo_stream.core.reading.prover import describe_validator
    from masivo_stream.edges.config import load_settings

    own = {name: value for name, value in os.environ.items() if name == "MASIVO_PURE_PYTHON"}
    pure_python = load_settings(environment=own).source.pure_python
    return "\n".join(
        [
            __version__,
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            f"validator: {describe_validator(pure_python=pure_python)}",
            f"extensions in C: {describe_extensions(find_extensions(), pure_python=pure_python)}",
        ]
    )


def overview() -> str:
    """Describe the program and its commands."""
    width = max(map(len, COMMANDS | _OPTIONS))
    commands, options = (
        "\n".join(f"  {name:<{width}}  {summary}" for name, summary in table.items()) for table in (COMMANDS, _OPTIONS)
    )
    return (
        f"Usage: masivo-stream COMMAND\n\n{ABOUT}\n\n"
        f"Try it: masivo-stream demo\n\nCommands:\n{commands}\n\nOptions:\n{options}"
    )
