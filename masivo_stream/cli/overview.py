"""What the program tells of itself at once: `--help` and `--version`, without the parser or anything that draws.

Both are written by hand, for the parser and its renderer take several times as long to import as Python to start.
"""

from masivo_stream import __version__

ABOUT = "Stream customers, events and transactions into Masivo: nothing lost, nothing doubled,\nnot one request wasted."

COMMANDS = {
    "demo": "Migrate a generated export into a sandbox: needs nothing, takes seconds.",
    "validate": "Judge every line of an export; send nothing.",
    "plan": "Tell how many requests a migration takes, and how long; send nothing.",
    "migrate": "Migrate an export.",
    "resolve": "Show what is in doubt, and decide what becomes of it.",
    "retry": "Send dead letters again, mended or not.",
    "status": "Tell where the run of a state directory stands.",
    "verify": "Read back what was accepted, and say what is not as it was sent.",
    "report": "Make the report of a run: one page, or JSON.",
    "revert": "Take back what was migrated in a period.",
    "sandbox": "Serve an emulation of the API on this machine.",
    "generate": "Write a synthetic export.",
    "bench": "Tell how fast this machine judges, packs and sends.",
    "completion": "Print the script that completes commands in a shell.",
}
"""What each command does, in the order in which they are met."""

_OPTIONS = {
    "--help": "Show this, or what a command takes: masivo-stream COMMAND --help",
    "--version": "Show the version.",
}


def tell(arguments: list[str]) -> str | None:
    """Return what is to be printed, if the arguments ask for the program itself and for no command of it."""
    match arguments:
        case [] | ["--help"] | ["-h"]:
            return overview()
        case ["--version"]:
            return __version__
        case _:
            return None


def overview() -> str:
    """Describe the program and its commands."""
    width = max(map(len, COMMANDS | _OPTIONS))
    commands, options = (
        "\n".join(f"  {name:<{width}}  {summary}" for name, summary in table.items()) for table in (COMMANDS, _OPTIONS)
    )
    return (
        f"Usage: masivo-stream COMMAND\n\n{ABOUT}\n\n"
        f"First look: masivo-stream demo\n\nCommands:\n{commands}\n\nOptions:\n{options}"
    )
