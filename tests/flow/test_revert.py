"""Reverts are noted before their first byte. No run continues after a partial one, or one of unknown outcome."""

import json
import sqlite3
from contextlib import closing

import pytest
from edges.raw_server import answer, serving
from fakes import record, write_export

from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.revert import revert
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.exports import Exports
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, DeniedError, OutageError

ALL = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
BEFORE = {"start": "2020-01-01T00:00:00Z", "end": "2020-02-01T00:00:00Z"}
LOST = ""


class Migrated:
    """A server, and a run that has sent everything it had to."""

    def __init__(self, folder):
        self.folder, self.state = folder, folder / "state"
        self.said, self.noted = "200 OK", []
        self.told = b'{"customers":1}'
        self.posts = 0

    async def play(self, peer):
        await peer.read_request()
        if not peer.request_line.startswith("DELETE"):
            self.posts += 1
            await peer.send(answer())
            return
        self.noted.append(self.notes())
        await (peer.send(answer(self.said, self.told)) if self.said else peer.reset())

    def notes(self):
        with closing(sqlite3.connect(self.state / "journal.db")) as journal:
            return [row[0] for row in journal.execute("SELECT what FROM notes").fetchall()]

    def settle(self, url):
        flags = {"base_url": url, "state_dir": str(self.state), "shared_dir": str(self.folder / "shared")}
        self.settings = load_settings(flags={**flags, "limit": "none", "sample": 0})
        self.credentials = Credentials(token=Secret("the-token"))
        self.export = write_export(self.folder / "in", [record(Kind.CUSTOMERS, 1)])

    async def migrate(self):
        return await migrate(self.settings, self.credentials, Exports(customers=[self.export]))

    async def revert(self, period):
        await revert(self.settings, self.credentials, **period)


@pytest.fixture
async def migrated(tmp_path):
    run = Migrated(tmp_path)
    async with serving(run.play) as server:
        run.settle(server.url)
        assert (await run.migrate()).outcome == "complete"
        yield run


async def test_a_revert_is_noted_before_its_first_byte(migrated):
    """When it is done, the run is put aside, and its state directory starts from the beginning."""
    await migrated.revert(ALL)
    assert migrated.noted == [["revert begun"]]
    assert (migrated.state / "reverted-1" / "journal.db").exists()
    left = json.loads((migrated.state / "reverted-1" / "report.json").read_text())
    assert (left["outcome"], left["message"]) == ("stopped", "all of this run was taken back")
    assert [decision["what"] for decision in left["decisions"]] == ["revert begun", "reverted"]
    assert left["decisions"][1]["detail"].endswith(": all of this run")
    await migrated.migrate()
    assert migrated.posts == 2


async def test_a_revert_without_a_number_leaves_a_choice(migrated):
    """Customers with a transaction of their own since are still there: this is reported, and left to a person."""
    migrated.told = b"{}"
    await migrated.revert(ALL)
    assert not (migrated.state / "reverted-1").exists()
    told = status(str(migrated.state))
    assert (told.outcome, told.exit_code) == ("stopped", 2)
    assert "who have made a transaction of their own" in told.message
    assert "--only-missing" in told.hint
    await migrated.migrate()
    assert (migrated.state / "reverted-1" / "journal.db").exists()
    assert migrated.posts == 2


@pytest.mark.parametrize(
    "told", [b'{"customers":0}', b'{"customers":3}', b'{"customers":-1}', b"", b'{"customers":"1"}']
)
async def test_only_a_matching_number_shows_that_everything_is_reverted(migrated, told):
    """Zero, more than the run has, or no number at all: the run is not put aside."""
    migrated.told = told
    await migrated.revert(ALL)
    assert not (migrated.state / "reverted-1").exists()


async def test_a_revert_with_an_unknown_outcome_blocks_the_run(migrated):
    """If it took effect, continuing would lose records. If not, starting from the beginning would double them."""
    migrated.said = LOST
    with pytest.raises(OutageError, match="may have taken effect"):
        await migrated.revert(ALL)
    assert migrated.notes() == ["revert begun"]
    with pytest.raises(ConfigurationError, match="it is not known whether it took effect"):
        await migrated.migrate()
    migrated.said = "403 Forbidden"  # says nothing of the first one
    with pytest.raises(DeniedError):
        await migrated.revert(ALL)
    with pytest.raises(ConfigurationError, match="it is not known whether it took effect"):
        await migrated.migrate()
    assert migrated.posts == 1
    migrated.said = "200 OK"
    await migrated.revert(ALL)
    await migrated.migrate()
    assert migrated.posts == 2


async def test_a_revert_of_another_period_changes_nothing(migrated):
    """Nothing of this run is in it."""
    await migrated.revert(BEFORE)
    assert (await migrated.migrate()).outcome == "complete"
    assert migrated.posts == 1


async def test_a_revert_that_was_refused_changes_nothing(migrated):
    """The run continues where it was."""
    migrated.said = "403 Forbidden"
    with pytest.raises(DeniedError):
        await migrated.revert(ALL)
    assert migrated.notes() == ["revert begun", "not reverted"]
    assert (await migrated.migrate()).outcome == "complete"
    assert migrated.posts == 1
