"""Read an object as if it were a file: any part at any time, and always the object that was found at first.

Each read asks for a range and names the ETag (`If-Match`), so a replaced object is noticed at the next range. While one
range is given out, the next one is read. Ranges are short: none stays open while records wait for their turn.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from msgspec import Struct

from masivo_stream.core.reading.object_answers import ObjectFailure, ObjectFault, Patience, ReadRetries
from masivo_stream.core.reading.object_ranges import RANGE_BYTES, halve, put_together, ranges
from masivo_stream.core.reading.object_urls import ObjectUrl
from masivo_stream.core.redact import printable
from masivo_stream.edges.objects.store import ObjectError, ObjectStore, Pieces
from masivo_stream.model.errors import InputError, UnreachableExportError
from masivo_stream.model.objects import ObjectFacts

_AT_ONCE = 4
"""Ranges that are read at once if records are looked up here and there."""

_OPERATION = "read the export"
T = TypeVar("T")

RESTORE = (
    "put the object back as it was, then start the same command again; put new records into a further object beside it"
)


class Timing(Struct, frozen=True):
    """Where time and chance come from."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    pause: Callable[[float], None] = time.sleep
    """Waits without letting other tasks go on."""
    chance: Callable[[], float] = random.random


class ObjectFile:
    """One object, as it was found. Get it from `find_objects`."""

    def __init__(
        self,
        store: ObjectStore,
        url: ObjectUrl,
        facts: ObjectFacts,
        head: bytes,
        patience: Patience,
        timing: Timing | None = None,
    ) -> None:
        """Read the object of `store` that `facts` describe, and whose first bytes are `head`."""
        self.facts, self.head = facts, head
        self._store, self._url, self._patience, self._timing = store, url, patience, timing or Timing()
        self.on_wait: Callable[[str, str, float], None] = _ignore
        """Called before each wait: the object's URL, why, and for how many seconds."""

    @property
    def shown(self) -> str:
        """The URL as it may be shown and noted."""
        return self._url.shown

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer at the end. Other tasks wait meanwhile, so only few bytes are wanted.

        Raises:
            InputError: the object was replaced, or cannot be read.
        """
        end = min(self.facts.size, offset + length)
        if end <= len(self.head):
            return self.head[offset:end]
        found, retries = bytearray(), ReadRetries(self._patience.at_start)
        while offset + len(found) < end:
            try:
                answer = self._store.get(self._url.key, offset + len(found), end, condition=self.facts.condition)
                found += b"".join(self._same(*answer))
            except ObjectError as error:
                self._timing.pause(self._wait(retries, self._look_closer(error.failure)))
        return bytes(found)

    async def blocks(self, start: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` on, in blocks of `block_bytes`; one range is read ahead.

        Raises:
            InputError: the object was replaced, or cannot be read.
        """
        wanted = ranges(start, self.facts.size, first=block_bytes)
        ahead = deque[asyncio.Task[deque[memoryview]]]()

        def read_on() -> None:
            if (following := next(wanted, None)) is not None:
                task = asyncio.get_running_loop().create_task(self._fetch(*following))
                task.add_done_callback(_retrieve)
                ahead.append(task)

        read_on()
        begun = False
        try:
            while ahead:
                pieces = await ahead[0]
                ahead.popleft()
                if begun:
                    read_on()
                for block in _cut(pieces, block_bytes):
                    yield block
                if not begun:  # more is wanted than the beginning
                    begun = True
                    read_on()
        finally:
            for task in ahead:
                task.cancel()

    async def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes at these ascending offsets and lengths; those near each other are read together.

        Raises:
            InputError: the object was replaced, or cannot be read.
        """
        found: list[bytes] = [b""] * len(spans)
        together = put_together(spans)
        for begin in range(0, len(together), _AT_ONCE):
            several = together[begin : begin + _AT_ONCE]
            contents = await asyncio.gather(*(self._fetch(first, last) for first, last, _ in several))
            for pieces, (first, _, numbers) in zip(contents, several, strict=True):
                content = b"".join(pieces)
                for number in numbers:
                    offset, length = spans[number]
                    found[number] = content[offset - first : offset - first + length]
        return found

    async def _fetch(self, start: int, end: int) -> deque[memoryview]:
        """Return a range in pieces. If an answer fails, half of it is tried: that also ends on a slow network."""
        end = min(end, self.facts.size)
        pieces = deque[memoryview]()
        retries, step = ReadRetries(self._patience), RANGE_BYTES
        while start < end:
            try:
                get = partial(self._store.get, condition=self.facts.condition)
                answer = await in_thread(partial(get, self._url.key, start, min(end, start + step)))
                found = self._same(*answer)
            except ObjectError as error:
                failure = await in_thread(partial(self._look_closer, error.failure))
                await self._timing.sleep(self._wait(retries, failure))
                step = halve(step)
                continue
            pieces += found
            start += sum(map(len, found))
            retries = ReadRetries(self._patience)
        return pieces

    def _same(self, facts: ObjectFacts, content: Pieces) -> Pieces:
        """Return bytes of the object that was found, and of no other: not every server knows `If-Match`."""
        if not facts.is_same(self.facts):
            raise ObjectError(ObjectFailure(ObjectFault.CHANGED, "another ETag, size or time"))
        return content

    def _look_closer(self, failure: ObjectFailure) -> ObjectFailure:
        """Return what a failure means, now that this object is known."""
        if failure.fault is ObjectFault.CREDENTIALS:  # there were some, so what hands them out fails at the moment
            return ObjectFailure(ObjectFault.BUSY, failure.why)
        if failure.fault is not ObjectFault.WRONG_LENGTH:
            return failure
        try:
            changed = not self._store.head(self._url.key).is_same(self.facts)
        except ObjectError as error:
            return error.failure
        return ObjectFailure(ObjectFault.CHANGED if changed else ObjectFault.BUSY, failure.why)

    def _wait(self, retries: ReadRetries, failure: ObjectFailure) -> float:
        """Return how long to wait before reading again."""
        seconds = retries.failed(failure, self._timing.now(), self._timing.chance())
        if seconds is None:
            raise explain(failure, self._url, found=True)
        self.on_wait(self._url.shown, failure.why, seconds)
        return seconds


async def in_thread(work: Callable[[], T]) -> T:
    """Do something that waits for object storage, and let other tasks go on meanwhile.

    If this is cancelled, the thread ends by itself: at the latest when the library's time for a request is over.
    """
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def explain(failure: ObjectFailure, url: ObjectUrl, *, found: bool = False) -> InputError:
    """Return the error for a failure that no waiting changes, or not soon; `found`: the object was read before."""
    place = url.shown
    match failure.fault:
        case ObjectFault.BUSY:
            return UnreachableExportError(
                f"object storage does not answer: {failure.why}",
                operation=_OPERATION,
                place=place,
                hint="start the same command again when it answers",
            )
        case ObjectFault.CHANGED:
            what = "the export is not the one that was found at the start: the object was replaced"
            return InputError(what, operation=_OPERATION, place=place, hint=RESTORE)
        case ObjectFault.GONE if found:
            return InputError("the object is no longer there", operation=_OPERATION, place=place, hint=RESTORE)
        case ObjectFault.GONE:
            what, hint = "there is no such object", "check bucket and key, and the endpoint in the environment"
        case ObjectFault.DENIED if url.scheme in {"http", "https"}:  # no credentials in the environment count there
            what = f"the object may not be read: {failure.why}"
            hint = (
                "the signature is missing or has expired: name the URL with a new one, and with all that follows the ?"
            )
        case ObjectFault.DENIED:
            what = f"the object may not be read: {failure.why}"
            hint = "check the credentials in the environment; if they have expired, renew them; then start again"
        case ObjectFault.CREDENTIALS:
            what = f"there are no credentials for {url.scheme}://: {failure.why}"
            hint = "set them in the environment, as docs/object-storage.md describes"
        case ObjectFault.BAD_KEY:
            what = f'the key of an object has an empty part (//), or a part that is . or ..: "{printable(failure.why)}"'
            hint = "name other folders or objects with the pattern, or copy that object to another key, and remove it"
        case ObjectFault.WHOLE:
            what = "the server does not send parts of the object, so a long run could not read it"
            hint = "download it, and name the file"
        case _:
            what = f"the object cannot be read: {failure.why}"
            hint = "check the URL, and region and endpoint in the environment"
    return InputError(what, operation=_OPERATION, place=place, hint=hint)


def _ignore(_url: str, _why: str, _seconds: float) -> None:
    """Take note of no wait."""


def _cut(pieces: deque[memoryview], block_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of pieces as blocks of equal length; a piece that was given out takes no more memory."""
    held = bytearray()
    while pieces:
        held += pieces.popleft()
        whole = len(held) - len(held) % block_bytes
        for begin in range(0, whole, block_bytes):
            yield bytes(held[begin : begin + block_bytes])
        del held[:whole]
    if held:
        yield bytes(held)


def _retrieve(task: "asyncio.Task[deque[memoryview]]") -> None:
    """Take the exception of a range that is not wanted any more, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
