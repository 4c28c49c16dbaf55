"""Bodies of other shapes than the API's: answers of gateways, frameworks and firewalls in front of it.

Of a record they hold at most the customer's id, if the fault asks for it.
"""

import codecs
import enum
import gzip
import re
import zlib
from typing import assert_never

import msgspec
import zstandard
from msgspec import Struct

from masivo_stream.sandbox.http_answers import JSON, ErrorAnswer, SandboxAnswer

HTML = "text/html"
PROBLEM_JSON = "application/problem+json"
_TEXT = "text/plain; charset=utf-8"
_PAGE = (
    b"<!doctype html>\n<html><head><title>Sign in</title></head>"
    b"<body><p>Please sign in to use this network.</p></body></html>"
)
_BOMB_BYTES = 64 * 1024 * 1024
_PATH = re.compile(r"customers\[([0-9]+)\][^:\s]*")


class Content(enum.StrEnum):
    """What an answer's body is."""

    REFUSAL = "refusal"
    EMPTY = "empty"
    OBJECT = "object"
    ERROR = "error"
    ERRORS = "errors"
    RESULTS = "results"
    DETAILS = "details"
    MEMBERS = "members"
    MESSAGE = "message"
    DETAIL = "detail"
    PROBLEM = "problem"
    NESTED = "nested"
    LIST = "list"
    NULL = "null"
    BOM = "bom"
    TEXT = "text"
    PAGE = "page"


class NamedBy(enum.StrEnum):
    """How a refusal names the bad entry."""

    PATH = "path"
    INDEX = "index"
    ID = "id"
    NONE = "none"


class BodyCompression(enum.StrEnum):
    """How a body is compressed."""

    GZIP = "gzip"
    DEFLATE = "deflate"
    BARE = "bare"
    """Deflate without the two bytes of the zlib header (RFC 1950)."""
    ZSTD = "zstd"
    TWICE = "twice"
    BROTLI = "br"
    """Bytes labelled as brotli."""
    FALSE = "false"
    """Labelled as gzip, but not compressed."""
    CUT = "cut"
    BOMB = "bomb"
    """64 MiB of spaces before the body."""


class EntryPlace(Struct, frozen=True):
    """The place of a bad entry in a request, if a refusal gives it."""

    path: str = ""
    index: int | None = None
    id: str = ""


def find_bad_entry(details: str, body: bytes) -> EntryPlace:
    """Return the place of the entry that a refusal's `details` name by its path."""
    found = _PATH.search(details)
    if found is None:
        return EntryPlace()
    index = int(found[1])
    try:
        customer = msgspec.json.decode(body)["customers"][index]["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        customer = ""
    return EntryPlace(found[0], index, customer if isinstance(customer, str) else "")


def fill(
    content: Content, status: int, words: str, *, where: EntryPlace | None = None, by: NamedBy = NamedBy.NONE
) -> SandboxAnswer:
    """Return an answer of that content with the message `words`; `by` decides how the bad entry is named."""
    where = where or EntryPlace()
    names: dict[NamedBy, object] = {NamedBy.PATH: where.path, NamedBy.INDEX: where.index, NamedBy.ID: where.id}
    name = names.get(by)
    named = {by.value: name} if name not in (None, "") else {}
    message = _PATH.sub("it", words)
    sentence = message if not named else f"{message}, at {by} {name}"
    entry = {**named, "message": message}
    values: dict[Content, object] = {
        Content.REFUSAL: ErrorAnswer("Not taken", sentence),
        Content.BOM: ErrorAnswer("Not taken", sentence),
        Content.OBJECT: {},
        Content.ERROR: {"error": sentence},
        Content.ERRORS: {"errors": [entry]},
        Content.RESULTS: {"results": [{**entry, "status": status}]},
        Content.DETAILS: {"error": "Not taken", "details": [entry]},
        Content.MEMBERS: {"error": "Not taken", "details": {str(name) if named else "body": [message]}},
        Content.MESSAGE: {"message": sentence},
        Content.DETAIL: {"detail": [entry]},
        Content.PROBLEM: {"title": "Not taken", "status": status, "detail": sentence, "errors": [entry]},
        Content.NESTED: {"error": {"code": status, "message": "Not taken", "details": [entry]}},
        Content.LIST: [entry],
        Content.NULL: None,
    }
    match content:
        case Content.PAGE:
            return SandboxAnswer(status=status, body=_PAGE, content_type=HTML)
        case Content.TEXT:
            return SandboxAnswer(status=status, body=b"Forbidden by policy", content_type=_TEXT)
        case Content.EMPTY:
            return SandboxAnswer(status=status)
        case _:
            mark = codecs.BOM_UTF8 if content is Content.BOM else b""
            kind = PROBLEM_JSON if content is Content.PROBLEM else JSON
            return SandboxAnswer(status=status, body=mark + msgspec.json.encode(values[content]), content_type=kind)


def results_of(body: bytes, refused: int) -> SandboxAnswer:
    """Return a 207 in which the first `refused` customers of a request are refused, and the others accepted."""
    customers = msgspec.json.decode(body)["customers"]
    results = [
        {"index": index, "status": 422, "error": "not taken"} if index < refused else {"index": index, "status": 201}
        for index in range(len(customers))
    ]
    return SandboxAnswer(status=207, body=msgspec.json.encode({"results": results}))


def pack(answer: SandboxAnswer, packing: BodyCompression) -> SandboxAnswer:
    """Return the answer with its body compressed."""
    body, coding = _packed(answer.body, packing)
    return msgspec.structs.replace(answer, body=body, headers={**answer.headers, "Content-Encoding": coding})


def _packed(body: bytes, packing: BodyCompression) -> tuple[bytes, str]:
    match packing:
        case BodyCompression.GZIP:
            return gzip.compress(body), "gzip"
        case BodyCompression.DEFLATE:
            return zlib.compress(body), "deflate"
        case BodyCompression.BARE:
            deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            return deflate.compress(body) + deflate.flush(), "deflate"
        case BodyCompression.ZSTD:
            return zstandard.compress(body), "zstd"
        case BodyCompression.TWICE:
            return gzip.compress(zlib.compress(body)), "deflate, gzip"
        case BodyCompression.BROTLI:
            return b"\x0b\x02\x80" + bytes(len(body)), "br"
        case BodyCompression.FALSE:
            return body, "gzip"
        case BodyCompression.CUT:
            return gzip.compress(body)[:-9], "gzip"
        case BodyCompression.BOMB:
            return gzip.compress(b" " * _BOMB_BYTES + body), "gzip"
        case _:
            assert_never(packing)
