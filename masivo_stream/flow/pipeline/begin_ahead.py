"""Begin work on what is read, a few pieces ahead of what is finished."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.model.errors import InputError

ReadT = TypeVar("ReadT")
BegunT = TypeVar("BegunT")


async def begin_ahead(
    pieces: AsyncGenerator[ReadT, None], begin: Callable[[ReadT], BegunT], ahead: int
) -> AsyncGenerator[BegunT, None]:
    """Yield what `begin` returns of each piece, in order. It was called for at most `ahead` further ones by then.

    Raises:
        InputError, Truncated: reading ended early. What was read before it was yielded.
    """
    begun: deque[BegunT] = deque()
    failure: InputError | Truncated | None = None
    reading = True
    while reading or begun:
        if reading and len(begun) <= ahead:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                reading = False
            except (InputError, Truncated) as error:
                reading, failure = False, error
            else:
                begun.append(begin(piece))
            continue
        yield begun.popleft()
    if failure is not None:
        raise failure
