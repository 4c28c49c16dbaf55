"""Make one share of a preparation: a function of a request, which any process on any machine can call."""

from msgspec import Struct

from masivo_stream.prepare.sources.source_files import SourceFile


class ShareRequest(Struct, frozen=True, kw_only=True):
    """One share of the work. A process that sees the same files under the same paths can take it up."""

    version: str
    """Of this package: a share of another version is refused."""
    mapping_file: str
    """The name of the mapping, for errors."""
    mapping: str
    """Its text."""
    base: str
    """The directory that relative paths in the mapping's [engine] are relative to."""
    files: dict[str, list[SourceFile]]
    """The files of each source, by absolute paths."""
    parts: str
    """The absolute path of the directory of parts."""
    number: int
    """From 1."""
    of: int
    identity: str = ""
    """Of mapping and sources, as the one who asks has read them; empty: not known. Sources that differ are refused."""


class ShareAnswer(Struct, frozen=True, kw_only=True):
    """Where the answer is. It holds nothing of a record."""

    number: int
    of: int
    identity: str
    directory: str


def request_shares(mapping_file: str, parts: str, of: int) -> list[bytes]:
    """Return the request of each share, for `make_share`.

    Raises:
        ConfigurationError: the mapping is wrong, or reads standard input.
        InputError: a source does not exist.
    """
    raise NotImplementedError


def make_share(request: bytes) -> bytes:
    """Make a share, or find that it is there already; return its `ShareAnswer`. Both are MessagePack.

    It writes below the directory of parts, and may be called again after a kill: it continues, and the answer is the
    same. It needs no event loop, no signal handler and no main thread.

    Raises:
        ConfigurationError: the mapping does not fit, or another process makes the same share.
        InputError: a source cannot be read, or is not what the request says.
        StorageError: something cannot be written. The same request continues.
    """
    raise NotImplementedError
