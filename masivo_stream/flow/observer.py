"""The observer: whom the flow tells what happens. The flow speaks, subscribers listen; nothing flows back."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from masivo_stream.model.notices import Notice


class Observer(Protocol):
    """One subscriber."""

    def notify(self, notice: Notice) -> None:
        """Take notice. Must not raise and must not wait."""
        ...


class Observers:
    """Several subscribers as one."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        """Tell all of them, in order."""
        self._observers = tuple(observers)

    def notify(self, notice: Notice) -> None:
        """Pass the notice on. A subscriber that fails (its terminal is gone, say) must not end a migration."""
        for observer in self._observers:
            with suppress(Exception):
                observer.notify(notice)
