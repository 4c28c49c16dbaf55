"""Print what the exports name by id: how many different ones of each sort, and what the account does not have."""

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.compare_references import PLURALS
from masivo_stream.core.redact import printable
from masivo_stream.model.contract import MOST_IN_ACCOUNT
from masivo_stream.model.plan import PlannedReferences
from masivo_stream.model.references import FindingReason, ReferenceFinding
from masivo_stream.observe.hanging_text import print_hanging

MOST_FINDINGS = 5
"""Findings that are shown; the JSON form has all."""

_RULE = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")


def print_references(console: Console, references: PlannedReferences) -> None:
    """Print the sorts that are named, then what does not fit."""
    named = {sort: found for sort, found in references.by_sort.items() if found.uses}
    if not named:
        return
    table = Table(box=_RULE, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("named", no_wrap=True)
    for name in ("different", "uses", "an account holds at most"):
        table.add_column(name, justify="right", overflow="fold")
    for sort, found in named.items():
        different = f"{found.distinct:,}{'' if found.complete else ' or more'}"
        table.add_row(PLURALS[sort], different, f"{found.uses:,}", f"{MOST_IN_ACCOUNT[sort]:,}")
    console.print(table)
    if references.looked_at < references.lines:
        text = f"of {references.looked_at:,} of {references.lines:,} lines; masivo-stream check looks at all of them"
        print_hanging(console, text, " ")
    for finding in references.findings[:MOST_FINDINGS]:
        print_hanging(console, describe_finding(finding), "error: ")
    if (more := len(references.findings) - MOST_FINDINGS) > 0:
        console.print(Text(f"and {more:,} more, see --json"))
    for remedy in dict.fromkeys(finding.remedy for finding in references.findings):
        print_hanging(console, remedy, "  hint: ")
    console.print()


def describe_finding(finding: ReferenceFinding) -> str:
    """Return where a reference is that does not fit, and why."""
    about = "" if finding.reason is FindingReason.TOO_MANY else f"{printable(finding.id)}: "
    return f"{printable(finding.file)}:{finding.line}: {about}{printable(finding.message)}"
