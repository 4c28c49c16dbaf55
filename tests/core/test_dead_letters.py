import json

import msgspec
import pytest
from core.made import as_bytes, decoder, events, transactions, valid
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.dead_letters import (
    read_dead_letter,
    read_retry,
    validate_retry,
    write_dead_letter,
    write_retry,
    write_taken_back,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import DeadLetterNote
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Line, Rejected, Skipped

AT = "2026-01-01T00:00:00.000Z"


def rejected(raw, **changes):
    fields = {"file": "e.ndjson", "line": 7, "offset": 700, "length": len(raw), "reason": Reason.REFUSED}
    return Rejected(**(fields | {"field": "", "message": "no", "raw": raw, "item_count": 2} | changes))


def dead(letter, *, whole=True, validated=False, items=None):
    return DeadLetterNote(
        source=0,
        line=letter.line,
        indexes=items,
        reason=letter.reason,
        customer=5,
        items=letter.item_count,
        whole=whole,
        validated=validated,
        row=3,
    )


def tried_again(kind, letter, *, body=None, mended=False, **row):
    """Write a dead letter, correct it or not, and validate what a retry reads."""
    line = write_dead_letter(kind, letter, AT)
    if body is not None:
        fields = json.loads(line)
        fields.pop("raw_base64", None)
        line, mended = json.dumps({**fields, "raw": body.decode()}).encode(), True
    copied = write_retry(read_dead_letter(line), dead(letter, **row), mended=mended).removesuffix(b"\n")
    return validate_retry(decoder(kind), Line(1, 0, copied, len(copied)), "retry-1.ndjson", 4)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_corrected_record_is_an_entry_with_its_position_in_the_export(kind):
    """Byte for byte what the person wrote, read from the copy's line, shown with the export's line."""
    body = as_bytes(valid(kind))
    entry = tried_again(kind, rejected(b"{", reason=Reason.INVALID_JSON), body=body, validated=True)
    assert isinstance(entry, Entry)
    assert (entry.body, entry.source, entry.line, entry.record) == (body, 4, 1, ("e.ndjson", 7))
    assert (entry.retried.row, entry.retried.customer, entry.whole) == (3, 5, True)
    assert [death.reason for death in entry.retried.earlier] == ["invalid_json"]


def test_an_uncorrected_record_is_a_dead_letter_again_with_its_history():
    """For the same reason; the new dead letter names the place in the export, and the earlier reasons."""
    died = tried_again(Kind.EVENTS, rejected(b"[1]", reason=Reason.WRONG_TYPE), validated=True)
    letter = json.loads(write_dead_letter(Kind.EVENTS, died, AT))
    assert (letter["file"], letter["line"], letter["offset"], letter["reason"]) == ("e.ndjson", 7, 700, "wrong_type")
    assert [earlier["reason"] for earlier in letter["earlier"]] == ["wrong_type"]
    assert list(letter)[-3:] == ["raw", "earlier", "faults"]


@pytest.mark.parametrize("reason", [Reason.DUPLICATE_ID, Reason.DUPLICATE_EMAIL, Reason.DISCARDED])
@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
def test_an_uncorrected_record_that_might_be_applied_twice_is_not_sent(kind, reason):
    """Although valid: the other record, or the lost attempt, may have arrived. Corrected, it is a record of its own."""
    body = as_bytes(valid(kind))
    died = tried_again(kind, rejected(body, reason=reason))
    assert isinstance(died, Rejected)
    assert (died.reason, died.raw, died.retried.customer) == (reason, body, 5)
    assert isinstance(tried_again(kind, rejected(body, reason=reason), body=body + b" "), Entry)


def test_a_refused_record_is_sent_again_unchanged():
    """The cause may be gone."""
    assert isinstance(tried_again(Kind.EVENTS, rejected(as_bytes(events()))), Entry)


def test_a_line_with_only_its_beginning_kept_is_still_too_long():
    """Not another reason, which its cut beginning would give."""
    died = tried_again(Kind.EVENTS, rejected(b'{"id":"c', reason=Reason.TOO_LONG, length=99_999), validated=True)
    assert died.reason is Reason.TOO_LONG
    assert isinstance(
        tried_again(Kind.EVENTS, rejected(b"{", reason=Reason.TOO_LONG), body=as_bytes(events()), validated=True), Entry
    )


@pytest.mark.parametrize("body", [b"", b"  ", b"\n"])
def test_an_emptied_dead_letter_is_still_a_dead_letter(body):
    """A record that was not blank is never reported as blank."""
    died = tried_again(Kind.TRANSACTIONS, rejected(as_bytes(transactions())), body=body)
    assert isinstance(died, Rejected)
    assert died.reason is Reason.REFUSED


def test_a_record_corrected_to_be_skipped_keeps_its_position():
    """The person who corrected it has reversed the event."""
    reversed_event = {**events()["events"][0], "status": "REVERSED"}
    skipped = tried_again(Kind.EVENTS, rejected(b"{}"), body=as_bytes({"id": "c", "events": [reversed_event]}))
    assert isinstance(skipped, Skipped)
    assert skipped.retried.row == 3


@given(raw=st.binary(max_size=100))
def test_the_copy_keeps_every_byte(raw):
    """Whatever the record is."""
    letter = rejected(raw)
    copied = write_retry(read_dead_letter(write_dead_letter(Kind.EVENTS, letter, AT)), dead(letter), mended=False)
    body, retried = read_retry(copied)
    assert (body, retried.file, retried.line) == (raw, "e.ndjson", 7)
    assert copied.count(b"\n") == 1


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6, unique=True).map(sorted), st.data())
def test_items_have_the_numbers_of_the_export(own, data):
    """A part of a part names the export's items; for items that a person added, all of the dead letter's are named."""
    letter = rejected(as_bytes(events()), items=tuple(own))
    entry = tried_again(Kind.EVENTS, letter, whole=False, items=tuple(own))
    assert not entry.whole
    some = data.draw(st.lists(st.integers(0, len(own) - 1), min_size=1, unique=True).map(sorted))
    assert entry.retried.name_items(tuple(some)) == tuple(own[index] for index in some)
    assert entry.retried.name_items((len(own) + 3,)) == tuple(own)
    assert entry.retried.name_items(None) == tuple(own)


