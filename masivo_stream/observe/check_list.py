"""Print what the checks over all files found, and the control totals."""

from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.findings import ExportChecks, ExportFinding, FoundField, FoundLine
from masivo_stream.observe.control_totals import decimal, name_of, print_control_totals
from masivo_stream.observe.hanging_text import print_hanging

MOST_PLACES = 3
"""Places shown of each check; the JSON form has more."""

MOST_FIELDS = 10
"""Fields shown of each check that looks at fields."""


def print_checks(console: Console, checks: ExportChecks) -> None:
    """Print findings, errors first, then control totals."""
    if checks.unfinished:
        print_hanging(console, "not checked over all files: an export could not be read to its end", "checks: ")
    for result in checks.results:
        print_hanging(console, f"{result.count:,} {result.check}: {result.meaning}", f"{result.severity}: ")
        for field in result.fields[:MOST_FIELDS]:
            print_hanging(console, describe_field(field), "  in ")
        if (more := len(result.fields) - MOST_FIELDS) > 0:
            console.print(Text(f"  and in {more} more field{'s' if more > 1 else ''}, see --json"))
        for finding in () if result.fields else result.first[:MOST_PLACES]:
            print_hanging(console, describe_finding(finding), "  at ")
    if checks.results:
        console.print()
    print_control_totals(console, checks)


def describe_finding(finding: ExportFinding) -> str:
    """Return where a finding is, and which sums do not agree."""
    words = [_place(finding.file, finding.line)]
    if finding.others:
        words.append(f", with {', '.join(map(_line, finding.others[:MOST_PLACES]))}")
        if (more := len(finding.others) - MOST_PLACES) > 0:
            words.append(f" and {more} more line{'s' if more > 1 else ''}")
    sums = finding.sums
    if sums is not None:
        words.append(
            f": reward {printable(name_of(sums))}: balance {decimal(sums.balance)}, transactions"
            f" {decimal(sums.transactions)}, difference {decimal(sums.difference)}"
        )
    return "".join(words)


def describe_field(found: FoundField) -> str:
    """Return how often something was found in a field, and where first."""
    records = f"{found.records:,} record{'' if found.records == 1 else 's'}"
    known = f"; the API knows {found.nearest}" if found.nearest else ""
    return f"{printable(found.field)}: {records}, first at {_place(found.file, found.line)}{known}"


def _line(line: FoundLine) -> str:
    return _place(line.file, line.line)


def _place(file: str, line: int) -> str:
    return printable(f"{file}:{line}")
