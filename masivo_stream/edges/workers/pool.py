"""Our end: start the workers, send questions to them in turns, collect their answers.

The event loop itself collects the answers, whatever the flow waits for. Otherwise a worker could wait for us to take an
answer while we wait for it to take a question. The caller decides how many questions are under way at once; that bounds
the memory.

A worker is a process of its own, in a session of its own (only the parent handles Ctrl-C), with our environment without
the secrets. If a worker dies, only its open questions are lost: the caller knows which lines have a result.
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

from masivo_stream.core.reading.strict import Rules
from masivo_stream.edges.workers.frames import HEAD_BYTES, WorkerSetup, head, length, question
from masivo_stream.edges.workers.shared_memory import MemorySpan, SharedMemory
from masivo_stream.model.errors import WorkerError

_START = "import sys; sys.path[:] = sys.argv[1:]; from masivo_stream.edges.workers.process import serve; serve()"
_SECRETS = ("MASIVO_API_KEY", "MASIVO_TOKEN")
"""Variables with these names, and those of a fleet's keys, which begin like the first one."""
_SOCKET_BYTES = 1 << 20
"""The buffer that we ask the kernel for: a whole block goes in without waiting, if the system allows it."""
_GRACE = 5.0
"""Seconds in which a worker must end once its socket is closed: it finishes its current block."""


class WorkerAnswer:
    """An answer that may not have come yet."""

    def __init__(self) -> None:
        """Begin without an answer."""
        self._come = anyio.Event()
        self._content: bytes | None = None

    def give(self, content: bytes | None) -> None:
        """Set the answer; None if no answer will come."""
        self._content = content
        self._come.set()

    async def get(self) -> bytes:
        """Wait for the answer.

        Raises:
            WorkerError: its worker has died.
        """
        await self._come.wait()
        if self._content is None:
            raise WorkerError(
                "a worker process has ended unexpectedly",
                operation="validate lines",
                hint="check whether it was killed or memory ran out; then start the same command again, perhaps with"
                " fewer --workers",
            )
        return self._content


class _Link(asyncio.Protocol):
    """The socket to one worker."""

    def __init__(self, memory: SharedMemory | None) -> None:
        self._transport: asyncio.Transport | None = None
        self._memory = memory
        self._waiting: deque[tuple[WorkerAnswer, MemorySpan | None]] = deque()
        """Answers that are to come, and where their questions are."""
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

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason does not matter
        self._transport = None
        while self._waiting:
            self._settle(None)

    def _settle(self, content: bytes | None) -> None:
        answer, span = self._waiting.popleft()
        if self._memory and span:
            self._memory.clear(span)
        answer.give(content)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def configure(self, setup: WorkerSetup) -> None:
        if self._transport is not None:
            frame = msgspec.msgpack.encode(setup)
            self._transport.write(head(frame) + frame)

    def ask(self, content: bytes) -> WorkerAnswer:
        answer = WorkerAnswer()
        if self._transport is None:
            answer.give(None)
        else:
            span = self._memory.put(content) if self._memory else None
            self._waiting.append((answer, span))
            self._transport.write(question(content, span))
        return answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class WorkerPool:
    """Several workers. Open it with `open_workers`."""

    def __init__(self, links: list[_Link]) -> None:
        """Ask over `links`."""
        self._links = links
        self._asked = 0

    @property
    def waiting(self) -> int:
        """How many questions are not answered yet."""
        return sum(link.waiting for link in self._links)

    def ask(self, question: bytes) -> WorkerAnswer:
        """Send a question to the worker whose turn it is; a worker answers in the order of its questions."""
        link = self._links[self._asked % len(self._links)]
        self._asked += 1
        return link.ask(question)


@asynccontextmanager
async def open_workers(count: int, rules: Rules, *, at_once: int, usual_bytes: int) -> AsyncIterator[WorkerPool]:
    """Start `count` workers that validate by `rules`; end them afterwards.

    `at_once` questions of `usual_bytes` fit the memory that is shared with them; others go through the sockets.

    Raises:
        WorkerError: they cannot be started.
    """
    memory = _share(at_once, usual_bytes)
    links: list[_Link] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with anyio.CancelScope(shield=True):  # what is started is known, so that it can be ended
            for _ in range(count):
                link, process = await _start(memory)
                links.append(link)
                processes.append(process)
                link.configure(WorkerSetup(rules, memory.descriptor if memory else None))
        yield WorkerPool(links)
    finally:
        for link in links:
            link.close()
        try:
            with anyio.CancelScope(shield=True):
                for process in processes:
                    await anyio.to_thread.run_sync(_end, process)
        finally:
            if memory:
                memory.close()


def _share(slots: int, slot_bytes: int) -> SharedMemory | None:
    """Share memory if the system allows it (Linux, unless it is forbidden there); sockets work as well, more slowly."""
    try:
        return SharedMemory(slots, slot_bytes) if hasattr(os, "memfd_create") else None
    except OSError:
        return None


async def _start(memory: SharedMemory | None) -> tuple[_Link, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
    with theirs:
        try:
            process = await anyio.to_thread.run_sync(_spawn, theirs, memory)
        except OSError as error:
            ours.close()
            raise WorkerError(
                f"a worker process cannot be started: {error.strerror}",
                operation="validate lines",
                hint="start with fewer --workers",
            ) from error
    ours.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    _, link = await asyncio.get_running_loop().create_connection(lambda: _Link(memory), sock=ours)
    return link, process


def _spawn(theirs: socket.socket, memory: SharedMemory | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-P", "-c", _START, *sys.path],
        stdin=theirs.fileno(),
        pass_fds=[memory.descriptor] if memory else (),
        stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)},
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
