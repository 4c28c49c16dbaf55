"""A purchase that an earlier run sent to the account: it counts once, however that run ended."""

import json
from contextlib import closing

import anyio
import anyio.lowlevel
import msgspec
import pytest
from fakes import event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.core.sent_purchases import PurchaseKeys
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.edges.shared_dir.purchase_notes import Whose, create_notes, take_salt
from masivo_stream.flow.identity.account_binding import AccountBinding, identify_account
from masivo_stream.flow.identity.remembered import receivers_of
from masivo_stream.flow.identity.sent_purchases import PurchaseGuard, find_earlier, open_earlier
from masivo_stream.flow.reporting.find_examples import warn_of_repeats
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import PurchasesUnguarded
from masivo_stream.model.results import Entry

EVENTS = Kind.EVENTS


def bought(*names, who="c1", **fields):
    return {"id": who, "events": [event(name, **fields) for name in names]}


class Account:
    """Runs in state directories of their own that send to one account from one machine."""

    def __init__(self, path):
        self.path, self.worlds, self.applied, self.told = path, [], {}, []

    def run(self, records, **flags):
        """Return a new run, which was not started yet."""
        path = self.path / f"run-{len(self.worlds)}"
        path.mkdir()
        world = World(path)
        world.applied, world.flags = self.applied, {"shared_dir": str(self.path / "shared"), **flags}
        world.observer = self
        world.export(EVENTS, records)
        self.worlds.append(world)
        return world

    def notify(self, notice):
        self.told.append(notice)

    @property
    def counts(self):
        """How often each purchase was applied."""
        found = {}
        for (kind, _, item), count in self.applied.items():
            if kind == EVENTS:
                name = json.loads(item)["order"]["purchase_id"]
                found[name] = found.get(name, 0) + count
        return dict(sorted(found.items()))

    @property
    def lost(self):
        return [each.why for each in self.told if isinstance(each, PurchasesUnguarded)]


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)


def dead_letters(world):
    return [(letter["reason"], letter["line"], letter["items"]) for letter in world.dead_letters(EVENTS)]


def warnings(world):
    journal = open_journal(world.state / "journal.db", FakeClock().wall, writable=False)
    found = list(warn_of_repeats(journal.read))
    journal.close()
    return found


def test_an_old_purchase_in_a_new_export_is_held_back(account):
    """On another line: the same event is a dead letter, an altered one is sent with a warning, a new one is sent."""
    assert account.run([bought("a", "b"), bought("c", who="c2")]).live(Life()).exit_code == 0
    world = account.run([bought("new"), bought("b", "later"), bought("c", who="c2", type="REFUND")])
    summary = world.live(Life())
    assert (summary.exit_code, summary.closes, dead_letters(world)) == (3, True, [("sent_before", 2, [0])])
    assert account.counts == {"a": 1, "b": 1, "c": 2, "later": 1, "new": 1}
    assert ["1 event whose purchase_id an earlier run sent" in each for each in warnings(world)] == [True]
    (letter,) = world.dead_letters(EVENTS)
    assert str(account.worlds[0].state) in letter["message"]
    assert account.lost == []


async def test_the_last_notes_are_reported_if_they_cannot_be_written(tmp_path):
    """They are tried when the run closes: the event loop may have no turn after that."""
    settings = load_settings(flags={"shared_dir": str(tmp_path / "shared"), "remember_purchases": 1})
    credentials, clock, lost = Credentials(api_key=Secret("key")), FakeClock(), []
    body = json.dumps(bought("a", "b", "c")).encode()
    entry = Entry(file="e", line=1, offset=0, length=len(body), body=body, customer="c1", items=3, record_items=3)
    with closing(open_journal(tmp_path / "journal.db", clock.wall)) as journal:
        binding = AccountBinding(settings, credentials, clock)
        guard = PurchaseGuard(settings, journal.read, binding, tmp_path, lost.append)
        guard.accepted([entry])
        assert lost == []
        guard.close()
        assert len(lost) == 1
        assert "as many as remember_purchases allows" in lost[0]
    await anyio.lowlevel.checkpoint()
    assert len(lost) == 1


def test_a_run_does_not_compare_with_what_it_sent_itself(account):
    """It goes on with an export that grew, in further processes."""
    world = account.run([bought("a"), bought("b")])
    world.live(Life())
    world.export(EVENTS, [bought("a"), bought("b"), bought("c")])
    assert world.live(Life()).exit_code == 0
    assert (dead_letters(world), account.counts) == ([], {"a": 1, "b": 1, "c": 1})


def test_what_was_refused_or_is_pending_was_not_sent(account):
    """Only what was accepted is noted."""
    first = account.run([bought("a"), bought("b", fulfilled="yes")])
    first.live(Life())
    assert dead_letters(first)[0][0] == "wrong_type"
    world = account.run([bought("b")])
    assert (world.live(Life()).exit_code, account.counts) == (0, {"a": 1, "b": 1})


