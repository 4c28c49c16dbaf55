"""An account receives an export once, and a state directory belongs to one account: against a sandbox."""

import base64
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import anyio
import msgspec
import pytest
from flow.migration import Migration
from flow.windows_server import numbered

from masivo_stream.edges.config import load_settings
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.commands.retry import retry
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.identity.account_binding import AccountBinding, Confirmations
from masivo_stream.flow.identity.remembered import receivers_of
from masivo_stream.flow.identity.send_once import NotingJournal
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, OutageError
from masivo_stream.model.progress import START, Figures, Progress
from masivo_stream.model.states import NoteKind
from masivo_stream.sandbox import SandboxOptions, parse_fault, running

pytestmark = pytest.mark.slow


@pytest.fixture
async def run(tmp_path):
    """A migration of customers and events to a sandbox of its own."""
    async with running(SandboxOptions(visible_after=0.02)) as sandbox:
        migration = Migration(tmp_path, sandbox)
        migration.generate(40, kinds=(Kind.CUSTOMERS, Kind.EVENTS))
        yield migration


async def counted(run):
    while (ledger := run.sandbox.ledger()).queue:  # noqa: ASYNC110 - the sandbox has no event for it
        await anyio.sleep(0.01)
    return sorted({count for bought in ledger.events.values() for count in bought.values()})


def sent_by(folder):
    with closing(sqlite3.connect(folder / "shared/sent.db")) as memory:
        return memory.execute("SELECT kind, source, trail FROM exports ORDER BY kind").fetchall()


async def again(run, *, state, confirmations=None, customers=True, events=None):
    return await migrate(
        run.settings_with(state_dir=str(run.folder / state)),
        run.credentials,
        Exports(
            customers=[str(run.path(Kind.CUSTOMERS))] if customers else [],
            events=[str(events or run.path(Kind.EVENTS))],
        ),
        confirmations=confirmations,
    )


async def test_an_export_that_the_account_has_is_refused_although_no_token_comes(tmp_path):
    """The second run asks for a token, which may name the account; its key alone shows that the export was sent."""
    faults = (parse_fault("badtoken,at=2"),)
    async with running(SandboxOptions(visible_after=0.02, faults=faults)) as sandbox:
        run = Migration(tmp_path, sandbox)
        run.generate(10, kinds=(Kind.CUSTOMERS,))
        assert (await run.migrate()).exit_code == 0
        with pytest.raises(ConfigurationError, match="already has this export"):
            await run.migrate(state_dir=str(tmp_path / "another"))
        assert sandbox.ledger().requests["customers"] == {"201": 1}


async def test_an_export_is_noted_before_its_first_batch_leaves(run, tmp_path):
    """So a process that dies with the batch in flight is known to have begun."""

    class Looking:
        noted = None

        def notify(self, notice):
            if type(notice).__name__ == "BatchDeparted" and self.noted is None:
                self.noted = [kind for kind, *_ in sent_by(tmp_path)]

    looking = Looking()
    assert (await run.migrate(observer=looking)).exit_code == 0
    assert looking.noted == ["customers"]
    assert [kind for kind, *_ in sent_by(tmp_path)] == ["customers", "events"]


async def test_the_read_position_is_noted_at_the_end(run, tmp_path):
    """The trail of each export ends where the export does."""
    await run.migrate()
    for kind, _, trail in sent_by(tmp_path):
        with closing(open_journal(tmp_path / "state/journal.db", lambda: None, writable=False)) as journal:
            ((length, crc, _),) = journal.read.consumed(Kind(kind)).values()
        assert length == (tmp_path / f"{kind}.ndjson").stat().st_size
        assert trail.endswith(_packed((length, crc)))


def _packed(step):
    return msgspec.msgpack.encode(step)


def requests_noted(folder):
    """Return how many requests are noted of the only run, and how many its journal knows."""
    with closing(sqlite3.connect(folder / "shared/sent.db")) as memory:
        noted = [sends for (sends,) in memory.execute("SELECT sends FROM runs")]
    with closing(open_journal(folder / "state/journal.db", lambda: None, writable=False)) as journal:
        return sum(noted), journal.read.sends()


