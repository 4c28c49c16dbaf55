"""What is printed below the table of a fleet: each step once, each command that works."""

from io import StringIO

from rich.console import Console

from masivo_stream.model.fleet import AccountResult, join
from masivo_stream.model.summary import NextStep, Summary
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
