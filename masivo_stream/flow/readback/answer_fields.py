"""Compare the fields of a customer in the export with those of the same customer in the API's answer: names, no values.

`flow.readback.compare` finds what is wrong; this shows what is to be expected: which fields the account adds, does not
show, or writes in another form. Balance, metrics and devices are not compared here: they have a place of their own.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from masivo_stream.core.redact import printable
from masivo_stream.model.moments import read_moment

_ELSEWHERE = frozenset({"balance", "metrics", "devices"})
_MOST_NAMES = 20
_LONGEST_NAME = 40


class FieldNotes(Struct, frozen=True, kw_only=True):
    """Names of fields, in alphabetical order."""

    added: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class _Data(Struct):
    customer: dict[str, Raw]


class _AnswerWithFields(Struct):
    data: _Data


def compare_fields(body: bytes, answer: bytes) -> FieldNotes:
    """Compare an exported customer with the answer about it; an illegible answer gives no names."""
    try:
        sent = msgspec.json.decode(body, type=dict[str, Raw])
        there = msgspec.json.decode(answer, type=_AnswerWithFields).data.customer
    except (ValueError, RecursionError):
        return FieldNotes()
    sent = {name: value for name, value in sent.items() if name not in _ELSEWHERE and bytes(value) != b"null"}
    there = {name: value for name, value in there.items() if name not in _ELSEWHERE and bytes(value) != b"null"}
    both = sent.keys() & there.keys()
    return FieldNotes(
        added=_names(there.keys() - sent.keys()),
        absent=_names(sent.keys() - there.keys()),
        changed=_names({name for name in both if not _is_same(name, sent, there)}),
    )


def _is_same(name: str, sent: Mapping[str, Raw], there: Mapping[str, Raw]) -> bool:
    """Return whether two values are equal as JSON; dates are equal if they are the same moment."""
    try:
        one, other = (msgspec.json.decode(each[name]) for each in (sent, there))
    except (ValueError, RecursionError):
        return False
    if one == other:
        return True
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    moment = read_moment(one)
    return moment is not None and moment == read_moment(other)


def _names(found: set[str]) -> tuple[str, ...]:
    return tuple(printable(name)[:_LONGEST_NAME] for name in sorted(found)[:_MOST_NAMES])