async def test_never_more_requests_are_noted_than_the_journal_knows(run, tmp_path):
    """So a run that dies at any moment continues.

    The first request is noted before it leaves, all of them at the end.
    """

    class Looking:
        def __init__(self):
            self.seen = []

        def notify(self, notice):
            if type(notice).__name__ in {"BatchDeparted", "BatchAccepted"}:
                self.seen.append(requests_noted(tmp_path))

    looking = Looking()
    assert (await run.migrate(observer=looking)).exit_code == 0
    assert looking.seen[0][0] == 1
    assert all(noted <= known for noted, known in looking.seen)
    assert requests_noted(tmp_path) == (2, 2)


async def test_a_request_that_could_not_be_noted_is_not_counted():
    """What the journal does not know is not counted: a killed run would be refused its own directory."""
    order = []

    class Journal:
        async def send(self, *_):
            order.append("noted")

        async def send_again(self, *_):
            order.append("noted")

    progress = Progress(
        read_position=START, checkpoint=START, figures=Figures(), consumed=(), dead_letters_bytes=0, dead=()
    )
    noting = NotingJournal(Journal(), lambda _: None, lambda *_: None, lambda: order.append("counted"))
    await noting.send(numbered(1), progress, lambda: None)
    await noting.send_again("b")
    assert order == ["noted", "counted"] * 2


async def test_a_run_with_fewer_noted_requests_than_sent_continues(run, tmp_path):
    """It was killed before more was noted, or was begun by a version that noted nothing."""
    await run.migrate()
    with closing(sqlite3.connect(tmp_path / "shared/sent.db", isolation_level=None)) as memory:
        memory.execute("UPDATE runs SET sends = 0")
    assert (await run.migrate()).exit_code == 0


def correct(folder, kind, corrected):
    path = folder / f"dead-letter.{kind}.ndjson"
    letters = [json.loads(line) for line in path.read_bytes().splitlines()]
    path.write_text("".join(json.dumps({**letter, "raw": corrected}) + "\n" for letter in letters))


@pytest.fixture
async def retried(run):
    """A run whose dead letter a retry has sent, and its state directory as it was before, at `old`."""
    content = run.path(Kind.EVENTS).read_bytes().splitlines(keepends=True)
    right = content[7].decode().rstrip("\n")
    run.path(Kind.EVENTS).write_bytes(b"".join([*content[:7], b'{"id": 5}\n', *content[8:]]))
    assert (await run.migrate()).exit_code == 3
    correct(run.folder / "state", Kind.EVENTS, right)
    shutil.copytree(run.folder / "state", run.folder / "old")
    assert (await retry(run.settings, run.credentials)).exit_code == 0
    assert await counted(run) == [1]
    return run


def put_back(run):
    (run.folder / "state").rename(run.folder / "newest")
    (run.folder / "old").rename(run.folder / "state")


async def test_a_directory_older_than_a_retry_is_refused(retried):
    """It would send the corrected dead letters again. The newest one continues."""
    put_back(retried)
    with pytest.raises(ConfigurationError, match="older than what was sent from it: it knows 2 of 3 requests"):
        await retry(retried.settings, retried.credentials)
    assert (retried.folder / "state/dead-letter.events.ndjson").read_bytes()  # it has taken none of them
    with pytest.raises(ConfigurationError, match="older than what was sent from it"):
        await retried.migrate()
    assert await counted(retried) == [1]
    shutil.rmtree(retried.folder / "state")
    (retried.folder / "newest").rename(retried.folder / "state")
    assert (await retry(retried.settings, retried.credentials)).exit_code == 0
    assert (await retried.migrate()).exit_code == 0
    assert await counted(retried) == [1]


async def test_a_directory_older_than_a_retry_continues_after_a_confirmation(retried):
    """The confirmation is noted once, and needed once: what is sent then is doubled."""
    put_back(retried)
    stopped = await again(retried, state="state", confirmations=Confirmations(again=True))
    assert (stopped.exit_code, stopped.hint.partition(" sends")[0]) == (2, "masivo-stream retry")  # they are corrected
    assert (await retry(retried.settings, retried.credentials)).exit_code == 0
    assert await counted(retried) == [1, 2]
    with closing(open_journal(retried.folder / "state/journal.db", lambda: None, writable=False)) as journal:
        assert len(journal.read.notes(NoteKind.AGAIN)) == 1


