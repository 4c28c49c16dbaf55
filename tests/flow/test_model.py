"""Any history of exports, servers, deaths and restarts: nothing lost, nothing doubled, nothing unexplained.

A Hypothesis state machine drives whole migrations in process: the real flow, journal and files in a temporary state
directory, over a server in memory (`model_server`), in virtual time (`virtual_time`). Exports grow by lines of every
sort, the server has moods, processes die at any operation, are stopped, or end by themselves; the wall clock is set
back and forth; a line that was read is edited.

After every rule (`model_laws`): every line read has one outcome; figures are those of the lines, and close; dead
letters are in the file once, with their place, bytes and a true reason; what is in doubt is listed, and may really have
been applied; what is accepted was applied, in one request, in its own bytes; nothing is applied twice, nor sent again
where it may have been; requests keep to the limits and windows; what was reported is durable. A run that has ended by
itself is followed by one that sends nothing. At the end the server is friendly, everything is settled, and nothing is
lost.

As much as there is patience for, in new examples every time:
`MODEL_EXAMPLES=2000 pytest tests/flow/test_model.py -k any_history --timeout 0`.
"""

import inspect
import os
import shutil
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from model_exports import SHAPES, Recipe
from model_laws import Audit, everything_is_settled, hold
from model_server import MOODS
from model_world import KINDS, ModelJournal, Process, World
from msgspec import structs

from masivo_stream.model.errors import ConfigurationError, ExitCode, InputError

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a commit there costs no disk; each test has a directory of its own
MOST_RUNS = 40
"""Runs that may be needed to the end: one that meets many refusals in a row stops, and the next goes on."""

