"""A worker process: it answers questions until its socket is closed.

It holds no file, no key and no position in an export. The socket is also closed when the parent dies. A terminal sends
its signals to all processes; only the parent handles them.
"""

import signal
import socket
from contextlib import suppress
from typing import BinaryIO

import msgspec

from masivo_stream.core.reading.remote import RemoteDecoder
from masivo_stream.edges.workers.frames import HEAD_BYTES, SPAN_BYTES, WorkerSetup, head, length, span_of
from masivo_stream.edges.workers.shared_memory import SharedMemoryView


def serve() -> None:
    """Answer the questions that come in through standard input, a socket."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=0) as parent, parent.makefile("rb") as questions, suppress(ConnectionError):
        start = _read(questions, HEAD_BYTES)
        content = start and _read(questions, length(start))
        if not content:
            return
        setup = msgspec.msgpack.decode(content, type=WorkerSetup)
        decoder, view = RemoteDecoder(setup.rules), None if setup.memory is None else SharedMemoryView(setup.memory)
        while (question := _next_question(questions, view)) is not None:
            answer = decoder.answer(question)
            parent.sendall(head(answer) + answer)


def _next_question(stream: BinaryIO, memory: SharedMemoryView | None) -> bytes | None:
    """Return the next question, None if the other end is closed."""
    start = _read(stream, SPAN_BYTES)
    if start is None:
        return None
    span, size = span_of(start)
    return _read(stream, size) if memory is None or span is None else memory.read(span)


def _read(stream: BinaryIO, size: int) -> bytes | None:
    """Return `size` bytes, None if the other end is closed."""
    content = stream.read(size)
    return content if len(content) == size else None