async def test_the_read_position_noted_by_an_earlier_version_shows_an_older_directory(run, tmp_path):
    """How far exports were read shows it too."""
    await run.migrate()
    shutil.copytree(tmp_path / "state", tmp_path / "old")
    with run.path(Kind.EVENTS).open("ab") as export:
        line = run.path(Kind.EVENTS).read_bytes().splitlines(keepends=True)[0]
        export.write(line.replace(b'"purchase_id":"', b'"purchase_id":"new-'))
    assert (await run.migrate()).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "shared/sent.db", isolation_level=None)) as memory:
        memory.execute("ALTER TABLE runs DROP COLUMN sends")
        memory.execute("PRAGMA user_version = 1")
    put_back(run)
    with pytest.raises(ConfigurationError, match=r"it knows 40 lines of .*, but 41 were read"):
        await run.migrate()
    assert await counted(run) == [1]


async def test_the_same_export_from_elsewhere_is_refused(run):
    """Nothing is sent twice; if a person confirms it, it is sent, and the confirmation is noted."""
    await run.migrate()
    with pytest.raises(ConfigurationError, match="already has this export") as caught:
        await again(run, state="second")
    assert str(run.folder / "state") in caught.value.hint
    assert await counted(run) == [1]
    summary = await again(run, state="second", confirmations=Confirmations(again=True), customers=False)
    assert summary.kinds["events"].accepted == 40
    assert await counted(run) == [2]
    with closing(open_journal(run.folder / "second/journal.db", lambda: None, writable=False)) as journal:
        assert len(journal.read.notes(NoteKind.AGAIN)) == 1


async def test_a_run_of_a_version_that_noted_nothing_is_noted_when_it_continues(run):
    """Its journal knows what it has sent: it is not refused, and others are from then on."""
    await run.migrate()
    shutil.rmtree(run.folder / "shared")
    assert (await run.migrate()).exit_code == 0
    assert [kind for kind, *_ in sent_by(run.folder)] == ["customers", "events"]
    with pytest.raises(ConfigurationError, match="already has this export"):
        await again(run, state="second")


async def test_one_of_two_simultaneous_runs_sends_the_export(run):
    """Both have looked before either had sent; the second is stopped before its first batch."""
    shutil.copy(run.path(Kind.CUSTOMERS), run.folder / "copy.ndjson")
    ended = {}

    async def start(name, state):
        ended[state] = await migrate(
            run.settings_with(state_dir=str(run.folder / state), limit="1/0.2s"),
            run.credentials,
            Exports(customers=[str(run.folder / name)]),
        )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start, "customers.ndjson", "one")
        tasks.start_soon(start, "copy.ndjson", "two")
    assert sorted(summary.exit_code for summary in ended.values()) == [0, 2]
    assert all(summary.closes for summary in ended.values())
    assert set(run.sandbox.ledger().customers.values()) == {1}
    assert run.sandbox.ledger().requests["customers"] == {"201": 1}


async def test_a_plan_reports_what_a_migration_would_refuse(run, tmp_path):
    """With the key that names the account, and in another state directory: in its own, the run continues."""
    await run.migrate()
    named = {"customers": [str(run.path(Kind.CUSTOMERS))], "events": [str(run.path(Kind.EVENTS))]}
    elsewhere = run.settings_with(state_dir=str(tmp_path / "elsewhere"))
    for settings, credentials, refused in (
        (elsewhere, run.credentials, 2),
        (elsewhere, None, 0),
        (run.settings, run.credentials, 0),
    ):
        warnings = (await plan(settings, Exports(**named), credentials=credentials)).warnings
        assert sum("migrate refuses it" in warning for warning in warnings) == refused, warnings


async def test_another_key_or_address_is_another_account(run, tmp_path):
    """It is refused before the exports are read, unless a person confirms that they are one, which is noted."""
    await run.migrate()
    other = Credentials(api_key=Secret("9d7e3d8f-0000-4000-8000-000000000000"))
    before = run.sandbox.ledger().requests
    for settings, credentials in (
        (run.settings, other),
        (run.settings_with(base_url="http://localhost:1/v1"), run.credentials),
    ):
        with pytest.raises(ConfigurationError, match="the run in this state directory has sent to") as caught:
            await migrate(settings, credentials, Exports(customers=[str(run.path("customers"))]))
        assert "--same-account" in caught.value.hint
    assert run.sandbox.ledger().requests == before
    confirmed = Confirmations(same_account=True)
    named = {kind: [str(run.path(kind))] for kind in ("customers", "events")}
    assert (await migrate(run.settings, other, Exports(**named), confirmations=confirmed)).exit_code == 0
    assert run.sandbox.ledger().requests == before
    with closing(open_journal(tmp_path / "state/journal.db", lambda: None, writable=False)) as journal:
        (note,) = journal.read.notes(NoteKind.SAME_ACCOUNT)
    assert f"127.0.0.1:{run.sandbox.url.split(':')[2].split('/')[0]}" in note.words


