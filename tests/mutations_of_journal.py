"""What can go wrong in the journal: commits, restarts, retries. See `mutations`.

Left out, because it has no visible effect: a retry that looks at files without counted dead letters. It finds no row of
the journal for any of them.
"""

from mutation import Mutation

JOURNAL = "edges/test_journal.py::test_"
SMALL_RUN = "flow/test_histories.py::test_a_small_run_survives_a_death_at_every_operation"

COMMITS = (
    *(
        Mutation(
            f"synchronous is {level}",
            "edges/journal/open.py",
            "PRAGMA synchronous = FULL",
            f"PRAGMA synchronous = {level}",
            "A batch is in flight, and after a power failure the journal does not know of it.",
            (JOURNAL + "a_commit_is_on_the_disk_when_it_returns",),
        )
        for level in ("NORMAL", "OFF")
    ),
    Mutation(
        "no write-ahead log",
        "edges/journal/open.py",
        '        connection.execute("PRAGMA journal_mode = WAL")\n',
        "",
        "A commit costs twice the syncs, and `status` stops a run.",
        (JOURNAL + "a_commit_is_on_the_disk_when_it_returns",),
    ),
    Mutation(
        "dead letters are synced after the commit",
        "edges/journal/commit.py",
        "        for sync in {note.sync for note in notes if note.sync is not None}:\n"
        "            sync()  # what the commit counts is on the disk before it\n"
        "        execute = self._connection.execute\n",
        "        execute = self._connection.execute\n"
        '        execute("BEGIN IMMEDIATE")\n'
        "        for sql, parameters in _statements(notes):\n"
        "            execute(sql, parameters)\n"
        '        execute("COMMIT")\n'
        "        for sync in {note.sync for note in notes if note.sync is not None}:\n"
        "            sync()\n"
        "        notes = []\n",
        "The journal counts dead letters that a power failure takes.",
        (JOURNAL + "counted_dead_letters_are_synced_before_their_commit",),
    ),
    Mutation(
        "of progress that is committed together, what happened once is written for the last note only",
        "edges/journal/commit.py",
        "                yield from note.progress.reached\n            yield from note.progress.once\n",
        "                yield from note.progress.reached\n                yield from note.progress.once\n",
        "Dead letters are counted whose rows the journal lacks: a retry does not find them.",
        (JOURNAL + "notes_that_are_committed_together_leave_what_single_ones_leave",),
    ),
    Mutation(
        "of progress that is committed together, one kind's counts for all",
        "edges/journal/commit.py",
        "    latest = {note.progress.kind: note for",
        "    latest = {note.progress.__class__: note for",
        "A restart reads a kind again from where an earlier commit has left it.",
        (JOURNAL + "notes_that_are_committed_together_leave_what_single_ones_leave",),
    ),
    Mutation(
        "a commit is cut in the middle",
        "edges/journal/commit.py",
        "        with anyio.CancelScope(shield=True):\n            if mine[0]",
        "        with anyio.CancelScope(shield=False):\n            if mine[0]",
        "It is not known whether a note is durable, and all that wait with it wait for ever.",
        (JOURNAL + "a_note_is_finished_although_its_caller_is_cancelled",),
    ),
    Mutation(
        "an outcome does not wait for company",
        "edges/journal/commit.py",
        "        for _ in range(_TURNS):",
        "        for _ in range(0):",
        "Twice as many commits, at a speed at which they count.",
        (JOURNAL + "an_outcome_and_the_batch_that_waits_for_it_are_one_commit",),
    ),
    Mutation(
        "a note returns before it is durable",
        "edges/journal/commit.py",
        "            await note.done\n",
        "",
        "A batch is sent before the journal knows.",
        (JOURNAL + "simultaneous_notes_are_one_commit",),
    ),
    Mutation(
        "a round is lost with its leader",
        "edges/journal/commit.py",
        "        finally:  # the event loop may",
        "        except OSError:  # the event loop may",
        "Tasks wait for ever for a round that no task hands over.",
        (JOURNAL + "the_note_of_a_cancelled_leader_is_written",),
    ),
    Mutation(
        "a closed journal waits for space",
        "edges/journal/commit.py",
        "                if left <= 0 or self._closed.is_set():\n",
        "                if left <= 0:\n",
        "Who presses Ctrl-C twice waits for a full disk.",
        (JOURNAL + "a_journal_that_is_closed_waits_for_no_space",),
    ),
    Mutation(
        "what is counted after a failure is not owed",
        "edges/journal/commit.py",
        "            if not outcomes:\n                self._owed.extend(notes)\n",
        "            if not outcomes:\n",
        "Dead letters that were counted in between have no row, although a later outcome finds room.",
        ("edges/test_group_commit.py::test_every_writer_learns_what_became_of_its_note",),
    ),
    Mutation(
        "without a thread, no note is committed",
        "edges/journal/commit.py",
        "        except RuntimeError:  # the system allows the process no further thread\n            work()\n",
        "        except RuntimeError:  # the system allows the process no further thread\n            raise\n",
        "Where no thread can be started, writers wait for ever.",
        (JOURNAL + "without_a_thread_the_event_loop_commits",),
    ),
    Mutation(
        "an outcome is not tried again",
        "edges/journal/commit.py",
        "            left = self._patience  # waited for once, not for each\n",
        "            left = 0.0\n",
        "If a disk is full for a moment, what was accepted is in doubt.",
        (JOURNAL + "an_outcome_waits_for_space",),
    ),
    Mutation(
        "progress that is owed is dropped",
        "edges/journal/commit.py",
        "            note.refuse(failure)\n        self._owed.extend(notes)\n",
        "            note.refuse(failure)\n",
        "Dead letters of a commit that failed are in the figures of the next one, but have no row.",
        (JOURNAL + "an_outcome_includes_what_could_not_be_written_before",),
    ),
    Mutation(
        "a journal that missed a note goes on",
        "edges/journal/commit.py",
        "        self._failure = self._failure or failure\n",
        "",
        "Batches leave although a note before them is missing.",
        (JOURNAL + "only_outcomes_are_written_after_a_failure",),
    ),
    Mutation(
        "a failed commit is half kept",
        "edges/journal/commit.py",
        '            if self._connection.in_transaction:\n                execute("ROLLBACK")\n            raise\n',
        '            if self._connection.in_transaction:\n                execute("COMMIT")\n            raise\n',
        "Half of a note is durable: figures without their dead letters.",
        (JOURNAL + "a_note_that_fails_in_the_middle_changes_nothing",),
    ),
)

