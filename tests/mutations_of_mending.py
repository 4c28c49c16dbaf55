"""What can go wrong when dead letters are corrected by cause. See `mutations`."""

from mutation import Mutation

CLI, TEXT = "cli/test_mend.py::test_", "core/test_json_text.py::test_"
WHOLLY = "a_correction_is_made_wholly_or_not_at_all"

MUTATIONS = (
    Mutation(
        "a corrected record is encoded again",
        "core/mending/json_text.py",
        "    return text[:start] + new + text[end:]\n",
        "    return json.dumps(json.loads(text[:start] + new + text[end:]))\n",
        "Numbers, escapes and blanks of what was not corrected change.",
        (TEXT + "only_the_value_changes", CLI + "all_of_one_cause_are_corrected_and_arrive"),
    ),
    Mutation(
        "the dead letters get their place before the correction is kept",
        "flow/commands/mend.py",
        "        state.rename(kept, name_of(MADE, number, kind))\n",
        "",
        "What was corrected cannot be undone, and what was given up is lost.",
        (CLI + "a_correction_is_undone", CLI + "what_is_given_up_is_not_sent_and_still_counted"),
    ),
    Mutation(
        "a correction that did not come to its end counts",
        "flow/mending/corrections.py",
        "        if (str(number), kind) in unfinished:\n            continue\n",
        "",
        "After a crash, dead letters are called given up that the next retry sends.",
        (CLI + WHOLLY,),
    ),
    Mutation(
        "what is left of an unfinished correction stays",
        "flow/mending/open_state.py",
        "        clear_unfinished(state)\n",
        "",
        "The next correction is taken for one that did not come to its end.",
        (CLI + WHOLLY, CLI + "undoing_is_done_wholly_or_not_at_all"),
    ),
    Mutation(
        "a correction that is not confirmed stays beside the dead letters",
        "flow/commands/mend.py",
        "            drafts.callback(state.remove, letters)\n",
        "",
        "A person says no, and the personal data is there twice.",
        (CLI + "a_correction_is_shown_first_and_changes_nothing_by_itself",),
    ),
    Mutation(
        "a dead letter that was edited since is undone",
        "flow/commands/mend.py",
        "        if kept is not None and kept.after == sign(found.line):\n",
        "        if kept is not None:\n",
        "What a person has corrected by hand after `mend` is lost.",
        (CLI + "dead_letters_that_a_retry_has_taken_cannot_be_undone",),
    ),
    Mutation(
        "only the listed faults are corrected",
        "core/mending/correct.py",
        "_MOST_ROUNDS = 200\n",
        "_MOST_ROUNDS = 1\n",
        "A record with more than a hundred faults has to be corrected again and again.",
        (CLI + "items_inside_a_record_are_corrected",),
    ),
    Mutation(
        "values that may be personal are shown",
        "core/mending/shown_values.py",
        "if not show and (",
        "if show and (",
        "Ids, names and emails are in previews, and in JSON that programs keep.",
        (CLI + "personal_values_are_masked_unless_they_are_wanted",),
    ),
    Mutation(
        "a value that was left out is a correction",
        "core/mending/list_rows.py",
        "return _TOO_LONG.fullmatch(text.strip()) is not None",
        "return False",
        "The words in the place of a long value are written into the record, and sent.",
        ("core/test_correction_table.py::test_a_value_too_long_for_a_cell_is_left_out_and_never_comes_back",),
    ),
    Mutation(
        "a correction is for all lines of its customer",
        "core/mending/table.py",
        "return RowPlace(customer, file, line) if file and line else customer",
        "return customer",
        "The right value of one line is written over good values of the customer's other lines.",
        ("core/test_correction_table.py::test_a_line_with_a_place_is_for_the_dead_letter_of_that_place",),
    ),
    Mutation(
        "a formula stays one",
        "core/mending/list_rows.py",
        'return f"\'{text}" if text.startswith(_FORMULA)',
        "return text if text.startswith(_FORMULA)",
        "Whoever opens the list in a spreadsheet runs what a customer has typed as a name.",
        ("core/test_correction_table.py::test_a_formula_begins_with_an_apostrophe",),
    ),
)
