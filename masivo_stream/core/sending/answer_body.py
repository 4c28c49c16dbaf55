"""Read the body of an answer: unpack it, recognise its kind and who gave it, and find the words of a refusal.

**Unpacking** (RFC 9110, section 8.4) stops at a cap: decompression bombs are cut.

**The kind** follows from the bytes, not from the `Content-Type`: login pages come without one or as JSON, and JSON
comes as `text/html`, PHP's default. Any bytes have a kind.

**The words**: the documented refusal is `{"error", "details"}`. Gateways and frameworks in front of the API have other
shapes: problem details (RFC 9457), a list at the top, `{"errors": [...]}` (JSON:API), `{"message"}` (Laravel, AWS),
`{"detail": [...]}` (FastAPI), `{"error": {"message"}}` (Google). The words are untrusted text of any length: the caller
caps them.

**The giver**: the API answers in JSON. A page or a text comes from a firewall, a proxy or a login page.
"""

import codecs
import json
import zlib
from collections.abc import Callable, Iterator, Mapping

import msgspec
import zstandard
from msgspec import Raw, Struct

from masivo_stream.core.nesting import check_nesting
from masivo_stream.core.sending.named_faults import find_named_faults
from masivo_stream.model.attempt import Answer, Body, NamedFault

MOST_LAYERS = 3
"""Codings of one body at most: a gateway may compress what the server has compressed. More are not unpacked."""

# Unpacking.

_ROOM = 64 * 1024
"""Bytes unpacked in one step."""

