"""Issue and check the bearer tokens of the sandbox: JWTs (RFC 7519) signed with HS256.

The vendor's guide (guides/integrate-with-masivo) shows `{"data": "<JWT>"}` whose `exp` is an hour later. Only tokens
that this module issued are accepted, so the header is compared and never interpreted.
"""

import base64
import binascii
import hashlib
import hmac
import math

import msgspec
from msgspec import Struct

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


class Claims(Struct, frozen=True, kw_only=True):
    """The claims of a token. Times are seconds since 1970."""

    iat: int
    exp: float
    sub: str = "sandbox"
    account_id: str = ""
    """The account that the token belongs to. *Decision:* no page of the vendor lists a token's claims."""


def issue(secret: bytes, now: float, lifetime: float) -> str:
    """Return a token issued at `now` (wall seconds) that expires `lifetime` seconds later."""
    issued = math.floor(now)  # whole seconds, like the usual libraries
    ends = issued + lifetime
    claims = Claims(iat=issued, exp=int(ends) if float(ends).is_integer() else ends, account_id=name_account(secret))
    signed = _HEADER + b"." + base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b"=")
    return (signed + b"." + _signature(secret, signed)).decode()


def name_account(secret: bytes) -> str:
    """Return the id of the account whose tokens `secret` signs. A sandbox with a new store is another account."""
    return hashlib.blake2b(secret, digest_size=8, person=b"account").hexdigest()


def is_valid(secret: bytes, token: str, now: float) -> bool:
    """Return whether this sandbox issued `token`, and it has not expired at `now` (wall seconds)."""
    signed, _, signature = token.encode("utf-8", "surrogatepass").rpartition(b".")
    if not hmac.compare_digest(signature, _signature(secret, signed)):
        return False
    header, _, payload = signed.partition(b".")
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), type=Claims)
    except (ValueError, binascii.Error):
        return False
    return header == _HEADER and now < claims.exp


def same_key(given: str, wanted: str) -> bool:
    """Compare two keys in constant time, so that the time does not reveal how much of them is equal."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _signature(secret: bytes, signed: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
