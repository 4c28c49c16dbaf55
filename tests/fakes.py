"""A world in memory for one kind: an API, a journal and observers that remember, in virtual time."""

import json

import anyio
import anyio.lowlevel
import msgspec
from virtual_time import without_threads

from masivo_stream.core.accounting.missing import MissingCustomers
from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.reading.duplicates import KnownIds
from masivo_stream.core.reading.strict import Rules
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.flow.pipeline.assemble import SendingPorts, assemble, make_ledger
from masivo_stream.flow.pipeline.deliver import make_backoff
from masivo_stream.flow.pipeline.kind import KindOptions, KindSources
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.protocols import KindFiles, UnchangedSkipped
from masivo_stream.flow.rate_limit import LimitScope, RateLimiter
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.progress import Resume
from masivo_stream.model.window import Window

NO_ONE_MISSING = MissingCustomers(salt=b"salt")
ACCEPTED = Answer(status=201)
REFUSED = Answer(status=422, error="Invalid customer entry", details="no")
LOST = Failure(cause=Cause.RESET, sent=True)
NO_CONNECTION = Failure(cause=Cause.REFUSED, sent=False)


def event(purchase, **fields):
    order = {
        "purchase_id": purchase,
        "value": 10,
        "discounted_value": 9.5,
        "products": [{"sku": "a", "amount": 1, "value": 10}],
        "payment_method": "CASH",
    }
    times = {"issued_at": "2024-01-30T17:50:19Z", "resolved_at": None}
    return {"type": "PURCHASE", "order": order, "fulfilled": True, **times, "brand_id": None, **fields}


def transaction(amount=4):
    return {
        "reward_id": "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65",
        "type": "ACCUMULATION",
        "amount": amount,
        "issued_at": "2024-01-30T17:50:19Z",
    }


def record(kind, number, items=1, **fields):
    """Return a valid record of customer `number`."""
    customer = f"c{number}"
    match kind:
        case Kind.CUSTOMERS:
            about = {"name": "Ana", "email": f"{customer}@example.com", "registration_date": "2020-01-01T00:00:00Z"}
            return {"id": customer, **about, **fields}
        case Kind.EVENTS:
            return {"id": customer, "events": [event(f"{customer}-{i}") for i in range(items)], **fields}
        case Kind.TRANSACTIONS:
            return {"id": customer, "transactions": [transaction(i + 1) for i in range(items)], **fields}


def write_export(path, records):
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return str(path)


def item_key(item):
    """Return what two equal items have in common."""
    return msgspec.json.encode(item, order="sorted").decode()


class FakeApi:
    """A sender whose server applies what it accepts. `answer(kind, customers, body, number)` decides; None accepts."""

    def __init__(self, clock, *, latency=0.05, answer=None):
        self.clock, self.latency, self._answer = clock, latency, answer
        self.requests = []
        """(time, kind, customer entries, status) of every attempt."""
        self.applied = {}
        """How often each item was applied, by (kind, customer, item)."""
        self.renewed = 0
        self.renewable = True
        self.log = []
        """What happened in which order, shared with `RecordingJournal`."""
        self.arrivals = []

    async def prepare(self):
        return "token"

    async def send(self, kind, body, token, departed):
        departed()
        self.log.append(("wire", body))
        self.arrivals.append(self.clock.now())
        customers = msgspec.json.decode(body)["customers"]
        attempt = self._answer(kind, customers, body, len(self.requests)) if self._answer else None
        if callable(attempt):
            attempt = attempt()
        attempt = attempt or ACCEPTED
        began = self.clock.now()
        self.requests.append((began, kind, customers, getattr(attempt, "status", None)))
        if attempt in (ACCEPTED, LOST):
            self._apply(kind, customers)
        await self.clock.sleep(self.latency)
        return attempt

    def _apply(self, kind, customers):
        field = CONTRACTS[kind].item_field
        for customer in customers:
            for item in customer[field] if field else [""]:
                key = (str(kind), customer["id"], item_key(item))
                self.applied[key] = self.applied.get(key, 0) + 1

    def fresh(self, token):
        return True

    def renew(self, token):
        self.renewed += 1
        return self.renewable

    @property
    def applied_customers(self):
        return {customer for _, customer, _ in self.applied}