_LARGEST_WINDOW = 8 * 1024 * 1024
"""Bytes of a zstd window: the largest that RFC 9659 allows over HTTP."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacked(Struct, frozen=True):
    """A body after unpacking."""

    body: bytes
    complete: bool
    """Whether this is all of it."""
    known: bool = True
    """Whether the coding is one that this module unpacks; if not, `body` is still packed."""


def unpack(body: bytes, coding: str, most: int, *, complete: bool) -> Unpacked:
    """Return up to `most` bytes of a body, unpacked as its `Content-Encoding`, `coding`, says.

    `complete`: whether `body` itself is complete, not cut.
    """
    layers = [name for name in (part.strip().lower() for part in coding.split(",")) if name not in {"", "identity"}]
    if len(layers) > MOST_LAYERS:
        return Unpacked(body, complete, known=False)
    for layer in reversed(layers):
        if layer not in _READERS:
            return Unpacked(body, complete, known=not body)
        if (found := _unpack_one(body, layer, most)) is not None:
            body, complete = found.body, complete and found.complete
    return Unpacked(body, complete)


def _unpack_one(body: bytes, layer: str, most: int) -> Unpacked | None:
    """Return what can be unpacked of a body; None if it is not packed with this coding."""
    for mark, read in _READERS[layer]:
        pieces: list[bytes] = []
        size, whole = 0, True
        try:
            for piece in read(body):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    break
        except (zlib.error, zstandard.ZstdError, EOFError):
            whole = False
        if whole or (mark and body.startswith(mark)):  # raw deflate has no mark: any text may begin like it
            return Unpacked(b"".join(pieces)[:most], whole and size <= most)
    return None


def _inflating(bits: int) -> Callable[[bytes], Iterator[bytes]]:
    def read(body: bytes) -> Iterator[bytes]:
        while body:  # a gzip body may consist of several members (RFC 1952, section 2.2)
            inflate = zlib.decompressobj(bits)
            while body and not inflate.eof:
                yield inflate.decompress(body, _ROOM)
                body = inflate.unconsumed_tail
            if not inflate.eof:
                raise EOFError
            body = inflate.unused_data

    return read


def _zstd(body: bytes) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    with unpacker.stream_reader(body, read_across_frames=True) as reader:
        while piece := reader.read(_ROOM):
            yield piece
    # The reader above does not report a frame that was cut. A decompression object does, and it unpacks no more than
    # was read above.
    while body:
        frame = unpacker.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise EOFError
        body = frame.unused_data


_Reader = tuple[bytes, Callable[[bytes], Iterator[bytes]]]

_gzip: _Reader = (b"\x1f\x8b", _inflating(_GZIP))
_READERS: dict[str, tuple[_Reader, ...]] = {
    "gzip": (_gzip,),
    "x-gzip": (_gzip,),
    "deflate": ((b"\x78", _inflating(_ZLIB)), (b"", _inflating(_RAW))),  # RFC 9110: zlib; some servers send raw deflate
    "zstd": ((b"\x28\xb5\x2f\xfd", _zstd),),
}
"""By coding: the first bytes of such a body, and the function that unpacks it; several if servers differ."""


# The kind of a body, and its words.

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_SPACE = " \t\r\n"
_NOTHING = frozenset({"null", "false", "0", '""', "[]", "{}"})

_REPORTS = frozenset({"error", "errors", "results"})
"""Members that report errors, or a result for each record, unless their value is null (the contract's decision)."""

_LISTS_FAILURES = frozenset({"failed", "failures", "failure", "rejected", "fault", "exception"})
"""Members that report errors unless their value is empty, false or zero."""

_SUCCESS = frozenset({"success", "succeeded", "ok"})
_CODES = frozenset({"status", "code", "statuscode", "status_code"})
_FAILED_STATES = frozenset({'"error"', '"fail"', '"failed"', '"failure"', '"rejected"'})

_GENERAL = ("error", "title", "message", "msg", "error_description", "detail", "description", "fault")
"""Members that hold the general words of a refusal, the surest first."""

_CULPRITS = frozenset({"errors", "violations", "invalid-params", "invalid_params", "modelstate", "failures", "results"})
"""Members that name records or fields, in addition to a `details` that may not."""

_NOISE = frozenset(
    {"status", "statuscode", "status_code", "timestamp", "type", "instance", "success", "ok"}
    | {"traceid", "trace_id", "requestid", "request_id"}
)


class Words(Struct, frozen=True):
    """What a refusal says."""

    error: str = ""
    """In general."""
    details: str = ""
    """About records or fields: text, or JSON as text."""
    faults: tuple[NamedFault, ...] = ()
    """What the words name by the path of a field (`named_faults`)."""


def plain(body: bytes) -> bytes:
    """Return a body as UTF-8 without a byte order mark; a body without such a mark is returned as it is."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace").encode("utf-8", "replace")
    return body


def kind_of(body: bytes, *, complete: bool = True) -> Body:
    """Return the kind of a body that `plain` returned. `complete`: all of it is there, not only its beginning."""
    text = _text(body).strip(_SPACE)
    if text.startswith("<"):
        return Body.PAGE
    if not complete:
        return Body.UNREAD
    if not text:
        return Body.EMPTY
    members = _members(text)
    if members is not None:
        return Body.ERRORS if _reports_errors(members, deep=True) else Body.OBJECT
    if _value(text) is not _UNREADABLE:
        return Body.JSON
    return Body.UNREAD if text[0] in "{[" else Body.TEXT


def words_in(body: bytes) -> Words:
    """Return the words of a refusal, if the body that `plain` returned is JSON."""
    try:
        value = _value(_text(body))
        return msgspec.structs.replace(_words_of(value), faults=find_named_faults(value))
    except RecursionError:  # not too deep for the reader, but for the writer
        return Words()


def _words_of(value: object) -> Words:
    match value:
        case str(sentence):
            return Words(_encode(sentence))
        case dict(members):
            return _words(members)
        case list(entries) if entries:
            return Words("", _encode(entries))
        case _:
            return Words()


_UNREADABLE = object()


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _members(text: str) -> Mapping[str, str] | None:
    """Return the members of a JSON object, each value as JSON text; None if the text is not an object."""
    try:
        check_nesting(text.encode())
        found = msgspec.json.decode(text, type=dict[str, Raw])
    except (ValueError, RecursionError):
        value = _value(text)
        return {name: _encode(member) for name, member in value.items()} if isinstance(value, dict) else None
    return {name: bytes(raw).decode("utf-8", "replace") for name, raw in found.items()}


def _value(text: str) -> object:
    """Decode JSON, also with lone surrogates and NaN, which only the standard library accepts."""
    try:
        check_nesting(text.encode())
        return msgspec.json.decode(text)
    except RecursionError:
        return _UNREADABLE
    except ValueError:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return _UNREADABLE


def _reports_errors(members: Mapping[str, str], *, deep: bool) -> bool:
    return any(_reports_error(name.casefold(), value.strip(_SPACE), deep=deep) for name, value in members.items())


def _reports_error(name: str, value: str, *, deep: bool) -> bool:
    """Return whether a member of an object reports an error; `value` is JSON text; `deep`: also search in `data`."""
    if name in _REPORTS:
        return value != "null"
    if name in _LISTS_FAILURES:
        return value not in _NOTHING
    if name in _SUCCESS:
        return value == "false"
    if name in _CODES:
        failed = len(value) == len("500") and value.isascii() and value.isdigit() and value[0] in "45"
        return failed or value.casefold() in _FAILED_STATES
    if deep and name == "data" and value.startswith("{"):
        return _reports_errors(_members(value) or {}, deep=False)
    return False


def _words(members: Mapping[str, object]) -> Words:
    """Return the words of a JSON object."""
    # 1. General words: the surest member that is a text; Google puts them one level down, into `error`.
    named = _named(members)
    inner = named.get("error")
    if isinstance(inner, dict) and any(isinstance(inner.get(name), str) for name in _GENERAL):
        del named["error"]
        named |= _named(inner)
    general = next((name for name in _GENERAL if isinstance(named.get(name), str)), None)
    error = "" if general is None else _encode(named.pop(general))
    if not error and "error" in named and "details" in named:
        error = _encode(named.pop("error"))
    # 2. Details: `details` and what names the culprits, or else everything that is not noise.
    if "details" in named:
        rest = {name: value for name, value in named.items() if name == "details" or name in _CULPRITS}
    else:
        rest = {name: value for name, value in named.items() if name not in _NOISE or isinstance(value, dict | list)}
    return Words(error, _encode(next(iter(rest.values())) if len(rest) == 1 else rest) if rest else "")


def _named(members: Mapping[str, object]) -> dict[str, object]:
    """Return the members that say something, with their names in lower case."""
    return {name.casefold(): value for name, value in members.items() if value not in (None, "", [], {})}


def _encode(value: object) -> str:
    """Return a text as it is, anything else as JSON; lone surrogates are replaced, as UTF-8 cannot hold them."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()


FOREIGN_HINT = (
    "something between this machine and the API answers instead of the API: check the network, the proxy and base_url"
)


# The giver of an answer.


def is_foreign(answer: Answer) -> bool:
    """Return whether something else than the API has answered, by a page or a text. An unreadable body counts as no."""
    return answer.body in {Body.PAGE, Body.TEXT}


def who_answered(answer: Answer) -> str:
    """Return the headers that say who has answered; empty if it has no such headers."""
    return ", ".join(filter(None, (answer.server and f"Server: {answer.server}", answer.trace)))


def whose(answer: Answer) -> str:
    """Return a sentence about who gave a foreign answer; it begins with the status."""
    who = "a firewall, proxy or login page" if answer.status < 300 else "a firewall or proxy"
    named = who_answered(answer)
    return f"{answer.status} from {who}{f' ({named})' if named else ''}, not from the API"
