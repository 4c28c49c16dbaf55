"""Make the file of an SQLite database before SQLite does, so that only its owner may read it."""

import errno
import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Create an empty file, readable by its owner alone, unless it is there. A link is refused.

    A file that is there is not even opened. SQLite holds locks of POSIX, and a process loses all of these that it has
    on a file when it closes *any* descriptor of that file. The next process would believe that it is alone, and remove
    the log that this one writes to (SQLite, "How To Corrupt An SQLite Database File", 2.2).

    Raises:
        OSError: it cannot be created, or the one that is there cannot be used.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.is_symlink():
            raise _refused(errno.ELOOP, path) from None
        if path.is_dir():
            raise _refused(errno.EISDIR, path) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise _refused(errno.EACCES, path) from None


def _refused(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
