"""What can go wrong when exports are prepared: sums, dates, rows that vanish, work done twice. See `mutations`."""

from mutation import Mutation

POINTS, CUSTOMERS, SHOP, ENGINE, CASTS = (
    f"prepare/test_{name}.py::test_"
    for name in ("settle_points", "settle_customers", "prepared_shop", "engine", "casts")
)
BEGIN, DATABASES, WITHOUT = (
    f"prepare/test_{name}.py::test_" for name in ("begin_mapping", "databases", "without_customers")
)

MUTATIONS = (
    Mutation(
        "a correction has the wrong sign",
        "prepare/settling/points.py",
        "    place, difference = rows[0].place, balance - earned\n",
        "    place, difference = rows[0].place, earned - balance\n",
        "Balances and transactions do not agree, and the API refuses the customer.",
        (POINTS + "figures_close_and_sums_agree", SHOP + "sums_are_those_of_an_independent_reading"),
    ),
    Mutation(
        "too many are merged",
        "prepare/settling/points.py",
        "    while len(entries) - taken + len(groups) > MOST_TRANSACTIONS:\n",
        "    while len(entries) - taken > 1:\n",
        "A customer's whole history becomes two entries.",
        (POINTS + "the_oldest_are_merged_by_reward_and_sign",),
    ),
    Mutation(
        "a row of customers that does not count gives its balance",
        "prepare/settling/settle.py",
        "    balances = [balance for balance in rows.balances if balance.place not in not_counted]\n",
        "    balances = rows.balances\n",
        "A customer who is in the table twice has twice the points.",
        (CUSTOMERS + "one_id_several_times",),
    ),
    Mutation(
        "rows of an order that do not agree are believed",
        "prepare/settling/purchases.py",
        "                return None\n        found",
        "                pass\n        found",
        "One of two values of an order is guessed.",
        (CUSTOMERS + "an_order_is_written_or_left_out_with_a_reason",),
    ),
    Mutation(
        "a row with a bad value is used",
        "prepare/engine/select.py",
        '        f"COPY (SELECT {listed}, coalesce({faults}, own_fault) AS {FAULT}, {WORDS}, {part} AS {PART}"\n',
        '        f"COPY (SELECT {listed}, own_fault AS {FAULT}, {WORDS}, {part} AS {PART}"\n',
        "A bad number is an unnoticed NULL, and so are sums with it.",
        (SHOP + "every_row_of_every_source_is_accounted_for",),
    ),
    Mutation(
        "a local time is taken for UTC",
        "prepare/engine/casts.py",
        '        instant = f"({local} AT TIME ZONE {zone})"\n',
        "        instant = f\"({local} AT TIME ZONE 'UTC')\"\n",
        "Every date is shifted by the zone.",
        (CASTS + "local_times_are_moments",),
    ),
    Mutation(
        "what no SELECT returns is not listed",
        "prepare/engine/find_remarks.py",
        "        outputs.remark_source(source.name, Action.LEFT_OUT, Why.NOT_SELECTED, *names.describe(place))\n",
        "",
        "Rows vanish without a line.",
        (ENGINE + "rows_that_no_select_returns_are_listed",),
    ),
    Mutation(
        "what an interrupted step has written is kept",
        "prepare/engine/output_files.py",
        "                self._files[name].truncate(progress.sizes.get(name, 0))\n",
        "",
        "Records are written twice after an interruption.",
        (ENGINE + "work_that_was_stopped_is_continued",),
    ),
    Mutation(
        "a changed mapping continues earlier work",
        "prepare/engine/run.py",
        '    digest = hashlib.sha256(f"{__version__}\\n{mapping}".encode())\n',
        '    digest = hashlib.sha256(f"{__version__}".encode())\n',
        "An export is half of one mapping and half of another.",
        (ENGINE + "other_work_is_not_continued",),
    ),
    Mutation(
        "figures are not compared",
        "prepare/engine/run.py",
        "        if not found.closes:\n",
        "        if False:\n",
        "An export from which records are missing is published.",
        (ENGINE + "what_came_and_what_was_written_are_counted_apart",),
    ),
    Mutation(
        "without customers, no customer is known",
        "prepare/engine/nest.py",
        "        is_known = rules.customers is None or (not customers.ended and customers.next_id == id_)\n",
        "        is_known = not customers.ended and customers.next_id == id_\n",
        "A shop whose customers were migrated before cannot prepare anything else.",
        (WITHOUT + "only_events", WITHOUT + "only_transactions"),
    ),
    Mutation(
        "balances that are not written are not listed",
        "prepare/settling/points.py",
        "            noted += [_left(FlatTable.BALANCES, Why.NOT_WRITTEN,",
        "            _ = [_left(FlatTable.BALANCES, Why.NOT_WRITTEN,",
        "Rows vanish without a line, and the figures do not close.",
        (POINTS + "figures_close_if_balances_are_not_written",),
    ),
    Mutation(
        "a carriage return ends a line of mysql",
        "prepare/sources/delimited.py",
        '        return open_text(file, self._source.formats.encoding, seen, "" if self._quote else "\\n")\n',
        '        return open_text(file, self._source.formats.encoding, seen, "")\n',
        "Rows with a carriage return in a value are lost.",
        (DATABASES + "mysql_batch",),
    ),
    Mutation(
        "a delimiter after a backslash divides fields",
        "prepare/sources/unquoted.py",
        '    if not escapes or "\\\\" not in text:\n',
        "    if True:\n",
        "Rows of PostgreSQL with a delimiter in a value are lost.",
        (DATABASES + "text_of_psql_with_another_delimiter",),
    ),
    Mutation(
        "the first of several files is the source",
        "prepare/presets/begin_mapping.py",
        "    same = [table for table in fitting if table.keys == fitting[0].keys]\n",
        "    same = fitting[:1]\n",
        "All files of a large shop but one are forgotten.",
        (BEGIN + "several_files_of_one_shape_are_one_source",),
    ),
    Mutation(
        "exports without a summary are taken for another program's",
        "prepare/engine/output_files.py",
        "        is_ours = (directory / SUMMARY_FILE).exists() or self.partial(SUMMARY_FILE).exists()\n",
        "        is_ours = (directory / SUMMARY_FILE).exists()\n",
        "After a kill at the very end, the same command is refused.",
        (ENGINE + "work_that_was_stopped_while_the_files_got_their_names",),
    ),
)
"""Each takes a promise of the command away."""
