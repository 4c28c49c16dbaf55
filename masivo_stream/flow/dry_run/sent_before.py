"""Findings of a dry run about purchases that earlier runs sent to the account."""

from collections.abc import Iterable, Iterator

from msgspec import structs

from masivo_stream.flow.identity.sent_purchases import SentByRuns
from masivo_stream.model.entries import LineResults
from masivo_stream.model.findings import (
    MEANINGS,
    CheckName,
    CheckResult,
    ExportChecks,
    ExportFinding,
    severity,
    unit_of,
)
from masivo_stream.model.results import Entry

FIRST_PLACES = 20
"""Places that are listed of each finding."""


class SentFindings:
    """Show it the results of all lines, then join what was found with what the checks found."""

    def __init__(self, sent: SentByRuns, duplicate_purchase: str) -> None:
        """Lines are compared with what is in `sent`; the setting `duplicate_purchase` says what that means."""
        self.sent, self._setting = sent, duplicate_purchase
        self._counts = {CheckName.EVENT_SENT_BEFORE: 0, CheckName.PURCHASE_SENT_BEFORE: 0}
        self._first: dict[CheckName, list[ExportFinding]] = {check: [] for check in self._counts}

    def look(self, results: Iterable[LineResults]) -> None:
        """Look at the results of lines, in reading order."""
        for each in results:
            if isinstance(each, Entry) and each.sent:
                for item in each.sent:
                    check = CheckName.EVENT_SENT_BEFORE if item.same else CheckName.PURCHASE_SENT_BEFORE
                    self._counts[check] += 1
                    first, (file, line) = self._first[check], each.record
                    finding = ExportFinding(file=file, line=line, offset=each.offset, sent=item.run)
                    if len(first) < FIRST_PLACES and finding not in first[-1:]:  # a line may hold several events
                        first.append(finding)

    def join(self, checked: ExportChecks) -> ExportChecks:
        """Return what the checks over all files found together with this, errors first."""
        results = sorted((*checked.results, *self._results()), key=lambda each: each.severity != "error")
        return structs.replace(checked, results=tuple(results))

    def _results(self) -> Iterator[CheckResult]:
        for check, count in self._counts.items():
            if count:
                yield CheckResult(
                    check=check,
                    severity=severity(check, self._setting),
                    count=count,
                    unit=unit_of(check),
                    meaning=MEANINGS[check],
                    first=tuple(self._first[check]),
                )