@pytest.mark.parametrize(("setting", "sent"), [("auto", 1), ("reject", 1), ("warn", 2), ("allow", 2)])
def test_a_retry_sends_an_unchanged_one_only_if_it_is_asked_to(setting, sent, account):
    """Also when the notes of the earlier run are gone."""
    account.run([bought("a")]).live(Life())
    world = account.run([bought("a")])
    assert world.live(Life()).exit_code == 3
    for path in (account.path / "shared" / "purchases").iterdir():
        path.unlink()
    world.flags["duplicate_purchase"] = setting
    world.live(Life(), retry_dead_letters)
    assert account.counts == {"a": sent}


def test_a_retry_sends_one_that_was_given_another_id(account):
    """It was another purchase."""
    account.run([bought("a")]).live(Life())
    world = account.run([bought("a")])
    world.live(Life())
    path = world.state / f"dead-letter.{EVENTS}.ndjson"
    path.write_text(path.read_text().replace('\\"a\\"', '\\"a2\\"', 1))
    world.live(Life(), retry_dead_letters)
    assert (dead_letters(world), account.counts) == ([], {"a": 1, "a2": 1})


def test_nothing_is_remembered_if_the_settings_say_so(account):
    """Neither noted nor looked for."""
    account.run([bought("a")], remember_purchases=0).live(Life())
    assert not (account.path / "shared" / "purchases").exists()
    account.run([bought("a")]).live(Life())
    account.run([bought("a")], remember_purchases=0).live(Life())
    assert account.counts == {"a": 3}


def test_two_runs_see_what_the_other_sent_before_they_began(account):
    """Each notes into a file of its own."""
    one, other = account.run([bought("a")]), account.run([bought("b")])
    for world in (one, other):
        world.live(Life())
    world = account.run([bought("b"), bought("a"), bought("c")])
    world.live(Life())
    assert [line for _, line, _ in dead_letters(world)] == [1, 2]
    assert account.counts == {"a": 1, "b": 1, "c": 1}


def test_a_process_may_die_at_any_operation(tmp_path):
    """What its journal knows to be accepted, the next run knows: nothing counts twice but what was in doubt."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        account = Account(path)
        first = account.run([bought(f"a{number}") for number in range(3)])
        died = first.live(Life(dies_at)) is None
        arrived = dict(account.counts)
        world = account.run([bought("new"), *(bought(f"a{number}") for number in range(3))])
        assert world.live(Life()).closes
        doubled = [name for name, count in account.counts.items() if count > 1]
        accepted = journal_accepted(first)
        assert not doubled or not accepted, (dies_at, doubled, accepted)
        assert set(account.counts) == {"new", "a0", "a1", "a2"} >= set(arrived)
        dies_at += 1
    assert dies_at > 5


@pytest.mark.parametrize("change", [{"content_check": 1}, {"names": ("other",)}, {"journal": "own"}])
def test_notes_are_used_for_what_they_are(change, tmp_path):
    """Of another version of Python: never the same event. Of another account, or of the run itself: not at all."""
    settled = load_settings(flags={"shared_dir": str(tmp_path), "base_url": "http://127.0.0.1:1/"})
    account_ = identify_account(settled, Credentials(api_key=Secret("key")))
    salt = take_salt(tmp_path)
    whose = Whose(journal="j", names=(receivers_of(account_).owner,), state_dir="/old", at="2026")
    writer = create_notes(tmp_path, msgspec.structs.replace(whose, **change), salt, 100)
    keys = PurchaseKeys(salt)
    writer.append(keys.of(["c"], ["p"])[0] + bytes(4))
    writer.close()
    found = find_earlier(settled, account_, own="own")
    if "content_check" not in change:
        assert found is None
        return
    sent, warnings = anyio.run(open_earlier, found, tmp_path, None)
    ((_, run),) = sent.find(keys.of(["c"], ["p"]))[0]
    assert (run.state_dir, run.sure, run.comparable, warnings) == ("/old", True, False, [])
    sent.close()


def journal_accepted(world):
    journal = open_journal(world.state / "journal.db", FakeClock().wall, writable=False)
    figures = journal.read.figures(EVENTS)
    journal.close()
    return 0 if figures is None else figures.items.get("ACCEPTED", 0)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    exports=st.lists(st.lists(st.lists(st.sampled_from("pqrstu"), min_size=1, max_size=3), max_size=4), max_size=3),
    deaths=st.lists(st.integers(1, 30), max_size=3),
)
def test_any_runs_and_deaths(tmp_path_factory, exports, deaths):
    """Each purchase counts once over all runs, if every run comes to its end before the next one begins."""
    account = Account(tmp_path_factory.mktemp("account"))
    for records in exports:
        world = account.run([bought(*names) for names in records])
        for dies_at in deaths:
            world.live(Life(dies_at))
        summary = world.live(Life())
        assert summary.closes
        doubtful = summary.outcome == "in_doubt"
        wanted = {name for names in records for name in names}
        assert wanted <= set(account.counts) or doubtful
        assert (
            max(account.counts.values(), default=0) <= 1
            or doubtful
            or any(world.doubts(EVENTS) for world in account.worlds)
        )
