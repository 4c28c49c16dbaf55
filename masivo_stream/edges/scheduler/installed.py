"""What this process runs: two processes that differ in it might give different answers."""

import hashlib
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import masivo_stream
from masivo_stream.model.tasks import Installed

PACKAGES = ("masivo-stream", "msgspec", "dask", "distributed")
"""Packages on which an answer, or its way, depends."""

_SOURCE = "source of masivo-stream"


@cache
def installed() -> Installed:
    """Return the versions of this process, and a digest of our own source, because a version may have several."""
    python = "{}.{}".format(*sys.version_info)
    return Installed({"python": python, **{name: _version(name) for name in PACKAGES}, _SOURCE: _digest()})


def without_source(all_of_it: Installed) -> Installed:
    """Return the versions that a worker can name without our code."""
    return Installed({name: found for name, found in all_of_it.versions.items() if name != _SOURCE})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _digest() -> str:
    package = Path(masivo_stream.__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
