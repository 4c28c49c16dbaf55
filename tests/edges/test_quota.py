import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime

import pytest

from masivo_stream.edges.shared_dir.quota import FOLLOWED_SECONDS, Lane, Other, QuotaUse, open_quota, read_quota
from masivo_stream.model.errors import StorageError


class Clocks:
    """Two clocks; the wall clock can be set, and a restart of the machine begins the other one again."""

    def __init__(self, now=5000.0, wall=1_800_000_000.0):
        self.mono, self.seconds = now, wall

    def now(self):
        return self.mono

    def wall(self):
        return datetime.fromtimestamp(self.seconds, UTC)

    def pass_by(self, seconds):
        self.mono += seconds
        self.seconds += seconds


def life(path, clocks, boot="boot"):
    return closing(open_quota(path / "quota.db", clocks, boot=boot))


def news(quota, scope="migration", horizon=10_000.0):
    """Return the news of a lane at this moment, without a departure."""
    told = []
    quota.reserve([Lane(scope, horizon)], lambda found: told.extend(found) or 1.0)
    return told[0]


def seen(quota, clocks, **lane):
    """Return how long ago the departures in the news took place, and how long a hold lasts."""
    told = news(quota, **lane)
    return [clocks.now() - other.departed for other in told.departed], max(0.0, told.held_until - clocks.now())


def depart(quota, *scopes):
    return quota.reserve([Lane(scope, 10.0) for scope in scopes or ["migration"]], lambda _: 0.0)


def test_departures_outlive_the_process(tmp_path):
    """The next one knows when the last ones left; its own are its own to remember."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        depart(first)
        clocks.pass_by(3)
        depart(first)
        assert seen(first, clocks) == ([], 0.0)
    clocks.pass_by(4)
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks) == ([7.0, 4.0], 0.0)
        assert seen(second, clocks) == ([], 0.0)  # reported once
        assert seen(second, clocks, scope="general") == ([], 0.0)
    with life(tmp_path, clocks) as third:
        assert seen(third, clocks, horizon=5.0) == ([4.0], 0.0)


def test_two_processes_see_each_other(tmp_path):
    """At once, in both directions."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        depart(one)
        clocks.pass_by(1)
        assert seen(other, clocks)[0] == [1.0]
        depart(other)
        clocks.pass_by(1)
        assert seen(one, clocks)[0] == [1.0]


def test_a_request_may_count_in_several_scopes(tmp_path):
    """It departs in all of them, or in none, and is answered in all of them."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        numbers = depart(one, "migration", "general")
        assert one.reserve([Lane("migration", 10.0), Lane("general", 10.0)], lambda told: 0.5 * len(told)) == 1.0
        one.answered(numbers)
        for scope in ("migration", "general"):
            assert [each.answered for each in news(other, scope).departed] == [clocks.now()]


def test_the_outcome_of_a_departure_is_noted_later(tmp_path):
    """Answered, or withdrawn; whose process died without a word is not asked about for ever."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        first, second, third = (depart(one)[0] for _ in range(3))
        assert [each.answered for each in news(other).departed] == [None, None, None]
        clocks.pass_by(2)
        one.answered([first])
        one.withdraw([second])
        told = news(other)
        assert (told.answered, told.withdrawn) == ([Other(first, clocks.now() - 2, clocks.now())], [second])
        clocks.pass_by(FOLLOWED_SECONDS)
        assert news(other).answered == [Other(third, clocks.now() - FOLLOWED_SECONDS - 2, None)]
        one.answered([third])
        told = news(other)
        assert (told.departed, told.answered, told.withdrawn) == ([], [], [])


def test_a_number_is_never_used_twice(tmp_path):
    """Not even those of withdrawn ones: what is beyond the last number reported is new."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        number = depart(one)[0]
        news(other)
        one.withdraw([number])
        assert depart(one)[0] > number
        assert len(news(other).departed) == 1


def test_a_file_of_an_older_version_is_replaced(tmp_path):
    """Its departures are of a shape we no longer read; a hold is kept."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        first.hold("migration", 100)
    with closing(sqlite3.connect(tmp_path / "quota.db")) as file:
        file.executescript("DROP TABLE departures; CREATE TABLE departures (id INTEGER); PRAGMA user_version = 0")
    with life(tmp_path, clocks) as second:
        depart(second)
        assert seen(second, clocks) == ([], 100.0)


def test_a_hold_outlives_the_process(tmp_path):
    """And the longer of two counts."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        first.hold("migration", 100)
        first.hold("migration", 20)
    clocks.pass_by(30)
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks)[1] == 70
        assert seen(second, clocks, scope="general")[1] == 0
        second.hold("migration", 200)
        assert seen(second, clocks)[1] == 200


@pytest.mark.parametrize(
    ("step", "ago", "hold"),
    [(0, 60.0, 40.0), (-30, 30.0, 70.0), (-100, 0.0, 100.0), (-1e6, 0.0, 100.0), (500, 560.0, 0.0)],
)
def test_the_wall_clock_counts_after_a_restart_of_the_machine(tmp_path, step, ago, hold):
    """If it is set back, what seems to be in the future counts as now, and a hold is no longer than it was."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        depart(first)
        first.hold("migration", 100)
    clocks.pass_by(60)
    clocks.mono, clocks.seconds = 5.0, clocks.seconds + step
    with life(tmp_path, clocks, boot="next") as second:
        assert seen(second, clocks) == ([pytest.approx(ago)], pytest.approx(hold))
    clocks.pass_by(7)  # and that is settled: it does not stay "just now"
    with life(tmp_path, clocks, boot="next") as third:
        assert seen(third, clocks)[0] == [pytest.approx(ago + 7)]


