"""What can go wrong in the order of things, in how far a restart goes back, and in doubt. See `mutations`."""

from mutation import Mutation

READ_BACKS = "flow/test_read_backs.py::test_"
PHASE, NOTES, RETRY = "flow/test_phase.py::test_", "flow/test_notes.py::test_", "core/test_retry.py::test_"
CLASSIFY, HISTORIES = "core/test_classify.py::test_", "flow/test_histories.py::test_"

ORDER = (
    Mutation(
        "no note before the wire",
        "flow/upload.py",
        "                await keeper.begin(batch)\n",
        "",
        "After a kill nobody knows that the batch left, and it is sent again.",
        (PHASE + "the_journal_knows_before_the_wire",),
    ),
    Mutation(
        "no note of the outcome",
        "flow/upload.py",
        "            await keeper.conclude(batch, decision)\n",
        "",
        "What was accepted is in doubt after every restart.",
        (NOTES + "a_stop_finds_no_attempt_half_noted[send-noted0-0-events]",),
    ),
    Mutation(
        "the note comes after the wire",
        "flow/upload.py",
        "                await keeper.begin(batch)\n"
        "                began = self._clock.now()\n"
        "                outcome = classify(await self._fly(batch, token, departure))\n",
        "                began = self._clock.now()\n"
        "                outcome = classify(await self._fly(batch, token, departure))\n"
        "                await keeper.begin(batch)\n",
        "After a kill nobody knows that the batch left, and it is sent again.",
        (PHASE + "the_journal_knows_before_the_wire",),
    ),
    Mutation(
        "an attempt is cut in the middle",
        "flow/upload.py",
        "                until_noted.shield = True\n",
        "",
        "A stop leaves a batch noted and never sent, or sent and never settled.",
        (NOTES + "a_stop_finds_no_attempt_half_noted",),
    ),
    Mutation(
        "a noted attempt departs after the stop",
        "flow/upload.py",
        "            if self._brake.cause is None:\n",
        "            if True:\n",
        "A stop waits for a request that began after it, and what stops a run for its doubts makes one more.",
        (
            NOTES + "a_stop_finds_no_attempt_half_noted[send-noted0-0-events]",
            PHASE + "what_stops_the_run_lets_nothing_else_leave",
        ),
    ),
    Mutation(
        "more are on the wire than may be",
        "flow/upload.py",
        "anyio.Semaphore(in_flight,",
        "anyio.Semaphore(2 * in_flight,",
        "A kill leaves twice as many batches in doubt, and the server has more to do at once than was asked for.",
        (PHASE + "no_more_are_in_flight_than_may_be",),
    ),
    Mutation(
        "the note of what was found is cut",
        "flow/burial.py",
        "        with anyio.CancelScope(shield=True):\n            await self._account.find(found)\n",
        "        with anyio.CancelScope(shield=False):\n            await self._account.find(found)\n",
        "Customers count as accepted, and the journal does not know.",
        (NOTES + "a_stop_does_not_lose_what_was_found",),
    ),
    Mutation(
        "the note of one that was found late is cut",
        "flow/burial.py",
        "            with anyio.CancelScope(shield=True):\n                await self._account.find([entry])\n",
        "            with anyio.CancelScope(shield=False):\n                await self._account.find([entry])\n",
        "A customer counts as accepted, and the journal does not know.",
        (NOTES + "a_stop_does_not_lose_one_that_was_found_late",),
    ),
    Mutation(
        "the last note of a phase is cut",
        "flow/phase.py",
        "        with anyio.CancelScope(shield=True):\n            try:\n                await self.account.note()\n",
        "        with anyio.CancelScope(shield=False):\n            try:\n                await self.account.note()\n",
        "Figures and dead letters after the last batch are lost with a stop.",
        (NOTES + "a_stop_ends_with_a_note",),
    ),
    Mutation(
        "dead letters are counted before they are written",
        "flow/account.py",
        "        self._dead_letters.append([letter])\n        self.release([entry])\n"
        "        self._tally.settled([entry], Fate.DEAD, letter.reason)\n",
        "        self.release([entry])\n        self._tally.settled([entry], Fate.DEAD, letter.reason)\n"
        "        self._dead_letters.append([letter])\n",
        "Where a letter cannot be written, its record is told to be dead and stands nowhere.",
        (PHASE + "a_letter_that_cannot_be_written_is_not_counted",),
    ),
)

