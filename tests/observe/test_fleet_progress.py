"""The progress and the tables of a fleet: what comes first, what is hidden, and that text from outside stays text."""

import io

from rich.console import Console

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.fleet import AccountResult, fail, join
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.fleet_progress import FleetProgress, draw_fleet
from masivo_stream.observe.fleet_table import print_fleet

ROWS = (
    AccountRow(name="done", state="complete", ended=True, exit_code=0, accepted=9, requests=1, requests_needed=1),
    AccountRow(name="busy", state="events: next slot", accepted=2000, requests=2, requests_needed=40),
    AccountRow(name="ill", state="events: waits", accepted=1, in_doubt=7, attention="7 in \x1b[31mdoubt"),
)
FLEET = FleetSnapshot(version="1", began=0.0, now=100.0, accounts=ROWS, ends_at=400.0)


def console(width=80):
    return Console(file=io.StringIO(), width=width, height=20, force_terminal=False)


def lines_of(shown, **options):
    told = console(**options)
    told.print(shown)
    return [line.rstrip() for line in told.file.getvalue().splitlines()]


def test_accounts_that_need_a_person_come_first():
    """Then those at work, then those that have ended."""
    lines = lines_of(draw_fleet(FLEET, lines=20))
    names = [line.split()[0] for line in lines if line and line.split()[0] in {"done", "busy", "ill"}]
    assert names == ["ill", "busy", "done"]
    assert lines[-1] == "1 of 3 accounts have ended; about 5 min 0 s left"
    assert "2 of 40" in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_what_does_not_fit_is_counted():
    """The terminal's lines are never exceeded."""
    many = FleetSnapshot(version="1", began=0.0, now=0.0, accounts=ROWS * 20)
    lines = lines_of(draw_fleet(many, lines=12))
    assert len(lines) <= 12
    assert "53 more accounts are not shown" in lines[-1]


def test_the_progress_is_removed_at_the_end():
    """It asks for a snapshot when it draws."""
    told, asked = Console(file=io.StringIO(), width=80, height=20, force_terminal=True), []

    def snapshot():
        asked.append(1)
        return FLEET

    with FleetProgress(told, snapshot):
        pass
    assert asked
    assert "accounts have ended" in told.file.getvalue()


def summary(outcome, code, **more):
    kinds = {"events": KindSummary(read=4, accepted=3, dead=1, requests=2)}
    return Summary(outcome=outcome, exit_code=code, kinds=kinds, closes=True, **more)


def test_a_table_has_totals_and_the_steps_of_those_that_need_one():
    """A complete account needs no further word; the steps of the others are below their name."""
    step = NextStep(text="correct it", command="masivo-stream retry --fleet f.toml:ill")
    wrong = ConfigurationError("no key \x1b[31m", operation="read", place="f.toml", hint="set it")
    fleet = join([
        AccountResult(name="well", exit_code=0, summary=summary("complete", 0)),
        AccountResult(name="ill", exit_code=3, summary=summary("dead_letters", 3, next_steps=(step,))),
        fail("new", wrong, command="masivo-stream fleet migrate f.toml --only new"),
    ])  # fmt: skip
    told = console()
    print_fleet(told, fleet)
    text = told.file.getvalue()
    assert "exit code 2" in text
    assert ["all", "6", "2", "0", "0", "4", "exit", "code", "2"] in [line.split() for line in text.splitlines()]
    assert "well:" not in text
    assert "ill: complete, but some records are dead letters\nnext: correct it\n  masivo-stream retry" in text
    assert "next: f.toml: set it\n  masivo-stream fleet migrate f.toml --only new" in text
    assert "\x1b" not in text
