"""A worker's process: answers questions until nobody is there to ask.

It holds no file, no key and no place in an export. It ends when the other end of its socket is closed, which is also
what happens when the parent dies. Signals that a terminal sends to all are the parent's to answer.
"""

import signal
import socket
from contextlib import suppress
from typing import BinaryIO

import msgspec

from masivo_stream.core.decode import Rules
from masivo_stream.core.verdicts import Deputy
from masivo_stream.edges.workers.frames import HEAD_BYTES, head, length


def serve() -> None:
    """Answer what comes in through standard input, a socket."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=0) as parent, parent.makefile("rb") as questions, suppress(ConnectionError):
        rules = _receive(questions)
        if rules is None:
            return
        deputy = Deputy(msgspec.msgpack.decode(rules, type=Rules))
        while (question := _receive(questions)) is not None:
            answer = deputy.answer(question)
            parent.sendall(head(answer) + answer)


def _receive(stream: BinaryIO) -> bytes | None:
    """Return the next frame, None where the other end is closed."""
    start = stream.read(HEAD_BYTES)
    if len(start) < HEAD_BYTES:
        return None
    size = length(start)
    frame = stream.read(size)
    return frame if len(frame) == size else None
