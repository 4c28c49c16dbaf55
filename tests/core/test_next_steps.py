"""What to do next: the right command for each end, quoted so that a shell reads back what was meant."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from masivo_stream.core.next_steps import LONGEST_COMMAND, next_steps, quote, revert_command, same_command
from masivo_stream.core.redact import printable
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.summary import Invocation, KindSummary, Summary

INVOCATION = Invocation(
    again=("masivo-stream", "migrate", "--events", "my events.ndjson", "--state-dir", "s"),
    options=("--state-dir", "s", "--limit", "1/5s"),
)
RESUME = "masivo-stream migrate --events 'my events.ndjson' --state-dir s"


def commands(outcome, code, invocation=INVOCATION, **figures):
    summary = Summary(outcome=outcome, exit_code=code, kinds={"events": KindSummary(**figures)}, closes=code != 1)
    return [step.command for step in next_steps(summary, invocation, "s")]


def test_nothing_is_left_to_do_if_everything_arrived():
    """But to look at it, if something was sent at all."""
    assert commands("complete", 0, accepted=5) == ["masivo-stream verify --state-dir s --limit 1/5s"]
    assert commands("complete", 0) == []


def test_dead_letters_are_corrected_then_sent():
    """With the flags that say where to; what corrects sends nothing, and needs no limit."""
    both = ["masivo-stream mend --state-dir s", "masivo-stream retry --state-dir s --limit 1/5s"]
    assert commands("dead_letters", 3, dead=2) == both


def test_dead_letters_that_are_given_up_need_nothing():
    """If others are left, these are corrected."""
    for dead, steps in ((2, 0), (3, 2)):
        summary = Summary(
            outcome="dead_letters",
            exit_code=3,
            kinds={"events": KindSummary(dead=dead)},
            closes=True,
            fault_groups=FaultGroups(given_up={"events": 2}),
        )
        assert len(next_steps(summary, INVOCATION, "s")) == steps


def test_batches_in_doubt_come_before_dead_letters():
    """A discarded batch becomes dead letters."""
    found = commands("in_doubt", 4, in_doubt=3, dead=2)
    assert [command.split()[1] for command in found] == ["resolve", "mend", "retry"]


@pytest.mark.parametrize(
    ("outcome", "code"), [("interrupted", 130), ("interrupted", 143), ("stopped", 6), ("stopped", 7)]
)
def test_an_unfinished_run_continues_with_the_same_command(outcome, code):
    """Batches in doubt and dead letters can wait, and are shown as well."""
    assert commands(outcome, code, pending=5) == [RESUME]
    both = commands(outcome, code, pending=5, in_doubt=1, dead=2)
    assert (both[0], [command.split()[1] for command in both]) == (RESUME, ["migrate", "resolve", "mend", "retry"])
    assert [command.split()[1] for command in commands(outcome, code, dead=2)] == ["migrate", "mend", "retry"]
    assert [command.split()[1] for command in commands(outcome, code, in_doubt=1)] == ["migrate", "resolve"]


def over_budget(invocation):
    over = OverBudget(allowed="0", dead=2, read=5)
    figures = {"events": KindSummary(dead=2, pending=3)}
    summary = Summary(outcome="stopped", exit_code=6, kinds=figures, closes=True, over_budget=over)
    return [(step.text.split()[0], step.command) for step in next_steps(summary, invocation, "s")]


def test_a_run_over_its_budget_is_corrected_or_allowed_more():
    """The same command would stop again, so it is not there to paste; what came from a pipe needs a file first."""
    retry = "masivo-stream retry --state-dir s --limit 1/5s"
    mend = "masivo-stream mend --state-dir s"
    assert over_budget(INVOCATION) == [("see", mend), ("correct", retry), ("or,", "")]
    piped = structs.replace(INVOCATION, again=("masivo-stream", "migrate", "--events", "-"))
    assert over_budget(piped) == [("write", ""), ("see", mend), ("correct", retry), ("or,", "")]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_pipe_cannot_be_given_again(name):
    """As a file it can: its content is recognised."""
    piped = Invocation(again=("masivo-stream", "migrate", "--events", name))
    summary = Summary(outcome="stopped", exit_code=5, kinds={}, closes=True)
    assert [(step.text, step.command) for step in next_steps(summary, piped, "s")] == [
        ("write the export to a file, then start the same command with that file instead of the pipe", "")
    ]


def test_no_command_repeats_a_bug():
    """The state is evidence."""
    assert commands("stopped", 1) == [""]


def test_a_directory_with_an_undecodable_name_is_in_no_command():
    """Its name is not UTF-8: the text shows it, escaped."""
    summary = Summary(outcome="dead_letters", exit_code=3, kinds={"events": KindSummary(dead=1)}, closes=True)
    look, step = next_steps(summary, Invocation(), "state-\udcff")
    assert look.command == ""
    assert (step.command, "state-\\udcff/dead-letter.events.ndjson" in step.text) == ("", True)


def test_a_run_that_cannot_continue_has_no_next_command():
    """One that was taken back: its hint says what can be done."""
    assert commands("stopped", 2, accepted=5, in_doubt=1) == []


def test_the_state_directory_is_named_without_a_command_line():
    """A program started the run: a person finds it by its directory."""
    assert commands("dead_letters", 3, Invocation(), dead=1)[1:] == ["masivo-stream retry --state-dir s"]
    assert commands("interrupted", 130, Invocation()) == [""]


@given(st.lists(st.text(), max_size=5))
def test_a_shell_reads_the_same_words_back(words):
    """Or nothing is shown: a name that a terminal would obey cannot be pasted."""
    line = quote(words)
    assert not line or (shlex.split(line) == words and printable(line) == line)


def test_a_command_with_a_thousand_files_is_described_in_words():
    """It is too long to be pasted from a table."""
    assert quote(["x" * LONGEST_COMMAND, "y"]) == ""


def test_the_same_command_has_the_flags_of_the_run():
    """But without the flag that applies to one start; after a retry, or a program's run, the command is short."""
    again = (*INVOCATION.again, "--only-missing")
    assert same_command(Invocation(again=again, options=INVOCATION.options), "s") == INVOCATION.again
    short = ("masivo-stream", "migrate", *INVOCATION.options)
    assert same_command(Invocation(again=("masivo-stream", "retry"), options=INVOCATION.options), "s") == short
    assert same_command(Invocation(), "s") == ("masivo-stream", "migrate", "--state-dir", "s")


def test_a_revert_goes_to_the_account_of_the_run():
    """With its flags, or its state directory."""
    assert quote(revert_command(INVOCATION, "s", "A", "B")) == (
        "masivo-stream revert --from A --to B --state-dir s --limit 1/5s"
    )
    assert revert_command(Invocation(), "s", "A", "B")[-2:] == ("--state-dir", "s")
