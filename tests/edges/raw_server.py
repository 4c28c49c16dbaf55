"""A server that speaks bytes, not HTTP: it plays a script on every connection and keeps what it was sent."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

LONG = 30.0
"""Seconds a hanging script would hang; every test ends it much earlier."""


class Peer:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.head = b""
        self.body = b""

    @property
    def request_line(self) -> str:
        return self.head.split(b"\r\n")[0].decode("latin-1")

    @property
    def headers(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines) if name]

    def header(self, wanted: str) -> str | None:
        values = [value for name, value in self.headers if name == wanted]
        assert len(values) <= 1, f"{wanted} came more than once"
        return values[0] if values else None

    async def read_head(self) -> None:
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")

    async def read_request(self) -> None:
        await self.read_head()
        self.body = await self._reader.readexactly(int(self.header("content-length") or 0))

    async def read_some(self, size: int) -> None:
        self.body += await self._reader.readexactly(size)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reset(self) -> None:
        """End the connection with a RST, not a FIN."""
        plain: socket.socket = self._writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def hang(self) -> None:
        """Wait until the client leaves."""
        while await self._reader.read(65536):
            pass


Play = Callable[[Peer], Awaitable[None]]


class RawServer:
    """A listening server, and all who came."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.peers: list[Peer] = []

    @property
    def only(self) -> Peer:
        (peer,) = self.peers
        return peer


@asynccontextmanager
async def serving(play: Play, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Play the script on every connection until the block ends."""
    served: RawServer
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer)
        served.peers.append(peer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await play(peer)
        except asyncio.CancelledError:
            pass  # the test is over; asyncio would report a cancelled handler as an error
        finally:
            tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    served = RawServer(server.sockets[0].getsockname()[1], "https" if tls else "http")
    try:
        yield served
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))


def answering(data: bytes) -> Play:
    """Return the script that reads a request and answers with these bytes."""

    async def play(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(data)

    return play


def answer(status: str = "201 Created", body: bytes = b"{}", **headers: str) -> bytes:
    """Compose a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