kinds = st.sampled_from(KINDS)
recipes = st.lists(
    st.builds(
        Recipe, st.sampled_from(SHAPES), st.one_of(st.integers(1, 4), st.integers(1, 30)), st.integers(0, 2),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
processes = st.builds(
    Process,
    uploaders=st.integers(1, 3),
    most_bytes=st.sampled_from([1024, 1500, 4000]),
    look_ahead=st.integers(1, 4),
    limit=st.sampled_from(["1/1s", "2/1s,5/10s"]),
    pause=st.sampled_from([0.0, 5.0, 100.0]),
    ahead=st.sampled_from([0.0, 0.0, -1e6, -50.0, 1e6]),
)
tears = st.tuples(kinds, st.sampled_from([b"", b"", b'{"kind"', b"\n\xff"]))

USUAL = Process()


class History(RuleBasedStateMachine):
    """The world, and what may happen in it."""

    journal = ModelJournal
    welcomes_repeats = True

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.world = World(Path(self.folder.name), self.journal, self.welcomes_repeats)
        self.moves = 0

    @initialize(first=recipes, second=recipes, third=recipes)
    def begin(self, first, second, third):
        for kind, made in zip(KINDS, (first, second, third), strict=True):
            self.world.exports.append(kind, made, source=0, unfinished=False)

    @rule(kind=kinds, made=recipes, source=st.integers(0, 1), unfinished=st.booleans())
    def append(self, kind, made, source, unfinished):
        self.world.exports.append(kind, made, source=source, unfinished=unfinished)
        self.world.changed = True

    @rule(mood=st.sampled_from(sorted(MOODS)), requests=st.integers(1, 6), later=st.integers(0, 8))
    def get_moody(self, mood, requests, later):
        """After `later` friendly answers, the server gives a number of unfriendly ones."""
        self.world.server.moods.extend([MOODS["accept"]] * later + [MOODS[mood]] * requests)

    @rule(dies_at=st.integers(1, 25), process=processes, torn=tears)
    def die_early(self, dies_at, process, torn):
        self._die(replace(process, dies_at=dies_at), torn)

    @rule(dies_at=st.integers(15, 90), process=processes, torn=tears)
    def die_late(self, dies_at, process, torn):
        self._die(replace(process, dies_at=dies_at), torn)

    def _die(self, process, torn):
        """The process may have written more dead letters than it counted."""
        self._run(process)
        kind, left = torn
        if left and self.world.endings[-1].summary is None:
            self.world.tear(kind, left)

    @rule(stops_after=st.floats(0, 40), process=processes)
    def be_stopped(self, stops_after, process):
        self._run(replace(process, stops_after=stops_after))

    @rule(process=processes)
    def come_to_an_end(self, process):
        self._run(process)

    def _run(self, process):
        self.world.now += process.pause
        rested = not self.world.changed
        ending = self.world.live(process)
        note(f"{ending.requests} requests, {ending.summary and ending.summary.outcome}")
        assert not (rested and ending.requests), "a run that was complete sends again"
        if ending.summary is not None:
            self._check(ending)
        elif not rested:
            self.world.changed = True

    def _check(self, ending):
        summary = ending.summary
        assert summary.closes, summary.message
        assert summary.exit_code != ExitCode.BUG, summary.message
        assert summary.outcome != "interrupted" or ending.process.stops_after is not None
        refused = "requests in a row were refused" in summary.message
        held = "the server lets nothing through" in summary.message
        torn = "ends within a line" in summary.message and self.world.exports.torn
        assert summary.outcome != "stopped" or ending.moody or refused or held or torn, summary.message
        self.world.changed = summary.outcome in ("stopped", "interrupted")

    @rule(kind=kinds, source=st.integers(0, 1), part=st.floats(0, 1, exclude_max=True))
    def tamper(self, kind, source, part):
        """A line that was read is edited."""
        consumed = self._consumed(kind)
        if consumed.get(source):
            self._is_refused(self.world.exports.edit(kind, source, int(consumed[source] * part)))

    @rule(kind=kinds, source=st.integers(0, 1), packed=st.booleans())
    def move(self, kind, source, packed):
        """An export is moved, and compressed differently."""
        if source < len(self.world.exports.paths[kind]):
            self.world.exports.move(kind, source, packed=packed)

    @rule(kind=kinds, source=st.integers(0, 1), part=st.floats(0, 1, exclude_max=True))
    def cut_and_restore(self, kind, source, part):
        """Part of what was read is missing. A start in between sends nothing, and changes nothing."""
        consumed = self._consumed(kind)
        if consumed.get(source):
            self._is_refused(self.world.exports.cut(kind, source, int(consumed[source] * part)))

    @rule()
    def start_with_another_key(self):
        """The key belongs to another account, which matters as soon as the run has sent something."""
        if any(attempt.accepted for attempt in self.world.server.attempts):
            self._is_refused(process=Process(key="00000000-0000-4000-8000-000000000000"))

    @rule()
    def start_in_another_directory(self):
        """What the account has received is known there, too."""
        other = self.world.folder / "other"
        if self.world.server.attempts:
            other.mkdir(mode=0o700)
            self._is_refused(lambda: shutil.rmtree(other), Process(state=other))

    @rule(kind=kinds, source=st.integers(0, 1), packed=st.booleans())
    def name_a_copy_as_well(self, kind, source, packed):
        """Whatever its name and compression are, the account has received it."""
        if self.world.has_sent(kind, source):
            copy = self.world.exports.copy(kind, source, packed=packed)
            self._is_refused(copy.unlink, Process(also=(kind, copy)))

    @rule()
    def start_with_a_copy_of_the_state(self):
        """The original is still there, where it was used last."""
        copy = self.world.folder / "copied"
        if self.world.last_place == str(self.world.state):
            shutil.copytree(self.world.state, copy)
            self._is_refused(lambda: shutil.rmtree(copy), Process(state=copy))

    @rule()
    def move_the_state(self):
        """It continues where it is."""
        self.moves += 1
        self.world.state = self.world.state.rename(self.world.folder / f"state-{self.moves}")

    def _consumed(self, kind):
        return Audit(self.world, kind).consumed if self.world.endings else {}

    def _is_refused(self, restore=lambda: None, process=USUAL):
        before = len(self.world.server.attempts)
        with pytest.raises((InputError, ConfigurationError)):  # the latter where it was moved: it is not recognised
            self.world.live(process)
        assert len(self.world.server.attempts) == before, "something was sent"
        restore()

    @invariant()
    def laws_hold(self):
        assert not self.world.server.violations, self.world.server.violations[:3]
        if self.world.endings:
            for kind in KINDS:
                hold(Audit(self.world, kind))

    def teardown(self):
        try:
            if self.world.named:
                self._come_to_an_end()
        finally:
            self.folder.cleanup()

    def _come_to_an_end(self):
        self.world.server.moods.clear()
        if self.world.exports.torn:
            self.world.exports.finish()
            self.world.changed = True
        for _ in range(MOST_RUNS):
            self._run(Process(most_bytes=4000, pause=500.0))
            self.laws_hold()
            if not self.world.changed:
                break
        self._run(Process(most_bytes=4000, pause=500.0))  # sends nothing
        self.laws_hold()
        self.world.server.pass_time(float("inf"))
        for kind in KINDS:
            everything_is_settled(Audit(self.world, kind))


FIRST_FOUND = {"phases": [Phase.generate], "database": None, "derandomize": True, "report_multiple_bugs": False}


def profile(examples, **others):
    """Return settings under which the machine's speed and the number of rules say nothing about the program."""
    return settings(
        max_examples=examples,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **others,
    )


# CI draws the same histories every time, so more of them find nothing new there: they are for a developer.
MANY, FEWER = (75, 50) if settings.get_current_profile_name() == "ci" else (150, 100)


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES else 1800)
def test_every_law_holds_in_any_history():
    run_state_machine_as_test(History, settings=profile(EXAMPLES or MANY))


class FreeHistory(History):
    """Like `History`, without a limit: more tasks are at work, and an outcome and the next attempt share a commit.

    A process without limits keeps no quota: a later one knows nothing of its requests, nor of what the server asked
    for.
    """

    def _run(self, process):
        self.world.server.holds.clear()
        super()._run(replace(process, limit="none"))


@pytest.mark.slow
def test_every_law_holds_in_any_history_without_limits():
    run_state_machine_as_test(FreeHistory, settings=profile(EXAMPLES or FEWER, **FIRST_FOUND))


class StrictHistory(History):
    """Like `History`, with every law for customers, too, over a server that refuses customers it knows."""

    welcomes_repeats = False


@pytest.mark.slow
def test_every_law_holds_for_customers_with_an_unknown_outcome():
    run_state_machine_as_test(StrictHistory, settings=profile(EXAMPLES or MANY, **FIRST_FOUND))


# Programs that are wrong in one point each.

SOON_FOUND = 4
"""Begin with histories in which each of them is found soon. Any others would do, up to thirty times as many."""


def statements_of(progress):
    return [] if progress is None else [*progress.reached, *progress.once]


class Forgetful(ModelJournal):
    """Delays the note before the request until the next call, which is the one after the answer."""

    held = ()
    sending = False

    async def send(self, *what):
        self.sending = True
        await super().send(*what)

    async def _write(self, own, progress=None, sync=None, *, outcome_of=""):
        statements = [*own, *statements_of(progress)]
        if self.sending:
            self.sending, self.held = False, [*self.held, *statements]
            return
        held, self.held = self.held, ()
        await super()._write([*held, *statements], None, sync, outcome_of=outcome_of)


class Belated(ModelJournal):
    """Reports an outcome, and commits it one call later."""

    held = ()
    settling = False

    async def settle(self, *what):
        self.settling = True
        await super().settle(*what)

    async def remove(self, *what):
        self.settling = True
        await super().remove(*what)

    async def _write(self, own, progress=None, sync=None, *, outcome_of=""):
        statements, held, self.held = [*own, *statements_of(progress)], list(self.held), []
        if self.settling:
            self.settling, self.held, statements = False, statements, []
        if held or statements:
            await super()._write([*held, *statements], None, sync, outcome_of=outcome_of)


class KeepsTheTail(ModelJournal):
    """Takes everything in the dead-letter file as counted, and cuts nothing."""

    def resume(self, kind):
        letters = self.world.state / f"dead-letter.{kind}.ndjson"
        size = letters.stat().st_size if letters.exists() else 0
        crc = zlib.crc32(letters.read_bytes()) if letters.exists() else 0
        return structs.replace(super().resume(kind), dead_letters_bytes=size, dead_letters_crc=crc)


class ForgetsTheDoubt(ModelJournal):
    """Begins without the batches that a dead process left in flight."""

    def resume(self, kind):
        return structs.replace(super().resume(kind), doubtful=())


class SendsAgain(ModelJournal):
    """Assumes that what a dead process left in flight was not sent."""

    def _settle_interrupted(self, kind):
        self._connection.execute("DELETE FROM batches WHERE kind = ? AND state = 'sending'", (kind,))
        return ()


class SaysNoMoreThanItMust(ModelJournal):
    """Forgets the dead letters that it should note."""

    async def send(self, batch, progress, sync):
        await super().send(batch, structs.replace(progress, dead=[]), sync)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (Forgetful, "sent again although it may have been applied|do not add up|it knows .* of .* requests"),
        (Belated, "reported accepted, noted (sending|in_doubt)"),
        (KeepsTheTail, "dead letters and rows|no dead letter|torn line"),
        (ForgetsTheDoubt, "close|no outcome|pending"),
        (SendsAgain, "sent again although it may have been applied"),
        (SaysNoMoreThanItMust, "no outcome|is dead 0 times|dead letters and rows"),
    ],
)
def test_a_wrong_program_is_caught(wrong, law):
    """The laws can find faults: each of these programs breaks one, or is refused its own state directory."""
    replaced = {name for name, value in vars(wrong).items() if inspect.isfunction(value)}
    assert replaced <= set(dir(ModelJournal)), "a method that it replaces has another name now"
    machine = seed(SOON_FOUND)(type(wrong.__name__, (History,), {"journal": wrong}))
    with pytest.raises((AssertionError, ConfigurationError), match=law):
        run_state_machine_as_test(machine, settings=profile(4000, **FIRST_FOUND))
