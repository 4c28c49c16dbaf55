"""Which account a secret opens: the origin of the API, and fingerprints that do not reveal the secret.

An origin is scheme, host in lower case, and port (RFC 6454 section 4): the path of the base URL and the spelling of its
host do not count, and when accounts are compared, all names of a machine's loopback are one host. A key is a random
UUID of the vendor, so a fingerprint that is the same on every machine reveals nothing, and two state directories can be
compared by it. No page of the vendor lists the claims of a token (RFC 7519): the claims that name an account are
recognised by their names.
"""

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from masivo_stream.model.account import Account, unify_origin

_PORTS = {"http": 80, "https": 443}
_KEY = b"masivo-stream account"

_PASSING = frozenset({"iat", "exp", "nbf", "jti", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "scope", "scp"})
"""Claims that change from token to token (RFC 7519 4.1, OpenID Connect Core 2, RFC 8693 4.2)."""

_NAMING = re.compile(r"(?i)\Asub\Z|\Aorg|account|tenant|organi[sz]ation|company|brand|client|workspace|merchant")
"""Names of claims that identify the account of a token. `sub` is of RFC 7519; services use the others."""

_OF_ACCOUNT = re.compile(r"(?i)account|tenant|organi[sz]ation|company|brand|client|workspace|merchant")
"""Names of headers that choose an account in addition to the key (`x-account-id`)."""


def identify(
    base_url: str, *, api_key: str | None, token: str | None, headers: Mapping[str, str] | None = None
) -> Account:
    """Return the account that a key or a ready token opens at a URL; `headers` are sent with each request."""
    chosen = sorted((name.lower(), value) for name, value in (headers or {}).items() if _OF_ACCOUNT.search(name))
    beside = "".join(f"\0{name}\0{value}" for name, value in chosen)
    if api_key is not None:
        return Account(origin=origin_of(base_url), owner=_fingerprint("key", api_key + beside))
    owner = _fingerprint("token", _lasting(token or "") + beside)
    return Account(origin=origin_of(base_url), owner=owner, ready=True, subject=subject_of(token or ""))


def subject_of(token: str) -> str:
    """Return a fingerprint of the claims that name the account of a token; empty if it names none."""
    naming = {name: claim for name, claim in _claims(token).items() if _NAMING.search(name) and claim}
    return _fingerprint("subject", _write(naming)) if naming else ""


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the port only if it is not the scheme's own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
        host = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6
    except ValueError:
        pass
    port = parts.port
    return f"{parts.scheme}://{host}{f':{port}' if port is not None and port != _PORTS.get(parts.scheme) else ''}"


def name_quota(account: Account) -> str:
    """Return the name under which runs on this machine share an account's quota; file names contain it."""
    return _fingerprint("quota", f"{unify_origin(account.origin)}\0{account.owner}")


def name_receiver(origin: str, fingerprint: str) -> str:
    """Return the name under which it is noted what an account has received."""
    return _fingerprint("receiver", f"{unify_origin(origin)}\0{fingerprint}")


def _lasting(token: str) -> str:
    claims = {name: claim for name, claim in _claims(token).items() if name not in _PASSING}
    return _write(claims) if claims else token


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header, payload, signature
    try:
        content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(content, type=dict[str, object])
    except (ValueError, binascii.Error, RecursionError):
        return {}


def _write(claims: Mapping[str, object]) -> str:
    return msgspec.json.encode(claims, order="sorted").decode()


def _fingerprint(what: str, text: str) -> str:
    content = f"{what}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, key=_KEY, digest_size=12).hexdigest()