RESTART = (
    Mutation(
        "the state of isolation is forgotten",
        "core/isolation/restart.py",
        "    return found\n",
        "    return []\n",
        "A restart sends once more what must be refused, and begins to halve it again.",
        ("flow/test_isolation.py::test_isolation_continues_where_its_process_died",),
    ),
    Mutation(
        "isolation goes on with what is before the checkpoint",
        "core/isolation/restart.py",
        "    if (reference.source, reference.line) < (checkpoint.source, checkpoint.line):\n",
        "    if False:\n",
        "What was accepted, or is in doubt, is sent once more.",
        ("flow/test_isolation.py::test_a_batch_in_doubt_during_isolation_is_not_sent_again",),
    ),
    Mutation(
        "what was on the wire is forgotten",
        "edges/journal/write.py",
        "        return tuple(row[0] for row in execute(interrupted, (kind, BatchState.SENDING)))\n",
        "        return ()\n",
        "Events of a process that was killed are in no figure, and no page says that they are in doubt.",
        (
            JOURNAL + "a_batch_found_in_flight_is_in_doubt_unless_it_may_be_sent_again",
            SMALL_RUN,
        ),
    ),
    Mutation(
        "what was on the wire is sent again",
        "edges/journal/read.py",
        "            *(kind, BatchState.ACCEPTED, BatchState.IN_DOUBT, BatchState.SENDING),\n",
        "            *(kind, BatchState.ACCEPTED, BatchState.IN_DOUBT, BatchState.ACCEPTED),\n",
        "Events of a process that was killed are applied twice.",
        (
            JOURNAL + "a_batch_found_in_flight_is_in_doubt_unless_it_may_be_sent_again",
            SMALL_RUN,
        ),
    ),
    Mutation(
        "what is in doubt is sent again",
        "edges/journal/read.py",
        "            *(kind, BatchState.ACCEPTED, BatchState.IN_DOUBT, BatchState.SENDING),\n",
        "            *(kind, BatchState.ACCEPTED, BatchState.ACCEPTED, BatchState.SENDING),\n",
        "Events whose answer was lost are applied twice, by the next process.",
        (JOURNAL + "settled_records_are_covered",),
    ),
    Mutation(
        "what is dead is validated again",
        "edges/journal/read.py",
        "            ((source, line, read_indexes(blob)) for source, line, blob in dead),\n",
        "            (),\n",
        "A restart makes dead letters, or sends them, a second time.",
        (JOURNAL + "dead_letters_are_covered_and_their_customers_missing",),
    ),
    Mutation(
        "customers on the wire are forgotten",
        "edges/journal/write.py",
        "            execute(change, (BatchState.UNANSWERED, kind, BatchState.SENDING))\n",
        '            execute(change, (BatchState.UNANSWERED, kind, ""))\n',
        "Customers who arrived before a kill become dead letters, because they are refused as existing.",
        (JOURNAL + "a_batch_found_in_flight_is_in_doubt_unless_it_may_be_sent_again",),
    ),
    Mutation(
        "unanswered customers are forgotten",
        "edges/journal/write.py",
        "    if outcome.again:\n",
        "    if outcome.state is BatchState.UNANSWERED:\n"
        '        return ("DELETE FROM batches WHERE id = ?", (batch,))\n'
        "    if outcome.again:\n",
        "Customers who arrived by a lost answer become dead letters after a restart.",
        (JOURNAL + "a_possibly_applied_batch_is_remembered_until_it_is_accepted",),
    ),
    Mutation(
        "what is sent is visible at once",
        "edges/journal/write.py",
        "        (_VISIBLE, (Visibility.UNKNOWN, batch.kind)),\n",
        "        (_VISIBLE, (Visibility.SEEN, batch.kind)),\n",
        "After a restart events leave before their customers are there.",
        (JOURNAL + "records_of_a_new_batch_are_not_visible_yet",),
    ),
    Mutation(
        "what was sent again is forgotten by a death",
        "edges/journal/write.py",
        "        execute(change, (BatchState.IN_DOUBT, kind, BatchState.RESENDING))\n",
        "",
        "A batch that a person had sent again is read and sent a third time.",
        (JOURNAL + "a_resent_batch_stays_in_doubt_until_it_is_accepted",),
    ),
    Mutation(
        "what is sent again is not in doubt",
        "edges/journal/read.py",
        "            kind,\n            BatchState.IN_DOUBT,\n            BatchState.RESENDING,\n",
        "            kind,\n            BatchState.IN_DOUBT,\n            BatchState.IN_DOUBT,\n",
        "If the process is killed while a doubt is decided, the batch is on no list.",
        (JOURNAL + "a_resent_batch_stays_in_doubt_until_it_is_accepted",),
    ),
    Mutation(
        "a change between the samples is not noticed",
        "flow/identity/known_exports.py",
        "grown=seen > known.read) if measured.get(known.read) == known.crc else None\n",
        "grown=seen > known.read)\n",
        "A restart continues in an export that is a different one.",
        ("flow/test_recognise.py::test_one_changed_byte_prevents_the_proof",),
    ),
    Mutation(
        "samples are not looked at",
        "flow/identity/known_exports.py",
        "    if identity == known.identity and not full:\n",
        "    if identity.mtime_ns == known.identity.mtime_ns and not full:\n",
        "An export that was rewritten with its old time and size is continued.",
        ("flow/test_recognise.py::test_a_change_that_hides_its_time_is_found_by_samples",),
    ),
    Mutation(
        "dead letters are not marked as taken",
        "edges/journal/write.py",
        "((taken, (IN_A_RETRY, row)) for row in copy.rows)",
        "((taken, (None, row)) for row in copy.rows)",
        "A dead letter that a retry has taken is taken by the next one, too.",
        (JOURNAL + "a_retry_is_one_commit",),
    ),
    *(
        Mutation(
            f"a retry's {what} stays",
            "edges/journal/write.py",
            "SET letters_bytes = 0, letters_crc = 0 WHERE",
            f"SET {kept} WHERE",
            breaks,
            (JOURNAL + "a_retry_is_one_commit",),
        )
        for what, kept, breaks in (
            ("length", "letters_crc = 0", "The dead letters are in the file and in the copy, and count twice."),
            ("checksum", "letters_bytes = 0", "The emptied file is taken for one that somebody edited."),
        )
    ),
    Mutation(
        "a retry is several commits",
        "edges/journal/write.py",
        "        await self._write([*noted, _note(Note(NoteKind.RETRY, detail), self._now())])\n",
        "        for statement in noted:\n            await self._write([statement])\n"
        "        await self._write([_note(Note(NoteKind.RETRY, detail), self._now())])\n",
        "After a kill in the middle, dead letters are in two places, or in none.",
        (JOURNAL + "a_retry_is_one_commit",),
    ),
    Mutation(
        "a decision is not noted",
        "edges/journal/write.py",
        "        own = [_settle(note.batch, decided, now, SettledBy.PERSON), _note(note, now)]\n",
        "        own = [_settle(note.batch, decided, now, SettledBy.PERSON)]\n",
        "It is not known who gave records up, or why they count as arrived.",
        (
            JOURNAL + "decisions_are_noted_with_time_and_reason",
            "flow/test_resolve.py::test_a_decision_costs_no_request_and_is_noted",
        ),
    ),
)

MUTATIONS = (*COMMITS, *RESTART)
