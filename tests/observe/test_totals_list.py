"""Totals by day on a terminal: sums, days that differ, and what equal totals prove."""

import io
from decimal import Decimal

import pytest
from hostile import HOSTILE
from rich.console import Console

from masivo_stream.model.day_totals import (
    DayFinding,
    DaysCompared,
    DayState,
    DaySums,
    RewardCompared,
    TotalsVerification,
)
from masivo_stream.observe.totals_list import MOST_DAYS, MOST_REWARDS, print_totals

REWARD = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
HUGE = DaySums(count=12_345_678, earned=Decimal("123456789.123456"), spent=Decimal("-98765432.1"))


def shown(found, width=200):
    output = io.StringIO()
    print_totals(Console(file=output, width=width), found)
    return output.getvalue()


def days(**more):
    return DaysCompared(**({"zone": "+00:00", "days": 9, "chosen": 9, "compared": 9, "equal": 9} | more))


def finding(day, **more):
    said = {"state": DayState.DIFFERENT, "reward": REWARD, "exported": HUGE, "account": DaySums(count=1)} | more
    return DayFinding(day=f"2024-01-{day:02}", **said)


def test_days_that_differ_are_shown_with_both_sums():
    """The first ones; with what others made, and what is in doubt."""
    others, doubt = DaySums(count=2, earned=Decimal(5)), DaySums(count=1, spent=Decimal(-3))
    found = TotalsVerification(
        exit_code=3,
        days=days(equal=4, different=3, in_doubt=1, not_yet=1, unread=1),
        findings=(
            finding(1, others=others, in_doubt=doubt),
            finding(2, state=DayState.UNREAD, reward="", why="500"),
            *(finding(3) for _ in range(MOST_DAYS)),
        ),
        findings_left_out=10,
        not_compared={"dead": 3, "in_doubt": 1},
        others=2,
    )
    said = shown(found)
    assert (
        f"2024-01-01: reward {REWARD} different: sent 12,345,678 (earned 123,456,789.123456, spent -98,765,432.1);"
        " account 1; by others 2 (earned 5); in doubt 1 (spent -3)\n"
    ) in said
    assert "2024-01-02: could not be read: 500\n" in said
    assert "and 12 more, see --json\n" in said
    assert "certain: 3 dead, 1 in doubt\n" in said
    assert "of others: 2 transactions on these days were not created by this run" in said
    assert "NOT all equal: 4 of 10 days; 3 different, 1 in doubt, 1 not visible yet, 1 not readable\n" in said


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (TotalsVerification(exit_code=0, days=DaysCompared(zone="+00:00")), "nothing to compare"),
        (TotalsVerification(exit_code=0, days=days()), "equal: all 9 days compared\nEqual totals show"),
        (TotalsVerification(exit_code=0, days=days(days=1, compared=1, equal=1, chosen=1)), "equal: the day compared"),
        (TotalsVerification(exit_code=0, days=days(chosen=5)), "do not fit into memory"),
        (TotalsVerification(exit_code=7, days=days(), message="no", hint="look"), "ended early: no\n  hint: look\n"),
        (
            TotalsVerification(exit_code=0, days=days(chosen=5, most_requests=7), reward="r", brand="b"),
            "a sample that fits into 7 requests, --all for all",
        ),
    ],
)
def test_the_result_is_shown(found, says):
    said = shown(found)
    assert says in said
    assert (", only reward r, only brand b" in said) == bool(found.reward)


def test_the_list_fits_80_columns_with_any_numbers():
    rewards = tuple(RewardCompared(reward=REWARD, exported=HUGE, account=HUGE) for _ in range(MOST_REWARDS + 2))
    found = TotalsVerification(exit_code=3, days=days(), rewards=rewards, findings=(finding(1, others=HUGE),))
    said = shown(found, width=80)
    assert max(map(len, said.splitlines())) <= 80
    assert "123,456,789.123456" in said
    assert "and 2 more rewards, see --json" in said


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_name_controls_the_terminal(name):
    """What comes from outside is shown, not obeyed."""
    found = TotalsVerification(
        exit_code=3,
        days=days(),
        reward=name,
        brand=name,
        rewards=(RewardCompared(reward=name, exported=HUGE, account=HUGE),),
        findings=(finding(1, reward=name), finding(2, state=DayState.UNREAD, why=name)),
        left_out=(name,),
        message=name,
        hint=name,
    )
    assert all(character.isprintable() for character in shown(found).replace("\n", ""))
