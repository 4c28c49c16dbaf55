"""The account that requests are for: the API's address and fingerprints of key or claims, never these themselves."""

from urllib.parse import urlsplit

from msgspec import Struct

SHOWN = 8
"""Hexadecimal digits of a fingerprint that people are shown: enough to tell accounts apart."""

_LOOPBACK, _NAMES_OF_LOOPBACK = "127.0.0.1", frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of one machine's loopback (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3), and the one used for all."""


class Account(Struct, frozen=True, kw_only=True):
    """What is known about an account: before a request by the key, and after a token has named more."""

    origin: str
    """Scheme, host and port of the API, such as `https://api.example.com`."""
    owner: str
    """Fingerprint of the API key, or of the claims of a ready token that do not change with each token."""
    ready: bool = False
    """Whether the owner is known by a ready token instead of a key."""
    subject: str = ""
    """Fingerprint of the claims that name the account; empty if no token has named one."""

    def __str__(self) -> str:
        return name(self.origin, self.subject or self.owner)


class NotedAccount(Struct, frozen=True, kw_only=True):
    """The account that a state directory belongs to, as its journal notes it."""

    origin: str
    keys: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Fingerprints as in `Account`: of keys, of ready-made tokens, and of the account that tokens name."""
    first_at: str = ""
    """When the account was first used, ISO 8601."""

    @property
    def shown(self) -> str:
        """The fingerprint to show to people; empty if no fingerprint is known."""
        return next(iter((*self.subjects, *self.keys, *self.tokens)), "")[:SHOWN]

    def __str__(self) -> str:
        return name(self.origin, self.shown)

    def is_for(self, account: Account) -> bool:
        """Return whether both are one account. If both know what their tokens name, that decides."""
        if not is_one_origin(self.origin, account.origin):
            return False
        if self.subjects and account.subject:
            return account.subject in self.subjects
        return account.owner in (self.tokens if account.ready else self.keys)

    def may_be_for(self, account: Account) -> bool:
        """Return whether a token could prove that both are the same account: only tokens are noted, a key was given."""
        if not is_one_origin(self.origin, account.origin):
            return False
        return bool(self.subjects) and not (self.keys or account.subject)

    def with_names_of(self, account: Account) -> "NotedAccount":
        """Return it with the fingerprints of `account`, which is the same one, and with the spelling of its origin."""
        keys, tokens = (() if account.ready else (account.owner,)), ((account.owner,) if account.ready else ())
        subjects = (account.subject,) if account.subject else ()
        return NotedAccount(
            origin=account.origin,
            keys=_joined(self.keys, keys),
            tokens=_joined(self.tokens, tokens),
            subjects=_joined(self.subjects, subjects),
            first_at=self.first_at,
        )


def note(account: Account, at: str) -> NotedAccount:
    """Return what a journal notes about an account that is first used at `at`."""
    return NotedAccount(origin=account.origin, first_at=at).with_names_of(account)


def is_one_origin(one: str, other: str) -> bool:
    """Return whether two origins are one; all names of the loopback are one host."""
    return unify_origin(one) == unify_origin(other)


def unify_origin(origin: str) -> str:
    """Return the origin that identifies an account: the loopback under one name. It is neither shown nor called."""
    parts = urlsplit(origin)
    if parts.hostname not in _NAMES_OF_LOOPBACK:
        return origin
    return f"{parts.scheme}://{_LOOPBACK}{'' if parts.port is None else f':{parts.port}'}"


def name(origin: str, fingerprint: str) -> str:
    """Return an account's name for people."""
    return f"{origin} (account {fingerprint[:SHOWN]})" if fingerprint else origin


def _joined(known: tuple[str, ...], further: tuple[str, ...]) -> tuple[str, ...]:
    return (*known, *(each for each in further if each not in known))
