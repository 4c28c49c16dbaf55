"""All advice of the program, each with the test that follows it. `test_advice_table` compares the table to the source.

A row is the text as it is in the source, with holes as `{…}`, under the module that says it. Its test is named by
the theme of its file, `tests/end_to_end/test_advice_THEME.py`, and by its name without `test_`. The test provokes the
advice with the installed command, does literally what it says, and checks the good end: the exit code and, where
something is sent, that the ledger of the sandbox holds each record once.

If advice asks a person to look or to think, the test does what a test can do. The ledger of the sandbox stands
for the account and its dashboard; the place that is named is looked up in the export; a cause is taken away (a fault
that ends, a permission that comes back, a disk with room); what is to be reported is there to be reported.
"""

TABLE: dict[str, dict[str, str]] = {
    "model/short_disk.py": {
        (
            "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command"
            " again"
        ): "stopping::a_file_size_limit_is_raised",
        "free up space within your quota, or have it raised, then start the same command again": (
            "stopping::another_failure_of_a_disk_is_repaired"
        ),
        (
            "the disk fails: look into the kernel's log (dmesg), have it repaired, then start the same command again"
        ): "stopping::another_failure_of_a_disk_is_repaired",
        "the disk can only be read: have it mounted for writing, then start the same command again": (
            "stopping::another_failure_of_a_disk_is_repaired"
        ),
        "give this user the right to write there, then start the same command again": (
            "stopping::another_failure_of_a_disk_is_repaired"
        ),
        "raise the number of open files (ulimit -n), then start the same command again": (
            "stopping::another_failure_of_a_disk_is_repaired"
        ),
    },
    "observe/mend_list.py": {
        (
            "{…} passed over, for {…}: masivo-stream mend {…} takes them"
        ): "mending::a_filled_in_list_is_corrected_as_its_hints_say",
        "  masivo-stream mend {…} {…}{…}": "mending::the_next_step_leads_to_a_correction",
        "  masivo-stream retry{…}": "mending::the_next_step_leads_to_a_correction",
        (
            "and {…} more: masivo-stream dead-letters --csv -o dead-letters.csv lists all of them"
        ): "mending::a_long_list_is_written_to_a_file",
    },
    "core/mending/ways.py": {
        "--copy FIELD": "mending::what_fits_a_cause_is_proposed_and_corrects_it",
        "--csv corrections.csv": "mending::the_next_step_leads_to_a_correction",
        '--give-up "why"': "mending::the_next_step_leads_to_a_correction",
        "--map OLD=NEW": "mending::the_next_step_leads_to_a_correction",
        "--rename NAME": "mending::what_fits_a_cause_is_proposed_and_corrects_it",
        "--set VALUE": "mending::the_next_step_leads_to_a_correction",
        "--zone Z": "mending::what_fits_a_cause_is_proposed_and_corrects_it",
    },
    "flow/mending/table_file.py": {
        "name a CSV file that can be read": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        (
            'save it as "CSV UTF-8", or convert it: iconv -f latin1 -t utf-8'
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
        (
            'save it as "CSV UTF-8", or convert it: iconv -f utf-16 -t utf-8'
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
    },
    "flow/mending/open_state.py": {
        (
            "correct the export; or migrate it, then correct the dead letters of the migration"
        ): "mending::the_right_state_directory_is_named",
        (
            "name the --state-dir of the migration, or of the validation, that has dead letters"
        ): "mending::the_right_state_directory_is_named",
    },
    "flow/mending/letter_file.py": {
        (
            "correct `raw` in place, one JSON object per line, and leave the other fields as they are"
        ): "mending::a_broken_dead_letter_file_is_put_right",
    },
    "flow/mending/causes.py": {
        (
            "masivo-stream mend lists the causes with their names, and the corrections that were made"
        ): "mending::a_wrong_correction_is_corrected_as_its_hint_says",
    },
    "flow/commands/mend.py": {
        "correct again what comes back as a dead letter": "mending::what_a_retry_has_taken_is_corrected_again",
        (
            "name a field of the API, such as {…}; a list has [] after its name"
        ): "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        (
            "correct `raw` in {…} with an editor, then retry; or give them up: --give-up"
        ): "mending::what_fits_a_cause_is_proposed_and_corrects_it",
        "name its path, such as --field {…}": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        "write a value that the field takes": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
    },
    "core/mending/table.py": {
        (
            "write the whole value, or leave its cell empty; the dead letter has the value that the list leaves out"
        ): "mending::a_filled_in_list_is_corrected_as_its_hints_say",
        (
            "leave its correction empty if the list names no field: the whole line is corrected in the export, or in "
            "`raw` of the dead-letter file"
        ): "mending::a_filled_in_list_is_corrected_as_its_hints_say",
        (
            "leave the column `kind` as masivo-stream dead-letters --csv writes it"
        ): "mending::a_filled_in_list_is_corrected_as_its_hints_say",
        (
            "keep one line for each id and field, with the right value"
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
        (
            "the first line names the columns: id, and a path for each field, such as "
            "events[].order.value; or id, field and correction, as masivo-stream dead-letters --csv "
            "writes them"
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
        (
            'write a cell that holds the separator or a quote in quotes: "a, b" and "a ""b"""'
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
        (
            "write the value that the field takes; an empty cell leaves the field as it is"
        ): "mending::a_wrong_table_is_corrected_as_its_hint_says",
    },
    "cli/mend.py": {
        "answer yes, or give --yes": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        (
            "masivo-stream mend lists the causes with their names"
        ): "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        'say why, such as --give-up "test accounts"': "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        (
            "use one of these flags, then correct again with the other"
        ): "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        "write Z, or an offset such as -05:00": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
        "write it so: --map M=MALE --map F=FEMALE": "mending::a_wrong_correction_is_corrected_as_its_hint_says",
    },
    "cli/dead_letters.py": {
        "give --csv too": "mending::the_list_is_written_in_one_form",
        "use --csv or --json, not both": "mending::the_list_is_written_in_one_form",
    },
    "bench/stages.py": {
        (
            "a target has to take every batch: give --api-key-file if it asks for a key, and --rounds 1 with a single"
            " number of --uploaders if it remembers what it has taken"
        ): "tools::a_target_accepts_every_batch",
    },
    "cli/bench.py": {
        "download the exports first": "objects::what_cannot_be_in_object_storage_is_on_this_machine",
        (
            "use --records and --rounds of 1 or more, --uploaders and --workers from 1 to {…}"
        ): "tools::a_tool_works_as_its_hint_says",
        "answer yes, or give --yes": "tools::another_machine_is_measured_after_a_yes",
        "choose another --directory": "tools::a_tool_works_as_its_hint_says",
        "choose another file": "tools::a_tool_works_as_its_hint_says",
        "name a server of your own, or leave --target out": "tools::a_tool_works_as_its_hint_says",
        "write the export to a file first": "tools::a_tool_works_as_its_hint_says",
    },
    "cli/check.py": {
        "--try takes atomic, twice or email-case": "trials::a_wrong_trial_is_corrected",
    },
    "cli/demo.py": {
        "use --records of 1 or more, and --invalid from 0 to 0.9": "tools::a_tool_works_as_its_hint_says",
    },
    "cli/fleet.py": {
        "leave it out": "fleet::a_flag_without_effect_is_left_out",
        "leave it out, and write the account as FILE --only NAME": "fleet::a_flag_without_effect_is_left_out",
        (
            "raise the limit (ulimit -n {…}), or write at_once = {…} above the first table"
        ): "fleet::more_accounts_than_files_may_be_open_are_migrated_in_both_ways",
    },
    "cli/generate.py": {
        "use 0 or more": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        "use a share from 0 to 0.9": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        "choose another file": "tools::a_tool_works_as_its_hint_says",
        "generate two exports, one with each of them": "checks::the_flags_for_planted_faults_are_corrected",
        "give --faults FILE": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        "give --planted FILE": "checks::the_flags_for_planted_faults_are_corrected",
        "leave --skipped out": "checks::the_flags_for_planted_faults_are_corrected",
        "shares of 0 to 0.9, by name: {…}": "checks::a_planted_fault_has_one_of_the_listed_names",
    },
    "cli/main.py": {
        "fix the cause, then start again": "commands::a_command_with_lost_output_is_started_again",
        "please report the traceback above; first check whether its last line quotes a record": (
            "commands::a_bug_can_be_reported"
        ),
    },
    "cli/options.py": {
        "name a file or directory on this machine, and copy it when it is written": (
            "objects::what_cannot_be_in_object_storage_is_on_this_machine"
        ),
        (
            "name a directory; a variable of the shell that is not set leaves nothing"
        ): "parts::a_wrong_part_is_corrected_as_its_hint_says",
        "use only one of them": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        "write it as --fleet FILE:NAME": "fleet::the_fleet_file_and_the_account_are_found",
    },
    "cli/help.py": {
        "Further flags; masivo-stream {…} --help explains them:": "commands::the_first_look_needs_nothing",
    },
    "cli/output.py": {
        "the work is done and noted: masivo-stream status shows the outcome": (
            "commands::status_shows_the_outcome_of_a_run"
        ),
        "fix the cause, then start the same command again: it changes nothing": (
            "commands::a_plan_with_lost_output_is_made_again"
        ),
    },
    "cli/overview.py": {
        "Show this, or the flags of a command: masivo-stream COMMAND --help": "commands::the_first_look_needs_nothing",
        "The same of a command, on one screen: masivo-stream COMMAND -h": "commands::the_first_look_needs_nothing",
        (
            "Usage: masivo-stream COMMAND\n\n{…}\n\nTry it: masivo-stream demo\n\nCommands:\n{…}\n\nOptions:\n{…}"
        ): "commands::the_first_look_needs_nothing",
    },
    "cli/prepare.py": {
        (
            "download one file of each kind and name these; then write the URLs in their place into the mapping"
        ): "objects::tables_in_a_bucket_are_prepared_as_the_hints_say",
        (
            "name a directory (with --init, a file), and copy it when it is written, for example with aws s3 cp"
            " --recursive; migrate --from takes the URL of its copy"
        ): "objects::tables_in_a_bucket_are_prepared_as_the_hints_say",
        "masivo-stream prepare --init shopify src/ -o mapping.toml writes one": "prepare::a_command_is_completed",
        (
            "this writes a mapping to begin with: masivo-stream prepare --init three-tables {…} -o mapping.toml"
        ): "prepare::a_command_is_completed",
        "name another file with -o": "prepare::a_command_is_completed",
        "name one that all of them share: --parts parts": ("scheduler::a_preparation_names_a_directory_for_its_parts"),
        "name it: -o export; or write nothing: --check": "prepare::a_command_is_completed",
        "copy them to a directory, and name that": "prepare_parts::a_command_for_a_part_is_completed",
        "leave out --part, or --parts and --check": "prepare_parts::a_command_for_a_part_is_completed",
        "masivo-stream prepare {…} --parts {…} -o export": "prepare_parts::parts_are_made_as_the_hints_say",
        "name a directory of their own for the parts: -o parts": "prepare_parts::parts_and_exports_are_kept_apart",
        "name another directory for the export: -o export": "prepare_parts::parts_and_exports_are_kept_apart",
        "name a directory with -o": "prepare_parts::parts_and_exports_are_kept_apart",
        (
            "leave out --part, --parts, --scheduler and --check: they are for the mapping when it is written"
        ): "prepare_parts::a_command_for_a_part_is_completed",
        "name it, the same for all parts: -o parts": "prepare_parts::a_command_for_a_part_is_completed",
        (
            "written: {…}\nnext: read its comments, then masivo-stream prepare {…} --check\n"
        ): "prepare::a_command_is_completed",
    },
    "cli/report.py": {
        "name a file; migrate --publish copies the report of a run to object storage": (
            "objects::what_cannot_be_in_object_storage_is_on_this_machine"
        ),
        "use --json or --output, not both": "commands::a_report_goes_to_one_place",
    },
    "cli/resolve.py": {
        "answer yes, or give --yes": "deciding::a_resend_needs_a_yes",
    },
    "cli/revert.py": {
        "answer yes, or give --yes": "deciding::a_revert_needs_a_yes",
    },
    "cli/sandbox.py": {
        "use --port from 0 to 65535, --visible-after of 0 or more, and --token-lifetime above 0": (
            "tools::a_number_of_the_sandbox_is_corrected_as_its_hint_says"
        ),
        "sandbox at {…}\n  MASIVO_API_KEY={…} masivo-stream migrate --base-url {…} ...\n": (
            "tools::the_first_lines_of_the_sandbox_are_pasted"
        ),
        "see masivo-stream sandbox --help": "tools::the_help_of_the_sandbox_shows_an_example",
    },
    "model/window.py": {
        "masivo-stream pause STATE holds a run until masivo-stream resume STATE": (
            "commands::a_pause_without_hours_is_a_command"
        ),
    },
    "cli/usage.py": {
        "--state-dir {…}": "commands::a_state_directory_is_named_with_its_flag",
        "did you mean {…}? ({…} --help lists them all)": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        (
            "set MASIVO_API_KEY, or put the key into a file (mode 0600) and name that with --api-key-file"
        ): "commands::a_key_on_the_command_line_moves_to_the_environment_or_a_file",
        "{…} --help lists them all": "commands::the_named_help_command_works",
    },
    "cli/validate.py": {
        (
            "leave it out, and give it to the command that takes the answers up with --parts"
        ): "parts::a_wrong_part_is_corrected_as_its_hint_says",
        "name the part, and where its answer goes": "parts::a_wrong_part_is_corrected_as_its_hint_says",
        "make the answers of all parts first; then take them up": "parts::a_wrong_part_is_corrected_as_its_hint_says",
    },
    "cli/verify.py": {
        "use --sample of 1 or more, or --all": "commands::an_impossible_sample_is_corrected",
        "add --totals": "totals::flags_that_contradict_each_other_are_corrected",
        "with --totals, use --most-requests or --all": "totals::flags_that_contradict_each_other_are_corrected",
    },
    "core/compare_references.py": {
        "correct the id of the brand or of the reward in the export, then check again": (
            "account::a_reward_is_named_with_its_brand"
        ),
        "create it in the account, or correct the id in the export; then check again": (
            "account::an_id_that_the_account_lacks_is_corrected"
        ),
        (
            "look at the field at this place: it probably holds ids of something else; correct the export, then check"
            " again"
        ): "account::an_export_with_ids_of_something_else_is_corrected",
    },
    "core/reading/object_urls.py": {
        "buckets are named with letters, digits, ., - and _": "objects::what_the_library_cannot_take_is_corrected",
        "copy the object to another key": "objects::what_the_library_cannot_take_is_corrected",
        "write each / once, and no . or ..; if the object really has that key, copy it to another one": (
            "objects::what_the_library_cannot_take_is_corrected"
        ),
        "encode what is not ASCII with %, as browsers do": "objects::a_wrong_url_is_corrected_as_its_hint_says",
        "name a file, or an object with s3://, gs://, az:// or https://": (
            "objects::a_wrong_url_is_corrected_as_its_hint_says"
        ),
        "name each object, or use s3://, gs:// or az://": "objects::a_wrong_url_is_corrected_as_its_hint_says",
        'name the objects in it, for example "{…}*.ndjson"': "objects::a_wrong_url_is_corrected_as_its_hint_says",
        (
            "others on this machine can read it in the list of processes: use a presigned URL, or s3://, gs:// or az://"
        ): "objects::a_wrong_url_is_corrected_as_its_hint_says",
        "use https:// (http:// is for this machine only)": "objects::a_wrong_url_is_corrected_as_its_hint_says",
        "write {…}://BUCKET/KEY": "objects::a_wrong_url_is_corrected_as_its_hint_says",
        "write {…}://HOST/PATH": "objects::a_wrong_url_is_corrected_as_its_hint_says",
    },
    "edges/files/catalogue_file.py": {
        (
            'it is one JSON object with lists such as {"rewards": [{"id": "…"}], "tiers": [{"id": "…"}]};'
            " masivo-stream check --json > catalogue.json makes one from an account"
        ): "account::a_catalogue_is_made_from_an_account",
    },
    "edges/files/part_files.py": {
        "check the path and its permissions": "parts::the_place_of_the_answers_is_corrected",
        (
            "free space there, or correct the path and its permissions; then start the same command again"
        ): "parts::a_disk_too_small_for_a_part_is_freed",
    },
    "edges/objects/endpoints.py": {
        "set {…}=true, or write https://HOST": "objects::what_the_library_cannot_take_is_corrected",
        "write http://HOST:PORT or https://HOST into it, without a user or a password, or unset it": (
            "objects::what_the_library_cannot_take_is_corrected"
        ),
    },
    "edges/objects/find_objects.py": {
        "check the URL": "objects::a_url_of_something_else_is_checked",
        "check the pattern and the bucket, and the endpoint in the environment": (
            "objects::a_wrong_url_is_corrected_as_its_hint_says"
        ),
        "download it, and name the file": "objects::what_cannot_be_read_in_parts_is_downloaded",
        "name the object once; if they are two objects, download them, and name the files": (
            "objects::two_urls_with_one_name_are_named_once"
        ),
    },
    "edges/objects/object_file.py": {
        "the signature is missing or has expired: name the URL with a new one, and with all that follows the ?": (
            "objects::a_signature_that_is_refused_is_renewed"
        ),
        "name other folders or objects with the pattern, or copy that object to another key, and remove it": (
            "objects::what_the_library_cannot_take_is_corrected"
        ),
        "check bucket and key, and the endpoint in the environment": (
            "objects::a_wrong_url_is_corrected_as_its_hint_says"
        ),
        "check the URL, and region and endpoint in the environment": (
            "objects::credentials_and_endpoint_are_set_as_the_hints_say"
        ),
        "check the credentials in the environment; if they have expired, renew them; then start again": (
            "objects::credentials_and_endpoint_are_set_as_the_hints_say"
        ),
        "download it, and name the file": "objects::what_cannot_be_read_in_parts_is_downloaded",
        (
            "put the object back as it was, then start the same command again; put new records into a further"
            " object beside it"
        ): "objects::a_replaced_object_is_put_back",
        "set them in the environment, as docs/object-storage.md describes": (
            "objects::credentials_and_endpoint_are_set_as_the_hints_say"
        ),
        "start the same command again when it answers": "objects::storage_that_does_not_answer_is_tried_again_later",
    },
    "edges/objects/publish.py": {
        "allow these credentials to put objects there, or name another bucket": (
            "objects::results_that_were_not_published_are_published_later"
        ),
        "create the bucket, or name another one": "objects::results_that_were_not_published_are_published_later",
    },
    "edges/objects/store.py": {
        "check endpoint, region and keys in the environment: they have no spaces and no line breaks": (
            "objects::what_the_library_cannot_take_is_corrected"
        ),
        "install it: pip install 'masivo-stream[cloud]'": "objects::the_extra_is_installed",
    },
    "flow/commands/fleet.py": {
        (
            "; give {…} to: masivo-stream migrate --fleet {…}"
        ): "fleet::an_export_is_sent_again_by_the_command_of_one_account",
        (
            "please report it with these places; the other accounts were not touched by it"
        ): "fleet::a_bug_in_one_run_can_be_reported",
    },
    "flow/exports.py": {
        "name exports with --customers, --events or --transactions": (
            "commands::a_wrong_command_is_corrected_as_its_hint_says"
        ),
        "only one export can come from standard input": "commands::a_wrong_command_is_corrected_as_its_hint_says",
        (
            "name the directory that masivo-stream prepare has written; it holds prepare.json"
        ): "prepare::what_was_prepared_is_migrated",
    },
    "flow/commands/fleet_status.py": {
        "begin it": "fleet::an_account_that_has_not_begun_is_begun",
        "resume it: it sends nothing until then": "fleet::an_account_that_is_paused_before_it_begins_is_resumed",
    },
    "flow/fleet_file.py": {
        (
            "add a table [[accounts]] for each; docs/fleets.md shows a fleet file"
        ): "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "add customers, events or transactions, or from = the directory of prepare"
        ): "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "check the path of the fleet file, and the working directory"
        ): "fleet::the_fleet_file_and_the_account_are_found",
        "did you mean {…}?": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "docs/fleets.md shows a fleet file": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "give each account its own key; exports of the same account belong in one table"
        ): "fleet::two_accounts_with_the_same_key_get_their_own",
        "give each account a name of its own": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "give each account a state_dir of its own": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "its accounts are: {…}": "fleet::the_fleet_file_and_the_account_are_found",
        (
            "name its own key as {…}; exports of the same account belong in one table"
        ): "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "name only one of them": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "set {…}, or write key_file = the path of a file (mode 0600) that holds the key"
        ): "fleet::a_key_is_given_in_each_of_the_ways_listed",
        "the known names are: {…}": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "use a number from 1 to {…}": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "use up to 64 letters, digits, - and _": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        'write a list: {…} = ["{…}"]': "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "write the account as {…} --only {…}": "fleet::the_fleet_file_and_the_account_are_found",
        (
            "write the key into a file (mode 0600), and its path as key_file in the account's table"
        ): "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "write the name of the variable that holds the key; the key itself does not belong in the fleet file"
        ): "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        (
            "write the path of a file (mode 0600) that holds nothing but the key; the key itself does not belong in"
            " the fleet file"
        ): "fleet::a_key_in_place_of_its_file_is_moved_there",
        "write it as settings.{…}": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "write directories that are beside each other; without state_dir, it is {…}/NAME": (
            "fleet::a_fleet_file_is_corrected_as_the_hint_says"
        ),
        "write its table again, or let it send nothing: {…}": "fleet::an_account_that_left_the_file_is_paused",
        "write it below [settings]": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "write state_dir in [[accounts]]": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
        "write the export to a file: a fleet has several accounts": "fleet::a_fleet_file_is_corrected_as_the_hint_says",
    },
    "flow/ask_account.py": {
        (
            "give --try with the key of a development account; --on-production tries it in any account, and leaves test"
            " customers there"
        ): "trials::a_trial_needs_a_development_account",
        "start the check again when the API can be reached": (
            "account::a_check_is_started_again_when_the_api_can_be_reached"
        ),
    },
    "flow/commands/plan.py": {
        "create what the account lacks, or correct the ids, before migrating: the API would refuse these records": (
            "plan::what_the_account_lacks_is_corrected_before_migrating"
        ),
    },
    "flow/commands/check.py": {
        "set MASIVO_API_KEY to try something in its account": "trials::a_trial_needs_a_key",
        "set MASIVO_API_KEY to ask an account, or name exports or a --catalogue": (
            "account::a_check_gets_something_to_check"
        ),
        (
            "the configured limits are those of a production account, and this one takes less: give migrate --limit"
            " {…} --limit {…} --general-limit {…}"
        ): "account::a_development_account_gets_its_limits",
        "{…} {…} {…} cannot be sent and were left out here: masivo-stream validate says why": (
            "account::lines_that_cannot_be_sent_are_explained_by_validate"
        ),
    },
    "core/sending/classify.py": {
        "check base_url, or name the certificate of the authority with ca_file": (
            "sending::a_certificate_is_trusted_by_its_authority"
        ),
        "check base_url: the vendor's ends in /api/storefront/v1": (
            "sending::an_address_that_accepts_no_migrations_is_corrected"
        ),
        "check the network, the proxy and base_url, then the API key's permissions": (
            "answers::the_cause_of_an_unreadable_403_is_found_in_the_network"
        ),
        "check the API key's permissions, and that the key belongs to this account": "sending::a_status_is_looked_up",
        (
            "look up the status: it is about the account, the address or the request, not about the export"
        ): "sending::a_status_is_looked_up",
        "please report this; nothing was sent twice": "sending::a_status_is_looked_up",
        "put them into the URL of the proxy setting": "sending::a_proxy_gets_its_credentials",
        (
            "set base_url to the real address of the API, or sign in to the network if it asks for that: redirects are"
            " never followed"
        ): "sending::a_redirect_is_not_followed_but_its_address_is_named",
    },
    "core/reading/schema_faults.py": {
        "a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a": ("correcting::a_uuid_is_written_like_the_example"),
    },
    "core/reading/formats.py": {
        "a login or error page was saved instead of the export: fetch or create the export again": (
            "exports::a_file_that_is_not_an_export_is_replaced"
        ),
        "copy the file or export again": "exports::a_file_that_is_not_an_export_is_replaced",
        "decrypt it, then name the decrypted file": "exports::a_file_that_is_not_an_export_is_replaced",
        "export again, as one JSON object per line": "exports::a_file_that_is_not_an_export_is_replaced",
        "run git lfs pull to get the file itself": "exports::a_file_that_is_not_an_export_is_replaced",
        "join its parts and unpack them, then name the files": "exports::a_file_that_is_not_an_export_is_replaced",
        (
            "restore it, then write exports from its tables with masivo-stream prepare: docs/preparing.md shows how"
        ): "exports::a_file_that_is_not_an_export_is_replaced",
        (
            "save its tables as CSV, then write exports with masivo-stream prepare: docs/preparing.md shows how"
        ): "exports::a_table_is_prepared",
        "write exports from it with masivo-stream prepare: docs/preparing.md shows how": "exports::a_table_is_prepared",
        (
            "write the collection with mongoexport: one JSON object per line"
        ): "exports::a_file_that_is_not_an_export_is_replaced",
        "save it as plain text, one JSON object per line": "exports::a_file_that_is_not_an_export_is_replaced",
        (
            "convert its rows to CSV or Parquet, then write exports with masivo-stream prepare: docs/preparing.md"
            " shows how"
        ): "exports::a_file_that_is_not_an_export_is_replaced",
        "unpack it, then name the files in it": "exports::a_file_that_is_not_an_export_is_replaced",
        "{…} < {…} > {…}; then name {…} instead": "exports::an_export_in_another_compression_is_unpacked",
        "{…} > {…}; then name {…} instead": "exports::an_export_in_another_compression_is_unpacked",
        "{…} | {…} > {…}; then name {…} instead": "exports::an_export_in_another_compression_is_unpacked",
    },
    "core/dead_letters.py": {
        (
            "a revert took back its customer, who came from another run: revert the same period with that run's"
            " state directory, start migrate --only-missing there, then start retry here"
        ): "reverting::records_of_another_runs_customers_wait_for_them",
    },
    "core/next_steps.py": {
        (
            "see the dead letters by cause, and correct all of one cause at once, or give them up"
        ): "mending::the_next_step_leads_to_a_correction",
        "this is a bug: keep the state directory as it is, and report that the figures do not add up": (
            "deciding::figures_that_do_not_add_up_are_reported"
        ),
        "correct `raw` in {…}/dead-letter.{…}.ndjson, then send the corrected records": (
            "correcting::customers_are_corrected_in_place"
        ),
        "correct or restore the export, then start the same command again": (
            "exports::a_truncated_compressed_export_is_copied_again"
        ),
        (
            "correct what the message names, then start the same command again: it continues from here"
        ): "stopping::a_refused_permission_is_granted",
        "start the same command again: it begins, or says what is in its way": (
            "checks::a_start_that_was_refused_leaves_nothing_to_retry"
        ),
        "or send the rest without the canary": "canary::a_refused_canary_is_left_out",
        (
            "or take back all customers that the account has migrated in these minutes, the canary among them; then"
            " correct the exports, and the same command starts from the beginning"
        ): "canary::a_canary_is_reverted",
        (
            "or, if these records may stay behind for now, start the same command again with a larger --max-dead: it"
            " continues from here"
        ): "stopping::a_larger_budget_continues",
        "optional: read a sample back; accepted only means enqueued, and this shows what arrived": (
            "deciding::a_complete_run_is_verified"
        ),
        "see what is known about the batches in doubt, then decide": (
            "deciding::a_batch_that_is_found_in_the_account_is_accepted"
        ),
        "start the same command again when the cause is gone: it continues from here": (
            "stopping::an_outage_is_waited_for"
        ),
        "start the same command again: it continues from here": "stopping::a_stopped_run_continues",
        (
            "write the export to a file, then start the same command with that file instead of the pipe"
        ): "exports::a_pipe_continues_as_a_file",
    },
    "core/sending/refusal_limits.py": {
        (
            "make the firewall or proxy let requests to base_url pass, or bypass it, then start the same command again"
        ): "answers::a_firewall_is_opened_for_requests",
        "the cause is not in single records: check the account, base_url and the fields of the export": (
            "sending::the_cause_of_constant_refusals_is_found_in_the_account"
        ),
        (
            "see the messages of the last dead letters; check the account, base_url and the fields of the export"
        ): "sending::the_last_dead_letters_show_the_cause_of_consecutive_refusals",
        (
            "the dead letters give the reasons: correct the export, start again with a fresh budget, or raise"
            " isolation_budget"
        ): "sending::the_next_process_has_a_fresh_budget_of_refusals",
    },
    "core/sending/backoff.py": {
        (
            "ask the vendor what this answer means; if you start again, customers are sent again, and batches in doubt"
            " wait for masivo-stream resolve"
        ): "answers::the_vendor_is_asked_what_an_answer_means",
        "check the API key or MASIVO_TOKEN, and that base_url and auth_url belong together": (
            "sending::a_refused_token_is_replaced"
        ),
        "start again when the API answers; batches in doubt stay listed": "stopping::batches_in_doubt_stay_listed",
        "start again when the API can be reached": "stopping::an_outage_is_waited_for",
        "start again when the quota is free, or raise longest_hold": (
            "stopping::a_quota_that_is_used_up_is_waited_for"
        ),
        "start again when the quota is free; another program may be using it": (
            "stopping::a_quota_that_others_use_is_waited_for"
        ),
    },
    "core/sending/answer_body.py": {
        (
            "something between this machine and the API answers instead of the API: check the network, the proxy"
            " and base_url"
        ): "sending::a_portal_in_place_of_the_api_is_removed",
    },
    "edges/api.py": {
        "it must hold certificates in PEM form": "settings::a_certificate_file_of_authorities_is_accepted",
    },
    "edges/shared_dir/claims.py": {
        "set HOME or XDG_STATE_HOME to an absolute path, or name a directory as shared_dir": (
            "between::a_user_without_a_home_names_a_directory"
        ),
        "two runs would send every record twice: wait for that run, or stop it and continue in its state directory": (
            "between::a_run_that_is_at_work_is_left_alone"
        ),
    },
    "edges/config.py": {
        "name a directory on this machine; --publish copies the results to a URL": (
            "objects::what_cannot_be_in_object_storage_is_on_this_machine"
        ),
        "write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://…/FOLDER": (
            "objects::a_place_for_results_is_corrected_as_its_hint_says"
        ),
        "begin comments with #, and put text in quotes; see config.example.toml": (
            "settings::a_settings_file_of_another_tool_is_rewritten"
        ),
        "save it with line feeds": "settings::a_settings_file_of_another_tool_is_rewritten",
        (
            "set these variables in the environment (in a shell: `set -a; . FILE; set +a`), or write sections and"
            " values as in config.example.toml"
        ): "settings::a_list_of_variables_is_read_by_a_shell_or_rewritten",
        (
            'put text in quotes, for example base_url = "https://api.example.com"; see config.example.toml'
        ): "settings::a_settings_file_of_another_tool_is_rewritten",
        "write sections and values as in config.example.toml": "settings::a_settings_file_of_another_tool_is_rewritten",
        (
            "use letters, digits and - for the name, and printable text for the value"
        ): "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "leave some hours of the day without a pause, or stop the run with masivo-stream pause": (
            "settings::a_wrong_setting_is_corrected_as_its_hint_says"
        ),
        "write it like https://hooks.example.com/PATH": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        (
            "write the path of a program and its arguments as in a shell; for more than that, give a script"
        ): "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "write an IANA name, such as Europe/Madrid or UTC": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "write the proxy like http://proxy.example:3128": "settings::the_hints_show_complete_examples",
        "check the path given with --config": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "did you mean {…}?": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "it belongs in section [{…}]": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "lower first_delay, or raise longest_delay": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "name a directory; the default is masivo-state": "settings::an_empty_state_directory_gets_a_name",
        "give the account's limits, for example 1/5s,1000/h": "settings::the_hints_show_complete_examples",
        "put the key into MASIVO_API_KEY": "settings::a_key_in_the_address_moves_to_the_environment",
        "save it as UTF-8": "settings::a_settings_file_of_another_tool_is_rewritten",
        "see config.example.toml": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "set {…} in the environment": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "write it like https://app.masivo.ai/api/storefront/v1": ("settings::the_hints_show_complete_examples"),
        "write it like {…}": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "the client sets this header itself": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "the default is {…}{…}; see config.example.toml": "settings::the_named_default_is_accepted",
        "the known names are: {…}": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "use https:// (http:// is for this machine only)": "settings::a_wrong_setting_is_corrected_as_its_hint_says",
        "write [{…}]": "settings::a_settings_file_of_another_tool_is_rewritten",
        "write {…} below [{…}]": "settings::a_settings_file_of_another_tool_is_rewritten",
    },
    "edges/files/dead_letter_file.py": {
        "free up disk space in the state directory, then start again with the same command": (
            "stopping::a_disk_full_of_dead_letters_is_freed"
        ),
        "masivo-stream retry sends the corrected ones and continues the run; otherwise restore the file": (
            "correcting::corrected_dead_letters_are_not_overwritten"
        ),
    },
    "edges/export/identity.py": {
        "check the path and its permissions": "exports::the_path_of_an_unreadable_export_is_corrected",
        (
            "restore the export as it was, then start the same command again; send new records in a further file"
            " beside it"
        ): "exports::a_changed_export_is_restored_and_new_lines_get_their_own_file",
    },
    "edges/journal/commit.py": {
        "free up disk space in the state directory, or correct its permissions, then start again": (
            "stopping::a_full_disk_is_freed"
        ),
    },
    "edges/journal/open.py": {
        "correct the permissions of the state directory and of what is in it, then start again": (
            "between::an_unwritable_journal_is_repaired"
        ),
        "do not start over without the journal: restore it, or use the version of the program that wrote it": (
            "stopping::a_journal_is_restored"
        ),
        "start `migrate`: it begins": "stopping::a_file_size_limit_is_raised",
        "start `migrate` once: it upgrades the journal": "stopping::a_journal_of_an_earlier_version_is_upgraded",
    },
    "edges/journal/read.py": {
        "do not start over without the journal: restore it from a copy, or find out what the account already has": (
            "stopping::a_journal_is_restored"
        ),
    },
    "edges/shared_dir/purchase_notes.py": {
        "free up disk space for shared_dir: later runs note purchases again": (
            "between::a_run_notes_purchases_again_when_there_is_room"
        ),
        "raise it, or remove files that are no longer needed from the directory purchases in shared_dir": (
            "between::more_purchases_are_remembered_after_the_limit_is_raised"
        ),
        "remove the directory purchases from shared_dir: it is of no use now, and the next run makes a new one": (
            "between::purchases_with_a_damaged_salt_are_removed"
        ),
    },
    "edges/shared_dir/quota.py": {
        (
            "free up disk space for shared_dir, or correct its permissions; you may delete only its quota files"
            " (*.quota.db*), and only while no run is at work"
        ): "stopping::a_quota_file_that_cannot_be_used_may_be_deleted",
    },
    "edges/scheduler/address.py": {
        "start the scheduler and its workers with certificates, and name it as tls://HOST:PORT": (
            "scheduler::a_scheduler_is_named_as_the_hint_says"
        ),
        "use local, tls://HOST:PORT, or tcp://HOST:PORT on this machine": (
            "scheduler::a_scheduler_is_named_as_the_hint_says"
        ),
    },
    "edges/scheduler/dask_client.py": {
        "pip install 'masivo-stream[dask]'": "scheduler::dask_is_installed",
        "set {…} to the paths of PEM files, or the same in Dask's configuration file": (
            "scheduler::a_scheduler_is_named_as_the_hint_says"
        ),
    },
    "edges/scheduler/local_cluster.py": {
        "correct what the message names, or use fewer --workers; then start the same command again": (
            "scheduler::local_workers_start_when_the_cause_is_corrected"
        ),
    },
    "edges/scheduler/task_errors.py": {
        (
            "check that it runs at this address, and that the certificates are of one authority; then start the same"
            " command again"
        ): "scheduler::a_scheduler_is_started_and_then_its_workers",
        "check that masivo-stream is installed there as it is here; if it is, please report this": (
            "scheduler::workers_have_the_same_installed"
        ),
        (
            "check that the workers can read the exports, or set a longer task_timeout; then start the same command"
            " again: it goes on from the answers that are there"
        ): "scheduler::a_worker_that_hangs_goes_on_with_more_time",
        (
            "check whether the workers were killed, or their memory or disk ran out; then start the same command again:"
            " it goes on from the answers that are there"
        ): "scheduler::workers_that_are_killed_are_kept_alive",
        (
            "install the same there and here, and restart it; then start the same command again: it goes on from the"
            " answers that are there"
        ): "scheduler::workers_have_the_same_installed",
        (
            "start the scheduler and its workers again; then start the same command again: it goes on from the answers"
            " that are there"
        ): "scheduler::a_lost_scheduler_is_started_again",
        (
            "start workers for it; then start the same command again: it goes on from the answers that are there"
        ): "scheduler::a_scheduler_is_started_and_then_its_workers",
    },
    "edges/secret.py": {
        "check the path and its permissions, and that it holds nothing but the key": (
            "secrets::a_file_that_holds_no_key_is_corrected"
        ),
        "chmod 600 {…}": "secrets::a_key_file_that_others_can_read_is_closed_to_them",
        (
            "write it as one line of printable ASCII, alone or after {…}="
        ): "secrets::a_file_that_holds_no_key_is_corrected",
        (
            "set MASIVO_API_KEY to the account's key, a UUID that Masivo's admin panel shows"
            " (see docs.masivo.ai, guides/integrate-with-masivo), or put it into a file (mode"
            " 0600) and name that with --api-key-file; `masivo-stream demo` and `masivo-stream"
            " sandbox` need no account"
        ): "secrets::a_key_is_given_in_each_of_the_listed_ways",
    },
    "edges/shared_dir/sent_exports.py": {
        "free up disk space for shared_dir, or correct its permissions; the run continues without this protection": (
            "between::a_run_continues_without_a_memory_of_accounts_that_cannot_be_opened"
        ),
        (
            "restore sent.db in shared_dir from a backup, or remove it with sent.db-wal and sent.db-shm: then no export"
            " is recognised that was sent before; the run continues without this protection"
        ): "between::a_run_continues_without_the_memory_of_accounts",
    },
    "edges/files/skipped_file.py": {
        "free up disk space in the state directory, then start again with the same command": (
            "exports::a_disk_full_of_skipped_records_is_freed"
        ),
    },
    "edges/export/source.py": {
        "check the path and its permissions": "files::an_export_is_found_as_its_hint_says",
        "check the pattern and the working directory": "files::an_export_is_found_as_its_hint_says",
        (
            "copy the file or export again, then start the same command again; what was read before the damage was"
            " already processed"
        ): "exports::a_truncated_compressed_export_is_copied_again",
        'name the files in it, for example "{…}/*.ndjson"': "files::an_export_is_found_as_its_hint_says",
        "restore the export as it was": "exports::a_file_that_ends_before_a_read_record_is_restored",
        "write it to a file and name that file: then the message says what to do": (
            "exports::a_pipe_that_is_not_an_export_is_written_to_a_file"
        ),
    },
    "edges/files/findings_file.py": {
        "free space there, then start the same command again; or leave the checks out: --skip-checks all": (
            "checks::a_disk_too_small_for_the_checks_is_freed_or_not_needed"
        ),
        "remove that file and start again: the checks are made again": "checks::damaged_findings_are_removed",
    },
    "edges/files/spill.py": {
        (
            "free space there, or divide the exports into more parts; then start the same command again"
        ): "parts::a_disk_too_small_for_a_part_is_freed",
        "free space there, then start the same command again; or leave the checks out: --skip-checks all": (
            "checks::a_disk_too_small_for_the_checks_is_freed_or_not_needed"
        ),
    },
    "edges/files/state_dir.py": {
        "choose a local disk": "between::a_disk_without_locks_is_not_used",
        "free up disk space, or correct the permissions, then start again": ("stopping::a_full_disk_is_freed"),
        "correct its permissions, or name the directory that you meant with --state-dir": (
            "between::an_impossible_state_directory_is_corrected"
        ),
        "correct the permissions of that file, then start again": (
            "between::an_unwritable_file_of_the_state_directory_is_repaired"
        ),
        (
            "name a directory that holds nothing else with --state-dir; a new directory is created with the right"
            " permissions"
        ): "between::a_state_directory_holds_nothing_else",
        "name the directory that you meant with --state-dir": "between::a_state_directory_is_named_without_a_link",
        "restore journal.db from a copy of the directory: nothing else records what was sent": (
            "between::a_missing_journal_is_restored"
        ),
        (
            "wait for that run to end, then start the same command again; a different migration needs its own"
            " --state-dir"
        ): "between::a_run_that_is_at_work_is_left_alone",
    },
    "edges/token.py": {
        "check MASIVO_API_KEY and auth_url": "sending::a_refused_key_is_corrected",
        (
            "check auth_url, base_url, the network and the proxy: something other than the API answers the token call"
        ): "answers::the_server_that_answers_the_token_call_is_checked",
        "check auth_url, the network and the proxy, then MASIVO_API_KEY: the body of the answer cannot be read": (
            "answers::the_server_that_answers_the_token_call_is_checked"
        ),
        'check auth_url, then MASIVO_API_KEY: the token call must answer {"data": "<token>"}': (
            "answers::the_server_that_answers_the_token_call_is_checked"
        ),
        'check auth_url: the token call must answer {"data": "<token>"}': (
            "sending::the_address_of_the_token_call_is_checked"
        ),
    },
    "edges/workers/pool.py": {
        "start with fewer --workers": "stopping::a_run_that_cannot_start_workers_asks_for_fewer",
        (
            "check whether it was killed or memory ran out; then start the same command again, perhaps with fewer"
            " --workers"
        ): "stopping::a_run_that_lost_a_worker_is_started_again",
    },
    "flow/checks/policy.py": {
        "the names are {…}": "checks::a_check_has_one_of_the_listed_names",
        (
            "--duplicate-purchase allow sends events whose purchase came before, and does not look for them"
        ): "checks::purchases_that_came_before_have_a_setting_of_their_own",
        (
            "correct the records that it finds, or migrate without them: they are dead letters, the rest is sent"
        ): "checks::a_check_that_is_always_made_leaves_the_rest_to_send",
    },
    "flow/commands/validate_part.py": {
        (
            "create the bucket, or correct --out; the credentials in the environment have to allow this place"
        ): "objects::the_place_of_an_answer_is_corrected",
        (
            "write 3/8 for the third of eight parts, or auto/8 in a job"
        ): "parts::a_wrong_part_is_corrected_as_its_hint_says",
        "write the number, such as 3/8": "parts::a_wrong_part_is_corrected_as_its_hint_says",
    },
    "flow/dry_run/advice.py": {
        (
            "more than {…} {…}: duplicates further apart than that are not noticed before they are sent, and each"
            " costs about ten requests to isolate; raise remember_ids to the number of records"
        ): "plan::the_memory_of_ids_is_as_large_as_the_export",
        (
            "no limit is configured: every request leaves at once, and an account with limits answers 429; give the"
            " account's limits, for example --limit 1/5s --limit 1000/h"
        ): "plan::the_limits_of_an_account_are_given",
        (
            "no record near the beginning of the exports is fit to be sent first as a canary, so a migration with"
            " --canary ends before it sends anything (exit 2): correct the records there, or give --no-canary"
        ): "canary::a_plan_with_a_canary_needs_a_suitable_record",
        "nothing would be sent: name exports that hold records to migrate": (
            "plan::an_empty_export_is_replaced_by_one_with_records"
        ),
        (
            "the plan assumes that the account's quota is unused, because it cannot be read ({…}): repair shared_dir,"
            " otherwise the first requests may be answered with 429"
        ): "plan::an_unreadable_quota_is_repaired",
        (
            "the server asks to wait {…} more, which is longer than longest_hold: a migration that starts now stops"
            " at once (exit 6); start it later"
        ): "plan::a_migration_is_started_when_the_server_permits",
        (
            "{…} of {…} for customers that are not in the customers export, the first at {…}:{…}: unless the account"
            " has these customers, each costs about ten requests to isolate; leave the records out, or add the"
            " customers"
        ): "plan::unknown_customers_are_left_out_or_added",
        (
            "{…} of {…} of {…} would be limited by bytes, not by count; that makes {…} more requests than the fewest"
            " possible: --max-body-bytes {…} would fill them, if the target takes bodies of that size"
        ): "plan::bodies_get_the_suggested_size",
        (
            "{…} of {…} records of {…} would be dead letters, most of them because of {…}: the export as a whole"
            " is probably wrong; look at {…} and export again"
        ): "plan::an_export_that_is_wrong_as_a_whole_is_made_again",
        (
            "{…} of {…} records of {…} would be dead letters, most of them because their customers are dead"
            " letters: correct the customers first, beginning at {…}"
        ): "plan::the_customers_of_most_records_are_corrected",
        (
            "{…} of {…} records of {…} would be dead letters, most of them because no customer in {…} can be"
            " sent: export the customers again, or leave --customers out if the account has all of them"
        ): "plan::an_empty_customers_export_is_made_again_or_left_out",
        (
            "{…} of {…} records of {…} would be dead letters, most of them because {…} lacks their customers:"
            " export all customers, with ids written as at {…}"
        ): "plan::customers_that_most_records_lack_are_exported",
        (
            "{…} of {…} records of {…} would be skipped, the first at {…}: if these records are not deleted or"
            " reversed, export the fields `deleted`, `deleted_at`, `status` and `reversed_at` without a value, or"
            " leave the fields out; of exports that prepare has written, correct `statuses` in the mapping"
        ): "plan::marks_of_customers_who_are_not_deleted_are_left_out",
        (
            "{…} of {…} too large for any request, the first at {…}: shorten these records, or raise max_body_bytes"
            " if the target takes larger bodies"
        ): "plan::records_too_large_are_shortened_or_the_limit_is_raised",
        (
            "{…} of {…}, but the fewest possible are {…}: a customer's record is never split, and these do not fit"
            " together better; if small records come long after large ones, a larger look_ahead helps (now {…})"
        ): "plan::customers_that_fit_together_share_a_request",
        (
            "the limit of {…} over all calls is the bottleneck: {…} requests take {…} instead of {…}, and each"
            " read-back is one more request; a Production account does not have this limit"
        ): "plan::the_general_limit_of_a_development_account_is_left_out",
        (
            "{…} records need a Production account (guides/migrate-customers): ask the vendor to set one up first{…}"
        ): "plan::many_records_need_a_production_account",
        (
            "{…} with more than {…} {…}, which must not be split over requests: none of these would be sent, the first"
            " at {…}; merge each customer's oldest ones"
        ): "plan::the_oldest_transactions_of_a_customer_are_merged",
        (
            "{…} without a customers export: {…} must be in the account already, because one unknown customer makes"
            " the API refuse a batch of 1000; if they are not, name the customers export too; migrate --canary finds"
            " out about one of them with a request of each kind"
        ): "plan::records_without_a_customers_export_get_one",
    },
    "flow/identity/account_binding.py": {
        (
            "if this is the same account with a new key or address, confirm that once with --same-account; a different"
            " account needs its own --state-dir"
        ): "between::a_new_key_belongs_to_the_same_account_or_to_another",
        "start again when the API can be reached; or confirm the account with --same-account, which needs no token": (
            "between::an_unproven_account_is_proven_later_or_confirmed"
        ),
    },
    "flow/outcome.py": {
        (
            "dead-letter.<kind>.ndjson in the state directory holds them: correct `raw`, then start masivo-stream retry"
        ): "correcting::customers_are_corrected_in_place",
        "masivo-stream resolve shows what is known about them, and takes your decision": (
            "deciding::a_batch_that_is_found_in_the_account_is_accepted"
        ),
        "the figures do not add up: please report this, and keep the state directory": (
            "deciding::figures_that_do_not_add_up_are_reported"
        ),
        (
            "{…} {…} of {…} accepted by an answer that is not the documented one ({…}):"
            " masivo-stream verify shows what arrived"
        ): "answers::an_odd_acceptance_is_verified",
    },
    "flow/parts/answer_store.py": {
        (
            "name a directory that all machines share, or a folder such as s3://BUCKET/FOLDER"
        ): "parts::a_wrong_part_is_corrected_as_its_hint_says",
        (
            "name a directory with --out, one that all machines share"
        ): "parts::a_wrong_part_is_corrected_as_its_hint_says",
        (
            "answers can be read by their owner only: start the command as the owner, or let this user read them"
        ): "parts::an_answer_that_may_not_be_read_is_named",
    },
    "flow/parts/make_part.py": {
        (
            "if the export is as it should be now, remove the answers of its parts, make all parts again, and start the"
            " same command again; if it is not, restore it"
        ): "parts::a_part_of_an_export_that_has_changed_is_made_again",
        "the parts of N are 1/N to N/N, and N is at most {…}": "parts::a_wrong_part_is_corrected_as_its_hint_says",
        (
            "write it to a file that all machines can read, and name that file"
        ): "parts::an_export_from_a_pipe_is_written_to_a_file",
    },
    "flow/parts/spread_parts.py": {
        "rename the file, and name it as it is called then": "scheduler::an_export_is_renamed_for_the_workers",
    },
    "flow/parts/take_parts.py": {
        (
            "make it, on any machine that sees the exports: {…} --part {…} --out {…}"
        ): "parts::missing_parts_are_made_by_the_command_that_is_named",
        (
            "make them, each on any machine that sees the exports; on this one, one after the other: for part in {…};"
            " do {…} --part {…} --out {…}; done"
        ): "parts::missing_parts_are_made_by_the_command_that_is_named",
    },
    "flow/reporting/publish.py": {
        "publish to another folder or bucket": "objects::a_place_for_results_is_corrected_as_its_hint_says",
        "set what is missing in the environment, as docs/object-storage.md describes": (
            "objects::a_place_for_results_is_corrected_as_its_hint_says"
        ),
        "start the same command again: what was delivered is not sent again, and the results are published": (
            "objects::results_that_were_not_published_are_published_later"
        ),
    },
    "flow/try_account.py": {
        "events in doubt can be sent again without harm: masivo-stream resolve --resend": (
            "trials::events_in_doubt_are_sent_again"
        ),
        "try again later; until then the program assumes the worse": "trials::a_question_left_open_is_tried_again",
    },
    "flow/pipeline/canary.py": {
        "use the settings that the run was started with, or send everything with --no-canary": (
            "canary::the_canary_continues_with_its_first_settings"
        ),
        (
            "masivo-stream validate shows what is wrong with the records; --no-canary sends everything without a canary"
        ): "canary::an_export_without_a_suitable_record_is_sent_without_a_canary",
        "{…}; a canary has to be read back, and --no-canary sends everything without one": (
            "canary::a_key_that_may_not_read_has_no_canary"
        ),
        "look the record up in the account; the same command looks again, and sends nothing twice": (
            "canary::a_canary_that_differs_is_compared_again"
        ),
        (
            "its dead letter says why: the canary's other records are in the account, and nothing else was sent"
        ): "canary::a_refused_canary_is_left_out",
        (
            "masivo-stream resolve shows what is known, and takes your decision; then start the same command again"
        ): "canary::a_canary_in_doubt_is_decided",
    },
    "flow/pipeline/budget_watch.py": {
        (
            "correct the dead letters and retry them, or start the same command again with a larger --max-dead: either"
            " continues from here"
        ): "stopping::dead_letters_over_the_budget_are_corrected",
    },
    "flow/pipeline/in_doubt.py": {
        "restore the export as it was": "deciding::an_export_is_restored_before_its_batch_is_sent_again",
    },
    "flow/reporting/find_examples.py": {
        (
            "{…}: they were sent, and each counts; if they are one purchase, revert this run and migrate"
            " with --duplicate-purchase reject"
        ): "plan::another_event_of_a_purchase_is_rejected",
        (
            "{…}: they were sent, and each counts; the next time, see them in a plan with the account's key, and hold"
            " them back with --duplicate-purchase reject"
        ): "plan::purchases_of_an_earlier_run_are_seen_and_held_back",
    },
    "flow/identity/inspect_exports.py": {
        "copy the file or export again, then start the same command again": (
            "exports::an_empty_compressed_export_is_copied_again"
        ),
        "their records would be sent twice: name only one of the two, the longer one if they differ": (
            "exports::a_duplicate_export_is_left_out"
        ),
    },
    "flow/readback/day_findings.py": {
        "compare with --day-zone {…}": "totals::days_of_another_zone_are_compared_in_that_zone",
        "masivo-stream resolve decides about what is in doubt": "totals::batches_in_doubt_are_decided",
        (
            "masivo-stream verify --all compares customer by customer, and names file and line of each record that"
            " differs"
        ): "totals::a_day_that_differs_is_verified_record_by_record",
        "start the same command again later: it goes on with the days that are left": (
            "totals::days_that_are_left_are_compared_by_the_same_command"
        ),
        "totals cannot be compared by day with this account: masivo-stream verify reads customers back instead": (
            "totals::days_that_cannot_be_compared_are_read_back_instead"
        ),
    },
    "flow/readback/totals_choice.py": {
        "allow 1 or more, or say --all": "totals::flags_that_contradict_each_other_are_corrected",
        "write it as +00:00 or -05:00": "totals::flags_that_contradict_each_other_are_corrected",
    },
    "flow/readback/findings.py": {
        "verify again later: the API answers before it applies what was sent": (
            "deciding::records_that_are_not_visible_yet_are_verified_later"
        ),
        "look up these records in the account's dashboard; the positions are those in the export": (
            "deciding::missing_records_are_looked_up"
        ),
        (
            "the ids of some records need escaping in a URL, and something on the way to the API may refuse such URLs:"
            " look up these records in the account's dashboard"
        ): "deciding::ids_that_a_gateway_refuses_are_looked_up",
    },
    "flow/rate_limit.py": {
        "start again when the quota is free, or raise longest_hold": (
            "stopping::a_quota_that_is_used_up_is_waited_for"
        ),
    },
    "flow/readback/whereabouts.py": {
        "start the same command again later": "reverting::an_api_without_an_answer_is_asked_later",
    },
    "flow/pipeline/cut_source.py": {
        (
            "an object cannot be added to: when the export is finished, write it to a further object, and name"
            " that one instead, or end the last line with a newline there; the part that was already read is"
            " recognised"
        ): "objects::an_unfinished_object_is_written_elsewhere",
        (
            "copy the file or export again, then start the same command again"
        ): "exports::a_truncated_compressed_export_is_copied_again",
        (
            "its complete lines were already processed; write the export to a file and name that file instead of {}:"
            " the part that was already read is recognised"
        ): "exports::a_pipe_continues_as_a_file",
        "the file was shortened while it was being read: restore it, then start the same command again": (
            "exports::an_export_that_was_cut_while_it_was_read_is_restored"
        ),
        (
            "start the same command again when the export is finished; if the line will never be finished, end it with"
            " a newline, and it is validated as it is: printf '\\n' >> {}"
        ): "exports::half_a_line_is_finished_or_ended",
        (
            "start the same command again when the export is finished; if the line will never be finished, end it with"
            " a newline, and it is validated as it is: printf '\\n' | gzip >> {}"
        ): "exports::half_a_line_is_finished_or_ended",
        (
            "start the same command again when the export is finished; if the line will never be finished, end it with"
            " a newline, and it is validated as it is: printf '\\n' | zstd >> {}"
        ): "exports::half_a_line_is_finished_or_ended",
    },
    "flow/identity/known_exports.py": {
        "write --moved OLD=NEW: OLD is the name by which the run knows the export, NEW is its present path": (
            "exports::the_flag_for_a_moved_export_is_corrected"
        ),
        "if this is the right file, add --moved {…}": "exports::an_unread_export_that_looks_different_is_confirmed",
        (
            "write the export to a file and name that file instead of {}: the part that was already read is recognised"
        ): "exports::a_pipe_continues_as_a_file",
        "--moved {…}": "exports::one_of_two_exports_is_chosen",
        "add {…}": "exports::one_of_two_exports_is_chosen",
        "name it again, by its present name: the part that was already read is recognised by its content": (
            "exports::an_export_that_was_renamed_is_named_again"
        ),
        "name it again; if its name has changed, use the new name and add --moved OLD=NEW": (
            "exports::an_unread_export_is_named_again"
        ),
        "name it with --{…} too": "exports::the_flag_for_a_moved_export_is_corrected",
        (
            "put it back, or check endpoint and credentials in the environment; if it has another URL or signature now,"
            " add --moved {…}=URL"
        ): "objects::an_object_that_is_elsewhere_is_named",
        "start migrate once with its present name, which records the new place; or add --moved {…}=PATH": (
            "exports::an_export_is_found_by_commands_that_do_not_name_it"
        ),
    },
    "flow/retry_copies.py": {
        "correct `raw` in place, one JSON object per line, and leave the other fields as they are": (
            "correcting::a_line_that_is_not_a_dead_letter_is_corrected"
        ),
        (
            "name another directory with --state-dir for the dead letters of this command; it sends nothing"
        ): "files::a_dry_run_uses_a_directory_of_its_own",
    },
    "flow/identity/send_once.py": {
        "continue with one of the two: there, with --state-dir {…}; or here, after you move the other one away": (
            "between::either_a_state_directory_or_its_copy_continues"
        ),
        (
            "restore the newest copy of the state directory; migrate --again would send again what was sent in between"
        ): "between::a_state_directory_that_is_too_old_is_replaced_by_the_newest",
    },
    "flow/only_missing.py": {
        (
            "look for these customers in the account's dashboard, because their ids cannot be read back; send those"
            " that are not there from a small export with its own --state-dir"
        ): "reverting::customers_who_cannot_be_read_back_are_looked_up",
        "name the exports, without --only-missing: the run starts from the beginning": (
            "reverting::the_flag_is_left_out_without_a_revert"
        ),
        "name the migration's --state-dir": "reverting::the_flag_is_left_out_without_a_revert",
        "start the same command again later, with --only-missing: it reads them back once more": (
            "reverting::customers_who_could_not_be_read_back_are_read_later"
        ),
        (
            "if none of them was migrated again since the revert: {…}; if some were, first take these back once more:"
            " {…}; then start this same command, then the other run again, then masivo-stream retry here"
        ): "reverting::another_runs_customers_are_migrated_again_or_stayed",
        "use the settings that the run was started with": (
            "reverting::a_run_is_read_with_the_settings_it_was_started_with"
        ),
    },
    "flow/session.py": {
        "name the migration's --state-dir": "stopping::a_run_is_found_in_its_state_directory",
        "set the account's own key": "secrets::another_account_needs_its_own_key",
    },
    "flow/client.py": {
        "{…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_given_by_the_flag"
        ),
        "{…}; {…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_given_by_the_flag"
        ),
    },
    "flow/identity/remembered.py": {
        "leave it out; to send it once more, start migrate with --again": (
            "between::an_input_that_this_run_has_sent_is_left_out"
        ),
        (
            "the journal of that run is gone: continue with its state directory where it is now, or restore it and"
            " continue there; to send it once more, start migrate with --again"
        ): "between::a_lost_journal_is_restored",
        (
            "{…}continue there with --state-dir {…} and that export; to send it once more, start migrate with --again"
        ): "between::an_export_that_the_account_has_is_continued_in_its_state_directory",
    },
    "flow/commands/verify_totals.py": {
        "check the id: without this flag, verify --totals lists the rewards of all transactions": (
            "totals::flags_that_contradict_each_other_are_corrected"
        ),
    },
    "flow/commands/resolve.py": {
        (
            "--accept it if all of its records are there; otherwise --discard it, change `raw` of the records that are"
            " not there (adding a space is enough), then start masivo-stream retry"
        ): "deciding::a_batch_that_arrived_in_part_is_completed",
        "name each batch for one decision only": "deciding::an_impossible_decision_is_corrected",
        (
            "masivo-stream resolve without a decision lists the batches in doubt"
        ): "deciding::an_impossible_decision_is_corrected",
    },
    "flow/pipeline/resume.py": {
        "--accept does not need the records; look up the other batches in the account": (
            "exports::a_batch_from_a_pipe_is_looked_up_and_accepted"
        ),
    },
    "flow/pipeline/find_sources.py": {
        (
            "start migrate once more; to do so, write the export to a file and name that file instead of {}: the part"
            " that was already read is recognised"
        ): "exports::a_pipe_continues_as_a_file",
    },
    "flow/commands/pause.py": {
        "name the run's --state-dir": "stopping::a_run_is_found_in_its_state_directory",
    },
    "flow/commands/status.py": {
        "resume the run: it sends nothing until then": "stopping::a_paused_run_is_resumed",
    },
    "flow/commands/retry.py": {
        "name the --state-dir of the migration that has dead letters, or start masivo-stream migrate": (
            "checks::a_start_that_was_refused_leaves_nothing_to_retry"
        ),
    },
    "flow/commands/revert.py": {
        "check the period, the key's permissions and base_url": (
            "reverting::a_revert_that_was_refused_is_made_when_the_cause_is_gone"
        ),
        "check the account's dashboard; the same command takes back what is left of that period": (
            "reverting::a_revert_with_an_unknown_outcome_is_run_again"
        ),
        "start again later": "reverting::a_revert_that_never_left_is_started_again",
        "try again later": "reverting::a_revert_that_was_refused_is_made_when_the_cause_is_gone",
    },
    "flow/revert_survey.py": {
        "write it like 2026-01-31T00:00:00Z": "commands::an_invalid_period_is_corrected",
        "swap --from and --to": "commands::an_invalid_period_is_corrected",
    },
    "flow/revert_state.py": {
        "the command that started the run migrates everything again{…}": "stopping::a_reverted_run_begins_again",
        "name the exports, without --only-missing: the run continues with what is pending": (
            "reverting::the_flag_is_left_out_without_a_revert"
        ),
        "start the revert again to take back what is left of that period: {…}": (
            "reverting::a_revert_with_an_unknown_outcome_is_run_again"
        ),
        "the command that started the run, with --only-missing added": (
            "reverting::a_command_that_cannot_be_shown_is_described_in_words"
        ),
        "this sends again what was taken back: {…}": ("reverting::records_of_another_runs_customers_wait_for_them"),
        (
            "this sends again what was taken back: {…}; or take back the rest of the run as well, then the same"
            " command migrates everything again: {…}"
        ): "reverting::the_rest_is_reverted_as_well",
        (
            "if no customer can have made a transaction of their own since then, the command that started the run"
            " migrates everything again; if some may have, they are still in the account, and this sends only what is"
            " missing: {…}"
        ): "reverting::a_run_that_was_reverted_without_a_number_continues",
    },
    "flow/reporting/from_journal.py": {
        "name the run's --state-dir": "stopping::a_run_is_found_in_its_state_directory",
        "start again with the same command: it continues from here": "stopping::a_killed_run_continues",
    },
    "flow/migrated_elsewhere.py": {
        "take back the rest as well, then migrate all records from a file": (
            "reverting::records_from_a_pipe_are_reverted_and_migrated_from_a_file"
        ),
    },
    "flow/dry_run/all_kinds.py": {
        "correct what the checks found in the export before migrating: the API would refuse these records": (
            "checks::the_findings_of_the_checks_are_corrected"
        ),
        (
            "correct these lines in the export before you migrate; or migrate, correct the dead letters, then start"
            " masivo-stream retry"
        ): "correcting::findings_of_validate_are_corrected_before_or_after_the_migration",
        (
            "{…}: each would be sent and counted; if they are one purchase, --duplicate-purchase reject"
            " makes dead letters of the later ones"
        ): "plan::another_event_of_a_purchase_is_rejected",
        (
            "{…}: each would be sent and counted; if they are one purchase, --duplicate-purchase reject makes dead"
            " letters of them"
        ): "plan::purchases_of_an_earlier_run_are_seen_and_held_back",
        (
            "over budget: {…}; a migration with this budget stops there (exit 6): correct the lines first, or allow"
            " more with --max-dead"
        ): "plan::an_export_over_the_budget_is_corrected_first",
    },
    "flow/pipeline/wait_visible.py": {
        "check the network, the proxy and base_url, then start the same command again": (
            "answers::unreadable_read_backs_are_waited_for"
        ),
        "look at the account's dashboard; if its queue needs longer, raise visible_timeout": (
            "sending::customers_that_do_not_show_are_waited_for_longer"
        ),
    },
    "model/findings.py": {
        (
            "another event of this customer has the same purchase_id, and each counts: if they are one purchase, leave"
            " one out, or --duplicate-purchase reject"
        ): "plan::another_event_of_a_purchase_is_rejected",
        (
            "an earlier run sent an event of this customer with the same purchase_id: leave it out if they are one"
            " purchase, with --duplicate-purchase reject"
        ): "plan::purchases_of_an_earlier_run_are_seen_and_held_back",
        (
            "the customer is in no customers export: add the customer, or leave the record out; if the account has"
            " these customers already, --skip-checks unknown_customer"
        ): "checks::an_unlisted_customer_is_added_or_confirmed",
        (
            "a customer has transactions that do not add up to zero, and no balance: add the balance; if the account"
            " takes such transactions, --skip-checks no_balance"
        ): "checks::a_missing_balance_is_added_or_not_needed",
        "the id begins or ends with a blank, and is another id without it: remove the blank everywhere": (
            "checks::the_blank_of_an_id_is_removed"
        ),
    },
    "model/errors.py": {
        "start again with the same command": "stopping::a_stopped_run_continues",
    },
    "model/reason.py": {
        "add the field": "correcting::customers_are_corrected_in_place",
        'correct the spelling, or set unknown_fields = "pass"': "correcting::a_setting_accepts_the_record",
        "correct the value as the message says": "correcting::customers_are_corrected_in_place",
        "make the transactions add up to the balance that was sent with the customer, then retry": (
            "checks::held_back_records_are_corrected"
        ),
        (
            "the customer was sent without a balance: make the transactions add up to zero, then retry; or, if the"
            " account takes them as they are, retry with --unchanged"
        ): "checks::transactions_without_a_balance_are_corrected",
        (
            "migrate the customer first, then retry (with --unchanged if it was migrated from elsewhere); or delete the"
            " dead letter"
        ): "checks::held_back_records_are_corrected",
        "put all transactions of this customer into one dead letter, and delete the others": (
            "checks::held_back_records_are_corrected"
        ),
        "delete the dead letter if it is one purchase; if not, give it a purchase_id of its own": (
            "correcting::a_duplicate_event_is_deleted_or_gets_its_own_id"
        ),
        "emails are unique per account: correct one of the two customers": (
            "correcting::customers_are_corrected_in_place"
        ),
        "export as UTF-8; before a migration the file can be converted, for example with iconv": (
            "correcting::a_file_that_is_not_utf8_is_converted"
        ),
        "export the line again; one complete JSON object per line": "correcting::customers_are_corrected_in_place",
        "flatten the nested objects or lists": "correcting::customers_are_corrected_in_place",
        "given up by `resolve --discard`: correct it to have `retry` send it": (
            "deciding::a_discarded_record_is_sent_after_its_correction"
        ),
        "its customer is a dead letter, or unknown to the account: correct or add the customer first, then retry": (
            "correcting::records_that_wait_for_a_customer_are_sent_with_it"
        ),
        "keep one record for this customer": "correcting::one_record_per_customer_is_kept",
        "keep the field once in its object, with the right value": ("correcting::a_duplicate_field_is_removed"),
        "leave the record out, or add its events or transactions": (
            "correcting::a_record_without_items_is_left_out_or_filled"
        ),
        "one customer's transactions must fit one request: merge the oldest into one": (
            "correcting::the_oldest_transactions_are_merged"
        ),
        (
            "see in the message who refused it and why; correct the record, or ask them to let it pass"
        ): "correcting::a_refused_record_is_corrected_as_the_server_says",
        "shorten the record, or raise max_body_bytes if the target takes larger bodies": (
            "correcting::a_setting_accepts_the_record"
        ),
        (
            "shorten the record, or raise max_line_bytes; the dead letter holds only its beginning: put all of it into"
            " `raw`"
        ): "correcting::a_line_that_is_too_long_is_completed",
        "taken back by a revert and due to be sent again: start `migrate` again": (
            "reverting::a_stopped_run_shows_what_is_left"
        ),
        "version 0.1.0 found the file's end within this line: export the line again": (
            "exports::a_line_that_an_earlier_version_cut_is_exported_again"
        ),
        "write the value with the JSON type that the message names": "correcting::customers_are_corrected_in_place",
    },
    "monitor/address.py": {
        "write it like 8080 (this machine only), 127.0.0.1:8080 or [::1]:8080; 0 takes a free port": (
            "tools::the_monitor_accepts_each_of_the_suggested_forms"
        ),
    },
    "monitor/monitor_server.py": {
        (
            "another program may be using that port: choose another one (0 takes a free port); nothing was started"
        ): "tools::the_monitor_takes_another_port",
    },
    "observe/anomalies.py": {
        "{…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_given_by_the_flag"
        ),
    },
    "observe/preparation_table.py": {
        "next:\n  masivo-stream migrate --from {…}": "prepare::what_was_prepared_is_migrated",
    },
    "observe/resolution_list.py": {
        (
            "since then, these or other events changed the metrics of {found} of {looked_at} customers: it was probably"
            " applied; look two or three of them up in the account, then use --accept; --resend would count them twice"
        ): "deciding::events_that_have_left_a_trace_are_looked_up_and_accepted",
        "all {found} records checked are in the account: the batch was applied; use --accept": (
            "deciding::a_batch_that_is_found_in_the_account_is_accepted"
        ),
        "decide with --accept, --discard or --resend and a batch's id (or its beginning), or all": (
            "deciding::a_batch_that_never_arrived_is_resent_or_discarded"
        ),
        "nothing that was read back is evidence: look up the batch in the account": (
            "deciding::records_that_cannot_be_read_back_are_looked_up_in_the_account"
        ),
        (
            "{found} of {looked_at} records checked are in the account: wait and check again, or look up all"
        ): "deciding::a_batch_that_arrived_in_part_is_completed",
    },
    "observe/plan_table.py": {
        (
            "masivo-stream migrate --canary first sends one record of each kind, and goes on only if the account shows"
            " them as they were sent; that costs at most {…} ({…} at the configured limits), about ten reads, and the"
            " time until the records show"
        ): "canary::a_large_plan_is_tried_first",
        (
            "masivo-stream check with the same exports asks the account whether it has what they name, in about four"
            " requests"
        ): "plan::what_the_account_lacks_is_corrected_before_migrating",
    },
    "observe/check_table.py": {
        "set MASIVO_API_KEY to compare with the account, or give --catalogue FILE": (
            "account::a_check_that_asked_nothing_gets_a_key_or_a_catalogue"
        ),
    },
    "observe/fault_list.py": {
        "{…}  and {…}{…} more group{…}, see --json": "correcting::json_has_more_groups_than_are_shown",
    },
    "observe/summary_table.py": {
        "{…}: and {…} more reason{…}, see --json": "correcting::json_has_the_reasons_of_deleted_dead_letters",
    },
    "observe/templates/report.html": {
        "some records or items have no result. Keep the state directory, and report this.": (
            "deciding::figures_that_do_not_add_up_are_reported"
        ),
    },
    "observe/verification_table.py": {
        "  hint: masivo-stream verify checks these records again, and more": "deciding::missing_records_are_looked_up",
    },
    "prepare/engine/database.py": {
        "export it again, or correct its format in the mapping": "prepare::a_source_that_is_no_table_is_named_right",
        "correct the SELECT": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "correct the SELECT: the sources are {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "declare the column under `numbers` or `dates` of its source, instead of a cast in the SELECT"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "free space, or name another spill_dir in [engine]; then start the same command again: it continues"
        ): "prepare::a_full_disk_is_given_room",
        "pip install 'masivo-stream[prepare]'": "prepare::the_extra_is_installed",
        "raise memory in [engine], or lower threads": "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "remove the directory .spill and start again; if that does not help, please report it"
        ): "prepare::what_is_broken_in_the_spill_directory_is_removed",
        'write for example "512MB" or "2GB"': "prepare::a_mapping_is_corrected_as_the_hint_says",
        "write one SELECT, without a semicolon between statements": "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/engine/describe.py": {
        (
            "nothing was published; please report the figures in the message and the mapping"
        ): "prepare::what_is_broken_in_the_spill_directory_is_removed",
    },
    "prepare/engine/fitting_files.py": {
        (
            "give it a header line, or make it a source of its own; header in the mapping names the columns of files"
            " without one"
        ): "prepare::files_of_one_source_fit_each_other",
        "make a source of each kind of file, and UNION ALL them in the SELECT": (
            "prepare::files_of_one_source_fit_each_other"
        ),
    },
    "prepare/engine/load.py": {
        "correct {…} of this source, or take {…} off its {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "its columns are: {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        'name the columns in the mapping: header = ["…"]': "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "name the delimiter of this source in the mapping: delimiter = {…}"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            'name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"'
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/engine/output_files.py": {
        "name another directory with -o, or move it away": "prepare::an_export_that_was_not_prepared_is_kept",
    },
    "prepare/engine/run.py": {
        "masivo-stream prepare --init writes a mapping to begin with": "prepare::a_command_is_completed",
        (
            "replace it before you migrate; masivo-stream check lists the rewards of an account"
        ): "prepare::the_reward_of_a_preset_is_replaced",
    },
    "prepare/engine/select.py": {
        (
            'name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"'
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "select `place` as it is, of a source that every row comes from: the one on the left of a LEFT JOIN"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "select one element or field of it, or a row per element with unnest()"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/engine/spill_dir.py": {
        (
            "free space, or allow writing there; then start the same command again: it continues"
        ): "prepare::a_full_disk_is_given_room",
        "wait for it, or name another directory": "prepare::two_at_once_wait_for_each_other",
    },
    "prepare/engine/standard_input.py": {
        (
            "pipe a table into the command, as in: psql … | masivo-stream prepare mapping.toml -o export"
        ): "prepare::a_table_is_piped_into_the_command",
    },
    "prepare/mapping/flat_columns.py": {
        "name the other column differently, or do not select it": "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            "add `place` of the main table: what is left out is then named by file and line"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        "add it, as NULL AS {…} if there is nothing to select": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "did you mean {…}?": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "the columns are: {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/mapping/parse_frame.py": {
        (
            "a format has %Y or %y, and the parts of https://duckdb.org/docs/sql/functions/dateformat"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        "add one, with a SELECT": "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            'write leave_out, first_activity, or a date such as "2018-01-01"'
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        "add format, one of {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        'add table = "{…}"': "prepare::a_mapping_is_corrected_as_the_hint_says",
        "add {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "did you mean {…}?": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "masivo-stream prepare --init writes one to begin with": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "name a path, a glob, or - for standard input": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "only one source can be `-`": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "the known names are: {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "the words mean one of: {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use 1 or more": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use a name of the IANA database, such as America/Bogota": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use for example utf-8, latin-1, cp1252 or utf-16": "prepare::a_mapping_is_corrected_as_the_hint_says",
        (
            'use iso, unix, unix_ms, or a format such as "%d/%m/%Y %H:%M"'
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use letters, digits and _": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use one character": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "use one of: {…}": "prepare::a_mapping_is_corrected_as_the_hint_says",
        'write a list of texts: ["…"]': "prepare::a_mapping_is_corrected_as_the_hint_says",
        'write a text: "…"': "prepare::a_mapping_is_corrected_as_the_hint_says",
        "write a whole number": "prepare::a_mapping_is_corrected_as_the_hint_says",
        'write for example orders = { path = "orders.csv" }': "prepare::a_section_has_keys",
        "write its keys below it": "prepare::a_section_has_keys",
        'write names and ids: points = "the reward\'s id"': "prepare::a_section_has_keys",
        (
            "write the UUID; masivo-stream check lists the rewards of an account"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
        "write true or false": "prepare::a_mapping_is_corrected_as_the_hint_says",
        'write {…} = { path = "{…}.csv" }': "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/parts/find_shares.py": {
        (
            "make some, for example all of two on this machine: for part in {…}; do masivo-stream prepare {…} --part"
            ' "$part/{…}" -o {…} || break; done'
        ): "prepare_parts::parts_are_made_as_the_hints_say",
        (
            "make it, and start the same command again: masivo-stream prepare {…} --part {…}/{…} -o {…}"
        ): "prepare_parts::parts_are_made_as_the_hints_say",
        (
            "make them, and start the same command again: for part in {…}; do masivo-stream prepare {…} --part"
            ' "$part/{…}" -o {…} || break; done'
        ): "prepare_parts::parts_are_made_as_the_hints_say",
    },
    "prepare/parts/identity.py": {
        "check that it exists and can be read": "prepare_parts::sources_of_parts_are_the_same_everywhere",
        "when nothing writes to it any more, start the same command again": (
            "prepare_parts::sources_of_parts_are_the_same_everywhere"
        ),
        "write it to a file that all machines can read, and name that file in the mapping": (
            "prepare_parts::sources_of_parts_are_the_same_everywhere"
        ),
    },
    "prepare/parts/make_share.py": {
        "check that all machines read the same files, and that nothing writes to them; then ask again": (
            "prepare_parts::sources_of_parts_are_the_same_everywhere"
        ),
        "install one version on all machines": "prepare_parts::sources_of_parts_are_the_same_everywhere",
    },
    "prepare/parts/take_up.py": {
        "remove this directory and make all parts again; if that does not help, please report it": (
            "prepare_parts::parts_that_do_not_agree_are_made_again"
        ),
    },
    "prepare/presets/found_tables.py": {
        "name the files, or the directory that holds them": "prepare::a_command_is_completed",
        (
            "name the files, or the directory that holds them: masivo-stream prepare --init shopify src/"
        ): "prepare::a_command_is_completed",
    },
    "prepare/presets/preset_files.py": {
        "did you mean {…}?": "prepare::a_mapping_is_corrected_as_the_hint_says",
        "the presets are: {…}": "prepare::a_command_is_completed",
    },
    "prepare/sources/delimited.py": {
        (
            'name the encoding in the mapping, such as encoding = "latin-1", "cp1252" or "utf-16"'
        ): "prepare::an_encoding_is_named",
        (
            'correct that line, or say quote = "" in the mapping if nothing is quoted'
        ): "prepare::a_table_that_is_wrong_is_corrected",
        'name the columns in the mapping: header = ["…"]': "prepare::a_table_that_is_wrong_is_corrected",
    },
    "prepare/sources/json_values.py": {
        "export it again": "prepare::a_source_that_is_no_table_is_named_right",
        'say format = "ndjson" if there is a value per line': "prepare::a_source_that_is_no_table_is_named_right",
        'say format = "ndjson" if there is an object per line': "prepare::a_source_that_is_no_table_is_named_right",
    },
    "prepare/sources/source_files.py": {
        "name its encoding in the mapping, or export it again": "prepare::an_encoding_is_named",
        'say encoding = "{…}"': "prepare::an_encoding_is_named",
        "check that it exists and can be read": "prepare::a_file_that_cannot_be_read_is_made_readable",
        "copy it again, or export it again": "prepare::a_table_that_is_wrong_is_corrected",
        (
            "paths are relative to the directory in which the command is started"
        ): "prepare::a_mapping_is_corrected_as_the_hint_says",
    },
    "prepare/sources/sqlite_rows.py": {
        (
            "check `table` in the mapping, and that the file is complete"
        ): "prepare::a_source_that_is_no_table_is_named_right",
    },
    "sandbox/app.py": {
        "this sandbox answers to the names of its own machine only (--allow-remote)": (
            "tools::a_flag_admits_other_machines"
        ),
    },
    "sandbox/fault_language.py": {
        '; did you mean "{…}"?': "tools::a_misspelt_fault_gets_the_suggested_name",
    },
    "sandbox/sandbox_options.py": {
        (
            "the sandbox listens on this machine only, not on {…}: its key is public, so it takes data from anyone;"
            " add --allow-remote if you mean it"
        ): "tools::a_flag_admits_other_machines",
    },
    "sandbox/sandbox_server.py": {
        "choose another --port (0 takes a free port)": "tools::the_sandbox_takes_another_port",
        "name a file in a directory that exists and is yours": (
            "tools::the_port_file_is_written_in_an_existing_directory"
        ),
    },
    "sandbox/store.py": {
        "name a new file, or stop the other sandbox that uses it": "tools::a_store_belongs_to_one_sandbox",
    },
}

NOT_ADVICE: dict[str, dict[str, str]] = {
    "observe/warning_sentences.py": {
        "the checks over all files found {…} {…}{…}: {…}masivo-stream status lists them": "where a list is",
    },
    "observe/attention_words.py": {
        (
            "the run goes on without them; when it has ended, see what is known about them, then decide"
        ): "a notification of what core/next_steps.py advises when the run has ended",
        (
            "the run tries again by itself{…}: nothing is to do, unless the cause is on this side"
        ): "a notification that nothing is to do",
    },
    "cli/mend.py": {
        "--map takes OLD=NEW, each old value once": "the message above a hint",
        "--zone takes an offset, not a name": "the message above a hint",
        " --state-dir {…}": "a flag in other advice, which names the run",
    },
    "observe/mend_list.py": {
        "  and {…} more causes, see --json": "where the rest of a list is",
        ": {…}": "prints what is advice elsewhere",
    },
    "cli/generate.py": {
        "--invalid on standard output needs a file for the list of faults": "the message above a hint",
        "--plant and --invalid cannot be combined": "the message above a hint",
        "--plant is wrong: {…}": "the message above a hint",
        "--plant mixes no deleted customers in": "the message above a hint",
        "--plant on standard output needs a file for the list of findings": "the message above a hint",
        "--records must not be negative": "the message above a hint",
    },
    "cli/options.py": {
        "--quiet and --verbose contradict each other": "the message above a hint",
    },
    "cli/output.py": {
        "error: standard output cannot be written: {…}\n  hint: {…}\n": "prints what is advice beside it",
    },
    "cli/verify.py": {
        "--most-requests, --day-zone, --reward and --brand choose totals": "the message above a hint",
    },
    "cli/validate.py": {
        "--{…} changes nothing with --part": "the message above a hint",
    },
    "core/reading/formats.py": {
        "cpio -i --to-stdout --quiet": "part of a command that is told as a whole",
        "xz -dc --format=lzma": "part of a command that is told as a whole",
    },
    "flow/checks/policy.py": {
        "--skip-checks {…}": "the place of an error",
    },
    "flow/readback/totals_choice.py": {
        "--day-zone {…}": "the place of an error",
        "--most-requests {…}": "the place of an error",
    },
    "flow/revert_survey.py": {
        "the period is empty: --from is not before --to": "the message above a hint",
    },
    "monitor/page/sections.js": {
        "Waiting to try again": "what the run does",
    },
    "monitor/monitor_server.py": {
        "--monitor {…}": "the place of an error",
    },
    "observe/bench_table.py": {
        "{…}; masivo-stream {…}{…}": "the version",
    },
    "observe/check_table.py": {
        "  hint: {…}": "prints what is advice elsewhere",
    },
    "observe/control_totals.py": {
        "and {…} more {…}{…}, see --json": "where the rest of a list is",
    },
    "observe/fault_list.py": {
        ": {…}": "prints what is advice elsewhere",
    },
    "observe/check_list.py": {
        "  and in {…} more field{…}, see --json": "where the rest of a list is",
    },
    "flow/commands/fleet.py": {
        "--limit 1/5s --limit 1000/h": "flags in other advice, in place of which a field of the fleet file is named",
    },
    "observe/fleet_steps.py": {
        "({…}) {…}": "prints what is advice elsewhere",
        "{…}{…}": "prints what is advice elsewhere",
    },
    "observe/reference_list.py": {
        "and {…} more, see --json": "where the rest of a list is",
        "of {…} of {…} lines; masivo-stream check looks at all of them": "how many lines were looked at",
    },
    "observe/totals_list.py": {
        (
            "Equal totals show that no transaction of these days was lost or counted twice, unless such errors cancel"
            " each other out. They do not show which customer has it, nor the other fields: verify without --totals"
            " does."
        ): "what a result proves",
        "a sample that fits into {…} requests, --all for all": "how many days were chosen",
        "and {…} more reward{…}, see --json": "where the rest of a list is",
        "and {…} more, see --json": "where the rest of a list is",
    },
    "observe/verification_table.py": {
        "  hint: {…}": "prints what is advice elsewhere",
    },
    "sandbox/access.py": {
        "more requests than the account may send; try again in {…} s": "the server's words, which the client waits out",
    },
    "sandbox/sandbox_ledger.py": {
        "INDEXED BY {…}_reverted": "SQL",
    },
}
"""What the scanner takes for advice by its words or by its variable's name, and why it is not advice."""
