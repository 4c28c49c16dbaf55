"""What can go wrong with an operator's levers: requests at the wrong hour, a pause that leaks. See `mutations`."""

from mutation import Mutation

PACE, LEVERS, HOURS = "core/test_timed_pace.py::test_", "flow/test_levers.py::test_", "core/test_hours.py::test_"

MUTATIONS = (
    Mutation(
        "a window with hours counts all requests",
        "core/pacing/pace.py",
        "            if self._timetable.in_force(window, flight.departed):\n",
        "            if True:\n",
        "At the beginning of the hours, nothing leaves for as long as the window is.",
        (PACE + "requests_keep_to_the_windows_in_force_and_never_wait_without_one",),
    ),
    Mutation(
        "a wait for one window forgets the others",
        "core/pacing/timetable.py",
        "        while moved:\n",
        "        if moved:\n",
        "A request leaves in the hours of a pause that follows another one.",
        (PACE + "a_caller_that_waits_as_asked_departs_at_the_first_moment_that_is_allowed",),
    ),
    Mutation(
        "clocks are never changed",
        "model/hours.py",
        "    yield from _clock_changes(zone, moment)\n",
        "",
        "On two days of a year, hours begin or end at the wrong time.",
        (HOURS + "hours_hold_while_a_clock_shows_them",),
    ),
    Mutation(
        "a pause counts as an outage",
        "flow/pipeline/deliver.py",
        "self._clock.now() - self._limiter.switch.off_seconds",
        "self._clock.now()",
        "A run that was paused for an hour stops at the first failure after it.",
        (LEVERS + "a_pause_is_no_outage",),
    ),
    Mutation(
        "a request that waits leaves during a pause",
        "flow/rate_limit.py",
        "                await self._sleep(min(slot, self._longest_sleep))\n"
        "                await self.switch.wait_until_on()\n",
        "                await self._sleep(min(slot, self._longest_sleep))\n",
        "Something is sent after a person has paused the run.",
        (LEVERS + "a_pause_during_a_wait_holds_the_request_that_waits",),
    ),
    Mutation(
        "new windows begin empty",
        "core/pacing/pace.py",
        "        for flight in (*older, *known):\n",
        "        for flight in known:\n",
        "After a change of limits, the account gets more requests than its window allows.",
        (LEVERS + "what_has_left_counts_in_new_windows",),
    ),
    Mutation(
        "a file that cannot be read is no pause",
        "edges/files/pause_file.py",
        '        return Pause(since=_changed_at(path), by="")\n',
        "        return None\n",
        "A damaged file lets a run go on that a person has stopped.",
        (LEVERS + "a_file_that_cannot_be_read_is_a_pause",),
    ),
)
