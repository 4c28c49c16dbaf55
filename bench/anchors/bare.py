"""The core of masivo-stream's design without any of its guarantees.

Blocks, lines, msgspec's typed decoder, full batches of whole records, two durable notes per batch, aiohttp. There is no
place of a fault, no exact check of dates and UTF-8, no checksum, no dead letters, no figures that close, no resume, no
report, and no record is split: the first faulty line ends it. It is one process. The difference to masivo-stream is the
price of the guarantees.
"""

import argparse
import asyncio
import hashlib
import sqlite3
import tempfile
from pathlib import Path

import aiohttp

from masivo_stream.model.schemas import EventsRecord, Order, make_reader

MAX_EVENTS = 1000
IN_FLIGHT = 4
BLOCK = 256 * 1024

decode = make_reader(EventsRecord[Order])


class Journal:
    """Durable notes; those that come while one is written become one commit."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE batches (id TEXT PRIMARY KEY, state TEXT, line INTEGER, events INTEGER)")
        self.waiting: list[tuple[str, tuple[object, ...], asyncio.Future[None]]] = []
        self.turn = asyncio.Lock()

    async def note(self, sql: str, *values: object) -> None:
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((sql, values, done))
        async with self.turn:
            if done.done():
                return
            notes, self.waiting = self.waiting, []
            await asyncio.to_thread(self.commit, notes)
            for *_, other in notes:
                other.set_result(None)

    def commit(self, notes: list[tuple[str, tuple[object, ...], asyncio.Future[None]]]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        for sql, values, _ in notes:
            self.db.execute(sql, values)
        self.db.execute("COMMIT")


async def upload(batches: asyncio.Queue, session: aiohttp.ClientSession, url: str, journal: Journal) -> None:
    while (batch := await batches.get()) is not None:
        bodies, line, events = batch
        body = b'{"customers":[' + b",".join(bodies) + b"]}"
        name = hashlib.sha256(body).hexdigest()
        await journal.note("INSERT INTO batches VALUES (?, 'sending', ?, ?)", name, line, events)
        async with session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
            answer.raise_for_status()
            await answer.read()
        await journal.note("UPDATE batches SET state = 'accepted' WHERE id = ?", name)


async def read(path: str, batches: asyncio.Queue) -> None:
    bodies, line, events, rest = [], 0, 0, b""
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for body in lines:
                count = len(decode(body).events)
                if bodies and events + count > MAX_EVENTS:
                    await batches.put((bodies, line, events))
                    bodies, events = [], 0
                bodies.append(body)
                line += 1
                events += count
            await asyncio.sleep(0)
    if bodies:
        await batches.put((bodies, line, events))
    for _ in range(IN_FLIGHT):
        await batches.put(None)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--url", required=True)
    flags = parser.parse_args()
    batches: asyncio.Queue = asyncio.Queue(2)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.db")
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            group.create_task(read(flags.file, batches))
            for _ in range(IN_FLIGHT):
                group.create_task(upload(batches, session, flags.url, journal))


asyncio.run(main())