CHECKPOINT = (
    Mutation(
        "the checkpoint is the highest place",
        "flow/account.py",
        "        return min(places)\n",
        "        return max(places)\n",
        "A restart reads on behind records that were never sent.",
        (
            NOTES + "no_checkpoint_is_beyond_a_record_without_a_fate",
            HISTORIES + "a_death_at_every_operation_of_a_small_run",
        ),
    ),
    Mutation(
        "batches do not hold the checkpoint",
        "flow/account.py",
        "        places = [self._frontier, *self._lows.values(), *(entry.place for entry in self._to_pack)]\n",
        "        places = [self._frontier, *(entry.place for entry in self._to_pack)]\n",
        "A restart reads on behind a batch that waits for its turn.",
        (NOTES + "no_checkpoint_is_beyond_a_record_without_a_fate",),
    ),
    Mutation(
        "a batch's last record holds the checkpoint",
        "flow/account.py",
        "            self._lows[batch.id] = batch.entries.low\n",
        "            self._lows[batch.id] = max(each.place for each in batch.entries)\n",
        "A restart reads on behind the first records of a batch.",
        (NOTES + "no_checkpoint_is_beyond_a_record_without_a_fate",),
    ),
    Mutation(
        "the packer does not hold the checkpoint",
        "flow/account.py",
        "        if (low := self._packer.low()) is not None:\n            places.append(low)\n",
        "",
        "A restart reads on behind records that wait for a batch to fill.",
        (NOTES + "a_record_that_waits_for_its_batch_to_fill_holds_the_checkpoint",),
    ),
    Mutation(
        "what comes back does not hold the checkpoint",
        "flow/account.py",
        "        places = [self._frontier, *self._lows.values(), *(entry.place for entry in self._to_pack)]\n",
        "        places = [self._frontier, *self._lows.values()]\n",
        "A restart reads on behind what is left over of a refused batch.",
        (NOTES + "what_is_left_over_of_a_refused_batch_holds_the_checkpoint",),
    ),
    Mutation(
        "reading again does not hold the checkpoint",
        "flow/account.py",
        "        if self._catching_up:\n            places.append(self._read_to)\n        return",
        "        return",
        "Killed while it catches up, a second restart reads on behind what the first one had still to send.",
        (HISTORIES + "a_second_death_while_catching_up",),
    ),
    Mutation(
        "doubts of a dead process are not taken up",
        "flow/run.py",
        "        for batch in resume.doubtful:\n"
        "            await account.doubt(batch, await self._entries_of(kind, batch))\n",
        "",
        "Events of a process that was killed are in no figure and on no list.",
        (HISTORIES + "a_death_at_every_operation_of_a_small_run",),
    ),
    Mutation(
        "doubts are not listed after a death",
        "flow/run.py",
        "            if doubt.batch not in doubts.listed:  # the process before died between the note and the list\n",
        "            if False:\n",
        "Records in doubt are told in figures, and nobody can tell which they are.",
        (HISTORIES + "a_death_at_every_operation_of_a_small_run",),
    ),
    Mutation(
        "what a file has grown by is not read",
        "flow/resume.py",
        "    grown = list(_tails(sources, journal.consumed(kind)))\n",
        "    grown = list(_tails([], journal.consumed(kind)))\n",
        "Lines appended to an export whose reading was over are lost without a word.",
        (HISTORIES + "a_file_that_grows_after_a_later_one_was_begun_is_read_on",),
    ),
)

