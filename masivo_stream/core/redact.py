"""The last line of defence: what looks like a secret or an address is masked in what is written down.

Nothing of the kind is put there on purpose; but words of a server, a proxy or a library may hold some.
"""

import re
from functools import cache

from msgspec import Struct

from masivo_stream.model import schemas as records

MASK = "***"

_SECRET_KEYS = frozenset(
    {"authorization", "proxy_authorization", "x_api_key", "api_key", "apikey", "token", "secret", "password", "cookie"}
)

_SECRETS = re.compile(
    r"""(?ix)
    (?P<before> \b bearer \s+ | \b (?: x-)? api [-_]? key ["']? \s* [:=] \s* ["']? | ://(?=[^/\s@]+@) )
    [^\s"',;@]+
    | \b eyJ [\w-]+ \. [\w-]+ (?: \. [\w-]* )?           # a JSON Web Token (RFC 7519): base64 of {"…
    | [^\s@"'<>,;:=()/]{1,64} @ [\w-]{1,63} (?: \. [\w-]{1,63} )+   # an email address
    """
)


def mask(text: str) -> str:
    """Return `text` with everything masked that looks like a token, a key or an email address."""
    return _SECRETS.sub(lambda match: (match["before"] or "") + MASK, text)


def is_secret(key: str) -> bool:
    """Tell whether a field of this name holds a secret, whatever it looks like."""
    return key.lower().replace("-", "_") in _SECRET_KEYS


# C0 and C1 controls, line separators, and marks that change the direction of text (Unicode TR 36, section 2.5).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def named(text: str) -> str:
    """Return `text` with bytes of a file's name that are no UTF-8 escaped (they are surrogates, PEP 383)."""
    return text.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """Return `text` on one line, with everything a terminal might obey escaped."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_PATH = re.compile(r"[A-Za-z_]+(\[\d{1,6}\])*(\.[A-Za-z_]+(\[\d{1,6}\])*)*")
_NAME = re.compile(r"[A-Za-z_]+")


def public_field(path: str) -> str:
    """Return `path` if it is made of the API's names alone, else nothing."""
    return path if _PATH.fullmatch(path) and _names().issuperset(_NAME.findall(path)) else ""


@cache
def _names() -> frozenset[str]:
    schemas = [value for value in vars(records).values() if isinstance(value, type) and issubclass(value, Struct)]
    fields = {name for schema in schemas for name in schema.__struct_encode_fields__}
    return frozenset(fields | {schema.__struct_config__.tag_field or "type" for schema in schemas})
