"""Print a check of the account: which account it is, what it has, what the exports name, and what does not fit."""

from collections.abc import Iterator

from msgspec import UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.compare_references import PLURALS
from masivo_stream.core.redact import mask, printable
from masivo_stream.model.account_check import AccountCheck, AccountType, CheckedAccount
from masivo_stream.model.contract import MOST_IN_ACCOUNT, ReferenceSort
from masivo_stream.model.experiments import TriedAccount
from masivo_stream.model.moments import duration
from masivo_stream.model.references import FindingReason, ReferenceFinding
from masivo_stream.observe.plan_table import describe_windows

MOST_NAMED = 20
"""Rewards and tiers of the account that are named, and findings of one sort; `--json` has all."""

MOST_LISTED = 10
"""Ids listed of each sort that the exports name."""

_TYPES = {
    AccountType.DEVELOPMENT: "probably a development account",
    AccountType.PRODUCTION: "probably a production account",
    AccountType.UNKNOWN: "not known",
}


def print_check(console: Console, found: AccountCheck) -> None:
    """Print all of it."""
    for line in _lines(found):
        console.print(Text(line), soft_wrap=True)
    if found.references:
        console.print()
        console.print(_table(found))
        for line in _ids(found):
            console.print(Text(line), soft_wrap=True)
        console.print()
    for sort in ReferenceSort:
        _print_findings(console, [each for each in found.findings if each.sort is sort])
    if not isinstance(found.tried, UnsetType):
        for line in _tried(found.tried):
            console.print(Text(line), soft_wrap=True)
    for warning in found.warnings:
        console.print(Text(f"warning: {printable(warning)}"), soft_wrap=True)
    console.print(Text(_conclusion(found), style="bold"), soft_wrap=True)


def _lines(found: AccountCheck) -> Iterator[str]:
    if isinstance(found.account, UnsetType):
        yield "no API key is given: the account was not asked"
    else:
        yield from _account(found.account)
    if found.catalogue_file:
        yield f"catalogue: {printable(found.catalogue_file)}"
    for sort in ReferenceSort:
        has = found.items(sort)
        if has is not None:
            names = ", ".join(printable(each.name or each.id) for each in has[:MOST_NAMED])
            more = f" and {len(has) - MOST_NAMED:,} more" if len(has) > MOST_NAMED else ""
            yield f"{PLURALS[sort]}: {len(has):,}{f' ({names}{more})' if names else ''}"


def _tried(tried: TriedAccount) -> Iterator[str]:
    for each in tried.answers:
        yield f"tried {each.name}: {each.question} {each.answer}: {printable(mask(each.because))}"
        yield f"  {each.follows}"
    yield f"requests for these trials: {tried.requests}"
    if tried.customers:
        yield f"left in the account: {', '.join(tried.customers)}"
        yield "to take back all customers that the account has migrated in these minutes, these among them:"
        yield f"  {printable(tried.revert)}"


def _account(account: CheckedAccount) -> Iterator[str]:
    named = "" if account.named_by_token else ", named by its key"
    yield f"account: {printable(account.address)} (account {account.fingerprint}{named})"
    yield f"type: {_TYPES[account.type]}: {account.type_reason}"
    server = account.server_quota
    if server.remaining is not None:
        limit = "" if server.limit is None else f" of {server.limit:,}"
        reset = "" if server.reset_seconds is None else f", the first is free again in {duration(server.reset_seconds)}"
        yield f"left, as the server says: {server.remaining:,}{limit} requests{reset}"
    yield _quota(account)
    yield f"requests for this check: {account.requests}"
    for what, why in account.unread.items():
        yield f"not read: {PLURALS[ReferenceSort(what)]}: {printable(mask(why))}"


def _quota(account: CheckedAccount) -> str:
    quota = account.quota
    if not quota.known:
        return f"quota: it cannot be read ({printable(quota.unreadable)})"
    used = describe_windows(quota)
    held = [f"the server asked us to wait {duration(quota.held_seconds)}"] if quota.held_seconds else []
    return f"quota used, as far as this machine knows: {', '.join([*used, *held]) or 'none'}"


def _table(found: AccountCheck) -> Table:
    table = Table(title="named by the exports", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("what", no_wrap=True)
    for name in ("different", "uses", "the account has", "at most"):
        table.add_column(name, justify="right", overflow="fold")
    for sort, named in found.references.items():
        has = found.items(sort)
        different = f"{named.distinct:,}{'' if named.complete else ' or more'}"
        known = "not known" if has is None else f"{len(has):,}"
        table.add_row(PLURALS[sort], different, f"{named.uses:,}", known, f"{MOST_IN_ACCOUNT[sort]:,}")
    return table


def _ids(found: AccountCheck) -> Iterator[str]:
    """Yield the ids of each sort that are used most."""
    for sort, named in found.references.items():
        if not named.listed:
            continue
        yield f"{PLURALS[sort]}:"
        names = {each.id.lower(): each.name for each in found.items(sort) or ()}
        often = sorted(named.listed, key=lambda used: -used.uses)
        for used in often[:MOST_LISTED]:
            name = names.get(used.id.lower())
            shown = f"{printable(used.id)}{f' ({printable(name)})' if name else ''}"
            yield f"  {shown}: {used.uses:,}, first at {printable(used.file)}:{used.line}"
        if len(often) > MOST_LISTED:
            yield f"  and {len(often) - MOST_LISTED:,} more"


def _print_findings(console: Console, findings: list[ReferenceFinding]) -> None:
    for finding in findings[:MOST_NAMED]:
        place = printable(f"{finding.file}:{finding.line}")
        named = f", named {finding.uses:,} times" if finding.uses > 1 else ""
        about = f"{printable(finding.id)}{named}: " if finding.reason is not FindingReason.TOO_MANY else ""
        console.print(Text(f"{place}: {about}{printable(finding.message)}"), soft_wrap=True)
    if len(findings) > MOST_NAMED:
        console.print(Text(f"and {len(findings) - MOST_NAMED:,} more {PLURALS[findings[0].sort]}"))
    for remedy in dict.fromkeys(finding.remedy for finding in findings):
        console.print(Text(f"  hint: {remedy}"), soft_wrap=True)


def _conclusion(found: AccountCheck) -> str:
    unread = not isinstance(found.account, UnsetType) and found.account.unread
    if found.findings:
        count = len(found.findings)
        return f"{count:,} finding{'' if count == 1 else 's'}"
    if unread:
        return "NOT all was read from the account"
    if not found.references:
        return "nothing compared: no export is named"
    unknown = [PLURALS[sort] for sort, named in found.references.items() if named.uses and found.items(sort) is None]
    asked = not isinstance(found.account, UnsetType)
    if not (asked or found.catalogue_file):
        how = "set MASIVO_API_KEY to compare with the account, or give --catalogue FILE"
        return f"no findings, but nothing was asked: {how}"
    who = "the API" if asked else "the catalogue"
    left = f"; not compared, since {who} does not list them: {', '.join(unknown)}" if unknown else ""
    return f"no findings{left}"
