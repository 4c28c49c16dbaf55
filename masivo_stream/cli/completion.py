"""`masivo-stream completion`."""

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script with which a shell completes commands and flags. Nothing is installed.

    Example: `source <(masivo-stream completion bash)`

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from masivo_stream.cli.main import build_app

    print(build_app().generate_completion(shell=shell))  # noqa: T201 - data goes to standard output
