"""The observer receives a notice of everything that happens. Nothing flows back from it to the run."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

from masivo_stream.model.notices import Notice


class Observer(Protocol):
    """Receives notices."""

    def notify(self, notice: Notice) -> None:
        """Receive a notice. Must neither raise nor wait."""
        ...


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        """Pass every notice to all of them, in this sequence."""
        self._observers = tuple(observers)

    def notify(self, notice: Notice) -> None:
        """Pass the notice on. An observer that fails (because its terminal is gone) must not end a migration."""
        for observer in self._observers:
            with suppress(Exception):
                observer.notify(notice)
