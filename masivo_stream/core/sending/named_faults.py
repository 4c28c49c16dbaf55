"""Find what a refusal says about single fields: the path of each, and the words about it.

No page of the vendor's shows whether `details` names one fault or several. These are the forms of validators that are
common behind such APIs. Only paths that begin in the body's list `customers` count:

1. an object with a path and a message: `{"path": "customers[0].email", "message": "…"}` (Spring, problem details),
   `{"loc": ["body", "customers", 0, "email"], "msg": "…"}` (pydantic, Zod), `{"instancePath": "/customers/0/email"}`
   (Ajv), `{"source": {"pointer": "/customers/0/email"}, "detail": "…"}` (JSON:API);
2. a path as the name of a member: `{"customers.0.email": ["…", "…"]}` (Laravel, ASP.NET);
3. paths in a text: `customers[0].email: …; customers[0].name: …` (our sandbox).

The body is untrusted: what is read of it is bounded.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from masivo_stream.model.attempt import NamedFault

MOST_NAMED_FAULTS = 1000
"""Faults that are read of one answer."""

LONGEST_MESSAGE = 300
"""Characters of the message of one fault."""

_PATH_MEMBERS = (
    *("path", "field", "loc", "location", "pointer", "instancepath", "instance_path", "property", "propertypath"),
    *("property_path", "datapath", "param", "source", "name", "key"),
)
_MESSAGE_MEMBERS = (
    *("message", "msg", "detail", "description", "defaultmessage", "errormessage", "error", "reason", "title"),
    *("messages", "errors"),
)
_DEEPEST = 12

_WHOLE_PATH = re.compile(r"""[#$/.\['"]*(?:(?:body|data|request)[/.\]'"\[]*)?customers[\w/.\[\]'" -]*""", re.IGNORECASE)
_STEP = re.compile(r"[^\W\d]\w*|[0-9]{1,6}")
_PATH_IN_TEXT = re.compile(
    r"(?<![\w.])customers(?:\[[0-9]{1,4}\]|[./][0-9]{1,4}(?![0-9]))(?:\[[0-9]{1,6}\]|[./]\w{1,64})*", re.IGNORECASE
)
_AROUND = " \t\r\n:;,.|*-\u2013\u2014\u2022"

_Place = tuple[int, tuple[str | int, ...]]
"""An index in `customers`, and the path from there."""


def find_named_faults(value: object) -> tuple[NamedFault, ...]:
    """Return the faults that the decoded body of a refusal names by a path, in its order."""
    return tuple(dict.fromkeys(islice(_find(value, 0), MOST_NAMED_FAULTS)))


def _find(value: object, depth: int) -> Iterator[NamedFault]:
    if depth > _DEEPEST:
        return
    match value:
        case str(text):
            yield from _in_text(text)
        case list(members):
            for member in members:
                yield from _find(member, depth + 1)
        case dict(members):
            yield from _in_object(members, depth)


def _in_object(members: dict[str, object], depth: int) -> Iterator[NamedFault]:
    named = {name.casefold(): member for name, member in members.items()}
    # 1. The object is about one path.
    for name in _PATH_MEMBERS:
        place = _read_place(named.get(name))
        if place is not None:
            found = (_messages(named[each], depth) for each in _MESSAGE_MEMBERS if each in named)
            yield from _faults(place, next(filter(None, found), [""]))
            return
    # 2. The names of its members are paths, or something is further down.
    for name, member in members.items():
        place = _read_place(name)
        if place is not None:
            yield from _faults(place, _messages(member, depth) or [""])
        else:
            yield from _find(member, depth + 1)


def _in_text(text: str) -> Iterator[NamedFault]:
    found = list(islice(_PATH_IN_TEXT.finditer(text), MOST_NAMED_FAULTS))
    ends = [*(match.start() for match in found), len(text)]
    for match, (_, end) in zip(found, pairwise(ends), strict=True):
        place = _read_place(match[0])
        message = text[match.end() : end].strip(_AROUND)
        if place is not None:
            yield from _faults(place, [message or text[: found[0].start()].strip(_AROUND)])


def _faults(place: _Place, messages: list[str]) -> Iterator[NamedFault]:
    index, path = place
    for message in messages:
        if path or message:  # otherwise it only says that something is wrong with the record
            yield NamedFault(index, path, message[:LONGEST_MESSAGE])


def _messages(value: object, depth: int) -> list[str]:
    """Return the messages in a member: a text, a list of texts, or an object that has one."""
    if depth > _DEEPEST:
        return []
    match value:
        case str(text):
            return [text.strip()]
        case list(members):
            return [message for member in members for message in _messages(member, depth + 1)]
        case dict(members):
            named = {name.casefold(): member for name, member in members.items()}
            found = (_messages(named[each], depth + 1) for each in _MESSAGE_MEMBERS if each in named)
            return next(filter(None, found), [])
        case _:
            return []


def _read_place(path: object) -> _Place | None:
    """Return the place that a path leads to, spelled in any of the usual ways; None if it does not begin as above."""
    match path:
        case str(text) if _WHOLE_PATH.fullmatch(text):
            steps = _STEP.findall(text)
        case list(members) if all(isinstance(member, str | int) for member in members):
            steps = [str(member) for member in members]
        case {"pointer": str(text)} if _WHOLE_PATH.fullmatch(text):
            steps = _STEP.findall(text)
        case _:
            return None
    begin = next((number for number, step in enumerate(steps[:3]) if step.casefold() == "customers"), None)
    if begin is None or len(steps) < begin + 2 or not _is_index(steps[begin + 1]):
        return None
    rest = tuple(int(step) if _is_index(step) else step for step in steps[begin + 2 :])
    return int(steps[begin + 1]), rest


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= 6  # noqa: PLR2004 - more than any list in a body has
