"""Print what is wrong with dead letters: a line for each group of the same fault, and where the first one is."""

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.reason import Reason
from masivo_stream.observe.check_list import GroupDetail
from masivo_stream.observe.hanging_text import print_hanging

SAID_BY_THE_CAUSE = frozenset({Reason.MISSING_FIELD, Reason.WRONG_TYPE, Reason.INVALID_VALUE})
"""Reasons whose causes say what to do."""

MOST_SHOWN = 12
"""Groups of a kind that are shown; the JSON form has more."""


def print_fault_groups(
    console: Console,
    kind: str,
    dead_letters: int,
    groups: FaultGroups,
    details: Mapping[tuple[str, str], GroupDetail],
) -> bool:
    """Print the groups of a kind, the largest first; return whether there are any.

    `dead_letters`: how many dead letters of this kind are counted. `details`: what findings say, by kind and reason.
    """
    found = [group for group in groups.listed if group.kind == kind]
    if not found and not groups.corrected.get(kind) and not groups.given_up.get(kind):
        return False
    print_hanging(console, describe_count(dead_letters, kind, groups), f"{kind}: ")
    width = max((len(f"{group.records:,}") for group in found), default=0) + 2
    explained: set[str] = set(SAID_BY_THE_CAUSE)
    for group in found[:MOST_SHOWN]:
        print_hanging(console, describe_fault(group), f"{group.records:>{width},}  ")
        detail = details.get((kind, group.reason))
        findings = [] if detail is None else detail.findings
        remedy = "" if findings or group.reason in explained else f": {group.remedy}"
        explained.add(group.reason)
        place = f"first at {printable(group.place)}, byte {group.offset:,}"
        print_hanging(console, place + remedy, " " * (width + 2))
        for finding in findings:
            print_hanging(console, finding, " " * (width + 2))
        for beside in () if detail is None else detail.places:
            print_hanging(console, beside, " " * (width + 2) + "at ")
    if (more := len(found) - MOST_SHOWN) > 0:
        at_least = "at least " if groups.left_out else ""
        console.print(Text(f"{' ' * width}  and {at_least}{more} more group{'s' if more > 1 else ''}, see --json"))
    return True


def describe_count(dead_letters: int, kind: str, groups: FaultGroups) -> str:
    """Return how many dead letters of a kind there are, and what to know about their groups."""
    words = f"{dead_letters:,} dead letter{'s' if dead_letters != 1 else ''}"
    grouped, given_up = groups.dead_letters.get(kind, 0), groups.given_up.get(kind, 0)
    if corrected := groups.corrected.get(kind, 0):
        words += f"; {corrected:,} {'waits' if corrected == 1 else 'wait'} corrected for a retry"
    if given_up:
        words += f"; {given_up:,} {'is' if given_up == 1 else 'are'} given up"
    if grouped + given_up < dead_letters:
        words += f"; {grouped:,} are in groups, the others are far behind in the dead-letter file or deleted from it"
    if sum(group.records for group in groups.listed if group.kind == kind) > grouped - corrected:
        words += "; a record with several faults is in several groups"
    return words


def describe_fault(group: FaultGroup) -> str:
    """Return what is wrong: field, cause and reason."""
    words = ": ".join(filter(None, (group.field, group.cause)))
    return printable(f"{words} ({group.reason})" if words else group.reason)
