"""Distinguish a development account from a production account by the rate limits that its answers name.

All calls of a development account count in a window of a day; a production account has no window for calls that do not
migrate (resources/resource-limits). Other limits can be agreed, so this is evidence, and never used to pace requests.
"""

from collections.abc import Iterable

from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.model import contract
from masivo_stream.model.account_check import AccountType
from masivo_stream.model.window import parse_window

_DAILY = frozenset(
    parse_window(text).limit for text in (*contract.GENERAL_WINDOWS_DEV, *contract.GENERAL_WINDOWS_DEV_OLDER)
)
_HOUR = 3600.0


def find_account_type(answers: Iterable[RateHeaders]) -> tuple[AccountType, str]:
    """Return the type that answers to calls other than migrations show, and a sentence that says why.

    1. No answer: nothing is shown.
    2. No limit at all: a production account.
    3. A limit that is in no published list: nothing is shown.
    4. A limit of a development account's day, in a window that is longer than an hour: a development account.
    5. The same number in a window that may be an hour: nothing is shown, since a production account's migrations have
       the same number an hour.
    """
    answers = list(answers)
    if not answers:
        return AccountType.UNKNOWN, "there was no answer"
    limited = [headers for headers in answers if headers.limit is not None]
    if not limited:
        return AccountType.PRODUCTION, "answers to reads name no limit, and only production accounts have none"
    limits = {headers.limit for headers in limited}
    shown = ", ".join(f"{limit:,}" for limit in sorted(limits, key=lambda limit: limit or 0))
    if not limits <= _DAILY:
        return AccountType.UNKNOWN, f"answers to reads name a limit of {shown}, which is in no published list"
    if any(headers.reset is not None and headers.reset > _HOUR for headers in limited):
        return AccountType.DEVELOPMENT, f"answers to reads name a limit of {shown} a day"
    return AccountType.UNKNOWN, f"answers to reads name a limit of {shown}, and not whether it is for a day"