DOUBT = (
    Mutation(
        "what is in doubt is repeated",
        "core/retry.py",
        "            if not repeatable:\n                return _doubted(",
        "            if False:\n                return _doubted(",
        "Events whose answer was lost are applied twice.",
        (RETRY + "what_may_be_sent_again", PHASE + "a_lost_answer_leaves_events_and_transactions_in_doubt"),
    ),
    Mutation(
        "a 503 was not applied",
        "core/classify.py",
        '            return InDoubt("status 503", wait_asked_for(answer))\n',
        '            return Unreachable("status 503")\n',
        "Where a gateway sends 503 after the delivery, events are applied twice.",
        (CLASSIFY + "every_status_has_its_verdict",),
    ),
    Mutation(
        "a 408 was not applied",
        "core/classify.py",
        '        case 425:\n            return Unreachable("425',
        '        case 408 | 425:\n            return Unreachable("425',
        "Where a gateway sends 408 after the delivery, events are applied twice.",
        (CLASSIFY + "every_status_has_its_verdict",),
    ),
    Mutation(
        "a lost connection was never used",
        "core/classify.py",
        "        case cause if failure.sent:\n",
        "        case cause if False:\n",
        "A batch whose answer was lost counts as not sent, and is applied twice.",
        (CLASSIFY + "every_failure_has_its_verdict",),
    ),
    Mutation(
        "a web page is an acceptance",
        "core/classify.py",
        "    if answer.html:\n",
        "    if False:\n",
        "A portal's page counts as the API's word, and the records are lost.",
        (CLASSIFY + "every_status_has_its_verdict", PHASE + "a_portal_stops_the_run"),
    ),
    Mutation(
        "what the brake cut short was never sent",
        "flow/upload.py",
        "        attempt = landed[0] if landed else Failure(cause=Cause.CUT_SHORT, sent=sent)\n",
        "        attempt = landed[0] if landed else Failure(cause=Cause.CUT_SHORT, sent=False)\n",
        "A batch that was in flight at a stop is applied twice.",
        (PHASE + "a_request_that_outlasts_the_drain_time",),
    ),
    Mutation(
        "doubts in a row do not stop the run",
        "core/retry.py",
        "    if health.doubts >= MOST_DOUBTS:\n",
        "    if False:\n",
        "An outage puts a whole export in doubt.",
        (RETRY + "after_a_doubt_nothing_is_sent_for_a_while", PHASE + "an_outage_does_not_put_the_export_in_doubt"),
    ),
    Mutation(
        "a refusal is repeated",
        "core/retry.py",
        "        case Accepted() | Refused() | TooLarge():\n            return Settle(outcome)\n",
        "        case Accepted() | TooLarge():\n            return Settle(outcome)\n"
        "        case Refused():\n            return Again(1.0)\n",
        "One bad record holds up all others for ever.",
        (RETRY + "what_may_be_sent_again",),
    ),
    Mutation(
        "customers without an answer are forgotten",
        "flow/account.py",
        "            state = UNANSWERED\n",
        "            pass\n",
        "Customers who arrived by a lost answer become dead letters after a restart.",
        (PHASE + "a_refusal_after_a_lost_answer_is_read_back",),
    ),
    Mutation(
        "customers without an answer are not looked for",
        "flow/account.py",
        "                self.unanswered.add(batch, self._clock.now())\n",
        "                pass\n",
        "Customers who arrived by a lost answer become dead letters.",
        (PHASE + "a_refusal_after_a_lost_answer_is_read_back",),
    ),
    Mutation(
        "a further doubt is not looked into",
        "flow/unanswered.py",
        "        self._looked -= places\n",
        "",
        "Customers who arrived by the second lost answer are not waited for.",
        ("flow/test_unanswered.py::test_what_was_on_the_wire_is_known_by_its_place",),
    ),
    Mutation(
        "the settling time passes for each culprit",
        "flow/burial.py",
        "        since = unanswered.since(unanswered.fresh([entry]))\n",
        "        since = unanswered.since([entry])\n",
        "Ten culprits of an unanswered batch are waited for ten times.",
        (READ_BACKS + "the_settling_time_passes_once_for_all_culprits",),
    ),
    Mutation(
        "as many batches wait as may",
        "flow/phase.py",
        "            while self._beside >= MOST_BESIDE:\n",
        "            while False:\n",
        "Memory grows with what is refused after attempts without an answer.",
        (READ_BACKS + "no_more_wait_than_memory_holds",),
    ),
    Mutation(
        "a read-back holds up an uploader",
        "flow/phase.py",
        "                if self._burial.must_wait(batch.entries):\n"
        "                    return self._isolator.put_off(batch, refused)\n",
        "                await self._burial.clear_up(batch.entries)\n",
        "All others wait until what one attempt has applied must show.",
        (READ_BACKS + "others_are_sent_meanwhile",),
    ),
    Mutation(
        "ids that need escaping speak as others do",
        "flow/visible.py",
        "    plain = tuple(customer for customer in customers if is_plain(customer))[:most]\n",
        "    plain = tuple(customers)[:most]\n",
        "Behind a gateway that refuses such paths a run ends for ever before its second kind.",
        ("flow/test_visible.py::test_where_there_are_only_odd_ids_the_run_goes_on",),
    ),
    Mutation(
        "a gateway's 404 is the server's",
        "flow/findings.py",
        "        return seen if unless <= self._witnesses[kind].read else Seen.UNTOLD\n",
        "        return seen\n",
        "Customers who arrived are called missing, and somebody sends them again.",
        ("flow/test_witness.py::test_what_a_gateway_refuses_is_not_missing",),
    ),
    Mutation(
        "years are asked for that there are not",
        "model/moments.py",
        "    return min(max(_year(moment), FIRST_YEAR), LAST_YEAR)\n",
        "    return _year(moment)\n",
        "A transaction of the year 1 can never be verified.",
        ("model/test_moments.py::test_the_ends_of_the_calendar",),
    ),
    Mutation(
        "a later answer moves the attempt without one",
        "core/statements.py",
        "    if again:\n",
        "    if False:\n",
        "After every restart the settling time passes once more.",
        ("edges/test_journal.py::test_when_an_attempt_went_without_an_answer_is_kept",),
    ),
    Mutation(
        "one customer speaks for its batch",
        "flow/unanswered.py",
        "        found = [entry for entry in readable if await self._shows(entry)] if there else []\n",
        "        found = readable if there else []\n",
        "Customers who never arrived count as accepted.",
        ("flow/test_unanswered.py::test_each_customer_speaks_for_itself",),
    ),
    Mutation(
        "letters that would double are sent as they were",
        "core/letters.py",
        "UNMENDED_STAY = frozenset({Reason.DUPLICATE_ID, Reason.DUPLICATE_EMAIL, Reason.DISCARDED})",
        "UNMENDED_STAY = frozenset({Reason.TOO_LONG}) - {Reason.TOO_LONG}",
        "A doubt that was given up is applied a second time by a retry.",
        ("core/test_letters.py::test_what_would_be_applied_beside_another_is_not_sent_as_it_was",),
    ),
)

RUNS = (
    Mutation(
        "a customer who stands in a batch already joins it in a run",
        "core/fill.py",
        "            if customers[index] in standing:\n",
        "            if False:\n",
        "One customer's records that differ stand twice in a body, and nobody can say which one counts.",
        ("core/test_fill.py::test_a_run_ends_where_a_customer_comes_again[in_runs]",),
    ),
    Mutation(
        "an odd line shifts the columns",
        "model/entries.py",
        "        start, taken = index + 1, taken + lines\n",
        "        start, taken = index + 1, taken + lines + 1\n",
        "Events are noted and held back under the id of another customer.",
        ("model/test_entries.py::test_what_is_odd_stands_between_runs",),
    ),
    Mutation(
        "an odd line of a worker's shifts the columns",
        "core/verdicts.py",
        "self._plain + len(run.bodies) - len(verdicts)\n",
        "self._plain + len(run.bodies)\n",
        "Events are noted and held back under the id of another customer.",
        ("core/test_verdicts.py::test_an_odd_line_before_others_moves_nothing",),
    ),
)

MUTATIONS = (*RUNS, *ORDER, *CHECKPOINT, *DOUBT)
