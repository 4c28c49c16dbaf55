"""Development or production: what the limits of answers show of it."""

import pytest

from masivo_stream.core.pacing.account_type import find_account_type
from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.model.account_check import AccountType

NONE = RateHeaders()


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], AccountType.UNKNOWN),
        ([NONE, NONE], AccountType.PRODUCTION),
        ([NONE, RateHeaders(limit=1000, remaining=998, reset=86000.0)], AccountType.DEVELOPMENT),
        ([RateHeaders(limit=2500, remaining=3, reset=7200.0)], AccountType.DEVELOPMENT),
        ([RateHeaders(limit=1000, remaining=998, reset=3600.0)], AccountType.UNKNOWN),
        ([RateHeaders(limit=1000, remaining=998)], AccountType.UNKNOWN),
        ([RateHeaders(limit=600, remaining=1, reset=86000.0)], AccountType.UNKNOWN),
    ],
)
def test_the_type_follows_from_the_limits(answers, expected):
    """Never more than they show, and always with the reason."""
    type_, reason = find_account_type(answers)
    assert type_ is expected
    assert reason
