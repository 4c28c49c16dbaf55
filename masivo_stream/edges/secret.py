"""Secrets: from the environment or a file of the owner, never from an argument or the settings.

What other tools put around a secret is removed: a byte order mark, line ends, quotes (`docker --env-file` keeps them),
`NAME=` and `export NAME=` (an .env file named as key file), `Bearer `. Anything else is refused; the error names what
it is, and never quotes it.

Which account a secret opens is named here, too: by an origin, and by fingerprints that do not reveal the secret.
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
import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from masivo_stream.model.account import Account, unify_origin
from masivo_stream.model.errors import ConfigurationError

API_KEY_VARIABLE = "MASIVO_API_KEY"
TOKEN_VARIABLE = "MASIVO_TOKEN"  # noqa: S105 - the name of a variable, not a token
_OPERATION = "read the secrets"
_MOST_BYTES = 16 * 1024
"""A longer text is no key; and a key that is cut short is another key."""


class Secret:
    """A text that does not show itself: not in `repr`, not in a format, not in a traceback's locals."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Wrap `text`."""
        self._text = text

    def reveal(self) -> str:
        """Return the text, to put it onto the wire."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


class Credentials:
    """What opens the account: an API key, which gets tokens, or one ready token."""

    __slots__ = ("api_key", "token")

    def __init__(self, *, api_key: Secret | None = None, token: Secret | None = None) -> None:
        """Take exactly one of the two."""
        if (api_key is None) == (token is None):
            raise ValueError("either an API key or a token")
        self.api_key = api_key
        self.token = token


def load_credentials(environment: Mapping[str, str], *, api_key_file: str | None = None) -> Credentials:
    """Return the secret: `api_key_file`, else `MASIVO_API_KEY`, else `MASIVO_TOKEN`.

    Raises:
        ConfigurationError: there is no secret, or other users can read the file.
    """
    if api_key_file:
        return Credentials(api_key=_clean(_read(api_key_file), api_key_file, API_KEY_VARIABLE))
    if key := environment.get(API_KEY_VARIABLE):
        return Credentials(api_key=_clean(key, API_KEY_VARIABLE, API_KEY_VARIABLE))
    if token := environment.get(TOKEN_VARIABLE):
        return Credentials(token=_clean(token, TOKEN_VARIABLE, TOKEN_VARIABLE))
    empty = [name for name in (API_KEY_VARIABLE, TOKEN_VARIABLE) if name in environment]
    raise ConfigurationError(
        f"there is no API key{f': {empty[0]} is set, but empty' if empty else ''}",
        operation=_OPERATION,
        place=API_KEY_VARIABLE,
        hint="set MASIVO_API_KEY to the account's key, a UUID that Masivo's admin panel shows (see docs.masivo.ai, "
        "guides/integrate-with-masivo), or put it into a file (mode 0600) and name that with --api-key-file; "
        "`masivo-stream demo` and `masivo-stream sandbox` need no account",
    )


def _read(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError(
                    "other users may read the key file",
                    operation=_OPERATION,
                    place=name,
                    hint=f"chmod 600 {shlex.quote(name)}",
                )
            text = file.read(_MOST_BYTES + 1)
            if len(text) <= _MOST_BYTES:
                return text.decode("utf-16" if text.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")
    except (OSError, ValueError):
        pass  # reported below, without the cause: it may quote the key
    raise ConfigurationError(
        "the key file cannot be read",
        operation=_OPERATION,
        # A name without a directory may be the key itself, which must not end in a log.
        place=name if os.sep in name else "--api-key-file",
        hint="check the path and its permissions, and that it holds nothing but the key",
    )


def _clean(text: str, place: str, name: str) -> Secret:
    """Return the secret in a text: the value of `name`, if the text assigns values to names."""
    lines = [line.strip() for line in text.replace("\ufeff", "", int(text.startswith("\ufeff"))).splitlines()]
    content = [line for line in lines if line and not line.startswith("#")]
    assigned = [found for line in content if (found := _ASSIGNMENT.match(line))]
    values = [found["value"] or "" for found in assigned if found["name"] == name]
    secret = _unquoted(values[-1] if values else "\n".join(content)).removeprefix("Bearer ")
    if (why := _wrong_with(secret, [found["name"] for found in assigned], name, found=bool(values))) is not None:
        raise ConfigurationError(
            f"the secret is empty or has characters that cannot be sent: {why}",
            operation=_OPERATION,
            place=place,
            hint=f"write it as one line of printable ASCII, alone or after {name}=",
        )
    return Secret(secret)


_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>[^\s=].*)?\Z")
"""A line of an .env file; the padding of a secret in base64 is not taken for one."""
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<inside>.*)(?P=quote)(?:\s+\#.*)?\Z""", re.DOTALL)


def _unquoted(text: str) -> str:
    if (found := _QUOTED.match(text)) is not None:
        return found["inside"].strip()
    return text.partition(" #")[0].strip()


def _wrong_with(secret: str, names: list[str], name: str, *, found: bool) -> str | None:
    """Return what is wrong with a secret, without quoting it; None if nothing is."""
    if not secret:
        return "it is empty"
    if names and not found and (len(names) > 1 or "_" in names[0]):
        return f"it assigns values to names, but none to {name}"
    if secret.startswith(("{", "[")):
        return "it is a JSON document"
    if secret.startswith(("$", "<", "%")):
        return "it is a placeholder whose value was not filled in"
    if "\n" in secret:
        return "it has several lines"
    for at, character in enumerate(secret, 1):
        if not character.isascii() or not character.isprintable() or character == " ":
            return f"character {at} is U+{ord(character):04X}"
    return None


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
