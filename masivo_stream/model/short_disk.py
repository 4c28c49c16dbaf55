"""What helps if a file cannot be written: not every such file is on a full disk.

This is the one place that knows it, for all files of the program: whoever cannot write says where and why, and what
helps if the disk is full.
"""

import errno
import os

_RIGHTS = "give this user the right to write there, then start the same command again"
_DESCRIPTORS = "raise the number of open files (ulimit -n), then start the same command again"

_REMEDIES = {
    errno.EFBIG: (
        "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command again"
    ),
    errno.EDQUOT: "free up space within your quota, or have it raised, then start the same command again",
    errno.EIO: (
        "the disk fails: look into the kernel's log (dmesg), have it repaired, then start the same command again"
    ),
    errno.EROFS: "the disk can only be read: have it mounted for writing, then start the same command again",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EMFILE: _DESCRIPTORS,
    errno.ENFILE: _DESCRIPTORS,
}


def remedy_of(error: BaseException, default_hint: str) -> str:
    """Return what helps against an error of the system; `default_hint` if the disk is full, or for other errors."""
    return _REMEDIES.get(getattr(error, "errno", None) or 0, default_hint)


def named_in(text: str) -> OSError | None:
    """Return the error of the system that a library has only in words, at the end of its message; None without one."""
    for number in (errno.ENOSPC, *_REMEDIES):
        if os.strerror(number) in text:
            return OSError(number, os.strerror(number))
    return None
