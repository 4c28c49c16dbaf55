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
    "bench/stages.py": {
        (
            "a target has to take every batch: give --api-key-file if it asks for a key, and --rounds 1 with a single"
            " number of --uploaders if it remembers what it has taken"
        ): "tools::a_target_takes_every_batch",
    },
    "cli/bench.py": {
        (
            "use --records and --rounds of 1 or more, --uploaders and --workers from 1 to {…}"
        ): "tools::a_tool_works_as_it_is_told",
        "answer yes, or give --yes": "tools::another_machine_is_measured_after_a_yes",
        "choose another --directory": "tools::a_tool_works_as_it_is_told",
        "choose another file": "tools::a_tool_works_as_it_is_told",
        "name a server of your own, or leave --target out": "tools::a_tool_works_as_it_is_told",
        "write the export to a file first": "tools::a_tool_works_as_it_is_told",
    },
    "cli/demo.py": {
        "use --records of 1 or more, and --invalid from 0 to 0.9": "tools::a_tool_works_as_it_is_told",
    },
    "cli/generate.py": {
        "use 0 or more": "commands::a_wrong_command_is_right_as_it_is_told",
        "use a share from 0 to 0.9": "commands::a_wrong_command_is_right_as_it_is_told",
        "choose another file": "tools::a_tool_works_as_it_is_told",
        "generate two exports": "checks::what_is_planted_is_told",
        "give --faults FILE": "commands::a_wrong_command_is_right_as_it_is_told",
        "give --planted FILE": "checks::what_is_planted_is_told",
        "leave --skipped out": "checks::what_is_planted_is_told",
        "shares of 0 to 0.9, by name: {…}": "checks::what_is_planted_has_a_name",
    },
    "cli/main.py": {
        "fix the cause, then start again": "commands::output_that_cannot_be_written_is_begun_again",
        "please report the traceback above; first check whether its last line quotes a record": (
            "commands::a_bug_can_be_reported"
        ),
    },
    "cli/options.py": {
        "use only one of them": "commands::a_wrong_command_is_right_as_it_is_told",
    },
    "cli/output.py": {
        "the work is done and noted: masivo-stream status shows the outcome": (
            "commands::what_a_run_came_to_is_told_by_its_status"
        ),
        "fix the cause, then start the same command again: it changes nothing": (
            "commands::an_answer_that_was_lost_is_asked_for_again"
        ),
    },
    "cli/overview.py": {
        "Show this, or the flags of a command: masivo-stream COMMAND --help": "commands::the_first_look_needs_nothing",
        (
            "Usage: masivo-stream COMMAND\n\n{…}\n\nTry it: masivo-stream demo\n\nCommands:\n{…}\n\nOptions:\n{…}"
        ): "commands::the_first_look_needs_nothing",
    },
    "cli/report.py": {
        "use --json or --output, not both": "commands::a_report_goes_to_one_place",
    },
    "cli/resolve.py": {
        "answer yes, or give --yes": "deciding::who_did_not_agree_answers_yes",
    },
    "cli/revert.py": {
        "answer yes, or give --yes": "deciding::who_did_not_agree_to_a_revert_answers_yes",
    },
    "cli/sandbox.py": {
        "use --port from 0 to 65535, --visible-after of 0 or more, and --token-lifetime above 0": (
            "tools::a_number_of_the_sandbox_fits_as_it_is_told"
        ),
        "sandbox at {…}\n  MASIVO_API_KEY={…} masivo-stream migrate --base-url {…} ...\n": (
            "tools::what_the_sandbox_says_at_its_start_is_pasted"
        ),
        "see masivo-stream sandbox --help": "tools::the_help_of_the_sandbox_shows_how_it_is_written",
    },
    "cli/usage.py": {
        "did you mean {…}? ({…} --help lists them all)": "commands::a_wrong_command_is_right_as_it_is_told",
        (
            "set MASIVO_API_KEY, or put the key into a file (mode 0600) and name that with --api-key-file"
        ): "commands::a_key_on_the_command_line_goes_elsewhere",
        "{…} --help lists them all": "commands::help_is_where_it_is_said_to_be",
    },
    "cli/verify.py": {
        "use --sample of 1 or more, or --all": "commands::a_sample_that_cannot_be_is_told_what_can",
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
        ): "account::ids_of_something_else_are_exported_no_more",
    },
    "edges/files/catalogue_file.py": {
        (
            'it is one JSON object with lists such as {"rewards": [{"id": "…"}], "tiers": [{"id": "…"}]};'
            " masivo-stream check --json > catalogue.json makes one from an account"
        ): "account::a_catalogue_is_made_from_an_account",
    },
    "flow/ask_account.py": {
        "start the check again when the API can be reached": (
            "account::a_check_is_started_again_when_the_api_can_be_reached"
        ),
    },
    "flow/commands/check.py": {
        "set MASIVO_API_KEY to ask an account, or name exports or a --catalogue": (
            "account::a_check_is_given_something_to_check"
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
            "sending::an_address_that_takes_no_migrations_is_checked"
        ),
        "check the network, the proxy and base_url, then the API key's permissions": (
            "answers::a_403_that_cannot_be_read_is_looked_for_on_the_way"
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
        "a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a": (
            "mending::a_uuid_is_written_like_the_one_that_is_shown"
        ),
    },
    "core/reading/formats.py": {
        "a login or error page was saved instead of the export: fetch or create the export again": (
            "exports::what_is_no_export_is_replaced_by_one"
        ),
        "copy the file or export again": "exports::what_is_no_export_is_replaced_by_one",
        "decrypt it, then name the decrypted file": "exports::what_is_no_export_is_replaced_by_one",
        "export again, as one JSON object per line": "exports::what_is_no_export_is_replaced_by_one",
        "run git lfs pull to get the file itself": "exports::what_is_no_export_is_replaced_by_one",
        "join its parts and unpack them, then name the files": "exports::what_is_no_export_is_replaced_by_one",
        "restore it, then export one JSON object per line": "exports::what_is_no_export_is_replaced_by_one",
        "save it as plain text, one JSON object per line": "exports::what_is_no_export_is_replaced_by_one",
        (
            "convert its rows to one JSON object per line: docs/migrating.md, section Export, shows how with DuckDB"
        ): "exports::what_is_no_export_is_replaced_by_one",
        "unpack it, then name the files in it": "exports::what_is_no_export_is_replaced_by_one",
        "{…} < {…} > {…}; then name {…} instead": "exports::what_is_packed_otherwise_is_unpacked",
        "{…} > {…}; then name {…} instead": "exports::what_is_packed_otherwise_is_unpacked",
        "{…} | {…} > {…}; then name {…} instead": "exports::what_is_packed_otherwise_is_unpacked",
    },
    "core/dead_letters.py": {
        (
            "a revert took back its customer, who came from another run: revert the same period with that run's"
            " state directory, start migrate --only-missing there, then start retry here"
        ): "reverting::what_is_of_another_runs_customers_waits_for_them",
    },
    "core/next_steps.py": {
        "this is a bug: keep the state directory as it is, and report that the figures do not add up": (
            "deciding::figures_that_do_not_close_are_reported"
        ),
        "correct `raw` in {…}/dead-letter.{…}.ndjson, then send the corrected records": (
            "mending::customers_are_mended_in_place"
        ),
        "correct or restore the export, then start the same command again": (
            "exports::a_compressed_export_is_copied_again"
        ),
        (
            "correct what the message names, then start the same command again: it continues from here"
        ): "stopping::what_the_api_says_no_to_is_put_right",
        (
            "or, if these records may stay behind for now, start the same command again with a larger --max-dead: it"
            " continues from here"
        ): "stopping::a_larger_budget_goes_on",
        "optional: read a sample back; accepted only means enqueued, and this shows what arrived": (
            "deciding::a_complete_run_is_looked_at"
        ),
        "see what is known about the batches in doubt, then decide": "deciding::what_is_seen_to_be_there_is_accepted",
        "start the same command again when the cause is gone: it continues from here": (
            "stopping::an_outage_is_waited_for"
        ),
        "start the same command again: it continues from here": "stopping::a_run_that_was_stopped_goes_on",
        (
            "write the export to a file, then start the same command with that file instead of the pipe"
        ): "exports::what_came_from_a_pipe_goes_on_as_a_file",
    },
    "core/sending/refusal_limits.py": {
        (
            "make the firewall or proxy let requests to base_url pass, or bypass it, then start the same command again"
        ): "answers::a_firewall_lets_requests_pass",
        "the cause is not in single records: check the account, base_url and the fields of the export": (
            "sending::what_refuses_everything_is_looked_for_outside_the_records"
        ),
        (
            "see the messages of the last dead letters; check the account, base_url and the fields of the export"
        ): "sending::refusals_in_a_row_are_looked_up_in_the_last_dead_letters",
        (
            "the dead letters give the reasons: correct the export, start again with a fresh budget, or raise"
            " isolation_budget"
        ): "sending::a_budget_of_refusals_is_fresh_the_next_time",
    },
    "core/sending/backoff.py": {
        (
            "ask the vendor what this answer means; if you start again, customers are sent again, and batches in doubt"
            " wait for masivo-stream resolve"
        ): "answers::the_vendor_is_asked_what_an_answer_means",
        "check the API key or MASIVO_TOKEN, and that base_url and auth_url belong together": (
            "sending::a_token_that_is_not_taken_is_checked"
        ),
        "start again when the API answers; batches in doubt stay listed": "stopping::what_is_in_doubt_stays_listed",
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
        ): "sending::what_answers_in_the_place_of_the_api_is_got_rid_of",
    },
    "edges/api.py": {
        "it must hold certificates in PEM form": "settings::certificates_are_those_of_authorities",
    },
    "edges/shared_dir/claims.py": {
        "set HOME or XDG_STATE_HOME to an absolute path, or name a directory as shared_dir": (
            "between::a_user_without_a_home_names_one"
        ),
        "two runs would send every record twice: wait for that run, or stop it and continue in its state directory": (
            "between::a_run_that_is_at_work_is_left_alone"
        ),
    },
    "edges/config.py": {
        "begin comments with #, and put text in quotes; see config.example.toml": (
            "settings::a_file_of_another_tool_is_written_anew"
        ),
        "save it with line feeds": "settings::a_file_of_another_tool_is_written_anew",
        (
            "set these variables in the environment (in a shell: `set -a; . FILE; set +a`), or write sections and"
            " values as in config.example.toml"
        ): "settings::a_list_of_variables_is_read_by_a_shell_or_written_anew",
        (
            'put text in quotes, for example base_url = "https://api.example.com"; see config.example.toml'
        ): "settings::a_file_of_another_tool_is_written_anew",
        "write sections and values as in config.example.toml": "settings::a_file_of_another_tool_is_written_anew",
        (
            "use letters, digits and - for the name, and printable text for the value"
        ): "settings::a_wrong_setting_is_right_as_it_is_told",
        "write the proxy like http://proxy.example:3128": "settings::the_forms_of_the_hints_are_those_of_the_texts",
        "check the path given with --config": "settings::a_wrong_setting_is_right_as_it_is_told",
        "did you mean {…}?": "settings::a_wrong_setting_is_right_as_it_is_told",
        "it belongs in section [{…}]": "settings::a_wrong_setting_is_right_as_it_is_told",
        "lower first_delay, or raise longest_delay": "settings::a_wrong_setting_is_right_as_it_is_told",
        "name a directory; the default is masivo-state": "settings::a_state_directory_without_a_name_is_named",
        "give the account's limits, for example 1/5s,1000/h": "settings::the_forms_of_the_hints_are_those_of_the_texts",
        "put the key into MASIVO_API_KEY": "settings::a_key_in_the_address_goes_into_the_environment",
        "save it as UTF-8": "settings::a_file_of_another_tool_is_written_anew",
        "see config.example.toml": "settings::a_wrong_setting_is_right_as_it_is_told",
        "set {…} in the environment": "settings::a_wrong_setting_is_right_as_it_is_told",
        "write it like https://app.masivo.ai/api/storefront/v1": (
            "settings::the_forms_of_the_hints_are_those_of_the_texts"
        ),
        "write it like {…}": "settings::a_wrong_setting_is_right_as_it_is_told",
        "the client sets this header itself": "settings::a_wrong_setting_is_right_as_it_is_told",
        "the default is {…}{…}; see config.example.toml": "settings::the_default_that_is_named_is_taken",
        "the known names are: {…}": "settings::a_wrong_setting_is_right_as_it_is_told",
        "use https:// (http:// is for this machine only)": "settings::a_wrong_setting_is_right_as_it_is_told",
        "write [{…}]": "settings::a_file_of_another_tool_is_written_anew",
        "write {…} below [{…}]": "settings::a_file_of_another_tool_is_written_anew",
    },
    "edges/files/dead_letter_file.py": {
        "free up disk space in the state directory": "stopping::a_disk_full_of_dead_letters_is_freed",
        "masivo-stream retry sends the corrected ones and continues the run; otherwise restore the file": (
            "mending::letters_that_were_mended_are_not_overwritten"
        ),
    },
    "edges/export/identity.py": {
        "check the path and its permissions": "exports::what_cannot_be_looked_at_has_its_path_checked",
        (
            "restore the export as it was, then start the same command again; send new records in a further file"
            " beside it"
        ): "exports::an_export_that_was_changed_is_restored_and_what_is_new_named_beside_it",
    },
    "edges/journal/commit.py": {
        "free up disk space in the state directory, or correct its permissions, then start again": (
            "stopping::a_full_disk_is_freed"
        ),
    },
    "edges/journal/open.py": {
        "correct the permissions of the state directory and of what is in it, then start again": (
            "between::a_journal_that_cannot_be_written_is_mended"
        ),
        "do not start over without the journal: restore it, or use the version of the program that wrote it": (
            "stopping::a_journal_is_restored"
        ),
        "start `migrate` once: it upgrades the journal": "stopping::a_journal_of_an_earlier_version_is_upgraded",
    },
    "edges/journal/read.py": {
        "do not start over without the journal: restore it from a copy, or find out what the account already has": (
            "stopping::a_journal_is_restored"
        ),
    },
    "edges/shared_dir/quota.py": {
        (
            "free up disk space for shared_dir, or correct its permissions; you may delete only its quota files"
            " (*.quota.db*), and only while no run is at work"
        ): "stopping::a_quota_file_that_cannot_be_used_may_be_deleted",
    },
    "edges/secret.py": {
        "check the path and its permissions, and that it holds nothing but the key": (
            "secrets::a_file_that_holds_no_key_is_put_right"
        ),
        "chmod 600 {…}": "secrets::a_key_that_others_may_read_is_closed_to_them",
        (
            "write it as one line of printable ASCII, alone or after {…}="
        ): "secrets::a_file_that_holds_no_key_is_put_right",
        (
            "set MASIVO_API_KEY to the account's key, a UUID that Masivo's admin panel shows"
            " (see docs.masivo.ai, guides/integrate-with-masivo), or put it into a file (mode"
            " 0600) and name that with --api-key-file; `masivo-stream demo` and `masivo-stream"
            " sandbox` need no account"
        ): "secrets::a_key_is_given_in_each_of_the_ways_that_are_told",
    },
    "edges/shared_dir/sent_exports.py": {
        "free up disk space for shared_dir, or correct its permissions; the run continues without this protection": (
            "between::a_run_goes_on_without_what_cannot_be_remembered"
        ),
    },
    "edges/files/skipped_file.py": {
        "free up disk space in the state directory, then start again with the same command": (
            "exports::a_disk_full_of_skipped_records_is_freed"
        ),
    },
    "edges/export/source.py": {
        "check the path and its permissions": "files::an_export_is_found_as_it_is_told",
        "check the pattern and the working directory": "files::an_export_is_found_as_it_is_told",
        (
            "copy the file or export again, then start the same command again; what was read before the damage was"
            " already processed"
        ): "exports::a_compressed_export_is_copied_again",
        'name the files in it, for example "{…}/*.ndjson"': "files::an_export_is_found_as_it_is_told",
        "restore the export as it was": "exports::what_ends_before_a_record_that_was_read_is_restored",
        "write it to a file and name that file: then the message says what to do": (
            "exports::a_pipe_that_is_no_export_is_written_to_a_file"
        ),
    },
    "edges/files/findings_file.py": {
        "free space there, or leave the checks out: --skip-checks all": (
            "checks::a_disk_too_small_for_the_checks_is_freed_or_not_needed"
        ),
        "remove that file and start again: the checks are made again": "checks::findings_that_are_damaged_are_removed",
    },
    "edges/files/spill.py": {
        "free space there, or leave the checks out: --skip-checks all": (
            "checks::a_disk_too_small_for_the_checks_is_freed_or_not_needed"
        ),
    },
    "edges/files/state_dir.py": {
        "choose a local disk": "between::a_disk_without_locks_is_not_used",
        "free up disk space, or correct the permissions, then start again": (
            "between::a_full_disk_under_the_state_directory_is_freed"
        ),
        "correct its permissions, or name the directory that you meant with --state-dir": (
            "between::a_state_directory_that_cannot_be_one_is_put_right"
        ),
        "correct the permissions of that file, then start again": (
            "between::a_file_of_the_state_directory_that_cannot_be_written_is_mended"
        ),
        (
            "name a directory that holds nothing else with --state-dir; a new directory is created with the right"
            " permissions"
        ): "between::a_state_directory_holds_nothing_else",
        "name the directory that you meant with --state-dir": "between::a_state_directory_is_named_as_it_is",
        "restore journal.db from a copy of the directory: nothing else records what was sent": (
            "between::a_journal_that_is_missing_is_put_back"
        ),
        (
            "wait for that run to end, then start the same command again; a different migration needs its own"
            " --state-dir"
        ): "between::a_run_that_is_at_work_is_left_alone",
    },
    "edges/token.py": {
        "check MASIVO_API_KEY and auth_url": "sending::a_key_that_is_not_taken_is_checked",
        (
            "check auth_url, base_url, the network and the proxy: something other than the API answers the token call"
        ): "answers::what_answers_the_token_call_is_checked",
        "check auth_url, the network and the proxy, then MASIVO_API_KEY: the body of the answer cannot be read": (
            "answers::what_answers_the_token_call_is_checked"
        ),
        'check auth_url, then MASIVO_API_KEY: the token call must answer {"data": "<token>"}': (
            "answers::what_answers_the_token_call_is_checked"
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
        "the names are {…}": "checks::a_check_is_named_as_it_is",
    },
    "flow/dry_run/advice.py": {
        (
            "more than {…} {…}: duplicates further apart than that are not noticed before they are sent, and each"
            " costs about ten requests to isolate; raise remember_ids to the number of records"
        ): "plan::as_many_ids_are_remembered_as_there_are",
        (
            "no limit is configured: every request leaves at once, and an account with limits answers 429; give the"
            " account's limits, for example --limit 1/5s --limit 1000/h"
        ): "plan::an_account_with_limits_names_them",
        "nothing would be sent: name exports that hold records to migrate": (
            "plan::an_empty_export_is_named_with_its_records"
        ),
        (
            "the plan assumes that the account's quota is unused, because it cannot be read ({…}): repair shared_dir,"
            " otherwise the first requests may be answered with 429"
        ): "plan::a_quota_that_cannot_be_read_is_mended",
        (
            "the server asks to wait {…} more, which is longer than longest_hold: a migration that starts now stops"
            " at once (exit 6); start it later"
        ): "plan::a_migration_is_begun_when_the_server_lets_it",
        (
            "{…} of {…} for customers that are not in the customers export, the first at {…}:{…}: unless the account"
            " has these customers, each costs about ten requests to isolate; leave the records out, or add the"
            " customers"
        ): "plan::unknown_customers_are_left_out_or_added",
        (
            "{…} of {…} of {…} would be limited by bytes, not by count; that makes {…} more requests than the fewest"
            " possible: --max-body-bytes {…} would fill them, if the target takes bodies of that size"
        ): "plan::bodies_are_as_large_as_is_proposed",
        (
            "{…} of {…} records of {…} would be dead letters, most of them because of {…}: the export as a whole is"
            " probably wrong; look at {…} and export again"
        ): "plan::an_export_that_is_wrong_as_a_whole_is_made_again",
        (
            "{…} of {…} records of {…} would be skipped, the first at {…}: if these records are not deleted or"
            " reversed, export the fields `deleted`, `deleted_at`, `status` and `reversed_at` without a value, or"
            " leave the fields out"
        ): "plan::marks_of_who_is_alive_are_left_out",
        (
            "{…} of {…} too large for any request, the first at {…}: shorten these records, or raise max_body_bytes"
            " if the target takes larger bodies"
        ): "plan::records_too_large_are_shortened_or_the_limit_is_raised",
        (
            "{…} of {…}, but the fewest possible are {…}: a customer's record is never split, and these do not fit"
            " together better; if small records come long after large ones, a larger look_ahead helps (now {…})"
        ): "plan::customers_that_fit_together_find_each_other",
        (
            "the limit of {…} over all calls is the bottleneck: {…} requests take {…} instead of {…}, and each"
            " read-back is one more request; a Production account does not have this limit"
        ): "plan::a_limit_over_all_calls_that_decides_is_that_of_a_development_account",
        (
            "{…} records need a Production account (guides/migrate-customers): ask the vendor to set one up first{…}"
        ): "plan::many_records_want_a_production_account",
        (
            "{…} with more than {…} {…}, which must not be split over requests: none of these would be sent, the first"
            " at {…}; merge each customer's oldest ones"
        ): "plan::the_oldest_transactions_of_a_customer_are_merged",
        (
            "{…} without a customers export: every customer must be in the account already, because one unknown"
            " customer makes the API refuse a batch of 1000; if they are not, name the customers export too"
        ): "plan::what_comes_without_customers_is_named_with_them",
    },
    "flow/identity/account_binding.py": {
        (
            "if this is the same account with a new key or address, confirm that once with --same-account; a different"
            " account needs its own --state-dir"
        ): "between::a_new_key_is_that_of_one_account_or_of_another",
        "start again when the API can be reached; or confirm the account with --same-account, which needs no token": (
            "between::an_account_that_cannot_be_told_is_told_later_or_said"
        ),
    },
    "flow/outcome.py": {
        (
            "dead-letter.<kind>.ndjson in the state directory holds them: correct `raw`, then start masivo-stream retry"
        ): "mending::customers_are_mended_in_place",
        "masivo-stream resolve shows what is known about them, and takes your decision": (
            "deciding::what_is_seen_to_be_there_is_accepted"
        ),
        "the figures do not add up: please report this, and keep the state directory": (
            "deciding::figures_that_do_not_close_are_reported"
        ),
        (
            "{…} {…} of {…} accepted by an answer that is not the documented one ({…}):"
            " masivo-stream verify shows what arrived"
        ): "answers::an_odd_acceptance_is_verified",
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
    },
    "flow/identity/inspect_exports.py": {
        "copy the file or export again, then start the same command again": (
            "exports::a_compressed_export_without_a_byte_is_copied_again"
        ),
        "their records would be sent twice: name only one of the two, the longer one if they differ": (
            "exports::an_export_that_is_there_twice_is_named_once"
        ),
    },
    "flow/readback/findings.py": {
        "verify again later: the API answers before it applies what was sent": (
            "deciding::what_does_not_show_yet_is_looked_at_later"
        ),
        "look up these records in the account's dashboard; the positions are those in the export": (
            "deciding::what_is_missing_is_looked_up"
        ),
        (
            "the ids of some records need escaping in a URL, and something on the way to the API may refuse such URLs:"
            " look up these records in the account's dashboard"
        ): "deciding::ids_that_nobody_can_ask_for_are_looked_up",
    },
    "flow/rate_limit.py": {
        "start again when the quota is free, or raise longest_hold": (
            "stopping::a_quota_that_is_used_up_is_waited_for"
        ),
    },
    "flow/readback/whereabouts.py": {
        "start the same command again later": "reverting::an_api_that_answers_nothing_is_asked_later",
    },
    "flow/pipeline/read_exports.py": {
        (
            "copy the file or export again, then start the same command again; its complete lines were already"
            " processed"
        ): "exports::a_compressed_export_is_copied_again",
        (
            "its complete lines were already processed; write the export to a file and name that file instead of {}:"
            " the part that was already read is recognised"
        ): "exports::what_came_from_a_pipe_goes_on_as_a_file",
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
            "exports::a_word_about_a_moved_export_is_put_right"
        ),
        "if this is the right file, add --moved {…}": "exports::an_export_that_looks_otherwise_is_confirmed",
        (
            "write the export to a file and name that file instead of {}: the part that was already read is recognised"
        ): "exports::what_came_from_a_pipe_goes_on_as_a_file",
        "--moved {…}": "exports::of_two_exports_one_is_chosen",
        "add {…}": "exports::of_two_exports_one_is_chosen",
        "name it again, by its present name: the part that was already read is recognised by its content": (
            "exports::an_export_that_was_renamed_is_named_again"
        ),
        "name it again; if its name has changed, use the new name and add --moved OLD=NEW": (
            "exports::an_export_that_was_never_read_is_named_again"
        ),
        "name it with --{…} too": "exports::a_word_about_a_moved_export_is_put_right",
        "start migrate once with its present name, which records the new place; or add --moved {…}=PATH": (
            "exports::an_export_is_found_by_who_does_not_name_it"
        ),
    },
    "flow/retry_copies.py": {
        "correct `raw` in place, one JSON object per line, and leave the other fields as they are": (
            "mending::a_line_that_is_no_letter_is_put_right"
        ),
        (
            "name another directory with --state-dir for the dead letters of this command; it sends nothing"
        ): "files::a_dry_run_keeps_out_of_a_run",
    },
    "flow/identity/send_once.py": {
        "continue with one of the two: there, with --state-dir {…}; or here, after you move the other one away": (
            "between::of_a_state_directory_and_its_copy_one_goes_on"
        ),
        (
            "restore the newest copy of the state directory; migrate --again would send again what was sent in between"
        ): "between::a_state_directory_that_is_too_old_is_put_back",
    },
    "flow/only_missing.py": {
        (
            "look for these customers in the account's dashboard, because their ids cannot be read back; send those"
            " that are not there from a small export with its own --state-dir"
        ): "reverting::who_cannot_be_read_back_is_looked_for",
        "name the exports, without --only-missing: the run starts from the beginning": (
            "reverting::without_a_revert_the_flag_is_left_out"
        ),
        "name the migration's --state-dir": "reverting::without_a_revert_the_flag_is_left_out",
        "start the same command again later, with --only-missing: it reads them back once more": (
            "reverting::who_could_not_be_read_back_is_asked_for_later"
        ),
        (
            "if none of them was migrated again since the revert: {…}; if some were, first take these back once more:"
            " {…}; then start this same command, then the other run again, then masivo-stream retry here"
        ): "reverting::another_runs_customers_are_there_again_or_stayed",
        "use the settings that the run was started with": (
            "reverting::a_run_is_read_with_the_settings_it_was_started_with"
        ),
    },
    "flow/exports.py": {
        "name exports with --customers, --events or --transactions": (
            "commands::a_wrong_command_is_right_as_it_is_told"
        ),
        "only one export can come from standard input": "commands::a_wrong_command_is_right_as_it_is_told",
    },
    "flow/session.py": {
        "name the migration's --state-dir": "stopping::a_run_is_found_in_its_state_directory",
        "set the account's own key": "secrets::another_account_wants_its_own_key",
    },
    "flow/client.py": {
        "{…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_named"
        ),
        "{…}; {…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_named"
        ),
    },
    "flow/identity/remembered.py": {
        "leave it out; to send it once more, start migrate with --again": (
            "between::what_this_run_has_sent_is_left_out"
        ),
        (
            "the journal of that run is gone: restore its state directory and continue there; to send it once more,"
            " start migrate with --again"
        ): "between::a_journal_that_is_gone_is_put_back",
        (
            "{…}continue there with --state-dir {…} and that export; to send it once more, start migrate with --again"
        ): "between::an_export_that_the_account_has_is_gone_on_with_there",
    },
    "flow/commands/resolve.py": {
        (
            "--accept it if all of its records are there; otherwise --discard it, change `raw` of the records that are"
            " not there (adding a space is enough), then start masivo-stream retry"
        ): "deciding::what_arrived_in_part_is_completed",
        "name each batch for one decision only": "deciding::a_decision_that_cannot_be_is_taken_again",
        (
            "masivo-stream resolve without a decision lists the batches in doubt"
        ): "deciding::a_decision_that_cannot_be_is_taken_again",
    },
    "flow/pipeline/resume.py": {
        "--accept does not need the records; look up the other batches in the account": (
            "exports::a_batch_from_a_pipe_is_accepted_or_looked_up"
        ),
    },
    "flow/pipeline/find_sources.py": {
        (
            "start migrate once more; to do so, write the export to a file and name that file instead of {}: the part"
            " that was already read is recognised"
        ): "exports::what_came_from_a_pipe_goes_on_as_a_file",
    },
    "flow/commands/revert.py": {
        "check the period, the key's permissions and base_url": (
            "reverting::a_revert_that_was_refused_is_made_when_the_cause_is_gone"
        ),
        "check the account's dashboard; the same command takes back what is left of that period": (
            "reverting::a_revert_of_unknown_end_is_run_again"
        ),
        "start again later": "reverting::a_revert_that_never_left_is_started_again",
        "try again later": "reverting::a_revert_that_was_refused_is_made_when_the_cause_is_gone",
    },
    "flow/revert_survey.py": {
        "write it like 2026-01-31T00:00:00Z": "commands::a_period_that_is_none_is_told_how_to_write_one",
        "swap --from and --to": "commands::a_period_that_is_none_is_told_how_to_write_one",
    },
    "flow/revert_state.py": {
        "name the exports, without --only-missing: the run continues with what is pending": (
            "reverting::without_a_revert_the_flag_is_left_out"
        ),
        "start the revert again to take back what is left of that period: {…}": (
            "reverting::a_revert_of_unknown_end_is_run_again"
        ),
        "the command that started the run, with --only-missing added": (
            "reverting::a_command_that_cannot_be_shown_is_said_in_words"
        ),
        "this sends again what was taken back: {…}": ("reverting::what_is_of_another_runs_customers_waits_for_them"),
        (
            "this sends again what was taken back: {…}; or take back the rest of the run as well, then the same"
            " command migrates everything again: {…}"
        ): "reverting::the_rest_is_taken_back_as_well",
        (
            "if no customer can have made a transaction of their own since then, the command that started the run"
            " migrates everything again; if some may have, they are still in the account, and this sends only what is"
            " missing: {…}"
        ): "reverting::a_run_that_was_taken_back_without_a_number",
    },
    "flow/reporting/from_journal.py": {
        "name the run's --state-dir": "stopping::a_run_is_found_in_its_state_directory",
        "start again with the same command: it continues from here": "stopping::a_run_that_was_killed_goes_on",
        (
            "the command that started the run migrates everything again"
        ): "stopping::a_run_that_was_taken_back_begins_afresh",
    },
    "flow/migrated_elsewhere.py": {
        "take back the rest as well, then migrate all records from a file": (
            "reverting::what_came_from_a_pipe_is_taken_back_and_migrated_from_a_file"
        ),
    },
    "flow/dry_run/all_kinds.py": {
        "correct what the checks found in the export before migrating: the API would refuse these records": (
            "checks::what_the_checks_found_is_mended"
        ),
        (
            "correct these lines in the export before you migrate; or migrate, correct the dead letters, then start"
            " masivo-stream retry"
        ): "mending::what_validate_finds_is_mended_before_or_after",
        (
            "{…}: each would be sent and counted; if they are one purchase, --duplicate-purchase reject"
            " makes dead letters of the later ones"
        ): "plan::another_event_of_a_purchase_is_rejected",
        (
            "over budget: {…}; a migration with this budget stops there (exit 6): correct the lines first, or allow"
            " more with --max-dead"
        ): "plan::an_export_over_the_budget_is_corrected_first",
    },
    "flow/pipeline/wait_visible.py": {
        "check the network, the proxy and base_url, then start the same command again": (
            "answers::read_backs_that_nobody_can_read_are_waited_for"
        ),
        "look at the account's dashboard; if its queue needs longer, raise visible_timeout": (
            "sending::customers_that_do_not_show_are_waited_for_longer"
        ),
    },
    "model/findings.py": {
        (
            "the customer is in no customers export: add the customer, or leave the record out; if the account has"
            " these customers already, --skip-checks unknown_customer"
        ): "checks::an_unknown_customer_is_added_or_known_already",
    },
    "model/errors.py": {
        "start again with the same command": "stopping::a_run_that_was_stopped_goes_on",
    },
    "model/reason.py": {
        "add the field": "mending::customers_are_mended_in_place",
        'correct the spelling, or set unknown_fields = "pass"': "mending::a_setting_lets_it_pass",
        "correct the value as the message says": "mending::customers_are_mended_in_place",
        "make the transactions add up to the balance that was sent with the customer, then retry": (
            "checks::what_a_run_holds_back_is_mended"
        ),
        "migrate the customer first, then retry; or delete the dead letter": "checks::what_a_run_holds_back_is_mended",
        "put all transactions of this customer into one dead letter, and delete the others": (
            "checks::what_a_run_holds_back_is_mended"
        ),
        "delete the dead letter if it is one purchase; if not, give it a purchase_id of its own": (
            "mending::an_event_that_comes_again_is_deleted_or_named"
        ),
        "emails are unique per account: correct one of the two customers": "mending::customers_are_mended_in_place",
        "export as UTF-8; before a migration the file can be converted, for example with iconv": (
            "mending::a_file_that_is_no_utf8_is_converted"
        ),
        "export the line again; one complete JSON object per line": "mending::customers_are_mended_in_place",
        "flatten the nested objects or lists": "mending::customers_are_mended_in_place",
        "given up by `resolve --discard`: correct it to have `retry` send it": (
            "deciding::what_was_given_up_is_sent_once_it_is_mended"
        ),
        "its customer is a dead letter, or unknown to the account: correct or add the customer first, then retry": (
            "mending::what_waits_for_a_customer_is_sent_with_it"
        ),
        "keep one record for this customer": "mending::one_record_a_customer_is_kept",
        "keep the field once in its object, with the right value": ("mending::a_field_stands_once_in_its_object"),
        "leave the record out, or add its events or transactions": (
            "mending::a_record_without_items_is_left_out_or_filled"
        ),
        "one customer's transactions must fit one request: merge the oldest into one": (
            "mending::the_oldest_transactions_are_merged"
        ),
        (
            "see the words in the message; correct the record, or make the firewall named there let it pass"
        ): "mending::a_refused_record_is_mended_as_the_server_says",
        "shorten the record, or raise max_body_bytes if the target takes larger bodies": (
            "mending::a_setting_lets_it_pass"
        ),
        (
            "shorten the record, or raise max_line_bytes; the dead letter holds only its beginning: put all of it into"
            " `raw`"
        ): "mending::a_line_too_long_is_put_in_whole",
        "taken back by a revert and due to be sent again: start `migrate` again": (
            "reverting::a_run_stopped_on_its_way_says_what_is_left"
        ),
        "version 0.1.0 found the file's end within this line: export the line again": (
            "exports::a_line_in_which_an_earlier_version_found_the_end_is_exported_again"
        ),
        "write the value with the JSON type that the message names": "mending::customers_are_mended_in_place",
    },
    "monitor/address.py": {
        "write it like 8080 (this machine only), 127.0.0.1:8080 or [::1]:8080; 0 takes a free port": (
            "tools::the_monitor_listens_in_each_of_the_forms_that_are_told"
        ),
    },
    "monitor/page/sections.js": {
        "Correct them in the state directory, then start: masivo-stream retry": (
            "deciding::the_page_of_a_run_names_the_commands_that_follow"
        ),
        "To see what is known about them: masivo-stream resolve": (
            "deciding::the_page_of_a_run_names_the_commands_that_follow"
        ),
    },
    "monitor/monitor_server.py": {
        (
            "another program may be using that port: choose another one (0 takes a free port); nothing was started"
        ): "tools::the_monitor_takes_another_port",
    },
    "observe/anomalies.py": {
        "{…} names a proxy ({…}), which is used only if --proxy names it": (
            "sending::a_proxy_of_the_environment_is_named"
        ),
    },
    "observe/resolution_list.py": {
        "all {found} records checked are in the account: the batch was applied; use --accept": (
            "deciding::what_is_seen_to_be_there_is_accepted"
        ),
        "decide with --accept, --discard or --resend and a batch's id (or its beginning), or all": (
            "deciding::a_batch_that_never_arrived_is_decided_either_way"
        ),
        "nothing that was read back is evidence: look up the batch in the account": (
            "deciding::what_cannot_be_read_back_is_looked_up_in_the_account"
        ),
        (
            "{found} of {looked_at} records checked are in the account: wait and check again, or look up all"
        ): "deciding::what_arrived_in_part_is_completed",
    },
    "observe/plan_table.py": {
        "{…}: and {…} more reason{…}, see the dead-letter file": (
            "mending::more_reasons_than_are_shown_stand_in_the_file"
        ),
    },
    "observe/summary_table.py": {
        "{…}: and {…} more reason{…}, see the dead-letter file": (
            "mending::more_reasons_than_are_shown_stand_in_the_file"
        ),
    },
    "observe/templates/report.html": {
        "some records or items have no result. Keep the state directory, and report this.": (
            "deciding::figures_that_do_not_close_are_reported"
        ),
    },
    "observe/verification_table.py": {
        "  hint: masivo-stream verify checks these records again, and more": "deciding::what_is_missing_is_looked_up",
    },
    "sandbox/app.py": {
        "this sandbox answers to the names of its own machine only (--allow-remote)": (
            "tools::other_machines_are_let_in_by_a_flag"
        ),
    },
    "sandbox/fault_language.py": {
        '; did you mean "{…}"?': "tools::a_fault_is_meant_by_the_name_that_is_told",
    },
    "sandbox/sandbox_options.py": {
        (
            "the sandbox listens on this machine only, not on {…}: its key is public, so it takes data from anyone;"
            " add --allow-remote if you mean it"
        ): "tools::other_machines_are_let_in_by_a_flag",
    },
    "sandbox/sandbox_server.py": {
        "choose another --port (0 takes a free port)": "tools::the_sandbox_takes_another_port",
        "name a file in a directory that exists and is yours": "tools::the_port_is_written_where_it_can_be",
    },
    "sandbox/store.py": {
        "name a new file, or stop the other sandbox that uses it": "tools::a_store_is_one_sandboxs",
    },
}

NOT_ADVICE: dict[str, dict[str, str]] = {
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
    "core/reading/formats.py": {
        "cpio -i --to-stdout --quiet": "part of a command that is told as a whole",
        "xz -dc --format=lzma": "part of a command that is told as a whole",
    },
    "flow/checks/policy.py": {
        "--skip-checks {…}": "the place of an error",
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
        "{…}; masivo-stream {…}": "the version",
    },
    "observe/check_table.py": {
        "  hint: {…}": "prints what is advice elsewhere",
    },
    "observe/check_list.py": {
        "totals: and {…} more file{…}, see --json": "where the rest of a list is",
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
