"""What is printed below the table of a fleet: each step once, each command that works."""

from datetime import UTC, datetime
from io import StringIO

import made_snapshots
import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from masivo_stream.model.fleet import AccountResult, join
from masivo_stream.model.pause import Pause
from masivo_stream.model.status import Status
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.fleet_table import print_fleet

GO_ON = "start the same command again: it continues from here"
PUBLISHED = "start the same command again: what was delivered is not sent again, and the results are published"


def interrupted(name, *texts):
    command = f"masivo-stream fleet migrate 'a b.toml' --only {name} --config c.toml"
    steps = tuple(NextStep(text=text, command=command) for text in texts)
    summary = Summary(outcome="interrupted", exit_code=6, kinds={}, closes=True, next_steps=steps)
    return AccountResult(name=name, exit_code=6, summary=summary)


def printed(*accounts, only=()):
    out = StringIO()
    print_fleet(Console(file=out, width=200), join(accounts), only)
    return [line for line in out.getvalue().splitlines() if line.startswith(("next: ", "  masivo"))]


def test_the_same_command_comes_once_for_an_account():
    """Publishing has failed, and an outage has stopped the run: one command does both."""
    command = "  masivo-stream fleet migrate 'a b.toml' --only north --config c.toml"
    assert printed(interrupted("north", PUBLISHED, GO_ON)) == [f"next: {PUBLISHED}", command]


def test_a_step_of_several_accounts_comes_once():
    """With its flags; for the chosen accounts, if some were chosen; many are counted."""
    two = [interrupted(name, GO_ON) for name in ("north", "south")]
    command = "  masivo-stream fleet migrate 'a b.toml' --config c.toml"
    assert printed(*two, interrupted("west", PUBLISHED)) == [
        f"next: {PUBLISHED}",
        "  masivo-stream fleet migrate 'a b.toml' --only west --config c.toml",
        f"next: (north, south) {GO_ON}",
        command,
    ]
    assert printed(*two, only=["north", "south"])[1] == f"{command} --only north --only south"
    many = [interrupted(f"a{number}", GO_ON) for number in range(40)]
    assert printed(*many) == [f"next: (40 accounts) {GO_ON}", command]


KINDS = st.builds(
    KindSummary,
    read=st.integers(0, 10**10),
    accepted=st.integers(0, 10**10),
    dead=st.integers(0, 10**6),
    in_doubt=st.integers(0, 10**6),
    pending=st.integers(0, 10**10),
    requests=st.integers(0, 10**7),
)
RESULTS = st.builds(
    lambda name, kinds, share, unread: AccountResult(
        name=name,
        exit_code=0,
        summary=Summary(
            outcome="complete", exit_code=0, kinds={"customers": kinds}, closes=True, share=share, unread=unread
        ),
    ),
    st.text("abcdefghij-", min_size=1, max_size=20),
    KINDS,
    st.none() | st.floats(0, 1),
    st.just({}) | st.builds(lambda count: {"events": count}, st.integers(0, 10**9)),
)


@given(st.lists(RESULTS, min_size=1, max_size=6), st.integers(40, 120))
def test_the_table_fits_and_no_figure_is_cut(results, width):
    """A line for each account and one for all; columns are left out, figures are whole, and names are never cut."""
    out = StringIO()
    print_fleet(Console(file=out, width=width), join(results))
    lines = out.getvalue().splitlines()
    header = next(place for place, line in enumerate(lines) if line.startswith("account "))
    table = [line.rstrip() for line in lines[header:]]
    assert len(table) == len(results) + 2
    assert all(len(line) <= width for line in table)
    assert [line.split()[0] for line in table[1:-1]] == [each.name for each in results]
    if " dead " in table[0]:
        dead = sum(each.summary.kinds["customers"].dead for each in results)
        assert f" {dead:,} " in table[-1]


def test_a_phone_shows_share_and_state_of_accounts_at_work():
    """And which are paused, with the one command that resumes them."""
    run = msgspec.structs.replace(made_snapshots.WORKING, share=0.25, unread=75, ends_at=made_snapshots.NOW + 7300)
    found = []
    for name in ("north", "south", "west"):
        more = {}
        if name != "north":
            resume = NextStep(text="resume the run", command=f"masivo-stream fleet resume f.toml --only {name}")
            more = {"paused": Pause(since=datetime(2026, 11, 30, tzinfo=UTC), by="ana@shop"), "next_steps": (resume,)}
        status = Status(outcome="interrupted", exit_code=0, kinds={}, closes=True, share=0.25, run=run, **more)
        found.append(AccountResult(name=name, exit_code=0, summary=status))
    out = StringIO()
    print_fleet(Console(file=out, width=40), join(found))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0].startswith("25 % done")
    assert [line.split() for line in lines if line.startswith(("north  ", "south  ", "west  "))] == [
        ["north", "25", "%", "0", "2", "h", "1", "min", "left"],
        ["south", "25", "%", "0", "paused"],
        ["west", "25", "%", "0", "paused"],
    ]
    assert [line for line in lines if "fleet resume" in line] == ["  masivo-stream fleet resume f.toml"]
