"""Print what the checks over all files found, and the control totals."""

from rich.console import Console

from masivo_stream.core.redact import printable
from masivo_stream.model.findings import ExportChecks, ExportFinding, FoundLine
from masivo_stream.observe.control_totals import decimal, name_of, print_control_totals
from masivo_stream.observe.hanging_text import print_hanging

MOST_PLACES = 3
"""Places shown of each check; the JSON form has more."""


def print_checks(console: Console, checks: ExportChecks) -> None:
    """Print findings, errors first, then control totals."""
    if checks.unfinished:
        print_hanging(console, "not checked over all files: an export could not be read to its end", "checks: ")
    for result in checks.results:
        print_hanging(console, f"{result.count:,} {result.check}: {result.meaning}", f"{result.severity}: ")
        for finding in result.first[:MOST_PLACES]:
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


def _line(line: FoundLine) -> str:
    return _place(line.file, line.line)


def _place(file: str, line: int) -> str:
    return printable(f"{file}:{line}")
