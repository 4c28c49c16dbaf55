"""Find objects: each URL or pattern is looked up once, and what is found stays what is read."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from masivo_stream.core.reading.object_answers import ObjectFailure, ObjectFault, Patience, ReadRetries
from masivo_stream.core.reading.object_urls import ObjectUrl, matching, read_url
from masivo_stream.edges.objects.object_file import ObjectFile, Timing, explain
from masivo_stream.edges.objects.store import ObjectError, ObjectStore, open_store
from masivo_stream.edges.objects.waits import ON_WAIT
from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.model.objects import ObjectFacts

HEAD_BYTES = 8192
"""Bytes of each object that are read when it is found: they show how it is compressed, and whether it is an export.
Twice what is looked at of each export at first, so that no further request is needed for it."""

_AT_ONCE = 16
_MOST_CONTENT = 16 * 1024 * 1024
T = TypeVar("T")


def find_objects(names: Iterable[str], patience: Patience, timing: Timing | None = None) -> list[ObjectFile]:
    """Return the objects that URLs and patterns name, those of a pattern sorted by key; each object once.

    Raises:
        ConfigurationError: a URL cannot be read from, or two differ only in what is not noted.
        InputError: an object is not there or cannot be read, or a pattern matches none.
    """
    finder = _Finder(patience, timing or Timing())
    urls: dict[str, ObjectUrl] = {}
    for several in _in_threads(finder.expand, [read_url(name) for name in names]):
        for url in several:
            if urls.setdefault(url.shown, url).root != url.root:
                raise ConfigurationError(
                    "two URLs differ only after the path, which is not noted because it may be a signature",
                    operation="find the export",
                    place=url.shown,
                    hint="name the object once; if they are two objects, download them, and name the files",
                )
    return _in_threads(finder.begin, list(urls.values()))


def _in_threads(work: Callable[[ObjectUrl], T], urls: Sequence[ObjectUrl]) -> list[T]:
    """Do something for each URL, several at once. The main thread only waits, so that it takes signals meanwhile."""
    if not urls:
        return []
    threads = ThreadPoolExecutor(min(_AT_ONCE, len(urls)), "find-objects")
    try:
        return list(threads.map(work, urls))
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def read_object(name: str) -> bytes:
    """Return the content of a small object, such as a file of settings.

    Raises:
        ConfigurationError: the URL cannot be read from.
        InputError: the object is not there, cannot be read, or has more than 16 MiB.
    """
    (found,) = find_objects([name], Patience())
    if found.facts.size > _MOST_CONTENT:
        raise InputError(
            "the object is too large for this",
            operation="read the object",
            place=found.shown,
            hint="check the URL",
        )
    return found.read_at(0, found.facts.size)


def list_folder(name: str, patience: Patience) -> list[str]:
    """Return the URLs of the objects in a folder, without those in folders below it, sorted.

    Raises:
        ConfigurationError: it cannot be listed.
        InputError: it cannot be read.
    """
    return [url.shown for url in _Finder(patience, Timing()).matching(read_url(f"{name.removesuffix('/')}/*"))]


class _Finder:
    def __init__(self, patience: Patience, timing: Timing) -> None:
        self._patience, self._timing, self._on_wait = patience, timing, ON_WAIT.get()

    def expand(self, url: ObjectUrl) -> list[ObjectUrl]:
        """Return the URLs that a pattern stands for."""
        found = self.matching(url) if url.is_pattern else [url]
        if not found:
            raise InputError(
                "no object matches the pattern",
                operation="find the export",
                place=url.shown,
                hint="check the pattern and the bucket, and the endpoint in the environment",
            )
        return found

    def matching(self, url: ObjectUrl) -> list[ObjectUrl]:
        """Return the URLs that match a pattern."""
        listed = self._patiently(url, lambda store: store.list(url))
        return [url.at(key) for key in matching((key for key in listed if not key.endswith("/")), url.key)]

    def begin(self, url: ObjectUrl) -> ObjectFile:
        """Look at an object: one request, two if it may be empty."""
        facts, head = self._patiently(url, lambda store: _look(store, url.key))
        if not facts.recognisable:
            raise InputError(
                "the server names neither an ETag nor a time of change, so a change could not be noticed",
                operation="find the export",
                place=url.shown,
                hint="download it, and name the file",
            )
        return ObjectFile(open_store(url), url, facts, head, self._patience, self._timing)

    def _patiently(self, url: ObjectUrl, ask: Callable[[ObjectStore], T]) -> T:
        retries = ReadRetries(self._patience.at_start)
        while True:
            try:
                return ask(open_store(url))
            except ObjectError as error:
                seconds = retries.failed(error.failure, self._timing.now(), self._timing.chance())
                if seconds is None:
                    raise explain(error.failure, url) from None
                self._on_wait(url.shown, error.failure.why, seconds)
            self._timing.pause(seconds)


def _look(store: ObjectStore, key: str) -> tuple[ObjectFacts, bytes]:
    try:
        facts, content = store.get(key, 0, HEAD_BYTES)
        return facts, b"".join(content)
    except ObjectError as error:
        # How servers answer to a range of an empty object: 416, or all of it, which is nothing.
        if error.failure.fault not in {ObjectFault.WHOLE, ObjectFault.WRONG_LENGTH}:
            raise
        facts = store.head(key)
        if facts.size and error.failure.fault is ObjectFault.WRONG_LENGTH:
            raise ObjectError(ObjectFailure(ObjectFault.BUSY, error.failure.why)) from None
        if facts.size:
            raise
        return facts, b""
