"""A monitor on loopback over a made-up snapshot, and requests to it over the network."""

import asyncio
from contextlib import asynccontextmanager

import made_snapshots

from masivo_stream.monitor.address import Address
from masivo_stream.monitor.endpoints import Endpoints
from masivo_stream.monitor.monitor_server import serving
from masivo_stream.monitor.request_metrics import RequestMetrics

LOOPBACK = Address("127.0.0.1", 0)


class Painted:
    """A source that gives one snapshot; with None it fails."""

    def __init__(self, snapshot=made_snapshots.WORKING):
        self.shown = snapshot

    def snapshot(self):
        if self.shown is None:
            raise RuntimeError("a text that may hold anything")
        return self.shown


class RememberingObserver:
    """An observer that remembers its notices."""

    def __init__(self):
        self.notices = []

    def notify(self, notice):
        self.notices.append(notice)


@asynccontextmanager
async def watched(painted=None, observer=None, *, listening=LOOPBACK):
    """Serve while the context lasts; yield address and endpoints."""
    answers = Endpoints(painted or Painted(), RequestMetrics(), observer or RememberingObserver(), listening)
    async with serving(LOOPBACK, answers) as address:
        yield address


async def ask(address, path="/", *, method="GET", host="localhost", more=b""):
    """Return status, headers (lower case) and body of one answer."""
    return await say(
        address, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode() + more + b"\r\n"
    )


async def say(address, words):
    """Send bytes, and read to the end."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(words)
    answer = await asyncio.wait_for(reader.read(), 100)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body
