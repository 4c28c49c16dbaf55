"""The world of the model test: what outlives a process, and one process at a time in it."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
from fakes import Remembering
from model_exports import Exports
from model_server import Server, ServerApi
from mortal import Life, MortalCommit, MortalQuota, MortalSent, MortalState
from sessions import make_session
from virtual_time import LoopClock, commit_later, run_virtually

from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.identity.send_once import open_send_once
from masivo_stream.flow.pipeline.find_sources import list_sources, note_sources, recognise_exports
from masivo_stream.flow.pipeline.run import Run
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.model.attempt import Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, Interrupted
from masivo_stream.model.notices import BatchSent, KindStarted
from masivo_stream.model.summary import Summary


class ModelJournal(Journal):
    """Remembers over all processes which entries a batch has: the journal itself may forget that."""

    world = None

    async def send(self, batch, progress, sync):
        places = [(entry.source, entry.line, entry.indexes) for entry in batch.entries]
        self.world.noted[batch.id] = (batch.kind, places)
        await super().send(batch, progress, sync)

    async def note_found(self, batch, progress, sync, *, why):
        places = [(entry.source, entry.line, entry.indexes) for entry in batch.entries]
        self.world.noted[batch.id] = (batch.kind, places)
        await super().note_found(batch, progress, sync, why=why)


class ModelState(MortalState):
    """A process may end in the middle of writing a file."""

    def write(self, name, content):
        (self.path / f".{name}.new").write_bytes(content[: len(content) // 2])
        super().write(name, content)
        self.life.operation()


class NoTokens:
    """Gives no token: the account of a key is known by the key alone."""

    async def prepare(self):
        return Failure(cause=Cause.REFUSED, sent=False)


@dataclass(frozen=True)
class Process:
    """How a process is started, and how it ends if not by itself."""

    dies_at: int | None = None
    stops_after: float | None = None
    uploaders: int = 2
    most_bytes: int = 1024
    look_ahead: int = 2
    limit: str = "1/1s"
    pause: float = 0.0
    """Before it is started."""
    ahead: float = 0.0
    """How many seconds the wall clock is ahead of the time meanwhile."""
    key: str = "9d7e3d8f-0000-4000-8000-000000000000"
    state: Path | None = None
    """A state directory other than the world's."""
    also: tuple[Kind, Path] | None = None
    """One more input."""


@dataclass(frozen=True)
class Ending:
    """How a process has ended."""

    process: Process
    summary: Summary | None
    """None: it died."""
    requests: int
    moody: int
    """Requests that met a server in a mood."""
    begun: set[Kind]
    """Kinds that it reached."""


