"""Control totals fit 80 columns whatever the figures, and no figure is cut."""

import io
from decimal import Decimal

import pytest
from hostile import HOSTILE
from made_report import made_checks
from msgspec import structs
from rich.console import Console

from masivo_stream.model.findings import ExportChecks
from masivo_stream.observe.check_list import describe_finding, print_checks
from masivo_stream.observe.control_totals import MOST_FILES, MOST_REWARDS, print_control_totals
from masivo_stream.observe.figure_words import decimal

REWARD = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"


def shown(checks, width=80, draw=print_control_totals):
    output = io.StringIO()
    draw(Console(file=output, width=width), checks)
    return output.getvalue()


def test_every_figure_is_shown():
    """By kind, by reward with its name, and by file if a kind has several."""
    said = shown(made_checks())
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "control totals customers events"
    for line in (
        "files 1 2",
        "records 700 1,601",
        "items 700 4,320",
        "orders 4,321",
        "value 98,765.43",
        "discounted 87,654.3",
        "first date 2024-02-29 2024-02-29",
        "rewards earned spent left balances",
        "events.ndjson (events.ndjson)",
        "1,234.56 -200 1,034.56 1,034.5",
        "totals: events.ndjson: 800 events, 2,160 items, orders of 98,765.43, discounted",
    ):
        assert line in lines
    assert shown(ExportChecks()) == ""


@pytest.mark.parametrize("amount", ["1", "123456789012.123456", "1e300", "-0.000000000000000000001"])
def test_the_table_fits_80_columns_with_any_figures(amount):
    checks = made_checks()
    huge = Decimal(amount)
    (reward,) = checks.rewards
    rewards = [
        structs.replace(reward, reward=REWARD, name="Puntos", earned=huge, spent=huge, left=huge, balances=huge)
        for _ in range(MOST_REWARDS + 1)
    ]
    kinds = [
        structs.replace(each, value=huge, records=10**12, kind=f"transactions{n}")
        for n, each in enumerate(checks.by_kind)
    ]
    files = checks.totals[1:] * MOST_FILES
    checks = structs.replace(checks, rewards=tuple(rewards), by_kind=(*kinds, *checks.by_kind), totals=tuple(files))
    said = shown(checks)
    assert max(map(len, said.splitlines())) <= 80
    assert decimal(huge) in "".join(said.split())
    assert f"{REWARD} (Puntos)" in said
    assert "and 1 more reward, see --json" in said
    assert f"and {MOST_FILES} more files, see --json" in said


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("1234567.89", "1,234,567.89"),
        ("10.000000000000000000000000001", "10.000000000000000000000000001"),
        ("1e308", "1e+308"),
        ("-1.5e-300", "-1.5e-300"),
        ("1" * 41, "about 1.1111111111e+40"),
        ("1e308" + "0", "1e+3080"),
    ],
)
def test_an_amount_is_never_longer_than_a_line(amount, words):
    """All digits, if a person can read them; else an exponent."""
    assert decimal(Decimal(amount)) == words


def test_a_finding_names_its_reward():
    """By id, and by name if the catalogue has one."""
    result, _ = made_checks().results
    found = result.first[0]
    sums = structs.replace(found.sums, reward=REWARD, name="Puntos")
    text = f"reward {REWARD} (Puntos): balance 10, transactions 12.5, difference 2.5"
    assert text in describe_finding(structs.replace(found, sums=sums))
    assert f"reward {REWARD}: balance" in describe_finding(structs.replace(found, sums=structs.replace(sums, name="")))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_controls_the_terminal(name):
    """What comes from a file or a catalogue is shown, not obeyed."""
    said = shown(made_checks(name), draw=print_checks)
    assert all(character.isprintable() for character in said.replace("\n", ""))
