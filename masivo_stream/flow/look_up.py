"""Look up the exports that a person names: files on this machine, and objects in object storage."""

from collections.abc import Iterable
from itertools import groupby

from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.edges.export.source import Input, find_inputs
from masivo_stream.edges.objects.find_objects import find_objects, read_object
from masivo_stream.flow.observer import Observer
from masivo_stream.model.notices import ObjectAwaited
from masivo_stream.model.settings import RetrySettings


def look_up(names: Iterable[str], patience: Patience) -> list[Input]:
    """Return the inputs that names, URLs, patterns and `-` (standard input) stand for, in that order, each once.

    Raises:
        ConfigurationError: a URL cannot be read from, or the extra `cloud` is not installed.
        InputError: something does not exist or cannot be read, or a pattern matches nothing.
    """
    found: dict[str, Input] = {}
    for remote, group in groupby(names, is_url):
        for each in _find_objects(group, patience) if remote else find_inputs(group):
            found.setdefault(each.path, each)
    return list(found.values())


def _find_objects(names: Iterable[str], patience: Patience) -> list[Input]:
    return [Input(each.shown, each.facts.size, stored=each) for each in find_objects(names, patience)]


def patience_of(retry: RetrySettings) -> Patience:
    """Return how long to wait for object storage: as long as for the API."""
    return Patience(first_delay=retry.first_delay, longest_delay=retry.longest_delay, outage_limit=retry.outage_limit)


def notify_of_waits(inputs: Iterable[Input], observer: Observer) -> None:
    """Notify an observer whenever the reading of one of these waits for object storage."""

    def notify(url: str, why: str, seconds: float) -> None:
        observer.notify(ObjectAwaited(url=url, why=why, seconds=seconds))

    for each in inputs:
        if each.stored is not None:
            each.stored.on_wait = notify


def read_small(name: str) -> bytes | None:
    """Return the content of a small object; None if `name` is no URL.

    Raises:
        ConfigurationError: the URL cannot be read from, or the extra `cloud` is not installed.
        InputError: the object does not exist, or cannot be read.
    """
    return read_object(name) if is_url(name) else None
