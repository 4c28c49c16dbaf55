"""What waits for a person is one line, the most urgent first: go on, then records in doubt, then dead letters."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.pause import Pause
from masivo_stream.model.status import Status
from masivo_stream.model.summary import KindSummary
from masivo_stream.observe.to_do_lines import to_do_line

INTERRUPTED = ("interrupted", ExitCode.INTERRUPTED)
BOTH = {"in_doubt": 1000, "dead": 12}


def status(outcome, code, figures, **changes):
    kinds = {"events": KindSummary(**figures)}
    return Status(outcome=outcome, exit_code=code, kinds=kinds, closes=True, **changes)


@pytest.mark.parametrize(
    ("outcome", "code", "figures", "line"),
    [
        ("complete", ExitCode.COMPLETE, {"accepted": 9}, ""),
        ("in_doubt", ExitCode.IN_DOUBT, {"in_doubt": 1}, "to do: 1 in doubt"),
        ("in_doubt", ExitCode.IN_DOUBT, BOTH, "to do: 1,000 in doubt, 12 dead letters"),
        ("dead_letters", ExitCode.DEAD_LETTERS, {"dead": 1}, "to do: 1 dead letter"),
        (*INTERRUPTED, {}, "to do: start again"),
        (*INTERRUPTED, {"dead": 12}, "to do: start again, 12 dead letters"),
        (*INTERRUPTED, BOTH, "to do: start again, 1,000 in doubt, 12 dead letters"),
        ("interrupted", ExitCode.OUTAGE, {}, "to do: start again"),  # it was killed
        ("stopped", ExitCode.OUTAGE, {"dead": 2}, "to do: start again when the cause is gone, 2 dead letters"),
        ("stopped", ExitCode.DENIED, {"in_doubt": 2}, "to do: correct the cause, then start again, 2 in doubt"),
        ("stopped", ExitCode.INPUT, {}, "to do: correct the export, then start again"),
        ("stopped", ExitCode.CONFIGURATION, {}, ""),  # it cannot go on; its hint says why
        ("stopped", ExitCode.BUG, {}, ""),
    ],
)
def test_the_line_names_what_applies(outcome, code, figures, line):
    """A record that needs nothing is not in it."""
    assert to_do_line(status(outcome, code, figures)) == line


def test_what_a_person_has_done_already_is_left_out():
    """Dead letters that are given up. A pause is ended first, and a run over its budget does not start as it is."""
    found = status(*INTERRUPTED, {"dead": 12}, fault_groups=FaultGroups(given_up={"events": 12}))
    assert to_do_line(found) == "to do: start again"
    paused = structs.replace(found, paused=Pause(since=datetime.now(UTC), by=""))
    assert to_do_line(paused) == "to do: resume, start again"
    over = status("stopped", ExitCode.OUTAGE, {"dead": 2}, over_budget=OverBudget(allowed="0", dead=2, read=5))
    assert to_do_line(over) == "to do: 2 dead letters"
