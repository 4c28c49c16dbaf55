"""Names of objects in object storage: URLs taken apart, patterns, and what of a URL may be shown.

`s3://`, `gs://` and `az://` name a bucket (or container) and a key, which is taken as it is, without percent-encoding.
`https://` names one object, and cannot be listed. What comes after its path may be a signature (a presigned URL), so it
is never shown and never noted.
"""

import fnmatch
import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_HTTP_PARTS = re.compile(r"(?P<host>[^/?#]*)(?P<path>[^?#]*)(?P<after>.*)", re.DOTALL)
_BUCKETS = frozenset({"s3", "gs", "az"})
_GLOB = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._$-]*")
_NO_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_OPERATION = "find the export"


class ObjectUrl(Struct, frozen=True):
    """A URL, taken apart."""

    scheme: str
    root: str
    """What is opened: scheme and bucket, or a whole `https://` URL. It may hold a signature, so it is never shown."""
    key: str
    """The object's key, or a pattern of keys; empty for `https://`."""
    shown: str
    """The URL without anything secret: what a person sees, and what the journal notes."""

    def __repr__(self) -> str:
        """Return what may be shown: a traceback must not show a signature."""
        return f"ObjectUrl({self.shown!r})"

    @property
    def is_pattern(self) -> bool:
        """Whether the key may be a pattern."""
        return bool(self.key) and _GLOB.search(self.key) is not None

    @property
    def folder(self) -> str:
        """The beginning of all keys that a pattern may match, up to its last `/`."""
        found = _GLOB.search(self.key)
        return self.key[: found.start() if found else None].rpartition("/")[0]

    @property
    def is_flat(self) -> bool:
        """Whether a pattern only matches keys directly in its folder."""
        below = self.key[len(self.folder) :].removeprefix("/")
        return "/" not in below and below != "**"

    def at(self, key: str) -> "ObjectUrl":
        """Return the URL of another object of the same bucket."""
        return ObjectUrl(self.scheme, self.root, key, f"{self.root}/{key}")


def is_url(name: str) -> bool:
    """Return whether a name is a URL, and not the name of a file on disk."""
    return _URL.match(name) is not None


def shown_url(name: str) -> str:
    """Return a name as it may be shown and noted: an `https://` URL without what is secret; other names unchanged."""
    found = _URL.match(name)
    if found is None or found["scheme"].lower() not in {"http", "https"}:
        return name
    parts = _http_parts(found["rest"])
    return f"{found['scheme'].lower()}://{parts['host'].rpartition('@')[2]}{parts['path']}"


def read_url(name: str) -> ObjectUrl:
    """Take a URL apart.

    Raises:
        ConfigurationError: it is no URL of an object, or its scheme is not one that is read.
    """
    found = _URL.match(name)
    if found is None:
        raise ValueError("not a URL")
    scheme, rest = found["scheme"].lower(), found["rest"]
    if scheme in {"http", "https"}:
        return _read_http(name, scheme, rest)
    if scheme not in _BUCKETS:
        raise _wrong(f"{scheme}:// is not read", name, "name a file, or an object with s3://, gs://, az:// or https://")
    bucket, _, key = rest.partition("/")
    if not bucket or not key:
        raise _wrong("the URL names no object", name, f"write {scheme}://BUCKET/KEY")
    _check_names(name, bucket, key)
    if key.endswith("/"):
        raise _wrong("the URL names a folder", name, f'name the objects in it, for example "{name}*.ndjson"')
    return ObjectUrl(scheme, f"{scheme}://{bucket}", key, f"{scheme}://{bucket}/{key}")


def is_folder_url(name: str) -> bool:
    """Return whether a name is the URL of a bucket, or of a folder in one."""
    found = _URL.match(name)
    bucket = found["rest"].partition("/")[0] if found is not None and found["scheme"].lower() in _BUCKETS else ""
    return bucket != ""


