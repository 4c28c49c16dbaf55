"""What waits for a person is one line, the most urgent first: go on, then records in doubt, then dead letters."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from masivo_stream.core.next_steps import next_steps
from masivo_stream.flow.commands.status import add_pause
from masivo_stream.model.canary import CanaryRecord, CanaryResult
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.pause import Pause
from masivo_stream.model.summary import Invocation, KindSummary, Summary
from masivo_stream.observe.to_do_lines import to_do_line

INTERRUPTED = ("interrupted", ExitCode.INTERRUPTED)
BOTH = {"in_doubt": 1000, "dead": 12}


AGAIN = Invocation(again=("masivo-stream", "migrate", "--events", "e.ndjson"))
START = "to do: start the same command again"
GONE, THEN = f"{START} when the cause is gone", "then start the same command again"


def ended(outcome, code, figures, **changes):
    """Return a summary with its steps."""
    kinds = {"events": KindSummary(**figures)}
    found = Summary(outcome=outcome, exit_code=code, kinds=kinds, closes=True, **changes)
    return structs.replace(found, next_steps=next_steps(found, AGAIN, "s"))


@pytest.mark.parametrize(
    ("outcome", "code", "figures", "line"),
    [
        ("complete", ExitCode.COMPLETE, {"accepted": 9}, ""),
        ("in_doubt", ExitCode.IN_DOUBT, {"in_doubt": 1}, "to do: 1 in doubt"),
        ("in_doubt", ExitCode.IN_DOUBT, BOTH, "to do: 1,000 in doubt, 12 dead letters"),
        ("dead_letters", ExitCode.DEAD_LETTERS, {"dead": 1}, "to do: 1 dead letter"),
        (*INTERRUPTED, {}, START),
        (*INTERRUPTED, {"dead": 12}, f"{START}, 12 dead letters"),
        (*INTERRUPTED, BOTH, f"{START}, 1,000 in doubt, 12 dead letters"),
        ("interrupted", ExitCode.OUTAGE, {}, GONE.removesuffix(" when the cause is gone")),  # it was killed
        ("stopped", ExitCode.OUTAGE, {"dead": 2}, f"{GONE}, 2 dead letters"),
        ("stopped", ExitCode.DENIED, {"in_doubt": 2}, f"to do: correct what the message names, {THEN}, 2 in doubt"),
        ("stopped", ExitCode.INPUT, {}, f"to do: correct or restore the export, {THEN}"),
        ("stopped", ExitCode.CONFIGURATION, {}, ""),  # it cannot go on; its hint says why
        ("stopped", ExitCode.BUG, {}, ""),
    ],
)
def test_the_line_names_what_applies(outcome, code, figures, line):
    """A record that needs nothing is not in it."""
    assert to_do_line(ended(outcome, code, figures)) == line


def test_what_would_not_help_is_left_out():
    """Dead letters that are given up. A pause is ended first, and a run over its budget does not start as it is."""
    found = ended(*INTERRUPTED, {"dead": 12}, fault_groups=FaultGroups(given_up={"events": 12}))
    assert to_do_line(found) == START
    paused = add_pause(found, Pause(since=datetime.now(UTC), by=""), "s")
    assert to_do_line(paused) == "to do: resume the run"
    over = OverBudget(allowed="0", dead=2, read=5)
    assert to_do_line(ended("stopped", ExitCode.OUTAGE, {"dead": 2}, over_budget=over)) == "to do: 2 dead letters"
    refused = CanaryResult(passed=False, records=(CanaryRecord(kind="events", file="e", line=1, outcome="refused"),))
    assert to_do_line(ended("stopped", ExitCode.OUTAGE, {"dead": 1}, canary=refused)) == "to do: 1 dead letter"
