"""Say of each line that a finding names from which row of a table it was made, if it was prepared from tables."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET, structs

from masivo_stream.model.findings import CheckResult, ExportChecks, ExportFinding, FoundField, FoundLine, RowOrigin

FindOrigin = Callable[[str, int], RowOrigin | None]
"""Returns where a line of a file comes from; None if that is not known."""

Found = TypeVar("Found", ExportFinding, FoundField, FoundLine)


def name_origins(checks: ExportChecks, find: FindOrigin) -> ExportChecks:
    """Return what the checks found, with the origin of each line that is named."""
    return structs.replace(checks, results=tuple(_of_result(each, find) for each in checks.results))


def _of_result(result: CheckResult, find: FindOrigin) -> CheckResult:
    return structs.replace(
        result,
        first=tuple(_of_finding(each, find) for each in result.first),
        fields=tuple(_of_line(each, find) for each in result.fields),
    )


def _of_finding(finding: ExportFinding, find: FindOrigin) -> ExportFinding:
    others = tuple(_of_line(each, find) for each in finding.others)
    return structs.replace(_of_line(finding, find), others=others)


def _of_line(found: Found, find: FindOrigin) -> Found:
    return structs.replace(found, origin=find(found.file, found.line) or UNSET)
