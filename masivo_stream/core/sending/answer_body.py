"""Read the body of an answer: what kind of body it is, and the words of a refusal.

The bytes decide, not the `Content-Type`: login pages come without one or as JSON, and JSON comes as `text/html`, PHP's
default. The documented refusal is `{"error", "details"}`. Gateways and frameworks in front of the API have other
shapes: problem details (RFC 9457), a list at the top, `{"errors": [...]}` (JSON:API), `{"message"}` (Laravel, AWS),
`{"detail": [...]}` (FastAPI), `{"error": {"message"}}` (Google).

Any bytes have a kind. The words are untrusted text of any length: the caller caps them.
"""

import codecs
import json
from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from masivo_stream.model.attempt import Body

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
        match _value(_text(body)):
            case str(sentence):
                return Words(_encode(sentence))
            case dict(members):
                return _words(members)
            case list(entries) if entries:
                return Words("", _encode(entries))
            case _:
                return Words()
    except RecursionError:  # not too deep for the reader, but for the writer
        return Words()


_UNREADABLE = object()


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _members(text: str) -> Mapping[str, str] | None:
    """Return the members of a JSON object, each value as JSON text; None if the text is not an object."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Raw])
    except (ValueError, RecursionError):
        value = _value(text)
        return {name: _encode(member) for name, member in value.items()} if isinstance(value, dict) else None
    return {name: bytes(raw).decode("utf-8", "replace") for name, raw in found.items()}


def _value(text: str) -> object:
    """Decode JSON, also with lone surrogates and NaN, which only the standard library accepts."""
    try:
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
