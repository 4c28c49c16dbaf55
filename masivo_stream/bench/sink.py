"""A null sink: accepts POSTs, answers 201, and counts, as cheaply as one Python process can.

Of a request it reads only the head, and of that only Content-Length, Connection and Expect. All bodies are received
into the same megabyte of memory. It has one thread, one selector and no parsing library. It is a process of its own, so
that it does not share the time of the sender:

    python -m masivo_stream.bench.sink --port-file PORT [--latency SECONDS] [--stall-after BODIES]

`GET /stats` returns the counts as JSON; `GET /reset` returns and resets them. Times are of the machine's monotonic
clock, which is the same in every process. Any other GET is answered 404: no record can be read back. It ends with
SIGTERM, or when its standard input ends (`--end-with-stdin`): a pipe ends when the process at its other end does.
"""

import argparse
import heapq
import json
import os
import selectors
import socket
import sys
import time
from pathlib import Path

HEAD_END = b"\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BLOCK = 1 << 20
LARGEST_HEAD = 1 << 16
BACKLOG = 256


class Connection:
    """One client: what was received of the head, and how much of the body is still to come."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.head = b""
        self.left = 0
        self.body = 0
        self.close = False


class Sink:
    """The listening socket, its clients, and the counts."""

    def __init__(self, listener: socket.socket, *, latency: float = 0.0, stall_after: int = 0) -> None:
        self.latency = latency
        self.stall_after = stall_after
        self.block = memoryview(bytearray(BLOCK))
        self.selector = selectors.DefaultSelector()
        self.due: list[tuple[float, int, Connection]] = []
        self.order = 0
        self.bodies = self.bytes = self.reads = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.listener = listener
        self.selector.register(listener, selectors.EVENT_READ)

    def end_with(self, pipe: int) -> None:
        """End when this file descriptor becomes readable: when no process has its other end open."""
        self.selector.register(pipe, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until the pipe of `end_with` ends, otherwise forever."""
        while True:
            timeout = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(timeout):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.data is None:
                    return
                else:
                    self._read(key.data)
            while self.due and self.due[0][0] <= time.monotonic():
                self._answer(heapq.heappop(self.due)[2], b"201 Created", b"{}")

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(client, selectors.EVENT_READ, Connection(client))

    def _read(self, connection: Connection) -> None:
        try:
            count = connection.client.recv_into(self.block)
        except OSError:
            count = 0
        if not count:
            self._drop(connection)
        elif connection.left > count:
            connection.left -= count
        else:
            self._feed(connection, bytes(self.block[connection.left : count]), ended=connection.left > 0)

    def _feed(self, connection: Connection, rest: bytes, *, ended: bool) -> None:
        """Handle the bytes after a body, or of a head: several requests may come in one block."""
        connection.left = 0
        if ended:
            self._arrived(connection)
        connection.head += rest
        while HEAD_END in connection.head:
            head, _, rest = connection.head.partition(HEAD_END)
            self._begin(connection, head)
            connection.head = rest[connection.body :]
            connection.left = max(0, connection.body - len(rest))
            if connection.left or not connection.body:
                return
            self._arrived(connection)
        if len(connection.head) > LARGEST_HEAD:
            self._drop(connection)

    def _begin(self, connection: Connection, head: bytes) -> None:
        line, *fields = head.split(b"\r\n")
        found = {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
        connection.close = found.get(b"connection", b"").lower() == b"close"
        connection.body = int(found.get(b"content-length", 0))
        if connection.body:
            if b"expect" in found:
                connection.client.sendall(CONTINUE)
            if self.first_at is None:
                self.first_at = time.monotonic()
        elif line.startswith((b"GET /stats", b"GET /reset")):
            self._answer(connection, b"200 OK", self._stats())
            if line.startswith(b"GET /reset"):
                self._reset()
        else:
            self.reads += 1
            self._answer(connection, b"411 Length Required" if line.startswith(b"POST") else b"404 Not Found", b"{}")

    def _arrived(self, connection: Connection) -> None:
        self.bodies += 1
        self.bytes += connection.body
        self.last_at = time.monotonic()
        if self.stall_after and self.bodies > self.stall_after:
            return  # the client waits forever for an answer
        if self.latency:
            self.order += 1
            heapq.heappush(self.due, (self.last_at + self.latency, self.order, connection))
        else:
            self._answer(connection, b"201 Created", b"{}")

    def _answer(self, connection: Connection, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body))
        if connection.close:
            head += b"Connection: close\r\n"
        try:
            connection.client.sendall(head + b"\r\n" + body)
        except OSError:
            connection.close = True
        if connection.close:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if connection.client.fileno() >= 0:
            self.selector.unregister(connection.client)
            connection.client.close()

    def _reset(self) -> None:
        self.bodies = self.bytes = self.reads = 0
        self.first_at = self.last_at = None

    def _stats(self) -> bytes:
        cpu = os.times()
        names = ("bodies", "bytes", "reads", "first_at", "last_at")
        counts = {name: getattr(self, name) for name in names}
        return json.dumps({**counts, "cpu": cpu.user + cpu.system}).encode()


def main() -> None:
    """Serve with the options of the command line."""
    parser = argparse.ArgumentParser(description="A null sink for benchmarks.")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--port-file", type=Path, help="the port is written there once it is open")
    parser.add_argument("--listener", type=int, help="file descriptor of a socket that listens already")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from a body's end to its answer")
    parser.add_argument("--stall-after", type=int, default=0, help="never answer again after this number of bodies")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when standard input ends")
    flags = parser.parse_args()
    if flags.listener is None:
        listener = socket.create_server(("127.0.0.1", flags.port), backlog=BACKLOG)
    else:
        listener = socket.socket(fileno=flags.listener)
    sink = Sink(listener, latency=flags.latency, stall_after=flags.stall_after)
    if flags.end_with_stdin:
        sink.end_with(sys.stdin.fileno())
    if flags.port_file:
        partial = flags.port_file.with_name(f"{flags.port_file.name}.partial")
        partial.write_text(str(listener.getsockname()[1]))
        partial.rename(flags.port_file)
    sink.serve()


if __name__ == "__main__":
    main()
