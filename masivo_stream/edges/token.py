"""The access token: given, or obtained with the API key; shared by all uploaders, renewed before it ends.

The life of a token is measured on our own clock from the moment it came, by `exp - iat` of the JWT (RFC 7519), so that
a wrong clock on either side does not matter. The key goes to the auth URL and nowhere else.
"""

import base64
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
import msgspec
from msgspec import Struct

from masivo_stream.core.sending.answer_body import is_foreign, whose
from masivo_stream.core.sending.classify import PROXY_HINT, PROXY_WANTS
from masivo_stream.model import contract
from masivo_stream.model.attempt import Answer, Attempt, Body, Cause, Failure
from masivo_stream.model.errors import DeniedError, MasivoStreamError

SHORTEST_LIFE = 1.0
"""Seconds for which a fresh token is used at least, however short its life: this prevents a loop of token calls."""

_PROXY_AUTHENTICATION = 407


class _Claims(Struct):
    exp: float | None = None
    iat: float | None = None


class _Grant(Struct):
    data: str


class AuthCall(Protocol):
    """One token call: the attempt, and the answer's body."""

    async def __call__(self) -> tuple[Attempt, bytes]:
        """Make the call."""
        ...


async def _anyone(_token: str) -> None:
    """Admit every token."""


class Tokens:
    """Hand out a token that is valid for a while. There is one call at a time; its outcome is for all that wait."""

    def __init__(
        self,
        *,
        ready: str | None,
        call: AuthCall,
        now: Callable[[], float],
        admit: Callable[[str], Awaitable[None]] = _anyone,
    ) -> None:
        """Use the `ready` token, if there is one; else `call` gets tokens, and `admit` may refuse one by raising."""
        self._ready = ready is not None
        self._token = ready
        self._renew_at = float("inf")
        self._call = call
        self._now = now
        self._admit = admit
        self._lock = anyio.Lock()
        self._calls = 0
        self._outcome: str | Attempt | MasivoStreamError = ""
        """The outcome of the last call."""

    async def get(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one (nothing else was sent, so it is safe to repeat).

        Raises:
            DeniedError: the key is refused, or the answer holds no token.
            MasivoStreamError: as `admit`.
        """
        calls = self._calls
        if self._token is not None and self._now() < self._renew_at:
            return self._token
        async with self._lock:
            if self._token is not None and self._now() < self._renew_at:
                return self._token
            if self._calls == calls or isinstance(self._outcome, str):
                try:
                    self._outcome = await self._ask()
                except MasivoStreamError as error:
                    self._outcome = error
                self._calls += 1
            if isinstance(self._outcome, MasivoStreamError):
                raise self._outcome
            return self._outcome

    def fresh(self, token: str) -> bool:
        """Return whether `token` is still the one to use."""
        return token == self._token and self._now() < self._renew_at

    async def _ask(self) -> str | Attempt:
        attempt, body = await self._call()
        match attempt:
            case Answer(status=status, complete=True) if 200 <= status < 300:
                token, renew_at = self._read(attempt, body)
                await self._admit(token)
                self._token, self._renew_at = token, renew_at
                return token
            case Answer(status=429):
                return attempt
            case Answer(status=status) if 300 <= status < 500 and status not in (408, 425):
                raise _denied(attempt)
            case Answer():
                return Failure(cause=Cause.TOKEN, sent=False)
            case Failure(cause=cause):
                return Failure(cause=cause, sent=False)

    def spent(self, token: str) -> bool:
        """Note that `token` was answered with 401; return whether a fresh one can be obtained."""
        if self._ready:
            return False
        if token == self._token:
            self._token = None
        return True

    def _read(self, answer: Answer, body: bytes) -> tuple[str, float]:
        """Return the token of an answer, and when to renew it."""
        try:
            token = msgspec.json.decode(body, type=_Grant).data
        except (ValueError, RecursionError) as error:
            raise _without_token(answer) from error
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise _without_token(answer)
        lifetime = _lifetime(token)
        if lifetime <= 0:
            raise _unusable("the answer to the token call holds a token that has expired already", _WANTED)
        early = min(contract.TOKEN_REFRESH_EARLY_SECONDS, lifetime / 2)
        return token, self._now() + max(lifetime - early, SHORTEST_LIFE)


_WANTED = 'check auth_url: the token call must answer {"data": "<token>"}'
_REPORTED = 'check auth_url, then MASIVO_API_KEY: the token call must answer {"data": "<token>"}'
_FOREIGN = "check auth_url, base_url, the network and the proxy: something other than the API answers the token call"


def _denied(answer: Answer) -> DeniedError:
    """Return the error for a refusal. The key is blamed only if the API itself has answered."""
    if answer.status == _PROXY_AUTHENTICATION:
        return _unusable(f"the token call was answered with 407: {PROXY_WANTS}", PROXY_HINT)
    if is_foreign(answer):
        return _unusable(f"the token call was answered with {whose(answer)}", _FOREIGN)
    hint = "check MASIVO_API_KEY and auth_url"
    if answer.body is Body.UNREAD:
        hint = "check auth_url, the network and the proxy, then MASIVO_API_KEY: the body of the answer cannot be read"
    return _unusable(f"the token call was answered with {answer.status}", hint)


def _without_token(answer: Answer) -> DeniedError:
    """Return the error for a success without a token."""
    if is_foreign(answer):
        return _unusable(f"the answer to the token call holds no token: it is {whose(answer)}", _FOREIGN)
    hint = _REPORTED if answer.body is Body.ERRORS else _WANTED
    return _unusable(f"the answer to the token call holds no token: it is {answer.status} with {answer.body}", hint)


def _unusable(what: str, hint: str) -> DeniedError:
    return DeniedError(what, operation="get a token", place="auth_url", hint=hint)


def _lifetime(token: str) -> float:
    """Return the seconds that a JWT lives from its issue; one hour if it does not say."""
    parts = token.split(".")
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload, type=_Claims)
    except (IndexError, ValueError, RecursionError):
        return contract.TOKEN_LIFETIME_SECONDS
    if claims.exp is None:
        return contract.TOKEN_LIFETIME_SECONDS
    if claims.iat is None:
        # Without `iat` only the wall clocks could show it; the documented hour is the better guess.
        return contract.TOKEN_LIFETIME_SECONDS
    return claims.exp - claims.iat
