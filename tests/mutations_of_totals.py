"""What can go wrong when totals are compared by day. See `mutations`."""

from mutation import Mutation

CORE, LIST = "core/test_day_totals.py::test_", "flow/test_list_days.py::test_"
FLOW, FILE = "flow/test_verify_totals.py::test_", "edges/test_listed_days_file.py::test_"

MUTATIONS = (
    Mutation(
        "a day is one of UTC, whatever the zone",
        "core/accounting/day_totals.py",
        "        return (moment + self.zone) // DAY\n",
        "        return moment // DAY\n",
        "With an account in another zone, every day is called different.",
        (CORE + "totals_are_those_of_a_plain_count", FLOW + "the_time_zone_of_the_account_is_found"),
    ),
    Mutation(
        "a reward is another one in upper case",
        "core/accounting/day_totals.py",
        "        reward = transaction.reward_id.lower()\n",
        "        reward = transaction.reward_id\n",
        "An export with ids in upper case is called different.",
        (CORE + "totals_are_those_of_a_plain_count",),
    ),
    Mutation(
        "a full page is the last one",
        "core/accounting/day_totals.py",
        "    return count // MOST_TRANSACTIONS_LISTED + 1\n",
        "    return max(1, -(-count // MOST_TRANSACTIONS_LISTED))\n",
        "More requests are sent than were counted before.",
        (CORE + "chosen_days_need_no_more_requests_than_allowed",),
    ),
    Mutation(
        "a dropped day comes back",
        "core/accounting/day_totals.py",
        "        if self._highest is not None and self._rank(day) >= self._highest:\n            return\n",
        "",
        "A day of which a part was dropped is called different.",
        (CORE + "the_days_of_the_lowest_ranks_are_kept",),
    ),
    Mutation(
        "what others have created is the run's",
        "flow/readback/list_days.py",
        "        is_own = created is None or self._between[0] <= created <= self._between[1]\n",
        "        is_own = True\n",
        "A shop that has gone live has differences every day.",
        (
            LIST + "rows_are_sorted_by_their_creation_and_dates_are_read",
            FLOW + "transactions_of_others_are_counted_separately",
        ),
    ),
    Mutation(
        "sums are compared, and not counts",
        "core/accounting/day_totals.py",
        "    if everything == sent:\n",
        "    if (everything.earned, everything.spent) == (sent.earned, sent.spent):\n",
        "Two transactions of 1 in the place of one of 2 are not found, nor is one that is lost with its reversal.",
        (CORE + "every_rule_about_a_reward_holds",),
    ),
    Mutation(
        "a surplus in doubt may be of any size",
        "core/accounting/day_totals.py",
        "and _is_within(_less(own, sent), in_doubt):\n",
        ":\n",
        "A doubled transaction is taken for one in doubt.",
        (CORE + "every_rule_about_a_reward_holds",),
    ),
    Mutation(
        "the cursor is never sent",
        "flow/readback/list_days.py",
        "            cursor = page.data[-1].id\n",
        "",
        "Days with more than a thousand transactions cannot be read.",
        (
            LIST + "short_pages_are_followed_as_long_as_something_is_missing",
            FLOW + "full_pages_are_followed_to_their_end",
        ),
    ),
    Mutation(
        "requests are not bounded within a day",
        "flow/readback/list_days.py",
        "        while not self.is_spent:\n",
        "        while True:\n",
        "A day with a million rows uses the account's day up.",
        (LIST + "no_request_is_made_beyond_the_maximum", FLOW + "requests_are_bounded_and_days_drawn_by_the_seed"),
    ),
    Mutation(
        "notes are valid for every key",
        "edges/files/listed_days_file.py",
        '        if next(lines, b"").rstrip(b"\\n") != self._key.encode():\n',
        '        if not next(lines, b""):\n',
        "What the account had before the last retry is compared with what was sent since.",
        (FILE + "another_key_begins_from_nothing",),
    ),
    Mutation(
        "a day that does not show yet is noted for good",
        "flow/commands/verify_totals.py",
        "        if result.state is not DayState.NOT_YET:\n",
        "        if True:\n",
        "The next command calls different what has arrived long since.",
        (FLOW + "recently_accepted_transactions_are_waited_for",),
    ),
    Mutation(
        "days by creation are compared all the same",
        "flow/readback/day_findings.py",
        "        elif self._by_creation:\n",
        "        elif False:\n",
        "Every day is called different, although nothing is wrong.",
        (FLOW + "days_by_creation_cannot_be_compared",),
    ),
)
