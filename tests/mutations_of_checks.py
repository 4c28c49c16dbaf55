"""What can go wrong in the checks over all exports: what is not found, and what is invented. See `mutations`."""

from mutation import Mutation

HELD, RULE = "flow/test_held_back.py::test_", "core/test_hold_back.py::test_"
FOUND = "edges/test_findings_file.py::test_"
LAWS, PLANTED = "core/test_whole_export.py::test_", "flow/test_whole_export_findings.py::test_"
SAME = (LAWS + "exactly_the_planted_faults_are_found",)

MUTATIONS = (
    Mutation(
        "the balance of a duplicate counts",
        "core/checks/find.py",
        "        if self._notes.same_line(self._customers[key], index):  # else it is of a duplicate\n",
        "        if self._notes is not None:\n",
        "A customer is said to have another balance than the record that is sent.",
        (LAWS + "the_balance_of_a_duplicate_does_not_count",),
    ),
    Mutation(
        "the sum of a customer with a faulty line is compared",
        "core/checks/find.py",
        "        self._broken.add(key)\n",
        "        pass\n",
        "A balance is called wrong because a line is a dead letter.",
        (LAWS + "a_customer_with_a_faulty_line_is_not_compared",),
    ),
    Mutation(
        "an amount that a double does not determine is taken for exact",
        "core/checks/amounts.py",
        "        if number / 1e6 == amount:\n",
        "        if amount == amount:\n",
        "Small differences are not found.",
        (LAWS + "an_amount_is_exact_or_not_known",),
    ),
    Mutation(
        "equal hashes are equal customers",
        "core/checks/confirm.py",
        "        case _:\n            return record.id == other.id\n",
        "        case _:\n            return True\n",
        "Two customers whose hashes collide are accused of one id.",
        (LAWS + "a_hash_collision_is_not_a_finding",),
    ),
    Mutation(
        "duplicates that the decoder knows are not noted",
        "core/checks/take_notes.py",
        "        if not customer or kind is Kind.EVENTS:\n",
        "        if True:\n",
        "Whether a duplicate is found depends on remember_ids.",
        (*SAME, PLANTED + "exactly_the_planted_faults_are_found"),
    ),
    Mutation(
        "only the notes that filled a buffer are looked at",
        "core/checks/take_notes.py",
        "                self._sink(part, notes)\n                del notes[:]\n",
        "                del notes[:]\n",
        "Nothing is found in small exports.",
        (*SAME, PLANTED + "exactly_the_planted_faults_are_found"),
    ),
    Mutation(
        "a damaged export is checked as it is",
        "flow/dry_run/all_kinds.py",
        "                if found.failure is not None:\n",
        "                if found.failure is ...:\n",
        "Customers behind the damage are called unknown.",
        (PLANTED + "a_damaged_export_is_not_checked",),
    ),
    Mutation(
        "findings of other exports are believed",
        "edges/files/findings_file.py",
        "        if found.format == _FORMAT and identity in (None, found.identity):\n",
        "        if found.format == _FORMAT:\n",
        "A run whose export has grown sends what the checks would hold back.",
        (
            "edges/test_findings_file.py::test_the_file_belongs_to_its_exports",
            HELD + "a_continued_run_does_not_check_again",
        ),
    ),
    Mutation(
        "findings are in their place before they are complete",
        "edges/files/findings_file.py",
        "        self._directory, self._path = directory, directory / _PART\n",
        "        self._directory, self._path = directory, directory / FINDINGS\n",
        "A run that is killed in its checks believes the part that was written.",
        (FOUND + "an_unfinished_file_does_not_count",),
    ),
    Mutation(
        "a line that is corrected is held back again",
        "core/reading/hold_back.py",
        "    if isinstance(result, Entry) and result.retried is None:\n",
        "    if isinstance(result, Entry):\n",
        "A retry never gets rid of a dead letter, if its copy has the name of an export.",
        (RULE + "a_retried_dead_letter_is_not_held_back",),
    ),
    Mutation(
        "the lines after one that is held back are lost",
        "core/reading/hold_back.py",
        "    if start < len(run):\n",
        "    if start < len(run) and not start:\n",
        "Records are neither sent nor counted.",
        (RULE + "exactly_the_records_of_findings_are_held_back", RULE + "only_the_line_concerned_is_opened"),
    ),
    Mutation(
        "only the later one of two lines is held back",
        "core/checks/hold.py",
        "    elif fault.holds_first:\n",
        "    elif False:\n",
        "A part of a customer's transactions is migrated, and the rest never can be.",
        (RULE + "each_finding_has_its_lines", HELD + "the_clean_rest_arrives_without_a_refusal"),
    ),
    Mutation(
        "a line that is there twice counts twice",
        "core/checks/confirm.py",
        "        lines = list({line.digest: line for line in (record, *more)}.values())",
        "        lines = [record, *more]",
        "The first one of two equal lines is held back with the other.",
        SAME,
    ),
    Mutation(
        "a run goes on before its checks have ended",
        "flow/pipeline/run.py",
        "            await self._checks.make()\n",
        "            pass\n",
        "Nothing is held back, and the API refuses whole batches.",
        (HELD + "the_clean_rest_arrives_without_a_refusal",),
    ),
    Mutation(
        "a plan packs what is held back",
        "flow/dry_run/all_kinds.py",
        "        found = await reading.go(held=known.held)\n",
        "        found = await reading.go()\n",
        "A plan counts requests that the migration does not need.",
        (HELD + "the_clean_rest_arrives_without_a_refusal",),
    ),
    Mutation(
        "a dead letter of an unknown customer takes skipped events along",
        "core/accounting/ledger.py",
        "{Reason.CUSTOMER_NOT_MIGRATED, Reason.DUPLICATE_EVENT, Reason.SENT_BEFORE, Reason.UNKNOWN_CUSTOMER}",
        "{Reason.CUSTOMER_NOT_MIGRATED, Reason.DUPLICATE_EVENT, Reason.SENT_BEFORE}",
        "A retry names other events than the dead letter holds.",
        ("flow/test_held_back.py::test_reversed_events_of_an_unknown_customer_stay_skipped",),
    ),
    Mutation(
        "what the checks found is sent again unchanged",
        "core/dead_letters.py",
        "UNMENDED_STAY = FOUND_BY_CHECKS | {",
        "UNMENDED_STAY = {",
        "Correct one of a thousand balances, retry: 999 refusals, at ten requests each.",
        (
            "end_to_end/test_advice_checks.py::test_what_the_checks_found_is_not_sent_unless_it_is_corrected_or_asked_for",
        ),
    ),
)
