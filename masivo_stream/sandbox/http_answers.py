"""The sandbox's HTTP answers as values; `wire` sends them."""

import http

import msgspec
from msgspec import Struct

JSON = "application/json"


class ErrorAnswer(Struct, frozen=True):
    """The body of every refusal (customers/migrate/events/post shows it for 422)."""

    error: str
    details: str


class TokenAnswer(Struct, frozen=True):
    """The body of the token call (guides/integrate-with-masivo)."""

    data: str


class EnqueuedAnswer(Struct, frozen=True):
    """The body of a 201: an empty object."""


class RevertedAnswer(Struct, frozen=True):
    """The body of the revert's answer. *Decision:* no page shows one."""

    customers: int


class SandboxAnswer(Struct, frozen=True, kw_only=True):
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = {}


def answer(status: int, body: object) -> SandboxAnswer:
    """Return an answer whose body is `body` as JSON."""
    return SandboxAnswer(status=status, body=msgspec.json.encode(body))


def refusal(status: int, details: str, headers: dict[str, str] | None = None) -> SandboxAnswer:
    """Return a refusal in the API's form; `details` must hold no value from a record."""
    body = ErrorAnswer(http.HTTPStatus(status).phrase if status in _KNOWN else "Error", details)
    return SandboxAnswer(status=status, body=msgspec.json.encode(body), headers=headers or {})


_KNOWN = frozenset(http.HTTPStatus)
