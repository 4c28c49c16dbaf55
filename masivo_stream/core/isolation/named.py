"""Read in a server's complaint which entries of the batch it names.

A hint, never a verdict: that is the status code's. What is named is tested before anything follows from it, so a wrong
name costs a request. No page of the vendor's shows how `details` names a culprit, if at all; so the forms are those of
the validators that are common behind such APIs, the surest kind that is there:

1. a path into the body: `customers[17].email` (Spring, our sandbox), `customers.17.email` (Laravel),
   `/customers/17/email` (Ajv; JSON Pointer, RFC 6901), `$['customers'][17]` (JSONPath, RFC 9535),
   `["customers", 17, "email"]` (Zod, pydantic);
2. an index said to be one: `"index": 17`, `at index 17`, `"position": 17`; a path into the list of customers itself,
   `[17].email`, `/17/email`, `[17,"email"]`;
3. the name of a member: `{"17": "exists"}`, an id if a customer has it, else an index;
4. a customer's id, as a whole token. One that could be any number or word (`255`, `email`) counts only where it is said
   to be an id: "at most 255 characters" accuses nobody.

Untrusted text: of bounded length, read once for each form and once for each id.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.model.results import Entry

LONGEST_DETAILS = 1024
"""Characters looked at; what is kept of an answer is cut there, too."""

_PATHS = re.compile(
    r"""(?<![0-9a-z_])customers(?:
        (?:\\?["']\])?\[[ ]?([0-9]{1,4})[ ]?\]    # customers[17]   ['customers'][17]
      | [./]([0-9]{1,4})(?![0-9a-z_])             # customers.17    /customers/17
      | \\?["'],\s?([0-9]{1,4})(?![0-9])          # ["customers", 17]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_INDEXES = re.compile(
    r"""(?<![0-9a-z])(?:index|idx|position)\\?["']?\s?[:=\#]?\s?([0-9]{1,4})(?![0-9a-z_])""", re.IGNORECASE | re.VERBOSE
)
_ROOTED = re.compile(
    r"""(?<![0-9a-z_\])/.])(?:
        \[([0-9]{1,4})\][.\[/]?[a-z_'"]         # [17].email
      | \#?/([0-9]{1,4})/[a-z_]                 # /17/email
      | \[([0-9]{1,4}),\s?\\?["']             # [17, "email"]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_MEMBERS = re.compile(r"""[{,]\s?\\?"([0-9]{1,19})(?:\.[^"\\]{0,64})?\\?"\s?:""")
_KEY = re.compile(
    r"""(?:(?<![0-9a-z])id|customer(?:[ _]?id)?)\\?["']?\s?[:=\#]?\s?[\\"'`\u201c\u2018\xab]{0,2}\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_KEY = 24
_NUMBER = re.compile(r"[0-9.,:+-]*\Z")
_SHORT = 3
_TAKEN = "\0"


class NamedEntries(Struct, frozen=True):
    """Entries that a refusal names, in the order of the batch."""

    entries: Sequence[Entry] = ()
    surely: bool = False
    """By a path or an id: a mere index may be one inside a record."""


def find_named(details: str, groups: Sequence[Sequence[Entry]]) -> NamedEntries:
    """Return what `details` names.

    `groups` are the entries behind each position of the body's `customers`.
    """
    text, cut = details[:LONGEST_DETAILS], len(details) >= LONGEST_DETAILS
    for form in (_PATHS, _INDEXES, _ROOTED):
        named = {number for number in _numbers(form, text, cut=cut) if number < len(groups)}
        if named:
            return NamedEntries([entry for number in sorted(named) for entry in groups[number]], form is _PATHS)
    if members := _MEMBERS.findall(text):
        by_id = [entry for group in groups for entry in group if entry.customer in members]
        numbers = sorted({int(name) for name in members if int(name) < len(groups)})
        if meant := by_id or [entry for number in numbers for entry in groups[number]]:
            return NamedEntries(meant)
    ids = _ids(text, {entry.customer for group in groups for entry in group}, cut=cut)
    return NamedEntries([entry for group in groups for entry in group if entry.customer in ids], surely=True)


def _numbers(form: re.Pattern[str], text: str, *, cut: bool) -> Iterator[int]:
    for found in form.finditer(text):
        if not (cut and found.end() == len(text) and text[-1].isdigit()):  # else the number may go on
            yield next(int(digits) for digits in found.groups() if digits is not None)


def _ids(text: str, ids: Iterable[str], *, cut: bool) -> set[str]:
    """Return those of `ids` that stand in `text`, the longest first: what is part of one of them is no other."""
    named = set[str]()
    for name in sorted(filter(None, ids), key=lambda name: (-len(name), name)):
        for spelt in {name, _escape(name)}:
            start = text.find(spelt)
            while start >= 0:
                end = start + len(spelt)
                if _is_token(text, start, end) and _is_told_apart(text, start, name) and not (cut and end == len(text)):
                    named.add(name)
                    text = text[:start] + _TAKEN * len(spelt) + text[end:]
                start = text.find(spelt, end)
    return named


def _escape(name: str) -> str:
    """Return `name` as JSON writes it."""
    return json.dumps(name, ensure_ascii=False)[1:-1]


def _is_token(text: str, start: int, end: int) -> bool:
    """Tell whether nothing that could belong to an id stands on either side. A full stop may end the sentence."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if after in {".", ":", "/"}:
        after = text[end + 1 : end + 2]
    return not (_belongs(before) or before == "." or _belongs(after))


def _belongs(character: str) -> bool:
    return character.isalnum() or character in {"_", "-", "@", "+"}


def _is_told_apart(text: str, start: int, name: str) -> bool:
    """Tell whether `name` can only be the id: it looks like one, or is said to be one."""
    common = len(name) < _SHORT or name.isalpha() or _NUMBER.match(name) is not None
    return not common or _KEY.search(text[max(0, start - _LONGEST_KEY) : start]) is not None