@pytest.mark.parametrize("step", [-1e6, -3, 3, 1e6])
def test_the_wall_clock_does_not_count_while_the_machine_runs(tmp_path, step):
    """However it is set."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        depart(first)
        first.hold("migration", 100)
    clocks.pass_by(2)
    clocks.seconds += step
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks) == ([2.0], 98.0)


def test_old_departures_are_forgotten(tmp_path):
    """After two days no window asks for them."""
    clocks = Clocks(now=1e6)
    with life(tmp_path, clocks) as first:
        depart(first)
    clocks.pass_by(2 * 86_400 + 1)
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks, horizon=1e6)[0] == []


def test_only_the_owner_can_read_the_quota(tmp_path):
    """0600."""
    with life(tmp_path / "new", Clocks()) as quota:
        depart(quota)
        assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}


@pytest.mark.parametrize("content", [b"rubbish " * 1000, b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_reported(tmp_path, content):
    """What was used cannot be guessed; whoever opens it decides."""
    (tmp_path / "quota.db").write_bytes(content)
    with pytest.raises(StorageError, match="quota"):
        open_quota(tmp_path / "quota.db", Clocks(), boot="b")


def looked_at(path, clocks, boot="boot"):
    """Return how long ago departures were, and how long holds last, by scope; nothing on the disk may change."""
    before = {file.name: file.read_bytes() for file in path.iterdir() if not file.name.endswith("-shm")}
    use = read_quota(path / "quota.db", clocks, boot=boot)
    after = {file.name: file.read_bytes() for file in path.iterdir() if not file.name.endswith("-shm")}
    assert before == after
    departures = {scope: [clocks.now() - moment for moment in moments] for scope, moments in use.departures.items()}
    return departures, {scope: until - clocks.now() for scope, until in use.held_until.items()}


@pytest.mark.parametrize("at_work", [True, False])
def test_the_quota_can_be_read_at_any_time(at_work, tmp_path):
    """While a run is at work or after it: what is used is seen, and nothing is written."""
    clocks = Clocks()
    with life(tmp_path, clocks) as quota:
        depart(quota)
        clocks.pass_by(3)
        depart(quota)
        depart(quota, "general")
        quota.hold("migration", 100)
        clocks.pass_by(4)
        if at_work:
            assert looked_at(tmp_path, clocks) == ({"migration": [7.0, 4.0], "general": [4.0]}, {"migration": 96.0})
    assert looked_at(tmp_path, clocks) == ({"migration": [7.0, 4.0], "general": [4.0]}, {"migration": 96.0})


@pytest.mark.parametrize(
    ("step", "ago", "hold"), [(0, 60.0, 40.0), (-30, 30.0, 70.0), (-1e6, 0.0, 100.0), (500, 560.0, 0.0)]
)
def test_a_reader_uses_the_wall_clock_after_a_restart_of_the_machine(step, ago, hold, tmp_path):
    """As the next run will."""
    clocks = Clocks()
    with life(tmp_path, clocks) as quota:
        depart(quota)
        quota.hold("migration", 100)
    clocks.pass_by(60)
    clocks.mono, clocks.seconds = 5.0, clocks.seconds + step
    departures, holds = looked_at(tmp_path, clocks, boot="next")
    assert departures == {"migration": [pytest.approx(ago)]}
    assert holds == {"migration": pytest.approx(hold)}


def test_a_reader_makes_no_file(tmp_path):
    """Nor its directory."""
    assert read_quota(tmp_path / "new" / "quota.db", Clocks()) is None
    assert list(tmp_path.iterdir()) == []
    with life(tmp_path, Clocks()):
        pass
    assert read_quota(tmp_path / "quota.db", Clocks()) == QuotaUse()


def test_a_damaged_file_is_reported_to_a_reader(tmp_path):
    """And left as it is."""
    (tmp_path / "quota.db").write_bytes(b"rubbish " * 1000)
    with pytest.raises(StorageError, match="quota"):
        read_quota(tmp_path / "quota.db", Clocks())
    assert [file.name for file in tmp_path.iterdir()] == ["quota.db"]


def test_processes_know_where_the_others_are_at_work(tmp_path):
    """While they have the file open. One that was killed stays known; whoever is in its place does not find itself."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        first.join(tmp_path / "first")
        killed = open_quota(tmp_path / "quota.db", clocks, boot="boot")
        killed.join(tmp_path / "second")
        with life(tmp_path, clocks) as second:
            assert second.others() == [str(tmp_path / "first"), str(tmp_path / "second")]
            second.join(tmp_path / "second")
            assert second.others() == [str(tmp_path / "first")]
            assert first.others() == [str(tmp_path / "second")]
        assert first.others() == [str(tmp_path / "second")]
        killed.close()
        assert first.others() == []


def test_a_command_beside_a_run_does_not_hide_it(tmp_path):
    """`check` uses the account from the same state directory, and ends before the run does."""
    clocks = Clocks()
    with life(tmp_path, clocks) as run, life(tmp_path, clocks) as other:
        run.join(tmp_path / "state")
        with life(tmp_path, clocks) as check:
            check.join(tmp_path / "state")
            assert run.others() == []
        assert other.others() == [str(tmp_path / "state")]


def test_a_few_of_many_killed_processes_in_one_place_are_known(tmp_path):
    clocks = Clocks()
    with life(tmp_path, clocks) as other:
        killed = [open_quota(tmp_path / "quota.db", clocks, boot="boot") for _ in range(20)]
        for each in killed:
            each.join(tmp_path / "state")
        assert other.others() == [str(tmp_path / "state")]
        with closing(sqlite3.connect(tmp_path / "quota.db")) as connection:
            assert connection.execute("SELECT count(*) FROM at_work").fetchone()[0] < 10
        for each in killed:
            each.close()
