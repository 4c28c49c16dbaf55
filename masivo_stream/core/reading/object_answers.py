"""What an answer of object storage means, and whether a read is repeated.

The library (obstore) raises one class for most of what can happen, so its text is looked at. The text itself is never
shown: it quotes URLs with their signatures, and answers that name access keys. What is shown is the status, and the
code that S3 and Azure put into their answers, such as `SlowDown` or `AccessDenied`.
"""

import enum
import re

import msgspec
from msgspec import Struct


class ObjectFault(enum.Enum):
    """What is wrong."""

    BUSY = "busy"
    """Throttled, unreachable, or an answer that was cut off: the same read may succeed later."""
    CREDENTIALS = "credentials"
    """No credentials, or what hands them out does not answer."""
    DENIED = "denied"
    GONE = "gone"
    CHANGED = "changed"
    WRONG_LENGTH = "wrong length"
    """Fewer bytes than were asked for: cut off on the way, or of an object that is shorter than it was."""
    WHOLE = "whole"
    """The server does not send a part of an object, only all of it."""
    BAD_KEY = "bad key"
    """A listed object has a key that the library cannot name."""
    REFUSED = "refused"
    """Anything that does not change by waiting."""


class ObjectFailure(Struct, frozen=True):
    """Why a read of an object failed."""

    fault: ObjectFault
    why: str
    """A few words without anything secret, such as "503 SlowDown"."""


_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")
_KEY = re.compile(r'Path "([^"]{1,1024})"')
_OTHER_RANGE = re.compile(r"Requested \d+\.\.\d+, got ")
_NETWORK = ("HTTP error", "error sending request", "error decoding", "kind: Timeout", "kind: Connect")
_HANDS_OUT = (
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
    "token request",
    "token file",
    "service account",
    "AssumeRole",
    "Account must be specified",
    "Missing AccessKeyId",
    "Missing SecretAccessKey",
    "credential",
)
_TIMES_LATER = frozenset({408, 425, 429})
_NEVER = frozenset({501, 505})
"""What a server does not do at all: RFC 9110, 15.6.2 and 15.6.6."""
_ADDRESS = re.compile(r"[a-z]+://\S+")
_MOST = 200

_BY_CLASS = {
    "NotFoundError": ObjectFault.GONE,
    "FileNotFoundError": ObjectFault.GONE,
    "PreconditionError": ObjectFault.CHANGED,
    "PermissionDeniedError": ObjectFault.DENIED,
    "UnauthenticatedError": ObjectFault.DENIED,
    "JoinError": ObjectFault.BUSY,
}


def read_failure(name: str, text: str) -> ObjectFailure:
    """Return what an exception means; `name` is its class, `text` its message."""
    first = text.partition("Debug source")[0]
    if name == "InvalidPathError":
        key = _KEY.search(first)
        return ObjectFailure(ObjectFault.BAD_KEY, key[1] if key is not None else "")
    status, code = _STATUS.search(first), _CODE.search(first)
    why = " ".join(found[1] for found in (status, code) if found is not None)
    if name in _BY_CLASS:
        return ObjectFailure(_BY_CLASS[name], why or name)
    if "non-partial response" in first:
        return ObjectFailure(ObjectFault.WHOLE, "the server does not send parts of it")
    if (status is not None and status[1] == "416") or _OTHER_RANGE.search(first):
        return ObjectFailure(ObjectFault.WRONG_LENGTH, why or "an answer of the wrong length")
    before_answer = first.partition("Server returned")[0]  # what comes then is the answer's, and may hold any word
    if any(words in before_answer for words in _HANDS_OUT):
        return ObjectFailure(ObjectFault.CREDENTIALS, why or _short(first))
    if status is not None:
        number = int(status[1])
        later = number >= 500 or number in _TIMES_LATER  # noqa: PLR2004 - server errors, RFC 9110, 15.6
        return ObjectFailure(ObjectFault.BUSY if later and number not in _NEVER else ObjectFault.REFUSED, why)
    if any(words in text for words in _NETWORK):
        return ObjectFailure(ObjectFault.BUSY, "no complete answer")
    if "redirect" in first:
        return ObjectFailure(ObjectFault.REFUSED, "the bucket is in another region: set AWS_REGION")
    return ObjectFailure(ObjectFault.REFUSED, _short(first))


def _short(text: str) -> str:
    """Return the library's own words about its configuration, without addresses. They quote no answer."""
    return " ".join(_ADDRESS.sub("…", text).split())[:_MOST]


class Patience(Struct, frozen=True, kw_only=True):
    """When a read is repeated; the settings of the same names, in seconds."""

    first_delay: float = 1.0
    longest_delay: float = 60.0
    outage_limit: float = 3600.0

    @property
    def at_start(self) -> "Patience":
        """The patience of a command that has not begun its work: a person may be waiting for it."""
        return msgspec.structs.replace(self, outage_limit=min(AT_START, self.outage_limit))


AT_START = 60.0
"""Seconds after which a command that has not begun its work no longer waits for object storage."""


class ReadRetries:
    """Decides about the repetitions of one read. Capped exponential backoff with full jitter, as for requests."""

    def __init__(self, patience: Patience) -> None:
        """Begin without a failure."""
        self._patience = patience
        self._failures = 0
        self._since: float | None = None

    def failed(self, failure: ObjectFailure, now: float, chance: float) -> float | None:
        """Return after how many seconds to read again, None to give up; `chance` in [0, 1) spreads the delay."""
        if failure.fault is not ObjectFault.BUSY:
            return None
        if self._since is None:
            self._since = now
        if now - self._since >= self._patience.outage_limit:
            return None
        self._failures += 1
        doublings = min(self._failures - 1, 62)  # beyond that, a float overflows in the end
        longest = min(self._patience.longest_delay, self._patience.first_delay * 2.0**doublings)
        return longest * (1.0 - chance)
