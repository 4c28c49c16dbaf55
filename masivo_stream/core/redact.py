"""What may be shown: the one place through which foreign text goes before a person, a log or a file gets it.

Three dangers, three groups of functions:

1. Secrets and personal data (`mask`, `mask_url`, `is_secret`). None are written on purpose, but the words of a server,
   a proxy or a library may hold some: what looks like a token, a key or an email address is masked.
2. Names of fields (`public_field`, `public_name`). A path into a record may hold names that a person chose, so only
   paths made of the API's own names are shown. The name of an unknown field has to look like a name.
3. Characters that a terminal or an encoder does not take as text (`printable`, `named`).
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

from masivo_stream.model import schemas as records

MASK = "***"
"""Written in place of what is masked."""

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

_BEFORE_AT = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"(?P<key>\b(?:s3|gs|az)://.*?(?=https?://|$))|(?<=[^?]\?)\S+", re.DOTALL)
"""What follows `?` in a URL; in a key of object storage, `?` is a sign of patterns and may be shown."""

_PATH = re.compile(r"[A-Za-z_]+(\[\d{1,6}\])*(\.[A-Za-z_]+(\[\d{1,6}\])*)*")
_NAME = re.compile(r"[A-Za-z_]+")
_INDEX = re.compile(r"\[\d+\]")

_FIELD_NAME = re.compile(r"[^\W\d][\w.-]{0,39}")
"""One of the alphabet or `_`, and at most 39 more characters."""

_MOST_DIGITS = 2
"""As in "campo12"."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (C0, C1), line separators, marks that change the direction of text (Unicode TR 36, section 2.5),
and lone surrogates."""


def mask(text: str) -> str:
    """Return `text` with everything masked that looks like a token, a key, a URL's credentials or an email address."""
    return _SECRETS.sub(lambda match: (match["before"] or "") + MASK, text)


def mask_url(text: str) -> str:
    """Remove user, password and query from a URL; other text stays as it is."""
    text = named(text)
    if "://" not in text:
        return text
    return _QUERY.sub(lambda match: match["key"] or MASK, _BEFORE_AT.sub(f"{MASK}@", text))


def mask_urls(texts: Iterable[str]) -> list[str]:
    """Return the texts, each as `mask_url` returns it."""
    return [mask_url(text) for text in texts]


def is_secret(key: str) -> bool:
    """Return whether a field or header of this name holds a secret, whatever its value looks like."""
    return key.lower().replace("-", "_") in _SECRET_KEYS


def public_field(path: str) -> str:
    """Return the path of a field if it is made of the API's own names and indexes, otherwise the empty text."""
    return path if _PATH.fullmatch(path) and api_names().issuperset(_NAME.findall(path)) else ""


def group_field(path: str) -> str:
    """Return the path of a field with `[]` for every index, and `…` for every name that is not the API's own."""
    steps: list[str] = []
    for step in _INDEX.sub("[]", path).split("."):
        name = step.rstrip("[]")
        shown = step if name in api_names() and step == name + "[]" * step.count("[]") else "\u2026"
        if shown != "\u2026" or steps[-1:] != [shown]:
            steps.append(shown)
    return ".".join(steps) if path else ""


def public_name(name: str) -> str:
    """Return the name of a field that the API does not know, masked unless it looks like one.

    A value may be in a name's place by mistake. Emails, phone numbers, ids and full names have blanks or
    signs besides `_`, `-` and `.`, or more than `_MOST_DIGITS` digits, or are long.
    """
    digits = sum(map(str.isdigit, name))
    shown = _FIELD_NAME.fullmatch(name) and digits <= _MOST_DIGITS and _UNSAFE.search(name) is None
    return name if shown else MASK


@cache
def api_names() -> frozenset[str]:
    """Return the names of all fields in the schemas."""
    fields = {name for schema in _schemas() for name in schema.__struct_encode_fields__}
    return frozenset(fields | {schema.__struct_config__.tag_field or "type" for schema in _schemas()})


@cache
def api_values() -> frozenset[str]:
    """Return the words that the schemas allow as values: types of transactions, ways to pay."""
    tags = {str(schema.__struct_config__.tag) for schema in _schemas() if schema.__struct_config__.tag}
    hints = (hint for schema in _schemas() for hint in get_type_hints(schema).values())
    return frozenset(tags.union(*map(_literals, hints)))


def _literals(hint: object) -> set[str]:
    inner = get_args(hint)
    return set(map(str, inner)) if get_origin(hint) is Literal else set[str]().union(*map(_literals, inner))


def _schemas() -> list[type[Struct]]:
    return [value for value in vars(records).values() if isinstance(value, type) and issubclass(value, Struct)]


def printable(text: str) -> str:
    """Return `text` on one line, with every character escaped that a terminal might obey."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def named(text: str) -> str:
    """Return a file's name with the bytes escaped that are not UTF-8; Python holds them as surrogates (PEP 383)."""
    return text.encode("utf-8", "backslashreplace").decode()
