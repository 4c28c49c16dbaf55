"""Runs in virtual time that are watched as a person watches them: what end they are said to have, at every moment."""

import gzip
import json
import random
from contextlib import ExitStack, closing
from functools import partial

import anyio
from fakes import FakeApi
from sessions import make_session
from virtual_time import LoopClock, commit_later, run_virtually

from masivo_stream.edges.api import Reply
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.files.progress_file import write_progress
from masivo_stream.edges.files.state_dir import own_state_dir
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.journal.commit import GroupCommit
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.checks.before_sending import ChecksBeforeSending
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.pipeline.find_sources import list_sources, note_sources, recognise_exports
from masivo_stream.flow.pipeline.run import Run
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.attempt import Answer, Body
from masivo_stream.model.errors import ExitCode, Interrupted
from masivo_stream.model.notices import KindEnded, RunEnded
from masivo_stream.observe.snapshot_builder import SnapshotBuilder

LOOK_AROUND = 60.0
"""Seconds between two looks of a run for others."""

EPOCH = 1_700_000_000
"""The wall time at which virtual time begins."""


class Watch:
    """Builds snapshots, and keeps what they say of the end: moment, end, what is said of it."""

    def __init__(self):
        self.builder, self.said, self.stop_after, self.run = None, [], None, None
        self.notices = []
        self.every = 0.0
        """Seconds between two looks, if each notice is too much to look at."""

    def show(self, state):
        """Show the latest snapshot to other processes."""
        if self.said:
            write_progress(state, self.builder.snapshot())

    def notify(self, notice):
        clock = LoopClock()
        self.notices.append(notice)
        if self.builder is None:
            self.builder = SnapshotBuilder(clock, resident=lambda: 1)
        self.builder.notify(notice)
        if not self.said or clock.now() - self.said[-1][0] >= self.every or isinstance(notice, RunEnded | KindEnded):
            self.said.append((clock.now(), self.builder.snapshot()))
        if self.stop_after is not None and clock.now() >= self.stop_after:
            self.stop_after = None
            self.run._stop.begin(Interrupted("SIGINT", ExitCode.INTERRUPTED))


class Unpunctual(LoopClock):
    """Wakes a little late, as on any machine: else one of two processes would always ask first."""

    def __init__(self, chance):
        super().__init__()
        self.chance = chance

    async def sleep(self, seconds):
        await super().sleep(seconds + self.chance.random() / 1000)


class Runs:
    """Runs over one state directory, one after the other, at an account with windows."""

    def __init__(self, path, *, limit, answer=None, latency=lambda: 0.3, quota=None, **flags):
        path.mkdir(exist_ok=True)
        self.path, self.answer, self.latency, self.quota = path, answer, latency, quota or path / "quota.db"
        self.state = path / "state"
        self.state.mkdir(mode=0o700)
        self.settle(limit=limit, **flags)
        self.exports, self.now, self.applied, self.watches = {}, 0.0, {}, []

    def settle(self, **flags):
        fixed = {"base_url": "http://127.0.0.1:1/", "shared_dir": str(self.path / "shared"), "sample": 0}
        self.settings = load_settings(flags=fixed | flags)

    def export(self, kind, lines, *, packed=False):
        text = b"".join(json.dumps(line).encode() + b"\n" if not isinstance(line, bytes) else line for line in lines)
        path = self.path / f"{kind}.ndjson{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(text) if packed else text)
        self.exports[kind] = str(path)

    def plan(self):
        exports = Exports(**{kind.value: [path] for kind, path in self.exports.items()})
        files = DryRunFiles(scratch=self.state)
        return run_virtually(lambda: plan(self.settings, exports, files=files, runtime=Runtime(clock=LoopClock())))

    def live(self, *, stop_after=None):
        """Run one process to its end, or until it is stopped; return what it was seen to say."""
        watch = self.watch(stop_after)
        summary = run_virtually(lambda: self._live(watch), begin=self.now)
        self.now = watch.said[-1][0] + 60.0
        return watch, summary

    def watch(self, stop_after=None):
        watch = Watch()
        if stop_after is not None:
            watch.stop_after = self.now + stop_after
        self.watches.append(watch)
        return watch

    async def join(self, watch, *, after):
        """Run one process beside others, in their virtual time."""
        await anyio.sleep(after)
        watch.summary = await self._live(watch, Unpunctual(random.Random(after)))

    async def _live(self, watch, clock=None):
        clock = clock or LoopClock()
        api = Server(clock, self)
        (self.path / "shared").mkdir(exist_ok=True)
        with ExitStack() as files:
            state = files.enter_context(own_state_dir(str(self.state)))
            journal = open_journal(
                self.state / "journal.db", clock.wall, commit_by=partial(GroupCommit, begin=commit_later)
            )
            files.callback(journal.close)
            quota = files.enter_context(closing(open_quota(self.quota, clock, boot="boot")))
            quota.join(self.state)
            limiters = make_limiters(self.settings, clock, quota, observer=watch)
            inputs = {kind: find_inputs([path]) for kind, path in self.exports.items()}
            sources = {}
            for kind, found in inputs.items():
                exports, new = await recognise_exports(journal.read, kind, found)
                sources[kind] = await list_sources(journal.read, kind, exports, new, state_dir=self.state)
                await note_sources(journal, {kind: (sources[kind], exports)}, self.state)
            session = make_session(self.settings, state, journal, api, clock, limiters=limiters, observer=watch)
            files.callback(session.guard_purchases().close)
            checks = files.enter_context(closing(ChecksBeforeSending(session, sources)))
            run = watch.run = Run(session, sources, checks)
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._look_around, watch, clock)
                await run.go(handle_signals=False)
                beside.cancel_scope.cancel()
            return run.summary()

    async def _look_around(self, watch, clock):
        """Show the run to others, and look for others, as real time does; only if there may be any."""
        while self.quota.parent != self.path:
            watch.show(self.state)
            watch.run._levers.look_for_others()
            await clock.sleep(LOOK_AROUND)


class Server(FakeApi):
    """Accepts what `answer` does not refuse, and shows it at once."""

    def __init__(self, clock, runs):
        super().__init__(clock, answer=runs.answer)
        self.applied, self._runs = runs.applied, runs

    async def send(self, kind, body, token, departed):
        self.latency = self._runs.latency()
        return await super().send(kind, body, token, departed)

    async def read_customer(self, customer):
        body = {"data": {"customer": {"metrics": {"updated_at": "2999-01-01T00:00:00Z"}}}}
        return Reply(Answer(status=200, body=Body.OBJECT), json.dumps(body).encode())

    async def read_transactions(self, customer, year):
        return Reply(Answer(status=404))