@dataclass
class World:
    """The server, the exports, the state directory, and the time."""

    folder: object
    journal: type[ModelJournal] = ModelJournal
    welcomes_repeats: bool = True
    now: float = 1000.0
    noted: dict = field(default_factory=dict)
    told: set = field(default_factory=set)
    """Batches that a process has reported as accepted."""
    endings: list[Ending] = field(default_factory=list)
    changed: bool = True
    """Whether an export has grown since a process ended by itself."""

    def __post_init__(self):
        self.state = self.folder / "state"
        self.state.mkdir(mode=0o700)
        self.exports = Exports(self.folder)
        self.server = Server(self.exports, self.welcomes_repeats)

    @property
    def named(self):
        return {kind: paths for kind, paths in self.exports.paths.items() if paths}

    @property
    def last_place(self):
        """The state directory that is remembered with what the account has received; None if nothing is remembered."""
        path = self.folder / "shared" / "sent.db"
        if not path.exists():
            return None
        with closing(sqlite3.connect(path)) as sent:
            return next((place for (place,) in sent.execute("SELECT state_dir FROM runs")), None)

    def has_sent(self, kind, source):
        """Return whether anything of an export was sent."""
        keys = (key for attempt in self.server.attempts if attempt.kind is kind for key in attempt.keys)
        return any(self.exports.places[key][0].source == source for key in keys)

    def live(self, process):
        """Run one process to its end.

        Raises:
            InputError: an export is not what it was.
        """
        life, requests, moody = Life(process.dies_at), len(self.server.attempts), self.server.moody
        begin = self.now
        summary = run_virtually(self._live, process, life, begin=begin)
        attempts, moods = len(self.server.attempts) - requests, self.server.moody - moody
        ending = Ending(process, summary, attempts, moods, self.begun)
        self.endings.append(ending)
        if life.dead:  # it may have ended between an answer and the note of the wait that the answer asked for
            self.server.holds = [hold for hold in self.server.holds if hold[0] < begin or hold[0] <= life.held_at]
        for attempt in self.server.attempts[requests:]:
            attempt.forgotten = summary is None
        return ending

    async def _live(self, process, life):
        clock = LoopClock(process.ahead)
        state = ModelState(process.state or self.state, life)
        commit = partial(MortalCommit, life=life, begin=commit_later)
        journal = open_journal(state.journal, clock.wall, commit_by=commit)
        journal.__class__, journal.world = self.journal, self
        observer = Remembering()
        quota = open_quota(self.folder / "quota.db", clock, boot="the same")
        quota.__class__, quota.life = MortalQuota, life
        with closing(journal), closing(quota):
            try:
                return await self._migrate(process, life, clock, state, journal, quota, observer)
            except BaseException:
                if not life.dead:
                    raise
                return None
            finally:
                self.now = clock.now()
                self.told.update(_accepted(observer.notices))
                self.begun = {notice.kind for notice in observer.notices if isinstance(notice, KindStarted)}

    async def _migrate(self, process, life, clock, state, journal, quota, observer):
        settings = load_settings(
            flags={
                "base_url": "http://127.0.0.1:1/",
                "state_dir": str(state.path),
                "shared_dir": str(self.folder / "shared"),
                "limit": process.limit,
                "uploaders": process.uploaders,
                "max_body_bytes": process.most_bytes,
                "look_ahead": process.look_ahead,
                "block_bytes": 4096,
                "drain_time": 5.0,
            }
        )
        api = ServerApi(self.server, clock, life, windows=settings.limits.limit, most_bytes=process.most_bytes)
        binding = AccountBinding(settings, Credentials(api_key=Secret(process.key)), clock)
        binding.enter(journal)
        inputs = {kind: find_inputs(map(str, paths)) for kind, paths in self.named.items()}
        if process.also is not None:
            kind, path = process.also
            inputs[kind] = find_inputs([*map(str, self.named[kind]), str(path)])
        matched = {kind: await recognise_exports(journal.read, kind, found) for kind, found in inputs.items()}
        sources = {
            kind: await list_sources(journal.read, kind, known, new, state_dir=state.path)
            for kind, (known, new) in matched.items()
        }
        with open_send_once(settings, journal, binding, state.path, observer, clock) as once:
            once._file.__class__, once._file.life = MortalSent, life
            sources = await once.check(sources, NoTokens())
            with_exports = {kind: (found, matched[kind][0]) for kind, found in sources.items()}
            await note_sources(journal, with_exports, state.path)
            limiters = make_limiters(settings, clock, quota)
            session = make_session(settings, state, journal, api, clock, limiters=limiters, observer=observer)
            session.send_once = once
            run = Run(session, sources)
            async with anyio.create_task_group() as tasks:
                if process.stops_after is not None:
                    tasks.start_soon(_stop, run, clock, process.stops_after)
                await run.go(handle_signals=False)
                tasks.cancel_scope.cancel()
            return run.summary()

    def files(self, kind):
        """Return the bytes of the dead-letter file and of the in-doubt list."""
        found = []
        for name in ("dead-letter", "in-doubt"):
            content = b""
            with suppress(FileNotFoundError):
                content = (self.state / f"{name}.{kind}.ndjson").read_bytes()
            found.append(content)
        return found

    def tear(self, kind, torn):
        """Leave bytes after the dead letters, like a process that died while it wrote them."""
        with (self.state / f"dead-letter.{kind}.ndjson").open("ab") as file:
            file.write(torn)


async def _stop(run, clock, seconds):
    await clock.sleep(seconds)
    run._stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))


def _accepted(notices):
    return {each.batch for each in notices if isinstance(each, BatchSent) and each.outcome == "accepted"}


KINDS = tuple(Kind)
