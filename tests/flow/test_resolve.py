"""Decisions about batches in doubt: a batch is resent only unchanged, only if it is not found, and noted."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import msgspec
import pytest
from edges.raw_server import answer, serving
from fakes import event, transaction, write_export

from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.resolve import Decisions, resolve
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.identity.account_binding import name_person
from masivo_stream.model.errors import ConfigurationError, ExitCode, InputError

RESEND = Decisions(resend=("all",), reason="seen nowhere")


class Api:
    """A server that answers batches as a test specifies, and shows transactions."""

    def __init__(self, state):
        self.state = state
        self.answers, self.there = [], []
        self.bodies, self.noted, self.methods, self.counted = [], [], [], []

    async def __call__(self, peer):
        await peer.read_request()
        self.methods.append(peer.request_line.split()[0])
        if peer.request_line.startswith("GET"):
            await peer.send(answer("200 OK", json.dumps({"data": self.there}).encode()))
            return
        self.bodies.append(peer.body)
        self.noted.append((self.ask("SELECT state FROM batches"), self.ask("SELECT what FROM notes")))
        with closing(sqlite3.connect(self.state.parent / "shared/sent.db")) as memory:
            self.counted.append(sum(row[0] for row in memory.execute("SELECT sends FROM runs")))
        said = self.answers.pop(0) if self.answers else "201 Created"
        await (peer.send(answer(said)) if said else peer.reset())

    def ask(self, sql):
        with closing(sqlite3.connect(self.state / "journal.db")) as journal:
            return [row[0] for row in journal.execute(sql).fetchall()]


def made(count):
    """Return transactions, one per customer."""
    return [{"id": f"c{number}", "transactions": [{**transaction(), "details": "x" * 300}]} for number in range(count)]


class Doubtful:
    """A run whose only batch is in doubt."""

    def __init__(self, folder, url):
        flags = {
            "base_url": url,
            "limit": "none",
            "general_limit": "none",
            "events_settle": 0,
            "first_delay": 0.01,
            "sample": 0,
        }
        places = {"state_dir": str(folder / "state"), "shared_dir": str(folder / "shared")}
        self.settings = load_settings(flags=flags | places)
        self.folder = folder
        self.credentials = Credentials(token=Secret("the-token"))
        self.export = folder / "transactions.ndjson"

    async def migrate(self, count=3):
        path = write_export(self.export, made(count))
        return await migrate(self.settings, self.credentials, Exports(transactions=[path]))

    async def migrate_two_kinds(self, count):
        """Leave a batch of events and one of transactions in doubt."""
        events = [{"id": f"c{number}", "events": [event(f"p{number}")]} for number in range(count)]
        named = {
            "events": [write_export(self.folder / "events.ndjson", events)],
            "transactions": [write_export(self.export, made(count))],
        }
        return await migrate(self.settings, self.credentials, Exports(**named))

    async def resolve(self, decisions=RESEND):
        return await resolve(self.settings, self.credentials, decisions)


@pytest.fixture
async def api(tmp_path):
    return Api(tmp_path / "state")


@pytest.fixture
async def run(tmp_path, api):
    api.answers.append("")
    async with serving(api) as server:
        yield Doubtful(tmp_path, server.url)


async def test_a_batch_is_sent_again_unchanged(api, run):
    """In the same bytes, noted with the decision before the first one; once accepted, it is no longer in doubt."""
    assert (await run.migrate()).outcome == "in_doubt"
    found = await run.resolve()
    assert (found.exit_code, found.closes, len(found.resent), found.in_doubt) == (ExitCode.COMPLETE, True, 1, ())
    assert api.bodies == [api.bodies[0]] * 2
    assert api.noted == [(["sending"], []), (["resending"], ["resend"])]
    assert api.ask("SELECT state FROM batches") == ["accepted"]
    assert api.ask("SELECT detail FROM notes")[0].endswith("seen nowhere")


@pytest.mark.parametrize("decisions", [RESEND, Decisions(accept=("all",)), Decisions(discard=("all",))])
async def test_no_decision_is_made_in_a_copy(api, run, tmp_path, decisions):
    """While the original is still there, a decision is refused and nothing is sent.

    Without a decision, it can be read.
    """
    await run.migrate()
    shutil.copytree(tmp_path / "state", tmp_path / "copied")
    assert (await run.resolve()).exit_code == ExitCode.COMPLETE
    flags = {"state": msgspec.structs.replace(run.settings.state, state_dir=str(tmp_path / "copied"))}
    run.settings = msgspec.structs.replace(run.settings, **flags)
    with pytest.raises(ConfigurationError, match="this state directory is a copy of") as caught:
        await run.resolve(decisions)
    assert f"--state-dir {tmp_path / 'state'}" in caught.value.hint
    assert len((await run.resolve(None)).in_doubt) == 1
    assert len(api.bodies) == 2
    (tmp_path / "state").rename(tmp_path / "away")
    with pytest.raises(ConfigurationError, match="older than what was sent from it"):
        await run.resolve(decisions)
    assert len(api.bodies) == 2


@pytest.mark.parametrize("answered", ["", "201 Created"])
async def test_nothing_is_sent_from_a_directory_older_than_the_resend(api, run, tmp_path, answered):
    """The same holds if it is restored in its place. The newest one continues, even after a move."""
    await run.migrate()
    shutil.copytree(tmp_path / "state", tmp_path / "old")
    api.answers.append(answered)
    await run.resolve()
    (tmp_path / "state").rename(tmp_path / "newest")
    (tmp_path / "old").rename(tmp_path / "state")
    with pytest.raises(ConfigurationError, match="it knows 1 of 2 requests") as caught:
        await run.resolve()
    assert caught.value.hint.startswith("restore the newest copy of the state directory")
    with pytest.raises(ConfigurationError, match="older than what was sent from it"):
        await migrate(run.settings, run.credentials, Exports(transactions=[str(run.export)]))
    assert len(api.bodies) == 2
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "newest").rename(tmp_path / "state")
    found = await run.resolve() if not answered else await run.resolve(None)
    assert (found.exit_code, found.in_doubt) == (ExitCode.COMPLETE, ())
    assert (await migrate(run.settings, run.credentials, Exports(transactions=[str(run.export)]))).exit_code == 0


async def test_each_of_several_batches_is_noted_before_it_leaves(api, run):
    """A process that dies with the second one in flight is known to have sent it."""
    api.answers.append("")
    await run.migrate(count=2001)
    sent, doubtful = len(api.bodies), api.ask("SELECT state FROM batches").count("in_doubt")
    assert doubtful > 1
    assert len((await run.resolve()).resent) == doubtful
    assert api.counted[sent:] == [*range(sent + 1, sent + doubtful + 1)]


async def test_each_resend_of_a_batch_is_noted(api, run, tmp_path):
    """And the next command finds its own state directory up to date."""
    await run.migrate()
    api.answers += ["", "", ""]
    for sent in (2, 3, 4):
        with closing(sqlite3.connect(tmp_path / "shared/sent.db")) as memory:
            assert memory.execute("SELECT sends FROM runs").fetchall() == [(sent - 1,)]
        assert (await run.resolve()).exit_code == ExitCode.IN_DOUBT
        assert api.counted[-1] == sent


@pytest.mark.parametrize("said", ["", "422 Unprocessable Entity", "503 Service Unavailable"])
async def test_only_an_acceptance_settles_a_batch_in_doubt(api, run, said):
    """If it is refused, it may be there. If its answer is lost again, it is in doubt as before."""
    await run.migrate()
    api.answers.append(said)
    found = await run.resolve()
    assert (found.exit_code, found.resent, len(found.in_doubt)) == (ExitCode.IN_DOUBT, (), 1)
    assert api.ask("SELECT state FROM batches") == ["in_doubt"]


async def test_a_batch_that_is_found_in_the_account_is_not_sent_again(api, run):
    """It would be doubled."""
    await run.migrate()
    api.there = [{"id": "t", **transaction()}]
    with pytest.raises(ConfigurationError, match="3 of 3 records read back are in the account"):
        await run.resolve()
    assert len(api.bodies) == 1
    assert api.ask("SELECT state FROM batches") == ["in_doubt"]


def change_unseen(export):
    """Change an export at a place that neither samples nor time reveal."""
    status = export.stat()
    content = export.read_bytes()
    unsampled = (status.st_size - 4096) // 32 + 4096  # between the second of 33 samples and the third
    place = content.index(b"xxx", unsampled)
    assert place < (status.st_size - 4096) // 32 * 2
    export.write_bytes(content[:place] + b"y" + content[place + 1 :])
    os.utime(export, ns=(status.st_atime_ns, status.st_mtime_ns))


async def in_doubt(api, run, count=3):
    """Leave two batches in doubt; return their ids."""
    api.answers.append("")
    summary = await run.migrate_two_kinds(count)
    assert [summary.kinds[kind].in_doubt for kind in ("events", "transactions")] == [count, count]
    return [
        *api.ask("SELECT id FROM batches WHERE kind = 'events'"),
        *api.ask("SELECT id FROM batches WHERE kind = 'transactions'"),
    ]


@pytest.mark.parametrize("what", ["resend", "accept", "discard"])
async def test_nothing_is_sent_or_decided_if_one_batch_is_refused(api, run, what):
    """The last batch is there: the first one is neither sent nor decided, and the error names the last."""
    events, transactions = await in_doubt(api, run)
    api.there = [{"id": "t", **transaction()}]
    decisions = RESEND if what == "resend" else Decisions(**{what: (events,)}, resend=(transactions,))
    with pytest.raises(ConfigurationError, match="3 of 3 records read back are in the account") as caught:
        await run.resolve(decisions)
    assert caught.value.place == f"batch {transactions} of transactions"
    assert len(api.bodies) == 2
    assert api.ask("SELECT state FROM batches") == ["in_doubt"] * 2
    assert api.ask("SELECT what FROM notes") == []


async def test_nothing_is_sent_or_decided_if_one_batch_has_changed(api, run):
    """The bytes of the last batch cannot be read again: the first one is not sent."""
    await in_doubt(api, run, count=1000)
    change_unseen(run.export)
    with pytest.raises(InputError, match="differ from what was sent"):
        await run.resolve()
    assert len(api.bodies) == 2
    assert api.ask("SELECT state FROM batches") == ["in_doubt"] * 2
    assert api.ask("SELECT what FROM notes") == []


async def test_several_batches_are_sent_again_after_all_are_read_back(api, run):
    """None of them is there."""
    await in_doubt(api, run)
    found = await run.resolve()
    assert (found.exit_code, len(found.resent), found.in_doubt) == (ExitCode.COMPLETE, 2, ())
    assert api.bodies == api.bodies[:2] * 2
    assert api.methods[-4:].count("POST") == 2
    assert api.methods[-2:] == ["POST", "POST"]


async def test_other_bytes_than_those_in_doubt_are_not_sent(api, run):
    """The export changed where neither its samples nor its time show it: the id of the batch does."""
    await run.migrate(count=1000)
    change_unseen(run.export)
    with pytest.raises(InputError, match="differ from what was sent"):
        await run.resolve()
    assert len(api.bodies) == 1


@pytest.mark.parametrize(
    ("decisions", "state", "note"),
    [
        (Decisions(accept=("all",), reason="the dashboard shows it"), "accepted", "accept"),
        (Decisions(discard=("all",), reason="the dashboard shows it"), "discarded", "discard"),
    ],
)
async def test_a_decision_costs_no_request_and_is_noted(api, run, decisions, state, note):
    """The decision is noted with the person and the reason."""
    await run.migrate()
    found = await run.resolve(decisions)
    assert (found.closes, found.in_doubt, len(api.bodies)) == (True, (), 1)
    assert api.ask("SELECT state FROM batches") == [state]
    assert api.ask("SELECT what FROM notes") == [note]
    assert api.ask("SELECT detail FROM notes") == ["the dashboard shows it"]
    assert api.ask("SELECT person FROM notes") == [name_person()]
