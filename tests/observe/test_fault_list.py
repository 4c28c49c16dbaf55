"""Groups of dead letters in a terminal: on any width, bounded, and no text from outside that a terminal would obey."""

import io

import pytest
from msgspec import structs
from rich.console import Console

from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.observe.fault_list import MOST_SHOWN, print_fault_groups
from masivo_stream.observe.summary_table import print_summary

HOSTILE = "x\n[bold]no markup[/bold] \x1b[31m\x1b]8;;http://evil\x07 \x9b1m \u202e\u2066 \x08 \r"


def group(**changes):
    fields = {"kind": "events", "reason": "refused", "field": "events[].type", "cause": "not known", "records": 1200}
    where = {"file": "events.ndjson", "line": 17, "offset": 4211, "remedy": "see the words in the message"}
    return FaultGroup(**(fields | where | changes))


def shown(groups, dead_letters, *, kind="events", width=120):
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    printed = print_fault_groups(console, kind, dead_letters, groups, {})
    text = console.file.getvalue()
    assert printed == bool(text)
    return text


def test_a_group_has_count_fault_and_place():
    """The remedy comes with the first group of its reason, unless the cause says it."""
    listed = (
        group(),
        group(records=70, field="", cause="no such customer", line=3),
        group(records=5, reason="missing_field", cause="required: a string", remedy="add the field"),
        group(records=1, reason="discarded", field="", cause="", remedy="given up"),
    )
    assert shown(FaultGroups(listed=listed, dead_letters={"events": 1276}), 1276).splitlines() == [
        "events: 1,276 dead letters",
        "  1,200  events[].type: not known (refused)",
        "         first at events.ndjson:17, byte 4,211: see the words in the message",
        "     70  no such customer (refused)",
        "         first at events.ndjson:3, byte 4,211",
        "      5  events[].type: required: a string (missing_field)",
        "         first at events.ndjson:17, byte 4,211",
        "      1  discarded",
        "         first at events.ndjson:17, byte 4,211: given up",
    ]


def test_another_kind_has_no_lines():
    """Its groups are printed below its own heading."""
    assert shown(FaultGroups(listed=(group(),)), 3, kind="customers") == ""


def test_records_in_no_group_or_in_several_are_explained():
    """They do not add up to the number of dead letters."""
    groups = FaultGroups(listed=(group(records=5), group(records=5, field="id")), dead_letters={"events": 7})
    assert "7 dead letters; a record with several faults is in several groups\n" in shown(groups, 7)
    assert "events: 1 dead letter\n" in shown(FaultGroups(listed=(group(records=1),), dead_letters={"events": 1}), 1)
    assert "10 dead letters; 7 are in groups, the others are far behind" in shown(groups, 10)


def test_the_list_is_bounded():
    """The rest is counted; it is more than that if the JSON form is bounded as well."""
    listed = tuple(group(records=1, line=line) for line in range(MOST_SHOWN + 2))
    groups = FaultGroups(listed=listed, dead_letters={"events": 14})
    assert shown(groups, 14).endswith("     and 2 more groups, see --json\n")
    assert "and at least 2 more groups" in shown(structs.replace(groups, left_out=1), 14)
    assert shown(FaultGroups(listed=listed[:-1], dead_letters={"events": 13}), 13).endswith(
        "and 1 more group, see --json\n"
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_any_width(width):
    """Whatever the length of a file's name, a path or a cause."""
    long = group(
        field="events[].order.products[].discounted_value",
        cause="expected a number, found a string " * 4,
        file="exports/" + "x" * 100,
        line=123_456_789,
        offset=123_456_789_012,
        records=123_456_789,
    )
    figures = {"events": KindSummary(read=3, dead=3, reasons={"refused": 3})}
    groups = FaultGroups(listed=(long,), dead_letters={"events": 123_456_789})
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    print_summary(
        console, Summary(outcome="dead_letters", exit_code=3, kinds=figures, closes=True, fault_groups=groups)
    )
    assert max(map(len, console.file.getvalue().splitlines())) <= width


def test_text_from_outside_cannot_control_the_terminal():
    """Whatever a file's name, and a file that a person has edited, hold."""
    hostile = group(field=HOSTILE, cause=HOSTILE, file=HOSTILE, reason=HOSTILE)
    text = shown(FaultGroups(listed=(hostile,), dead_letters={"events": 1}), 1, width=400)
    assert not any(character in text for character in "\x1b\x07\x9b\u202e\u2066\x08\r")
    assert len(text.splitlines()) == 3
