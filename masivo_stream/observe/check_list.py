"""Print what the checks over all files found, and the control totals."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.findings import CheckName, CheckResult, ExportChecks, ExportFinding, FoundField, FoundLine
from masivo_stream.observe.control_totals import decimal, name_of, print_control_totals
from masivo_stream.observe.hanging_text import print_hanging

MOST_PLACES = 3
"""Places shown of each check; the JSON form has more."""

MOST_FIELDS = 10
"""Fields shown of each check that looks at fields."""


_SHOWN_AS_RECORDS = frozenset(
    {
        CheckName.CUSTOMER_DELETED,
        CheckName.CUSTOMER_NOT_MIGRATED,
        CheckName.DUPLICATE_EVENT,
        CheckName.DUPLICATE_PURCHASE,
    }
)
"""Warnings about records that the summary of a run counts and warns of itself."""


def print_warnings(console: Console, checks: ExportChecks) -> None:
    """Print what a run has sent although it may be wrong; what it has held back is among the dead letters."""
    warnings = [each for each in checks.results if each.severity == "warning" and each.check not in _SHOWN_AS_RECORDS]
    _print_results(console, warnings)
    if warnings:
        console.print()


def print_checks(console: Console, checks: ExportChecks) -> None:
    """Print findings, errors first, then control totals."""
    if checks.unfinished:
        print_hanging(console, "not checked over all files: an export could not be read to its end", "checks: ")
    _print_results(console, checks.results)
    _print_totals(console, checks)


def _print_results(console: Console, results: Sequence[CheckResult]) -> None:
    for result in results:
        print_hanging(console, f"{result.count:,} {result.check}: {result.meaning}", f"{result.severity}: ")
        for field in result.fields[:MOST_FIELDS]:
            print_hanging(console, describe_field(field), "  in ")
        if (more := len(result.fields) - MOST_FIELDS) > 0:
            console.print(Text(f"  and in {more} more field{'s' if more > 1 else ''}, see --json"))
        for finding in () if result.fields else result.first[:MOST_PLACES]:
            print_hanging(console, describe_finding(finding), "  at ")


def _print_totals(console: Console, checks: ExportChecks) -> None:
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
    if finding.sent is not None:
        words.append(f", sent from {printable(finding.sent.state_dir)} since {finding.sent.at}")
        words.append("" if finding.sent.sure else "; a revert may have taken it back")
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
