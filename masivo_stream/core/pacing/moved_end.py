"""Watch the forecast end of a run: when it moves, say why.

A person plans by the end that was said first. It may get sharper without a word. Once it has moved by more than a tenth
of the whole run, the largest cause since it was said is named, and the new end is what counts from then on.
"""

from collections.abc import Mapping

from msgspec import Struct

from masivo_stream.model.snapshot import MovedEnd

NOTABLE = 0.1
"""The share of the run, from its beginning to its end, by which the end may move without a word."""

LEAST = 30.0
"""Seconds by which it may move in any case: no person plans by them."""

SLOW = "answers are slow, or take different times, and each slot waits for them"
CHANGED = "the settings were changed"
OTHERS = "other runs"
"""The cause that other runs take slots: it is named by the direction in which it moves the end."""

BEGUN, OVER = "another run on this account has begun", "another run on this account takes no more requests"
OTHERWISE = "requests leave at another pace than expected: other runs may use the quota of the account"


class Causes(Struct, frozen=True):
    """What may have moved the end, as sentences, with what each has come to since the run began."""

    seconds: Mapping[str, float] = {}
    requests: Mapping[str, int] = {}
    each: float = 0.0
    """Seconds that a request takes."""


class EndWatch:
    """Look at each forecast. Moments are seconds of one clock."""

    def __init__(self, began: float) -> None:
        """Begin with the run."""
        self._began = began
        self._said: float | None = None
        self._causes = Causes()
        self._settings = False
        """Whether the settings were changed since the end was said."""
        self.moved: MovedEnd | None = None
        """The latest move."""

    def settings_changed(self) -> None:
        """Take in that the settings were changed: if the end moves now, that is why."""
        self._settings = True

    def look(self, now: float, ends_at: float, causes: Causes) -> None:
        """Look at the end that is forecast at a moment, and at what may have moved it."""
        if self._said is None:
            self._said, self._causes = ends_at, causes
            return
        moved = ends_at - self._said
        if abs(moved) <= max(LEAST, NOTABLE * (self._said - self._began)):
            return
        why = CHANGED if self._settings else self._largest(moved, causes)
        self.moved = MovedEnd(at=now, was=self._said, now=ends_at, why=why)
        self._said, self._causes, self._settings = ends_at, causes, False

    def _largest(self, moved: float, causes: Causes) -> str:
        """Return the cause that has moved the end most in the same direction; it explains a part of it at least."""
        since = {why: seconds - self._causes.seconds.get(why, 0.0) for why, seconds in causes.seconds.items()}
        for why, requests in causes.requests.items():
            since[why] = (requests - self._causes.requests.get(why, 0)) * causes.each
        why = max(since, key=lambda each: since[each] / moved, default="")
        if not why or since[why] / moved <= NOTABLE:
            return OTHERWISE
        return (BEGUN if moved > 0 else OVER) if why == OTHERS else why
