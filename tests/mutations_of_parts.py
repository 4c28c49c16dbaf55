"""What can go wrong with exports in parts: lines lost, something else taken up, other findings. See `mutations`."""

from mutation import Mutation

TAKEN, MADE, CORE = "flow/test_take_parts.py::test_", "cli/test_parts.py::test_", "core/test_parts.py::test_"

MUTATIONS = (
    Mutation(
        "a line that begins where its part does is in no part",
        "edges/export/source.py",
        "    offset = place - 1  # a line begins at `place` if the byte before it ends one\n",
        "    offset = place\n",
        "A record is neither sent nor counted.",
        (TAKEN + "a_part_begins_with_the_first_line_that_begins_in_it",),
    ),
    Mutation(
        "an export is recognised by its size",
        "flow/parts/make_part.py",
        "    return _digest((identity.size, identity.samples, identity.etag, written))\n",
        "    return _digest((identity.size, identity.etag, written))\n",
        "Answers of an older export are taken up.",
        (TAKEN + "an_export_that_is_not_the_one_of_the_request_is_refused",),
    ),
    Mutation(
        "a change between the samples goes unnoticed",
        "flow/parts/answered_validator.py",
        "not (answers.exhausted and cut.crc == answers.crc)",
        "not answers.exhausted",
        "Lines are taken for valid that are not.",
        (TAKEN + "a_change_that_no_sample_shows_is_noticed_when_the_lines_are_read",),
    ),
    Mutation(
        "a migration by parts sends an export that is another one between its samples",
        "flow/parts/take_parts.py",
        "await _read_crc(found) != _answered_crc(by_source[number])",
        "(await _read_crc(found))[0] != _answered_crc(by_source[number])[0]",
        "Records are sent of which no check has seen anything.",
        (MADE + "a_migration_compares_every_byte_with_what_was_validated",),
    ),
    Mutation(
        "a damaged answer is taken up",
        "core/parts/answer_format.py",
        "    if len(content) != SUFFIX.size or SUFFIX.unpack(content) != (crc, END):\n",
        "    if len(content) != SUFFIX.size:\n",
        "Findings are missing, or are of other lines.",
        (CORE + "an_answer_that_is_not_whole_is_refused", TAKEN + "a_damaged_answer_is_missing"),
    ),
    Mutation(
        "a part counts its lines from its own beginning",
        "core/parts/answer_format.py",
        "            wheres[begin:end] = moved\n",
        "            wheres[begin:end] = wheres[begin:end]\n",
        "Findings name, and hold back, other lines.",
        (CORE + "an_answer_comes_back_as_it_was_written", MADE + "a_migration_takes_parts_up"),
    ),
    Mutation(
        "no date is in the future",
        "flow/parts/take_parts.py",
        "                if each.moment > latest:\n",
        "                if each.moment < 0:\n",
        "With parts, a finding is missing.",
        (TAKEN + "a_date_is_in_the_future_by_the_clock_of_whoever_takes_parts_up",),
    ),
    Mutation(
        "a migration does not ask whether all parts are there",
        "flow/migration.py",
        "    if answers is not None:\n        await checks.take_up(answers)\n",
        "    del answers\n",
        "The run makes the checks itself, for hours.",
        (MADE + "a_migration_without_all_parts_sends_nothing",),
    ),
    Mutation(
        "the columns of lines that are validated again are not passed over",
        "core/parts/line_columns.py",
        "        plain = lines - len(self._take_alone(lines))\n",
        "        self._take_alone(lines)\n        plain = lines\n",
        "Records get the ids of others.",
        (CORE + "columns_give_what_decoding_gives",),
    ),
)
