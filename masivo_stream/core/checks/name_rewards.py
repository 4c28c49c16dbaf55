"""Name the rewards in findings and totals, as a catalogue names them."""

from collections.abc import Iterable

from msgspec import UnsetType, structs

from masivo_stream.model.findings import CheckResult, ExportChecks, ExportFinding, RewardBalance, RewardTotals
from masivo_stream.model.references import Catalogue, CatalogueReward
from masivo_stream.model.summary import Summary


def name_in_summary(summary: Summary, catalogue: Catalogue) -> Summary:
    """Return a summary in which the rewards have the names of the catalogue, if it has them."""
    if isinstance(summary.checks, UnsetType) or not catalogue.rewards:
        return summary
    return structs.replace(summary, checks=name_rewards(summary.checks, catalogue.rewards))


def name_rewards(checks: ExportChecks, rewards: Iterable[CatalogueReward]) -> ExportChecks:
    """Return the same with the name of each reward that has one."""
    names = {each.id.lower(): each.name for each in rewards if each.name}
    if not names:
        return checks

    def finding(found: ExportFinding) -> ExportFinding:
        sums = found.sums
        name = "" if sums is None else names.get(sums.reward.lower(), "")
        return structs.replace(found, sums=structs.replace(sums, name=name)) if sums is not None and name else found

    def result(found: CheckResult) -> CheckResult:
        return structs.replace(found, first=tuple(map(finding, found.first)))

    def totals(found: tuple[RewardTotals, ...]) -> tuple[RewardTotals, ...]:
        return tuple(structs.replace(each, name=names.get(each.reward.lower(), "")) for each in found)

    def balance(found: RewardBalance) -> RewardBalance:
        return structs.replace(found, name=names.get(found.reward.lower(), ""))

    return structs.replace(
        checks,
        results=tuple(map(result, checks.results)),
        totals=tuple(structs.replace(each, rewards=totals(each.rewards)) for each in checks.totals),
        by_kind=tuple(structs.replace(each, rewards=totals(each.rewards)) for each in checks.by_kind),
        rewards=tuple(map(balance, checks.rewards)),
    )
