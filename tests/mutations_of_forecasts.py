"""What can go wrong with "when is it done", "how much is left" and warnings. See `mutations`."""

from mutation import Mutation

LEFT, PACE = "core/test_left.py::test_", "core/test_seen_pace.py::test_"
DONE, KNOWN = "flow/test_when_done.py::test_", "flow/test_what_is_left.py::test_"
WARNINGS, TABLE = "observe/test_warnings.py::test_", "observe/test_summary_table.py::test_"

MUTATIONS = (
    Mutation(
        "what was read counts as unread",
        "core/accounting/forecast.py",
        "    records = 0 if ended else min(expected.records, max(0, expected.records - figures.read))\n",
        "    records = min(expected.records, max(0, expected.records - figures.read))\n",
        "A run whose export holds less than the plan counted never gets to its end.",
        (LEFT + "the_forecast_is_exact_when_everything_was_read",),
    ),
    Mutation(
        "what is in doubt counts as done",
        "core/accounting/forecast.py",
        "    done = sum(each.accepted + each.dead + each.skipped + each.blank for each in known)\n",
        "    done = sum(each.accepted + each.dead + each.skipped + each.blank + each.in_doubt for each in known)\n",
        "100 % is said of a run about which a person has to decide.",
        (LEFT + "what_is_in_doubt_is_not_done",),
    ),
    Mutation(
        "full requests are forecast",
        "core/accounting/forecast.py",
        "        requests=math.ceil(least * _ratio(contract, figures, expected) - 1e-6),\n",
        "        requests=math.ceil(least),\n",
        "Customers that stay whole fill half of a request: the run takes twice the time that was said.",
        (DONE + "the_end_that_is_said_first_is_true[unfit]", LEFT + "the_plan_is_exact_at_the_beginning"),
    ),
    Mutation(
        "one long wait is the usual pace",
        "core/pacing/seen_pace.py",
        "    usual = gaps[: len(gaps) - max(1, round(len(gaps) * _LONG_WAITS))]\n",
        "    usual = gaps\n",
        "After an hour's window the end is days away.",
        (PACE + "the_gap_is_that_between_most_departures",),
    ),
    Mutation(
        "an end is promised during an outage",
        "observe/end_forecast.py",
        "        if self._waits.stopping or self._waits.paused is not None or self._outage.what:\n",
        "        if self._waits.stopping or self._waits.paused is not None:\n",
        "It is not known when the API answers again, and a time is said.",
        (DONE + "during_an_outage_no_end_is_promised",),
    ),
    Mutation(
        "what an earlier process has sent is not known at the start",
        "flow/rate_limit.py",
        "        self._quota.reserve([scope.lane for scope in self._shared], listen)\n",
        "",
        "After a restart the first end that is said forgets that the hour's window is used up.",
        (KNOWN + "what_an_earlier_process_has_sent_is_known_before_the_first_request",),
    ),
    Mutation(
        "other runs on the account are not counted",
        "observe/end_forecast.py",
        "        slots = self._slots(left)\n",
        "        slots = left\n",
        "Two runs on one account are each told the end that they would have alone: half of the truth.",
        (DONE + "two_runs_on_one_account_know_of_each_other",),
    ),
    Mutation(
        "whoever is quicker uses all slots of an account",
        "flow/rate_limit.py",
        "            return max(wait, self._courtesy(now)) if self.other_runs else wait\n",
        "            return wait\n",
        "A second run on an account sends nothing until the first has ended.",
        (DONE + "two_runs_on_one_account_know_of_each_other",),
    ),
    Mutation(
        "a plan counts whatever the settings are",
        "flow/pipeline/expect.py",
        "    about = msgspec.msgpack.encode((__version__, seen, rules))\n",
        "    about = msgspec.msgpack.encode((__version__, seen))\n",
        "Requests of another size are another number.",
        (KNOWN + "a_plan_counts_for_the_same_exports_and_settings[settings]",),
    ),
    Mutation(
        "what the checks hold back is forecast as sent",
        "flow/checks/before_sending.py",
        "            records = max(0, each.records - held.get(each.kind, 0))\n",
        "            records = each.records\n",
        "An export of which half is held back takes half of the time that is said.",
        (KNOWN + "what_the_checks_hold_back_is_not_sent",),
    ),
    Mutation(
        "the view of another process is shown",
        "edges/files/progress_file.py",
        "    return noted.run if noted.owner == owner else None\n",
        "    return noted.run\n",
        "`status` says when a run is done that was killed yesterday.",
        (KNOWN + "a_run_shows_itself_to_other_processes",),
    ),
    Mutation(
        "each uploader counts an outage",
        "observe/warning_counts.py",
        "    if before.again_at is not None and latest.again_at is not None and latest.at < before.again_at:\n",
        "    if False:\n",
        "Two uploaders, and the first outage comes for the 2nd time.",
        (WARNINGS + "uploaders_that_meet_the_same_at_once_meet_it_one_time",),
    ),
    Mutation(
        "an outage ends by itself",
        "observe/warning_counts.py",
        "            late = at > (each.warning.again_at or each.warning.at) + QUIET\n",
        "            late = at > each.warning.at\n",
        "A warning that repeats is a new one each time.",
        (WARNINGS + "a_cause_that_repeats_is_one_line_with_a_number",),
    ),
    Mutation(
        "figures that add up are green",
        "observe/summary_table.py",
        '("adds up", "" if left else "green")',
        '("adds up", "green")',
        "A run that was interrupted at a third looks finished.",
        (TABLE + "figures_are_green_only_if_everything_has_its_outcome",),
    ),
)
