"""What a file that cannot be written is short of: not every such file is on a full disk.

SQLite calls most of it "disk I/O error" (SQLite docs, "Result and Error Codes"), so `why_not` asks the system instead.
"""

import os
from pathlib import Path

_PAGE = bytes(4096)
_WAL_INDEX = 32 * 1024
"""Bytes of the smallest file that SQLite makes beside a journal (SQLite docs, "WAL-mode File Format")."""


def why_not(path: Path) -> OSError | None:
    """Return why a file that is larger than `path` and its log cannot be written beside it; None if one can."""
    probe = path.with_name(f".{path.name}.probe")
    try:
        probe.unlink(missing_ok=True)
        file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, _PAGE, max(_WAL_INDEX, *map(_size, (path, path.with_name(f"{path.name}-wal")))))
            os.fsync(file)
        finally:
            os.close(file)
            probe.unlink()
    except OSError as error:
        return error
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
