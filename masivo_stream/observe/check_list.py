"""Print what the checks over all files found, and the control totals."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, UnsetType
from rich.console import Console
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.contract import Kind
from masivo_stream.model.examples import BEFORE_IN_A_RUN, BEFORE_IN_EXPORTS
from masivo_stream.model.fault_groups import FaultGroups
from masivo_stream.model.findings import CheckName, CheckResult, ExportChecks, ExportFinding, FoundField, FoundLine
from masivo_stream.model.reason import Reason
from masivo_stream.observe.control_totals import print_control_totals
from masivo_stream.observe.figure_words import decimal, name_of
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


_GROUPS: dict[CheckName, tuple[tuple[Kind, Reason], ...]] = {
    CheckName.BALANCE_MISMATCH: ((Kind.TRANSACTIONS, Reason.BALANCE_MISMATCH),),
    CheckName.NO_BALANCE: ((Kind.TRANSACTIONS, Reason.NO_BALANCE),),
    CheckName.UNKNOWN_CUSTOMER: tuple((kind, Reason.UNKNOWN_CUSTOMER) for kind in Kind),
    CheckName.CUSTOMER_NOT_MIGRATED: tuple((kind, Reason.CUSTOMER_NOT_MIGRATED) for kind in Kind),
    CheckName.DUPLICATE_ID: ((Kind.CUSTOMERS, Reason.DUPLICATE_ID),),
    CheckName.DUPLICATE_EMAIL: ((Kind.CUSTOMERS, Reason.DUPLICATE_EMAIL),),
    CheckName.SPLIT_TRANSACTIONS: (
        (Kind.TRANSACTIONS, Reason.SPLIT_TRANSACTIONS),
        (Kind.TRANSACTIONS, Reason.DUPLICATE_ID),
    ),
    CheckName.DUPLICATE_EVENT: ((Kind.EVENTS, Reason.DUPLICATE_EVENT),),
    CheckName.DUPLICATE_PURCHASE: ((Kind.EVENTS, Reason.DUPLICATE_EVENT),),
    CheckName.EVENT_SENT_BEFORE: ((Kind.EVENTS, Reason.SENT_BEFORE),),
    CheckName.PURCHASE_SENT_BEFORE: ((Kind.EVENTS, Reason.SENT_BEFORE),),
}
"""The groups of dead letters that an error makes: kind and reason."""


_WARNED_OF = {
    BEFORE_IN_EXPORTS: {CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE},
    BEFORE_IN_A_RUN: {CheckName.EVENT_SENT_BEFORE, CheckName.PURCHASE_SENT_BEFORE},
}
"""Words of a warning, and the findings that it repeats."""


class GroupDetail(Struct):
    """What findings say about a group of dead letters."""

    findings: list[str]
    """How many there are, what they mean, and what to do before anything is sent."""
    places: list[str]
    """Where the first ones are, and what they are beside."""


GroupDetails = dict[tuple[str, str], GroupDetail]
"""By kind and reason."""


def details_of_groups(checks: ExportChecks | UnsetType, groups: FaultGroups) -> GroupDetails:
    """Return what errors say about the groups of dead letters; of several groups of an error, about the first one."""
    details: GroupDetails = {}
    shown = {(each.kind, each.reason) for each in groups.listed}
    for result in () if isinstance(checks, UnsetType) else checks.results:
        if result.severity == "error":
            places = [describe_finding(each) for each in result.first[:MOST_PLACES] if each.others or each.sent]
            for number, group in enumerate(group for group in _GROUPS.get(result.check, ()) if group in shown):
                detail = details.setdefault(group, GroupDetail([], []))
                detail.findings.append(describe_result(result))
                detail.places.extend(() if number else places)
    return details


def _is_grouped(result: CheckResult, groups: FaultGroups) -> bool:
    """Return whether an error is shown among the dead letters."""
    shown = {(each.kind, each.reason) for each in groups.listed}
    return result.severity == "error" and not shown.isdisjoint(_GROUPS.get(result.check, ()))


def unrepeated(warnings: Iterable[str], checks: ExportChecks | UnsetType) -> Iterator[str]:
    """Yield the warnings of a dry run, without those about events that the findings count and locate."""
    results = () if isinstance(checks, UnsetType) else checks.results
    found = {result.check for result in results if result.severity == "warning"}
    said = [words for words, of_words in _WARNED_OF.items() if not found.isdisjoint(of_words)]
    return (warning for warning in warnings if not any(words in warning for words in said))


def print_warnings(console: Console, checks: ExportChecks, *, with_errors: bool = False) -> None:
    """Print what a run has sent although it may be wrong; what it has held back is among the dead letters.

    Before a run has read all of its exports, only `with_errors` shows all of what it will hold back.
    """
    errors = [each for each in checks.results if with_errors and each.severity == "error"]
    if errors:
        console.print("found before anything was sent; what is held back is a dead letter once it is read:")
    warnings = [each for each in checks.results if each.severity == "warning" and each.check not in _SHOWN_AS_RECORDS]
    _print_results(console, (*errors, *warnings))
    if errors or warnings:
        console.print()


def print_checks(console: Console, checks: ExportChecks, groups: FaultGroups = FaultGroups()) -> None:  # noqa: B008 - frozen
    """Print findings, errors first, then control totals. What is among the `groups` of dead letters is not repeated."""
    if checks.unfinished:
        print_hanging(console, "not checked over all files: an export could not be read to its end", "checks: ")
    shown = [each for each in checks.results if not _is_grouped(each, groups)]
    _print_results(console, shown)
    if shown:
        console.print()
    print_control_totals(console, checks)


def _print_results(console: Console, results: Sequence[CheckResult]) -> None:
    for result in results:
        print_hanging(console, describe_result(result), f"{result.severity}: ")
        for field in result.fields[:MOST_FIELDS]:
            print_hanging(console, describe_field(field), "  in ")
        if (more := len(result.fields) - MOST_FIELDS) > 0:
            console.print(Text(f"  and in {more} more field{'s' if more > 1 else ''}, see --json"))
        for finding in () if result.fields else result.first[:MOST_PLACES]:
            print_hanging(console, describe_finding(finding), "  at ")


def describe_result(result: CheckResult) -> str:
    """Return how much a check found, in what unit, what it means, and what to do."""
    unit = "" if result.unit == "records" else f" (counted in {result.unit})"
    return f"{result.count:,} {result.check}{unit}: {result.meaning}"


def describe_finding(finding: ExportFinding) -> str:
    """Return where a finding is, and which sums do not agree."""
    words = [_line(finding)]
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
    return f"{printable(found.field)}: {records}, first at {_line(found)}{known}"


def _line(found: FoundLine | ExportFinding | FoundField) -> str:
    place = printable(f"{found.file}:{found.line}")
    if isinstance(found.origin, UnsetType):
        return place
    more = found.origin.rows - 1
    rows = f" and {more:,} more row{'' if more == 1 else 's'}" if more else ""
    return f"{place} (from {printable(f'{found.origin.file}:{found.origin.line}')}{rows})"
