import pytest

from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.results import Entry, reject_entry

PART = Entry(
    file="f",
    line=4,
    offset=90,
    length=500,
    body=b'{"id":"c","events":[1,2]}',
    customer="c",
    items=2,
    record_items=7,
    indexes=(3, 5),
)


def test_a_rejected_part_names_its_items():
    """The dead letter of a part has the record's position, what was to be sent, and which items these were."""
    letter = reject_entry(PART, Reason.REFUSED, "no", status=422, batch="b1")
    assert (letter.file, letter.line, letter.offset, letter.length) == ("f", 4, 90, 500)
    assert (letter.raw, letter.items, letter.item_count) == (PART.body, (3, 5), 2)
    assert (letter.reason, letter.message, letter.status, letter.batch) == (Reason.REFUSED, "no", 422, "b1")


def test_a_rejection_may_name_fewer_items():
    """If the caller knows which item is faulty, that one is named."""
    assert reject_entry(PART, Reason.TOO_LARGE, "no", items=(5,)).items == (5,)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy(reason):
    """Every message about a fault comes with what to do."""
    assert REMEDIES[reason]
