"""What can go wrong in what a person sees: progress of work, the report, the page. See `mutations`."""

from mutation import Mutation

WORK, LINE = "flow/test_work_progress.py::test_", "observe/test_work_line.py::test_"
REPORT, SNAPSHOT = "observe/test_report_page.py::test_", "observe/test_snapshot_builder.py::test_"

PROGRESS = (
    Mutation(
        "a quick command shows progress",
        "observe/work_line.py",
        "now - self._began < PATIENCE",
        "now - self._began < 0",
        "A line flickers at commands that take no time.",
        (LINE + "a_quick_command_shows_nothing",),
    ),
    Mutation(
        "a step keeps the pace of the one before",
        "observe/step_pace.py",
        "return (notice.of, notice.unit) == (latest.of, latest.unit) and notice.done >= latest.done",
        "return True",
        "The time that is left is that of other work.",
        (LINE + "the_line_says_how_far_and_how_long",),
    ),
    Mutation(
        "what was done before counts as done here",
        "observe/step_pace.py",
        "return self._latest.done - self._first.done",
        "return self._latest.done",
        "Work that goes on promises to be done too early.",
        (LINE + "the_line_says_how_far_and_how_long",),
    ),
    Mutation(
        "compressed exports are counted as text",
        "edges/export/source.py",
        "            meter.read(len(block))\n",
        "",
        "The share of compressed exports is unknown.",
        (WORK + "what_is_read_is_announced_to_its_end",),
    ),
    Mutation(
        "a notice for every block",
        "flow/work_progress.py",
        "if now - self._announced >= EVERY or done == self._of:",
        "if True:",
        "Progress costs more than the work.",
        (WORK + "notices_are_few",),
    ),
    Mutation(
        "the checks stay what the run waits for",
        "observe/current_wait.py",
        'self._returning = f"{step}: {share}" if done < of else ""',
        'self._returning = f"{step}: {share}"',
        "A run that sends is said to read an export again.",
        (SNAPSHOT + "work_beside_the_run_is_shown",),
    ),
)

PAGES = (
    Mutation(
        "green although something is left",
        "observe/report_page.py",
        "all_settled=share is None and not any(each.pending or each.in_doubt for each in kinds.values())",
        "all_settled=True",
        "An interrupted run looks as if nothing were left.",
        (REPORT + "an_interrupted_run_says_first_how_much_is_done",),
    ),
    Mutation(
        "reasons without a group are left out",
        "observe/dead_letter_rows.py",
        "rows=(*map(_row_of_group, shown), *map(_row_of_example, examples))",
        "rows=tuple(map(_row_of_group, shown))",
        "Dead letters that were deleted from their file are not in the report.",
        (REPORT + "reasons_are_rows_of_the_same_table_without_groups",),
    ),
)

MUTATIONS = (*PROGRESS, *PAGES)
