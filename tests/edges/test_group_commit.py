"""Laws of the group commit, in any order of notes, commits and failures. The thread's work is done by hand here."""

import asyncio
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.journal.commit import GroupCommit, NotedProgress
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError

STEPS = st.sampled_from(["note", "outcome", "turn", "work", "fail"])


class Disk:
    """A file in memory, and a group commit that writes to it when it is told to, or fails."""

    def __init__(self, connection):
        connection.execute("CREATE TABLE done (what TEXT)")
        self.connection, self.begun, self.fails = connection, [], False
        self.commit = GroupCommit(connection, begin=self.begun.append)
        self.results, self.commits = {}, 0

    def sync(self):
        if self.fails:
            self.fails = False
            raise OSError(28, "No space left on device")

    async def write(self, name, *, outcome):
        """Note `name`, and that it was counted."""
        insert = "INSERT INTO done VALUES (?)"
        progress = NotedProgress(Kind.EVENTS, [], [(insert, (f"{name} counted",))])
        try:
            await self.commit.write([(insert, (name,))], progress, self.sync, outcome_of=name if outcome else "")
            self.results[name] = "durable"
        except StorageError:
            self.results[name] = "refused"

    def work(self):
        while self.begun:
            self.begun.pop()()

    def rows(self):
        return [row[0] for row in self.connection.execute("SELECT what FROM done ORDER BY rowid")]


async def live(steps):
    """Do the steps, then all that is left, and note one outcome more; return the disk and which names were outcomes."""
    outcomes, tasks = {}, []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        disk = Disk(connection)
        for number, step in enumerate([*steps, "outcome"]):
            if step in {"note", "outcome"}:
                outcomes[str(number)] = step == "outcome"
                tasks.append(asyncio.create_task(disk.write(str(number), outcome=step == "outcome")))
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "work":
                await until_handed_over()
                disk.work()
            else:
                disk.fails = True
            if number == len(steps) - 1:  # the last outcome comes when there is room again, and alone
                await until_done(disk, tasks)
                disk.fails = False
        await until_done(disk, tasks)
        return outcomes, disk.results, disk.rows()


async def until_handed_over():
    """Let writers of outcomes give up waiting for company."""
    for _ in range(8):
        await asyncio.sleep(0)


async def until_done(disk, tasks):
    """Let the loop and the thread work until every writer goes on. A writer that none wakes is an error."""
    for _ in range(10 * len(tasks) + 10):
        await asyncio.sleep(0)
        disk.work()
    assert all(task.done() for task in tasks)


@given(st.lists(STEPS, max_size=30))
def test_every_writer_learns_what_became_of_its_note(steps):
    outcomes, results, rows = asyncio.run(live(steps))
    assert results.keys() == outcomes.keys()
    assert len(set(rows)) == len(rows)
    # The last outcome found room: by then everything that has happened is noted, and nothing that was only meant to.
    happened = {name for name, is_outcome in outcomes.items() if is_outcome or results[name] == "durable"}
    assert {row for row in rows if row.isdigit()} == happened
    assert {row.removesuffix(" counted") for row in rows if not row.isdigit()} == outcomes.keys()


@given(st.lists(STEPS, max_size=30))
def test_notes_keep_their_order(steps):
    _, _, rows = asyncio.run(live(steps))
    numbers = [int(row.removesuffix(" counted")) for row in rows]
    assert numbers == sorted(numbers)


@given(st.lists(STEPS, max_size=30))
def test_after_a_failure_only_outcomes_are_written(steps):
    """A run whose journal missed a note begins nothing any more."""
    outcomes, results, _ = asyncio.run(live(steps))
    refused = [int(name) for name, result in results.items() if result == "refused"]
    later = [name for name in results if refused and int(name) > min(refused)]
    assert all(outcomes[name] for name in later if results[name] == "durable")