def read_folder(name: str) -> ObjectUrl:
    """Take the URL of a folder apart, into which objects are written. Its key has no `/` at its ends.

    Raises:
        ConfigurationError: there can be no bucket, or no object in a folder, of that name.
    """
    found = _URL.match(name)
    if found is None:
        raise ValueError("not a URL")
    scheme, (bucket, _, key) = found["scheme"].lower(), found["rest"].partition("/")
    try:
        _check_names(name, bucket, key)
    except ConfigurationError as error:
        error.operation = "name a folder in object storage"
        raise
    key = key.removesuffix("/")
    return ObjectUrl(scheme, f"{scheme}://{bucket}", key, f"{scheme}://{bucket}/{key}")


def _check_names(name: str, bucket: str, key: str) -> None:
    """Check that the library takes a bucket and a key as they are: of some it would read or write another one."""
    if _BUCKET.fullmatch(bucket) is None:
        raise _wrong("this is not the name of a bucket", name, "buckets are named with letters, digits, ., - and _")
    if key and not {"", ".", ".."}.isdisjoint(key.removesuffix("/").split("/")):
        raise _wrong(
            "the key has an empty part (//), or a part that is . or ..",
            name,
            "write each / once, and no . or ..; if the object really has that key, copy it to another one",
        )
    if _NO_KEY.search(key):
        raise _wrong("the key has a character that cannot be sent", name, "copy the object to another key")


def _read_http(name: str, scheme: str, rest: str) -> ObjectUrl:
    shown, parts = shown_url(name), _http_parts(rest)
    if "@" in parts["host"]:
        raise _wrong(
            "the URL holds a user or a password",
            shown,
            "others on this machine can read it in the list of processes: use a presigned URL, or s3://, gs:// or az://",
        )
    if not parts["host"] or parts["path"] in {"", "/"}:
        raise _wrong("the URL names no object", shown, f"write {scheme}://HOST/PATH")
    if scheme == "http" and not _is_loopback(parts["host"]):
        raise _wrong("the URL is not encrypted", shown, "use https:// (http:// is for this machine only)")
    if "*" in parts["path"]:
        raise _wrong("https:// cannot be listed", shown, "name each object, or use s3://, gs:// or az://")
    if not name.isascii() or not name.isprintable() or " " in name:
        raise _wrong("this is not a URL", shown, "encode what is not ASCII with %, as browsers do")
    return ObjectUrl(scheme, f"{scheme}://{parts['host']}{parts['path']}{parts['after'].partition('#')[0]}", "", shown)


def _http_parts(rest: str) -> re.Match[str]:
    found = _HTTP_PARTS.match(rest)
    if found is None:
        raise ValueError("this pattern matches any text")
    return found


def _is_loopback(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def matching(keys: Iterable[str], pattern: str) -> list[str]:
    """Return the keys that a pattern matches, sorted; if a key equals the pattern, only that one.

    The rules are those of `glob` for files: `*`, `?` and `[…]` stay within a part between two `/`, `**` stands for any
    number of parts, and a part that begins with a dot is matched only by a pattern that does, too.
    """
    found = []
    parts = pattern.split("/")
    for key in keys:
        if key == pattern:
            return [key]
        if _matches(key.split("/"), parts):
            found.append(key)
    return sorted(found)


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Return whether all parts match, by keeping every place in the patterns that the parts so far may lead to."""
    places = set(_skip(0, patterns))
    for part in parts:
        hidden = part.startswith(".")
        following: set[int] = set()
        for place in places:
            if place == len(patterns):
                continue
            if patterns[place] == "**":
                if not hidden:
                    following.update(_skip(place, patterns))
                    following.update({place + 1} if place + 1 == len(patterns) else ())
            elif fnmatch.fnmatchcase(part, patterns[place]) and (not hidden or patterns[place].startswith(".")):
                following.update(_skip(place + 1, patterns))
        places = following
    return len(patterns) in places


def _skip(place: int, patterns: Sequence[str]) -> Iterator[int]:
    """Yield a place and those after it that are reached without a part: `**` may stand for none, but not at the end."""
    yield place
    while place < len(patterns) - 1 and patterns[place] == "**":
        place += 1
        yield place


def _wrong(what: str, name: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation=_OPERATION, place=shown_url(name), hint=hint)
