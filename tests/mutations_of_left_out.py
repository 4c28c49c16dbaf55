"""What can go wrong with what is left out: for its customer, for its purchase, and in its list. See `mutations`."""

from mutation import Mutation

DELETED, PURCHASES = "flow/test_deleted.py::test_", "flow/test_purchases.py::test_"
FOUND, LISTED = "core/test_purchases.py::test_", "edges/test_skipped_file.py::test_"

CUSTOMERS = (
    Mutation(
        "who is deleted is not noted",
        "edges/journal/write.py",
        "        yield (_GONE, (_as_json(made.gone),))\n",
        "        yield (_GONE, (_as_json([]),))\n",
        "Every batch is refused because of the events of deleted customers.",
        (DELETED + "records_of_deleted_customers_cost_no_request",),
    ),
    Mutation(
        "a later line does not bring a customer back",
        "edges/journal/write.py",
        "        yield (_ALIVE, (_as_json(made.alive),))\n",
        "        yield (_ALIVE, (_as_json([]),))\n",
        "The events of a customer who arrived are silently skipped.",
        (DELETED + "a_customer_who_is_not_deleted_on_another_line_arrives",),
    ),
    Mutation(
        "an earlier line of another process does not count",
        "core/accounting/missing.py",
        "                self._unsure = self._unsure or self._tally.sendable > self._known_of\n",
        "                self._unsure = False\n",
        "After a restart, the events of a customer who arrived are silently skipped.",
        (
            DELETED + "a_customer_who_is_not_deleted_on_a_line_of_another_process_arrives",
            DELETED + "a_deleted_customer_beyond_memory_is_searched_for",
        ),
    ),
    Mutation(
        "who could have been sent counts as alive",
        "flow/pipeline/deleted.py",
        "                    if entry.customer in gone and accepted.part(entry) is not None\n",
        "                    if entry.customer in gone\n",
        "If a refused customer is corrected to deleted, every batch of events is refused.",
        (DELETED + "a_refused_customer_may_be_corrected_to_deleted",),
    ),
    Mutation(
        "the deleted come before the dead",
        "core/accounting/missing.py",
        "        if wanted in self._late or _holds(self._dead, wanted):",
        "        if wanted in self._late or (_holds(self._dead, wanted) and not _holds(self._gone, wanted)):",
        "What belongs to a customer whose dead letter is corrected afterwards is lost.",
        (DELETED + "a_dead_letter_outweighs_a_deleted_line_of_its_customer",),
    ),
    Mutation(
        "skipped records are taken up again",
        "edges/journal/write.py",
        "for place in progress.presence.held if place >= passed)",
        "for place in progress.presence.held if place < passed)",
        "A record that was counted as skipped is sent after a restart if its customer has arrived meanwhile.",
        (DELETED + "skipped_records_stay_skipped_after_a_restart",),
    ),
    Mutation(
        "ids that a gateway may misread are asked for",
        "flow/customers.py",
        "        if not self._left or not is_plain(customer):\n",
        "        if not self._left:\n",
        "Behind a gateway that answers 404 to `%2F`, transactions of customers who are there are held back.",
        (DELETED + "an_odd_id_is_not_looked_up",),
    ),
)

EVENTS = (
    Mutation(
        "the same event is sent",
        "core/reading/sort_lines.py",
        '        self._rejects_same = duplicate_purchase in {"auto", "reject"}\n',
        '        self._rejects_same = duplicate_purchase == "reject"\n',
        "An event on two lines counts twice.",
        (
            PURCHASES + "the_second_line_of_an_event_is_a_dead_letter",
            PURCHASES + "the_setting_decides_about_duplicate_events",
        ),
    ),
    Mutation(
        "another event is the same one",
        "core/reading/purchases.py",
        "        if there == entry:\n            return place, True\n",
        "        if 0 <= there ^ entry <= _CONTENT:\n            return place, True\n",
        "A refund is left out as the purchase it refunds.",
        (FOUND + "a_different_event_of_the_purchase_is_recognised",),
    ),
    Mutation(
        "the older table is not asked",
        "core/reading/purchases.py",
        "before = None if old is None else _find(old, place, key ^ content)[1]",
        "before = None",
        "Duplicates are missed although they are near.",
        (FOUND + "a_duplicate_within_the_capacity_is_found",),
    ),
    Mutation(
        "a retry sends a duplicate as it was",
        "core/dead_letters.py",
        "        if last == Reason.DUPLICATE_EVENT and not retry.mended:",
        "        if False:",
        "A retry without a correction counts the event twice.",
        (PURCHASES + "a_retry_does_not_send_an_uncorrected_duplicate",),
    ),
)

LIST = (
    Mutation(
        "the list is not synced",
        "flow/pipeline/recorder.py",
        "        self._skipped.sync()\n",
        "        pass\n",
        "After a power cut the journal counts lines that are not there.",
        (DELETED + "the_list_is_durable_before_its_commit",),
    ),
    Mutation(
        "what is not counted stays in the list",
        "edges/files/counted_file.py",
        "            os.ftruncate(file, length)\n        self.length",
        "            pass\n        self.length",
        "After a kill, one record is listed twice.",
        (LISTED + "uncounted_lines_are_cut",),
    ),
)

UNFINISHED = "flow/test_retry_unfinished.py::test_"
RETRIED = (
    Mutation(
        "a dead letter and its line are both remembered",
        "flow/pipeline/resume.py",
        "    return resume.covered if copies else {}\n",
        "    return {}\n",
        "A record that is retried before the run's end counts as a duplicate of itself.",
        (UNFINISHED + "two_held_back_lines_of_one_event_are_sent_once",),
    ),
    Mutation(
        "a part and its dead letter are both remembered",
        "core/reading/purchases.py",
        "            apart = items is None or index in items\n",
        "            apart = items is None\n",
        "An event is never sent although the rest of its record was.",
        (UNFINISHED + "a_part_and_its_dead_letter_are_one_record",),
    ),
    Mutation(
        "others who are there are taken for those who stayed",
        "flow/only_missing.py",
        "        if not there or self._gone == self._reverts.customers or self._others_stayed:\n",
        "        if there >= 0:\n",
        "What was sent for customers who were taken back and migrated again is lost, with exit 0.",
        ("flow/test_only_missing.py::test_some_of_another_runs_customers_may_be_migrated_again",),
    ),
)

MUTATIONS = (*CUSTOMERS, *EVENTS, *LIST, *RETRIED)
