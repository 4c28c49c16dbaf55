"""What `mend` proposes for a cause fits the cause."""

import pytest

from masivo_stream.core.mending.field_path import known_paths
from masivo_stream.core.mending.ways import BY_HAND, EXAMPLES, ways_of
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, TransactionsRecord

SCHEMAS = {
    Kind.CUSTOMERS: CustomerRecord,
    Kind.EVENTS: EventsRecord[Order],
    Kind.TRANSACTIONS: TransactionsRecord,
}


@pytest.mark.parametrize(
    ("kind", "reason", "field", "first"),
    [
        (Kind.CUSTOMERS, Reason.INVALID_VALUE, "registration_date", "--zone Z"),
        (Kind.CUSTOMERS, Reason.INVALID_VALUE, "metrics.lifetime.from", "--zone Z"),
        (Kind.EVENTS, Reason.INVALID_VALUE, "events[].issued_at", "--zone Z"),
        (Kind.TRANSACTIONS, Reason.INVALID_VALUE, "transactions[].issued_at", "--zone Z"),
        (Kind.CUSTOMERS, Reason.MISSING_FIELD, "registration_date", "--set VALUE"),
        (Kind.CUSTOMERS, Reason.INVALID_VALUE, "gender", "--map OLD=NEW"),
        (Kind.CUSTOMERS, Reason.WRONG_TYPE, "gender", "--map OLD=NEW"),
        (Kind.CUSTOMERS, Reason.WRONG_TYPE, "registration_date", "--set VALUE"),
        (Kind.CUSTOMERS, Reason.MISSING_FIELD, "email", "--copy FIELD"),
        (Kind.CUSTOMERS, Reason.INVALID_VALUE, "email", "--csv corrections.csv"),
        (Kind.CUSTOMERS, Reason.DUPLICATE_EMAIL, "email", "--csv corrections.csv"),
        (Kind.EVENTS, Reason.SENT_BEFORE, "events[].order.purchase_id", '--give-up "why"'),
        (Kind.EVENTS, Reason.CUSTOMER_NOT_MIGRATED, "id", '--give-up "why"'),
        (Kind.CUSTOMERS, Reason.WRONG_TYPE, "id", "--convert"),
        (Kind.EVENTS, Reason.WRONG_TYPE, "events[].order.value", "--convert"),
        (Kind.EVENTS, Reason.UNKNOWN_FIELD, "events[].oder", "--rename NAME"),
        (Kind.EVENTS, Reason.REFUSED, "", "--csv corrections.csv"),
        (Kind.CUSTOMERS, "a reason of a later version", "name", "--set VALUE"),
        (Kind.CUSTOMERS, Reason.INVALID_VALUE, "…", "--set VALUE"),
    ],
)
def test_the_likeliest_way_comes_first(kind, reason, field, first):
    """A date wants a zone, a wrong type a conversion, one of few words a mapping; every cause can be given up."""
    ways = ways_of((reason, field, ""), SCHEMAS[kind])
    assert ways[0] == first
    assert '--give-up "why"' in ways


@pytest.mark.parametrize("reason", Reason)
def test_a_field_that_is_unique_is_not_set_to_one_value(reason):
    """All of the cause would have the same id or email, and be refused as duplicates."""
    ways = [way for field in ("id", "email") for way in ways_of((reason, field, ""), CustomerRecord)]
    assert {"--set VALUE", "--map OLD=NEW"}.isdisjoint(ways)


@pytest.mark.parametrize("reason", sorted(BY_HAND))
def test_a_line_that_is_no_record_has_no_field_to_correct(reason):
    """What a flag would do to it changes nothing."""
    assert ways_of((reason, "", ""), CustomerRecord) == ('--give-up "why"',)


@pytest.mark.parametrize("kind", Kind)
def test_the_example_of_a_kind_is_a_field_of_it(kind):
    """Whoever pastes it gets no second error."""
    assert EXAMPLES[kind] in known_paths(SCHEMAS[kind])
