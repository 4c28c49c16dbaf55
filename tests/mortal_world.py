"""A whole migration whose processes may die at any operation: a real journal, real files, an API in memory.

Every operation that reaches the world (a commit, a file, a request before and after it took effect) may be the last one
of its process: from then on nothing of it reaches the world any more.
"""

import json
import sqlite3
from contextlib import ExitStack, closing
from functools import partial

from fakes import FakeApi, Remembering, write_export
from mortal import MortalCommit, MortalState
from sessions import make_session
from virtual_time import LoopClock, commit_later, run_virtually

from masivo_stream.edges.api import Reply
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.journal import open_journal
from masivo_stream.flow.pipeline.find_sources import list_sources, note_sources, recognise_exports
from masivo_stream.flow.pipeline.run import Run
from masivo_stream.flow.retry_copies import take_dead_letters
from masivo_stream.model.attempt import Answer, Body
from masivo_stream.model.contract import Kind

PACED, UPLOADERS = "1/1s", 2


class World:
    """What outlives a process: the server, the exports, the state directory."""

    def __init__(self, path, answer=None, commit=MortalCommit, limit=PACED):
        self.path, self.answer, self.commit, self.limit = path, answer, commit, limit
        self.state = path / "state"
        self.state.mkdir(mode=0o700)
        self.applied = {}
        self.exports = {}
        self.flags = {}
        self.not_found = Body.OBJECT
        self.reading = None
        self.observer = None
        self.canary = False

    def export(self, kind, records):
        self.exports[kind] = write_export(self.path / f"{kind}.ndjson", records)

    def live(self, life, work=None):
        """Run one process to its end; its summary, or None if it died. `work` is done before the run."""
        return run_virtually(self._live, life, work)

    async def _live(self, life, work):
        clock = LoopClock()
        api = self.api(clock, life, self.answer)
        state, commit = MortalState(self.state, life), partial(self.commit, life=life, begin=commit_later)
        journal = open_journal(self.state / "journal.db", clock.wall, commit_by=commit)
        fixed = {"limit": self.limit, "base_url": "http://127.0.0.1:1/", "uploaders": UPLOADERS}
        fixed["shared_dir"] = str(self.path / "shared")
        settled = load_settings(flags=fixed | self.flags)
        with ExitStack() as files:
            files.enter_context(closing(journal))
            try:
                if work is not None:
                    await work(settled, state, journal, clock, files, life)
                inputs = {kind: find_inputs([path]) for kind, path in self.exports.items()}
                sources = {kind: await self._find_sources(journal, kind, found) for kind, found in inputs.items()}
                session = make_session(settled, state, journal, api, clock, observer=self.observer)
                files.callback(session.guard_purchases().close)
                session.guard_purchases().write = life.around(session.guard_purchases().write, closing=True)
                run = Run(session, sources, canary=self.canary)
                await run.go(handle_signals=False)
                return run.summary()
            except BaseException:
                if not life.dead:
                    raise
                return None

    async def _find_sources(self, journal, kind, inputs):
        exports, new = await recognise_exports(journal.read, kind, inputs)
        sources = await list_sources(journal.read, kind, exports, new, state_dir=self.state)
        await note_sources(journal, {kind: (sources, exports)}, self.state)
        return sources

    def api(self, clock, life, answer):
        """Return the server, as one process sees it."""
        world = self

        class Api(FakeApi):
            async def send(self, kind, body, token, departed):
                life.operation()
                return await super().send(kind, body, token, departed)

            def _apply(self, kind, customers):
                super()._apply(kind, customers)
                life.operation()

            async def read_customer(self, customer):
                found = ("customers", customer, '""') in world.applied
                body = {"data": {"customer": {"metrics": {"updated_at": "2999-01-01T00:00:00Z"}}}}
                answer = Answer(status=200, body=Body.OBJECT) if found else Answer(status=404, body=world.not_found)
                return Reply(world.reading or answer, json.dumps(body).encode() if found else b"")

            async def read_transactions(self, customer, year):
                return Reply(Answer(status=404))

        api = Api(clock, answer=answer)
        api.applied = self.applied
        return api

    def on_the_wire(self):
        """Return how many batches the journal says are on the wire."""
        with closing(sqlite3.connect(self.state / "journal.db")) as journal:
            return journal.execute("SELECT count(*) FROM batches WHERE state = 'sending'").fetchone()[0]

    def dead_letters(self, kind):
        return [json.loads(line) for line in (self.state / f"dead-letter.{kind}.ndjson").read_bytes().splitlines()]

    def doubts(self, kind):
        path = self.state / f"in-doubt.{kind}.ndjson"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def check(self, summary, valid, dead):
        """Hold the server against the exports, the dead letters and the list of what is in doubt."""
        assert summary.closes
        assert summary.outcome in ("complete", "dead_letters", "in_doubt")
        for kind, wanted in valid.items():
            applied = {key[1:]: count for key, count in self.applied.items() if key[0] == kind}
            doubtful = {doubt["customer"] for doubt in self.doubts(kind)}
            assert applied.keys() <= wanted
            assert {customer for customer, _ in wanted - applied.keys()} <= doubtful
            if kind is not Kind.CUSTOMERS:
                assert set(applied.values()) <= {1}
            letters = [letter["line"] for letter in self.dead_letters(kind)]
            doubtful_lines = {doubt["line"] for doubt in self.doubts(kind)}
            assert len(letters) == len(set(letters))  # each once, over all lives
            assert set(letters) <= set(dead[kind])
            assert set(dead[kind]) - set(letters) <= doubtful_lines  # the answer that said no was lost with a life
            figures = summary.kinds[kind]
            assert (figures.pending, figures.in_doubt, figures.dead) == (0, len(doubtful_lines), len(letters))


async def retry_dead_letters(_settings, state, journal, *_):
    """Do what a retry begins with."""
    await take_dead_letters(state, journal, Remembering())
