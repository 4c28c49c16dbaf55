"""What a person sees of a check: the account, what it has, what the exports name, and what does not fit."""

import io

from msgspec import UNSET
from msgspec.structs import replace
from rich.console import Console

from masivo_stream.model.account_check import AccountCheck, AccountType, CheckedAccount, ServerQuota
from masivo_stream.model.contract import ReferenceSort
from masivo_stream.model.plan import QuotaLeft, WindowLeft
from masivo_stream.model.references import CatalogueReward, FindingReason, ReferenceFinding, ReferenceList, ReferenceUse
from masivo_stream.observe.check_table import MOST_LISTED, MOST_NAMED, print_check

ACCOUNT = CheckedAccount(
    address="https://api.example.com",
    fingerprint="7292f8b0",
    named_by_token=True,
    type=AccountType.DEVELOPMENT,
    type_reason="answers to reads name a limit of 1,000 a day",
    server_quota=ServerQuota(limit=1000, remaining=996, reset_seconds=7200.0),
    quota=QuotaLeft(known=True, windows=[WindowLeft(scope="general", window="1000/d", used=4)]),
    requests=4,
)
NOTHING = AccountCheck(exit_code=0, references={}, findings=[], warnings=[])


def shown(found, width=80):
    stream = io.StringIO()
    print_check(Console(file=stream, width=width, highlight=False), found)
    return stream.getvalue()


def uses(count):
    return [
        ReferenceUse(id=f"id{number}", uses=number + 1, file="f.ndjson", line=number + 1) for number in range(count)
    ]


def finding(number, reason=FindingReason.UNKNOWN):
    return ReferenceFinding(
        reason=reason, sort=ReferenceSort.REWARD, id=f"id{number}", uses=number, file="f.ndjson", line=number,
        message="the account lacks it", remedy="correct it",
    )  # fmt: skip


def test_the_account_is_shown_with_its_remaining_quota():
    """Address, fingerprint, type with its reason, and both views of the quota."""
    text = shown(replace(NOTHING, account=ACCOUNT, rewards=[CatalogueReward(id="r", name="Puntos")], tiers=[]))
    assert text.splitlines() == [
        "account: https://api.example.com (account 7292f8b0)",
        "type: probably a development account: answers to reads name a limit of 1,000 a day",
        "left, as the server says: 996 of 1,000 requests, the first is free again in 2 h 0 min",
        "quota used, as far as this machine knows: 4 of 1000/d (all calls)",
        "requests for this check: 4",
        "rewards: 1 (Puntos)",
        "tiers: 0",
        "nothing compared: no export is named",
    ]


def test_unread_parts_are_reported():
    """With the reason, and without what a terminal would obey."""
    account = replace(ACCOUNT, unread={ReferenceSort.TIER: "403 \x1b[31m"}, named_by_token=False)
    account = replace(account, quota=QuotaLeft(known=False, unreadable="no access"), server_quota=ServerQuota())
    text = shown(replace(NOTHING, account=account))
    assert "not read: tiers: 403 " in text
    assert "\x1b" not in text
    assert "(account 7292f8b0, named by its key)" in text
    assert "quota: it cannot be read (no access)" in text
    assert "left, as the server says" not in text
    assert text.endswith("NOT all was read from the account\n")


def test_the_most_used_references_are_listed_first():
    """A few of each sort, and how many more there are."""
    named = ReferenceList(distinct=31, complete=False, uses=500, listed=uses(MOST_LISTED + 20))
    text = shown(replace(NOTHING, references={ReferenceSort.BRAND: named}, catalogue_file="c.json", account=UNSET))
    assert text.startswith("no API key is given: the account was not asked\ncatalogue: c.json\n")
    assert "31 or more" in text
    assert f"  id{MOST_LISTED + 19}: {MOST_LISTED + 20}, first at f.ndjson:{MOST_LISTED + 20}\n" in text
    assert "  and 20 more\n" in text
    assert text.endswith("no findings; not compared, since the catalogue does not list them: brands\n")


def test_what_was_not_compared_says_why():
    """The API lists no brands; without a key and a catalogue nothing was asked at all, and how it would be is said."""
    named = {ReferenceSort.BRAND: ReferenceList(distinct=1, complete=True, uses=5, listed=uses(1))}
    asked = shown(replace(NOTHING, references=named, account=ACCOUNT))
    assert asked.endswith("no findings; not compared, since the API does not list them: brands\n")
    nothing = shown(replace(NOTHING, references=named, account=UNSET))
    assert nothing.endswith(
        "no findings, but nothing was asked: set MASIVO_API_KEY to compare with the account, or give --catalogue FILE\n"
    )
    assert "does not list" not in nothing


def test_findings_are_listed_with_one_hint():
    """Place, id, uses and why; the remedy once."""
    found = replace(NOTHING, findings=[finding(number) for number in range(1, MOST_NAMED + 6)], exit_code=3)
    text = shown(found)
    assert "f.ndjson:1: id1: the account lacks it\n" in text
    assert "f.ndjson:2: id2, named 2 times: the account lacks it\n" in text
    assert "and 5 more rewards\n" in text
    assert text.count("  hint: correct it\n") == 1
    assert text.endswith(f"{MOST_NAMED + 5} findings\n")
    assert "id1" not in shown(replace(found, findings=[finding(1, FindingReason.TOO_MANY)]))
