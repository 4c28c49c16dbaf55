import stat
from contextlib import closing
from datetime import UTC, datetime

import pytest

from masivo_stream.core.pace import Pacer
from masivo_stream.edges.quota import PENDING_SECONDS, QuotaUse, open_quota, read_quota
from masivo_stream.model.errors import StorageError
from masivo_stream.model.window import Window


class Clocks:
    """Two clocks; the wall clock can be set, and a restart of the machine begins the other one anew."""

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


def seen(quota, clocks, horizon=10_000.0, scope="migration"):
    """Return how long ago others have departed, and how long a hold lasts."""
    told = []

    def decide(others, held_until):
        told.append(([clocks.now() - moment for moment in others], max(0.0, held_until - clocks.now())))
        return 1.0

    quota.reserve(scope, horizon, decide)
    return told[0]


def depart(quota, scope="migration"):
    number = quota.reserve(scope, 10.0, lambda *_: 0.0)
    quota.leave(number)
    return number


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
        assert seen(second, clocks, horizon=5.0) == ([4.0], 0.0)
        assert seen(second, clocks, scope="general") == ([], 0.0)


def test_two_processes_see_each_other(tmp_path):
    """At once, in both directions."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        depart(one)
        clocks.pass_by(1)
        depart(other)
        clocks.pass_by(1)
        assert (seen(one, clocks)[0], seen(other, clocks)[0]) == ([1.0], [2.0])


def test_what_has_not_left_yet_leaves_now(tmp_path):
    """Connecting takes time; who died at it does not keep the others for ever; what is withdrawn was nothing."""
    clocks = Clocks()
    with life(tmp_path, clocks) as one, life(tmp_path, clocks) as other:
        number = one.reserve("migration", 10.0, lambda *_: 0.0)
        clocks.pass_by(PENDING_SECONDS - 1)
        assert seen(other, clocks)[0] == [0.0]
        clocks.pass_by(2)
        assert seen(other, clocks)[0] == [PENDING_SECONDS + 1]
        one.leave(number)
        assert seen(other, clocks)[0] == [0.0]
        one.withdraw(number)
        assert seen(other, clocks)[0] == []


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
def test_a_machine_that_starts_anew_goes_by_the_wall_clock(tmp_path, step, ago, hold):
    """Set back, what seems to lie in the future was just now, and a hold is no longer than it was."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        depart(first)
        first.hold("migration", 100)
    clocks.pass_by(60)
    clocks.mono, clocks.seconds = 5.0, clocks.seconds + step
    with life(tmp_path, clocks, boot="next") as second:
        assert seen(second, clocks) == ([pytest.approx(ago)], pytest.approx(hold))
        clocks.pass_by(7)  # and that is settled: it does not stay "just now"
        assert seen(second, clocks)[0] == [pytest.approx(ago + 7)]


@pytest.mark.parametrize("step", [-1e6, -3, 3, 1e6])
def test_while_the_machine_runs_the_wall_clock_does_not_matter(tmp_path, step):
    """However it is set."""
    clocks = Clocks()
    with life(tmp_path, clocks) as first:
        depart(first)
        first.hold("migration", 100)
    clocks.pass_by(2)
    clocks.seconds += step
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks) == ([2.0], 98.0)


def test_a_pacer_counts_others_with_its_own(tmp_path):
    """Whoever departed: five in ten seconds are five."""
    clocks, pacer = Clocks(), Pacer([Window(5, 10.0)])
    with life(tmp_path, clocks) as other:
        for _ in range(3):
            depart(other)
            clocks.pass_by(1)
    with life(tmp_path, clocks) as quota:
        for _ in range(2):
            slot = quota.reserve("migration", pacer.horizon, lambda *told: pacer.reserve(clocks.now(), *told))
            assert isinstance(slot, int)
            pacer.depart(clocks.now())
        wait = quota.reserve("migration", pacer.horizon, lambda *told: pacer.reserve(clocks.now(), *told))
        assert isinstance(wait, float)
        assert 7 <= wait <= 7.1


def test_old_departures_are_forgotten(tmp_path):
    """After two days no window asks for them."""
    clocks = Clocks(now=1e6)
    with life(tmp_path, clocks) as first:
        depart(first)
    clocks.pass_by(2 * 86_400 + 1)
    with life(tmp_path, clocks) as second:
        assert seen(second, clocks, horizon=1e6)[0] == []


def test_it_is_the_owners_alone(tmp_path):
    """0600."""
    with life(tmp_path / "new", Clocks()) as quota:
        depart(quota)
        assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}


@pytest.mark.parametrize("content", [b"rubbish " * 1000, b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_told(tmp_path, content):
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
def test_it_can_be_looked_at(at_work, tmp_path):
    """While a run is at work or after it: what is used is seen, and nothing is written."""
    clocks = Clocks()
    with life(tmp_path, clocks) as quota:
        depart(quota)
        clocks.pass_by(3)
        depart(quota)
        depart(quota, scope="general")
        quota.hold("migration", 100)
        clocks.pass_by(4)
        if at_work:
            assert looked_at(tmp_path, clocks) == ({"migration": [7.0, 4.0], "general": [4.0]}, {"migration": 96.0})
    assert looked_at(tmp_path, clocks) == ({"migration": [7.0, 4.0], "general": [4.0]}, {"migration": 96.0})


def test_a_departure_that_is_about_to_leave_counts_as_leaving_now(tmp_path):
    """As it does for another run."""
    clocks = Clocks()
    with life(tmp_path, clocks) as quota:
        quota.reserve("migration", 10.0, lambda *_: 0.0)
        clocks.pass_by(PENDING_SECONDS - 1)
        assert looked_at(tmp_path, clocks)[0] == {"migration": [0.0]}
        clocks.pass_by(2)
        assert looked_at(tmp_path, clocks)[0] == {"migration": [PENDING_SECONDS + 1]}


@pytest.mark.parametrize(
    ("step", "ago", "hold"), [(0, 60.0, 40.0), (-30, 30.0, 70.0), (-1e6, 0.0, 100.0), (500, 560.0, 0.0)]
)
def test_looked_at_after_a_new_start_it_goes_by_the_wall_clock(step, ago, hold, tmp_path):
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


def test_where_there_is_none_none_is_made(tmp_path):
    """Nor its directory."""
    assert read_quota(tmp_path / "new" / "quota.db", Clocks()) is None
    assert list(tmp_path.iterdir()) == []
    with life(tmp_path, Clocks()):
        pass
    assert read_quota(tmp_path / "quota.db", Clocks()) == QuotaUse()


def test_a_damaged_file_is_told_to_who_looks(tmp_path):
    """And left as it is."""
    (tmp_path / "quota.db").write_bytes(b"rubbish " * 1000)
    with pytest.raises(StorageError, match="quota"):
        read_quota(tmp_path / "quota.db", Clocks())
    assert [file.name for file in tmp_path.iterdir()] == ["quota.db"]
