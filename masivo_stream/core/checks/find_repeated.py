"""Find customers whose id or email came before, in the notes of one part: what all other checks depend on.

A record whose id came before is not sent. So its email takes part in no comparison, which is only known when all parts
have been looked at for ids: an email and its customer are in different parts. A customer whose email came before is a
dead letter, and what belongs to that customer waits. So ids are looked at first, then emails, then all other things.
"""

from array import array
from collections.abc import Iterator

from masivo_stream.core.checks.choose_notes import ALL_NOTES, NoteChooser
from masivo_stream.core.checks.find import FirstOfEach, Notes, Suspicion
from masivo_stream.core.checks.note_format import TAG_MASK, Lines, Tag
from masivo_stream.model.findings import CheckName

_OF_CUSTOMERS = frozenset({Tag.CUSTOMER.value, Tag.CUSTOMER_BARE.value})
_OF_OTHERS = frozenset({Tag.EVENTS.value, Tag.TRANSACTIONS.value})


def repeated_ids(words: "array[int]", chooser: NoteChooser = ALL_NOTES) -> Iterator[int]:
    """Yield source and line, in one number, of each record whose customer came before."""
    chosen = chooser.repeated(words, Tag.CUSTOMER, Tag.CUSTOMER_BARE) if chooser.chooses else None
    if chosen == []:
        return
    notes, seen = Notes(words), set[int]()
    for index, key, tag, _ in notes.rows(chosen):
        if tag & TAG_MASK in _OF_CUSTOMERS:
            if key in seen:
                yield notes.wheres[index]
            seen.add(key)


def count_customers(words: "array[int]", chooser: NoteChooser = ALL_NOTES) -> int:
    """Return how many different customers have a valid line of events or transactions."""
    if chooser.chooses:
        return chooser.count(words, Tag.EVENTS, Tag.TRANSACTIONS)
    notes = Notes(words)
    return len({key for key, tag in zip(notes.keys, notes.tags, strict=True) if tag & TAG_MASK in _OF_OTHERS})


def find_emails(words: "array[int]", repeated: Lines, chooser: NoteChooser = ALL_NOTES) -> list[Suspicion]:
    """Return which emails may have come before, but for `repeated` records."""
    chosen = chooser.repeated(words, Tag.EMAIL, Tag.EMAIL) if chooser.chooses else None
    found: list[Suspicion] = []
    if chosen == []:
        return found
    notes, seen = Notes(words), FirstOfEach()
    again = notes.repeated(Tag.EMAIL)
    for index, key, tag, value in notes.rows(chosen) if again else ():
        if tag == Tag.EMAIL and key in again and not (repeated and notes.wheres[index] in repeated):
            before = seen.note(key, value, index)
            if before is not None:
                check = CheckName.DUPLICATE_EMAIL if before[1] else CheckName.EMAIL_CASE
                found.append(Suspicion(check, notes.place(index), (notes.place(before[0]),)))
    return found