async def test_the_account_is_shown_in_summary_report_and_log(run):
    """Address and fingerprint, the same everywhere."""

    class Heard:
        started = None

        def notify(self, notice):
            if type(notice).__name__ == "RunStarted":
                self.started = notice

    heard = Heard()
    summary = await run.migrate(observer=heard)
    report = json.loads((run.folder / "state/report.json").read_bytes())
    assert summary.target == report["target"] == heard.started.target == run.sandbox.url.rpartition("/api")[0]
    assert summary.account == report["account"]
    assert len(summary.account) == 8


class Clock:
    def wall(self):
        return datetime(2026, 1, 1, tzinfo=UTC)


class Tokens:
    def __init__(self, answer, binding):
        self.answer, self.binding = answer, binding

    async def prepare(self):
        if isinstance(self.answer, str):
            await self.binding.admit(self.answer)
        return self.answer


def binding_of(confirmations=None, **secret):
    settings = load_settings(flags={"base_url": "http://127.0.0.1:1/v1"})
    credentials = Credentials(**{name: Secret(text) for name, text in secret.items()})
    return AccountBinding(settings, credentials, Clock(), confirmations)


def token(**claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{part}.x"


@pytest.fixture
def journal(tmp_path):
    """A journal that has sent something, begun with a ready token of the account 7."""
    with closing(open_journal(tmp_path / "journal.db", Clock().wall)) as opened:
        binding_of(token=token(account_id="7", iat=1)).enter(opened)
        opened._connection.execute("INSERT INTO batches (id, kind, sent_at) VALUES ('b', 'events', '2026')")
        yield opened


async def test_a_key_is_proven_by_its_first_token(journal):
    """Before anything else; then it is known."""
    binding = binding_of(api_key="k")
    binding.enter(journal)
    await binding.prove(Tokens(token(account_id="7", iat=5), binding))
    again = binding_of(api_key="k")
    again.enter(journal)
    await again.prove(Tokens(None, again))
    assert len(journal.read.accounts()) == 1


@pytest.mark.parametrize("answer", [token(account_id="8"), token(iat=5), "opaque"])
async def test_a_key_whose_tokens_do_not_name_its_account_is_refused(journal, answer):
    """It cannot be proven."""
    binding = binding_of(api_key="k")
    binding.enter(journal)
    with pytest.raises(ConfigurationError, match="has sent to"):
        await binding.prove(Tokens(answer, binding))


async def test_nothing_is_proven_without_a_token(journal):
    """The flag that the hint names needs no token."""
    binding = binding_of(api_key="k")
    binding.enter(journal)
    with pytest.raises(OutageError) as caught:
        await binding.prove(Tokens(object(), binding))
    assert "--same-account" in caught.value.hint
    said = binding_of(api_key="k", confirmations=Confirmations(same_account=True))
    said.enter(journal)
    await said.prove(Tokens(None, said))
    assert len(journal.read.accounts()) == 2


async def test_a_token_of_another_account_in_the_middle_of_a_run_is_refused(journal):
    """A renewed one may belong to any account."""
    binding = binding_of(api_key="k")
    binding.enter(journal)
    await binding.prove(Tokens(token(account_id="7"), binding))
    await binding.admit(token(account_id="7", iat=9))
    with pytest.raises(ConfigurationError):
        await binding.admit(token(account_id="8"))


async def test_the_account_may_change_until_something_is_sent(journal):
    """A corrected key is not another account."""
    journal._connection.execute("DELETE FROM batches")
    for key in ("wrong", "right"):
        binding = binding_of(api_key=key)
        binding.enter(journal)
    assert [account.keys for account in journal.read.accounts()] == [(binding.account.owner,)]
    assert receivers_of(binding.account).name == receivers_of(binding.account).owner
