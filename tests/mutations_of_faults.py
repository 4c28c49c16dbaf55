"""What can go wrong when all faults of a record are listed, and dead letters are grouped. See `mutations`."""

from mutation import Mutation

RECORD, NAMED = "core/test_record_faults.py::test_", "core/test_named_faults.py::test_"
GROUPS, FILE = "core/test_fault_groups.py::test_", "flow/test_run_report.py::test_"

MUTATIONS = (
    Mutation(
        "only the first fault is listed",
        "core/reading/record_faults.py",
        "            listed=listed if len(listed) > 1 else (),\n",
        "            listed=(),\n",
        "A person corrects a record, retries, and learns the next fault.",
        (
            RECORD + "every_planted_fault_is_listed_and_no_other",
            RECORD + "a_record_is_valid_after_all_listed_faults_are_corrected",
        ),
    ),
    Mutation(
        "a value that may not count is judged",
        "core/reading/record_faults.py",
        "if not _is_within(fault.path, unclear)",
        "if True",
        "A person corrects a field that the right value of another one makes valid.",
        (
            RECORD + "duplicate_fields_and_empty_lists_are_listed",
            RECORD + "a_type_that_occurs_twice_leaves_its_transaction_uncertain",
        ),
    ),
    Mutation(
        "an unknown type hides the other faults",
        "core/reading/schema_faults.py",
        "    yield from _check_shared(list(tagged.values()), value, path, reject_unknown=reject_unknown)\n",
        "",
        "A person corrects a transaction's type, retries, and learns the next fault.",
        (
            RECORD + "every_planted_fault_is_listed_and_no_other",
            RECORD + "a_transaction_of_an_unknown_type_has_the_faults_that_every_type_finds",
        ),
    ),
    Mutation(
        "a deleted customer has faults",
        "core/reading/record_faults.py",
        "        if not self.is_left_out(value, reverted):\n",
        "        if True:\n",
        "A person corrects what is never sent.",
        (RECORD + "skipped_items_have_no_faults", RECORD + "a_line_that_is_not_utf_8_has_its_other_faults_too"),
    ),
    Mutation(
        "another process forgets the list",
        "core/reading/remote.py",
        "                listed=result.listed,\n",
        "",
        "With several processes, dead letters say less.",
        (RECORD + "workers_list_the_same_faults",),
    ),
    Mutation(
        "a record gets the faults of others",
        "core/isolation/named.py",
        " if fault.index == number else None\n",
        "\n",
        "A person looks for faults that the record does not have.",
        (NAMED + "each_entry_has_its_own_faults",),
    ),
    Mutation(
        "items are counted over all entries of a customer",
        "core/isolation/named.py",
        "            own = index - items_before\n",
        "            own = index\n",
        "The dead letter names another event than the API.",
        (NAMED + "parts_of_a_record_keep_the_indexes_of_its_items",),
    ),
    Mutation(
        "a group quotes the API's words",
        "core/fault_groups.py",
        "match[0] in samples or _is_known(match)",
        "True",
        "Summaries, reports and terminals show personal data.",
        (GROUPS + "a_cause_has_no_values", GROUPS + "only_known_words_are_left_of_any_message"),
    ),
    Mutation(
        "a group shows names of fields that are not the API's",
        "core/redact.py",
        "shown = step if name in api_names() and",
        "shown = step if",
        "Summaries, reports and terminals show names that a person chose.",
        (GROUPS + "a_field_of_a_group", GROUPS + "no_value_or_name_of_a_record_is_in_a_group"),
    ),
    Mutation(
        "every item of a record counts in its group",
        "core/fault_groups.py",
        "        for key in {group_key(*_cut(fault)): None for fault in faults}:\n",
        "        for key in (group_key(*_cut(fault)) for fault in faults):\n",
        "A group has more dead letters than there are.",
        (GROUPS + "every_dead_letter_is_counted_once_in_each_of_its_groups",),
    ),
    Mutation(
        "groups are of the first faults",
        "flow/reporting/group_faults.py",
        "known = found.faults or (found,) if",
        "known = (found,) if",
        "After a restart, the groups are others than before.",
        (FILE + "groups_are_read_from_the_dead_letter_file",),
    ),
)
