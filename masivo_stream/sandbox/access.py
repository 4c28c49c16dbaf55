"""Check a request before its body is read: its key or token, and the rate limits.

A request without a valid key or token is refused first, and does not count in the account's quota (decision). The
general windows count every call, the migration windows those that migrate or revert. If one of them refuses a request,
it counts in neither.
"""

from collections.abc import Mapping

from msgspec import Struct

from masivo_stream.model import contract
from masivo_stream.sandbox import tokens
from masivo_stream.sandbox.fault_types import MIGRATE, CallTarget
from masivo_stream.sandbox.http_answers import SandboxAnswer, refusal
from masivo_stream.sandbox.limits import Limiter, OverLimit, Passed, TightestWindow
from masivo_stream.sandbox.sandbox_options import SandboxLimits

_BEGIN = 0.0
"""A moment at which no token has expired."""

_LIMITED = MIGRATE | {CallTarget.REVERT}


class AccessDecision(Struct, frozen=True, kw_only=True):
    """The result of the check: the answer if the request is refused, and headers for any answer."""

    refused: SandboxAnswer | None = None
    headers: dict[str, str] = {}


class AccessControl:
    """Access to one account. Times are passed in: `arrived` in monotonic, `now` in wall seconds."""

    def __init__(self, *, api_key: str, secret: bytes, limits: SandboxLimits) -> None:
        self._api_key = api_key
        self._secret = secret
        self._general = Limiter(limits.general)
        self._migration = Limiter(limits.migration)

    def opens(self, headers: Mapping[str, str]) -> bool:
        """Return whether the key or the token of a request is this account's; a token may have expired."""
        key = headers.get("x-api-key")
        token = headers.get("Authorization", "").partition(" ")[2].strip()
        return tokens.same_key(key, self._api_key) if key is not None else tokens.is_valid(self._secret, token, _BEGIN)

    def check(self, target: CallTarget, headers: Mapping[str, str], *, arrived: float, now: float) -> AccessDecision:
        """Check one request by its target and its headers."""
        denied = self._deny(target, headers, now)
        if denied is not None:
            return AccessDecision(refused=denied)
        general = self._general.arrive(arrived)
        if isinstance(general, OverLimit):
            return _over_limit(general)
        if target not in _LIMITED:
            return AccessDecision(headers=_quota_headers(general.quota))
        result = self._migration.arrive(arrived)
        match result:
            case OverLimit():
                self._general.take_back()
                return _over_limit(result)
            case Passed():
                quotas = [quota for quota in (result.quota, general.quota) if quota is not None]
                return AccessDecision(
                    headers=_quota_headers(min(quotas, key=lambda quota: quota.remaining, default=None))
                )

    def _deny(self, target: CallTarget, headers: Mapping[str, str], now: float) -> SandboxAnswer | None:
        if target is CallTarget.AUTH:
            if tokens.same_key(headers.get("x-api-key", ""), self._api_key):
                return None
            return refusal(401, "x-api-key is missing or wrong")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and tokens.is_valid(self._secret, token.strip(), now):
            return None
        return refusal(401, "the bearer token is missing, wrong or has expired", {"WWW-Authenticate": "Bearer"})


def _over_limit(result: OverLimit) -> AccessDecision:
    details = f"more requests than the account may send; try again in {result.retry_after} s"
    headers = {contract.RETRY_AFTER_HEADER: str(result.retry_after), **_quota_headers(result.quota)}
    return AccessDecision(refused=refusal(429, details), headers=headers)


def _quota_headers(quota: TightestWindow | None) -> dict[str, str]:
    if quota is None:
        return {}
    return {
        contract.LIMIT_HEADER: str(quota.limit),
        contract.REMAINING_HEADER: str(quota.remaining),
        contract.RESET_HEADER: str(quota.reset),
    }
