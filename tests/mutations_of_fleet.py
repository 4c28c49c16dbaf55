"""What can go wrong with a fleet: accounts that disturb each other, keys that are mixed up. See `mutations`."""

from mutation import Mutation

FILE, PACE, CLI = "flow/test_fleet_file.py::test_", "flow/test_fleet_pace.py::test_", "cli/test_fleet.py::test_"
MONITOR = "monitor/test_fleet_monitor.py::test_"

MUTATIONS = (
    Mutation(
        "the note in the journal counts as latency",
        "flow/pipeline/deliver.py",
        "                departure.leave()\n",
        "",
        "When the disk is quick again, each account's next request is too early, and is answered with 429.",
        (PACE + "each_account_of_a_fleet_keeps_its_windows[0.0]",),
    ),
    Mutation(
        "a departure is as early as its slot",
        "core/pacing/pace.py",
        "            flight.departed = now\n",
        "",
        "A request that leaves late does not move the next one.",
        ("core/test_pace.py::test_a_request_that_leaves_late_moves_the_next_one",),
    ),
    Mutation(
        "an error of one account ends all",
        "flow/commands/fleet.py",
        "    except MasivoStreamError as error:\n"
        "        return fail(name, error, command=_command_in(error.hint) or command)\n"
        "    except Exception",
        "    except MasivoStreamError:\n        raise\n    except Exception",
        "One missing key, and no account is migrated.",
        (CLI + "a_missing_key_stops_its_account_alone",),
    ),
    Mutation(
        "two keys of one account are not noticed",
        "flow/fleet_file.py",
        "        if len(same) > 1 and account.name in chosen\n",
        "        if False\n",
        "The records of two brands arrive in one account.",
        (CLI + "two_accounts_with_one_key_are_one_account",),
    ),
    Mutation(
        "only the keys of chosen accounts are compared",
        "flow/fleet_file.py",
        "    for account in fleet.known:\n",
        "    for account in fleet.accounts:\n",
        "--only sends the records of one brand into the account of another.",
        (CLI + "two_accounts_with_one_key_are_one_account",),
    ),
    Mutation(
        "two accounts may share a state directory",
        "flow/fleet_file.py",
        "        if directory in directories:\n",
        "        if False:\n",
        "The second account is refused in the middle of the night, by a lock.",
        (FILE + "an_error_names_its_place_and_remedy[a state directory twice]",),
    ),
    Mutation(
        "a state directory may be inside another",
        "flow/fleet_file.py",
        "    if name := inside or around.get(str(directory)):\n",
        "    if name := around.get(str(directory)):\n",
        "Who copies the results of one account copies the personal data of another.",
        (FILE + "an_error_names_its_place_and_remedy[a state directory inside another]",),
    ),
    Mutation(
        "an account gets settings that were read before its signal",
        "flow/fleet_file.py",
        "            if come != self._read_for:\n",
        "            if not self._read_for:\n",
        "The second SIGHUP changes nothing.",
        ("flow/test_fleet_again.py::test_each_account_gets_what_the_file_had_at_its_signal_or_later",),
    ),
    Mutation(
        "a signal leaves accounts waiting for the end of a pause",
        "flow/levers.py",
        "        if signals is not None and signals.received is not None:\n",
        "        if False:\n",
        "Ctrl-C, and the fleet waits for a person to resume one account.",
        (CLI + "a_signal_ends_accounts_that_wait_for_the_end_of_a_pause",),
    ),
    Mutation(
        "an account that begins after the signal keeps its limits",
        "flow/stop.py",
        "            if self.hang_ups:\n",
        "            if False:\n",
        "With at_once, most accounts begin after it: they send too fast all night.",
        (CLI + "limits_of_accounts_are_changed_while_they_run",),
    ),
    Mutation(
        "MASIVO_STATE_DIR counts for all accounts",
        "flow/fleet_file.py",
        'flags={"state_dir": _state_dir(each), **given}',
        "flags=given",
        "All accounts get one state directory.",
        (FILE + "each_account_has_a_state_directory",),
    ),
    Mutation(
        "all accounts publish into one folder",
        "flow/fleet_file.py",
        "    folder = f\"{state.publish.rstrip('/')}/{table.name}\"\n",
        '    folder = state.publish.rstrip("/")\n',
        "The report and the dead letters of the last account overwrite those of the others.",
        (FILE + "each_account_publishes_into_a_folder_of_its_own",),
    ),
    Mutation(
        "a plan overwrites the dead letters of a run",
        "flow/commands/fleet.py",
        "    with nullcontext(None) if begun else writing_dead_letters(directory) as files:\n",
        "    with writing_dead_letters(directory) as files:\n",
        "An account that has begun cannot be planned with the others.",
        (CLI + "a_plan_writes_dead_letters_and_leaves_those_of_a_run",),
    ),
    Mutation(
        "all accounts check their exports at the same time",
        "flow/commands/fleet.py",
        "CapacityLimiter(runtime.checks_at_once)",
        "CapacityLimiter(fleet.at_once)",
        "No account sends before the last one is checked, and the notes of all are on the disk at once.",
        ("flow/test_fleet.py::test_few_accounts_are_checked_at_a_time",),
    ),
    Mutation(
        "the best exit code counts",
        "model/fleet.py",
        "    return int(max(map(ExitCode, exit_codes)",
        "    return int(min(map(ExitCode, exit_codes)",
        "A timer takes a fleet with a denied account for done.",
        (CLI + "a_wrong_key_stops_its_account_alone", CLI + "a_changed_export_stops_its_account_alone"),
    ),
    Mutation(
        "samples have no label of their account",
        "monitor/fleet_metrics.py",
        "sample._replace(labels={ACCOUNT: name, **sample.labels})",
        "sample",
        "Prometheus drops all but one account.",
        (MONITOR + "metrics_of_all_accounts_are_on_one_page",),
    ),
)
