"""What can go wrong with exports in object storage: sent twice, taken from another object, shown. See `mutations`."""

from mutation import Mutation

FILE, STORAGE = "edges/test_object_file.py::test_", "cli/test_object_storage.py::test_"

MUTATIONS = (
    Mutation(
        "an answer of another object is taken",
        "edges/objects/object_file.py",
        "        if not facts.is_same(self.facts):\n",
        "        if facts.size != self.facts.size:\n",
        "A server that ignores the condition mixes two objects.",
        (FILE + "a_replaced_object_is_noticed_by_the_answer_if_the_server_ignores_the_condition",),
    ),
    Mutation(
        "no range names the ETag",
        "model/objects.py",
        '        return "" if self.etag.startswith("W/") else self.etag\n',
        '        return ""\n',
        "Each answer is fetched whole before a replaced object shows.",
        (FILE + "an_object_is_read_in_ranges_with_its_etag",),
    ),
    Mutation(
        "an object that has grown goes on like a file",
        "flow/identity/known_exports.py",
        "    return replaced and found.size != known.identity.size\n",
        "    return False\n",
        "A new export is taken for the old one.",
        (STORAGE + "an_object_that_has_grown_is_a_new_export",),
    ),
    Mutation(
        "an object is recognised by its ETag alone",
        "flow/identity/known_exports.py",
        "    return replaced and found.size != known.identity.size\n",
        "    return replaced\n",
        "An object that was put back is refused if the service gives it another ETag.",
        (STORAGE + "an_object_that_is_replaced_in_the_middle_stops_the_run",),
    ),
    Mutation(
        "a range that failed is not halved",
        "edges/objects/object_file.py",
        "                step = halve(step)\n",
        "",
        "On a slow network the same range fails again and again.",
        (FILE + "a_range_that_fails_is_read_in_smaller_parts",),
    ),
    Mutation(
        "throttling is final",
        "core/reading/object_answers.py",
        "        later = number >= 500 or number in _TIMES_LATER",
        "        later = number >= 600 or number in _TIMES_LATER",
        "A busy server stops the run.",
        (FILE + "throttling_is_waited_out_with_growing_delays",),
    ),
    Mutation(
        "a signature is part of the name",
        "core/reading/object_urls.py",
        "rpartition('@')[2]}{parts['path']}\"\n",
        "rpartition('@')[2]}{parts['path']}{parts['after']}\"\n",
        "Journal, log and report show it.",
        (STORAGE + "a_presigned_url_is_in_no_file_and_no_message",),
    ),
    Mutation(
        "copies of sources stay",
        "prepare/engine/run.py",
        "            shutil.rmtree(copies, ignore_errors=True)\n",
        "            pass\n",
        "Tables with personal data lie in the spill directory of a preparation that was stopped.",
        ("cli/test_prepare_objects.py::test_work_that_was_stopped_continues",),
    ),
    Mutation(
        "a replaced source is not noticed",
        "prepare/engine/run.py",
        '            digest.update(f"{each.remote.size} {each.remote.identity}".encode())\n',
        "            pass\n",
        "Work goes on with rows of the old object and rows of the new one.",
        ("cli/test_prepare_objects.py::test_a_source_that_was_replaced_begins_the_work_again",),
    ),
    Mutation(
        "a pattern is masked like a query",
        "core/redact.py",
        '    return _QUERY.sub(lambda match: match["key"] or MASK,',
        "    return _QUERY.sub(lambda match: MASK,",
        "The next command that is shown names other objects.",
        ("cli/test_object_commands.py::test_doubts_are_resolved_and_a_part_is_taken_back_and_sent_again",),
    ),
    Mutation(
        "an export that cannot be reached is not compared",
        "flow/checks/before_sending.py",
        "                raise\n            except InputError",
        "                pass\n            except InputError",
        "It is sent unchecked when the storage answers again.",
        (STORAGE + "an_outage_during_the_checks_stops_the_run",),
    ),
    Mutation(
        "results that are not published are no matter",
        "flow/reporting/publish.py",
        "            exit_code=int(ExitCode.OUTAGE) if summary.exit_code in _OUTWEIGHED else summary.exit_code,\n",
        "",
        "Nothing shows that the results are missing.",
        (STORAGE + "results_that_cannot_be_published_do_not_change_what_was_delivered",),
    ),
)