def taken_back(entry, *, held=False):
    """Return what is read of an entry that a revert took back."""
    line = write_taken_back(entry, at=AT, customer=5, held=held).removesuffix(b"\n")
    return validate_retry(decoder(Kind.EVENTS), Line(1, 0, line, len(line)), "taken-back-1.events.ndjson", 4)


def accepted(body, **changes):
    where = {"file": "e.ndjson", "line": 7, "offset": 700, "length": len(body), "source": 2}
    return Entry(**where, body=body, customer="c", items=1, record_items=1, **changes)


def test_a_reverted_record_is_an_entry_with_its_position_in_the_export():
    """Byte for byte what was sent, with its place in the export; it has no row in the journal."""
    body = as_bytes(events())
    entry = taken_back(accepted(body))
    assert (entry.body, entry.source, entry.record) == (body, 4, ("e.ndjson", 7))
    old = entry.retried
    assert (old.row, old.source, old.items, old.count, old.whole, old.validated) == (0, 2, None, 1, True, False)
    assert [death.reason for death in old.earlier] == ["taken_back"]


def test_a_reverted_part_names_its_items():
    """Also of a dead letter that a retry had sent: with the export's numbers."""
    part = accepted(as_bytes(events()), indexes=(4,))
    first = taken_back(msgspec.structs.replace(part, record_items=9))
    assert (first.retried.items, first.retried.whole, first.whole) == ((4,), False, False)
    second = taken_back(first)
    assert (second.retried.items, second.record, second.source) == ((4,), ("e.ndjson", 7), 4)
    assert [death.reason for death in second.retried.earlier] == ["taken_back", "taken_back"]


def test_a_record_of_another_runs_customer_is_held_back():
    """It stays a dead letter, and a retry that finds it unchanged sends it."""
    body = as_bytes(events())
    letter = taken_back(accepted(body), held=True)
    assert (letter.reason, letter.raw, letter.item_count) == (Reason.CUSTOMER_NOT_MIGRATED, body, 1)
    assert isinstance(tried_again(Kind.EVENTS, rejected(body, reason=letter.reason)), Entry)
