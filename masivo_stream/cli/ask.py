"""Ask a person on a terminal whether to do what cannot be undone."""

import signal
import sys


def is_asked() -> bool:
    """Return whether a person can be asked: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def agreed(question: str) -> bool:
    """Return whether a person types yes; False without a terminal.

    Ctrl-C ends the command at once. An event loop that runs meanwhile would only hear of it when the answer is there.

    Raises:
        KeyboardInterrupt: the person pressed Ctrl-C.
    """
    if not is_asked():
        return False
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write(f"{question} Type yes: ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() == "yes"
    except KeyboardInterrupt:
        sys.stderr.write("\nNothing was changed.\n")
        raise
    finally:
        signal.signal(signal.SIGINT, before)
