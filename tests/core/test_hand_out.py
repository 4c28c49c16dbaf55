"""Tasks are handed out until each has its answer, whatever happens to workers, or until it is of no use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from masivo_stream.core.hand_out import MOST_KILLED, MOST_SLOW, MOST_TRIES, HandOut
from masivo_stream.model.tasks import Installed, Loss, Task

TIMEOUT = 60.0


def board_of(count, timeout=TIMEOUT):
    return HandOut((Task(f"part {number}", number, b"") for number in range(count)), task_timeout=timeout)


def test_tasks_are_handed_out_in_order_and_bounded():
    """No more than may be under way; the next one after an answer."""
    board = board_of(3)
    first, second = board.next(2), board.next(2)
    assert [first.task.name, second.task.name] == ["part 0", "part 1"]
    assert board.next(2) is None
    assert board.answered(second.ticket)
    assert board.next(2).task.name == "part 2"
    assert board.answered(first.ticket)
    assert board.next(2) is None
    assert board.under_way == 1


@pytest.mark.parametrize("loss", [Loss.KILLED, Loss.FAILED])
def test_a_lost_task_is_handed_out_again_and_at_last_given_up(loss):
    """With a new ticket each time."""
    board, tickets = board_of(1), set()
    for time in range(1, MOST_TRIES + 1):
        handed = board.next(1)
        tickets.add(handed.ticket)
        given_up = board.lost(handed.ticket, loss)
        assert (given_up is not None) == (time == MOST_TRIES)
    assert len(tickets) == MOST_TRIES
    assert (given_up.task.name, given_up.loss) == ("part 0", loss)


def test_workers_that_are_lost_all_the_time_are_no_reason_to_give_up():
    """While others are answered, a task may only be in their way, unless it happens again and again."""
    board, given_up = board_of(100), None
    first = board.next(2)
    for _ in range(MOST_KILLED):
        assert given_up is None
        other = board.next(2)
        given_up = board.lost(first.ticket, Loss.KILLED)
        assert board.answered(other.ticket)
        first = board.next(1) or first
    assert given_up.task.name == "part 0"


def test_losses_of_several_kinds_add_up():
    """A task that fails and is lost is handed out three times, too."""
    board = board_of(1)
    assert board.lost(board.next(1).ticket, Loss.KILLED) is None
    assert board.lost(board.next(1).ticket, Loss.FAILED) is None
    assert board.lost(board.next(1).ticket, Loss.KILLED) is not None


def test_a_task_that_hangs_is_done_elsewhere():
    """Its worker is avoided from then on, what waits is taken back, and its late answer does not count."""
    board = board_of(3)
    hanging, waiting, quick = board.next(3), board.next(3), board.next(3)
    board.begun(hanging.ticket, "a", 0.0)
    board.begun(quick.ticket, "b", 0.0)
    assert board.overdue(TIMEOUT) == []
    assert board.answered(quick.ticket)
    assert board.overdue(TIMEOUT + 1) == [hanging.ticket]
    assert board.not_begun() == [waiting.ticket]
    board.take_back(waiting.ticket)
    assert board.lost(hanging.ticket, Loss.SLOW) is None
    again = [board.next(9), board.next(9)]
    assert {handed.task.name for handed in again} == {"part 0", "part 1"}
    assert all(handed.avoid == {"a"} for handed in again)
    assert not board.answered(hanging.ticket)
    assert all(board.answered(handed.ticket) for handed in again)


def test_a_task_that_takes_too_long_on_two_workers_is_large():
    """More workers would not help."""
    board = board_of(1)
    for turn in range(1, MOST_SLOW + 1):
        handed = board.next(1)
        board.begun(handed.ticket, f"worker {turn}", 0.0)
        (ticket,) = board.overdue(TIMEOUT + 1)
        given_up = board.lost(ticket, Loss.SLOW)
    assert given_up.loss is Loss.SLOW
    assert board.avoid == {"worker 1", "worker 2"}


def test_a_task_that_begins_again_elsewhere_has_its_time_again():
    """A scheduler moves the tasks of a worker that was killed."""
    board = board_of(1)
    handed = board.next(1)
    board.begun(handed.ticket, "a", 0.0)
    board.begun(handed.ticket, "b", 50.0)
    assert board.overdue(TIMEOUT + 1) == []
    assert board.overdue(50 + TIMEOUT + 1) == [handed.ticket]
    assert board.avoid == {"b"}


def test_what_a_lost_worker_had_begun_waits_again():
    """Its time is that of the next worker."""
    board = board_of(2)
    first, second = board.next(2), board.next(2)
    board.begun(first.ticket, "a", 0.0)
    board.begun(second.ticket, "b", 0.0)
    board.keep_workers({"b", "c"})
    assert board.not_begun() == [first.ticket]
    assert board.overdue(TIMEOUT + 1) == [second.ticket]
    assert board.avoid == {"b"}


def test_what_is_known_late_counts_for_nothing():
    """Messages of a ticket that has ended."""
    board = board_of(1)
    handed = board.next(1)
    assert board.answered(handed.ticket)
    board.begun(handed.ticket, "a", 0.0)
    board.take_back(handed.ticket)
    assert board.lost(handed.ticket, Loss.KILLED) is None
    assert not board.answered(handed.ticket)
    assert board.next(1) is None


class AnyWorkers(RuleBasedStateMachine):
    """Workers answer, die, hang and begin late, in any order."""

    COUNT, MOST = 6, 3

    def __init__(self):
        super().__init__()
        self.board = board_of(self.COUNT)
        self.now = 0.0
        self.out, self.answered, self.losses, self.given_up = {}, [], {}, set()

    @rule()
    def hand_out(self):
        handed = self.board.next(self.MOST)
        if handed is not None:
            assert handed.task.name not in self.answered
            assert handed.task.name not in [task.name for task in self.out.values()]
            self.out[handed.ticket] = handed.task

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def answer(self, data):
        ticket = data.draw(st.sampled_from(sorted(self.out)))
        assert self.board.answered(ticket)
        self.answered.append(self.out.pop(ticket).name)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), loss=st.sampled_from([Loss.KILLED, Loss.FAILED]))
    def lose(self, data, loss):
        self._lost(data.draw(st.sampled_from(sorted(self.out))), loss)

    def _lost(self, ticket, loss):
        task = self.out.pop(ticket)
        losses = self.losses.setdefault(task.name, [])
        losses.append((loss, len(self.answered)))
        given_up = self.board.lost(ticket, loss)
        kinds = [kind for kind, _ in losses]
        killed_at = [answers for kind, answers in losses if kind is Loss.KILLED]
        in_a_row = killed_at.count(killed_at[-1]) if killed_at else 0
        others = kinds.count(Loss.SLOW) + kinds.count(Loss.FAILED)
        enough = others + in_a_row >= MOST_TRIES or kinds.count(Loss.SLOW) >= MOST_SLOW
        assert (given_up is not None) == enough
        if enough:
            self.given_up.add(task.name)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), worker=st.sampled_from("abc"))
    def begin(self, data, worker):
        self.board.begun(data.draw(st.sampled_from(sorted(self.out))), worker, self.now)

    @rule(workers=st.sets(st.sampled_from("abc")))
    def lose_workers(self, workers):
        self.board.keep_workers(workers)

    @rule(seconds=st.floats(0, 2 * TIMEOUT))
    def wait(self, seconds):
        self.now += seconds
        overdue = self.board.overdue(self.now)
        waiting = self.board.not_begun() if overdue else []
        assert not set(overdue) & set(waiting)
        for ticket in waiting:
            self.board.take_back(ticket)
            del self.out[ticket]
        for ticket in overdue:
            self._lost(ticket, Loss.SLOW)

    @invariant()
    def everything_is_somewhere_once(self):
        assert self.board.under_way == len(self.out) <= self.MOST
        assert len(self.answered) == len(set(self.answered))

    def teardown(self):
        """From anywhere, workers that answer come to the end."""
        for ticket in sorted(self.out):
            assert self.board.answered(ticket)
            self.answered.append(self.out[ticket].name)
        while (handed := self.board.next(self.MOST)) is not None:
            assert self.board.answered(handed.ticket)
            self.answered.append(handed.task.name)
        assert sorted({*self.answered, *self.given_up}) == [f"part {number}" for number in range(self.COUNT)]
        assert not {*self.answered} & self.given_up


TestAnyWorkers = AnyWorkers.TestCase


VERSIONS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"))


@given(ours=VERSIONS, theirs=VERSIONS)
def test_versions_differ_by_name(ours, theirs):
    """What one side lacks differs, too; nothing else is named."""
    found = Installed(ours).differences(Installed(theirs))
    assert {name for name, _, _ in found} == {name for name in "abc" if ours.get(name) != theirs.get(name)}
    assert all((here, there) == (ours.get(name, "none"), theirs.get(name, "none")) for name, here, there in found)
