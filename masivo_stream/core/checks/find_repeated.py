"""Find customers whose id or email came before, in the notes of one part: what all other checks depend on.

A record whose id came before is not sent. So its email takes part in no comparison, which is only known when all parts
have been looked at for ids: an email and its customer are in different parts. A customer whose email came before is a
dead letter, and what belongs to that customer waits. So ids are looked at first, then emails, then all other things.
"""

from array import array
from collections.abc import Iterator

from masivo_stream.core.checks.find import FirstOfEach, Notes, Suspicion
from masivo_stream.core.checks.note_format import TAG_MASK, Lines, Tag
from masivo_stream.model.findings import CheckName

_OF_CUSTOMERS = frozenset({Tag.CUSTOMER.value, Tag.CUSTOMER_BARE.value})
_OF_OTHERS = frozenset({Tag.EVENTS.value, Tag.TRANSACTIONS.value})


def repeated_ids(words: "array[int]") -> Iterator[int]:
    """Yield source and line, in one number, of each record whose customer came before."""
    notes, seen = Notes(words), set[int]()
    for index, (key, tag) in enumerate(zip(notes.keys, notes.tags, strict=True)):
        if tag & TAG_MASK in _OF_CUSTOMERS:
            if key in seen:
                yield notes.wheres[index]
            seen.add(key)


def count_customers(words: "array[int]") -> int:
    """Return how many different customers have a valid line of events or transactions."""
    notes = Notes(words)
    return len({key for key, tag in zip(notes.keys, notes.tags, strict=True) if tag & TAG_MASK in _OF_OTHERS})


def find_emails(words: "array[int]", repeated: Lines) -> list[Suspicion]:
    """Return which emails may have come before, but for `repeated` records."""
    notes, seen = Notes(words), FirstOfEach()
    found: list[Suspicion] = []
    again = notes.repeated(Tag.EMAIL)
    if not again:
        return found
    for index, (key, tag) in enumerate(zip(notes.keys, notes.tags, strict=True)):
        if tag == Tag.EMAIL and key in again and not (repeated and notes.wheres[index] in repeated):
            before = seen.note(key, notes.values[index], index)
            if before is not None:
                check = CheckName.DUPLICATE_EMAIL if before[1] else CheckName.EMAIL_CASE
                found.append(Suspicion(check, notes.place(index), (notes.place(before[0]),)))
    return found