class RecordingJournal:
    """A journal that remembers the order of its notes, and what was noted last. As a real one, it takes its time."""

    def __init__(self, log):
        self.log = log
        self.bodies = {}
        self.progress = None
        self.noted = 0
        """How often progress alone was noted."""
        self.watch = lambda what, progress: None
        """Called with each note when it begins."""

    async def send(self, batch, progress, sync):
        await self._note("send", progress, sync)
        self.bodies[batch.id] = batch.body
        self.log.append(("send", batch.body))

    async def settle(self, kind, batch, outcome, progress, sync):
        await self._note(outcome.state, progress, sync)
        self.log.append((outcome.state, self.bodies[batch]))

    async def remove(self, kind, batch, progress, sync):
        await self._note("unsent", progress, sync)
        self.log.append(("unsent", self.bodies[batch]))

    async def note_found(self, batch, progress, sync, *, why):
        await self._note("found", progress, sync)
        self.log.append(("found", batch.body))

    async def learn_limit(self, max_body_bytes):
        self.learned = max_body_bytes

    async def note(self, kind, progress, sync):
        await self._note("note", progress, sync)
        self.noted += 1

    async def _note(self, what, progress, sync):
        self.watch(what, progress)
        await anyio.lowlevel.checkpoint()
        sync()
        self.progress = progress


class Remembering:
    """Dead letters, doubts and notices, kept in lists."""

    def __init__(self):
        self.letters, self.doubts, self.notices = [], [], []
        self.length = self.crc = 0

    def append(self, letters):
        self.letters.extend(letters)
        self.length = len(self.letters)

    def sync(self):
        pass

    def add(self, batch, entries):
        self.doubts.extend((batch, entry) for entry in entries)

    def notify(self, notice):
        self.notices.append(notice)


class PipelineUnderTest:
    """One kind's pipeline over an in-memory API, in virtual time."""

    def __init__(
        self,
        kind,
        paths,
        *,
        answer=None,
        windows=(),
        uploaders=2,
        noting=0,
        latency=0.05,
        drain_time=5.0,
        max_body_bytes=4_000_000,
        outage_limit=600.0,
        block_bytes=65536,
        hand_off=2,
        missing=NO_ONE_MISSING,
        isolation_budget=1000,
        skips=None,
    ):
        settings = load_settings(
            flags={
                "max_body_bytes": max_body_bytes,
                "look_ahead": 8,
                "visible_probes": 3,
                "outage_limit": outage_limit,
                "first_delay": 1.0,
                "longest_delay": 60.0,
                "longest_hold": 3660.0,
            }
        )
        self.kind = kind
        self.clock = FakeClock()
        self.api = FakeApi(self.clock, answer=answer, latency=latency)
        self.memory = Remembering()
        self.stop = StopControl(self.clock, drain_time=drain_time)
        self.journal = RecordingJournal(self.api.log)
        self.limiter = RateLimiter([LimitScope("migration", Pacer(windows))], self.clock)
        self.ledger = make_ledger(kind, Resume(), missing, settings)
        files = KindFiles(self.memory, self.memory, skips or UnchangedSkipped(0, 0))
        self.recorder = Recorder(self.ledger, self.journal, files, self.clock)
        ports = SendingPorts(
            sender=self.api,
            limiter=self.limiter,
            finder=self,
            stop=self.stop,
            backoff=make_backoff(settings, lambda: 0.0),
            observer=self.memory,
        )
        sources = [Source(found, number) for number, found in enumerate(find_inputs(paths))]
        to_read = KindSources(
            to_read=sources,
            extent=Extent(sources),
            decoder=Decoder(Rules(kind=kind, max_line_bytes=1 << 20), KnownIds(capacity=10_000)),
        )
        options = KindOptions(
            uploaders=uploaders + noting,
            in_flight=uploaders,
            hand_off=hand_off,
            isolation_budget=isolation_budget,
            block_bytes=block_bytes,
            max_line_bytes=1 << 20,
            paced=bool(windows),
        )
        self.kind_pipeline = assemble(self.recorder, ports, to_read, options)

    async def find(self, entries, *, since):
        return [entry for entry in entries if entry.customer in self.api.applied_customers]

    async def run(self, *beside):
        """Run the pipeline as a migration does; `beside` are coroutine functions that run next to it."""
        with without_threads():
            return await self._run(beside)

    async def _run(self, beside):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.clock.run)
            tasks.start_soon(self.stop.drain)
            for task in beside:
                tasks.start_soon(task)
            with self.stop.work:
                await self.kind_pipeline.run()
            tasks.cancel_scope.cancel()
        return self.recorder.figures()


def one_every(seconds):
    return (Window(1, seconds),)
