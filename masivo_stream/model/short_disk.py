"""What helps if a file cannot be written: not every such file is on a full disk."""

import errno

_REMEDIES = {
    errno.EFBIG: (
        "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command again"
    ),
    errno.EDQUOT: "free up space within your quota, or have it raised, then start the same command again",
    errno.EIO: (
        "the disk fails: look into the kernel's log (dmesg), have it repaired, then start the same command again"
    ),
}


def remedy_of(error: BaseException, default_hint: str) -> str:
    """Return what helps against an error of the system; `default_hint` if the disk is full, or for other errors."""
    return _REMEDIES.get(getattr(error, "errno", None) or 0, default_hint)
