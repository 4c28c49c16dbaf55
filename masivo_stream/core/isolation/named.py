"""Find out which entries of a batch the words of a refusal name.

A name is a hint: only the status decides that a batch is refused, and named entries are tested before anything follows
from the name. So a wrong name costs a request. No page of the vendor's shows whether and how `details` names a culprit.
So the forms below are those of the validators that are common behind such APIs. The surest form that occurs counts:

1. a path into the body: `customers[17].email` (Spring, our sandbox), `customers.17.email` (Laravel),
   `/customers/17/email` (Ajv; JSON Pointer, RFC 6901), `$['customers'][17]` (JSONPath, RFC 9535),
   `["customers", 17, "email"]` (Zod, pydantic);
2. a number that is called an index: `"index": 17`, `at index 17`, `"position": 17`; or a path that begins in the list
   of customers, `[17].email`, `/17/email`, `[17,"email"]`;
3. the name of a member: `{"17": "exists"}`; it is an id if a customer has that id, otherwise an index;
4. a customer's id, as a whole token. An id that could be any number or word (`255`, `email`) counts only if it is
   called an id: "at most 255 characters" names no customer.

The text is untrusted: its length is bounded, and it is read once for each form and once for each id.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile

from msgspec import Struct

from masivo_stream.core.reading.schema_faults import Path, spell
from masivo_stream.model.attempt import NamedFault
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import MOST_FAULTS, Entry, RecordFault

LONGEST_DETAILS = 1024
"""Characters that are read; answers are kept up to the same length."""

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
_WITHOUT_WORDS = "refused, without a message"


class NamedEntries(Struct, frozen=True):
    """Entries that a refusal names, in the order of the batch."""

    entries: Sequence[Entry] = ()
    surely: bool = False
    """Named by a path or an id. A mere index may be one inside a record."""


def find_named(details: str, groups: Sequence[Sequence[Entry]]) -> NamedEntries:
    """Return the entries that `details` names.

    `groups` are the entries behind each position in the body's list `customers` (`model.batch.body_groups`).
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


class FaultsOfEntry(Struct, frozen=True):
    """What a refusal says about one entry."""

    listed: tuple[RecordFault, ...] = ()
    """At most `MOST_FAULTS`."""
    left_out: int = 0
    """Further ones."""


def faults_of(
    entry: Entry, faults: Sequence[NamedFault], groups: Sequence[Sequence[Entry]], item_field: str | None
) -> FaultsOfEntry:
    """Return those of `faults` that concern an entry; `groups` are as for `find_named`.

    The paths are those of the record in its export: if an entry has only some items of it, they keep their indexes.
    """
    found: dict[RecordFault, None] = {}
    for number, group in enumerate(groups):
        if any(each is entry for each in group):
            items_before = sum(each.items for each in takewhile(lambda each: each is not entry, group))
            for fault in faults:
                path = _in_record(fault.path, entry, items_before, item_field) if fault.index == number else None
                if path is not None:
                    found[RecordFault(Reason.REFUSED, spell(path), fault.message or _WITHOUT_WORDS)] = None
    return FaultsOfEntry(tuple(islice(found, MOST_FAULTS)), max(0, len(found) - MOST_FAULTS))


def _in_record(path: Path, entry: Entry, items_before: int, item_field: str | None) -> Path | None:
    """Return the path in the record for one in the body; None if it leads into an item of another entry.

    `items_before`: items in the same list that belong to other entries before this one.
    """
    match path:
        case (field, int(index), *rest) if field == item_field:
            own = index - items_before
            if not 0 <= own < entry.items:
                return None
            return (field, own if entry.indexes is None else entry.indexes[own], *rest)
        case _:
            return path


def _numbers(form: re.Pattern[str], text: str, *, cut: bool) -> Iterator[int]:
    for found in form.finditer(text):
        if not (
            cut and found.end() == len(text) and text[-1].isdigit()
        ):  # otherwise the text may be cut inside the number
            yield next(int(digits) for digits in found.groups() if digits is not None)


def _ids(text: str, ids: Iterable[str], *, cut: bool) -> set[str]:
    """Return those of `ids` that occur in `text`.

    Longer ids come first and are blanked out once found, so that no id is found inside another one.
    """
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
    """Return `name` as it is written inside a JSON string."""
    return json.dumps(name, ensure_ascii=False)[1:-1]


def _is_token(text: str, start: int, end: int) -> bool:
    """Return whether no character that could belong to an id is on either side. A full stop may end the sentence."""
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if after in {".", ":", "/"}:
        after = text[end + 1 : end + 2]
    return not (_belongs(before) or before == "." or _belongs(after))


def _belongs(character: str) -> bool:
    return character.isalnum() or character in {"_", "-", "@", "+"}


def _is_told_apart(text: str, start: int, name: str) -> bool:
    """Return whether `name` can only be an id: it looks like one, or the text calls it one."""
    common = len(name) < _SHORT or name.isalpha() or _NUMBER.match(name) is not None
    return not common or _KEY.search(text[max(0, start - _LONGEST_KEY) : start]) is not None
