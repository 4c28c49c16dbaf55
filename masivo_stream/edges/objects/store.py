"""Talk to object storage through obstore: list, read a range, write a file. Its errors are translated here, once.

Endpoint, region and credentials are what the library finds in the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), in
files that it names, and at the machine's metadata service. None of it is read here, shown or noted. The library repeats
nothing by itself: `core.reading.object_answers` decides about that.

Its functions are called in threads of ours, although it has others for asyncio: those call back from its own threads,
and if such a thread waits for the interpreter while that ends, the process aborts (some 3 in 60 runs, Python 3.11).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from masivo_stream.core.reading.object_answers import ObjectFailure, ObjectFault, read_failure
from masivo_stream.core.reading.object_urls import ObjectUrl
from masivo_stream.edges.objects.endpoints import check_endpoint
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.objects import ObjectFacts

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Library

_OF_ENVIRONMENT = ("AWS_", "GOOGLE_", "AZURE_", "AZURITE_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_YES = frozenset({"1", "true", "yes", "on"})
_CONNECT_SECONDS, _READ_SECONDS = 10, 120
"""A read of 8 MiB fails after this; then a smaller part is tried (`core.reading.object_ranges`)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_STORES = 64
_PANIC = "PanicException"
"""The class of the library's own bugs. It is no `Exception`, and cannot be imported."""
_PIECE_BYTES = 256 * 1024
"""An answer is kept in pieces of about this size. The library would put them together in a copy, and large buffers
leave gaps in memory into which the next one does not fit: a migration at full speed took 121 MB, now 108 MB at most."""

Pieces = Sequence[memoryview]
"""Bytes that follow each other."""


class ObjectError(Exception):
    """A request to object storage failed."""

    def __init__(self, failure: ObjectFailure) -> None:
        """Fail as `failure` describes."""
        super().__init__(failure.why)
        self.failure = failure


class ObjectStore:
    """One bucket, or one `https://` URL. Get it from `open_store`."""

    def __init__(self, library: "Library") -> None:
        """Talk through the library's store."""
        self._library = library

    def list(self, url: ObjectUrl) -> list[str]:
        """Return the keys in the folder of a pattern, and below it if the pattern reaches there.

        Raises:
            ObjectError: they cannot be listed.
        """
        import obstore  # noqa: PLC0415 - the extra `cloud`

        prefix = url.folder or None
        with _translated():
            found: Iterable[Any] = (
                obstore.list_with_delimiter(self._library, prefix)["objects"]
                if url.is_flat
                else (each for chunk in obstore.list(self._library, prefix) for each in chunk)
            )
            return [each["path"] for each in found]

    def head(self, key: str) -> ObjectFacts:
        """Return what is known of an object.

        Raises:
            ObjectError: it is not there, or cannot be asked for.
        """
        import obstore  # noqa: PLC0415 - the extra `cloud`

        with _translated():
            return _facts(obstore.head(self._library, key))

    def get(self, key: str, start: int, end: int, *, condition: str = "") -> tuple[ObjectFacts, Pieces]:
        """Return what is known of an object, and its bytes `start` to `end` in pieces, or fewer from `start` on.

        `condition`: the ETag that it must have.

        Raises:
            ObjectError: it cannot be read, or has another ETag.
        """
        import obstore  # noqa: PLC0415 - the extra `cloud`

        with _translated():
            answer = obstore.get(self._library, key, options=_options(start, end, condition))
            return _checked(answer, start, end, [memoryview(piece) for piece in answer.stream(_PIECE_BYTES)])

    def put(self, key: str, file: Path) -> None:
        """Write a file from disk to an object.

        Raises:
            ObjectError: it cannot be written.
            OSError: the file cannot be read.
        """
        import obstore  # noqa: PLC0415 - the extra `cloud`

        with file.open("rb") as opened, _translated():
            obstore.put(self._library, key, opened)


def open_store(url: ObjectUrl) -> ObjectStore:
    """Return the store that a URL is in; while the environment is the same, it is the same at every call.

    Raises:
        ConfigurationError: the extra `cloud` is not installed, or the endpoint in the environment is wrong.
        ObjectError: the environment does not say enough.
    """
    environment = frozenset(item for item in os.environ.items() if item[0].upper().startswith(_OF_ENVIRONMENT))
    return _open_store(url.root, url.scheme, environment)


@lru_cache(maxsize=_MOST_STORES)
def _open_store(root: str, scheme: str, environment: frozenset[tuple[str, str]]) -> ObjectStore:
    try:
        from obstore.store import HTTPStore, from_url  # noqa: PLC0415 - the extra `cloud`
    except ImportError as error:
        raise ConfigurationError(
            f"{scheme}:// needs the extra `cloud`, which is not installed",
            operation="open object storage",
            hint="install it: pip install 'masivo-stream[cloud]'",
        ) from error
    plain = any(name.endswith("_ALLOW_HTTP") and value.lower() in _YES for name, value in environment)
    check_endpoint(scheme, dict(environment), allow_http=plain)
    make: Callable[..., Any] = HTTPStore.from_url if scheme in {"http", "https"} else from_url
    with _translated():
        return ObjectStore(
            make(
                root,
                client_options={  # in its place the library takes no options from the environment
                    "allow_http": plain or scheme == "http",
                    "connect_timeout": f"{_CONNECT_SECONDS}s",
                    "timeout": f"{_READ_SECONDS}s",
                },
                retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=_READ_SECONDS)},
            )
        )


def _options(start: int, end: int, condition: str) -> Any:  # noqa: ANN401 - the library's dictionary
    return {"range": (start, end), **({"if_match": condition} if condition else {})}


def _checked(
    answer: Any,  # noqa: ANN401 - the library's
    start: int,
    end: int,
    content: Pieces,
) -> tuple[ObjectFacts, Pieces]:
    """Return an answer whose range is what its bytes are."""
    first, last = answer.range
    length = sum(map(len, content))
    if first != start or last - first != length or not length or last > end:
        raise ObjectError(ObjectFailure(ObjectFault.WRONG_LENGTH, "an answer of the wrong length"))
    return _facts(answer.meta), content


def _facts(meta: Any) -> ObjectFacts:  # noqa: ANN401 - the library's dictionary
    modified: datetime = meta["last_modified"]
    return ObjectFacts(
        size=meta["size"],
        etag=meta.get("e_tag") or "",
        version=meta.get("version") or "",
        modified_ns=(modified - _EPOCH) // timedelta(microseconds=1) * 1000,
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into ours. Its texts quote URLs and answers, so they go no further than here."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - the extra `cloud`

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise ObjectError(read_failure(type(error).__name__, str(error))) from None
    except ValueError:
        raise ObjectError(ObjectFailure(ObjectFault.REFUSED, "the library does not take its name")) from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise ConfigurationError(
            "the library for object storage gave up at what the environment says",
            operation="open object storage",
            hint="check endpoint, region and keys in the environment: they have no spaces and no line breaks",
        ) from None
