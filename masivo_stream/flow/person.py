"""The person at the keyboard, as journals name them."""

import getpass
import os


def name_person() -> str:
    """Return who decides; a container's user need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python before 3.13: KeyError; after: OSError
        return f"user {os.getuid()}"
