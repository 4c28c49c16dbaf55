"""A worker's process: answers questions until nobody is there to ask.

It holds no file, no key and no place in an export. It ends when the other end of its socket is closed, which is also
what happens when the parent dies. Signals that a terminal sends to all are the parent's to answer.
"""

import signal
import socket
from contextlib import suppress
from typing import BinaryIO

import msgspec

from masivo_stream.core.reading.remote import RemoteDecoder
from masivo_stream.edges.workers.frames import HEAD_BYTES, SPOT_BYTES, Orders, head, length, spot_of
from masivo_stream.edges.workers.shared_memory import SharedMemoryView


def serve() -> None:
    """Answer what comes in through standard input, a socket."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=0) as parent, parent.makefile("rb") as questions, suppress(ConnectionError):
        start = _read(questions, HEAD_BYTES)
        orders = start and _read(questions, length(start))
        if not orders:
            return
        told = msgspec.msgpack.decode(orders, type=Orders)
        deputy, view = RemoteDecoder(told.rules), None if told.arena is None else SharedMemoryView(told.arena)
        while (question := _next_question(questions, view)) is not None:
            answer = deputy.answer(question)
            parent.sendall(head(answer) + answer)


def _next_question(stream: BinaryIO, arena: SharedMemoryView | None) -> bytes | None:
    """Return the next question, None where the other end is closed."""
    start = _read(stream, SPOT_BYTES)
    if start is None:
        return None
    spot, size = spot_of(start)
    return _read(stream, size) if arena is None or spot is None else arena.read(spot)


def _read(stream: BinaryIO, size: int) -> bytes | None:
    """Return so many bytes, None where the other end is closed."""
    content = stream.read(size)
    return content if len(content) == size else None
