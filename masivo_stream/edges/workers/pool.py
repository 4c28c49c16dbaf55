"""Our end: start the workers, put questions to them in turns, collect their answers.

Answers are collected by the event loop itself, whatever the flow waits for: so a worker is never stuck with an answer
nobody takes while we are stuck with a question it does not take. How many questions are under way at once is the
asker's business, and bounds the memory.

A worker is a process of its own, in a session of its own (Ctrl-C is the parent's to answer), with our environment but
for the secrets. What was asked of one that dies is lost, and nothing else: it is the asker who knows what has a fate.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import msgspec

from masivo_stream.core.reading.rules import Rules
from masivo_stream.edges.workers.frames import HEAD_BYTES, Orders, head, length, question
from masivo_stream.edges.workers.shared_memory import SharedMemory, Spot
from masivo_stream.model.errors import WorkerError

_START = "import sys; sys.path[:] = sys.argv[1:]; from masivo_stream.edges.workers.process import serve; serve()"
_SECRETS = frozenset({"MASIVO_API_KEY", "MASIVO_TOKEN"})
_SOCKET_BYTES = 1 << 20
"""Asked of the kernel for a socket: a whole block goes in without waiting, as far as the system allows."""
_GRACE = 5.0
"""Seconds a worker may take to end once its socket is closed: it finishes the block it is at."""


class WorkerAnswer:
    """An answer that may not have come yet."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._come = anyio.Event()
        self._content: bytes | None = None

    def give(self, content: bytes | None) -> None:
        """Take what has come, None for that nothing will."""
        self._content = content
        self._come.set()

    async def get(self) -> bytes:
        """Return it.

        Raises:
            WorkerError: its worker has died.
        """
        await self._come.wait()
        if self._content is None:
            raise WorkerError(
                "a process that judges lines has ended unexpectedly",
                operation="judge lines",
                hint="was it killed, or memory short? Start again with the same command, perhaps with fewer --workers",
            )
        return self._content


class _Link(asyncio.Protocol):
    """The socket to one worker."""

    def __init__(self, arena: SharedMemory | None) -> None:
        self._transport: asyncio.Transport | None = None
        self._arena = arena
        self._waiting: deque[tuple[WorkerAnswer, Spot | None]] = deque()
        """Answers that are to come, and where their questions stand."""
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream socket has
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= HEAD_BYTES:
            end = HEAD_BYTES + length(bytes(received[:HEAD_BYTES]))
            if len(received) < end:
                break
            self._settle(bytes(received[HEAD_BYTES:end]))
            del received[:end]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost tells nothing
        self._transport = None
        while self._waiting:
            self._settle(None)

    def _settle(self, content: bytes | None) -> None:
        answer, spot = self._waiting.popleft()
        if self._arena and spot:
            self._arena.clear(spot)
        answer.give(content)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def instruct(self, orders: Orders) -> None:
        if self._transport is not None:
            frame = msgspec.msgpack.encode(orders)
            self._transport.write(head(frame) + frame)

    def ask(self, content: bytes) -> WorkerAnswer:
        answer = WorkerAnswer()
        if self._transport is None:
            answer.give(None)
        else:
            spot = self._arena.put(content) if self._arena else None
            self._waiting.append((answer, spot))
            self._transport.write(question(content, spot))
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class WorkerPool:
    """Several workers. Open it with `open_crew`."""

    def __init__(self, links: list[_Link]) -> None:
        """Ask over `links`."""
        self._links = links
        self._asked = 0

    @property
    def waiting(self) -> int:
        """How many questions are not answered yet."""
        return sum(link.waiting for link in self._links)

    def ask(self, question: bytes) -> WorkerAnswer:
        """Put a question to the worker whose turn it is; it answers in the order it was asked."""
        link = self._links[self._asked % len(self._links)]
        self._asked += 1
        return link.ask(question)


@asynccontextmanager
async def open_workers(count: int, rules: Rules, *, at_once: int, usual_bytes: int) -> AsyncIterator[WorkerPool]:
    """Start `count` workers that judge by `rules`; end them afterwards.

    `at_once` questions of `usual_bytes` fit the memory that is shared with them; others go through the sockets.

    Raises:
        WorkerError: they cannot be started.
    """
    arena = _share(at_once, usual_bytes)
    links: list[_Link] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with anyio.CancelScope(shield=True):  # what is started is known, so that it can be ended
            for _ in range(count):
                link, process = await _start(arena)
                links.append(link)
                processes.append(process)
                link.instruct(Orders(rules, arena.descriptor if arena else None))
        yield WorkerPool(links)
    finally:
        for link in links:
            link.close()
        try:
            with anyio.CancelScope(shield=True):
                for process in processes:
                    await anyio.to_thread.run_sync(_end, process)
        finally:
            if arena:
                arena.close()


def _share(slots: int, slot_bytes: int) -> SharedMemory | None:
    """Share memory where the system lets us (Linux, if nothing there forbids it); sockets do as well, slower."""
    try:
        return SharedMemory(slots, slot_bytes) if hasattr(os, "memfd_create") else None
    except OSError:
        return None


async def _start(arena: SharedMemory | None) -> tuple[_Link, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
    with theirs:
        try:
            process = await anyio.to_thread.run_sync(_spawn, theirs, arena)
        except OSError as error:
            ours.close()
            raise WorkerError(
                f"a process cannot be started: {error.strerror}",
                operation="judge lines",
                hint="ask for fewer --workers",
            ) from error
    ours.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    _, link = await asyncio.get_running_loop().create_connection(lambda: _Link(arena), sock=ours)
    return link, process


def _spawn(theirs: socket.socket, arena: SharedMemory | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-P", "-c", _START, *sys.path],
        stdin=theirs.fileno(),
        pass_fds=[arena.descriptor] if arena else (),
        stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in _SECRETS},
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a worker whose socket is closed."""
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
