"""Judge a request before anybody reads it: who asks, and how often.

Who has no right to ask is turned away first and uses up nothing of the account's quota (decision). The general
windows count every call, the migration windows those that migrate or revert; a request that one of them refuses
counts in neither.
"""

from collections.abc import Mapping

from msgspec import Struct

from masivo_stream.model import contract
from masivo_stream.sandbox import tokens
from masivo_stream.sandbox.fault_types import MIGRATE, CallTarget
from masivo_stream.sandbox.http_answers import SandboxAnswer, refusal
from masivo_stream.sandbox.limits import Limiter, OverLimit, Passed, TightestWindow
from masivo_stream.sandbox.sandbox_options import SandboxLimits

_LIMITED = MIGRATE | {CallTarget.REVERT}


class AccessDecision(Struct, frozen=True, kw_only=True):
    """The door's verdict: an answer for who is turned away, and what any answer's head has to tell."""

    refused: SandboxAnswer | None = None
    headers: dict[str, str] = {}


class AccessControl:
    """The door of one account. Times come in: `arrived` monotonic, `now` wall seconds."""

    def __init__(self, *, api_key: str, secret: bytes, limits: SandboxLimits) -> None:
        self._api_key = api_key
        self._secret = secret
        self._general = Limiter(limits.general)
        self._migration = Limiter(limits.migration)

    def check(self, target: CallTarget, headers: Mapping[str, str], *, arrived: float, now: float) -> AccessDecision:
        """Judge one request by its target and its head."""
        denied = self._deny(target, headers, now)
        if denied is not None:
            return AccessDecision(refused=denied)
        general = self._general.arrive(arrived)
        if isinstance(general, OverLimit):
            return _over_limit(general)
        if target not in _LIMITED:
            return AccessDecision(headers=_quota_headers(general.quota))
        verdict = self._migration.arrive(arrived)
        match verdict:
            case OverLimit():
                self._general.take_back()
                return _over_limit(verdict)
            case Passed():
                quotas = [quota for quota in (verdict.quota, general.quota) if quota is not None]
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


def _over_limit(verdict: OverLimit) -> AccessDecision:
    details = f"more requests than the account may send; try again in {verdict.retry_after} s"
    headers = {contract.RETRY_AFTER_HEADER: str(verdict.retry_after), **_quota_headers(verdict.quota)}
    return AccessDecision(refused=refusal(429, details), headers=headers)


def _quota_headers(quota: TightestWindow | None) -> dict[str, str]:
    if quota is None:
        return {}
    return {
        contract.LIMIT_HEADER: str(quota.limit),
        contract.REMAINING_HEADER: str(quota.remaining),
        contract.RESET_HEADER: str(quota.reset),
    }
