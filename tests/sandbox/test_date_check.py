import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from sandbox import made

from masivo_stream.core.reading.schema_faults import problems
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, TransactionsRecord
from masivo_stream.sandbox.date_check import date_check

period = {"from": made.DATE, "to": made.DATE, "last_visit": made.DATE, "last_session": made.DATE}
records = [
    (
        CustomerRecord,
        made.customer(
            "c",
            dob=made.DATE,
            metrics={"lifetime": period, "this_year": period, "updated_at": made.DATE},
            balance=[{"amount": 1, "reward_id": made.REWARD, "issued_at": made.DATE, "expiration_date": made.DATE}],
            devices=[{"device_token": "t", "device_info": {}, "expires_at": made.DATE, "created_at": made.DATE}],
        ),
    ),
    (EventsRecord[Order], {"id": "c", "events": [made.event("p", resolved_at=made.DATE), made.event("q")]}),
    (
        TransactionsRecord,
        {"id": "c", "transactions": [made.transaction(5, resolved_at=made.DATE), made.transaction(-5)]},
    ),
]
spellings = st.sampled_from(
    [
        made.DATE,
        "2025-05-07T05:31:56.5+02:00",
        "2025-05-07 05:31:56Z",
        "2025-05-07T05:31:56+0000",
        "2025-05-07T05:31:56z",
    ]
)


@given(st.sampled_from(records), st.data())
def test_the_quick_check_agrees_with_the_exact_one(record, data):
    """For any misspelt dates of a record, this check and `core.reading.schema_faults` agree."""
    schema, entry = record
    pieces = json.dumps(entry).split(made.DATE)
    text = "".join(piece + data.draw(spellings) for piece in pieces[:-1]) + pieces[-1]
    value = msgspec.json.decode(text)
    assert date_check(schema)(value) == (problems(schema, value) == [])


def test_a_schema_without_dates_passes_everything():
    """A schema without dates has nothing to check."""
    assert date_check(dict[str, int])({"a": 1})
