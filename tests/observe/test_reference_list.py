"""What exports name, on a terminal: a row per sort, what does not fit, and how much was looked at."""

import io

import pytest
from hostile import HOSTILE
from rich.console import Console

from masivo_stream.model.contract import ReferenceSort
from masivo_stream.model.plan import PlannedReferences
from masivo_stream.model.references import FindingReason, ReferenceFinding, ReferenceList
from masivo_stream.observe.reference_list import MOST_FINDINGS, print_references


def named(distinct, uses, *, complete=True):
    return ReferenceList(distinct=distinct, complete=complete, uses=uses, listed=[])


def finding(text="t.ndjson", reason=FindingReason.UNKNOWN):
    return ReferenceFinding(
        reason=reason,
        sort=ReferenceSort.REWARD,
        id=text,
        uses=3,
        file=text,
        line=7,
        message=f"the account has no {text}",
        remedy="create it",
    )


def shown(references, width=80):
    output = io.StringIO()
    print_references(Console(file=output, width=width), references)
    return output.getvalue()


def test_each_sort_has_a_row():
    """A sort that is not named has none; numbers are exact, or said to be of a part of the lines."""
    sorts = {
        ReferenceSort.REWARD: named(2, 12_345_678),
        ReferenceSort.STORE: named(2001, 99, complete=False),
        ReferenceSort.TIER: named(0, 0),
    }
    said = shown(PlannedReferences(lines=10, looked_at=10, by_sort=sorts))
    rows = [line.split() for line in said.splitlines()]
    assert ["rewards", "2", "12,345,678", "1,000"] in rows
    assert ["stores", "2,001", "or", "more", "99", "1,000"] in rows
    assert "tiers" not in said
    assert "looks at all" not in said
    assert max(map(len, said.splitlines())) <= 80
    part = shown(PlannedReferences(lines=100_000, looked_at=17_000, by_sort=sorts))
    assert "of 17,000 of 100,000 lines; masivo-stream check looks at all of them" in " ".join(part.split())
    assert shown(PlannedReferences()) == ""


def test_what_does_not_fit_is_shown_with_its_place():
    """The first ones, and the remedy once."""
    sorts = {ReferenceSort.REWARD: named(2, 5)}
    findings = (finding(reason=FindingReason.TOO_MANY), *(finding() for _ in range(MOST_FINDINGS)))
    said = shown(PlannedReferences(lines=1, looked_at=1, by_sort=sorts, findings=findings), width=200)
    assert "error: t.ndjson:7: the account has no t.ndjson\n" in said
    assert "error: t.ndjson:7: t.ndjson: the account has no t.ndjson\n" in said
    assert "and 1 more, see --json\n" in said
    assert said.count("hint: create it\n") == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_commands_the_terminal(name):
    """Ids of an export are shown, not obeyed."""
    sorts = {ReferenceSort.REWARD: named(2, 5)}
    said = shown(PlannedReferences(lines=1, looked_at=1, by_sort=sorts, findings=(finding(name),)))
    assert all(character.isprintable() for character in said.replace("\n", ""))
